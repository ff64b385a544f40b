package journal_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
)

// While the store cannot tell what became of a batch nothing is written, and
// everybody is told. A call that was opened after all is closed for nothing.
func TestFateUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		store := &faulty{Store: m, at: map[int]fault{1: lostAfter}, lookups: 1 << 30}
		j := start(store, 0)
		first := inBackground(j, t.Context(), intent("c"))
		queued := inBackground(j, t.Context(), event("queued"))
		pending(t, first)
		time.Sleep(11 * time.Second) // fake time
		unavailable(t, <-first)
		unavailable(t, <-queued)
		unavailable(t, j.Ready())
		_, err := j.Commit(t.Context(), event("meanwhile"))
		unavailable(t, err)
		unavailable(t, j.CommitOutcome(t.Context(), outcome("kept")))

		store.set(none, 0)
		time.Sleep(30 * time.Second) // fake time
		synctest.Wait()
		ok(t, j.Ready())
		_, err = j.Commit(t.Context(), event("after"))
		ok(t, err)
		ok(t, j.Close(t.Context()))
		if cost, closed := m.charged["c"]; !closed || cost != 0 {
			t.Errorf("the call whose caller was refused is closed: %t, for %d; want it closed for nothing", closed, cost)
		}
		for id, want := range map[string]int{"intent-c": 1, "queued": 0, "meanwhile": 0, "after": 1, "outcome-kept": 1} {
			if got := m.times(id); got != want {
				t.Errorf("%s is written %d times, want %d", id, got, want)
			}
		}
	})
}

func TestOutcomesAreRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		store := &faulty{Store: m}
		j := start(store, 3)
		for i := range 5 {
			_, err := j.Commit(t.Context(), intent(fmt.Sprint(i)))
			ok(t, err)
		}
		store.set(fails, 0)
		for i := range 5 { // those under way are kept beyond the bound
			if i < 3 {
				ok(t, j.Ready())
			}
			unavailable(t, j.CommitOutcome(t.Context(), outcome(fmt.Sprint(i))))
		}
		unavailable(t, j.CommitOutcome(t.Context(), event("dropped")))
		unavailable(t, j.Ready())
		store.set(none, 0)
		_, err := j.Commit(t.Context(), intent("new"))
		unavailable(t, err)
		_, err = j.Commit(t.Context(), event("not a call"))
		ok(t, err)

		time.Sleep(time.Minute) // fake time
		synctest.Wait()
		ok(t, j.Ready())
		_, err = j.Commit(t.Context(), intent("new"))
		ok(t, err)
		ok(t, j.Close(t.Context()))
		for i := range 5 {
			if n := m.times("outcome-" + fmt.Sprint(i)); n != 1 {
				t.Errorf("outcome %d is written %d times, want once", i, n)
			}
		}
		if m.times("dropped") != 0 {
			t.Error("an entry that closes no call was kept beyond the bound")
		}
	})
}

// An outcome that was written although its caller was told otherwise is not
// written twice, and one that the database refuses is given up.
func TestOutcomesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		store := &faulty{Store: m}
		j := start(store, 1)
		_, err := j.Commit(t.Context(), outcome("x"))
		ok(t, err)
		store.set(fails, 0)
		bad := outcome("y")
		unavailable(t, j.CommitOutcome(t.Context(), outcome("x")))
		unavailable(t, j.CommitOutcome(t.Context(), bad))
		store.set(none, 0)
		time.Sleep(time.Minute) // fake time
		synctest.Wait()
		ok(t, j.Ready())
		bad.Record.Action, bad.Record.EventID = "bad", "z"
		unavailable(t, j.CommitOutcome(t.Context(), bad))
		ok(t, j.Ready())
		ok(t, j.CommitOutcome(t.Context(), outcome("x"))) // it is there
		ok(t, j.Close(t.Context()))
		if n := m.times("outcome-x"); n != 1 {
			t.Errorf("the outcome is written %d times, want once", n)
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		store := &faulty{Store: m, gate: make(chan struct{})}
		j := start(store, 0)
		waiting := []<-chan error{inBackground(j, t.Context(), event("a")), inBackground(j, t.Context(), event("b"))}
		closed := make(chan error, 2)
		for range 2 {
			go func() { closed <- j.Close(t.Context()) }()
		}
		pending(t, closed)
		_, err := j.Commit(t.Context(), event("late"))
		unavailable(t, err)
		unavailable(t, j.Ready())
		close(store.gate)
		for _, done := range append(waiting, closed, closed) {
			ok(t, <-done)
		}
		ok(t, j.Close(t.Context()))
	})
}

func TestCloseTellsWhatIsNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faulty{Store: newMemory(), always: fails}
		j := start(store, 0)
		unavailable(t, j.CommitOutcome(t.Context(), outcome("x")))
		err := j.Close(t.Context())
		unavailable(t, err)
		if cause := errors.Unwrap(err); cause == nil || !strings.Contains(cause.Error(), "1 outcomes") {
			t.Errorf("the cause is %v, want the number of outcomes", cause)
		}
	})
}

func TestCloseWithoutPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faulty{Store: newMemory(), always: lost, lookups: 1 << 30}
		j := start(store, 0)
		done := inBackground(j, t.Context(), event("a"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		unavailable(t, j.Close(ctx))
		unavailable(t, <-done)
	})
}

// An answer that is kept for a repeat counts among the bytes of a batch, and does
// not wait in memory with an outcome that failed: its caller was told so.
func TestAnswersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		store := &faulty{Store: m, gate: make(chan struct{})}
		j := start(store, 0)
		var waiting []<-chan error
		for i := range 6 {
			e := event(fmt.Sprint(i))
			e.First = &sallyport.FirstRequest{Answer: make([]byte, 3<<19)}
			waiting = append(waiting, inBackground(j, t.Context(), e))
			pending(t, waiting[0])
		}
		close(store.gate)
		for _, done := range waiting {
			ok(t, <-done)
		}
		if want := []int{1, 2, 2, 1}; !slices.Equal(m.sizes, want) {
			t.Errorf("batches of %v entries, want %v", m.sizes, want)
		}
		store.set(fails, 0)
		lost := outcome("lost")
		lost.First = &sallyport.FirstRequest{}
		unavailable(t, j.CommitOutcome(t.Context(), lost))
		store.set(none, 0)
		time.Sleep(time.Minute) // fake time
		synctest.Wait()
		ok(t, j.Close(t.Context()))
		if n := m.times("outcome-lost"); n != 1 || m.firsts != 6 {
			t.Errorf("the outcome is written %d times, and %d requests were ended, want 1 and 6", n, m.firsts)
		}
	})
}

// straggler is a store of which the first batch is lost on its way, is sent again
// while the disk is full, and arrives only then.
type straggler struct {
	*memory
	sent    int
	id      journal.BatchID
	entries []journal.Entry
}

func (s *straggler) CommitBatch(ctx context.Context, id journal.BatchID, entries []journal.Entry) ([]journal.Result, error) {
	switch s.sent++; s.sent {
	case 1:
		s.id, s.entries = id, entries
		return nil, journal.ErrOutcomeUnknown
	case 2:
		if _, err := s.memory.CommitBatch(ctx, s.id, s.entries); err != nil {
			return nil, err
		}
		return nil, errDisk
	}
	return s.memory.CommitBatch(ctx, id, entries)
}

// What fails when a batch is repeated says nothing of the first time that it was sent.
func TestFirstSendingArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &straggler{memory: newMemory()}
		j := start(store, 0)
		_, err := j.Commit(t.Context(), intent("c"))
		ok(t, err)
		ok(t, j.Close(t.Context()))
		if n := store.times("intent-c"); n != 1 {
			t.Errorf("the intent is written %d times, want once", n)
		}
	})
}
