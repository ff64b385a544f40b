package chat

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/gateway"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// MessageTextMax bounds what a person writes in one message, in bytes.
const MessageTextMax = 1 << 20

// Asked is the request that an answer is asked for with, as the trail tells of it.
type Asked struct {
	RequestID string
	Route     string
	Source    sallyport.Source
	// Key is the Idempotency-Key; "": none.
	Key string
}

// Said is what a person sends.
type Said struct {
	Parent sallyport.MessageID // the message that it answers; "": it begins the conversation
	Text   string
	Model  string // "": the conversation's
	Files  []Upload
}

// Sent is what a request added: the person's message, and the answer under way.
type Sent struct {
	Message *Message `json:"message,omitempty" doc:"What was said; missing when only an answer was added"`
	Answer  Message  `json:"answer"`
}

// Send adds what a person says and begins to answer it.
func (c *Chats) Send(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID, said Said, asked Asked) (Sent, error) {
	if len(said.Text) > MessageTextMax {
		return Sent{}, sallyport.NewError(sallyport.BodyTooLarge, "The message is longer than 1 MiB: send a part of it as a file.")
	}
	if !utf8.ValidString(said.Text) || strings.TrimSpace(said.Text) == "" && len(said.Files) == 0 {
		return Sent{}, invalid("A message has a text or a file.")
	}
	files, err := checkFiles(said.Files)
	if err != nil {
		return Sent{}, err
	}
	message := &draft{text: said.Text, files: files}
	return c.ask(ctx, who, id, question{parent: said.Parent, said: message, model: said.Model, action: "conversations.send", body: said}, asked)
}

// Regenerate begins another answer to what was said above the message, beside it.
func (c *Chats) Regenerate(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID, message sallyport.MessageID, model string, asked Asked) (Sent, error) {
	row, err := c.Store.Message(ctx, who.Org, who.User, id, message)
	if err != nil {
		return Sent{}, err
	}
	q := question{parent: row.Parent, model: model, action: "conversations.regenerate", body: []string{string(message), model}}
	switch row.Role {
	case sallyport.MessageUser:
		q.parent = row.ID
	case sallyport.MessageRun:
		return Sent{}, sallyport.NewError(sallyport.Conflict, "A run is no answer of a model.")
	}
	return c.ask(ctx, who, id, q, asked)
}

// Continue begins an answer that goes on from one that was stopped or cut. Models
// of a chat have no way to be given the beginning of their own answer that all
// providers honour, so the model is shown it as its last turn, and asked in one
// more turn, which is not kept, to go on where it ends (see goOn).
func (c *Chats) Continue(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID, message sallyport.MessageID, asked Asked) (Sent, error) {
	row, err := c.Store.Message(ctx, who.Org, who.User, id, message)
	if err != nil {
		return Sent{}, err
	}
	if row.Role != sallyport.MessageAssistant || row.State != sallyport.MessageCut && row.State != sallyport.MessageStopped {
		return Sent{}, sallyport.NewError(sallyport.Conflict, "Only an answer that was stopped or cut can be continued.")
	}
	said, err := c.content(ctx, row)
	if err != nil {
		return Sent{}, err
	}
	if said.Text == "" {
		return Sent{}, sallyport.NewError(sallyport.Conflict, "There is no text to go on from: ask for the answer again.")
	}
	return c.ask(ctx, who, id, question{parent: row.ID, model: row.Model, continues: true, action: "conversations.continue", body: string(message)}, asked)
}

// question is what is to be answered.
type question struct {
	parent    sallyport.MessageID
	said      *draft // nil: only an answer is added, below parent
	model     string // "": the conversation's
	continues bool
	action    string
	body      any // what the client asked, to compare with a repeat
}

// draft is what a person says, before it is a message.
type draft struct {
	text  string
	files []upload
}

