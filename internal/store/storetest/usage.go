package storetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// by makes an entry that opens a call one of somebody.
func by(e journal.Entry, user sallyport.UserID, key sallyport.KeyID, agent sallyport.AgentID, model string) journal.Entry {
	e.Open.User, e.Open.Key, e.Open.Agent, e.Open.Model = user, key, agent, model
	return e
}

// spendRandomly makes n calls of several users, keys, agents and models over
// three days, the last of them refused ones.
func spendRandomly(t *testing.T, db *store.DB, org sallyport.OrgID, name string, n int) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, uint64(n)))
	var opens, ends []journal.Entry
	for i := range n {
		call := sallyport.CallID(fmt.Sprintf("%s-%d", name, i))
		pick := func(what string) string { return fmt.Sprintf("%s-%d", what, random.IntN(3)) }
		agent := sallyport.AgentID(pick("agent"))
		if agent == "agent-0" {
			agent = ""
		}
		opens = append(opens, by(Intent(org, call, 10), sallyport.UserID(pick("user")), sallyport.KeyID(pick("key")), agent, pick("model")))
		end := Outcome(org, call, sallyport.Credits(random.IntN(20)))
		end.Record.Time = Time.Add(time.Duration(random.IntN(72)) * time.Hour)
		end.Close.Usage = sallyport.Usage{Input: random.Int64N(100), CachedInput: 1, CacheWrite: 2, Output: random.Int64N(50), Reasoning: 3}
		end.Close.Overrun, end.Close.Estimated = end.Close.Cost > 10, i%7 == 0
		ends = append(ends, end)
	}
	commit(t, db, opens...)
	commit(t, db, ends...)
}

// wantUsage compares every report with the ledger, read line by line.
func wantUsage(t *testing.T, db *store.DB, org sallyport.OrgID) {
	t.Helper()
	var want sallyport.UsageRow
	days := map[string]sallyport.UsageRow{}
	for _, e := range VerifyLedger(t, db, org) {
		if e.Kind == sallyport.LedgerGrant {
			continue
		}
		one := sallyport.UsageRow{Calls: 1, Usage: e.Usage, Charge: -e.Amount}
		if e.Estimated {
			one.Estimated = 1
		}
		if e.Overrun {
			one.Overruns = 1
		}
		want.Add(one)
		day := days[e.At.Format(time.DateOnly)]
		day.Name = e.At.Format(time.DateOnly)
		day.Add(one)
		days[day.Name] = day
	}
	for _, group := range []sallyport.UsageBy{sallyport.UsageByDay, sallyport.UsageByModel, sallyport.UsageByUser, sallyport.UsageByKey, sallyport.UsageByAgent} {
		rows, err := db.Usage(t.Context(), org, sallyport.UsageQuery{By: group})
		ok(t, err)
		var got sallyport.UsageRow
		for _, r := range rows {
			got.Add(r)
			if group == sallyport.UsageByDay && r != days[r.Name] {
				t.Errorf("%s: got %+v, want %+v", r.Name, r, days[r.Name])
			}
		}
		if got != want {
			t.Errorf("usage by %s adds up to %+v, want %+v as in the ledger", group, got, want)
		}
		if group != sallyport.UsageByDay {
			wantSeries(t, db, org, group, days)
		}
	}
}

// wantSeries compares each day of a series with what the ledger has of it.
func wantSeries(t *testing.T, db *store.DB, org sallyport.OrgID, by sallyport.UsageBy, want map[string]sallyport.UsageRow) {
	t.Helper()
	points, err := db.UsageSeries(t.Context(), org, sallyport.UsageQuery{By: by})
	ok(t, err)
	if !slices.IsSortedFunc(points, func(a, b sallyport.UsagePoint) int { return a.Day.Compare(b.Day) }) {
		t.Errorf("the days by %s are not in their order", by)
	}
	got := map[string]sallyport.UsageRow{}
	for _, p := range points {
		day := got[p.Day.Format(time.DateOnly)]
		day.Name = p.Day.Format(time.DateOnly)
		day.Add(p.UsageRow)
		got[day.Name] = day
	}
	if !maps.Equal(got, want) {
		t.Errorf("the series by %s has the days %+v, want %+v", by, got, want)
	}
}

