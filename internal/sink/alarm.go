package sink

import (
	"context"
	"time"

	"github.com/sallyport-ai/sallyport"
)

const (
	// behindMax is for how long a record may wait before the log and the
	// instance's trail are told.
	behindMax = time.Hour
	// lookEvery is how often that is looked at.
	lookEvery = time.Minute
)

// alarm is what was told of a sink that is behind.
type alarm struct {
	looked time.Time
	on     bool
}

// look tells when records have waited too long, and when they do not any more.
// Metrics tell it sooner to who asks them; this is for who does not.
func (f *Follower) look(ctx context.Context) {
	now := f.o.Now()
	if now.Sub(f.alarm.looked) < lookEvery {
		return
	}
	f.alarm.looked = now
	lag, err := f.o.Store.SinkLag(ctx, f.cfg.Name, f.cfg.Org)
	if err != nil || lag.Behind(now) >= behindMax == f.alarm.on {
		return // what is wrong with the database shows in the delivery
	}
	action := "sink.behind"
	if f.alarm.on {
		action = "sink.caught_up"
	}
	rec := f.o.Event(sallyport.InstanceOrg, action, "sink/"+f.cfg.Name, map[string]any{
		"records": lag.Records, "seconds": int64(lag.Behind(now).Seconds()),
	})
	if err := f.o.Store.AddRecord(ctx, sallyport.InstanceOrg, rec); err != nil {
		return // the next look tells
	}
	f.alarm.on = !f.alarm.on
	if f.alarm.on {
		f.o.Log.Error("the sink is behind", "sink", f.cfg.Name, "records", lag.Records, "oldest", lag.Oldest)
	}
}
