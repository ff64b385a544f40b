package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

var inputs = map[string]string{"who": "Ann", "ALERT": "an alert with {{who}} in it"}

// worked starts a run of two steps and does its work without an engine.
func worked(t *testing.T, f *fixture) (sallyport.Run, error) {
	t.Helper()
	run := f.begun(t, twoSteps(), inputs)
	err := f.work(t.Context(), runRef{run.Org, run.ID}, directly)
	return f.run(t, run.ID), err
}

func TestWork(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	run, err := worked(t, f)
	if err != nil || run.Status != sallyport.RunSuccess || !run.EndedAt.Equal(noon) {
		t.Fatalf("got %s at %s, %v", run.Status, run.EndedAt, err)
	}

	calls := f.models.calls()
	if len(calls) != 2 {
		t.Fatalf("got %d calls, want 2", len(calls))
	}
	first, second := "Look at an alert with {{who}} in it", "Sum up answer to <Look at an alert with {{who}} in it> for Ann"
	for i, want := range []struct{ model, prompt string }{{"model-a", first}, {"model-b", second}} {
		call := calls[i]
		if call.Requested != want.model || call.Prompt != want.prompt || call.System != "Be brief, Ann." {
			t.Errorf("step %d asked %s %q with %q, want %s %q", i, call.Requested, call.Prompt, call.System, want.model, want.prompt)
		}
		if call.Action != "agents.step" || !reflect.DeepEqual(call.Principal, owner) || call.Run != run.ID || call.RunStep != i ||
			call.ID == "" || call.ID == calls[1-i].ID || call.BytesIn == 0 || !call.StartedAt.Equal(noon) || !call.Stream {
			t.Errorf("step %d: got the facts %+v", i, call.Call)
		}
	}
	if calls[0].Call.Request.OutputMax != 7 {
		t.Errorf("got at most %d output tokens, want 7", calls[0].Call.Request.OutputMax)
	}

	result, err := f.Result(t.Context(), run)
	want := fmt.Sprintf(`{"id":%q,"role":"assistant","parts":[{"type":"step-start"},{"type":"text","text":%s,"state":"done"}],"metadata":{}}`,
		calls[1].ID, jsonText("answer to <"+second+">"))
	if err != nil || result != want {
		t.Errorf("got the result %s, %v\nwant %s", result, err, want)
	}
	if failure, err := f.Failure(t.Context(), run); failure != nil || err != nil {
		t.Errorf("got the failure %v, %v of a success", failure, err)
	}
	rec := f.store.events[len(f.store.events)-1]
	if rec.Action != "runs.end" || rec.Run != run.ID || rec.Code != "" || rec.Actor.User != owner.User {
		t.Errorf("got the record %+v", rec)
	}
}

func jsonText(text string) string {
	quoted, _ := json.Marshal(text)
	return string(quoted)
}

// What stands in the tables must not be readable.
func TestWork_seals(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	run, err := worked(t, f)
	if err != nil {
		t.Fatal(err)
	}
	stored := append([][]byte{run.Begin, run.End}, f.store.steps[0].Output, f.store.steps[1].Output)
	for i, sealed := range stored {
		if strings.Contains(string(sealed), "alert") || strings.Contains(string(sealed), "answer") {
			t.Errorf("part %d stands in the clear: %q", i, sealed)
		}
	}
	f.store.steps[0].Output, f.store.steps[1].Output = f.store.steps[1].Output, f.store.steps[0].Output
	if _, err := f.answers(t.Context(), run, 2); err == nil {
		t.Error("answers open in each other's place")
	}
}

func TestWork_message_without_inputs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	agent, err := f.Import(t.Context(), owner, defWith())
	if err != nil {
		t.Fatal(err)
	}
	run, err := f.Begin(t.Context(), owner, Order{Agent: agent.ID, Text: "What now?"})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.work(t.Context(), runRef{run.Org, run.ID}, directly); err != nil {
		t.Fatal(err)
	}
	if calls := f.models.calls(); calls[0].Prompt != "Go.\n\nWhat now?" || calls[0].System != "" {
		t.Errorf("asked %q with %q", calls[0].Prompt, calls[0].System)
	}
}

