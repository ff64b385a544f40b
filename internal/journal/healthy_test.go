package journal_test

import (
	"testing"
	"testing/synctest"
	"time"
)

// A probe sees that the trail cannot be written although no outcome waits, and
// that it can again; calls are tried all the while.
func TestHealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faulty{Store: newMemory()}
		j := start(store, 0)
		ok(t, j.Healthy())
		bad := event("bad")
		bad.Record.Action = "bad"
		_, err := j.Commit(t.Context(), bad)
		unavailable(t, err)
		ok(t, j.Healthy()) // an entry that was refused says nothing of the others

		store.set(fails, 0)
		_, err = j.Commit(t.Context(), event("a"))
		unavailable(t, err)
		unavailable(t, j.Healthy())
		ok(t, j.Ready())

		store.set(none, 0)
		_, err = j.Commit(t.Context(), event("b"))
		ok(t, err)
		ok(t, j.Healthy())

		store.set(fails, 0)
		_, err = j.Commit(t.Context(), event("c"))
		unavailable(t, err)
		time.Sleep(time.Minute) // fake time: nobody sends calls, one must be let in
		ok(t, j.Healthy())
		store.set(none, 0)
		ok(t, j.Close(t.Context()))
		unavailable(t, j.Healthy())
	})
}
