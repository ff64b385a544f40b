package journal_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
)

func start(store journal.Store, retryMax int) *journal.Journal {
	return journal.New(store, journal.Options{
		Node: "n", Boot: "b", Interrupted: interrupted, Log: slog.New(slog.DiscardHandler), RetryMax: retryMax,
	})
}

func interrupted(c journal.OpenCall) journal.Entry {
	e := outcome(string(c.Call))
	e.Org = c.Org
	e.Record.EventID = "interrupted-" + string(c.Call)
	e.Record.Cost = &sallyport.RecordCost{Charge: c.Open.Hold, Estimated: true}
	e.Close.Cost, e.Close.Estimated = c.Open.Hold, true
	return e
}

func event(id string) journal.Entry {
	return journal.Entry{Org: "o", Record: sallyport.Record{EventID: id, Action: "test"}}
}

func intent(call string) journal.Entry {
	e := event("intent-" + call)
	e.Open = &journal.Open{Call: sallyport.CallID(call), Hold: 7}
	return e
}

func outcome(call string) journal.Entry {
	e := event("outcome-" + call)
	e.Close = &journal.Close{Call: sallyport.CallID(call), Cost: 5}
	return e
}

func unavailable(t *testing.T, err error) {
	t.Helper()
	if sallyport.CodeOf(err) != sallyport.AuditUnavailable {
		t.Errorf("error is %v, want audit_unavailable", err)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// inBackground commits in the background and gives the error when it is known.
func inBackground(j *journal.Journal, ctx context.Context, e journal.Entry) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := j.Commit(ctx, e)
		done <- err
	}()
	synctest.Wait()
	return done
}

func pending(t *testing.T, done <-chan error) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-done:
		t.Fatalf("Commit has returned (%v) before the entry was durable", err)
	default:
	}
}

// While one batch is being committed the next one gathers, in order.
func TestGroupCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		store := &faulty{Store: m, gate: make(chan struct{})}
		j := start(store, 0)
		var waiting []<-chan error
		for i := range 300 {
			waiting = append(waiting, inBackground(j, t.Context(), event(fmt.Sprint(i))))
		}
		for _, done := range waiting {
			pending(t, done)
		}
		for range 3 {
			store.gate <- struct{}{}
		}
		for _, done := range waiting {
			ok(t, <-done)
		}
		if want := []int{1, 256, 43}; !slices.Equal(m.sizes, want) {
			t.Errorf("batches of %v entries, want %v", m.sizes, want)
		}
		for i, r := range m.records {
			if r.EventID != fmt.Sprint(i) {
				t.Fatalf("record %d is %s: the order of arrival is lost", i, r.EventID)
			}
		}
		ok(t, j.Close(t.Context()))
	})
}

func TestBatchBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		store := &faulty{Store: m, gate: make(chan struct{})}
		j := start(store, 0)
		big := func(id string, size int) journal.Entry {
			e := event(id)
			e.Record.Change = json.RawMessage(strings.Repeat(" ", size))
			return e
		}
		var waiting []<-chan error
		for i, kib := range []int{0, 3000, 1000, 3000, 9000, 0} {
			waiting = append(waiting, inBackground(j, t.Context(), big(fmt.Sprint(i), kib<<10)))
		}
		close(store.gate)
		for _, done := range waiting {
			ok(t, <-done)
		}
		if want := []int{1, 2, 1, 1, 1}; !slices.Equal(m.sizes, want) { // 9,000 KiB go alone
			t.Errorf("batches of %v entries, want %v", m.sizes, want)
		}
		ok(t, j.Close(t.Context()))
	})
}

func TestWithdraw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		store := &faulty{Store: m, gate: make(chan struct{})}
		j := start(store, 0)
		ctx, cancel := context.WithCancel(t.Context())
		taken, queued := inBackground(j, ctx, event("taken")), inBackground(j, ctx, event("queued"))
		cancel()
		unavailable(t, <-queued)
		pending(t, taken)
		close(store.gate)
		ok(t, <-taken)
		_, err := j.Commit(ctx, event("ended"))
		unavailable(t, err)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v, want the context's as its cause", err)
		}
		ok(t, j.Close(t.Context()))
		if m.times("taken") != 1 || m.times("queued") != 0 || m.times("ended") != 0 {
			t.Errorf("written are %+v, want the taken entry alone", m.records)
		}
	})
}

func TestWaitingRoomIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		store := &faulty{Store: m, gate: make(chan struct{})}
		j := start(store, 0)
		const room = 16384
		var refused, written int
		var mu sync.Mutex
		var all sync.WaitGroup
		first := inBackground(j, t.Context(), event("first"))
		for i := range room + 10 {
			all.Go(func() {
				_, err := j.Commit(t.Context(), event(fmt.Sprint(i)))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					written++
				} else {
					unavailable(t, err)
					refused++
				}
			})
		}
		synctest.Wait()
		close(store.gate)
		all.Wait()
		ok(t, <-first)
		if refused != 10 || written != room {
			t.Errorf("%d were refused and %d written, want 10 and %d", refused, written, room)
		}
		ok(t, j.Close(t.Context()))
	})
}

// Only the entry that the database refuses fails.
func TestBadEntryFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		store := &faulty{Store: m, gate: make(chan struct{})}
		j := start(store, 0)
		var waiting []<-chan error
		for i := range 20 {
			e := event(fmt.Sprint(i))
			if i == 7 {
				e.Record.Action = "bad"
			}
			waiting = append(waiting, inBackground(j, t.Context(), e))
		}
		close(store.gate)
		for i, done := range waiting {
			err := <-done
			if i != 7 {
				ok(t, err)
				continue
			}
			unavailable(t, err)
			var bad *journal.EntryError
			if !errors.As(err, &bad) {
				t.Errorf("error is %v, want the database's refusal as its cause", err)
			}
		}
		ok(t, j.Close(t.Context()))
		if len(m.records) != 19 {
			t.Errorf("%d records are written, want 19", len(m.records))
		}
	})
}

// A store that panics for one entry of a batch.
type panicky struct{ *memory }

func (p panicky) CommitBatch(ctx context.Context, id journal.BatchID, entries []journal.Entry) ([]journal.Result, error) {
	for _, e := range entries {
		if e.Record.Action == "panic" {
			panic("a bug")
		}
	}
	return p.memory.CommitBatch(ctx, id, entries)
}

func TestPanicFailsItsEntryAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		store := &faulty{Store: panicky{m}, gate: make(chan struct{})}
		j := start(store, 0)
		bug := event("bug")
		bug.Record.Action = "panic"
		a, b, c := inBackground(j, t.Context(), event("a")), inBackground(j, t.Context(), bug), inBackground(j, t.Context(), event("c"))
		close(store.gate)
		ok(t, <-a)
		unavailable(t, <-b)
		ok(t, <-c)
		ok(t, j.Close(t.Context()))
	})
}

// The n-th commit fails in every way, on a fake and, in faults_test.go, on a
// database: whoever was told "durable" is there, once; nobody else is.
func TestFaultsInMemory(t *testing.T) {
	for f := none; f < faultsEnd; f++ {
		for at := 1; at <= 3; at++ {
			t.Run(fmt.Sprintf("fault %d at %d", f, at), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := newMemory()
					store := &faulty{Store: m, at: map[int]fault{at: f}}
					j := start(store, 0)
					for i := range 5 {
						id := fmt.Sprint(i)
						_, err := j.Commit(t.Context(), event(id))
						if err != nil {
							unavailable(t, err)
						}
						if got, want := m.times(id), map[bool]int{true: 1}[err == nil]; got != want {
							t.Errorf("entry %s (error: %v) is written %d times, want %d", id, err, got, want)
						}
						if tolerable := f != fails && f != lostForEver; tolerable && err != nil {
							t.Errorf("entry %s: %v, want that the journal gets over it", id, err)
						}
					}
					ok(t, j.Close(t.Context()))
				})
			})
		}
	}
}

// The journal names itself in what it opens.
func TestOpenIsCompleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		j := start(m, 0)
		e := intent("c")
		_, err := j.Commit(t.Context(), e)
		ok(t, err)
		if got := m.open["c"].Open; got.Node != "n" || got.Boot != "b" || got.Created != time.Now().UnixMicro() {
			t.Errorf("the call was opened as %+v, want node n, boot b and the time", got)
		}
		if e.Open.Node != "" {
			t.Error("Commit changed the caller's entry")
		}
		ok(t, j.Close(t.Context()))
	})
}
