package chat

import (
	"context"
	"slices"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// Bounds of a fork, which is one transaction.
const (
	forkMessagesMax = 2_000
	forkFilesMax    = 64 << 20 // bytes, sealed
)

// Fork makes a new conversation of the path to a message. The two have nothing in
// common from then on. Answers of the new one cost nothing: their calls, and what
// was paid for them, stay with the old one.
func (c *Chats) Fork(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID, at sallyport.MessageID) (Conversation, error) {
	old, err := c.Get(ctx, who, id)
	if err != nil {
		return Conversation{}, err
	}
	last, err := c.Store.Message(ctx, who.Org, who.User, id, at)
	switch {
	case err != nil:
		return Conversation{}, err
	case last.Depth >= forkMessagesMax:
		return Conversation{}, sallyport.NewError(sallyport.BodyTooLarge, "The conversation has too many messages for this.")
	}
	path, err := c.Store.Path(ctx, who.Org, id, at, forkMessagesMax)
	if err != nil {
		return Conversation{}, err
	}
	slices.Reverse(path)
	now := c.Now()
	made := sallyport.Conversation{
		Org: who.Org, ID: sallyport.ConversationID(newID()), User: who.User, Model: old.Model, CreatedAt: now, UpdatedAt: now,
	}
	if old.Title != "" {
		if made.Title, err = c.title(ctx, who.Org, made.ID, old.Title); err != nil {
			return Conversation{}, err
		}
	}
	f := fork{Chats: c, made: &made}
	for _, m := range path {
		if err := f.add(ctx, m); err != nil {
			return Conversation{}, err
		}
	}
	rec := c.event(ctx, who, "conversations.fork", made.ID, struct {
		From     sallyport.ConversationID `json:"from"`
		Messages int                      `json:"messages"`
	}{id, len(f.messages)})
	if err := c.Store.ForkConversation(ctx, id, made, f.messages, f.files, rec); err != nil {
		return Conversation{}, err
	}
	return c.Get(ctx, who, made.ID)
}

// fork is the copy of a path. What is sealed opens only in its own place, so it is
// sealed anew.
type fork struct {
	*Chats
	made     *sallyport.Conversation
	messages []*sallyport.Message
	files    []sallyport.Attachment
	bytes    int
}

func (f *fork) add(ctx context.Context, m sallyport.Message) error {
	if m.State == sallyport.MessageStreaming {
		return errBeingWritten
	}
	said, err := f.content(ctx, m)
	if err != nil {
		return err
	}
	copied := &sallyport.Message{
		ID: sallyport.MessageID(newID()), Role: m.Role, State: m.State, Model: m.Model, Run: m.Run, CreatedAt: m.CreatedAt,
		Answer: sallyport.Answer{Seq: m.Answer.Seq, Code: m.Answer.Code, LeftOut: m.Answer.LeftOut},
	}
	if said.Files, err = f.addFiles(ctx, m, copied.ID, said.Files); err != nil {
		return err
	}
	if copied.Content, err = f.seal(ctx, m.Org, ofMessage(copied.ID, contentPart), said); err != nil {
		return err
	}
	if len(m.Masked) > 0 {
		var masked []Masked
		if err := f.unseal(ctx, m.Org, ofMessage(m.ID, maskedPart), m.Masked, &masked); err != nil {
			return err
		}
		if copied.Masked, err = f.seal(ctx, m.Org, ofMessage(copied.ID, maskedPart), masked); err != nil {
			return err
		}
	}
	f.messages = append(f.messages, copied)
	f.made.Leaf = copied.ID
	return nil
}

func (f *fork) addFiles(ctx context.Context, m sallyport.Message, to sallyport.MessageID, told []File) ([]File, error) {
	if len(told) == 0 {
		return nil, nil
	}
	rows, err := f.Store.AttachmentsOf(ctx, m.Org, m.ID)
	if err != nil {
		return nil, err
	}
	told = slices.Clone(told)
	for _, row := range rows {
		if f.bytes += len(row.Sealed); f.bytes > forkFilesMax {
			return nil, sallyport.NewError(sallyport.BodyTooLarge, "The conversation has too many files for this.")
		}
		data, err := f.Sealer.Unseal(ctx, m.Org, secret.Content, row.Sealed, ofAttachment(row.ID))
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(told, func(t File) bool { return t.ID == row.ID })
		if at < 0 {
			continue
		}
		row.ID, row.Conversation, row.Message = sallyport.AttachmentID(newID()), f.made.ID, to
		if row.Sealed, err = f.Sealer.Seal(ctx, m.Org, secret.Content, data, ofAttachment(row.ID)); err != nil {
			return nil, err
		}
		told[at].ID = row.ID
		f.files = append(f.files, row)
	}
	return told, nil
}
