package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// inGroups makes an entry open a call of somebody who is in these groups.
func inGroups(e journal.Entry, groups ...sallyport.GroupID) journal.Entry {
	e.Open.Groups = groups
	return e
}

func groupBudget(group sallyport.GroupID, period sallyport.Period) sallyport.BudgetID {
	return budgetID(sallyport.BudgetGroup, string(group), period)
}

// Every group of the owner binds a call, and a budget that is set later counts
// what was and what is.
func testGroupBudgets(t *testing.T, db *store.DB) {
	org, other := NewOrg(t, db), NewOrg(t, db)
	fund(t, db, org, 1)
	fund(t, db, other, 1)
	red, blue, theirs := NewGroup(t, db, org, "Red"), NewGroup(t, db, org, "Blue"), NewGroup(t, db, other, "Red")
	redMonth, redDay, blueTotal := groupBudget(red, sallyport.PeriodMonth), groupBudget(red, sallyport.PeriodDay), groupBudget(blue, sallyport.PeriodTotal)
	commit(t, db, inGroups(Intent(org, "c-0", 7), red), inGroups(Intent(org, "c-1", 3), blue, red))
	commit(t, db, Outcome(org, "c-0", 5))
	if b := setBudget(t, db, org, redMonth, 50); b.Spent != 5 || b.Held != 3 {
		t.Errorf("a budget that is set later counts %v and %v, want 5 and 3", b.Spent, b.Held)
	}
	setBudget(t, db, org, redDay, 48)
	if b := setBudget(t, db, org, blueTotal, 20); b.Spent != 0 || b.Held != 3 {
		t.Errorf("a budget that is set later counts %v and %v, want 0 and 3", b.Spent, b.Held)
	}
	setBudget(t, db, other, groupBudget(theirs, sallyport.PeriodMonth), 0)

	for _, tt := range []struct {
		name string
		who  journal.Entry
		over *sallyport.BudgetID
		used sallyport.Credits
	}{
		{"fits into all", inGroups(Intent(org, "c-2", 10), blue, red), nil, 0},
		{"one group of two", inGroups(Intent(org, "c-3", 8), red, blue), &blueTotal, 13},
		{"the other", inGroups(Intent(org, "c-4", 31), red), &redDay, 18},
		{"its longer period", at(inGroups(Intent(org, "c-5", 34), red), Time.AddDate(0, 0, 1)), &redMonth, 18},
		{"in no group", Intent(org, "c-6", 500), nil, 0},
		{"named twice", inGroups(Intent(org, "c-7", 4), blue, blue), nil, 0},
		{"nothing is always held", inGroups(Intent(org, "c-8", 0), red, blue), nil, 0},
	} {
		r := commit(t, db, tt.who)[0]
		if r.Refused != (tt.over != nil) || (tt.over != nil && (r.Budget == nil || r.Budget.BudgetID != *tt.over || r.Budget.Used() != tt.used)) {
			t.Errorf("%s: got %+v with budget %+v, want refused by %v", tt.name, r, r.Budget, tt.over)
		}
	}
	records := VerifyChain(t, db, org)
	at := slices.IndexFunc(records, func(r sallyport.Record) bool { return r.Call == "c-3" })
	if want := (sallyport.RecordBudget{
		Scope: sallyport.BudgetGroup, Subject: string(blue), Period: sallyport.PeriodTotal, Since: time.Unix(0, 0).UTC(), Limit: 20, Used: 13,
	}); records[at].Code != sallyport.BudgetExceeded || records[at].Cost.Budget == nil || *records[at].Cost.Budget != want {
		t.Errorf("the refusal is %+v with budget %+v, want %+v", records[at], records[at].Cost.Budget, want)
	}

	commit(t, db, Outcome(org, "c-1", 3), Outcome(org, "c-2", 9), Outcome(org, "c-7", 4))
	wantBudget(t, db, org, redMonth, 17, 0)
	wantBudget(t, db, org, blueTotal, 16, 0)
	for range 2 { // counted from the ledger, and from its roll-up
		if b := setBudget(t, db, org, redDay, 48); b.Spent != 17 || b.Held != 0 {
			t.Errorf("set again it counts %v and %v, want 17 and 0", b.Spent, b.Held)
		}
		_, err := db.RollUpUsage(t.Context(), org)
		ok(t, err)
	}
	unchanged(t, db, org, func() {
		_, err := db.SetBudget(t.Context(), org, groupBudget(theirs, sallyport.PeriodDay), 1, Event("x"))
		fails(t, err, sallyport.NotFound)
		_, err = db.SetBudget(t.Context(), org, groupBudget("", sallyport.PeriodDay), 1, Event("x"))
		fails(t, err, sallyport.InvalidBody)
	})
}

