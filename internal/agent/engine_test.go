package agent

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"

	"github.com/sallyport-ai/sallyport"
)

// opened starts an engine in dir that stops with the test.
func opened(t *testing.T, dir string, work worker) *engine {
	t.Helper()
	e, err := openEngine(t.Context(), engineOptions(dir), work)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e
}

// settled waits until the engine is done with a run.
func (e *engine) settled(t *testing.T, run sallyport.RunID) engineState {
	t.Helper()
	handle, err := dbos.RetrieveWorkflow[string](e.dbos, string(run))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = handle.GetResult(dbos.WithHandlePollingInterval(time.Millisecond))
	return e.state(t, run)
}

func (e *engine) state(t *testing.T, run sallyport.RunID) engineState {
	t.Helper()
	states, err := e.states([]sallyport.RunID{run})
	if err != nil {
		t.Fatal(err)
	}
	return states[run]
}

func TestEngine_starts_a_run_once(t *testing.T) {
	t.Parallel()
	begun := make(chan runRef, 10)
	e := opened(t, t.TempDir(), func(_ context.Context, ref runRef, _ stepper) error {
		begun <- ref
		return nil
	})
	ref := runRef{"org-1", "run-1"}
	for range 3 {
		if err := e.start(ref); err != nil {
			t.Fatal(err)
		}
	}
	if got := e.settled(t, ref.Run); got != done {
		t.Errorf("got the state %d, want %d", got, done)
	}
	if err := e.start(ref); err != nil {
		t.Fatal(err)
	}
	if err := e.start(runRef{"org-1", "run-2"}); err != nil {
		t.Fatal(err)
	}
	e.settled(t, "run-2")
	close(begun)
	var refs []runRef
	for got := range begun {
		refs = append(refs, got)
	}
	if !slices.Equal(refs, []runRef{ref, {"org-1", "run-2"}}) {
		t.Errorf("got %v, want each run once", refs)
	}
	if got := e.state(t, "run-3"); got != unknown {
		t.Errorf("got the state %d of a run never told of, want %d", got, unknown)
	}
}

