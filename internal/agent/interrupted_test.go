package agent

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// A stop of the server is no failure, wherever it comes.
func TestWork_stop(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		stopIn string // a store method, or "model" or "wait"
		saved  int
	}{
		{"in the model", "model", 1},
		{"between attempts", "wait", 0},
		{"before the first step", "Run", 0},
		{"reading steps", "RunSteps", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			run := f.begun(t, twoSteps(), inputs)
			ctx, stop := context.WithCancel(t.Context())
			stopped := func(where string) error {
				if where == test.stopIn {
					stop()
				}
				return ctx.Err()
			}
			f.store.fail = stopped
			f.models.answer = func(_ context.Context, prompt string) (string, error) {
				if test.stopIn == "wait" {
					return "", sallyport.NewError(sallyport.UpstreamUnreachable, "nobody there")
				}
				if strings.HasPrefix(prompt, "Sum") && stopped("model") != nil {
					return "", sallyport.WrapError(sallyport.ClientClosed, "the client closed the connection", ctx.Err())
				}
				return "fine", nil
			}
			f.wait = func(context.Context, time.Duration) error { return stopped("wait") }
			if err := f.work(ctx, runRef{run.Org, run.ID}, directly); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want %v", err, context.Canceled)
			}
			f.store.fail = nil
			if got := f.run(t, run.ID).Status; got != sallyport.RunInProgress || len(f.store.steps) != test.saved {
				t.Errorf("got %s with %d steps, want %s with %d", got, len(f.store.steps), sallyport.RunInProgress, test.saved)
			}
		})
	}
}

// An answer that came while the server is being stopped was paid for: it is kept.
func TestWork_stop_after_the_answer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	run := f.begun(t, twoSteps(), inputs)
	ctx, stop := context.WithCancel(t.Context())
	f.models.answer = func(context.Context, string) (string, error) {
		stop()
		return "fine", nil
	}
	_, err := f.modelStep(ctx, run, f.opened(t, run), 0)
	if err != nil || len(f.store.steps) != 1 {
		t.Errorf("got %v and %d steps, want one", err, len(f.store.steps))
	}
}

func (f *fixture) opened(t *testing.T, run sallyport.Run) (begin runBegin) {
	t.Helper()
	if err := f.unseal(t.Context(), run, beginPart, run.Begin, &begin); err != nil {
		t.Fatal(err)
	}
	return begin
}

// Fault table: the n-th use of the store fails, before it took effect. The run
// succeeds, and no model is asked twice.
func TestWork_store_fails_for_a_moment(t *testing.T) {
	t.Parallel()
	for n := 1; ; n++ {
		f := newFixture(t)
		run := f.begun(t, twoSteps(), inputs)
		uses := 0
		f.store.fail = func(string) error {
			if uses++; uses == n || uses == n+1 {
				return errors.New("the database is away")
			}
			return nil
		}
		err := f.work(t.Context(), runRef{run.Org, run.ID}, directly)
		f.store.fail = nil
		if got := f.run(t, run.ID).Status; err != nil || got != sallyport.RunSuccess || len(f.models.calls()) != 2 {
			t.Fatalf("use %d fails: got %s, %v after %d calls", n, got, err, len(f.models.calls()))
		}
		if uses < n {
			break // nothing failed: all uses have had their turn
		}
	}
}