// A call is settled with the groups with which it was opened, whatever becomes
// of them, by its own server or by another.
func testGroupsOfCall(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	fund(t, db, org, 1)
	ann := NewMember(t, db, org)
	red, blue, green := NewGroup(t, db, org, "Red", ann), NewGroup(t, db, org, "Blue", ann), NewGroup(t, db, org, "Green")
	id := func(group sallyport.GroupID) sallyport.BudgetID { return groupBudget(group, sallyport.PeriodMonth) }
	for _, group := range []sallyport.GroupID{red, blue, green} {
		setBudget(t, db, org, id(group), 1000)
	}
	for _, call := range []sallyport.CallID{"settled", "left"} {
		commit(t, db, by(inGroups(Intent(org, call, 60), red, blue), ann, "k1", "", "m"))
	}
	ok(t, db.RemoveFromGroup(ctx, org, red, []sallyport.UserID{ann}, Event("groups.remove")))
	ok(t, db.AddToGroup(ctx, org, green, []sallyport.UserID{ann}, Event("groups.add")))
	commit(t, db, by(inGroups(Intent(org, "new", 10), blue, green), ann, "k1", "", "m"))
	wantBudget(t, db, org, id(red), 0, 120)
	wantBudget(t, db, org, id(blue), 0, 130)
	wantBudget(t, db, org, id(green), 0, 10)

	commit(t, db, Outcome(org, "settled", 40))
	ok(t, db.DeleteGroup(ctx, org, blue, Event("groups.delete")))
	wantBudget(t, db, org, id(red), 40, 60)
	commit(t, db, Outcome(org, "new", 8))
	j := newJournal(t, db, "boot-2")
	for range 2 {
		_, err := j.Recover(ctx)
		ok(t, err)
		wantBudget(t, db, org, id(red), 100, 0)
		wantBudget(t, db, org, id(green), 8, 0)
	}
	commit(t, db, Outcome(org, "left", 7)) // late: it moves nothing
	wantBudget(t, db, org, id(red), 100, 0)
	WantBalance(t, db, org, sallyport.Credit-108, 0)
	rows, err := db.Usage(ctx, org, sallyport.UsageQuery{By: sallyport.UsageByGroup})
	ok(t, err)
	charged := map[string]sallyport.Credits{}
	for _, r := range rows {
		charged[r.Name] = r.Charge
	}
	if want := map[string]sallyport.Credits{string(red): 100, string(blue): 108, string(green): 8}; !reflect.DeepEqual(charged, want) {
		t.Errorf("usage by group is %v, want %v", charged, want)
	}
}

// spenders are calls of two servers at once, of members of several groups, and
// what they have spent by their own reckoning.
type spenders struct {
	org    sallyport.OrgID
	groups []sallyport.GroupID
	limits map[sallyport.BudgetID]sallyport.Credits

	mu    sync.Mutex
	spent map[sallyport.GroupID]sallyport.Credits
	total sallyport.Credits
}

func (s *spenders) charge(groups []sallyport.GroupID, cost sallyport.Credits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total += cost
	for _, g := range groups {
		s.spent[g] += cost
	}
}

