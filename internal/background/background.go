// Package background runs work beside what started it: one goroutine with a
// start, and a stop that waits for its end. Whoever starts one stops it.
package background

import (
	"context"
	"sync"
)

// Task is one goroutine. The zero value is stopped.
type Task struct {
	mu     sync.Mutex
	cancel context.CancelFunc
	ended  chan struct{}
}

// Start runs f until it returns by itself or Stop ends its context. Whoever wants
// to start a Task that runs stops it first.
func (t *Task) Start(ctx context.Context, f func(context.Context)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ctx, t.cancel = context.WithCancel(ctx)
	ended := make(chan struct{})
	t.ended = ended
	go func() {
		defer close(ended)
		f(ctx)
	}()
}

// Stop ends the context and returns when f has. To stop twice is harmless.
func (t *Task) Stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cancel == nil {
		return
	}
	t.cancel()
	<-t.ended
	t.cancel = nil
}
