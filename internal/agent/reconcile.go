package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-ai/sallyport"
)

const (
	// reconcileInterval is how long a run waits at most that was inserted by a
	// process that crashed before it told the engine, or that does not serve.
	reconcileInterval = 5 * time.Second
	// openRunsMax is how many open runs are compared at a time; each comes with
	// its inputs. They are the oldest ones: as they end, later ones move up.
	openRunsMax = 100
	// forgetAfter is how long the engine keeps what it knew of a finished run,
	// and forgetMax how many it forgets at a time.
	forgetAfter = 24 * time.Hour
	forgetMax   = 500
)

func (a *Agents) reconcileOften(ctx context.Context) {
	for ctx.Err() == nil {
		if err := a.reconcile(ctx); err != nil && ctx.Err() == nil {
			a.o.Log.Error("agent runs could not be compared with the engine", "error", err)
		}
		_ = wait(ctx, reconcileInterval) // its only error ends the loop
	}
}

// reconcile takes over what servers that ended were working on, and compares our
// runs with what the engine knows of them: it starts those that the engine was never told of and ends those that it has given up.
func (a *Agents) reconcile(ctx context.Context) error {
	e := a.engine.Load()
	if e == nil {
		return nil
	}
	taken := a.takeOver(ctx, e)
	runs, err := a.store.OpenRuns(ctx, openRunsMax)
	if err != nil {
		return errors.Join(taken, err)
	}
	if len(runs) > 0 {
		err = a.settleAll(ctx, e, runs)
	}
	// Afterwards: what ended without its row being told was just settled.
	return errors.Join(taken, err, e.forget(a.o.Now().Add(-forgetAfter), forgetMax))
}

// settleAll goes through all runs: one that cannot be settled must not keep the
// others waiting.
func (a *Agents) settleAll(ctx context.Context, e *engine, runs []sallyport.Run) error {
	ids := make([]sallyport.RunID, len(runs))
	for i, run := range runs {
		ids[i] = run.ID
	}
	states, err := e.states(ids)
	if err != nil {
		return err
	}
	var errs []error
	for _, run := range runs {
		if err := a.settle(ctx, e, run, states[run.ID]); err != nil {
			errs = append(errs, fmt.Errorf("run %s: %w", run.ID, err))
		}
	}
	return errors.Join(errs...)
}

// settle brings one open run and the engine together. The run may have ended
// since its row was read; finish then changes nothing.
func (a *Agents) settle(ctx context.Context, e *engine, run sallyport.Run, state engineState) error {
	switch state {
	case unknown:
		return e.start(runRef{run.Org, run.ID})
	case underWay:
		return nil
	case exhausted:
		return a.fail(ctx, run, sallyport.NewError(sallyport.Internal, "the run was interrupted too often"))
	}
	return a.fail(ctx, run, sallyport.NewError(sallyport.Internal, "the run broke off"))
}
