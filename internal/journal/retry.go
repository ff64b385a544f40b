package journal

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// Kept outcomes are tried after retryFirst, then less and less often.
const (
	retryFirst   = 100 * time.Millisecond
	retrySlowest = 15 * time.Second
)

// CommitOutcome is Commit for an entry that must be written in the end, because
// what it tells has happened. When it fails, the entry is kept and tried again,
// and the error is AuditUnavailable all the same: it is not durable yet.
// The close of a call is always kept; anything else only while fewer than
// RetryMax wait.
func (j *Journal) CommitOutcome(ctx context.Context, e Entry) error {
	_, err := j.commit(ctx, e)
	if err == nil || written(err) {
		return nil
	}
	var bad *EntryError
	if errors.As(err, &bad) {
		j.drop(e, err)
		return err
	}
	j.keep(e)
	return err
}

// keep puts an entry among those that are tried again. Closes are kept beyond
// RetryMax: no new calls begin then, so at most those under way are added.
func (j *Journal) keep(e Entry) {
	e.First = nil
	j.mu.Lock()
	full := len(j.kept) >= j.opt.RetryMax && e.Close == nil
	if !full {
		j.kept = append(j.kept, e)
	}
	j.mu.Unlock()
	if full {
		j.drop(e, errOutcomesWait)
		return
	}
	signal(j.due)
}

// drop notes in the log that a record was lost. A call that it should have
// closed stays open and is closed by recovery at the next start.
func (j *Journal) drop(e Entry, err error) {
	j.opt.Log.Error("a record was not written and is given up",
		"org", e.Org, "call", e.Record.Call, "event", e.Record.EventID, "error", err)
}

// retry tries kept entries until Close, and then a last time.
func (j *Journal) retry() {
	defer close(j.retryDone)
	defer j.drain()
	pause := retryFirst
	for {
		select {
		case <-j.due:
		case <-j.stop:
			j.retryKept()
			return
		}
		select {
		case <-time.After(pause):
		case <-j.stop:
			j.retryKept()
			return
		}
		if j.retryKept() {
			pause = retryFirst
		} else {
			pause = min(2*pause, retrySlowest)
			signal(j.due)
		}
	}
}

// drain lets the writer end after what waits.
func (j *Journal) drain() {
	j.mu.Lock()
	j.drained = true
	j.mu.Unlock()
	signal(j.wake)
}

// retryKept commits all kept entries and says whether none is left of them.
func (j *Journal) retryKept() bool {
	j.mu.Lock()
	tried := len(j.kept)
	var waiters []*waiter
	if j.down == nil {
		for _, e := range j.kept {
			waiters = append(waiters, j.push(e))
		}
	}
	j.mu.Unlock()
	if len(waiters) == 0 {
		return tried == 0
	}

	var failed []Entry
	for _, w := range waiters {
		<-w.done
		var bad *EntryError
		switch {
		case w.err == nil || written(w.err):
		case errors.As(w.err, &bad):
			j.drop(w.entry, w.err)
		default:
			failed = append(failed, w.entry)
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.kept = append(failed, j.kept[tried:]...) // only this goroutine removes
	return len(j.kept) == 0
}

// unused is the entry that closes, free of charge, a call whose intent became
// durable after its caller had been told that it did not.
func (j *Journal) unused(e Entry, r Result) Entry {
	e.Record.Seq, e.Record.Version = r.Seq, sallyport.RecordVersion
	intent, err := json.Marshal(e.Record)
	if err != nil {
		intent = nil // it was marshalled when it was stored, so it can be
	}
	closing := j.opt.Interrupted(OpenCall{
		Org: e.Org, Call: e.Open.Call, Node: e.Open.Node, Boot: e.Open.Boot, Open: *e.Open, Intent: intent,
	})
	if closing.Close != nil {
		closing.Close.Cost, closing.Close.Usage, closing.Close.Estimated = 0, sallyport.Usage{}, false
	}
	if closing.Record.Cost != nil {
		cost := *closing.Record.Cost
		cost.Charge, cost.Estimated = 0, false
		closing.Record.Cost = &cost
	}
	return closing
}
