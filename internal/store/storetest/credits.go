package storetest

import (
	"reflect"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
)

func testCredits(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	grant := func(amount, want sallyport.Credits) {
		t.Helper()
		balance, err := db.Grant(ctx, org, amount, "note", Event("credit.grant"))
		ok(t, err)
		if balance != want {
			t.Errorf("balance after a grant of %v is %v, want %v", amount, balance, want)
		}
	}
	grant(10*sallyport.Credit, 10*sallyport.Credit)
	commit(t, db, Intent(org, "c-1", 4*sallyport.Credit))
	grant(-5*sallyport.Credit, 5*sallyport.Credit)

	refused := []struct {
		org    sallyport.OrgID
		amount sallyport.Credits
		code   sallyport.Code
	}{
		{org, -2 * sallyport.Credit, sallyport.InsufficientCredits}, // 1 is free, 4 are held
		{other, -1, sallyport.InsufficientCredits},
		{org, store.AmountMax, sallyport.InvalidBody},
		{org, store.AmountMax + 1, sallyport.InvalidBody},
		{"nobody", 1, sallyport.NotFound},
		{sallyport.InstanceOrg, 1, sallyport.NotFound},
	}
	unchanged(t, db, org, func() {
		for _, r := range refused {
			_, err := db.Grant(ctx, r.org, r.amount, "", Event("credit.grant"))
			fails(t, err, r.code)
		}
	})
	WantBalance(t, db, org, 5*sallyport.Credit, 4*sallyport.Credit)
	WantBalance(t, db, other, 0, 0)
	_, _, err := db.Balance(ctx, "nobody")
	fails(t, err, sallyport.NotFound)

	entries := VerifyLedger(t, db, org)
	if len(entries) != 2 || entries[0].Kind != sallyport.LedgerGrant || entries[0].Note != "note" || !entries[0].At.Equal(Time) {
		t.Errorf("ledger is %+v, want two grants", entries)
	}
	entries, err = db.Ledger(ctx, org, 1, 1)
	ok(t, err)
	if len(entries) != 1 || entries[0].Seq != 2 {
		t.Errorf("ledger after 1 is %+v, want entry 2", entries)
	}
	entries, err = db.Ledger(ctx, other, 0, 0)
	ok(t, err)
	if len(entries) != 0 {
		t.Errorf("ledger of another organisation is %+v, want empty", entries)
	}
}

func testHoldRefused(t *testing.T, db *store.DB) {
	org := NewOrg(t, db)
	fund(t, db, org, 3)
	results := commit(t, db,
		Intent(org, "c-1", 2*sallyport.Credit),
		Intent(org, "c-2", 2*sallyport.Credit),
		Intent(org, "c-3", 1*sallyport.Credit),
		Intent(org, "c-4", 1),
	)
	for i, refused := range []bool{false, true, false, true} {
		if results[i].Refused != refused {
			t.Errorf("hold %d refused: %t, want %t", i+1, results[i].Refused, refused)
		}
	}
	if got := results[1].Balance; got != 1*sallyport.Credit {
		t.Errorf("the refusal tells %v free, want 1", got)
	}
	WantBalance(t, db, org, 3*sallyport.Credit, 3*sallyport.Credit)
	records := VerifyChain(t, db, org)
	for i, phase := range []sallyport.Phase{sallyport.PhaseIntent, sallyport.PhaseRefusal, sallyport.PhaseIntent, sallyport.PhaseRefusal} {
		if got := records[i+2].Phase; got != phase {
			t.Errorf("record of hold %d is %s, want %s", i+1, got, phase)
		}
	}
	if refusal := records[3]; refusal.Cost == nil || refusal.Cost.Balance != 1*sallyport.Credit || refusal.Status != 402 {
		t.Errorf("the refusal is %+v, want the balance 1 in it", refusal)
	}
	// A refused call was never open: its end is late.
	if r := commit(t, db, Outcome(org, "c-2", 1)); !r[0].Late {
		t.Error("a refused call was charged")
	}
}

func testHoldOfNothing(t *testing.T, db *store.DB) {
	org := NewOrg(t, db)
	fund(t, db, org, 1)
	commit(t, db, Intent(org, "c-1", sallyport.Credit))
	over := Outcome(org, "c-1", 2*sallyport.Credit)
	over.Close.Overrun = true
	commit(t, db, over) // now the balance is -1
	if r := commit(t, db, Intent(org, "c-2", 0)); r[0].Refused {
		t.Error("a hold of nothing was refused")
	}
	if r := commit(t, db, Intent(org, "c-3", 1)); !r[0].Refused || r[0].Balance != -sallyport.Credit {
		t.Errorf("a hold without credits gave %+v, want a refusal that tells -1", r[0])
	}
	commit(t, db, Outcome(org, "c-2", 0))
	entries := VerifyLedger(t, db, org)
	if last := entries[len(entries)-1]; last.Call != "c-2" || last.Amount != 0 {
		t.Errorf("the last entry is %+v, want a charge of nothing for c-2", last)
	}
}

func testOverrun(t *testing.T, db *store.DB) {
	org := NewOrg(t, db)
	fund(t, db, org, 10)
	commit(t, db, Intent(org, "c-1", 2*sallyport.Credit))
	e := Outcome(org, "c-1", 3*sallyport.Credit)
	e.Close.Overrun, e.Close.Estimated = true, true
	e.Close.Usage = sallyport.Usage{Input: 1, CachedInput: 2, CacheWrite: 3, Output: 5, Reasoning: 4}
	commit(t, db, e)
	WantBalance(t, db, org, 7*sallyport.Credit, 0)
	entries := VerifyLedger(t, db, org)
	want := sallyport.LedgerEntry{
		Org: org, Seq: 2, Kind: sallyport.LedgerCharge, Amount: -3 * sallyport.Credit, BalanceAfter: 7 * sallyport.Credit,
		At: Time, Call: "c-1", User: "u1", Key: "k1", Model: "mock-large", Usage: e.Close.Usage, Estimated: true, Overrun: true, PriceVersion: "p1",
	}
	if got := entries[1]; !reflect.DeepEqual(got, want) {
		t.Errorf("the charge is %+v, want %+v", got, want)
	}
}

func testLateOutcome(t *testing.T, db *store.DB) {
	org := NewOrg(t, db)
	fund(t, db, org, 10)
	commit(t, db, Intent(org, "c-1", 2*sallyport.Credit))
	commit(t, db, Outcome(org, "c-1", 1*sallyport.Credit))
	late := commit(t, db, Outcome(org, "c-1", 2*sallyport.Credit), Outcome(org, "never", 2*sallyport.Credit))
	for i, r := range late {
		if !r.Late {
			t.Errorf("outcome %d is not late: %+v", i, r)
		}
	}
	WantBalance(t, db, org, 9*sallyport.Credit, 0)
	if n := len(VerifyLedger(t, db, org)); n != 2 {
		t.Errorf("the ledger has %d entries, want the grant and one charge", n)
	}
	records := VerifyChain(t, db, org)
	for _, r := range records[len(records)-2:] {
		if r.Phase != sallyport.PhaseLate {
			t.Errorf("the late record is a %s, want late", r.Phase)
		}
	}
}
