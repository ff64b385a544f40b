package chat

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport"
)

type conversationStore interface {
	CreateConversation(ctx context.Context, c sallyport.Conversation, rec sallyport.Record) error
	Conversation(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ConversationID) (sallyport.Conversation, error)
	Conversations(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, q sallyport.ConversationQuery) ([]sallyport.Conversation, error)
	ChangeConversation(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ConversationID, change sallyport.ConversationChange, rec sallyport.Record) error
	DeleteConversation(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ConversationID, at time.Time, rec sallyport.Record) error
	RestoreConversation(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ConversationID, since time.Time, rec sallyport.Record) error
	ForkConversation(ctx context.Context, from sallyport.ConversationID, c sallyport.Conversation, messages []*sallyport.Message, files []sallyport.Attachment, rec sallyport.Record) error
}

// Bounds of what a conversation is called, in characters.
const (
	TitleMax  = 200
	FolderMax = 100
	// titleMade bounds a title that is made of the first message.
	titleMade = 60
)

// Bounds of a page of conversations.
const (
	PageDefault = 50
	PageMax     = 200
)

// Conversation is a conversation as its owner sees it.
type Conversation struct {
	ID        sallyport.ConversationID `json:"id"`
	Title     string                   `json:"title" doc:"Empty until the first message"`
	Model     string                   `json:"model"`
	Pinned    bool                     `json:"pinned"`
	Archived  bool                     `json:"archived"`
	Folder    string                   `json:"folder"`
	Shared    bool                     `json:"shared"`
	CreatedAt time.Time                `json:"created_at"`
	UpdatedAt time.Time                `json:"updated_at"`
	Leaf      sallyport.MessageID      `json:"leaf" doc:"The end of the branch that is shown; empty without messages"`
	Hit       *Hit                     `json:"hit,omitempty" doc:"Where the search found something"`
}

// Page is some conversations and where the next ones begin.
type Page struct {
	Conversations []Conversation `json:"conversations"`
	Next          string         `json:"next" doc:"Where to go on; empty: there are no more. A search that has not finished may find nothing on a page"`
}

// Query chooses conversations.
type Query struct {
	Text     string
	Archived bool
	Cursor   string
	Limit    int
}

// List returns a page of the person's conversations, the pinned ones first, then
// those that were used last.
func (c *Chats) List(ctx context.Context, who sallyport.Principal, q Query) (Page, error) {
	if q.Limit <= 0 {
		q.Limit = PageDefault
	}
	q.Limit = min(q.Limit, PageMax)
	at, err := readCursor(q.Cursor)
	if err != nil {
		return Page{}, err
	}
	if q.Text != "" {
		return c.search(ctx, who, q, at)
	}
	found, err := c.Store.Conversations(ctx, who.Org, who.User, sallyport.ConversationQuery{
		Archived: q.Archived, After: at.after(), Limit: q.Limit + 1,
	})
	if err != nil {
		return Page{}, err
	}
	p := Page{Conversations: []Conversation{}}
	if len(found) > q.Limit {
		found = found[:q.Limit]
		p.Next = cursorAt(found[q.Limit-1]).String()
	}
	for _, row := range found {
		one, err := c.open(ctx, row)
		if err != nil {
			return Page{}, err
		}
		p.Conversations = append(p.Conversations, one)
	}
	return p, nil
}

// open unseals a conversation.
func (c *Chats) open(ctx context.Context, row sallyport.Conversation) (Conversation, error) {
	v := Conversation{
		ID: row.ID, Model: row.Model, Pinned: row.Pinned, Archived: row.Archived, Shared: row.Shared,
		CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Leaf: row.Leaf,
	}
	if err := c.unseal(ctx, row.Org, ofConversation(row.ID, titlePart), row.Title, &v.Title); err != nil {
		return v, err
	}
	return v, c.unseal(ctx, row.Org, ofConversation(row.ID, folderPart), row.Folder, &v.Folder)
}

// Get returns a conversation of the person.
func (c *Chats) Get(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID) (Conversation, error) {
	row, err := c.Store.Conversation(ctx, who.Org, who.User, id)
	if err != nil {
		return Conversation{}, err
	}
	return c.open(ctx, row)
}

// Create adds a conversation. Without a title it is named after its first message.
func (c *Chats) Create(ctx context.Context, who sallyport.Principal, model, title string) (Conversation, error) {
	if _, err := c.Gateway.Model(ctx, who, model); err != nil {
		return Conversation{}, err
	}
	now := c.Now()
	row := sallyport.Conversation{
		Org: who.Org, ID: sallyport.ConversationID(newID()), User: who.User, Model: model, CreatedAt: now, UpdatedAt: now,
	}
	if title != "" {
		sealed, err := c.title(ctx, who.Org, row.ID, title)
		if err != nil {
			return Conversation{}, err
		}
		row.Title = sealed
	}
	if err := c.Store.CreateConversation(ctx, row, c.event(ctx, who, "conversations.create", row.ID, nil)); err != nil {
		return Conversation{}, err
	}
	return c.open(ctx, row)
}

// event is the record of a change to a conversation. What it says is not in it.
func (c *Chats) event(ctx context.Context, who sallyport.Principal, action string, id sallyport.ConversationID, change any) sallyport.Record {
	return c.Event(ctx, who, action, "conversation/"+string(id), change)
}

