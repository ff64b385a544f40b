package chat

import (
	"context"
	"math"
	"time"

	"github.com/sallyport-ai/sallyport"
)

type messageStore interface {
	AddTurn(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ConversationID, t sallyport.Turn, rec sallyport.Record) (*sallyport.TurnOnce, error)
	TurnOnce(ctx context.Context, org sallyport.OrgID, id sallyport.ConversationID, name []byte) (*sallyport.TurnOnce, error)
	Message(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ConversationID, message sallyport.MessageID) (sallyport.Message, error)
	Messages(ctx context.Context, org sallyport.OrgID, id sallyport.ConversationID, after sallyport.MessageID, limit int) ([]sallyport.Message, error)
	Path(ctx context.Context, org sallyport.OrgID, id sallyport.ConversationID, from sallyport.MessageID, limit int) ([]sallyport.Message, error)
	PathIDs(ctx context.Context, org sallyport.OrgID, id sallyport.ConversationID, from sallyport.MessageID) ([]sallyport.MessageID, error)
	NewestBelow(ctx context.Context, org sallyport.OrgID, id sallyport.ConversationID, from sallyport.MessageID) (sallyport.MessageID, error)
	Siblings(ctx context.Context, org sallyport.OrgID, id sallyport.ConversationID, of []sallyport.Message) (map[sallyport.MessageID][]sallyport.MessageID, error)
	RateMessage(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ConversationID, message sallyport.MessageID, rating int, rec sallyport.Record) error
	Attachment(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ConversationID, file sallyport.AttachmentID) (sallyport.Attachment, error)
	AttachmentsOf(ctx context.Context, org sallyport.OrgID, message sallyport.MessageID) ([]sallyport.Attachment, error)
}

// Message is a message as the owner of its conversation sees it.
type Message struct {
	ID          sallyport.MessageID    `json:"id"`
	Parent      sallyport.MessageID    `json:"parent" doc:"The message above it; empty: it begins the conversation"`
	Role        sallyport.MessageRole  `json:"role" enum:"user,assistant,run"`
	State       sallyport.MessageState `json:"state" enum:"streaming,done,stopped,cut,failed,blocked"`
	Text        string                 `json:"text"`
	Reasoning   string                 `json:"reasoning"`
	ToolCalls   []ToolCall             `json:"tool_calls"`
	Attachments []File                 `json:"attachments"`
	Model       string                 `json:"model"`
	Run         sallyport.RunID        `json:"run"`
	CreatedAt   time.Time              `json:"created_at"`
	Siblings    []sallyport.MessageID  `json:"siblings" doc:"All messages below the same parent in the order in which they were added, this one too"`
	Error       *Failure               `json:"error,omitempty"`
	RequestID   string                 `json:"request_id"`
	Usage       *Usage                 `json:"usage,omitempty"`
	Credits     sallyport.Credits      `json:"credits" doc:"Micro-credits, as the ledger says"`
	DurationMS  int64                  `json:"duration_ms"`
	Masked      []Masked               `json:"masked" doc:"What data protection replaced in this message"`
	LeftOut     int                    `json:"left_out" doc:"So many messages above did not fit into the model's window: it was not shown them"`
	Continues   bool                   `json:"continues" doc:"It goes on from the text of its parent"`
	Rating      int                    `json:"rating"`
	Seq         int64                  `json:"seq" doc:"How far text, reasoning and tool_calls reach: events go on after it"`
}

// ToolCall is a call that the model asked for. Nothing runs it.
type ToolCall struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Arguments string `json:"arguments" doc:"The text of a JSON, as the model wrote it"`
	Result    string `json:"result" doc:"Always empty: nothing runs it"`
	State     string `json:"state" enum:"writing,called"`
}

// The states of a ToolCall.
const (
	ToolWriting = "writing" // its arguments are still being written
	ToolCalled  = "called"
)

// File is an attachment without its bytes.
type File struct {
	ID   sallyport.AttachmentID `json:"id"`
	Name string                 `json:"name"`
	Type string                 `json:"type"`
	Size int64                  `json:"size"`
}

// Failure is why an answer is not done, as a client of the API would be told.
type Failure struct {
	Code       sallyport.Code `json:"code"`
	Message    string         `json:"message"`
	RetryAfter int64          `json:"retry_after,omitempty" doc:"Seconds from the message's end"`
}

// Usage is the number of tokens of an answer, as the ledger says.
type Usage struct {
	Input       int64 `json:"input"`
	CachedInput int64 `json:"cached_input"`
	CacheWrite  int64 `json:"cache_write"`
	Output      int64 `json:"output"`
	Reasoning   int64 `json:"reasoning"`
}

// view unseals a message. Of an answer under way it is what was written so far.
func (c *Chats) view(ctx context.Context, m sallyport.Message, siblings []sallyport.MessageID) (Message, error) {
	v, err := c.opened(ctx, m)
	v.Siblings = siblings
	if v.Siblings == nil {
		v.Siblings = []sallyport.MessageID{m.ID}
	}
	return v, err
}

