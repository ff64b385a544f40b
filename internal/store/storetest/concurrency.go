package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// newJournal starts a journal that closes when the test ends.
func newJournal(t *testing.T, db *store.DB, boot string) *journal.Journal {
	j := journal.New(db, journal.Options{Node: Node, Boot: boot, Interrupted: interrupted})
	t.Cleanup(func() {
		if err := j.Close(context.Background()); err != nil {
			t.Errorf("close journal: %v", err)
		}
	})
	return j
}

// interrupted charges an interrupted call its hold.
func interrupted(c journal.OpenCall) journal.Entry {
	e := Outcome(c.Org, c.Call, c.Open.Hold)
	e.Record.Outcome = sallyport.OutcomeInterrupted
	e.Close.Estimated = true
	return e
}

// Of 200 callers at once who each want one of ten credits, ten get one.
func testSpending(t *testing.T, db *store.DB) {
	const callers, credits = 200, 10
	org := NewOrg(t, db)
	fund(t, db, org, credits)
	j := newJournal(t, db, Boot)
	var admitted, refused atomic.Int64
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			call := sallyport.CallID(fmt.Sprintf("c-%d", i))
			r, err := j.Commit(t.Context(), Intent(org, call, sallyport.Credit))
			switch {
			case err != nil:
				t.Errorf("admit: %v", err)
			case r.Refused:
				refused.Add(1)
			default:
				admitted.Add(1)
				if err := j.CommitOutcome(t.Context(), Outcome(org, call, sallyport.Credit)); err != nil {
					t.Errorf("settle: %v", err)
				}
			}
		})
	}
	all.Wait()
	if admitted.Load() != credits || refused.Load() != callers-credits {
		t.Errorf("%d calls passed and %d were refused, want %d and %d", admitted.Load(), refused.Load(), credits, callers-credits)
	}
	WantBalance(t, db, org, 0, 0)
	if n := len(VerifyLedger(t, db, org)); n != 1+credits {
		t.Errorf("the ledger has %d entries, want %d", n, 1+credits)
	}
	phases := map[sallyport.Phase]int{}
	for _, r := range VerifyChain(t, db, org) {
		phases[r.Phase]++
	}
	if phases[sallyport.PhaseIntent] != credits || phases[sallyport.PhaseOutcome] != credits || phases[sallyport.PhaseRefusal] != callers-credits {
		t.Errorf("the trail has %v", phases)
	}
}

// What a dead process left open is closed once and charged its hold; what it
// says afterwards moves no money.
func testRecovery(t *testing.T, db *store.DB) {
	ctx := t.Context()
	const calls = 300 // more than recovery reads at once
	org := NewOrg(t, db)
	fund(t, db, org, calls)
	var entries []journal.Entry
	for i := range calls {
		entries = append(entries, Intent(org, sallyport.CallID(fmt.Sprintf("c-%d", i)), sallyport.Credit/2))
	}
	commit(t, db, entries...)
	commit(t, db, Outcome(org, "c-0", 0))

	j := newJournal(t, db, "boot-2")
	mine := Intent(org, "mine", sallyport.Credit)
	mine.Open.Boot = "boot-2"
	_, err := j.Commit(ctx, mine)
	ok(t, err)
	n, err := j.Recover(ctx)
	ok(t, err)
	if n != calls-1 {
		t.Errorf("recovery closed %d calls, want %d", n, calls-1)
	}
	spent := sallyport.Credits(calls-1) * sallyport.Credit / 2
	WantBalance(t, db, org, calls*sallyport.Credit-spent, sallyport.Credit)
	n, err = j.Recover(ctx)
	ok(t, err)
	if n != 0 {
		t.Errorf("a second recovery closed %d calls, want none", n)
	}
	r, err := j.Commit(ctx, Outcome(org, "c-1", sallyport.Credit))
	ok(t, err)
	if !r.Late {
		t.Error("an outcome after recovery is not late")
	}
	WantBalance(t, db, org, calls*sallyport.Credit-spent, sallyport.Credit)
	VerifyLedger(t, db, org)
	VerifyChain(t, db, org)
}

// Batches, grants and other changes of one organisation from many goroutines
// keep one chain, one ledger and one balance.
func testConcurrentWriters(t *testing.T, db *store.DB) {
	orgs := []sallyport.OrgID{NewOrg(t, db), NewOrg(t, db), NewOrg(t, db)}
	write(t, db, orgs, "w")
	for _, org := range orgs {
		verifyWritten(t, db, org, 1)
	}
}

const writers, rounds = 4, 8

// write makes all kinds of changes at once; name keeps the ids of two of them apart.
func write(t *testing.T, db *store.DB, orgs []sallyport.OrgID, name string) {
	ctx := t.Context()
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range rounds {
				var entries, ends []journal.Entry
				for n := range orgs { // in another order each time: the store has to lock in one
					org := orgs[(n+w+i)%len(orgs)]
					call := sallyport.CallID(fmt.Sprintf("%s-%d-%d", name, w, i))
					entries = append(entries, Intent(org, call, 0))
					ends = append(ends, Outcome(org, call, sallyport.Credit))
				}
				for _, batch := range [][]journal.Entry{entries, ends} {
					if _, err := db.CommitBatch(ctx, journal.BatchID(NewID()), batch); err != nil {
						t.Errorf("CommitBatch: %v", err)
					}
				}
				org := orgs[(w+i)%len(orgs)]
				if _, err := db.Grant(ctx, org, sallyport.Credit, "", Event("credit.grant")); err != nil {
					t.Errorf("Grant: %v", err)
				}
				if err := db.SetPolicy(ctx, org, "dlp", "", []byte(name), Event("policy.set")); err != nil {
					t.Errorf("SetPolicy: %v", err)
				}
			}
		})
	}
	all.Wait()
}

// verifyWritten checks what so many calls of write have left.
func verifyWritten(t *testing.T, db *store.DB, org sallyport.OrgID, times int) {
	t.Helper()
	var charges, grants int
	for _, e := range VerifyLedger(t, db, org) {
		switch e.Kind {
		case sallyport.LedgerCharge:
			charges++
		case sallyport.LedgerGrant:
			grants++
		}
	}
	if want := times * writers * rounds; charges != want {
		t.Errorf("%d charges in the ledger, want %d", charges, want)
	}
	const creation = 1
	if got, want := len(VerifyChain(t, db, org)), creation+2*charges+2*grants; got != want {
		t.Errorf("%d records in the trail, want %d", got, want)
	}
	WantBalance(t, db, org, sallyport.Credits(grants-charges)*sallyport.Credit, 0)
}

// TwoProcesses checks that two handles on one database, as two processes have
// them, keep one chain.
func TwoProcesses(t *testing.T, first, second *store.DB) {
	orgs := []sallyport.OrgID{NewOrg(t, first), NewOrg(t, second)}
	var both sync.WaitGroup
	both.Go(func() { write(t, first, orgs, "first") })
	both.Go(func() { write(t, second, orgs, "second") })
	both.Wait()
	for _, org := range orgs {
		verifyWritten(t, first, org, 2)
		verifyWritten(t, second, org, 2)
	}
	indexTogether(t, first, second)
}
