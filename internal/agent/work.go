package agent

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/sallyport-ai/sallyport"
)

const (
	// storeAttemptsMax is how often the tables are tried when they fail for a
	// reason of their own: about half a minute in all. A run whose end cannot
	// be written down even then breaks off, and the reconciler ends it.
	storeAttemptsMax = 8
	storeWaitFirst   = 250 * time.Millisecond
	// saveTime bounds what is written although the server is being stopped: an
	// answer that was paid for, and the end of a run.
	saveTime = 60 * time.Second
)

// work goes on with a run: what comes next is what its rows do not have yet.
// The rows are read at the beginning, whoever did the work before; a step that
// is finished is not done again. When work returns ctx's error, the run is in
// progress as before.
func (a *Agents) work(ctx context.Context, ref runRef, step stepper) error {
	run, err := a.open(ctx, ref)
	if err != nil || run.Status != sallyport.RunInProgress {
		return err
	}
	defer a.failOnPanic(ctx, run)

	var begin runBegin
	err = a.patiently(ctx, func(ctx context.Context) error {
		return a.unseal(ctx, run, beginPart, run.Begin, &begin)
	})
	if err != nil {
		return a.unlessStopped(ctx, run, err)
	}
	for index := range begin.Definition.Steps {
		result, err := step(ctx, index, func(ctx context.Context) (stepResult, error) {
			return a.modelStep(ctx, run, begin, index)
		})
		if err != nil || result.Ended {
			return err
		}
	}
	return a.succeed(ctx, run, len(begin.Definition.Steps))
}

func (a *Agents) open(ctx context.Context, ref runRef) (run sallyport.Run, err error) {
	err = a.patiently(ctx, func(ctx context.Context) (err error) {
		run, err = a.store.Run(ctx, ref.Org, ref.Run)
		return err
	})
	return run, err
}

// failOnPanic ends a run that a bug of ours broke: it would break again, and
// take its neighbours with it.
func (a *Agents) failOnPanic(ctx context.Context, run sallyport.Run) {
	if broken := recover(); broken != nil {
		reason := fmt.Sprintf("%T", broken) // what it says may quote what somebody wrote
		if known, ok := broken.(runtime.Error); ok {
			reason = known.Error()
		}
		a.o.Log.Error("an agent run panicked", "run", run.ID, "panic", reason, "stack", string(debug.Stack()))
		if err := a.fail(ctx, run, errors.New("panic")); err != nil {
			a.o.Log.Error("an agent run could not be ended", "run", run.ID, "error", err)
		}
	}
}

// answers returns what the finished steps answered, by index.
func (a *Agents) answers(ctx context.Context, run sallyport.Run, steps int) (answers []answer, err error) {
	err = a.patiently(ctx, func(ctx context.Context) (err error) {
		answers, err = a.readAnswers(ctx, run, steps)
		return err
	})
	return answers, err
}

func (a *Agents) readAnswers(ctx context.Context, run sallyport.Run, steps int) ([]answer, error) {
	rows, err := a.store.RunSteps(ctx, run.Org, run.ID)
	if err != nil {
		return nil, err
	}
	answers := make([]answer, steps)
	for _, row := range rows {
		if row.Index < 0 || row.Index >= steps {
			return nil, fmt.Errorf("run %s has a step %d, which its definition has not", run.ID, row.Index)
		}
		if err := a.unseal(ctx, run, stepPart(row.Index), row.Output, &answers[row.Index].Text); err != nil {
			return nil, err
		}
		answers[row.Index].Call, answers[row.Index].endedAt = row.Call, row.EndedAt
	}
	return answers, nil
}

// succeed ends a run whose steps are all finished.
func (a *Agents) succeed(ctx context.Context, run sallyport.Run, steps int) error {
	answers, err := a.answers(ctx, run, steps)
	if err == nil {
		err = whole(answers)
	}
	if err != nil {
		return a.unlessStopped(ctx, run, err)
	}
	last := answers[steps-1]
	return a.finish(ctx, run, sallyport.RunSuccess, runEnd{Call: last.Call, Text: last.Text})
}

// unlessStopped ends the run as a failure, unless the server is being stopped:
// then what looks like a failure is none.
func (a *Agents) unlessStopped(ctx context.Context, run sallyport.Run, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return a.fail(ctx, run, err)
}

// fail ends a run with the reason that its owner may see. The log has the cause.
func (a *Agents) fail(ctx context.Context, run sallyport.Run, cause error) error {
	end := runEnd{Code: sallyport.Internal, Message: "internal error"}
	var known *sallyport.Error
	if errors.As(cause, &known) {
		end.Code, end.Message = known.Code, known.Message
	}
	if end.Code == sallyport.Internal {
		a.o.Log.Error("an agent run failed", "run", run.ID, "error", cause)
	}
	status := sallyport.RunFailure
	if errors.Is(cause, errStepTime) {
		status = sallyport.RunCancelled
	}
	return a.finish(ctx, run, status, end)
}

// finish ends a run, also when the server is being stopped. A run that somebody
// ended already stays as it is.
func (a *Agents) finish(ctx context.Context, run sallyport.Run, status sallyport.RunStatus, end runEnd) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	defer a.live.moved(run.ID)
	err := a.patiently(ctx, func(ctx context.Context) error {
		sealed, err := a.seal(ctx, run, endPart, end)
		if err != nil {
			return err
		}
		return a.store.FinishRun(ctx, run.Org, run.ID, status, sealed, a.o.Now(), a.endRecord(ctx, run, status, end.Code))
	})
	if sallyport.CodeOf(err) == sallyport.Conflict {
		return nil
	}
	return err
}

func (a *Agents) endRecord(ctx context.Context, run sallyport.Run, status sallyport.RunStatus, code sallyport.Code) sallyport.Record {
	starter := sallyport.Principal{Org: run.Org, User: run.User, Key: run.Key}
	rec := a.o.Event(ctx, starter, "runs.end", "run/"+string(run.ID), runChange{Agent: run.Agent, Status: status})
	rec.Run, rec.Code = run.ID, code
	return rec
}

// patiently tries do again when it fails for a reason that may pass: the
// database is away or the trail cannot be written. What the database says about
// the run itself is final.
func (a *Agents) patiently(ctx context.Context, do func(context.Context) error) error {
	delay := storeWaitFirst
	for attempt := 1; ; attempt++ {
		err := do(ctx)
		code := sallyport.CodeOf(err)
		if code != sallyport.Internal && code != sallyport.AuditUnavailable || attempt == storeAttemptsMax {
			return err
		}
		a.o.Log.Warn("the state of an agent run cannot be read or written, trying again", "attempt", attempt, "error", err)
		if werr := a.wait(ctx, delay); werr != nil {
			return werr
		}
		delay *= 2
	}
}
