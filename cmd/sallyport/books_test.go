package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// books are what the database says of an organisation's calls.
type books struct {
	intents  map[sallyport.CallID]sallyport.Record
	outcomes map[sallyport.CallID]sallyport.Record
	refusals []sallyport.Record
	late     []sallyport.Record
	ledger   []sallyport.LedgerEntry // oldest first
}

// checkBooks reads the books of an organisation whose servers have ended, and
// fails the test unless they are in order: the chain verifies; every intent has
// one outcome, and every outcome one charge, of the same amount; the entries of
// the ledger sum up to the balance; nothing is held; every budget has spent what
// the ledger says.
func checkBooks(t *testing.T, db *store.DB, org sallyport.OrgID) books {
	t.Helper()
	b := books{intents: map[sallyport.CallID]sallyport.Record{}, outcomes: map[sallyport.CallID]sallyport.Record{}}
	eachRecord(t, db, org, func(r sallyport.Record) {
		switch r.Phase {
		case sallyport.PhaseIntent:
			if _, twice := b.intents[r.Call]; twice {
				t.Errorf("call %s has two intents", r.Call)
			}
			b.intents[r.Call] = r
		case sallyport.PhaseOutcome:
			if _, twice := b.outcomes[r.Call]; twice {
				t.Errorf("call %s has two outcomes", r.Call)
			}
			b.outcomes[r.Call] = r
		case sallyport.PhaseRefusal:
			b.refusals = append(b.refusals, r)
		case sallyport.PhaseLate:
			b.late = append(b.late, r)
		}
	})
	for call := range b.intents {
		if _, closed := b.outcomes[call]; !closed {
			t.Errorf("call %s has no outcome", call)
		}
	}
	for call := range b.outcomes {
		if _, opened := b.intents[call]; !opened {
			t.Errorf("call %s has an outcome and no intent", call)
		}
	}
	for _, r := range b.late {
		if _, closed := b.outcomes[r.Call]; !closed {
			t.Errorf("call %s has a late outcome and no other", r.Call)
		}
	}
	b.checkLedger(t, db, org)
	checkBudgets(t, db, org)
	return b
}

// checkLedger compares the ledger with the balance and with the trail.
func (b *books) checkLedger(t *testing.T, db *store.DB, org sallyport.OrgID) {
	t.Helper()
	var sum sallyport.Credits
	charged := make(map[sallyport.CallID]bool)
	b.ledger = readLedger(t, db, org)
	for _, e := range b.ledger {
		sum += e.Amount
		if e.BalanceAfter != sum {
			t.Errorf("entry %d of the ledger says that %s are left, and those up to it sum up to %s", e.Seq, e.BalanceAfter, sum)
		}
		if e.Kind != sallyport.LedgerCharge {
			continue
		}
		if charged[e.Call] {
			t.Errorf("call %s was charged twice", e.Call)
		}
		charged[e.Call] = true
		told := b.outcomes[e.Call].Cost
		if told == nil || told.Charge != -e.Amount || told.Overrun != e.Overrun || told.Estimated != e.Estimated {
			t.Errorf("call %s: the ledger has %+v, its outcome %+v", e.Call, e, told)
		}
	}
	if len(charged) != len(b.outcomes) {
		t.Errorf("%d calls were charged, and %d have an outcome", len(charged), len(b.outcomes))
	}
	storetest.WantBalance(t, db, org, sum, 0)
}

// checkBudgets compares what is stored of every budget with what is counted anew.
func checkBudgets(t *testing.T, db *store.DB, org sallyport.OrgID) {
	t.Helper()
	stored, err := db.Budgets(t.Context(), org)
	if err != nil {
		t.Fatal(err)
	}
	again := storetest.Event("budgets.set")
	again.Time = time.Now().UTC()
	for _, b := range stored {
		again.EventID = storetest.NewID()
		counted, err := db.SetBudget(t.Context(), org, b.BudgetID, b.Limit, again)
		if err != nil {
			t.Fatal(err)
		}
		if b.At(counted.Since).Spent != counted.Spent || b.Held != 0 || counted.Held != 0 {
			t.Errorf("%s has spent %s and holds %s, and the ledger says %s and %s", b.BudgetID, b.Spent, b.Held, counted.Spent, counted.Held)
		}
	}
}

// booksPage is how much of trails and ledgers is read at once.
const booksPage = 1000

func readLedger(t *testing.T, db *store.DB, org sallyport.OrgID) (all []sallyport.LedgerEntry) {
	t.Helper()
	for after := int64(0); ; after = all[len(all)-1].Seq {
		page, err := db.Ledger(t.Context(), org, after, booksPage)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
	}
}

// eachRecord verifies the chain of a trail and calls f for each of its records.
func eachRecord(t *testing.T, db *store.DB, org sallyport.OrgID, f func(sallyport.Record)) {
	t.Helper()
	var prev sallyport.Hash
	seq := int64(0)
	for {
		records, err := db.Records(t.Context(), org, seq, booksPage)
		if err != nil {
			t.Fatal(err)
		}
		if len(records) == 0 {
			break
		}
		for _, stored := range records {
			if stored.Seq != seq+1 || stored.Prev != prev || sallyport.ChainHash(prev, stored.Body) != stored.Hash {
				t.Fatalf("the chain breaks at record %d", stored.Seq)
			}
			seq, prev = stored.Seq, stored.Hash
			r := sallyport.Record{Source: stored.Source}
			if err := json.Unmarshal(stored.Body, &r); err != nil {
				t.Fatal(err)
			}
			f(r)
		}
	}
	head, hash, err := db.ChainHead(t.Context(), org)
	if err != nil || head != seq || hash != prev {
		t.Fatalf("the head of the chain is record %d, %v, and the last one is %d", head, err, seq)
	}
}
