package servertest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// ErrDisk is what a trail fails with.
var ErrDisk = errors.New("the disk is full")

// Faults stands between the journal and the database. It is safe for concurrent use.
type Faults struct {
	*store.DB

	mu      sync.Mutex
	fails   func(journal.Entry) bool
	written chan struct{} // closed and made anew with each batch that was written

	requests  atomic.Bool // FailRequests
	responses atomic.Bool // FailResponses
	turns     sync.Map    // of UserID, "" for all: Store's bytes
}

func newFaults(db *store.DB) *Faults { return &Faults{DB: db, written: make(chan struct{})} }

// Fail lets every batch fail that has an entry for which it is true. Nil: none.
func (f *Faults) Fail(fails func(journal.Entry) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails = fails
}

// Intents, Outcomes and Everything are what can be made to fail.
func Intents(e journal.Entry) bool    { return e.Open != nil }
func Outcomes(e journal.Entry) bool   { return e.Close != nil }
func Everything(e journal.Entry) bool { return true }

// CommitBatch implements journal.Store.
func (f *Faults) CommitBatch(ctx context.Context, id journal.BatchID, entries []journal.Entry) ([]journal.Result, error) {
	f.mu.Lock()
	fails := f.fails
	f.mu.Unlock()
	if fails != nil {
		for _, e := range entries {
			if fails(e) {
				return nil, ErrDisk
			}
		}
	}
	results, err := f.DB.CommitBatch(ctx, id, entries)
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.written)
	f.written = make(chan struct{})
	return results, err
}

// FailRequests lets the ends of requests with an Idempotency-Key fail, or no more.
func (f *Faults) FailRequests(fail bool) { f.requests.Store(fail) }

// EndRequest implements server.Requests.
func (f *Faults) EndRequest(ctx context.Context, first sallyport.FirstRequest) error {
	if f.requests.Load() {
		return ErrDisk
	}
	return f.DB.EndRequest(ctx, first)
}

// FailResponses lets the storing of responses fail, or no more.
func (f *Faults) FailResponses(fail bool) { f.responses.Store(fail) }

// KeepResponse implements server.Responses.
func (f *Faults) KeepResponse(ctx context.Context, r sallyport.StoredResponse) error {
	if f.responses.Load() {
		return ErrDisk
	}
	return f.DB.KeepResponse(ctx, r)
}

// Store lets so many bytes more of turns be stored, of a person or, for "", of each organisation.
func (f *Faults) Store(user sallyport.UserID, bytes int64) { f.turns.Store(user, bytes) }

// TurnsSize implements server.Responses.
func (f *Faults) TurnsSize(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, since time.Time) (int64, error) {
	size, err := f.DB.TurnsSize(ctx, org, user, since)
	more, _ := f.turns.LoadOrStore(user, int64(0))
	return size + more.(int64), err
}

// next is closed when the next batch has been written.
func (f *Faults) next() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.written
}

// Clock stands still until it is moved. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *Clock { return &Clock{now: time.Date(2026, 1, 5, 9, 30, 0, 0, time.UTC)} }

// Now is the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