func (c *Chats) ask(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID, q question, asked Asked) (Sent, error) {
	conversation, err := c.Store.Conversation(ctx, who.Org, who.User, id)
	if err != nil {
		return Sent{}, err
	}
	once, err := c.once(ctx, who, q.action, q.body, asked)
	if err != nil {
		return Sent{}, err
	}
	if once != nil {
		if before, err := c.Store.TurnOnce(ctx, who.Org, id, once.Name); before != nil || err != nil {
			return c.repeated(ctx, who, id, once, before, err)
		}
	}
	if q.model == "" {
		q.model = conversation.Model
	}
	model, err := c.Gateway.Model(ctx, who, q.model)
	if err != nil {
		return Sent{}, err
	}
	leave, err := c.admit(who) // before the prompt, which may be many megabytes
	if err != nil {
		return Sent{}, err
	}
	begun := false
	defer func() {
		if !begun { // also when it was a bug: the place must not be lost with it
			leave()
		}
	}()
	sent, err := c.begin(ctx, who, conversation, model, q, once, asked, leave)
	begun = err == nil
	return sent, err
}

// begin writes the turn down and lets its answer go on by itself.
func (c *Chats) begin(ctx context.Context, who sallyport.Principal, conversation sallyport.Conversation, model sallyport.Model, q question, once *sallyport.TurnOnce, asked Asked, leave func()) (Sent, error) {
	p, err := c.prompt(ctx, who.Org, conversation.ID, model, q)
	if err != nil {
		return Sent{}, err
	}
	t, err := c.turn(ctx, who.Org, conversation, q, once)
	if err != nil {
		return Sent{}, err
	}
	t.Answer.Answer = sallyport.Answer{
		Node: c.Node, Boot: c.Boot, RequestID: asked.RequestID, Call: gateway.NewCallID(), LeftOut: p.leftOut,
	}
	rec := c.event(ctx, who, q.action, conversation.ID, turnChange(t))
	before, err := c.Store.AddTurn(ctx, who.Org, who.User, conversation.ID, t, rec)
	if err != nil {
		return Sent{}, err
	}
	if before != nil {
		leave()
		return c.repeated(ctx, who, conversation.ID, once, before, nil)
	}
	l, running := newLive(*t.Answer, leave)
	c.mu.Lock()
	c.live[l.row.ID] = l
	if c.stopping {
		l.cancel(errStopping)
	}
	c.mu.Unlock()
	go c.write(running, l, who, p, asked)
	return c.sent(context.WithoutCancel(ctx), who, conversation.ID, t)
}

// turn makes the rows.
func (c *Chats) turn(ctx context.Context, org sallyport.OrgID, conversation sallyport.Conversation, q question, once *sallyport.TurnOnce) (t sallyport.Turn, err error) {
	now := c.Now()
	t = sallyport.Turn{Parent: q.parent, Once: once, Model: q.model}
	if q.said != nil {
		t.Said = &sallyport.Message{
			ID: sallyport.MessageID(newID()), Role: sallyport.MessageUser, State: sallyport.MessageDone, CreatedAt: now,
		}
		said := content{Text: q.said.text}
		if t.Attachments, said.Files, err = c.attach(ctx, org, conversation.ID, t.Said.ID, q.said.files); err != nil {
			return t, err
		}
		if t.Said.Content, err = c.seal(ctx, org, ofMessage(t.Said.ID, contentPart), said); err != nil {
			return t, err
		}
		if conversation.Title == nil {
			if t.Title, err = c.seal(ctx, org, ofConversation(conversation.ID, titlePart), titleOf(said)); err != nil {
				return t, err
			}
		}
	}
	t.Answer = &sallyport.Message{
		ID: sallyport.MessageID(newID()), Role: sallyport.MessageAssistant, State: sallyport.MessageStreaming, Model: q.model, CreatedAt: now,
	}
	if q.continues {
		if t.Answer.Content, err = c.seal(ctx, org, ofMessage(t.Answer.ID, contentPart), content{ContinuesAt: true}); err != nil {
			return t, err
		}
	}
	if once != nil {
		once.Answer = t.Answer.ID
		if t.Said != nil {
			once.Said = t.Said.ID
		}
	}
	return t, nil
}

