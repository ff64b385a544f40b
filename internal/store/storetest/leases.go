package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// gone is how long the lease lasts of a node that is dead by now.
const gone = -time.Second

// leased is an intent that a life opens under its lease.
func leased(org sallyport.OrgID, call sallyport.CallID, l journal.Life) journal.Entry {
	e := Intent(org, call, sallyport.Credit)
	e.Open.Node, e.Open.Boot, e.Open.Leased = l.Node, l.Boot, true
	return e
}

func testLeases(t *testing.T, db *store.DB) {
	ctx := t.Context()
	first, second := journal.Life{Node: "a", Boot: "1"}, journal.Life{Node: "a", Boot: "2"}
	neighbour, dead := journal.Life{Node: "b", Boot: "1"}, journal.Life{Node: "c", Boot: "1"}

	fails(t, db.RenewLease(ctx, first, time.Minute), sallyport.NotFound)
	ok(t, db.TakeLease(ctx, first, time.Minute))
	fails(t, db.TakeLease(ctx, first, time.Minute), sallyport.Conflict)
	ok(t, db.TakeLease(ctx, neighbour, time.Minute))
	ok(t, db.TakeLease(ctx, dead, gone))
	ok(t, db.RenewLease(ctx, dead, gone)) // it has run out, and nobody has ended it

	ok(t, db.TakeLease(ctx, second, time.Minute)) // the next life of the node ends the one before
	fails(t, db.RenewLease(ctx, first, time.Minute), sallyport.NotFound)
	ok(t, db.RenewLease(ctx, second, time.Minute))
	ok(t, db.RenewLease(ctx, neighbour, time.Minute))

	ended, err := db.EndLeases(ctx)
	ok(t, err)
	if !slices.Equal(ended, []journal.Life{dead}) {
		t.Errorf("ended %v, want %v", ended, dead)
	}
	ended, err = db.EndLeases(ctx)
	ok(t, err)
	if len(ended) != 0 {
		t.Errorf("ended %v again", ended)
	}
	fails(t, db.RenewLease(ctx, dead, time.Minute), sallyport.NotFound)
	lives, err := db.EndedLives(ctx, 10)
	ok(t, err)
	if len(lives) != 2 || !slices.Contains(lives, dead) || !slices.Contains(lives, first) {
		t.Errorf("the ended lives are %v, want %v and %v", lives, dead, first)
	}
	ok(t, db.EndLease(ctx, second))
	ok(t, db.EndLease(ctx, second))
	fails(t, db.RenewLease(ctx, second, time.Minute), sallyport.NotFound)
}

// A life opens calls as long as its lease was not ended, and not before it has
// one. Its calls that are open still end.
func testLeasedCalls(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	fund(t, db, org, 9)
	fund(t, db, other, 9)
	me, neighbour := journal.Life{Node: "a", Boot: "1"}, journal.Life{Node: "b", Boot: "1"}

	refused := func(call sallyport.CallID) {
		t.Helper()
		unchanged(t, db, org, func() {
			_, err := db.CommitBatch(ctx, journal.BatchID(NewID()), []journal.Entry{
				{Org: org, Record: Event("login")}, leased(org, call, me),
			})
			var entry *journal.EntryError
			if !errors.As(err, &entry) || entry.Index != 1 {
				t.Fatalf("error is %v, want an EntryError for entry 1", err)
			}
			fails(t, entry.Err, sallyport.AuditUnavailable)
		})
	}
	refused("too-early")
	ok(t, db.TakeLease(ctx, me, gone))
	ok(t, db.TakeLease(ctx, neighbour, time.Minute))
	commit(t, db, leased(org, "c-1", me), leased(org, "c-2", me), leased(other, "c-1", me), leased(org, "c-3", neighbour))
	calls, err := db.EndedCalls(ctx, 10)
	ok(t, err)
	if len(calls) != 0 {
		t.Errorf("%d calls of living nodes are listed", len(calls))
	}

	_, err = db.EndLeases(ctx)
	ok(t, err)
	refused("too-late")
	calls, err = db.EndedCalls(ctx, 10)
	ok(t, err)
	var ids []string
	for _, c := range calls {
		ids = append(ids, string(c.Org)+"/"+string(c.Call))
		if c.Node != me.Node || c.Boot != me.Boot || len(c.Intent) == 0 {
			t.Errorf("the open call is %+v, want one of %v", c, me)
		}
	}
	slices.Sort(ids)
	want := []string{string(org) + "/c-1", string(org) + "/c-2", string(other) + "/c-1"}
	slices.Sort(want)
	if !slices.Equal(ids, want) {
		t.Errorf("the calls left are %v, want %v", ids, want)
	}
	calls, err = db.EndedCalls(ctx, 1)
	ok(t, err)
	if len(calls) != 1 {
		t.Errorf("%d calls, want one as asked", len(calls))
	}
	if r := commit(t, db, Outcome(org, "c-1", 0)); r[0].Late {
		t.Error("a call that nobody has closed cannot end")
	}
	VerifyChain(t, db, org)
}