func testUsage(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	fund(t, db, org, 1000)
	fund(t, db, other, 1000)
	// More than one transaction rolls up, in two goes, beside an organisation
	// that is not rolled up at all.
	spendRandomly(t, db, org, "a", 1100)
	spendRandomly(t, db, other, "a", 10)
	wantUsage(t, db, org)
	for n, want := range []bool{true, true, false, false} {
		more, err := db.RollUpUsage(ctx, org)
		ok(t, err)
		if more != want {
			t.Errorf("after roll-up %d there is more: %t, want %t", n+1, more, want)
		}
		wantUsage(t, db, org)
	}
	behind, err := db.UsageBehind(ctx)
	ok(t, err)
	if want := []sallyport.OrgID{other}; !slices.Equal(behind, want) {
		t.Errorf("behind are %v, want %v", behind, want)
	}
	spendRandomly(t, db, org, "b", 100)
	wantUsage(t, db, org)
	wantUsage(t, db, other)
	_, err = db.RollUpUsage(ctx, org)
	ok(t, err)
	wantUsage(t, db, org)

	// One day of one user is what the ledger has of them.
	day, err := db.Usage(ctx, org, sallyport.UsageQuery{By: sallyport.UsageByUser, From: Time.AddDate(0, 0, 1), To: Time.AddDate(0, 0, 1)})
	ok(t, err)
	if !slices.IsSortedFunc(day, func(a, b sallyport.UsageRow) int { return int(b.Charge - a.Charge) }) || len(day) != 3 {
		t.Errorf("the users of a day are %+v, want three, the dearest first", day)
	}
	one, err := db.Usage(ctx, org, sallyport.UsageQuery{By: sallyport.UsageByDay, User: "user-1"})
	ok(t, err)
	var sum sallyport.UsageRow
	for _, r := range one {
		sum.Add(r)
	}
	users, err := db.Usage(ctx, org, sallyport.UsageQuery{By: sallyport.UsageByUser})
	ok(t, err)
	at := slices.IndexFunc(users, func(r sallyport.UsageRow) bool { return r.Name == "user-1" })
	if sum.Name = "user-1"; at < 0 || users[at] != sum {
		t.Errorf("the days of user-1 add up to %+v, want a row of %+v", sum, users)
	}

	_, err = db.Usage(ctx, org, sallyport.UsageQuery{By: "phase of the moon"})
	fails(t, err, sallyport.InvalidBody)
	_, err = db.RollUpUsage(ctx, "nobody")
	fails(t, err, sallyport.NotFound)
	none, err := db.Usage(ctx, "nobody", sallyport.UsageQuery{By: sallyport.UsageByDay})
	ok(t, err)
	if len(none) != 0 {
		t.Errorf("nobody has used %+v", none)
	}
}

// Roll-ups of several processes at once take each line once.
func testUsageTogether(t *testing.T, db *store.DB) {
	org := NewOrg(t, db)
	fund(t, db, org, 1000)
	spendRandomly(t, db, org, "a", 1100)
	together(t, 4, func(int) {
		for more := true; more; {
			var err error
			if more, err = db.RollUpUsage(t.Context(), org); err != nil {
				t.Errorf("roll up: %v", err)
				return
			}
		}
	})
	wantUsage(t, db, org)
}

// A call keeps its agent, its groups and its price of reasoning until it is settled.
func testOpenCallKeepsPrice(t *testing.T, db *store.DB) {
	org := NewOrg(t, db)
	fund(t, db, org, 10)
	e := by(Intent(org, "c-1", 5), "u", "k", "a", "m")
	e.Open.Price.Reasoning, e.Open.Groups = 7, []sallyport.GroupID{"g-1", "g-2"}
	commit(t, db, e)
	open, err := db.OpenCalls(t.Context(), Node, "boot-2", 0)
	ok(t, err)
	if len(open) != 1 || open[0].Open.Agent != "a" || !reflect.DeepEqual(open[0].Open.Price, e.Open.Price) ||
		!slices.Equal(open[0].Open.Groups, e.Open.Groups) {
		t.Errorf("open calls are %+v, want the agent, groups and price of %+v", open, e.Open)
	}
}
