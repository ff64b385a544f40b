package agent

import (
	"bytes"
	"maps"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
)

func defWith(inputs ...string) sallyport.AgentDefinition {
	def := sallyport.AgentDefinition{
		DisplayName: "a", Model: "m", Inputs: []sallyport.AgentInput{},
		Steps: []sallyport.AgentStep{{LLMStep: &sallyport.LLMStep{Prompt: "Go."}}},
	}
	for _, name := range inputs {
		def.Inputs = append(def.Inputs, sallyport.AgentInput{Name: name})
	}
	return def
}

func TestStart_binds_inputs(t *testing.T) {
	t.Parallel()
	type values = map[string]string
	for _, test := range []struct {
		name     string
		declared []string
		text     string
		given    values
		want     values
		wantText string
		wantErr  string
	}{
		{name: "by name", declared: []string{"a", "b"}, given: values{"a": "1", "b": "2"}, want: values{"a": "1", "b": "2"}},
		{name: "an empty value is a value", declared: []string{"a"}, given: values{"a": ""}, want: values{"a": ""}},
		{name: "unknown names are dropped", declared: []string{"a"}, given: values{"a": "1", "A": "2", "z": "3"}, want: values{"a": "1"}},
		{name: "nothing declared, nothing given", want: values{}},
		{name: "missing", declared: []string{"ALERT", "x", "B"}, given: values{"alert": "1", "x": "2"},
			wantErr: "missing_inputs: Missing required inputs: 'ALERT', 'B'"},
		{name: "missing with nothing given", declared: []string{"ALERT"}, wantErr: "missing_inputs: Missing required inputs: 'ALERT'"},

		{name: "text is the only input", declared: []string{"a"}, text: "hello", want: values{"a": "hello"}},
		{name: "the name wins over the text", declared: []string{"a"}, text: "hello", given: values{"a": "1"}, want: values{"a": "1"}},
		{name: "text without inputs is the message", text: "hello", want: values{}, wantText: "hello"},
		{name: "text does not choose among inputs", declared: []string{"a", "b"}, text: "hello",
			wantErr: "missing_inputs: Missing required inputs: 'a', 'b'"},
		{name: "text beside all inputs", declared: []string{"a", "b"}, text: "hello", given: values{"a": "1", "b": "2"}, want: values{"a": "1", "b": "2"}},

		{name: "a long value", declared: []string{"a"}, text: strings.Repeat("x", InputValueMax+1), wantErr: "input 'a' is longer"},
		{name: "long altogether", declared: []string{"a", "b", "c", "d", "e"}, given: values{
			"a": strings.Repeat("x", InputValueMax), "b": strings.Repeat("x", InputValueMax), "c": strings.Repeat("x", InputValueMax),
			"d": strings.Repeat("x", InputValueMax), "e": "x"}, wantErr: "longer than"},
		{name: "a long message", text: strings.Repeat("x", InputsTotalMax+1), wantErr: "longer than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			agent, err := f.Import(t.Context(), owner, defWith(test.declared...))
			if err != nil {
				t.Fatal(err)
			}
			given := maps.Clone(test.given)
			run, err := f.Begin(t.Context(), owner, Order{Agent: agent.ID, Text: test.text, Inputs: given})
			if !maps.Equal(given, test.given) {
				t.Errorf("the caller's inputs were changed to %v", given)
			}
			if test.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), test.wantErr) || len(f.store.runs) != 0 {
					t.Errorf("got %v and %d runs, want %q and none", err, len(f.store.runs), test.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var begin runBegin
			if err := f.unseal(t.Context(), run, beginPart, run.Begin, &begin); err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(begin.Inputs, test.want) || begin.Text != test.wantText {
				t.Errorf("got %v and text %q, want %v and %q", begin.Inputs, begin.Text, test.want, test.wantText)
			}
		})
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	run := f.begun(t, defWith("a"), map[string]string{"a": "s3cret"})
	if run.Status != sallyport.RunInProgress || run.Org != owner.Org || run.User != owner.User || run.Key != owner.Key ||
		!run.CreatedAt.Equal(noon) || run.Conversation == "" {
		t.Errorf("got %+v", run)
	}
	if bytes.Contains(run.Begin, []byte("s3cret")) {
		t.Errorf("the input stands in the clear: %q", run.Begin)
	}
	rec := f.store.events[len(f.store.events)-1]
	if rec.Action != "runs.start" || rec.Resource != "run/"+string(run.ID) || rec.Run != run.ID || rec.Actor.Key != owner.Key {
		t.Errorf("got the record %+v", rec)
	}
	if result, err := f.Result(t.Context(), run); result != "" || err != nil {
		t.Errorf("got the result %q, %v while in progress", result, err)
	}
}