func (c *Chats) title(ctx context.Context, org sallyport.OrgID, id sallyport.ConversationID, title string) ([]byte, error) {
	if err := checkName("title", title, TitleMax); err != nil {
		return nil, err
	}
	return c.seal(ctx, org, ofConversation(id, titlePart), title)
}

func checkName(what, name string, most int) error {
	n := utf8.RuneCountInString(name)
	if n == 0 || n > most || !utf8.ValidString(name) || strings.TrimSpace(name) != name || strings.ContainsFunc(name, unicode.IsControl) {
		return invalid("The %s has 1 to %d characters, no spaces around it and no control characters.", what, most)
	}
	return nil
}

func invalid(format string, args ...any) error {
	return sallyport.NewError(sallyport.InvalidBody, fmt.Sprintf(format, args...))
}

// Change is what is to change of a conversation; nil stays.
type Change struct {
	Title    *string              `json:"title,omitempty"`
	Folder   *string              `json:"folder,omitempty" doc:"Empty: in none"`
	Model    *string              `json:"model,omitempty"`
	Pinned   *bool                `json:"pinned,omitempty"`
	Archived *bool                `json:"archived,omitempty"`
	Leaf     *sallyport.MessageID `json:"leaf,omitempty" doc:"Any message: its branch is shown, to its newest end"`
}

// Change changes a conversation of the person and returns it.
func (c *Chats) Change(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID, ch Change) (Conversation, error) {
	row := sallyport.ConversationChange{Model: ch.Model, Pinned: ch.Pinned, Archived: ch.Archived}
	var told []string // names of what changes, never the values
	var err error
	if ch.Title != nil {
		told = append(told, "title")
		if row.Title, err = c.title(ctx, who.Org, id, *ch.Title); err != nil {
			return Conversation{}, err
		}
	}
	if ch.Folder != nil {
		told = append(told, "folder")
		if row.Folder, err = c.folder(ctx, who.Org, id, *ch.Folder); err != nil {
			return Conversation{}, err
		}
	}
	if ch.Model != nil {
		told = append(told, "model")
		if _, err := c.Gateway.Model(ctx, who, *ch.Model); err != nil {
			return Conversation{}, err
		}
	}
	if ch.Pinned != nil {
		told = append(told, "pinned")
	}
	if ch.Archived != nil {
		told = append(told, "archived")
	}
	if ch.Leaf != nil {
		told = append(told, "leaf")
		leaf, err := c.Store.NewestBelow(ctx, who.Org, id, *ch.Leaf)
		if err != nil {
			return Conversation{}, err
		}
		row.Leaf = &leaf
	}
	rec := c.event(ctx, who, "conversations.update", id, struct {
		Fields []string `json:"fields"`
	}{told})
	if err := c.Store.ChangeConversation(ctx, who.Org, who.User, id, row, rec); err != nil {
		return Conversation{}, err
	}
	return c.Get(ctx, who, id)
}

func (c *Chats) folder(ctx context.Context, org sallyport.OrgID, id sallyport.ConversationID, name string) (*[]byte, error) {
	if name == "" {
		return new([]byte), nil
	}
	if err := checkName("folder", name, FolderMax); err != nil {
		return nil, err
	}
	sealed, err := c.seal(ctx, org, ofConversation(id, folderPart), name)
	return &sealed, err
}

// DeletedKept is how long a deleted conversation can be restored. Then it is erased.
const DeletedKept = time.Hour

// Delete hides a conversation with its shares, and stops what is being written in it.
func (c *Chats) Delete(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID) error {
	if err := c.Store.DeleteConversation(ctx, who.Org, who.User, id, c.Now(), c.event(ctx, who, "conversations.delete", id, nil)); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.live {
		if l.row.Conversation == id && l.row.Org == who.Org {
			l.stop()
		}
	}
	return nil
}

// Restore shows a conversation again that was deleted less than DeletedKept ago.
func (c *Chats) Restore(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID) (Conversation, error) {
	err := c.Store.RestoreConversation(ctx, who.Org, who.User, id, c.Now().Add(-DeletedKept), c.event(ctx, who, "conversations.restore", id, nil))
	if err != nil {
		return Conversation{}, err
	}
	return c.Get(ctx, who, id)
}

// cursor is a place in the list of conversations. Message is set in a search that
// broke off in the middle of one: that conversation comes again, after the message.
type cursor struct {
	Pinned  bool                     `json:"p,omitempty"`
	Updated int64                    `json:"u,omitempty"` // microseconds
	ID      sallyport.ConversationID `json:"i,omitempty"`
	Message sallyport.MessageID      `json:"m,omitempty"`
}

func cursorAt(c sallyport.Conversation) cursor {
	return cursor{Pinned: c.Pinned, Updated: c.UpdatedAt.UnixMicro(), ID: c.ID}
}

func (at cursor) String() string {
	text, _ := json.Marshal(at) // strings and numbers have a JSON
	return base64.RawURLEncoding.EncodeToString(text)
}

func readCursor(text string) (at cursor, err error) {
	if text == "" {
		return at, nil
	}
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(plain, &at)
	}
	if err != nil {
		return at, invalid("The cursor is none of this list.")
	}
	return at, nil
}

// after is the conversation that the page follows; nil: it is the first page.
func (at cursor) after() *sallyport.ConversationPlace {
	if at.ID == "" {
		return nil
	}
	return &sallyport.ConversationPlace{Pinned: at.Pinned, UpdatedAt: time.UnixMicro(at.Updated).UTC(), ID: at.ID}
}
