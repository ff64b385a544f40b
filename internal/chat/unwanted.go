package chat

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// stopPoll is how long an answer goes on at most that another node was asked to
// stop. A look is one statement for all answers of this process, and none when
// there are none.
const stopPoll = 500 * time.Millisecond

func (c *Chats) stopUnwantedOften(ctx context.Context) {
	for {
		select {
		case <-time.After(stopPoll):
		case <-ctx.Done():
			return
		}
		if err := c.stopUnwanted(ctx); err != nil && ctx.Err() == nil {
			c.Log.Warn("it cannot be seen whether answers are to stop", "error", err)
		}
	}
}

// stopUnwanted stops the answers of this process that somebody asked to stop, or
// whose conversation was deleted.
func (c *Chats) stopUnwanted(ctx context.Context) error {
	c.mu.Lock()
	under := make([]*live, 0, len(c.live))
	answers := make([]sallyport.Message, 0, len(c.live))
	for _, l := range c.live {
		under, answers = append(under, l), append(answers, l.row)
	}
	c.mu.Unlock()
	if len(under) == 0 {
		return nil
	}
	wanted, err := c.Store.WantedAnswers(ctx, answers)
	if err != nil {
		return fmt.Errorf("look for answers that are to stop: %w", err)
	}
	for _, l := range under {
		if !slices.Contains(wanted, l.row.ID) {
			l.stop()
		}
	}
	return nil
}
