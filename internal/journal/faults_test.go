package journal_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// Calls are opened and closed by many at once while a real database fails at
// every n-th commit. Afterwards trail, ledger and balance agree, and each call
// that somebody was told about is there, once.
func TestFaultsOnDatabases(t *testing.T) {
	t.Parallel()
	for f := none; f < faultsEnd; f++ {
		t.Run(fmt.Sprintf("SQLite, fault %d", f), func(t *testing.T) {
			t.Parallel()
			faultsOn(t, f, storetest.SQLite(t))
		})
		t.Run(fmt.Sprintf("Postgres, fault %d", f), func(t *testing.T) {
			t.Parallel()
			faultsOn(t, f, storetest.Postgres(t))
		})
	}
}

func faultsOn(t *testing.T, f fault, db *store.DB) {
	const callers, each, credits = 4, 6, 1000
	org := storetest.NewOrg(t, db)
	if _, err := db.Grant(t.Context(), org, credits*sallyport.Credit, "", storetest.Event("credit.grant")); err != nil {
		t.Fatal(err)
	}
	broken := &faulty{Store: db, at: map[int]fault{1: f, 4: f, 9: f, 14: f}}
	j := start(broken, 0)
	opened := make([]map[sallyport.CallID]bool, callers)
	var all sync.WaitGroup
	for c := range callers {
		opened[c] = map[sallyport.CallID]bool{}
		all.Go(func() {
			for i := range each {
				call := sallyport.CallID(fmt.Sprintf("%d-%d", c, i))
				if _, err := j.Commit(t.Context(), storetest.Intent(org, call, 2*sallyport.Credit)); err != nil {
					continue
				}
				opened[c][call] = true
				_ = j.CommitOutcome(t.Context(), storetest.Outcome(org, call, sallyport.Credit)) // kept if it fails
			}
		})
	}
	all.Wait()
	ok(t, j.Close(t.Context()))

	intents, outcomes := map[sallyport.CallID]int{}, map[sallyport.CallID]int{}
	for _, r := range storetest.VerifyChain(t, db, org) {
		switch r.Phase {
		case sallyport.PhaseIntent:
			intents[r.Call]++
		case sallyport.PhaseOutcome:
			outcomes[r.Call]++
		case sallyport.PhaseLate:
			t.Errorf("call %s was closed twice", r.Call)
		}
	}
	admitted := 0
	for _, calls := range opened {
		for call := range calls {
			admitted++
			if intents[call] != 1 || outcomes[call] != 1 {
				t.Errorf("call %s has %d intents and %d outcomes, want one each", call, intents[call], outcomes[call])
			}
		}
	}
	if len(intents) != admitted || admitted == 0 {
		t.Errorf("%d calls are in the trail, want the %d that were admitted", len(intents), admitted)
	}
	storetest.VerifyLedger(t, db, org)
	storetest.WantBalance(t, db, org, sallyport.Credits(credits-admitted)*sallyport.Credit, 0)
}
