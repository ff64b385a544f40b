package storetest

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// firstRequest is a request with a name, by a life of the node of these tests.
func firstRequest(org sallyport.OrgID, name, boot string) sallyport.FirstRequest {
	return sallyport.FirstRequest{
		Org: org, Key: "k1", Name: []byte(name), Body: []byte("asked"), Call: sallyport.CallID(NewID()),
		Node: Node, Boot: boot, At: Time,
	}
}

// ended is r as it is to stand, with an answer if that is kept.
func ended(r sallyport.FirstRequest, state sallyport.RequestState) sallyport.FirstRequest {
	r.State, r.Answer = state, nil
	if state == sallyport.RequestAnswered {
		r.Answer = []byte("sealed")
	}
	return r
}

// claims claims r and fails the test unless the request that stands is first, in the state.
func claims(t *testing.T, db *store.DB, r, first sallyport.FirstRequest, state sallyport.RequestState) sallyport.FirstRequest {
	t.Helper()
	got, err := db.ClaimRequest(t.Context(), r, r.At.Add(-time.Hour))
	ok(t, err)
	if got.Call != first.Call || got.State != state || !bytes.Equal(got.Body, first.Body) || !got.At.Equal(first.At) {
		t.Errorf("the first request is %+v, want %+v in state %s", got, first, state)
	}
	return got
}

func testFirstRequests(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	first, again := firstRequest(org, "a", Boot), firstRequest(org, "a", Boot)
	again.Body = []byte("asked otherwise")
	claims(t, db, first, first, sallyport.RequestUnderWay)
	claims(t, db, again, first, sallyport.RequestUnderWay)

	// Another name, key or organisation has its own first request.
	for _, r := range []sallyport.FirstRequest{firstRequest(org, "b", Boot), firstRequest(other, "a", Boot), func() sallyport.FirstRequest {
		r := firstRequest(org, "a", Boot)
		r.Key = "k2"
		return r
	}()} {
		claims(t, db, r, r, sallyport.RequestUnderWay)
	}

	// Only the call that claimed it answers or frees it.
	foreign := first
	foreign.Org = other
	for _, r := range []sallyport.FirstRequest{foreign, again} {
		ok(t, db.EndRequest(ctx, ended(r, sallyport.RequestAnswered)))
		ok(t, db.EndRequest(ctx, ended(r, sallyport.RequestFree)))
	}
	claims(t, db, again, first, sallyport.RequestUnderWay)
	ok(t, db.EndRequest(ctx, ended(first, sallyport.RequestAnswered)))
	ok(t, db.EndRequest(ctx, ended(first, sallyport.RequestTooLarge))) // too late
	ok(t, db.EndRequest(ctx, ended(first, sallyport.RequestFree)))     // too late
	if got := claims(t, db, again, first, sallyport.RequestAnswered); string(got.Answer) != "sealed" {
		t.Errorf("the answer is %q", got.Answer)
	}

	// After its time another may be the first, and rows go, oldest first.
	again.At = Time.Add(time.Hour)
	claims(t, db, again, again, sallyport.RequestUnderWay)
	ok(t, db.EndRequest(ctx, ended(again, sallyport.RequestFree)))
	third := firstRequest(org, "a", Boot)
	third.At = Time.Add(2 * time.Hour)
	claims(t, db, third, third, sallyport.RequestUnderWay)
	for _, want := range []int64{2, 1, 0} {
		n, err := db.ForgetRequests(ctx, Time.Add(time.Hour), 2)
		ok(t, err)
		if n != want {
			t.Errorf("forgot %d requests, want %d", n, want)
		}
	}
	claims(t, db, again, third, sallyport.RequestUnderWay)
}

