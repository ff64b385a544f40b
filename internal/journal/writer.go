package journal

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
)

// After a batch of crowdMin entries the writer lets others go first, at most
// yieldsMax times.
const (
	crowdMin  = 2
	yieldsMax = 16
)

// Bounds of one batch's commit.
const (
	// commitTimeout is how long one transaction may take.
	commitTimeout = 15 * time.Second
	// commitTries is how often a batch is sent whose commit was lost.
	commitTries = 3
	// Looking a lost batch up is tried again after lookupFirst, then less and
	// less often, up to lookupSlowest. After lookupPatience the callers are told
	// that the trail is unavailable; the looking goes on.
	lookupFirst    = 20 * time.Millisecond
	lookupSlowest  = 2 * time.Second
	lookupPatience = 10 * time.Second
	lookupTimeout  = 3 * time.Second
)

// errGivenUp ends a batch whose callers were answered before it was known.
var errGivenUp = errors.New("the batch was given up on")

// write is the writer: the only caller of Store.CommitBatch.
func (j *Journal) write() {
	defer close(j.writerDone)
	for crowd := 0; ; {
		if crowd >= crowdMin {
			j.gather()
		}
		batch := j.take()
		if batch == nil {
			return
		}
		crowd = len(batch)
		j.commitBatch(batch)
	}
}

// gather lets a crowd come together: most of what a batch costs it costs once, so
// that a few large ones leave more of the processor to the calls than many small
// ones. Whoever can run does so first, as long as that brings entries: nobody
// waits while the processor has nothing to do.
func (j *Journal) gather() {
	before := j.queued()
	for range yieldsMax {
		runtime.Gosched()
		now := j.queued()
		if now <= before {
			return
		}
		before = now
	}
}

func (j *Journal) queued() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.waiting)
}

// take waits until something waits, and returns as much of it as fits in a
// batch; nil when the journal has ended.
func (j *Journal) take() []*waiter {
	for {
		batch, drained := j.tryTake()
		if len(batch) > 0 {
			return batch
		}
		if drained {
			return nil
		}
		<-j.wake
	}
}

func (j *Journal) tryTake() (batch []*waiter, drained bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n, bytes := 0, 0
	for _, w := range j.waiting {
		if !w.withdrawn {
			if len(batch) == batchEntriesMax || len(batch) > 0 && bytes+w.bytes > batchBytesMax {
				break
			}
			w.taken = true
			bytes += w.bytes
			batch = append(batch, w)
		}
		n++
	}
	j.waiting = slices.Delete(j.waiting, 0, n)
	return batch, j.drained
}

// commitBatch commits the entries together, or one by one when one of them
// spoils it for the others, and answers their callers.
func (j *Journal) commitBatch(batch []*waiter) {
	entries := make([]Entry, len(batch))
	for i, w := range batch {
		entries[i] = w.entry
	}
	results, err := j.settle(entries, batch)
	j.report(err)
	if refusedData(err) && len(batch) > 1 {
		for i := range batch {
			j.commitBatch(batch[i : i+1])
		}
		return
	}
	for i, w := range batch {
		switch {
		case err != nil:
			j.answer(w, Result{}, unavailable(err))
		case results[i].Err != nil:
			j.answer(w, Result{}, unavailable(results[i].Err))
		default:
			j.answer(w, results[i], nil)
		}
	}
}

// settle commits the entries and returns when it is known what became of them.
func (j *Journal) settle(entries []Entry, batch []*waiter) ([]Result, error) {
	id := BatchID(uuid.Must(uuid.NewV7()).String())
	for try, unknown := 1, false; ; try++ {
		results, err := j.commitOnce(id, entries)
		// What goes wrong with a repetition says nothing of the first one.
		unknown = unknown || errors.Is(err, ErrOutcomeUnknown)
		if err == nil || !unknown {
			return results, err
		}
		j.opt.Log.Warn("the answer to a commit of the audit trail was lost; looking the batch up", "batch", id, "error", err)
		results, lookupErr := j.lookUp(id, batch)
		switch {
		case lookupErr == nil:
			return results, nil
		case sallyport.CodeOf(lookupErr) != sallyport.NotFound:
			return nil, lookupErr
		case try == commitTries:
			return nil, err
		}
		// The batch is not there. It is sent under the same id, so that a first
		// one that is still on its way to the database excludes the second.
	}
}