func (c *Chats) opened(ctx context.Context, m sallyport.Message) (Message, error) {
	a := m.Answer
	v := Message{
		ID: m.ID, Parent: m.Parent, Role: m.Role, State: m.State, Model: m.Model, Run: m.Run, CreatedAt: m.CreatedAt,
		RequestID: a.RequestID, Credits: a.Credits, DurationMS: a.Duration.Milliseconds(), LeftOut: a.LeftOut,
		Rating: m.Rating, Seq: a.Seq, ToolCalls: []ToolCall{}, Attachments: []File{}, Masked: []Masked{},
	}
	if a.Usage != (sallyport.Usage{}) {
		v.Usage = &Usage{
			Input: a.Usage.Input, CachedInput: a.Usage.CachedInput, CacheWrite: a.Usage.CacheWrite,
			Output: a.Usage.Output, Reasoning: a.Usage.Reasoning,
		}
	}
	said, err := c.content(ctx, m)
	if err != nil {
		return v, err
	}
	v.Continues = said.ContinuesAt
	v.Attachments = append(v.Attachments, said.Files...)
	if err := c.unseal(ctx, m.Org, ofMessage(m.ID, maskedPart), m.Masked, &v.Masked); err != nil {
		return v, err
	}
	if m.State == sallyport.MessageStreaming {
		l, err := c.stepsFrom(ctx, m, 0)
		v.Text, v.Reasoning, v.ToolCalls, v.Seq = l.text(), l.reasoning(), l.tools(), l.end()
		return v, err
	}
	v.Text, v.Reasoning = said.Text, said.Reasoning
	v.ToolCalls = append(v.ToolCalls, said.Tools...)
	if a.Code != "" {
		v.Error = &Failure{a.Code, said.Failure, int64(math.Ceil(a.RetryAfter.Seconds()))}
	}
	return v, nil
}

// MessagesPage is a part of a path: its messages, the first said first.
type MessagesPage struct {
	Messages []Message `json:"messages"`
	More     bool      `json:"more" doc:"There are messages above: ask with before, the first one's id"`
}

// PathPage is how many messages of a path are told at once.
const PathPage = 50

// Messages returns a page of the path to a leaf: its end, or what stands above
// the message before. Any message may be named for the leaf: its branch goes on
// to its newest end. An empty leaf is the one that the conversation shows.
func (c *Chats) Messages(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID, leaf, before sallyport.MessageID, limit int) (MessagesPage, error) {
	if limit <= 0 || limit > PathPage {
		limit = PathPage
	}
	page := MessagesPage{Messages: []Message{}}
	conversation, err := c.Store.Conversation(ctx, who.Org, who.User, id)
	if err != nil {
		return page, err
	}
	from := conversation.Leaf
	switch {
	case before != "":
		above, err := c.Store.Message(ctx, who.Org, who.User, id, before)
		if err != nil {
			return page, err
		}
		from = above.Parent
	case leaf != "" && leaf != from:
		if from, err = c.Store.NewestBelow(ctx, who.Org, id, leaf); err != nil {
			return page, err
		}
	}
	if from == "" {
		return page, nil
	}
	path, err := c.Store.Path(ctx, who.Org, id, from, limit)
	if err != nil {
		return page, err
	}
	page.More = len(path) > 0 && path[len(path)-1].Parent != ""
	page.Messages, err = c.views(ctx, id, path)
	return page, err
}

// views unseals a path, which it turns round: the first said first.
func (c *Chats) views(ctx context.Context, id sallyport.ConversationID, path []sallyport.Message) ([]Message, error) {
	if len(path) == 0 {
		return []Message{}, nil
	}
	siblings, err := c.Store.Siblings(ctx, path[0].Org, id, path)
	if err != nil {
		return nil, err
	}
	views := make([]Message, len(path))
	for i, m := range path {
		if views[len(path)-1-i], err = c.view(ctx, m, siblings[m.Parent]); err != nil {
			return nil, err
		}
	}
	return views, nil
}

// Message returns one message.
func (c *Chats) Message(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID, message sallyport.MessageID) (Message, error) {
	row, err := c.Store.Message(ctx, who.Org, who.User, id, message)
	if err != nil {
		return Message{}, err
	}
	return c.one(ctx, row)
}

// one unseals a message that is known to be the person's.
func (c *Chats) one(ctx context.Context, row sallyport.Message) (Message, error) {
	views, err := c.views(ctx, row.Conversation, []sallyport.Message{row})
	if err != nil {
		return Message{}, err
	}
	return views[0], nil
}

// Rate keeps what the person thinks of an answer: -1, 0 or 1.
func (c *Chats) Rate(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID, message sallyport.MessageID, rating int) error {
	if rating < -1 || rating > 1 {
		return invalid("A rating is -1, 0 or 1.")
	}
	return c.Store.RateMessage(ctx, who.Org, who.User, id, message, rating, c.messageEvent(ctx, who, "conversations.rate", message, struct {
		Rating int `json:"rating"`
	}{rating}))
}

func (c *Chats) messageEvent(ctx context.Context, who sallyport.Principal, action string, id sallyport.MessageID, change any) sallyport.Record {
	return c.Event(ctx, who, action, "message/"+string(id), change)
}
