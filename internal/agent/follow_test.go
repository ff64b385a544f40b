package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
)

// told writes what a reader of events sees.
func told(e *Event) string {
	switch e.Kind {
	case EventText:
		return fmt.Sprintf("text %d/%d+%d %s", e.Step.Index, e.Call, e.From, e.Text)
	case EventRun:
		return "run " + string(e.Run.Status)
	}
	return fmt.Sprintf("step %d/%d %s", e.Step.Index, e.Call, e.Step.State)
}

// followed follows a run from a number to its end.
func followed(t *testing.T, f *fixture, run sallyport.RunID, after int64) (events []Event) {
	t.Helper()
	err := f.Follow(t.Context(), owner, run, after, func(e *Event) error {
		if e != nil {
			events = append(events, *e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func lines(events []Event) (all []string) {
	for _, e := range events {
		all = append(all, told(&e))
	}
	return all
}

// Whoever comes late sees the whole run from its beginning, and whoever comes
// back sees what follows the last event, each once.
func TestFollow_from_any_place(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	calls := 0
	f.models.answer = func(_ context.Context, prompt string) (string, error) {
		if calls++; calls == 1 {
			return "", sallyport.NewError(sallyport.RateLimited, "later")
		}
		return "é" + prompt[:3], nil
	}
	run := f.begun(t, twoSteps(), inputs)
	if err := f.work(t.Context(), runRef{run.Org, run.ID}, directly); err != nil {
		t.Fatal(err)
	}
	events := followed(t, f, run.ID, 0)
	want := []string{
		"step 0/1 in_progress", "step 0/1 in_progress",
		"step 0/2 in_progress", "text 0/2+0 éLoo", "step 0/2 success",
		"step 1/3 in_progress", "text 1/3+0 éSum", "step 1/3 success",
		"run success",
	}
	if got := lines(events); !slices.Equal(got, want) {
		t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for i, e := range events[:len(events)-1] {
		if rest := lines(followed(t, f, run.ID, e.Seq)); !slices.Equal(rest, want[i+1:]) {
			t.Errorf("after event %d got %q, want %q", i, rest, want[i+1:])
		}
	}
	middle := events[3].Seq - 3 // after the é
	if got := lines(followed(t, f, run.ID, middle))[0]; got != "text 0/2+2 Loo" {
		t.Errorf("in the middle of a text got %q", got)
	}
	progress, err := f.Progress(t.Context(), owner, run.ID)
	if err != nil {
		t.Fatal(err)
	}
	first := progress.Steps[0]
	if first.Output != "éLoo" || !strings.HasPrefix(first.Prompt, "Look at ") || first.System != "Be brief, Ann." || len(first.Calls) != 2 ||
		first.Calls[0].Code != sallyport.RateLimited || progress.Result != "éSum" {
		t.Errorf("got the progress %+v", progress)
	}
}

// What a model says is seen while it says it.
func TestFollow_live(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	run := f.begun(t, twoSteps(), inputs)
	call := f.live.begin(run.ID, 1)
	if _, err := f.store.BeginRunCall(t.Context(), run.Org, sallyport.RunCall{Run: run.ID, Call: "c-1", BegunAt: noon}); err != nil {
		t.Fatal(err)
	}
	call.add("Hel")
	enough := errors.New("enough")
	var got []string
	err := f.Follow(t.Context(), owner, run.ID, 0, func(e *Event) error {
		if e == nil {
			return nil
		}
		got = append(got, told(e))
		switch len(got) {
		case 2:
			call.add("lo")
		case 3:
			return enough
		}
		return nil
	})
	if want := []string{"step 0/1 in_progress", "text 0/1+0 Hel", "text 0/1+3 lo"}; !errors.Is(err, enough) || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	call.done()
	if len(f.live.runs) != 0 {
		t.Errorf("%d runs are kept that nobody reads", len(f.live.runs))
	}
}

func TestFollow_strangers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	run := f.begun(t, twoSteps(), inputs)
	stranger := sallyport.Principal{Org: owner.Org, User: "user-2", Role: sallyport.RoleAgentCreator, Key: "key-2"}
	for name, err := range map[string]error{
		"follow": f.Follow(t.Context(), stranger, run.ID, 0, func(*Event) error { return nil }),
		"cancel": f.Cancel(t.Context(), stranger, run.ID),
	} {
		if sallyport.CodeOf(err) != sallyport.NotFound {
			t.Errorf("%s: got %v, want %s", name, err, sallyport.NotFound)
		}
	}
	if _, err := f.Start(t.Context(), stranger, run.Agent, inputs); sallyport.CodeOf(err) != sallyport.NotFound {
		t.Errorf("an agent that is not shared is started: %v", err)
	}
	if err := f.Share(t.Context(), owner, run.Agent, true); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Start(t.Context(), stranger, run.Agent, inputs); err != nil {
		t.Errorf("a shared agent is not started: %v", err)
	}
	for name, err := range map[string]error{
		"share": f.Share(t.Context(), stranger, run.Agent, false), "delete": f.Delete(t.Context(), stranger, run.Agent),
	} {
		if sallyport.CodeOf(err) != sallyport.Forbidden {
			t.Errorf("%s: got %v, want %s", name, err, sallyport.Forbidden)
		}
	}
}

// A run that a person starts in the Terminal acts as that member, as long as it is one.
func TestRun_without_a_key(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		active bool
		want   sallyport.RunStatus
	}{{"active", true, sallyport.RunSuccess}, {"deactivated", false, sallyport.RunFailure}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			person := owner
			person.Key, person.KeyPrefix = "", ""
			agent, err := f.Import(t.Context(), person, twoSteps())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Start(t.Context(), person, agent.ID, inputs); sallyport.CodeOf(err) != sallyport.Forbidden {
				t.Errorf("nobody knows members, and a run is started: %v", err)
			}
			f.o.Member = func(_ context.Context, _ sallyport.OrgID, user sallyport.UserID) (sallyport.Principal, error) {
				if !test.active || user != person.User {
					return sallyport.Principal{}, sallyport.NewError(sallyport.Unauthorized, "no member")
				}
				return person, nil
			}
			run, err := f.Start(t.Context(), person, agent.ID, inputs)
			if err != nil || run.Start != sallyport.StartTerminal {
				t.Fatalf("got %+v, %v", run, err)
			}
			if err := f.work(t.Context(), runRef{run.Org, run.ID}, directly); err != nil {
				t.Fatal(err)
			}
			if got := f.run(t, run.ID).Status; got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// A run that is cancelled in another process is let go of here, in the middle of its step.
func TestCancel_elsewhere(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	asked, cause := make(chan struct{}), make(chan error, 1)
	f.models.answer = func(ctx context.Context, _ string) (string, error) {
		close(asked)
		<-ctx.Done()
		cause <- context.Cause(ctx)
		return "", sallyport.WrapError(sallyport.ClientClosed, "the client closed the connection", ctx.Err())
	}
	if err := f.Serve(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	run := f.begun(t, twoSteps(), inputs)
	<-asked
	if err := f.store.FinishRun(t.Context(), run.Org, run.ID, sallyport.RunCancelled, nil, noon, sallyport.Record{}); err != nil {
		t.Fatal(err)
	}
	if got := <-cause; !errors.Is(got, errCancelled) {
		t.Errorf("the step ended with %v, want %v", got, errCancelled)
	}
	if len(f.models.calls()) != 1 {
		t.Errorf("got %d calls, want one", len(f.models.calls()))
	}
}

func TestPreviewImport(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	text := `{"displayName":"","model":"forbidden-model","toolServerConfigs":[{"id":"1","enabled":true,"integrationConfigNangoId":"jira","integrationConnectionId":null}],
		"inputs":[{"name":"a"},{"name":"a"}],"steps":[{"name":"one","llmStep":{"prompt":"{{b}} {{b}} {{steps.1.output}}"}},{"name":"two","llmStep":{"prompt":"","model":"model-a"}}]}`
	preview, err := f.PreviewImport(t.Context(), owner, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range preview.Problems {
		got = append(got, p.Field+" "+p.Message)
	}
	want := []string{
		"toolServerConfigs[0] is enabled, but its integration is not set up here", "displayName is missing", "inputs[1].name stands twice",
		"steps[0].llmStep.prompt refers to {{b}}, which inputs does not declare",
		"steps[0].llmStep.prompt refers to the output of step 1, which is not finished by then",
		"steps[1].llmStep.prompt is missing", `model names "forbidden-model", which is not available here`,
	}
	if !slices.Equal(got, want) || !slices.Equal(preview.Integrations, []string{"jira"}) {
		t.Errorf("got %q\nwant %q\nand the integrations %q", got, want, preview.Integrations)
	}
	if broken, err := f.PreviewImport(t.Context(), owner, []byte(`{"steps":1}`)); err != nil || len(broken.Problems) != 1 || broken.Problems[0].Field != "" {
		t.Errorf("got %+v, %v for what cannot be read", broken, err)
	}
	if len(f.store.agents) != 0 {
		t.Error("a preview made an agent")
	}
}