func (j *Journal) commitOnce(id BatchID, entries []Entry) (results []Result, err error) {
	defer j.catch(&err)
	ctx, cancel := context.WithTimeout(j.ctx, commitTimeout)
	defer cancel()
	results, err = j.store.CommitBatch(ctx, id, entries)
	if err == nil && len(results) != len(entries) {
		return nil, fmt.Errorf("the store answered %d results for %d entries", len(results), len(entries))
	}
	return results, err
}

// lookUp finds out whether the batch was committed: its results, or NotFound.
// It keeps trying while the store cannot say, because nothing may be written
// after a batch whose fate is unknown.
func (j *Journal) lookUp(id BatchID, batch []*waiter) ([]Result, error) {
	patience := time.NewTimer(lookupPatience)
	defer patience.Stop()
	pause := lookupFirst
	givenUp := false
	for {
		results, err := j.lookUpOnce(id)
		if err == nil || sallyport.CodeOf(err) == sallyport.NotFound {
			if givenUp {
				j.resume(batch, results)
				return nil, errGivenUp
			}
			return results, err
		}
		select {
		case <-j.ctx.Done():
			return nil, fmt.Errorf("look up batch %s: %w", id, err)
		case <-patience.C:
			givenUp = true
			j.giveUp(batch, err)
		case <-time.After(pause):
			pause = min(2*pause, lookupSlowest)
		}
	}
}

func (j *Journal) lookUpOnce(id BatchID) (results []Result, err error) {
	defer j.catch(&err)
	ctx, cancel := context.WithTimeout(j.ctx, lookupTimeout)
	defer cancel()
	return j.store.Batch(ctx, id)
}

// giveUp tells everybody who waits that the trail cannot be written, and
// refuses who comes, until resume.
func (j *Journal) giveUp(batch []*waiter, err error) {
	j.opt.Log.Error("the audit trail is unavailable; calls are refused until it is back", "error", err)
	j.mu.Lock()
	j.down = err
	flushed := j.waiting
	j.waiting = nil
	for _, w := range flushed {
		w.taken = true
	}
	j.mu.Unlock()
	for _, w := range slices.Concat(batch, flushed) {
		j.answer(w, Result{}, unavailable(err))
	}
}

// resume ends what giveUp began. Calls that the batch opened after all were
// refused to their callers, so they are closed without a charge. results is nil
// when the batch is not there.
func (j *Journal) resume(batch []*waiter, results []Result) {
	j.opt.Log.Info("the audit trail is back")
	j.mu.Lock()
	j.down = nil
	j.mu.Unlock()
	for i, r := range results {
		if e := batch[i].entry; e.Open != nil && !r.Refused && j.opt.Interrupted != nil {
			j.keep(j.unused(e, r))
		}
	}
}

// report tells the log when the trail stops being writable and when it is back.
func (j *Journal) report(err error) {
	failing := err != nil && !errors.Is(err, errGivenUp)
	if failing && !j.failing {
		j.opt.Log.Error("the audit trail was not written", "error", err)
	}
	if !failing && j.failing {
		j.opt.Log.Info("the audit trail is written again")
	}
	j.failing = failing

	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case !failing:
		j.failedAt = time.Time{}
	case !refusedData(err): // bad data is no fault of the trail's
		j.failedAt = j.opt.Now()
	}
}

// catch turns a panic of the store into an error.
func (j *Journal) catch(err *error) {
	if p := recover(); p != nil {
		j.opt.Log.Error("panic in the store", "panic", p, "stack", string(debug.Stack()))
		*err = &panicError{p}
	}
}
