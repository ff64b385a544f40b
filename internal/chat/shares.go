package chat

import (
	"context"
	"encoding/json"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

type shareStore interface {
	CreateShare(ctx context.Context, s sallyport.Share, rec sallyport.Record) error
	Share(ctx context.Context, org sallyport.OrgID, id sallyport.ShareID) (sallyport.Share, error)
	Shares(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) ([]sallyport.Share, error)
	RevokeShare(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ShareID, rec sallyport.Record) error
}

// Bounds of a share.
const (
	shareMessagesMax = 2_000
	snapshotMax      = 16 << 20 // bytes
)

// Shared is a share in the list of who made it.
type Shared struct {
	ID           sallyport.ShareID        `json:"id"`
	Conversation sallyport.ConversationID `json:"conversation"`
	Title        string                   `json:"title"`
	CreatedAt    time.Time                `json:"created_at"`
}

// Snapshot is a conversation as it was when it was shared. Files are named, and
// not a part of it.
type Snapshot struct {
	ID        sallyport.ShareID `json:"id"`
	Title     string            `json:"title"`
	User      sallyport.UserID  `json:"user" doc:"Who shared it"`
	Mine      bool              `json:"mine" doc:"The reader shared it"`
	CreatedAt time.Time         `json:"created_at"`
	Messages  []SharedMessage   `json:"messages"`
}

// SharedMessage is a message of a snapshot. Stored snapshots are read by later
// versions: fields are only ever added.
type SharedMessage struct {
	Role      sallyport.MessageRole  `json:"role"`
	State     sallyport.MessageState `json:"state"`
	Text      string                 `json:"text"`
	Reasoning string                 `json:"reasoning"`
	ToolCalls []ToolCall             `json:"tool_calls"`
	Files     []string               `json:"files"`
	Model     string                 `json:"model"`
	CreatedAt time.Time              `json:"created_at"`
}

// Share makes a snapshot of the path to a leaf, which members of the organisation
// may read who have its id. An empty leaf is the one that is shown.
func (c *Chats) Share(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID, leaf sallyport.MessageID) (Shared, error) {
	conversation, err := c.Get(ctx, who, id)
	if err != nil {
		return Shared{}, err
	}
	if leaf == "" {
		leaf = conversation.Leaf
	}
	messages, err := c.snapshot(ctx, who, id, leaf)
	if err != nil {
		return Shared{}, err
	}
	plain, err := json.Marshal(messages)
	if err != nil {
		return Shared{}, err
	}
	if len(plain) > snapshotMax {
		return Shared{}, sallyport.NewError(sallyport.BodyTooLarge, "The conversation is too long to be shared.")
	}
	s := sallyport.Share{Org: who.Org, ID: sallyport.ShareID(newID()), Conversation: id, User: who.User, CreatedAt: c.Now()}
	if s.Snapshot, err = c.Sealer.Seal(ctx, who.Org, secret.Content, plain, ofShare(s.ID, snapshotPart)); err != nil {
		return Shared{}, err
	}
	if s.Title, err = c.seal(ctx, who.Org, ofShare(s.ID, titlePart), conversation.Title); err != nil {
		return Shared{}, err
	}
	rec := c.event(ctx, who, "conversations.share", id, struct {
		Share    sallyport.ShareID `json:"share_id"`
		Messages int               `json:"messages"`
	}{s.ID, len(messages)})
	if err := c.Store.CreateShare(ctx, s, rec); err != nil {
		return Shared{}, err
	}
	return Shared{s.ID, id, conversation.Title, s.CreatedAt}, nil
}

func (c *Chats) snapshot(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID, leaf sallyport.MessageID) ([]SharedMessage, error) {
	views, err := c.whole(ctx, who, id, leaf, shareMessagesMax)
	if err != nil {
		return nil, err
	}
	messages := make([]SharedMessage, 0, len(views))
	for _, m := range views {
		if m.State == sallyport.MessageStreaming {
			return nil, sallyport.NewError(sallyport.Conflict, "An answer is still being written: share the conversation when it has ended.")
		}
		s := SharedMessage{
			Role: m.Role, State: m.State, Text: m.Text, Reasoning: m.Reasoning, ToolCalls: m.ToolCalls,
			Files: []string{}, Model: m.Model, CreatedAt: m.CreatedAt,
		}
		for _, f := range m.Attachments {
			s.Files = append(s.Files, f.Name)
		}
		messages = append(messages, s)
	}
	return messages, nil
}

// whole returns a whole path, the first said first. One that has more than most
// messages, or none, cannot be handed on.
func (c *Chats) whole(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID, leaf sallyport.MessageID, most int) ([]Message, error) {
	if leaf == "" {
		return nil, sallyport.NewError(sallyport.Conflict, "There are no messages.")
	}
	row, err := c.Store.Message(ctx, who.Org, who.User, id, leaf)
	if err != nil {
		return nil, err
	}
	if row.Depth >= most {
		return nil, sallyport.NewError(sallyport.BodyTooLarge, "The conversation has too many messages for this.")
	}
	path, err := c.Store.Path(ctx, who.Org, id, leaf, most)
	if err != nil {
		return nil, err
	}
	views := make([]Message, len(path))
	for i, m := range path {
		if views[len(path)-1-i], err = c.view(ctx, m, nil); err != nil {
			return nil, err
		}
	}
	return views, nil
}

// Shares lists the person's shares, the newest first.
func (c *Chats) Shares(ctx context.Context, who sallyport.Principal) ([]Shared, error) {
	rows, err := c.Store.Shares(ctx, who.Org, who.User)
	if err != nil {
		return nil, err
	}
	shares := make([]Shared, len(rows))
	for i, s := range rows {
		shares[i] = Shared{ID: s.ID, Conversation: s.Conversation, CreatedAt: s.CreatedAt}
		if err := c.unseal(ctx, who.Org, ofShare(s.ID, titlePart), s.Title, &shares[i].Title); err != nil {
			return nil, err
		}
	}
	return shares, nil
}

// Shared returns a snapshot to a member of the organisation.
func (c *Chats) Shared(ctx context.Context, who sallyport.Principal, id sallyport.ShareID) (Snapshot, error) {
	s, err := c.Store.Share(ctx, who.Org, id)
	if err != nil {
		return Snapshot{}, err
	}
	v := Snapshot{ID: s.ID, User: s.User, Mine: s.User == who.User, CreatedAt: s.CreatedAt}
	if err := c.unseal(ctx, who.Org, ofShare(s.ID, titlePart), s.Title, &v.Title); err != nil {
		return Snapshot{}, err
	}
	return v, c.unseal(ctx, who.Org, ofShare(s.ID, snapshotPart), s.Snapshot, &v.Messages)
}

// Revoke ends a share for good. People revoke their own; administrators may revoke any.
func (c *Chats) Revoke(ctx context.Context, who sallyport.Principal, id sallyport.ShareID) error {
	of := who.User
	if who.Role == sallyport.RoleAdministrator {
		of = ""
	}
	return c.Store.RevokeShare(ctx, who.Org, of, id, c.Event(ctx, who, "shares.delete", "share/"+string(id), nil))
}
