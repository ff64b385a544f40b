package chat

import (
	"context"

	"github.com/sallyport-ai/sallyport"
)

// AddRun adds a message for a run that start begins: below the end of the branch
// that is shown. The conversation is looked at first, so that no run begins for
// one that is not there. A crash between the two leaves a run without a message;
// it is found among the runs.
func (c *Chats) AddRun(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID, start func() (sallyport.Run, error)) (Message, error) {
	conversation, err := c.Store.Conversation(ctx, who.Org, who.User, id)
	if err != nil {
		return Message{}, err
	}
	if conversation.Leaf != "" {
		leaf, err := c.Store.Message(ctx, who.Org, who.User, id, conversation.Leaf)
		if err != nil {
			return Message{}, err
		}
		if leaf.State == sallyport.MessageStreaming {
			return Message{}, errBeingWritten
		}
	}
	run, err := start()
	if err != nil {
		return Message{}, err
	}
	m := &sallyport.Message{
		ID: sallyport.MessageID(newID()), Role: sallyport.MessageRun, State: sallyport.MessageDone, Run: run.ID, CreatedAt: c.Now(),
	}
	t := sallyport.Turn{Parent: conversation.Leaf, Said: m}
	if _, err := c.Store.AddTurn(ctx, who.Org, who.User, id, t, c.event(ctx, who, "conversations.run", id, turnChange(t))); err != nil {
		return Message{}, err
	}
	return c.Message(ctx, who, id, m.ID)
}