// An entry that closes open calls only leaves no trace when the call is closed.
func testCloseOnlyOpen(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	fund(t, db, org, 5)
	commit(t, db, Intent(org, "c-1", sallyport.Credit))
	again := Outcome(org, "c-1", sallyport.Credit)
	again.Close.OnlyOpen = true
	elsewhere := again
	elsewhere.Org = other

	unchanged(t, db, other, func() { commit(t, db, elsewhere) })
	if r := commit(t, db, again); r[0].Late || r[0].Seq == 0 {
		t.Errorf("closing gave %+v", r[0])
	}
	id := journal.BatchID(NewID())
	again.Record.EventID = NewID()
	unchanged(t, db, org, func() {
		results, err := db.CommitBatch(ctx, id, []journal.Entry{again})
		ok(t, err)
		if want := (journal.Result{Late: true}); results[0] != want {
			t.Errorf("closing again gave %+v, want %+v", results[0], want)
		}
	})
	WantBalance(t, db, org, 4*sallyport.Credit, 0)
	VerifyLedger(t, db, org)
	VerifyChain(t, db, org)
}

// Nodes that recover at the same time close each call once, and leave one
// record of it.
func testRecoverTogether(t *testing.T, db *store.DB) {
	ctx := t.Context()
	const calls, nodes = 300, 3 // more calls than recovery reads at once
	org := NewOrg(t, db)
	fund(t, db, org, calls)
	var entries []journal.Entry
	for range calls {
		entries = append(entries, Intent(org, sallyport.CallID(NewID()), sallyport.Credit))
	}
	commit(t, db, entries...)
	var all sync.WaitGroup
	var mu sync.Mutex
	closed := 0
	for range nodes {
		j := newJournal(t, db, "next-"+NewID())
		all.Go(func() {
			n, err := j.Recover(ctx)
			if err != nil {
				t.Errorf("recover: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			closed += n
		})
	}
	all.Wait()
	if closed != calls {
		t.Errorf("%d calls were closed, want %d", closed, calls)
	}
	outcomes := map[sallyport.CallID]int{}
	for _, r := range VerifyChain(t, db, org) {
		if r.Phase == sallyport.PhaseOutcome || r.Phase == sallyport.PhaseLate {
			outcomes[r.Call]++
		}
	}
	for call, n := range outcomes {
		if n != 1 {
			t.Errorf("call %s has %d outcomes, want one", call, n)
		}
	}
	if len(outcomes) != calls {
		t.Errorf("%d calls have an outcome, want %d", len(outcomes), calls)
	}
	WantBalance(t, db, org, 0, 0)
	VerifyLedger(t, db, org)
}

// A change is heard of, each time,
// until the context of the watch ends.
func testWatchChanges(t *testing.T, db *store.DB) {
	org := NewOrg(t, db)
	ctx, stop := context.WithCancel(t.Context())
	heard, ended := make(chan struct{}, 100), make(chan error, 1)
	go func() { ended <- db.WatchChanges(ctx, func() { heard <- struct{}{} }) }()
	next := func(what string) {
		t.Helper()
		select {
		case <-heard:
		case err := <-ended:
			t.Fatalf("%s: the watch ended: %v", what, err)
		case <-time.After(time.Minute):
			t.Fatalf("%s was not heard of", what)
		}
	}
	next("the beginning")
	for range 3 {
		ok(t, db.SetPolicy(t.Context(), org, "dlp", "", []byte(NewID()), Event("policy.set")))
		next("a change")
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the watch ended with %v, want that of its context", err)
	}
}
