package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
)

func testFindAgents(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	ann, bob, stranger := NewMember(t, db, org), NewMember(t, db, org), NewMember(t, db, other)
	add := func(org sallyport.OrgID, id sallyport.AgentID, owner sallyport.UserID, name, model string, shared bool, s int) {
		t.Helper()
		a := newAgent(org, owner, id, Time.Add(time.Duration(s)*time.Second))
		a.Definition.DisplayName, a.Definition.Model, a.Shared = name, model, shared
		ok(t, db.CreateAgent(ctx, a, Event("agents.create")))
	}
	add(org, "a-1", ann, "Alert triage", "m_1", true, 0)
	add(org, "a-2", ann, "100% ÄRGER", "m-1", false, 1)
	add(org, "a-3", bob, "Triage notes\x00", "m_1", false, 1) // at the same time as a-2
	add(org, "a-4", bob, "Gone", "m_1", true, 2)
	add(other, "a-5", stranger, "Alert triage", "m_1", true, 3)
	ok(t, db.DeleteAgent(ctx, org, "a-4", Time, Event("agents.delete")))
	run := func(id sallyport.RunID, user sallyport.UserID, s int) {
		t.Helper()
		ok(t, db.CreateRun(ctx, newRun(org, "a-1", user, id, Time.Add(time.Duration(s)*time.Second)), nil, Event("runs.start")))
	}
	run("r-1", ann, 1)
	run("r-2", bob, 2)
	ok(t, db.FinishRun(ctx, org, "r-2", sallyport.RunFailure, nil, Time.Add(time.Minute), Event("runs.end")))

	yes, no := true, false
	for _, test := range []struct {
		name   string
		filter sallyport.AgentFilter
		want   []sallyport.AgentID
	}{
		{"all", sallyport.AgentFilter{}, []sallyport.AgentID{"a-3", "a-2", "a-1"}},
		{"of a viewer", sallyport.AgentFilter{Viewer: ann}, []sallyport.AgentID{"a-2", "a-1"}},
		{"of an owner", sallyport.AgentFilter{Owner: bob}, []sallyport.AgentID{"a-3"}},
		{"of an owner, for a viewer", sallyport.AgentFilter{Owner: ann, Viewer: bob}, []sallyport.AgentID{"a-1"}},
		{"shared", sallyport.AgentFilter{Shared: &yes}, []sallyport.AgentID{"a-1"}},
		{"not shared", sallyport.AgentFilter{Shared: &no}, []sallyport.AgentID{"a-3", "a-2"}},
		{"with a model", sallyport.AgentFilter{Model: "m_1"}, []sallyport.AgentID{"a-3", "a-1"}},
		{"named, in any case", sallyport.AgentFilter{Text: "TRIAGE"}, []sallyport.AgentID{"a-3", "a-1"}},
		{"named, letters with marks", sallyport.AgentFilter{Text: "ärg"}, []sallyport.AgentID{"a-2"}},
		{"named, signs of patterns", sallyport.AgentFilter{Text: "0% "}, []sallyport.AgentID{"a-2"}},
		{"a sign of patterns alone", sallyport.AgentFilter{Text: "_"}, nil},
		{"a page", sallyport.AgentFilter{Limit: 2}, []sallyport.AgentID{"a-3", "a-2"}},
		{"the next page", sallyport.AgentFilter{After: sallyport.Place{At: Time.Add(time.Second), ID: "a-2"}}, []sallyport.AgentID{"a-1"}},
		{"within the same time", sallyport.AgentFilter{After: sallyport.Place{At: Time.Add(time.Second), ID: "a-3"}}, []sallyport.AgentID{"a-2", "a-1"}},
	} {
		found, err := db.FindAgents(ctx, org, test.filter)
		ok(t, err)
		var got []sallyport.AgentID
		for _, a := range found {
			got = append(got, a.ID)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
	last := func(viewer sallyport.UserID) string {
		t.Helper()
		found, err := db.FindAgents(ctx, org, sallyport.AgentFilter{Viewer: viewer, Text: "alert"})
		ok(t, err)
		if len(found) != 1 || found[0].LastRun == nil {
			return fmt.Sprintf("%+v", found)
		}
		return string(found[0].LastRun.ID) + " " + string(found[0].LastRun.Status)
	}
	if got := []string{last(""), last(bob), last(ann)}; !slices.Equal(got, []string{"r-2 failure", "r-2 failure", "r-1 in_progress"}) {
		t.Errorf("the last runs are %q", got)
	}
}

func testShareAgent(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	ok(t, db.CreateAgent(ctx, newAgent(org, NewMember(t, db, org), "a-1", Time), Event("agents.create")))
	share := func(shared bool) error { return db.ShareAgent(ctx, org, "a-1", shared, Event("agents.share")) }
	ok(t, share(true))
	if a, err := db.Agent(ctx, org, "a-1"); err != nil || !a.Shared {
		t.Errorf("got %+v, %v, want a shared agent", a, err)
	}
	unchanged(t, db, org, func() { ok(t, share(true)) })
	unchanged(t, db, other, func() {
		fails(t, db.ShareAgent(ctx, other, "a-1", false, Event("agents.share")), sallyport.NotFound)
	})
	ok(t, share(false))
	if a, err := db.Agent(ctx, org, "a-1"); err != nil || a.Shared {
		t.Errorf("got %+v, %v, want one that is not shared", a, err)
	}
	ok(t, db.DeleteAgent(ctx, org, "a-1", Time, Event("agents.delete")))
	fails(t, share(true), sallyport.NotFound)
}

func testFindRuns(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	ann, bob, stranger := NewMember(t, db, org), NewMember(t, db, org), NewMember(t, db, other)
	named := newAgent(org, ann, "a-1", Time)
	named.Definition.DisplayName = "Alert triage"
	ok(t, db.CreateAgent(ctx, named, Event("agents.create")))
	ok(t, db.CreateAgent(ctx, newAgent(org, ann, "a-2", Time), Event("agents.create")))
	ok(t, db.CreateAgent(ctx, newAgent(other, stranger, "a-3", Time), Event("agents.create")))
	add := func(org sallyport.OrgID, id sallyport.RunID, agent sallyport.AgentID, user sallyport.UserID, start sallyport.StartKind, s int) {
		t.Helper()
		r := newRun(org, agent, user, id, Time.Add(time.Duration(s)*time.Second))
		r.Start = start
		ok(t, db.CreateRun(ctx, r, nil, Event("runs.start")))
	}
	add(org, "r-1", "a-1", ann, sallyport.StartAPI, 0)
	add(org, "r-2", "a-2", ann, sallyport.StartTerminal, 1)
	add(org, "r-3", "a-1", bob, sallyport.StartTerminal, 2)
	add(other, "r-4", "a-3", stranger, sallyport.StartAPI, 3)
	ok(t, db.FinishRun(ctx, org, "r-1", sallyport.RunFailure, nil, Time.Add(time.Minute), Event("runs.end")))
	ok(t, db.FinishRun(ctx, org, "r-2", sallyport.RunSuccess, nil, Time.Add(time.Minute), Event("runs.end")))
	ok(t, db.DeleteAgent(ctx, org, "a-2", Time, Event("agents.delete")))

	second := func(s int) time.Time { return Time.Add(time.Duration(s) * time.Second) }
	for _, test := range []struct {
		name   string
		filter sallyport.RunFilter
		want   []sallyport.RunID
	}{
		{"all", sallyport.RunFilter{}, []sallyport.RunID{"r-3", "r-2", "r-1"}},
		{"of a user", sallyport.RunFilter{User: ann}, []sallyport.RunID{"r-2", "r-1"}},
		{"of an agent", sallyport.RunFilter{Agent: "a-1"}, []sallyport.RunID{"r-3", "r-1"}},
		{"in a state", sallyport.RunFilter{States: []sallyport.RunStatus{sallyport.RunFailure}}, []sallyport.RunID{"r-1"}},
		{"in states", sallyport.RunFilter{States: []sallyport.RunStatus{sallyport.RunFailure, sallyport.RunInProgress}}, []sallyport.RunID{"r-3", "r-1"}},
		{"begun by", sallyport.RunFilter{Start: sallyport.StartTerminal}, []sallyport.RunID{"r-3", "r-2"}},
		{"since", sallyport.RunFilter{Since: second(1)}, []sallyport.RunID{"r-3", "r-2"}},
		{"until", sallyport.RunFilter{Until: second(1)}, []sallyport.RunID{"r-1"}},
		{"named", sallyport.RunFilter{Text: "TRIAGE"}, []sallyport.RunID{"r-3", "r-1"}},
		{"by its id", sallyport.RunFilter{Text: "r-2"}, []sallyport.RunID{"r-2"}},
		{"all at once", sallyport.RunFilter{User: ann, Agent: "a-1", States: []sallyport.RunStatus{sallyport.RunFailure}, Start: sallyport.StartAPI,
			Since: second(0), Until: second(1), Text: "alert", Limit: 5}, []sallyport.RunID{"r-1"}},
		{"a page", sallyport.RunFilter{Limit: 2}, []sallyport.RunID{"r-3", "r-2"}},
		{"the next page", sallyport.RunFilter{After: sallyport.Place{At: second(1), ID: "r-2"}}, []sallyport.RunID{"r-1"}},
	} {
		found, err := db.FindRuns(ctx, org, test.filter)
		ok(t, err)
		var got []sallyport.RunID
		for _, r := range found {
			got = append(got, r.ID)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
	found, err := db.FindRuns(ctx, org, sallyport.RunFilter{Text: "r-2"})
	ok(t, err)
	if r := found[0]; r.AgentName != "Reviewer" || !r.AgentDeleted || r.Start != sallyport.StartTerminal || r.Begin != nil || !r.EndedAt.Equal(Time.Add(time.Minute)) {
		t.Errorf("the run is %+v", r)
	}

	ended, err := db.EndedRuns(ctx, []sallyport.Run{{Org: org, ID: "r-1"}, {Org: org, ID: "r-3"}, {Org: other, ID: "r-2"}})
	ok(t, err)
	if !slices.Equal(ended, []sallyport.RunID{"r-1"}) {
		t.Errorf("EndedRuns are %q, want r-1", ended)
	}
}
