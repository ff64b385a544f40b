package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// told returns the percentages of the organisation's budgets.alert events, oldest first.
func told(t *testing.T, db *store.DB, org sallyport.OrgID) (percents []int) {
	t.Helper()
	records, err := db.Records(t.Context(), org, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		var rec sallyport.Record
		if err := json.Unmarshal(r.Body, &rec); err != nil {
			t.Fatal(err)
		}
		if rec.Action != "budgets.alert" {
			continue
		}
		var change struct{ Percent int }
		if err := json.Unmarshal(rec.Change, &change); err != nil {
			t.Fatal(err)
		}
		if rec.Resource != "budget/total/user/u1" || rec.Actor.Type != audit.ActorSystem {
			t.Errorf("an alert of %s by %+v", rec.Resource, rec.Actor)
		}
		percents = append(percents, change.Percent)
	}
	return percents
}

// The follower keeps roll-ups behind the ledger and tells each alert once: when
// calls reach it, and when a budget is set below what was spent already.
func TestFollowUsage(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db := storetest.SQLite(t)
	i := &instance{db: db, audit: audit.Builder{Node: "n", Boot: "b", Now: time.Now}}
	org, seen := storetest.NewOrg(t, db), int64(-1)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	follow := func(want ...int) {
		t.Helper()
		for range 2 { // the second time there is nothing to do
			check(i.rollUp(ctx, &seen))
		}
		behind, err := db.UsageBehind(ctx)
		check(err)
		if len(behind) != 0 {
			t.Errorf("%v are behind", behind)
		}
		got := told(t, db, org)
		if len(got) != len(want) {
			t.Fatalf("told %v, want %v", got, want)
		}
		for n := range want {
			if got[n] != want[n] {
				t.Errorf("told %v, want %v", got, want)
			}
		}
	}
	spend := func(call sallyport.CallID, cost sallyport.Credits) {
		t.Helper()
		_, err := db.CommitBatch(ctx, journal.BatchID(storetest.NewID()), []journal.Entry{
			storetest.Intent(org, call, cost), storetest.Outcome(org, call, cost)})
		check(err)
	}
	id := sallyport.BudgetID{Scope: sallyport.BudgetUser, Subject: "u1", Period: sallyport.PeriodTotal}
	set := func(limit sallyport.Credits) {
		t.Helper()
		_, err := db.SetBudget(ctx, org, id, limit, storetest.Event("budgets.set"))
		check(err)
	}
	_, err := db.Grant(ctx, org, sallyport.Credit, "", storetest.Event("credits.grant"))
	check(err)
	set(100)
	follow()
	spend("c-1", 60)
	follow(50)
	spend("c-2", 10)
	follow(50)
	set(80) // nobody calls, and 70 of 80 are spent
	follow(50, 50, 80)
	set(80)
	follow(50, 50, 80)
}
