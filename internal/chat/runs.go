package chat

import (
	"bytes"
	"context"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
)

// AddRun adds a message for a run that start begins: below the end of the branch
// that is shown. The conversation is looked at first, so that no run begins for
// one that is not there. A crash between the two leaves a run without a message;
// it is found among the runs. order is what the client asked for: a repeat of it
// under the same Idempotency-Key gives start the same id, which begins one run,
// and adds one message, also after such a crash. The id is empty without a key.
func (c *Chats) AddRun(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID, order any, asked Asked, start func(sallyport.RunID) (sallyport.Run, error)) (Message, error) {
	conversation, err := c.Store.Conversation(ctx, who.Org, who.User, id)
	if err != nil {
		return Message{}, err
	}
	once, err := c.once(ctx, who, "conversations.run", order, asked)
	if err != nil {
		return Message{}, err
	}
	var named sallyport.RunID
	if once != nil {
		if before, err := c.Store.TurnOnce(ctx, who.Org, id, once.Name); before != nil || err != nil {
			return c.runBefore(ctx, who, id, once, before, err)
		}
		named = runOf(who.Org, id, once)
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
	run, err := start(named)
	if err != nil {
		return Message{}, err
	}
	m := &sallyport.Message{
		ID: sallyport.MessageID(newID()), Role: sallyport.MessageRun, State: sallyport.MessageDone, Run: run.ID, CreatedAt: c.Now(),
	}
	t := sallyport.Turn{Parent: conversation.Leaf, Said: m, Once: once}
	if once != nil {
		once.Said = m.ID
	}
	before, err := c.Store.AddTurn(ctx, who.Org, who.User, id, t, c.event(ctx, who, "conversations.run", id, turnChange(t)))
	if before != nil || err != nil {
		return c.runBefore(ctx, who, id, once, before, err)
	}
	return c.Message(ctx, who, id, m.ID)
}

// runBefore is the message of a run that an earlier request added.
func (c *Chats) runBefore(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID, once, before *sallyport.TurnOnce, err error) (Message, error) {
	sent, err := c.repeated(ctx, who, id, once, before, err)
	if err != nil {
		return Message{}, err
	}
	return *sent.Message, nil
}

// runOf is the id of the run that a request with an Idempotency-Key begins.
func runOf(org sallyport.OrgID, id sallyport.ConversationID, once *sallyport.TurnOnce) sallyport.RunID {
	request := bytes.Join([][]byte{[]byte(org), []byte(id), once.Name, once.Digest}, []byte{0})
	return sallyport.RunID(uuid.NewSHA1(uuid.Nil, request).String())
}
