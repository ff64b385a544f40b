package storetest

import (
	"reflect"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
)

func newAgent(org sallyport.OrgID, owner sallyport.UserID, id sallyport.AgentID, at time.Time) sallyport.Agent {
	return sallyport.Agent{ID: id, Org: org, Owner: owner, CreatedAt: at, Definition: sallyport.AgentDefinition{
		DisplayName: "Reviewer", Model: "mock-large",
		Inputs: []sallyport.AgentInput{{Name: "text"}},
		Steps:  []sallyport.AgentStep{{Name: "one", LLMStep: &sallyport.LLMStep{Prompt: "{{text}} \u0000 é"}}},
	}}
}

func newRun(org sallyport.OrgID, agent sallyport.AgentID, user sallyport.UserID, id sallyport.RunID, at time.Time) sallyport.Run {
	return sallyport.Run{
		ID: id, Org: org, Agent: agent, AgentName: "Reviewer", User: user, Key: "key-1", Conversation: "conv-" + string(id),
		Status: sallyport.RunInProgress, Start: sallyport.StartAPI, CreatedAt: at, Begin: []byte{0, 1, 255},
	}
}

func testAgents(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	user := NewMember(t, db, org)
	old, young := newAgent(org, user, "a-1", Time), newAgent(org, user, "a-2", Time.Add(time.Second))
	ok(t, db.CreateAgent(ctx, old, Event("agent.create")))
	ok(t, db.CreateAgent(ctx, young, Event("agent.create")))
	fails(t, db.CreateAgent(ctx, old, Event("agent.create")), sallyport.Conflict)

	got, err := db.Agent(ctx, org, "a-1")
	ok(t, err)
	if !reflect.DeepEqual(got, old) {
		t.Errorf("Agent is %+v, want %+v", got, old)
	}
	want := func(org sallyport.OrgID, limit int, want ...sallyport.Agent) {
		t.Helper()
		got, err := db.Agents(ctx, org, limit)
		ok(t, err)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("Agents are %+v, want %+v", got, want)
		}
	}
	want(org, 0, young, old)
	want(org, 1, young)
	want(other, 0)

	unchanged(t, db, other, func() {
		_, err := db.Agent(ctx, other, "a-1")
		fails(t, err, sallyport.NotFound)
		fails(t, db.DeleteAgent(ctx, other, "a-1", Time, Event("agent.delete")), sallyport.NotFound)
		fails(t, db.CreateAgent(ctx, newAgent(other, user, "a-3", Time), Event("agent.create")), sallyport.NotFound)
	})
	want(org, 0, young, old)

	ok(t, db.DeleteAgent(ctx, org, "a-1", Time, Event("agent.delete")))
	want(org, 0, young)
	_, err = db.Agent(ctx, org, "a-1")
	fails(t, err, sallyport.NotFound)
	fails(t, db.DeleteAgent(ctx, org, "a-1", Time, Event("agent.delete")), sallyport.NotFound)
}

func testRuns(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	user, stranger := NewMember(t, db, org), NewMember(t, db, other)
	ok(t, db.CreateAgent(ctx, newAgent(org, user, "a-1", Time), Event("agent.create")))
	ok(t, db.CreateAgent(ctx, newAgent(other, stranger, "a-2", Time), Event("agent.create")))
	old, young := newRun(org, "a-1", user, "r-1", Time), newRun(org, "a-1", user, "r-2", Time.Add(time.Second))
	theirs := newRun(other, "a-2", stranger, "r-3", Time.Add(2*time.Second))
	for _, r := range []sallyport.Run{old, young, theirs} {
		ok(t, db.CreateRun(ctx, r, nil, Event("agent.run")))
	}
	fails(t, db.CreateRun(ctx, old, nil, Event("agent.run")), sallyport.Conflict)

	got, err := db.Run(ctx, org, "r-1")
	ok(t, err)
	if !reflect.DeepEqual(got, old) {
		t.Errorf("Run is %+v, want %+v", got, old)
	}
	want := func(name string, got []sallyport.Run, err error, want ...sallyport.Run) {
		t.Helper()
		ok(t, err)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s are %+v, want %+v", name, got, want)
		}
	}
	runs, err := db.OpenRuns(ctx, 0)
	want("OpenRuns", runs, err, old, young, theirs)

	t.Run("of another organisation", func(t *testing.T) {
		unchanged(t, db, other, func() {
			_, err := db.Run(ctx, other, "r-1")
			fails(t, err, sallyport.NotFound)
			fails(t, db.CreateRun(ctx, newRun(other, "a-1", stranger, "r-9", Time), nil, Event("agent.run")), sallyport.NotFound)
			fails(t, db.CreateRun(ctx, newRun(other, "a-2", user, "r-9", Time), nil, Event("agent.run")), sallyport.NotFound)
			fails(t, db.FinishRun(ctx, other, "r-1", sallyport.RunFailure, nil, Time, Event("run.end")), sallyport.NotFound)
		})
	})

	end := Time.Add(time.Minute)
	fails(t, db.FinishRun(ctx, org, "r-1", sallyport.RunInProgress, nil, end, Event("run.end")), sallyport.Conflict)
	ok(t, db.FinishRun(ctx, org, "r-1", sallyport.RunSuccess, []byte("end"), end, Event("run.end")))
	unchanged(t, db, org, func() {
		fails(t, db.FinishRun(ctx, org, "r-1", sallyport.RunFailure, nil, end, Event("run.end")), sallyport.Conflict)
		fails(t, db.FinishRun(ctx, org, "r-9", sallyport.RunFailure, nil, end, Event("run.end")), sallyport.NotFound)
	})
	ok(t, db.DeleteAgent(ctx, org, "a-1", Time, Event("agent.delete")))
	old.Status, old.EndedAt, old.End, old.AgentDeleted = sallyport.RunSuccess, end, []byte("end"), true
	got, err = db.Run(ctx, org, "r-1")
	ok(t, err)
	if !reflect.DeepEqual(got, old) {
		t.Errorf("the finished run is %+v, want %+v", got, old)
	}
	fails(t, db.CreateRun(ctx, newRun(org, "a-1", user, "r-4", Time), nil, Event("agent.run")), sallyport.NotFound)
}
