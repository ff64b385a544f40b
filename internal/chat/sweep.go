package chat

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-ai/sallyport"
)

type erasureStore interface {
	DeletedConversations(ctx context.Context, before time.Time, limit int) ([]sallyport.Conversation, error)
	EraseConversation(ctx context.Context, org sallyport.OrgID, id sallyport.ConversationID, before time.Time, rec sallyport.Record) (more bool, err error)
}

const (
	// sweepTime is how often what was left is looked for.
	sweepTime = 5 * time.Second
	// sweptMax is how much of it is dealt with at a time.
	sweptMax = 100
)

func (c *Chats) sweepOften(ctx context.Context) {
	for {
		if err := c.sweep(ctx); err != nil && ctx.Err() == nil {
			c.Log.Error("conversations could not be looked after", "error", err)
		}
		select {
		case <-time.After(sweepTime):
		case <-ctx.Done():
			return
		}
	}
}

// sweep cuts answers that nobody writes any more, and erases conversations that
// were deleted. Several nodes may do it at once: what one has done, another finds
// done. A crash leaves the rest for the next time.
func (c *Chats) sweep(ctx context.Context) error {
	return errors.Join(c.cutLeft(ctx), c.eraseDeleted(ctx))
}

// cutLeft marks what servers left that have ended, and what this one could not
// bring to its end.
func (c *Chats) cutLeft(ctx context.Context) error {
	left, err := c.Store.LeftAnswers(ctx, sweptMax)
	if err != nil {
		return err
	}
	ours, err := c.Store.AnswersOf(ctx, c.Node, c.Boot)
	if err != nil {
		return err
	}
	for _, m := range ours {
		// The goroutine of an answer that has just begun may not be known yet.
		if !c.writes(m.ID) && c.Now().Sub(m.CreatedAt) > finishTime {
			left = append(left, m)
		}
	}
	var errs []error
	for _, m := range left {
		if err := c.cut(ctx, m); err != nil && sallyport.CodeOf(err) != sallyport.Conflict {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (c *Chats) writes(id sallyport.MessageID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.live[id] != nil
}

// cut makes of an answer's steps what they are: the beginning of one.
func (c *Chats) cut(ctx context.Context, m sallyport.Message) error {
	written, err := c.stepsFrom(ctx, m, 0)
	if err != nil {
		return err
	}
	for at, t := range written.tools() {
		if t.State == ToolWriting {
			written.last[at].State = ToolCalled
		}
	}
	said := contentOf(&written)
	said.Failure = "The server ended before the answer did."
	a := &m.Answer
	m.State, a.Code = sallyport.MessageCut, sallyport.ServerStopping
	var at time.Time
	if a.Usage, a.Credits, at, err = c.Store.Charged(ctx, m.Org, a.Call, a.LedgerFrom); err != nil {
		return err
	}
	if at.After(m.CreatedAt) {
		a.Duration = at.Sub(m.CreatedAt)
	}
	_, err = c.tryKeep(ctx, m, said, nil, prompt{})
	return err
}

// eraseDeleted erases what can no longer be restored.
func (c *Chats) eraseDeleted(ctx context.Context) error {
	before := c.Now().Add(-DeletedKept)
	deleted, err := c.Store.DeletedConversations(ctx, before, sweptMax)
	if err != nil {
		return err
	}
	var errs []error
	for _, row := range deleted {
		rec := c.event(ctx, sallyport.Principal{Org: row.Org}, "conversations.erase", row.ID, nil)
		for more := true; more && err == nil; {
			more, err = c.Store.EraseConversation(ctx, row.Org, row.ID, before, rec)
		}
		if err != nil && sallyport.CodeOf(err) != sallyport.NotFound && sallyport.CodeOf(err) != sallyport.Conflict {
			errs = append(errs, err)
		}
		err = nil
	}
	return errors.Join(errs...)
}