// What a server that died had begun is begun anew, unless it took effect.
func testInterruptedRequests(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	_, err := db.Grant(ctx, org, sallyport.Credit, "", Event("credit.grant"))
	ok(t, err)
	life := journal.Life{Node: "node-2", Boot: "boot-2"}
	ok(t, db.TakeLease(ctx, life, time.Minute))
	dead := func(name string) sallyport.FirstRequest {
		r := firstRequest(org, name, life.Boot)
		r.Node = life.Node
		claims(t, db, r, r, sallyport.RequestUnderWay)
		return r
	}
	nothing, open, closed, event := dead("nothing"), dead("open"), dead("closed"), dead("event")
	commit(t, db, Intent(org, open.Call, 1), Intent(org, closed.Call, 1))
	commit(t, db, Outcome(org, closed.Call, 1))
	started := Event("agents.run")
	started.Call = event.Call
	commit(t, db, journal.Entry{Org: org, Record: started})

	for _, first := range []sallyport.FirstRequest{nothing, open, closed, event} {
		claims(t, db, firstRequest(org, string(first.Name), Boot), first, sallyport.RequestUnderWay)
	}
	ok(t, db.EndLease(ctx, life))
	anew := firstRequest(org, "nothing", Boot)
	claims(t, db, anew, anew, sallyport.RequestUnderWay)
	claims(t, db, firstRequest(org, "open", Boot), open, sallyport.RequestUnderWay) // recovery will close it
	claims(t, db, firstRequest(org, "closed", Boot), closed, sallyport.RequestInterrupted)
	claims(t, db, firstRequest(org, "event", Boot), event, sallyport.RequestInterrupted)
}

// Of many that claim at once, one is the first.
func testClaimTogether(t *testing.T, db *store.DB) {
	org := NewOrg(t, db)
	var firsts atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			r := firstRequest(org, "a", Boot)
			got, err := db.ClaimRequest(t.Context(), r, Time.Add(-time.Hour))
			if err != nil {
				t.Errorf("claim: %v", err)
			}
			if got.Call == r.Call {
				firsts.Add(1)
			}
		})
	}
	all.Wait()
	if firsts.Load() != 1 {
		t.Errorf("%d are the first, want one", firsts.Load())
	}
}

// The end of a request is written with what tells of it, or neither is.
func testRequestEndsTogether(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	_, err := db.Grant(ctx, org, sallyport.Credit, "", Event("credit.grant"))
	ok(t, err)
	begun := func(name string) sallyport.FirstRequest {
		r := firstRequest(org, name, Boot)
		claims(t, db, r, r, sallyport.RequestUnderWay)
		commit(t, db, Intent(org, r.Call, 1))
		return r
	}
	ending := func(r sallyport.FirstRequest, state sallyport.RequestState) journal.Entry {
		e := Outcome(org, r.Call, 1)
		first := ended(r, state)
		e.First = &first
		return e
	}
	answered, large, free := begun("answered"), begun("large"), begun("free")
	commit(t, db, ending(answered, sallyport.RequestAnswered), ending(large, sallyport.RequestTooLarge), ending(free, sallyport.RequestFree))
	if got := claims(t, db, firstRequest(org, "answered", Boot), answered, sallyport.RequestAnswered); string(got.Answer) != "sealed" {
		t.Errorf("the answer is %q", got.Answer)
	}
	claims(t, db, firstRequest(org, "large", Boot), large, sallyport.RequestTooLarge)
	anew := firstRequest(org, "free", Boot)
	claims(t, db, anew, anew, sallyport.RequestUnderWay)

	// The second entry cannot be written: nothing of the batch is.
	lost := begun("lost")
	twice := Outcome(org, lost.Call, 1)
	one := ending(lost, sallyport.RequestAnswered)
	twice.Record.EventID, twice.Record.Call = one.Record.EventID, one.Record.Call
	if _, err := db.CommitBatch(ctx, journal.BatchID(NewID()), []journal.Entry{one, twice}); err == nil {
		t.Error("a record was written twice")
	}
	claims(t, db, firstRequest(org, "lost", Boot), lost, sallyport.RequestUnderWay)

	// A run and the answer that names it.
	user := NewMember(t, db, org)
	ok(t, db.CreateAgent(ctx, newAgent(org, user, "a-1", Time), Event("agent.create")))
	run := firstRequest(org, "run", Boot)
	claims(t, db, run, run, sallyport.RequestUnderWay)
	first := ended(run, sallyport.RequestAnswered)
	fails(t, db.CreateRun(ctx, newRun(org, "nobody", user, "r-1", Time), &first, Event("agent.run")), sallyport.NotFound)
	claims(t, db, firstRequest(org, "run", Boot), run, sallyport.RequestUnderWay)
	ok(t, db.CreateRun(ctx, newRun(org, "a-1", user, "r-1", Time), &first, Event("agent.run")))
	claims(t, db, firstRequest(org, "run", Boot), run, sallyport.RequestAnswered)
}