func TestWork_store_fails_for_good(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		methods string
		want    sallyport.RunStatus
		fails   bool
	}{
		{"the answer cannot be kept", "SaveRunStep", sallyport.RunFailure, false},
		{"nor the end", "SaveRunStep FinishRun", sallyport.RunInProgress, true}, // the reconciler's to end
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			run := f.begun(t, twoSteps(), inputs)
			tries := 0
			f.store.fail = func(method string) error {
				if slices.Contains(strings.Fields(test.methods), method) {
					tries++
					return errors.New("the disk is full")
				}
				return nil
			}
			err := f.work(t.Context(), runRef{run.Org, run.ID}, directly)
			if (err != nil) != test.fails || len(f.models.calls()) != 1 {
				t.Errorf("got %v after %d calls, want one call", err, len(f.models.calls()))
			}
			if want := storeAttemptsMax * len(strings.Fields(test.methods)); tries != want {
				t.Errorf("got %d tries, want %d", tries, want)
			}
			if got := f.run(t, run.ID).Status; got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// Opening what is sealed may need the database too.
func TestWork_sealer_fails_for_a_moment(t *testing.T) {
	t.Parallel()
	for n := 1; ; n++ {
		f := newFixture(t)
		run := f.begun(t, twoSteps(), inputs)
		uses := 0
		f.sealer = failing{func() error {
			if uses++; uses == n {
				return errors.New("the database is away")
			}
			return nil
		}}
		err := f.work(t.Context(), runRef{run.Org, run.ID}, directly)
		if got := f.run(t, run.ID).Status; err != nil || got != sallyport.RunSuccess || len(f.models.calls()) != 2 {
			t.Fatalf("use %d fails: got %s, %v after %d calls", n, got, err, len(f.models.calls()))
		}
		if uses < n {
			break
		}
	}
}

func TestWork_database_of_keys_fails_for_a_moment(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.principals.failing = 2
	if run, err := worked(t, f); err != nil || run.Status != sallyport.RunSuccess {
		t.Errorf("got %s, %v", run.Status, err)
	}
}

func TestWork_panic(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.models.answer = func(context.Context, string) (string, error) { panic("s3cret") }
	run, err := worked(t, f)
	if err != nil || run.Status != sallyport.RunFailure {
		t.Fatalf("got %s, %v", run.Status, err)
	}
	if failure, err := f.Failure(t.Context(), run); err != nil || failure.Code != sallyport.Internal || strings.Contains(failure.Message, "s3cret") {
		t.Errorf("got %v, %v", failure, err)
	}
}

func TestWork_unreadable_beginning(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	run := f.begun(t, twoSteps(), inputs)
	f.store.runs[0].Begin = []byte("x")
	if err := f.work(t.Context(), runRef{run.Org, run.ID}, directly); err != nil {
		t.Fatal(err)
	}
	if got := f.run(t, run.ID).Status; got != sallyport.RunFailure || len(f.models.calls()) != 0 {
		t.Errorf("got %s after %d calls", got, len(f.models.calls()))
	}
}

func TestWork_cancelled_meanwhile(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	run := f.begun(t, twoSteps(), inputs)
	f.models.answer = func(ctx context.Context, _ string) (string, error) {
		if err := f.Cancel(ctx, owner, run.ID); err != nil {
			t.Error(err)
		}
		return "", sallyport.NewError(sallyport.UpstreamClosed, "closed")
	}
	if err := f.work(t.Context(), runRef{run.Org, run.ID}, directly); err != nil {
		t.Fatal(err)
	}
	if got := f.run(t, run.ID).Status; got != sallyport.RunCancelled {
		t.Errorf("got %s, want %s", got, sallyport.RunCancelled)
	}
	if err := f.Cancel(t.Context(), owner, run.ID); sallyport.CodeOf(err) != sallyport.Conflict {
		t.Errorf("cancelled twice: got %v, want %s", err, sallyport.Conflict)
	}
}

// No step begins after the run was cancelled, whatever became of the engine.
func TestWork_cancelled_between_steps(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	run := f.begun(t, twoSteps(), inputs)
	f.models.answer = func(ctx context.Context, _ string) (string, error) {
		return "fine", f.Cancel(ctx, owner, run.ID)
	}
	if err := f.work(t.Context(), runRef{run.Org, run.ID}, directly); err != nil || len(f.models.calls()) != 1 {
		t.Errorf("got %v after %d calls, want one call", err, len(f.models.calls()))
	}
}

// A provider that keeps a step busy for ever ends the run as a time-out.
func TestWork_step_time(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.models.answer = func(ctx context.Context, _ string) (string, error) {
			<-ctx.Done()
			return "", sallyport.WrapError(sallyport.ClientClosed, "the client closed the connection", ctx.Err())
		}
		begun := time.Now()
		run, err := worked(t, f)
		if err != nil || run.Status != sallyport.RunCancelled || time.Since(begun) != StepTimeMax || len(f.models.calls()) != 1 {
			t.Errorf("got %s, %v after %s and %d calls", run.Status, err, time.Since(begun), len(f.models.calls()))
		}
	})
}