// turnChange is what the trail tells of a turn: ids and counts.
func turnChange(t sallyport.Turn) any {
	var change struct {
		Message sallyport.MessageID `json:"message_id,omitempty"`
		Answer  sallyport.MessageID `json:"answer_id,omitempty"`
		Call    sallyport.CallID    `json:"call_id,omitempty"`
		Run     sallyport.RunID     `json:"run_id,omitempty"`
		Model   string              `json:"model,omitempty"`
		Files   int                 `json:"files,omitempty"`
	}
	change.Model, change.Files = t.Model, len(t.Attachments)
	if t.Said != nil {
		change.Message, change.Run = t.Said.ID, t.Said.Run
	}
	if t.Answer != nil {
		change.Answer, change.Call = t.Answer.ID, t.Answer.Answer.Call
	}
	return change
}

// titleOf names a conversation after its first message: its first words.
func titleOf(said content) string {
	words := strings.FieldsFunc(said.Text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
	title := strings.Join(words, " ")
	if title == "" && len(said.Files) > 0 {
		title = said.Files[0].Name
	}
	if utf8.RuneCountInString(title) <= titleMade {
		return title
	}
	short := string([]rune(title)[:titleMade])
	if at := strings.LastIndexByte(short, ' '); at > titleMade/2 {
		short = short[:at]
	}
	return short + "…"
}

// sent is the answer to a request that added a turn.
func (c *Chats) sent(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID, t sallyport.Turn) (s Sent, err error) {
	if t.Said != nil {
		said, err := c.Message(ctx, who, id, t.Said.ID)
		if err != nil {
			return s, err
		}
		s.Message = &said
	}
	if t.Answer != nil {
		s.Answer, err = c.Message(ctx, who, id, t.Answer.ID)
	}
	return s, err
}

// keyMax bounds, in bytes, what names a request.
const keyMax = 255

// once names the request by its Idempotency-Key; nil without one.
func (c *Chats) once(ctx context.Context, who sallyport.Principal, action string, asks any, asked Asked) (*sallyport.TurnOnce, error) {
	if asked.Key == "" {
		return nil, nil
	}
	visible := func(r rune) bool { return r > ' ' && r <= '~' }
	if len(asked.Key) > keyMax || strings.ContainsFunc(asked.Key, func(r rune) bool { return !visible(r) }) {
		return nil, invalid("Idempotency-Key must be 1 to %d visible ASCII characters, such as a UUID.", keyMax)
	}
	body, err := json.Marshal(asks)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(append([]byte(action+"\x00"), body...))
	name := sha256.Sum256([]byte(asked.Key))
	mac, err := c.Sealer.MAC(ctx, who.Org, secret.ValueHMAC, digest[:])
	return &sallyport.TurnOnce{Name: name[:], Body: mac, Digest: digest[:]}, err
}

// repeated answers a request that was made before with what it made then.
func (c *Chats) repeated(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID, once, before *sallyport.TurnOnce, err error) (Sent, error) {
	if err != nil {
		return Sent{}, err
	}
	err = c.Sealer.VerifyMAC(ctx, who.Org, secret.ValueHMAC, before.Body, once.Digest)
	if errors.Is(err, secret.ErrMAC) {
		err = sallyport.NewError(sallyport.Conflict, "This Idempotency-Key came with another request before. Send a new key with a new request.")
	}
	if err != nil {
		return Sent{}, err
	}
	var t sallyport.Turn
	if before.Answer != "" {
		t.Answer = &sallyport.Message{ID: before.Answer}
	}
	if before.Said != "" {
		t.Said = &sallyport.Message{ID: before.Said}
	}
	return c.sent(ctx, who, id, t)
}
