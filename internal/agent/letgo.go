package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// cancelPoll is how long a process goes on at most with a step of a run that was
// cancelled in another. A look is one short statement for all runs that the
// process is in a step of, and none when there is no such run.
const cancelPoll = 300 * time.Millisecond

func (a *Agents) letGoOften(ctx context.Context) {
	for wait(ctx, cancelPoll) == nil {
		if err := a.letGo(ctx); err != nil && ctx.Err() == nil {
			a.o.Log.Warn("it cannot be seen whether agent runs were cancelled", "error", err)
		}
	}
}

// letGo interrupts the steps that this process is in whose runs were ended.
func (a *Agents) letGo(ctx context.Context) error {
	e := a.engine.Load()
	if e == nil {
		return nil
	}
	refs := e.inSteps()
	if len(refs) == 0 {
		return nil
	}
	runs := make([]sallyport.Run, len(refs))
	for i, ref := range refs {
		runs[i] = sallyport.Run{Org: ref.Org, ID: ref.Run}
	}
	ended, err := a.store.EndedRuns(ctx, runs)
	if err != nil {
		return fmt.Errorf("look for runs that were cancelled: %w", err)
	}
	for _, id := range ended {
		for _, ref := range refs {
			if ref.Run == id {
				e.interrupt(ref)
			}
		}
	}
	return nil
}