// A run is gone on with where it was: finished steps are not done again. The
// end of the context that the engine was opened with is no cancellation.
func TestEngine_goes_on_after_a_stop(t *testing.T) {
	t.Parallel()
	dir, ref := t.TempDir(), runRef{"org-1", "run-1"}
	didOnce, inSecond := 0, make(chan struct{})
	serving, signal := context.WithCancel(t.Context())
	defer signal()
	e, err := openEngine(serving, engineOptions(dir), func(ctx context.Context, _ runRef, step stepper) error {
		if _, err := step(ctx, 0, func(context.Context) (stepResult, error) {
			didOnce++
			return stepResult{Call: "call-1"}, nil
		}); err != nil {
			return err
		}
		_, err := step(ctx, 1, func(ctx context.Context) (stepResult, error) {
			close(inSecond)
			<-ctx.Done()
			return stepResult{}, ctx.Err()
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.start(ref); err != nil {
		t.Fatal(err)
	}
	<-inSecond
	signal()
	if err := e.stop(t.Context()); err != nil {
		t.Fatal(err)
	}

	var results []stepResult
	again := opened(t, dir, func(ctx context.Context, got runRef, step stepper) error {
		if got != ref {
			t.Errorf("got %v, want %v", got, ref)
		}
		for i := range 2 {
			result, err := step(ctx, i, func(context.Context) (stepResult, error) {
				if i == 0 {
					didOnce++
				}
				return stepResult{Call: "call-2", Ended: true}, nil
			})
			if err != nil {
				return err
			}
			results = append(results, result)
		}
		return nil
	})
	if got := again.settled(t, ref.Run); got != done {
		t.Errorf("got the state %d, want %d", got, done)
	}
	if want := []stepResult{{Call: "call-1"}, {Call: "call-2", Ended: true}}; didOnce != 1 || !slices.Equal(results, want) {
		t.Errorf("the first step was done %d times, and the results are %v, want %v", didOnce, results, want)
	}
}

func engineOptions(dir string) Options {
	o := options(dir)
	o.Node, o.RunsMax = "node-1", 4
	return o
}

func TestEngine_cancel(t *testing.T) {
	t.Parallel()
	in := make(chan struct{})
	cause := make(chan error, 1)
	e := opened(t, t.TempDir(), func(ctx context.Context, _ runRef, step stepper) error {
		_, err := step(ctx, 0, func(ctx context.Context) (stepResult, error) {
			close(in)
			<-ctx.Done()
			cause <- context.Cause(ctx)
			return stepResult{}, ctx.Err()
		})
		return err
	})
	if err := e.start(runRef{"org-1", "run-1"}); err != nil {
		t.Fatal(err)
	}
	<-in
	if err := e.cancel(runRef{"org-1", "run-1"}); err != nil {
		t.Fatal(err)
	}
	if got := <-cause; !errors.Is(got, errCancelled) {
		t.Errorf("the step ended with %v, want %v", got, errCancelled)
	}
	if got := e.settled(t, "run-1"); got != brokenOff {
		t.Errorf("got the state %d, want %d", got, brokenOff)
	}
	if err := e.cancel(runRef{"org-1", "run-2"}); err != nil {
		t.Errorf("got %v for a run that the engine does not know", err)
	}
}

// The engine's file holds ids only, however a run ends.
func TestEngine_keeps_no_words(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secretWords := "s3cret words"
	e, err := openEngine(t.Context(), engineOptions(dir), func(ctx context.Context, ref runRef, step stepper) error {
		if _, err := step(ctx, 0, func(context.Context) (stepResult, error) {
			return stepResult{Call: "call-1"}, nil
		}); err != nil {
			return err
		}
		if ref.Run == "run-1" {
			return errors.New(secretWords)
		}
		_, err := step(ctx, 1, func(context.Context) (stepResult, error) { return stepResult{}, errors.New(secretWords) })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range []sallyport.RunID{"run-1", "run-2"} {
		if err := e.start(runRef{"org-1", run}); err != nil {
			t.Fatal(err)
		}
		if got := e.settled(t, run); got != brokenOff {
			t.Errorf("got the state %d, want %d", got, brokenOff)
		}
	}
	if err := e.stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got %v, %v", files, err)
	}
	var all []byte
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	if !holds(all, "call-1") {
		t.Error("the call's id is not there: the search for words would find nothing")
	}
	if holds(all, secretWords) {
		t.Error("the engine's database holds the words of an error")
	}
}

// holds says whether text stands in data, as it is or inside of base64.
func holds(data []byte, text string) bool {
	if bytes.Contains(data, []byte(text)) {
		return true
	}
	for skip := range 3 { // base64 reads three bytes at a time, from any place
		part := text[skip:]
		part = part[:len(part)/3*3]
		if bytes.Contains(data, []byte(base64.StdEncoding.EncodeToString([]byte(part)))) {
			return true
		}
	}
	return false
}

func TestEngine_forget(t *testing.T) {
	t.Parallel()
	e := opened(t, t.TempDir(), func(context.Context, runRef, stepper) error { return nil })
	if err := e.start(runRef{"org-1", "run-1"}); err != nil {
		t.Fatal(err)
	}
	e.settled(t, "run-1")
	if err := e.forget(time.Now().Add(-time.Hour), 10); err != nil || e.state(t, "run-1") != done {
		t.Errorf("got %v and the state %d of a run that ended later", err, e.state(t, "run-1"))
	}
	if err := e.forget(time.Now().Add(time.Hour), 10); err != nil || e.state(t, "run-1") != unknown {
		t.Errorf("got %v and the state %d of a run that is to be forgotten", err, e.state(t, "run-1"))
	}
}

func TestEngine_refuses_a_foreign_version(t *testing.T) {
	t.Setenv("DBOS__APPVERSION", "2")
	_, err := openEngine(t.Context(), engineOptions(t.TempDir()), nil)
	if err == nil || !strings.Contains(err.Error(), "DBOS__APPVERSION") {
		t.Errorf("got %v, want the variable's name", err)
	}
}

// What the engine has given up, the reconciler ends.
func TestSettle(t *testing.T) {
	t.Parallel()
	for state, want := range map[engineState]sallyport.RunStatus{
		underWay:  sallyport.RunInProgress,
		done:      sallyport.RunFailure,
		brokenOff: sallyport.RunFailure,
		exhausted: sallyport.RunFailure,
	} {
		f := newFixture(t)
		run := f.begun(t, defWith(), nil)
		if err := f.settle(t.Context(), nil, run, state); err != nil {
			t.Fatal(err)
		}
		if got := f.run(t, run.ID).Status; got != want {
			t.Errorf("state %d: got %s, want %s", state, got, want)
		}
	}
	if got := stateOf(dbos.WorkflowStatusMaxRecoveryAttemptsExceeded); got != exhausted {
		t.Errorf("got the state %d, want %d", got, exhausted)
	}
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	// One that nobody told the engine of, one that broke off, one that cannot be
	// settled: the others do not wait for it.
	stuck := f.begun(t, defWith(), nil)
	lost := f.begun(t, defWith(), nil)
	broken := f.begun(t, defWith(), nil)
	worked := make(chan sallyport.RunID, 10)
	e := opened(t, t.TempDir(), func(_ context.Context, ref runRef, _ stepper) error {
		worked <- ref.Run
		if ref.Run == broken.ID || ref.Run == stuck.ID {
			return errors.New("the disk is full")
		}
		return nil
	})
	for _, run := range []sallyport.Run{broken, stuck} {
		if err := e.start(runRef{run.Org, run.ID}); err != nil {
			t.Fatal(err)
		}
		e.settled(t, run.ID)
		<-worked
	}
	f.engine.Store(e)
	finishes := 0
	f.store.fail = func(method string) error {
		if method == "FinishRun" {
			if finishes++; finishes == 1 {
				return sallyport.NewError(sallyport.NotFound, "it is not there")
			}
		}
		return nil
	}
	if err := f.reconcile(t.Context()); err == nil || !strings.Contains(err.Error(), string(stuck.ID)) {
		t.Errorf("got %v, want the run that could not be settled", err)
	}
	if got := <-worked; got != lost.ID {
		t.Errorf("the run %s was started, want %s", got, lost.ID)
	}
	if got := f.run(t, broken.ID).Status; got != sallyport.RunFailure {
		t.Errorf("got %s of the run that broke off", got)
	}
	e.settled(t, lost.ID)
}
