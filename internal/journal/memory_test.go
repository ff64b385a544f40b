package journal_test

import (
	"context"
	"errors"
	"sync"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
)

// memory is a journal.Store that keeps what it is given. An entry with the
// action "bad" is refused.
type memory struct {
	mu      sync.Mutex
	records []sallyport.Record
	events  map[string]bool // their ids
	open    map[sallyport.CallID]journal.OpenCall
	charged map[sallyport.CallID]sallyport.Credits
	batches map[journal.BatchID][]journal.Result
	sizes   []int // of the batches that were committed
	firsts  int   // entries that ended a first request
}

func newMemory() *memory {
	return &memory{
		events:  map[string]bool{},
		open:    map[sallyport.CallID]journal.OpenCall{},
		charged: map[sallyport.CallID]sallyport.Credits{},
		batches: map[journal.BatchID][]journal.Result{},
	}
}

func (m *memory) CommitBatch(_ context.Context, id journal.BatchID, entries []journal.Entry) ([]journal.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if results, ok := m.batches[id]; ok {
		return results, nil
	}
	for i, e := range entries {
		if e.Record.Action == "bad" {
			return nil, &journal.EntryError{Index: i, Err: errors.New("bad data")}
		}
		if m.events[e.Record.EventID] {
			return nil, &journal.EntryError{Index: i, Err: sallyport.NewError(sallyport.Conflict, "exists")}
		}
	}
	var results []journal.Result
	for _, e := range entries {
		m.records = append(m.records, e.Record)
		m.events[e.Record.EventID] = true
		if e.First != nil {
			m.firsts++
		}
		r := journal.Result{Seq: int64(len(m.records))}
		if e.Open != nil {
			m.open[e.Open.Call] = journal.OpenCall{Org: e.Org, Call: e.Open.Call, Node: e.Open.Node, Boot: e.Open.Boot, Open: *e.Open}
		}
		if e.Close != nil {
			if _, ok := m.open[e.Close.Call]; ok {
				delete(m.open, e.Close.Call)
				m.charged[e.Close.Call] = e.Close.Cost
			} else {
				r.Late = true
			}
		}
		results = append(results, r)
	}
	m.batches[id] = results
	m.sizes = append(m.sizes, len(entries))
	return results, nil
}

func (m *memory) Batch(_ context.Context, id journal.BatchID) ([]journal.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if results, ok := m.batches[id]; ok {
		return results, nil
	}
	return nil, sallyport.NewError(sallyport.NotFound, "no such batch")
}

func (m *memory) OpenCalls(_ context.Context, node, boot string, limit int) ([]journal.OpenCall, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var calls []journal.OpenCall
	for _, c := range m.open {
		if c.Node == node && c.Boot != boot && len(calls) < limit {
			calls = append(calls, c)
		}
	}
	return calls, nil
}

// times says how often an event was written.
func (m *memory) times(event string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.records {
		if r.EventID == event {
			n++
		}
	}
	return n
}

// The faults that a store can have at a commit.
type fault int

const (
	none         fault = iota
	fails              // an error; nothing is written
	lost               // the connection ends before COMMIT arrives
	lostAfter          // the connection ends after COMMIT took effect
	panics             // a bug, before anything is written
	panicsAfter        // a bug, after COMMIT took effect
	lostTwice          // lost, and lost again when repeated
	lostForEver        // lost as often as it is sent
	lookupFails        // lostAfter, and the look-up fails at first
	lookupPanics       // lostAfter, and the look-up panics at first
	faultsEnd          // how many there are
)

var errDisk = errors.New("disk is gone")

// faulty makes another store fail.
type faulty struct {
	journal.Store

	mu      sync.Mutex
	commits int
	at      map[int]fault // by number of the commit, from 1
	always  fault         // of all others
	lookups int           // look-ups that fail, from now on
	panics  int           // look-ups that panic, from now on
	gate    chan struct{} // when set, each commit takes one from it first
}

func (f *faulty) next() fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commits++
	now, ok := f.at[f.commits]
	if !ok {
		now = f.always
	}
	switch now {
	case lostTwice:
		f.at[f.commits+1] = lost
	case lostForEver:
		for try := range 2 {
			f.at[f.commits+1+try] = lost
		}
	case lookupFails:
		f.lookups = 2
	case lookupPanics:
		f.panics = 2
	}
	return now
}

func (f *faulty) CommitBatch(ctx context.Context, id journal.BatchID, entries []journal.Entry) ([]journal.Result, error) {
	if f.gate != nil {
		<-f.gate
	}
	switch f.next() {
	case fails:
		return nil, errDisk
	case lost, lostTwice, lostForEver:
		return nil, journal.ErrOutcomeUnknown
	case panics:
		panic("before")
	case lostAfter, lookupFails, lookupPanics:
		if _, err := f.Store.CommitBatch(ctx, id, entries); err != nil {
			return nil, err
		}
		return nil, journal.ErrOutcomeUnknown
	case panicsAfter:
		if _, err := f.Store.CommitBatch(ctx, id, entries); err != nil {
			return nil, err
		}
		panic("after")
	}
	return f.Store.CommitBatch(ctx, id, entries)
}

func (f *faulty) Batch(ctx context.Context, id journal.BatchID) ([]journal.Result, error) {
	f.mu.Lock()
	failing, panicking := f.lookups > 0, f.panics > 0
	f.lookups--
	f.panics--
	f.mu.Unlock()
	if failing {
		return nil, errDisk
	}
	if panicking {
		panic("look-up")
	}
	return f.Store.Batch(ctx, id)
}

// set changes what every commit and look-up does from now on.
func (f *faulty) set(always fault, lookups int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.always, f.lookups = always, lookups
}
