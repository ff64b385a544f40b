// Package journal is the one writer of calls. What must be true together (the
// record in the trail, the credits set aside or charged, the state of the call)
// is one Entry, and Commit returns when the entry is durable.
//
// Group commit: entries wait in a queue, and one goroutine takes whatever waits,
// commits it in one transaction, then takes what arrived meanwhile. Alone, an
// entry is committed at once; in a crowd, many share one fsync, and the writer
// waits a moment for more of them.
//
// What happens on failure:
//
//   - The database refuses an entry's data: its batch is committed again one by
//     one, and that entry alone fails.
//   - The database cannot be written: every entry of the batch fails with
//     AuditUnavailable, and the next batch tries anew.
//   - The answer to a COMMIT is lost: the batch is looked up by its id, and only
//     repeated, under the same id, when it is not there. While it cannot even be
//     looked up nothing else is written, and callers are told AuditUnavailable.
//   - An outcome fails: it is kept and tried again. When too many are kept, Ready
//     says so and new calls are refused.
//   - The process dies: what Commit had returned is there. Calls without an
//     outcome are closed by Recover at the next start, or by a neighbour on the
//     same database when the lease has ended (lease.go).
package journal

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Bounds of the queue.
const (
	batchEntriesMax = 256
	batchBytesMax   = 4 << 20
	// waitingMax bounds the entries that wait for the writer: ten thousand callers
	// at once and what they end, about four seconds of work for a slow disk.
	waitingMax = 16384
	// retryMaxDefault bounds the outcomes that are kept before new calls are refused.
	retryMaxDefault = 1024
)

// Options are what a Journal is told at its making.
type Options struct {
	// Node and Boot name this process in the calls it opens: the node stays the
	// same over restarts, the boot is new with each.
	Node, Boot string
	// Interrupted builds the entry that closes a call whose process died.
	Interrupted func(OpenCall) Entry
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Log is told when the trail cannot be written; nil: slog.Default.
	Log *slog.Logger
	// RetryMax is how many failed outcomes are kept before new calls are
	// refused; 0: 1,024.
	RetryMax int
	// Leases, if set, keep neighbours on the same database from closing each
	// other's calls: no call is opened before TakeLease and after its end.
	Leases Leases
}

// Journal commits entries. It is safe for concurrent use. Close ends it.
type Journal struct {
	store Store
	opt   Options

	ctx    context.Context // of the store's calls; ends when Close is out of patience
	cancel context.CancelFunc
	wake   chan struct{} // something waits, or drained is set
	due    chan struct{} // an outcome was kept
	stop   chan struct{} // closed by Close: the retries make a last attempt

	writerDone, retryDone chan struct{}

	lost chan struct{} // closed when others ended the lease

	mu      sync.Mutex
	waiting []*waiter
	closed  bool  // no new entries
	drained bool  // the writer ends when nothing waits
	down    error // it is unknown what became of a batch: nothing can be written
	kept    []Entry

	leaseUntil time.Time       // when the lease runs out, at the earliest
	leaseSince time.Time       // since when it has been held without a gap
	keeping    *sync.WaitGroup // who keeps the lease; nil before TakeLease

	failing bool // owned by the writer: the last commit failed, and the log was told

	failedAt time.Time // when the last commit failed, and zero once one succeeded; guarded by mu
}

// waiter is an entry in the queue and the caller who waits for it.
type waiter struct {
	entry Entry
	bytes int
	done  chan struct{} // closed when result and err are set

	// Guarded by Journal.mu.

	taken     bool // the writer has it: the caller must wait for the result
	withdrawn bool // the caller has left before it was taken
	answered  bool

	result Result
	err    error
}

// New starts a journal on store.
func New(store Store, o Options) *Journal {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.RetryMax <= 0 {
		o.RetryMax = retryMaxDefault
	}
	j := &Journal{
		store: store, opt: o,
		wake: make(chan struct{}, 1), due: make(chan struct{}, 1), stop: make(chan struct{}),
		writerDone: make(chan struct{}), retryDone: make(chan struct{}), lost: make(chan struct{}),
	}
	j.ctx, j.cancel = context.WithCancel(context.Background())
	go j.write()
	go j.retry()
	return j
}

// Commit returns when the entry is durable, or was turned into its refusal
// (Result.Refused), or was not written: then the error is AuditUnavailable.
// A caller whose ctx ends withdraws the entry while it waits in the queue; once
// the writer has taken it, Commit waits for the result.
func (j *Journal) Commit(ctx context.Context, e Entry) (Result, error) {
	if e.Open != nil {
		if err := j.Ready(); err != nil {
			return Result{}, err
		}
		e.Open = j.open(*e.Open)
	}
	return j.commit(ctx, e)
}

