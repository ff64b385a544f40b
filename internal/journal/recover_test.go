package journal_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/sallyport-ai/sallyport/internal/journal"
)

func TestRecover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		for i, boot := range []string{"old", "older", "b"} {
			e := intent(fmt.Sprint(i))
			e.Open.Node, e.Open.Boot = "n", boot
			_, err := m.CommitBatch(t.Context(), journal.BatchID(boot), []journal.Entry{e})
			ok(t, err)
		}
		store := &faulty{Store: m, at: map[int]fault{1: fails}}
		j := start(store, 0)
		_, err := j.Recover(t.Context())
		unavailable(t, err)
		n, err := j.Recover(t.Context())
		ok(t, err)
		if n == 0 || len(m.open) != 1 || m.charged["0"] != 7 || m.charged["1"] != 7 {
			t.Errorf("recovery closed %d; charged are %v and %d are open, want the two of earlier boots at their hold", n, m.charged, len(m.open))
		}
		ok(t, j.Close(t.Context()))
	})
}

func TestRecoverNeedsAClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		e := intent("c")
		e.Open.Node, e.Open.Boot = "n", "old"
		_, err := m.CommitBatch(t.Context(), "1", []journal.Entry{e})
		ok(t, err)
		j := journal.New(m, journal.Options{Node: "n", Boot: "b", Interrupted: func(journal.OpenCall) journal.Entry { return event("x") }})
		if _, err := j.Recover(t.Context()); err == nil {
			t.Error("recovery went on although nothing closes the call")
		}
		ok(t, j.Close(t.Context()))
	})
}