func TestWork_success_without_text(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.models.answer = func(context.Context, string) (string, error) { return "", nil }
	run, err := worked(t, f)
	if err != nil || run.Status != sallyport.RunSuccess {
		t.Fatalf("got %s, %v", run.Status, err)
	}
	if result, err := f.Result(t.Context(), run); result != "" || err != nil {
		t.Errorf("got %q, %v, want no result", result, err)
	}
}

// Whoever goes on with a run asks only for what is missing.
func TestWork_goes_on(t *testing.T) {
	t.Parallel()
	for finished := range 3 {
		t.Run(fmt.Sprintf("after %d steps", finished), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			run := f.begun(t, twoSteps(), inputs)
			for i := range finished {
				call := sallyport.CallID(fmt.Sprintf("call-%d", i))
				if err := f.save(t.Context(), run, i, answer{Call: call, Text: fmt.Sprintf("saved %d", i)}); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.work(t.Context(), runRef{run.Org, run.ID}, directly); err != nil {
				t.Fatal(err)
			}
			calls := f.models.calls()
			if len(calls) != 2-finished {
				t.Fatalf("got %d calls, want %d", len(calls), 2-finished)
			}
			if finished == 1 && calls[0].Prompt != "Sum up saved 0 for Ann" {
				t.Errorf("asked %q", calls[0].Prompt)
			}
			if got := f.run(t, run.ID).Status; got != sallyport.RunSuccess {
				t.Errorf("got %s", got)
			}
			// Once more: the run has ended.
			if err := f.work(t.Context(), runRef{run.Org, run.ID}, directly); err != nil || len(f.models.calls()) != len(calls) {
				t.Errorf("got %v and %d calls from a run that has ended", err, len(f.models.calls()))
			}
		})
	}
}

// An engine that remembers a step whose row is lost must not lead to an answer
// that was built on nothing.
func TestWork_lost_output(t *testing.T) {
	t.Parallel()
	for lost := range 2 {
		f := newFixture(t)
		run := f.begun(t, twoSteps(), inputs)
		skip := func(ctx context.Context, index int, do func(context.Context) (stepResult, error)) (stepResult, error) {
			if index == lost {
				return stepResult{Call: "call-1"}, nil
			}
			return do(ctx)
		}
		if err := f.work(t.Context(), runRef{run.Org, run.ID}, skip); err != nil {
			t.Fatal(err)
		}
		if got := f.run(t, run.ID); got.Status != sallyport.RunFailure {
			t.Errorf("step %d lost: got %s, want %s", lost+1, got.Status, sallyport.RunFailure)
		}
	}
}