func (j *Journal) commit(ctx context.Context, e Entry) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, unavailable(err)
	}
	w, err := j.enqueue(e)
	if err != nil {
		return Result{}, err
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		if j.withdraw(w) {
			return Result{}, unavailable(ctx.Err())
		}
		<-w.done
	}
	return w.result, w.err
}

// open fills in what the journal knows better than its caller.
func (j *Journal) open(o Open) *Open {
	if o.Node == "" {
		o.Node, o.Boot = j.opt.Node, j.opt.Boot
	}
	if o.Created == 0 {
		o.Created = j.opt.Now().UnixMicro()
	}
	o.Leased = j.opt.Leases != nil
	return &o
}

// Ready returns AuditUnavailable while new calls must not begin: when as many
// outcomes as may be kept wait to be written, when the state of the trail is
// unknown, while the node has no lease, and after Close.
func (j *Journal) Ready() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.closed:
		return unavailable(errClosed)
	case j.down != nil:
		return unavailable(j.down)
	case len(j.kept) >= j.opt.RetryMax:
		return unavailable(errOutcomesWait)
	case !j.leased():
		return unavailable(errNoLease)
	}
	return nil
}

// failureShown is how long Healthy tells of a failed commit when nothing has
// been written since.
const failureShown = 10 * time.Second

// Healthy is Ready for probes: it returns AuditUnavailable also for a while
// after a commit that failed. It does not for ever, because a server to which
// nobody sends calls any more would not find out that it can write again.
func (j *Journal) Healthy() error {
	if err := j.Ready(); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.failedAt.IsZero() && j.opt.Now().Sub(j.failedAt) < failureShown {
		return unavailable(errFailedLately)
	}
	return nil
}

// Close refuses new entries, commits what waits, tries the kept outcomes a last
// time and stops. Closing again waits for the same end. The error tells how
// many outcomes were not written (recovery closes their calls at the next
// start), or that ctx ended first.
func (j *Journal) Close(ctx context.Context) error {
	j.mu.Lock()
	if !j.closed {
		j.closed = true
		close(j.stop)
	}
	j.mu.Unlock()
	defer j.cancel()

	for _, end := range []chan struct{}{j.retryDone, j.writerDone} {
		select {
		case <-end:
		case <-ctx.Done():
			return unavailable(ctx.Err())
		}
	}
	if err := j.endLease(ctx); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if n := len(j.kept); n > 0 {
		return unavailable(keptError(n))
	}
	return nil
}

// enqueue puts an entry in the queue.
func (j *Journal) enqueue(e Entry) (*waiter, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.closed:
		return nil, unavailable(errClosed)
	case j.down != nil:
		return nil, unavailable(j.down)
	case len(j.waiting) >= waitingMax:
		return nil, unavailable(errWaitingFull)
	}
	return j.push(e), nil
}

// push is enqueue without its bounds, with mu held.
func (j *Journal) push(e Entry) *waiter {
	w := &waiter{entry: e, bytes: size(e), done: make(chan struct{})}
	j.waiting = append(j.waiting, w)
	signal(j.wake)
	return w
}

// withdraw says whether w could still be taken out of the queue.
func (j *Journal) withdraw(w *waiter) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if w.taken || w.answered {
		return false
	}
	w.withdrawn = true
	return true
}

// answer gives the caller the result, once: a batch that was given up on may
// become known later.
func (j *Journal) answer(w *waiter, r Result, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if w.answered {
		return
	}
	w.answered, w.result, w.err = true, r, err
	close(w.done)
}

// size estimates the bytes an entry will take in the database.
func size(e Entry) int {
	const fixed, finding, attempt, limit, group = 2 << 10, 200, 250, 100, 37
	r := &e.Record
	n := fixed + len(r.Change) + len(r.Resource) + len(r.ModelRequested) + len(r.Source.UserAgent)
	n += attempt*len(r.Attempts) + limit*len(r.Limits)
	if e.Open != nil {
		n += group * len(e.Open.Groups)
	}
	if r.DLP != nil {
		n += finding * len(r.DLP.Findings)
	}
	if e.Content != nil {
		n += len(e.Content.Sealed)
	}
	if e.First != nil {
		n += len(e.First.Answer)
	}
	return n
}

// signal leaves a token for the goroutine that waits on c, now or next time.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