// of are the groups of the n-th member: none, each alone, all kinds of several.
func (s *spenders) of(n int) (groups []sallyport.GroupID) {
	for i, g := range s.groups {
		if n>>i&1 == 1 {
			groups = append(groups, g)
		}
	}
	return groups
}

// within fails the test when a budget is overspent at this moment.
func (s *spenders) within(t *testing.T, db *store.DB) {
	budgets, err := db.Budgets(t.Context(), s.org)
	if err != nil {
		t.Errorf("Budgets: %v", err)
	}
	for _, b := range budgets {
		if b.Limit != s.limits[b.BudgetID] || b.Used() > b.Limit {
			t.Errorf("%s: %v are used of %v", b.BudgetID, b.Used(), b.Limit)
		}
	}
}

// Of 240 calls at once of members of several groups none overspends a budget of
// any of them; what they cost is in the budgets of their groups, to the last
// micro-credit, while budgets are set again, members come and go, and every
// fifth call is left to the next start of its server.
func testGroupSpending(t *testing.T, db *store.DB) {
	const calls, start = 240, 1000
	org := NewOrg(t, db)
	fund(t, db, org, start)
	ann := NewMember(t, db, org)
	s := &spenders{org: org, limits: map[sallyport.BudgetID]sallyport.Credits{}, spent: map[sallyport.GroupID]sallyport.Credits{}}
	for i, limit := range []sallyport.Credits{10, 15, 40} {
		group := NewGroup(t, db, org, fmt.Sprint("Group ", i))
		s.groups = append(s.groups, group)
		id := groupBudget(group, sallyport.PeriodMonth)
		s.limits[id] = limit * sallyport.Credit
		setBudget(t, db, org, id, s.limits[id])
	}
	journals := []*journal.Journal{newJournal(t, db, "boot-1"), newJournal(t, db, "boot-1")}
	together(t, calls, func(i int) {
		random := rand.New(rand.NewPCG(2, uint64(i)))
		groups, call := s.of(i%8), sallyport.CallID(fmt.Sprintf("c-%d", i))
		open := inGroups(Intent(org, call, sallyport.Credit), groups...)
		r, err := journals[i%2].Commit(t.Context(), open)
		if err != nil {
			t.Errorf("admit: %v", err)
			return
		}
		s.within(t, db)
		switch cost := sallyport.Credits(random.Int64N(int64(sallyport.Credit + 1))); {
		case r.Refused:
			if b := r.Budget; b == nil || b.Scope != sallyport.BudgetGroup || b.Limit-b.Used() >= sallyport.Credit ||
				!slices.Contains(groups, sallyport.GroupID(b.Subject)) {
				t.Errorf("a call of %v is refused by %+v", groups, b)
			}
		case i%5 == 0: // its server dies
			s.charge(groups, sallyport.Credit)
		default:
			end := Outcome(org, call, cost)
			if i%3 == 0 { // who opened it says so, and the store need not read it
				end.Close.Opened = open.Open
			}
			if err := journals[i%2].CommitOutcome(t.Context(), end); err != nil {
				t.Errorf("settle: %v", err)
			}
			s.charge(groups, cost)
		}
		switch {
		case i%40 == 0:
			for id, limit := range s.limits {
				if _, err := db.SetBudget(t.Context(), org, id, limit, Event("budgets.set")); err != nil {
					t.Errorf("set: %v", err)
				}
			}
		case i%40 == 1:
			if err := db.AddToGroup(t.Context(), org, s.groups[0], []sallyport.UserID{ann}, Event("groups.add")); err != nil {
				t.Errorf("add: %v", err)
			}
		}
	})
	_, err := newJournal(t, db, "boot-2").Recover(context.Background())
	ok(t, err)
	for id := range s.limits {
		spent := s.spent[sallyport.GroupID(id.Subject)]
		wantBudget(t, db, org, id, spent, 0)
		if b := setBudget(t, db, org, id, s.limits[id]); b.Spent != spent || b.Held != 0 {
			t.Errorf("%s: counted again %v and %v, want %v", id, b.Spent, b.Held, spent)
		}
		if spent == 0 {
			t.Errorf("%s: nothing was spent", id)
		}
	}
	s.within(t, db)
	WantBalance(t, db, org, start*sallyport.Credit-s.total, 0)
	VerifyLedger(t, db, org)
	VerifyChain(t, db, org)
}