func TestStart_refused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	agent, err := f.Import(t.Context(), owner, defWith())
	if err != nil {
		t.Fatal(err)
	}
	stranger, keyless := owner, owner
	stranger.Org, keyless.Key = "org-2", ""
	for name, test := range map[string]struct {
		p    sallyport.Principal
		id   sallyport.AgentID
		want sallyport.Code
	}{
		"unknown agent":                {owner, "none", sallyport.NotFound},
		"another organisation's agent": {stranger, agent.ID, sallyport.NotFound},
		"no key":                       {keyless, agent.ID, sallyport.Forbidden},
	} {
		if _, err := f.Start(t.Context(), test.p, test.id, nil); sallyport.CodeOf(err) != test.want {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
	f.store.agents[0].DeletedAt = noon
	if _, err := f.Start(t.Context(), owner, agent.ID, nil); sallyport.CodeOf(err) != sallyport.NotFound {
		t.Errorf("deleted agent: got %v, want %s", err, sallyport.NotFound)
	}
	if len(f.store.runs) != 0 {
		t.Errorf("got %d runs, want none", len(f.store.runs))
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	agent, err := f.Import(t.Context(), owner, twoSteps())
	if err != nil {
		t.Fatal(err)
	}
	if rec := f.store.events[0]; rec.Action != "agents.create" || rec.Resource != "agent/"+string(agent.ID) {
		t.Errorf("got the record %+v", rec)
	}
	run, err := f.Start(t.Context(), owner, agent.ID, map[string]string{"who": "me", "ALERT": "x"})
	if err != nil {
		t.Fatal(err)
	}
	detail, err := f.Get(t.Context(), owner, agent.ID)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(detail.Inputs, ",") != "who,ALERT" || detail.HasTriggers || strings.Join(detail.ModelsInUse, ",") != "model-a,model-b" ||
		len(detail.RecentRunIDs) != 1 || detail.RecentRunIDs[0] != run.ID || !detail.LastRunAt.Equal(noon) {
		t.Errorf("got the detail %+v", detail)
	}
	if _, err := f.Get(t.Context(), sallyport.Principal{Org: "org-2", User: owner.User, Role: owner.Role}, agent.ID); sallyport.CodeOf(err) != sallyport.NotFound {
		t.Errorf("another organisation got %v, want %s", err, sallyport.NotFound)
	}
}

func TestImport_refused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	with := func(model string) sallyport.AgentDefinition {
		def := twoSteps()
		def.Steps[1].LLMStep.Model = model
		return def
	}
	for name, test := range map[string]struct {
		def  sallyport.AgentDefinition
		want sallyport.Code
	}{
		"model switched off": {with("forbidden-model"), sallyport.InvalidBody},
		"database away":      {with("broken-model"), sallyport.Internal},
		"no steps":           {sallyport.AgentDefinition{DisplayName: "a"}, sallyport.InvalidBody},
	} {
		if _, err := f.Import(t.Context(), owner, test.def); sallyport.CodeOf(err) != test.want {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
	if len(f.store.agents) != 0 {
		t.Errorf("got %d agents, want none", len(f.store.agents))
	}
}
