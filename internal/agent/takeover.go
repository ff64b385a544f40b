package agent

import (
	"context"
	"fmt"

	"github.com/dbos-inc/dbos-transact-golang/dbos/internals"
)

// Life names one life of a node: a process from its start to its end.
type Life struct{ Node, Boot string }

// executor is the name under which a life works on runs. A node without a boot
// has one life at a time, as the servers had that knew no lives.
func (l Life) executor() string {
	if l.Boot == "" {
		return l.Node
	}
	return l.Node + "/" + l.Boot
}

// takeOver puts the runs of lives that have ended back into the queue, for any
// node to go on with: those of this node's earlier lives and of dead neighbours.
// It may be done again at any time and by several nodes at once: it is one
// statement, which finds runs only that are still marked as worked on by a life
// that has ended, and a life that has ended never takes a run again. Should its
// process be there after all, the lease it lost keeps it from asking a model,
// and the engine from noting its steps.
func (e *engine) takeOver(lives []Life) error {
	if len(lives) == 0 {
		return nil
	}
	names := make([]string, len(lives))
	for i, l := range lives {
		names[i] = l.executor()
	}
	// The library itself recovers the runs of an executor of the same name
	// only. This is its own way to do it for others.
	runtime, err := internals.RuntimeOf(e.dbos)
	if err != nil {
		return fmt.Errorf("take over agent runs: %w", err)
	}
	taken, err := runtime.RecoverPendingWorkflows(names)
	if err != nil {
		return fmt.Errorf("take over agent runs: %w", err)
	}
	if len(taken) > 0 {
		e.log.Warn("agent runs of servers that ended are gone on with", "runs", len(taken))
	}
	return nil
}

// takeOver goes on with what ended lives left.
func (a *Agents) takeOver(ctx context.Context, e *engine) error {
	if a.o.Boot == "" || a.o.Ended == nil {
		return nil // the engine goes on with the runs of its own name
	}
	lives, err := a.o.Ended(ctx)
	if err != nil {
		return fmt.Errorf("list servers that have ended: %w", err)
	}
	// Without a boot: what a program left that knew no lives.
	return e.takeOver(append(lives, Life{Node: a.o.Node}))
}