// Usage counts a call for each group of its owner, before and after it was
// rolled up; what was used before there were groups is nobody's.
func testGroupUsage(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	fund(t, db, org, 100)
	spendRandomly(t, db, org, "before", 20)
	red, blue := NewGroup(t, db, org, "Red"), NewGroup(t, db, org, "Blue")
	want := map[string]sallyport.UsageRow{string(red): {}, string(blue): {}}
	var opens, ends []journal.Entry
	for i := range 1100 { // more than one transaction rolls up
		random := rand.New(rand.NewPCG(3, uint64(i)))
		call := sallyport.CallID(fmt.Sprintf("c-%d", i))
		groups := [][]sallyport.GroupID{nil, {red}, {blue}, {red, blue}}[i%4]
		user := sallyport.UserID(fmt.Sprint("user-", i%3))
		end := at(Outcome(org, call, sallyport.Credits(random.IntN(20))), Time.Add(time.Duration(random.IntN(48))*time.Hour))
		opens, ends = append(opens, by(inGroups(Intent(org, call, 20), groups...), user, "k1", "", "m")), append(ends, end)
		for _, g := range groups {
			row := want[string(g)]
			row.Add(sallyport.UsageRow{Calls: 1, Usage: end.Close.Usage, Charge: end.Close.Cost})
			row.Name = string(g)
			want[row.Name] = row
		}
	}
	commit(t, db, opens...)
	commit(t, db, ends...)
	look := func(q sallyport.UsageQuery) map[string]sallyport.UsageRow {
		t.Helper()
		q.By = sallyport.UsageByGroup
		rows, err := db.Usage(ctx, org, q)
		ok(t, err)
		if !slices.IsSortedFunc(rows, func(a, b sallyport.UsageRow) int { return int(b.Charge - a.Charge) }) {
			t.Errorf("the rows are %+v, want the dearest first", rows)
		}
		got := map[string]sallyport.UsageRow{}
		for _, r := range rows {
			got[r.Name] = r
		}
		return got
	}
	for more := true; more; {
		if got := look(sallyport.UsageQuery{}); !reflect.DeepEqual(got, want) {
			t.Errorf("usage is %+v, want %+v", got, want)
		}
		var err error
		more, err = db.RollUpUsage(ctx, org)
		ok(t, err)
	}
	behind, err := db.UsageBehind(ctx)
	ok(t, err)
	if got := look(sallyport.UsageQuery{}); len(behind) != 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("rolled up but for %v, usage is %+v, want %+v", behind, got, want)
	}
	wantUsage(t, db, org)

	sum := map[string]sallyport.UsageRow{}
	for _, user := range []sallyport.UserID{"user-0", "user-1", "user-2"} {
		for day := range 2 {
			when := Time.AddDate(0, 0, day)
			for name, row := range look(sallyport.UsageQuery{User: user, From: when, To: when}) {
				row.Add(sum[name])
				sum[name] = row
			}
		}
		rows := look(sallyport.UsageQuery{User: user, From: Time.AddDate(0, 0, 2)})
		for name, row := range rows {
			row.Add(sum[name])
			sum[name] = row
		}
	}
	if !reflect.DeepEqual(sum, want) {
		t.Errorf("users and days add up to %+v, want %+v", sum, want)
	}
	if none := look(sallyport.UsageQuery{User: "nobody"}); len(none) != 0 {
		t.Errorf("nobody has used %+v", none)
	}
}
