package journal

import (
	"context"
	"errors"
	"fmt"
)

// recoverAtOnce is how many calls recovery reads and closes before it looks again.
const recoverAtOnce = batchEntriesMax

// Recover closes the calls that earlier boots of this node left open, each with
// the entry that Interrupted builds, and returns how many. A call that is closed
// by somebody else meanwhile is not counted. On an error the rest stays open,
// for another attempt. Only the process that serves may recover. What other
// nodes left is closed later, when their leases have ended; see TakeLease.
func (j *Journal) Recover(ctx context.Context) (int, error) {
	return j.closeAll(ctx, func() ([]OpenCall, error) {
		return j.store.OpenCalls(ctx, j.opt.Node, j.opt.Boot, recoverAtOnce)
	})
}

// closeAll closes what next lists until it lists nothing.
func (j *Journal) closeAll(ctx context.Context, next func() ([]OpenCall, error)) (int, error) {
	closed := 0
	for {
		calls, err := next()
		if err != nil {
			return closed, fmt.Errorf("list calls without an outcome: %w", err)
		}
		if len(calls) == 0 {
			return closed, nil
		}
		n, err := j.interrupt(ctx, calls)
		closed += n
		if err != nil {
			return closed, err
		}
	}
}

// errStaysOpen guards against closing the same calls for ever.
var errStaysOpen = errors.New("the entry built for an interrupted call does not close it")

func (j *Journal) interrupt(ctx context.Context, calls []OpenCall) (int, error) {
	waiters := make([]*waiter, 0, len(calls))
	var errs []error
	for _, call := range calls {
		e := j.opt.Interrupted(call)
		if e.Close == nil || e.Close.Call != call.Call || e.Org != call.Org {
			errs = append(errs, fmt.Errorf("call %s: %w", call.Call, errStaysOpen))
			break
		}
		closing := *e.Close
		closing.OnlyOpen = true
		e.Close = &closing
		w, err := j.enqueue(e)
		if err != nil {
			errs = append(errs, err)
			break
		}
		waiters = append(waiters, w)
	}
	closed := 0
	for _, w := range waiters {
		<-w.done
		switch {
		case w.err != nil:
			errs = append(errs, fmt.Errorf("close call %s: %w", w.entry.Close.Call, w.err))
		case !w.result.Late:
			closed++
		}
	}
	if ctx.Err() != nil {
		errs = append(errs, ctx.Err())
	}
	return closed, errors.Join(errs...)
}