func TestWork_failures(t *testing.T) {
	t.Parallel()
	limited := &sallyport.Error{Code: sallyport.RateLimited, Message: "too many", RetryAfter: 20 * time.Second}
	away := sallyport.NewError(sallyport.UpstreamUnreachable, "nobody there")
	refused := func(status int, retryAfter string) error {
		cause := &llm.UpstreamError{Status: status, RetryAfter: retryAfter}
		return sallyport.WrapError(sallyport.UpstreamError, cause.Error(), cause)
	}
	told := func(status int) error {
		return sallyport.WrapError(sallyport.UpstreamError, "inside of a success", &llm.ToldFailure{Status: status})
	}
	for _, test := range []struct {
		name  string
		errs  []error // of the first answers; then all is well
		want  sallyport.RunStatus
		code  sallyport.Code
		calls int
		waits []time.Duration
	}{
		{name: "passes", errs: []error{away, sallyport.NewError(sallyport.UpstreamTimeout, "slow")}, want: sallyport.RunSuccess, calls: 4,
			waits: []time.Duration{time.Second, 4 * time.Second}},
		{name: "audit passes", errs: []error{sallyport.NewError(sallyport.AuditUnavailable, "full")}, want: sallyport.RunSuccess, calls: 3,
			waits: []time.Duration{time.Second}},
		{name: "waits as long as asked", errs: []error{limited, refused(429, "7")}, want: sallyport.RunSuccess, calls: 4,
			waits: []time.Duration{20 * time.Second, 7 * time.Second}},
		{name: "but not for ever", errs: []error{refused(503, "3000")}, want: sallyport.RunSuccess, calls: 3,
			waits: []time.Duration{askWaitMax}},
		{name: "does not pass", errs: []error{away, away, away}, want: sallyport.RunFailure, code: sallyport.UpstreamUnreachable, calls: 3,
			waits: []time.Duration{time.Second, 4 * time.Second}},
		{name: "provider refuses", errs: []error{refused(400, "")}, want: sallyport.RunFailure, code: sallyport.UpstreamError, calls: 1},
		{name: "provider is busy inside of a success", errs: []error{told(429)}, want: sallyport.RunSuccess, calls: 3,
			waits: []time.Duration{time.Second}},
		{name: "provider refuses inside of a success", errs: []error{told(400)}, want: sallyport.RunFailure, code: sallyport.UpstreamError, calls: 1},
		{name: "no credits", errs: []error{sallyport.NewError(sallyport.InsufficientCredits, "empty")}, want: sallyport.RunFailure, code: sallyport.InsufficientCredits, calls: 1},
		{name: "blocked", errs: []error{sallyport.NewError(sallyport.DLPBlocked, "a key")}, want: sallyport.RunFailure, code: sallyport.DLPBlocked, calls: 1},
		{name: "bug", errs: []error{errors.New("with s3cret words")}, want: sallyport.RunFailure, code: sallyport.Internal, calls: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			answered := 0
			f.models.answer = func(context.Context, string) (string, error) {
				answered++
				if answered <= len(test.errs) {
					return "", test.errs[answered-1]
				}
				return "fine", nil
			}
			run, err := worked(t, f)
			if err != nil || run.Status != test.want || len(f.models.calls()) != test.calls {
				t.Errorf("got %s, %v after %d calls, want %s after %d", run.Status, err, len(f.models.calls()), test.want, test.calls)
			}
			if fmt.Sprint(f.waits) != fmt.Sprint(test.waits) {
				t.Errorf("got the waits %v, want %v", f.waits, test.waits)
			}
			failure, err := f.Failure(t.Context(), run)
			if err != nil || test.code == "" && failure != nil || test.code != "" && failure.Code != test.code {
				t.Errorf("got the failure %v, %v, want %q", failure, err, test.code)
			}
			if failure != nil && strings.Contains(failure.Message, "s3cret") {
				t.Errorf("the reason shows what only the log may: %s", failure.Message)
			}
			if result, err := f.Result(t.Context(), run); err != nil || (result == "") != (test.want == sallyport.RunFailure) {
				t.Errorf("got the result %q, %v of a %s", result, err, run.Status)
			}
			if rec := f.store.events[len(f.store.events)-1]; rec.Code != test.code {
				t.Errorf("got the code %q in the record, want %q", rec.Code, test.code)
			}
		})
	}
}

func TestWork_revoked_key(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.models.answer = func(context.Context, string) (string, error) {
		f.principals.revoked = true
		return "fine", nil
	}
	run, err := worked(t, f)
	if err != nil || run.Status != sallyport.RunFailure || len(f.models.calls()) != 1 {
		t.Fatalf("got %s, %v after %d calls, want a failure after 1", run.Status, err, len(f.models.calls()))
	}
	if failure, err := f.Failure(t.Context(), run); err != nil || failure.Code != sallyport.Unauthorized {
		t.Errorf("got %v, %v, want %s", failure, err, sallyport.Unauthorized)
	}
}

func TestWork_long_answer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.models.answer = func(context.Context, string) (string, error) { return strings.Repeat("x", OutputMax+1), nil }
	run, err := worked(t, f)
	if err != nil || run.Status != sallyport.RunFailure || len(f.models.calls()) != 1 {
		t.Fatalf("got %s, %v after %d calls, want a failure after 1", run.Status, err, len(f.models.calls()))
	}
}

func TestWork_long_prompt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	def := defWith("a")
	def.Steps[0].LLMStep.Prompt = strings.Repeat("{{a}}", 9)
	run := f.begun(t, def, map[string]string{"a": strings.Repeat("x", InputValueMax)})
	if err := f.work(t.Context(), runRef{run.Org, run.ID}, directly); err != nil {
		t.Fatal(err)
	}
	failure, err := f.Failure(t.Context(), f.run(t, run.ID))
	if err != nil || failure == nil || failure.Code != sallyport.BodyTooLarge || len(f.models.calls()) != 0 {
		t.Errorf("got %v, %v after %d calls, want %s after none", failure, err, len(f.models.calls()), sallyport.BodyTooLarge)
	}
}
