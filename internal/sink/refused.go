package sink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// A receiver that answers 400, 413, 415 or 422 refuses what it was sent, and
// would refuse it again. The batch is halved until one record stands alone. That
// one is sent refusalsMax times. Then the receiver must show that it takes other
// records: some that were sent meanwhile, or one of the next beyondMax. Only
// then the refused ones are dead letters: noted, told in the trail, and passed.
// While it takes nothing else it may be the receiver that is set up wrongly, and
// everything waits.
const (
	refusalsMax = 3
	beyondMax   = 10
)

// refusedError says that the receiver refuses what it was sent.
type refusedError struct{ status int }

func (e *refusedError) Error() string { return fmt.Sprintf("the receiver answered %d", e.status) }

// refusal is the record at which a trail stands.
type refusal struct {
	seq   int64
	tries int
	taken int64     // what the receiver had taken when it refused for the first time
	until time.Time // when it is sent again
}

// refusedUntil is until when a trail waits for a record that is refused.
func (f *Follower) refusedUntil(t sallyport.Trail) (until time.Time) {
	if r := f.refused[t.Org]; r != nil && r.seq > t.Done {
		until = r.until
	}
	return until
}

// alone notes that a record is refused which was sent alone.
func (f *Follower) alone(ctx context.Context, t sallyport.Trail, item Item, err *refusedError) (went bool, _ error) {
	r := f.refused[t.Org]
	if r == nil || r.seq != item.Seq {
		r = &refusal{seq: item.Seq, taken: f.taken}
		f.refused[t.Org] = r
	}
	r.until = f.o.Now().Add(backoff(r.tries))
	r.tries++
	f.save(ctx, r.tries, fmt.Errorf("record %d of %s: %w", item.Seq, t.Org, err), r.until)
	switch {
	case r.tries < refusalsMax:
		return false, nil
	case f.taken > r.taken:
		return true, f.bury(ctx, t, []Item{item}, item.Seq, err)
	}
	return f.beyond(ctx, t, item, err)
}

// beyond sends the records after a refused one, each alone, until one is taken.
func (f *Follower) beyond(ctx context.Context, t sallyport.Trail, item Item, why *refusedError) (went bool, _ error) {
	records, err := f.o.Store.Records(ctx, t.Org, item.Seq, beyondMax)
	if err != nil {
		return false, err
	}
	dead := []Item{item}
	for _, r := range records {
		next := itemOf(r)
		err := f.send(ctx, []Item{next})
		var refused *refusedError
		switch {
		case err == nil:
			return true, f.bury(ctx, t, dead, next.Seq, why)
		case !errors.As(err, &refused):
			return false, err
		}
		dead = append(dead, next)
	}
	return false, nil
}

// deadLetter is the action of the record that tells of a dead letter.
const deadLetter = "sink.dead_letter"

// bury passes over records that are refused, up to one that was taken.
func (f *Follower) bury(ctx context.Context, t sallyport.Trail, dead []Item, to int64, why *refusedError) error {
	var letters []sallyport.DeadLetter
	var told []sallyport.Record
	for _, item := range dead {
		l := sallyport.DeadLetter{
			Org: t.Org, Sink: f.cfg.Name, Seq: item.Seq, EventID: item.Record.EventID, Error: why.Error(), At: f.o.Now(),
		}
		letters = append(letters, l)
		if item.Record.Action != deadLetter { // or a receiver that refuses these makes more and more of them
			told = append(told, f.o.Event(t.Org, deadLetter, "sink/"+l.Sink, map[string]any{
				"seq": l.Seq, "event_id": l.EventID, "error": l.Error,
			}))
		}
	}
	if err := f.o.Store.BuryRecords(ctx, letters, t.Done, to, told); err != nil {
		return notElsewhere(err)
	}
	for _, l := range letters {
		f.o.Log.Error("the receiver refuses a record and takes others; the sink goes on without it",
			"sink", l.Sink, "organisation", l.Org, "seq", l.Seq, "event_id", l.EventID, "error", l.Error)
	}
	delete(f.refused, t.Org)
	f.save(ctx, f.failures, nil, time.Time{})
	return nil
}
