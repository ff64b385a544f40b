package storetest

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// together runs f n times at once.
func together(t *testing.T, n int, f func(i int)) {
	t.Helper()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

func budgetID(scope sallyport.BudgetScope, subject string, period sallyport.Period) sallyport.BudgetID {
	return sallyport.BudgetID{Scope: scope, Subject: subject, Period: period}
}

func setBudget(t *testing.T, db *store.DB, org sallyport.OrgID, id sallyport.BudgetID, limit sallyport.Credits) sallyport.Budget {
	t.Helper()
	b, err := db.SetBudget(t.Context(), org, id, limit, Event("budgets.set"))
	ok(t, err)
	return b
}

// wantBudget looks at a budget as it is stored.
func wantBudget(t *testing.T, db *store.DB, org sallyport.OrgID, id sallyport.BudgetID, spent, held sallyport.Credits) {
	t.Helper()
	all, err := db.Budgets(t.Context(), org)
	ok(t, err)
	for _, b := range all {
		if b.BudgetID == id {
			if b.Spent != spent || b.Held != held {
				t.Errorf("%s: spent %v and held %v, want %v and %v", id, b.Spent, b.Held, spent, held)
			}
			return
		}
	}
	t.Errorf("there is no %s among %+v", id, all)
}

func at(e journal.Entry, when time.Time) journal.Entry {
	e.Record.Time = when
	return e
}

func testBudgets(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	fund(t, db, org, 100)
	fund(t, db, other, 100)
	whole := budgetID(sallyport.BudgetOrganisation, "", sallyport.PeriodMonth)
	user := budgetID(sallyport.BudgetUser, "u1", sallyport.PeriodDay)
	model := budgetID(sallyport.BudgetModel, "big", sallyport.PeriodTotal)
	agent := budgetID(sallyport.BudgetAgent, "a1", sallyport.PeriodTotal)
	key := budgetID(sallyport.BudgetKey, "k1", sallyport.PeriodTotal)
	for id, limit := range map[sallyport.BudgetID]sallyport.Credits{whole: 100, user: 50, model: 20, agent: 10, key: 40} {
		setBudget(t, db, org, id, limit)
	}

	for _, tt := range []struct {
		name string
		who  journal.Entry
		over *sallyport.BudgetID
	}{
		{"fits", by(Intent(org, "c-1", 10), "u1", "k1", "a1", "big"), nil},
		{"agent", by(Intent(org, "c-2", 1), "u1", "k1", "a1", "big"), &agent},
		{"model", by(Intent(org, "c-3", 11), "u1", "k1", "", "big"), &model},
		{"key", by(Intent(org, "c-4", 31), "u1", "k1", "", "small"), &key},
		{"user", by(Intent(org, "c-5", 41), "u1", "k2", "", "small"), &user},
		{"organisation", by(Intent(org, "c-6", 91), "u2", "k2", "", "small"), &whole},
		{"nothing is always held", by(Intent(org, "c-7", 0), "u1", "k1", "a1", "big"), nil},
		{"other organisation", by(Intent(other, "c-8", 1000), "u1", "k1", "a1", "big"), nil},
	} {
		r := commit(t, db, tt.who)[0]
		if r.Refused != (tt.over != nil) || (tt.over != nil && (r.Budget == nil || r.Budget.BudgetID != *tt.over || r.Budget.Used() != 10)) {
			t.Errorf("%s: got %+v with budget %+v, want refused by %v", tt.name, r, r.Budget, tt.over)
		}
	}
	wantBudget(t, db, org, whole, 0, 10)
	WantBalance(t, db, org, 100*sallyport.Credit, 10)
	records := VerifyChain(t, db, org)
	refusal := records[len(records)-2]
	if refusal.Phase != sallyport.PhaseRefusal || refusal.Code != sallyport.BudgetExceeded || refusal.Cost.Budget == nil ||
		*refusal.Cost.Budget != (sallyport.RecordBudget{Scope: sallyport.BudgetOrganisation, Period: sallyport.PeriodMonth, Since: whole.Period.Start(Time), Limit: 100, Used: 10}) {
		t.Errorf("the refusal is %+v with budget %+v", refusal, refusal.Cost.Budget)
	}

	// An outcome that costs more than its hold is charged all the same.
	commit(t, db, Outcome(org, "c-1", 12))
	for _, id := range []sallyport.BudgetID{whole, user, model, agent, key} {
		wantBudget(t, db, org, id, 12, 0)
	}
	commit(t, db, Outcome(org, "c-1", 12), Outcome(org, "c-2", 12)) // late ones move nothing
	wantBudget(t, db, org, whole, 12, 0)

	// The results of a batch are the same when it is committed again.
	id, entries := journal.BatchID(NewID()), []journal.Entry{by(Intent(org, "c-9", 90), "u2", "k2", "", "small"), by(Intent(org, "c-10", 1), "u2", "k2", "", "small")}
	first, err := db.CommitBatch(ctx, id, entries)
	ok(t, err)
	again, err := db.CommitBatch(ctx, id, entries)
	ok(t, err)
	if len(again) != 2 || again[0].Budget == nil || *again[0].Budget != *first[0].Budget || again[1].Budget != nil || again[0].Balance != first[0].Balance {
		t.Errorf("repeated: got %+v, want %+v", again, first)
	}

	// Removed it binds nobody; set again it counts what was and what is.
	ok(t, db.RemoveBudget(ctx, org, whole, Event("budgets.remove")))
	commit(t, db, by(Intent(org, "c-11", 500), "u2", "k2", "", "small"))
	if b := setBudget(t, db, org, whole, 100); b.Spent != 12 || b.Held != 501 {
		t.Errorf("a budget that is set later counts %v and %v, want 12 and 501", b.Spent, b.Held)
	}
	commit(t, db, Outcome(org, "c-11", 3))
	wantBudget(t, db, org, whole, 15, 1)
	if _, err := db.RollUpUsage(ctx, org); err != nil {
		t.Error(err)
	}
	if b := setBudget(t, db, org, user, 100); b.Spent != 12 || b.Held != 0 {
		t.Errorf("after a roll-up a user's budget counts %v and %v, want 12 and 0", b.Spent, b.Held)
	}

	unchanged(t, db, org, func() {
		fails(t, db.RemoveBudget(ctx, other, whole, Event("x")), sallyport.NotFound)
		for _, bad := range []sallyport.BudgetID{
			budgetID("galaxy", "x", sallyport.PeriodDay), budgetID(sallyport.BudgetUser, "", sallyport.PeriodDay),
			budgetID(sallyport.BudgetOrganisation, "x", sallyport.PeriodDay), budgetID(sallyport.BudgetOrganisation, "", "week"),
		} {
			_, err := db.SetBudget(ctx, org, bad, 1, Event("x"))
			fails(t, err, sallyport.InvalidBody)
		}
		_, err := db.SetBudget(ctx, org, whole, -1, Event("x"))
		fails(t, err, sallyport.InvalidBody)
	})
	_, err = db.SetBudget(ctx, "nobody", whole, 1, Event("x"))
	fails(t, err, sallyport.NotFound)
	list, err := db.Budgets(ctx, other)
	ok(t, err)
	if len(list) != 0 {
		t.Errorf("the other organisation has %+v", list)
	}
}

// A new period begins with nothing spent; what is held goes on being held.
func testBudgetPeriods(t *testing.T, db *store.DB) {
	org := NewOrg(t, db)
	fund(t, db, org, 1)
	id := budgetID(sallyport.BudgetOrganisation, "", sallyport.PeriodDay)
	setBudget(t, db, org, id, 10)
	tomorrow := Time.AddDate(0, 0, 1)
	commit(t, db, Intent(org, "c-1", 6), Intent(org, "c-2", 4))
	commit(t, db, Outcome(org, "c-1", 6))
	if r := commit(t, db, Intent(org, "c-3", 1)); !r[0].Refused {
		t.Error("a call passed that today's budget does not cover")
	}
	if r := commit(t, db, at(Intent(org, "c-4", 7), tomorrow)); !r[0].Refused || r[0].Budget.Used() != 4 {
		t.Errorf("got %+v, want a refusal: 4 are held from yesterday", r)
	}
	if r := commit(t, db, at(Intent(org, "c-5", 6), tomorrow)); r[0].Refused {
		t.Errorf("tomorrow's budget refuses: %+v", r)
	}
	wantBudget(t, db, org, id, 0, 10)
	// Who comes late with yesterday's time is charged to the day that began.
	commit(t, db, Outcome(org, "c-2", 3), at(Outcome(org, "c-5", 6), tomorrow))
	wantBudget(t, db, org, id, 9, 0)
}

// Of 200 calls at once that each want one of ten, ten pass; what is left over of
// the holds may be spent by others.
func testBudgetSpending(t *testing.T, db *store.DB) {
	const callers, limit = 200, 10
	org := NewOrg(t, db)
	fund(t, db, org, 1000)
	id := budgetID(sallyport.BudgetKey, "k1", sallyport.PeriodMonth)
	day := budgetID(sallyport.BudgetOrganisation, "", sallyport.PeriodDay)
	setBudget(t, db, org, id, limit*sallyport.Credit)
	setBudget(t, db, org, day, 1000*sallyport.Credit)
	j := newJournal(t, db, Boot)
	var admitted, refused atomic.Int64
	together(t, callers, func(i int) {
		call := sallyport.CallID(fmt.Sprintf("c-%d", i))
		r, err := j.Commit(t.Context(), Intent(org, call, sallyport.Credit))
		switch {
		case err != nil:
			t.Errorf("admit: %v", err)
		case r.Refused && r.Budget != nil && r.Budget.BudgetID == id:
			refused.Add(1)
		case r.Refused:
			t.Errorf("refused by %+v", r)
		default:
			admitted.Add(1)
			if err := j.CommitOutcome(t.Context(), Outcome(org, call, sallyport.Credit)); err != nil {
				t.Errorf("settle: %v", err)
			}
		}
	})
	if admitted.Load() != limit || refused.Load() != callers-limit {
		t.Errorf("%d passed and %d were refused, want %d and %d", admitted.Load(), refused.Load(), limit, callers-limit)
	}
	wantBudget(t, db, org, id, limit*sallyport.Credit, 0)
	wantBudget(t, db, org, day, limit*sallyport.Credit, 0)
	WantBalance(t, db, org, (1000-limit)*sallyport.Credit, 0)
	VerifyLedger(t, db, org)
	VerifyChain(t, db, org)
}

// A call that its server left open is charged to budgets once, when it is closed
// for it; what the dead server says afterwards moves nothing.
func testBudgetRecovery(t *testing.T, db *store.DB) {
	org := NewOrg(t, db)
	fund(t, db, org, 1)
	id := budgetID(sallyport.BudgetAgent, "a1", sallyport.PeriodMonth)
	setBudget(t, db, org, id, 100)
	commit(t, db, by(Intent(org, "c-1", 60), "u1", "k1", "a1", "m"), by(Intent(org, "c-2", 30), "u1", "k1", "a1", "m"))
	commit(t, db, Outcome(org, "c-2", 5))
	wantBudget(t, db, org, id, 5, 60)
	j := newJournal(t, db, "boot-2")
	for range 2 {
		_, err := j.Recover(t.Context())
		ok(t, err)
		wantBudget(t, db, org, id, 65, 0)
	}
	commit(t, db, Outcome(org, "c-1", 7))
	wantBudget(t, db, org, id, 65, 0)
	rows, err := db.Usage(t.Context(), org, sallyport.UsageQuery{By: sallyport.UsageByAgent})
	ok(t, err)
	if len(rows) != 1 || rows[0].Name != "a1" || rows[0].Charge != 65 || rows[0].Estimated != 1 {
		t.Errorf("usage is %+v, want 65 of a1, one call of two estimated", rows)
	}
}

// Budgets that are set and removed while calls run end up with what the ledger says.
func testBudgetSetBesideCalls(t *testing.T, db *store.DB) {
	org := NewOrg(t, db)
	fund(t, db, org, 1000)
	id := budgetID(sallyport.BudgetUser, "u1", sallyport.PeriodTotal)
	j := newJournal(t, db, Boot)
	together(t, 20, func(i int) {
		for n := range 5 {
			call := sallyport.CallID(fmt.Sprintf("c-%d-%d", i, n))
			if _, err := j.Commit(t.Context(), Intent(org, call, 10)); err != nil {
				t.Errorf("admit: %v", err)
			}
			if i == 0 {
				if _, err := db.SetBudget(t.Context(), org, id, sallyport.Credit, Event("budgets.set")); err != nil {
					t.Errorf("set: %v", err)
				}
			}
			if err := j.CommitOutcome(t.Context(), Outcome(org, call, 7)); err != nil {
				t.Errorf("settle: %v", err)
			}
			if i == 1 {
				if err := db.RemoveBudget(t.Context(), org, id, Event("budgets.remove")); sallyport.CodeOf(err) != sallyport.NotFound && err != nil {
					t.Errorf("remove: %v", err)
				}
			}
		}
	})
	setBudget(t, db, org, id, sallyport.Credit)
	wantBudget(t, db, org, id, 20*5*7, 0)
}

// Each alert is told once in a period, by one of several processes.
func testBudgetAlerts(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	fund(t, db, org, 1)
	NewOrg(t, db) // without budgets
	id := budgetID(sallyport.BudgetOrganisation, "", sallyport.PeriodDay)
	setBudget(t, db, org, id, 150)
	orgs, err := db.BudgetOrgs(ctx)
	ok(t, err)
	if !slices.Equal(orgs, []sallyport.OrgID{org}) {
		t.Errorf("organisations with budgets are %v, want %v", orgs, org)
	}
	setBudget(t, db, org, budgetID(sallyport.BudgetUser, "u1", sallyport.PeriodDay), 0) // of nothing no part is reached
	spent := 0
	spend := func(when time.Time, cost sallyport.Credits) {
		t.Helper()
		spent++
		call := sallyport.CallID(fmt.Sprintf("c-%d", spent))
		open := by(at(Intent(org, call, cost), when), "u2", "k2", "", "m")
		if r := commit(t, db, open); r[0].Refused {
			t.Fatalf("refused: %+v", r)
		}
		commit(t, db, at(Outcome(org, call, cost), when))
	}
	tell := func(want ...int) {
		t.Helper()
		due, err := db.BudgetAlerts(ctx, org)
		ok(t, err)
		if len(due) != len(want) {
			t.Fatalf("due are %+v, want %v", due, want)
		}
		before, _, err := db.ChainHead(ctx, org)
		ok(t, err)
		together(t, 3, func(int) {
			for n, a := range due {
				if a.Percent != want[n] {
					t.Errorf("alert %d is of %d %%, want %d", n, a.Percent, want[n])
				}
				if err := db.TellBudgetAlert(ctx, a, Event("budgets.alert")); err != nil {
					t.Errorf("tell: %v", err)
				}
			}
		})
		after, _, err := db.ChainHead(ctx, org)
		ok(t, err)
		if after-before != int64(len(want)) {
			t.Errorf("%d alerts were told in %d records", len(want), after-before)
		}
	}
	spend(Time, 74)
	tell()
	spend(Time, 1)
	tell(50)
	tell()
	spend(Time, 44)
	tell()
	spend(Time, 1)
	tell(80)
	spend(Time, 30)
	tell(100)
	tell()
	spend(Time.AddDate(0, 0, 1), 75)
	tell(50)
}
