package storetest

import (
	"reflect"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
)

func testRunSteps(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	user := NewMember(t, db, org)
	ok(t, db.CreateAgent(ctx, newAgent(org, user, "a-1", Time), Event("agent.create")))
	ok(t, db.CreateRun(ctx, newRun(org, "a-1", user, "r-1", Time), nil, Event("agent.run")))
	first := sallyport.RunStep{Run: "r-1", Index: 0, Call: "c-1", Output: []byte("one"), EndedAt: Time}
	second := sallyport.RunStep{Run: "r-1", Index: 1, Call: "c-2", Output: []byte("two"), EndedAt: Time}
	ok(t, db.SaveRunStep(ctx, org, second, 0, sallyport.Usage{}))
	ok(t, db.SaveRunStep(ctx, org, first, 0, sallyport.Usage{}))
	repeat := first
	repeat.Output = []byte("again")
	ok(t, db.SaveRunStep(ctx, org, repeat, 0, sallyport.Usage{}))

	fails(t, db.SaveRunStep(ctx, other, sallyport.RunStep{Run: "r-1", Index: 2, Output: []byte("x")}, 0, sallyport.Usage{}), sallyport.NotFound)
	fails(t, db.SaveRunStep(ctx, org, sallyport.RunStep{Run: "r-9", Output: []byte("x")}, 0, sallyport.Usage{}), sallyport.NotFound)

	got, err := db.RunSteps(ctx, org, "r-1")
	ok(t, err)
	if want := []sallyport.RunStep{first, second}; !reflect.DeepEqual(got, want) {
		t.Errorf("RunSteps are %+v, want %+v", got, want)
	}
	got, err = db.RunSteps(ctx, other, "r-1")
	ok(t, err)
	if len(got) != 0 {
		t.Errorf("steps of another organisation are %+v, want none", got)
	}
}

func testRunCalls(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	user := NewMember(t, db, org)
	ok(t, db.CreateAgent(ctx, newAgent(org, user, "a-1", Time), Event("agents.create")))
	ok(t, db.CreateRun(ctx, newRun(org, "a-1", user, "r-1", Time), nil, Event("runs.start")))
	at := func(s int) time.Time { return Time.Add(time.Duration(s) * time.Second) }
	begin := func(call sallyport.CallID, step, s, want int) {
		t.Helper()
		n, err := db.BeginRunCall(ctx, org, sallyport.RunCall{Run: "r-1", Step: step, Call: call, BegunAt: at(s)})
		ok(t, err)
		if n != want {
			t.Errorf("call %s has the number %d, want %d", call, n, want)
		}
	}
	used := sallyport.Usage{Input: 1, CachedInput: 2, CacheWrite: 3, Output: 5, Reasoning: 4}
	begin("c-1", 0, 1, 1)
	begin("c-1", 0, 2, 1) // again, after a commit that nobody heard of
	ok(t, db.EndRunCall(ctx, org, sallyport.RunCall{Run: "r-1", Call: "c-1", EndedAt: at(3), Code: sallyport.RateLimited, Charge: 5}))
	ok(t, db.EndRunCall(ctx, org, sallyport.RunCall{Run: "r-1", Call: "c-1", EndedAt: at(9), Charge: 6, Usage: used}))
	begin("c-2", 0, 4, 2)
	begin("c-3", 0, 5, 3) // c-2 was interrupted
	ok(t, db.SaveRunStep(ctx, org, sallyport.RunStep{Run: "r-1", Call: "c-3", Output: []byte("x"), EndedAt: at(6)}, 7, used))
	begin("c-4", 1, 7, 4)

	_, err := db.BeginRunCall(ctx, org, sallyport.RunCall{Run: "r-9", Call: "c-9", BegunAt: Time})
	fails(t, err, sallyport.NotFound)
	_, err = db.BeginRunCall(ctx, other, sallyport.RunCall{Run: "r-1", Call: "c-9", BegunAt: Time})
	fails(t, err, sallyport.NotFound)
	ok(t, db.EndRunCall(ctx, other, sallyport.RunCall{Run: "r-1", Call: "c-4", EndedAt: at(8), Charge: 99}))
	ok(t, db.FinishRun(ctx, org, "r-1", sallyport.RunCancelled, nil, at(8), Event("runs.cancel")))
	_, err = db.BeginRunCall(ctx, org, sallyport.RunCall{Run: "r-1", Call: "c-5", BegunAt: at(9)})
	fails(t, err, sallyport.Conflict)

	got, err := db.RunCalls(ctx, org, "r-1")
	ok(t, err)
	want := []sallyport.RunCall{
		{Run: "r-1", N: 1, Call: "c-1", BegunAt: at(1), EndedAt: at(3), Code: sallyport.RateLimited, Charge: 6, Usage: used},
		{Run: "r-1", N: 2, Call: "c-2", BegunAt: at(4), EndedAt: at(5), Code: sallyport.CallInterrupted},
		{Run: "r-1", N: 3, Call: "c-3", BegunAt: at(5), EndedAt: at(6), Charge: 7, Usage: used},
		{Run: "r-1", N: 4, Step: 1, Call: "c-4", BegunAt: at(7)},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the calls are\n%+v, want\n%+v", got, want)
	}
	got, err = db.RunCalls(ctx, other, "r-1")
	ok(t, err)
	if len(got) != 0 {
		t.Errorf("calls of another organisation are %+v, want none", got)
	}
	found, err := db.FindRuns(ctx, org, sallyport.RunFilter{})
	ok(t, err)
	if len(found) != 1 || found[0].Charge != 13 {
		t.Errorf("the run is %+v, want one that cost 13", found)
	}
}
