package sink

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/sallyport-ai/sallyport"
)

const (
	batchRecords = 500     // at most so many records in a batch
	batchBytes   = 4 << 20 // and, from the second on, so many bytes of them
	idlePoll     = time.Second
	heldPoll     = 5 * time.Second // while another process delivers
	holdTime     = 2 * time.Minute // longer than a batch can take
	sendTime     = 90 * time.Second
	backoffFirst = time.Second
	backoffMax   = 5 * time.Minute
	releaseTime  = 5 * time.Second
)

// Follower delivers the trail to one sink.
type Follower struct {
	cfg      Config
	o        Options
	to       receiver
	failures int // in a row

	size    int                          // records of the next batch; smaller while one is looked for that is refused
	taken   int64                        // batches that the receiver took
	refused map[sallyport.OrgID]*refusal // trails that begin with a record which it refuses
	alarm   alarm
}

// Run delivers until ctx ends. What is under way is given up then, and sent
// again by whoever comes next.
func (f *Follower) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if pause := f.turn(ctx); pause > 0 {
			f.o.Wait(ctx, pause)
		}
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	_, _ = f.o.Store.HoldSink(after, f.cfg.Name, f.o.Holder, 0) // another may begin at once
}

// turn sends at most one batch of each trail, and says how long to wait then.
func (f *Follower) turn(ctx context.Context) time.Duration {
	held, moved, err := f.deliver(ctx)
	if held && ctx.Err() == nil {
		f.look(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return 0
	case err != nil:
		return f.failed(ctx, err)
	case !held:
		return heldPoll
	}
	if moved && f.failures > 0 {
		f.o.Log.Info("the sink takes records again", "sink", f.cfg.Name, "failures", f.failures)
		f.failures = 0
		f.save(ctx, 0, nil, time.Time{})
	}
	if moved {
		return 0
	}
	return idlePoll
}

// deliver sends a batch of each trail that has grown. A trail whose next record
// is refused keeps no other waiting.
func (f *Follower) deliver(ctx context.Context) (held, moved bool, err error) {
	if held, err = f.hold(ctx); !held || err != nil {
		return held, false, err
	}
	trails, err := f.o.Store.SinkTrails(ctx, f.cfg.Name, f.cfg.Org)
	for _, t := range trails {
		if t.Head <= t.Done || f.refusedUntil(t).After(f.o.Now()) {
			continue
		}
		if held, err = f.hold(ctx); !held || err != nil {
			return held, moved, err
		}
		switch went, err := f.batch(ctx, t); {
		case err != nil:
			return true, moved, err
		case went:
			moved = true
		}
	}
	return true, moved, err
}

func (f *Follower) hold(ctx context.Context) (bool, error) {
	return f.o.Store.HoldSink(ctx, f.cfg.Name, f.o.Holder, holdTime)
}

// batch sends the next records of a trail and moves the cursor behind them. It
// says whether there is more to do at once.
func (f *Follower) batch(ctx context.Context, t sallyport.Trail) (went bool, err error) {
	most := f.size
	if f.refused[t.Org] != nil {
		most = 1
	}
	records, err := f.o.Store.Records(ctx, t.Org, t.Done, most)
	if err != nil || len(records) == 0 {
		return false, err
	}
	if gap := records[0].Seq - t.Done - 1; gap > 0 {
		// The instance's own trail keeps its newest records only, and a sink that
		// is new finds those removed that retention took before it was there.
		f.o.Log.Warn("records were deleted before the sink got them", "sink", f.cfg.Name, "organisation", t.Org, "records", gap)
	}
	batch, size := make([]Item, 0, len(records)), 0
	for _, r := range records {
		if size += len(r.Body); size > batchBytes && len(batch) > 0 {
			break
		}
		batch = append(batch, itemOf(r))
	}
	err = f.send(ctx, batch)
	var refused *refusedError
	switch {
	case errors.As(err, &refused) && len(batch) > 1:
		f.size = len(batch) / 2
		return true, nil
	case errors.As(err, &refused):
		return f.alone(ctx, t, batch[0], refused)
	case err != nil:
		return false, err
	}
	f.size = min(2*f.size, batchRecords)
	if f.refused[t.Org] != nil {
		delete(f.refused, t.Org)
		f.save(ctx, f.failures, nil, time.Time{})
	}
	// A cursor that is lost now costs a repeat and no record.
	return true, notElsewhere(f.o.Store.AdvanceSink(ctx, f.cfg.Name, t.Org, t.Done, batch[len(batch)-1].Seq, f.o.Now()))
}

func (f *Follower) send(ctx context.Context, batch []Item) error {
	sending, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	err := f.to.send(sending, batch)
	if err == nil {
		f.taken++
	}
	return err
}

// notElsewhere is nil for a cursor that somebody has moved meanwhile: the next
// turn goes on from there.
func notElsewhere(err error) error {
	if sallyport.CodeOf(err) == sallyport.Conflict {
		return nil
	}
	return err
}

// failed notes a failure, and says how long to wait.
func (f *Follower) failed(ctx context.Context, err error) time.Duration {
	pause := backoff(f.failures)
	f.failures++
	told := plain(err)
	if f.failures == 1 {
		f.o.Log.Warn("the sink does not take records; they wait in the trail", "sink", f.cfg.Name, "error", told)
	}
	f.save(ctx, f.failures, told, f.o.Now().Add(pause))
	return pause
}

// backoff is twice as long after each failure, up to five minutes.
func backoff(failures int) time.Duration {
	if failures < 16 {
		return min(backoffFirst<<failures, backoffMax)
	}
	return backoffMax
}

// save notes how the sink does, for whoever asks.
func (f *Follower) save(ctx context.Context, failures int, told error, next time.Time) {
	state := sallyport.SinkState{Name: f.cfg.Name, Holder: f.o.Holder, Failures: failures, At: f.o.Now(), Next: next}
	if told != nil {
		state.Error = told.Error()
	}
	if err := f.o.Store.SaveSinkState(ctx, state); err != nil && ctx.Err() == nil {
		f.o.Log.Warn("note the state of a sink", "sink", f.cfg.Name, "error", err)
	}
}

// plain is an error without the address, which may have a token in it.
func plain(err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		return fmt.Errorf("%s: %w", at.Op, at.Err)
	}
	return err
}
