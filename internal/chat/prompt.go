package chat

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/credit"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// What a model is shown is the path to the question. A path that does not fit the
// model's window, by the estimate that the gateway reckons with, loses its oldest
// turns, and the answer says how many messages those are. A question that does not
// fit by itself is refused.
const (
	// promptTextMax bounds the text of a request, in bytes of its JSON: data
	// protection reads no more than 10 MiB.
	promptTextMax = 8 << 20
	// promptMediaMax bounds the images of a request, in bytes of their base64.
	promptMediaMax = 24 << 20
	// windowPart is the part of a window that is left free for the answer: a
	// quarter, unless the longest usual answer takes less.
	windowPart = 4
)

// goOn asks a model to continue its last turn.
const goOn = "Continue your last message exactly where it ends. Do not repeat any of it, do not begin anew, and add no remark about continuing."

var errBeingWritten = sallyport.NewError(sallyport.Conflict, "The answer is still being written: stop it, or wait for its end.")

// prompt is a request to a model.
type prompt struct {
	request *llm.Request
	size    int64  // bytes of its JSON
	asked   int    // which of its messages the question is
	text    string // what the person wrote there
	leftOut int
}

// turn is one message of a request.
type turn struct {
	message sallyport.Message
	role    llm.Role
	parts   []part
	text    int64 // bytes of its JSON that are no image
	media   int64 // bytes of its images
	images  int64
}

type part struct {
	Type     string    `json:"type"`
	Text     *string   `json:"text,omitempty"`
	ImageURL *imageURL `json:"image_url,omitempty"`
}

type imageURL struct {
	URL string `json:"url"`
}

func textPart(text string) part { return part{Type: "text", Text: &text} }

func imagePart(mediaType string, data []byte) part {
	return part{Type: "image_url", ImageURL: &imageURL{"data:" + mediaType + ";base64," + base64.StdEncoding.EncodeToString(data)}}
}

// prompt makes the request for q.
func (c *Chats) prompt(ctx context.Context, org sallyport.OrgID, id sallyport.ConversationID, model sallyport.Model, q question) (prompt, error) {
	room := roomOf(model)
	var turns []turn // the question first, then upwards
	if q.said != nil {
		turns = append(turns, q.said.turn())
	}
	if q.continues {
		turns = append(turns, newTurn(llm.RoleUser, textPart(goOn)))
	}
	for _, t := range turns {
		if !room.take(t) {
			return prompt{}, tooLarge(model)
		}
	}
	turns, leftOut, err := c.above(ctx, org, id, q.parent, turns, &room)
	if err != nil {
		return prompt{}, err
	}
	if q.continues && len(turns) == 1 {
		return prompt{}, tooLarge(model) // nothing to go on from fits
	}
	if len(turns) == 0 || q.said == nil && !q.continues && turns[0].role != llm.RoleUser {
		if leftOut > 0 {
			return prompt{}, tooLarge(model)
		}
		return prompt{}, sallyport.NewError(sallyport.Conflict, "There is no question to answer.")
	}
	slices.Reverse(turns)
	body, asked, err := write(model.ID, turns)
	if err != nil {
		return prompt{}, err
	}
	p := prompt{size: int64(len(body)), asked: asked, text: asks(turns), leftOut: leftOut}
	if p.request, err = chat.Decode(body); err != nil {
		return prompt{}, err
	}
	return p, p.fits(model)
}

// asks is what the person wrote in the last turn; "" when they wrote nothing.
func asks(turns []turn) string {
	last := turns[len(turns)-1]
	if last.role != llm.RoleUser || len(last.parts) == 0 || last.parts[0].Text == nil {
		return ""
	}
	return *last.parts[0].Text
}

// above adds what was said above, from the parent upwards, as far as there is room.
func (c *Chats) above(ctx context.Context, org sallyport.OrgID, id sallyport.ConversationID, parent sallyport.MessageID, turns []turn, room *room) ([]turn, int, error) {
	blocked := false
	for parent != "" {
		path, err := c.Store.Path(ctx, org, id, parent, PathPage)
		if err != nil {
			return nil, 0, err
		}
		if len(path) == 0 {
			return nil, 0, sallyport.NewError(sallyport.NotFound, "There is no such message to go on from.")
		}
		for _, m := range path {
			parent = m.Parent
			if m.State == sallyport.MessageStreaming {
				return nil, 0, errBeingWritten // its text would be missing
			}
			// A question that data protection refused would be refused again.
			refused := blocked && m.Role == sallyport.MessageUser
			blocked = m.State == sallyport.MessageBlocked
			if refused || blocked || m.Role == sallyport.MessageRun {
				continue
			}
			t, err := c.turnOf(ctx, m)
			if err != nil {
				return nil, 0, err
			}
			if len(t.parts) == 0 {
				continue
			}
			if !room.take(t) {
				turns, leftOut := fromQuestion(turns, m.Depth+1)
				return turns, leftOut, nil
			}
			turns = append(turns, t)
		}
	}
	return turns, 0, nil
}

// fromQuestion leaves out answers whose question is left out.
func fromQuestion(turns []turn, leftOut int) ([]turn, int) {
	for len(turns) > 1 && turns[len(turns)-1].role != llm.RoleUser {
		leftOut = turns[len(turns)-1].message.Depth + 1
		turns = turns[:len(turns)-1]
	}
	return turns, leftOut
}

// turnOf is how a message is shown to a model. One without parts is not shown.
func (c *Chats) turnOf(ctx context.Context, m sallyport.Message) (turn, error) {
	said, err := c.content(ctx, m)
	if err != nil {
		return turn{}, err
	}
	t := turn{message: m, role: llm.RoleAssistant}
	if m.Role == sallyport.MessageUser {
		t.role = llm.RoleUser
	}
	if said.Text != "" {
		t.parts = append(t.parts, textPart(said.Text))
	}
	var files map[sallyport.AttachmentID][]byte
	if len(said.Files) > 0 {
		if files, err = c.filesOf(ctx, m); err != nil {
			return turn{}, err
		}
	}
	for _, f := range said.Files {
		data, there := files[f.ID]
		if !there {
			return turn{}, sallyport.NewError(sallyport.NotFound, "There is no such file.")
		}
		t.parts = append(t.parts, filePart(f, data))
	}
	t.measure()
	return t, nil
}

func (d *draft) turn() turn {
	t := turn{role: llm.RoleUser}
	if d.text != "" {
		t.parts = append(t.parts, textPart(d.text))
	}
	for _, f := range d.files {
		t.parts = append(t.parts, filePart(f.File, f.data))
	}
	t.measure()
	return t
}

func newTurn(role llm.Role, parts ...part) turn {
	t := turn{role: role, parts: parts}
	t.measure()
	return t
}

// filePart shows a file to a model: an image as that, a text under its name.
func filePart(f File, data []byte) part {
	if f.Type != textType {
		return imagePart(f.Type, data)
	}
	return textPart(fmt.Sprintf("File %q:\n\n%s", f.Name, data))
}

func (t *turn) measure() {
	const around = 64 // bytes of JSON around a message and a part
	t.text = around
	for _, p := range t.parts {
		if p.ImageURL != nil {
			t.images++
			t.media += int64(len(p.ImageURL.URL))
			t.text += around
			continue
		}
		t.text += int64(len(llm.Quote(*p.Text))) + around
	}
}

// room is what is left of a model's window and of our own bounds.
type room struct {
	tokens   int64 // -1: the window is not known
	perImage int64
	text     int64
	media    int64
}

func roomOf(m sallyport.Model) room {
	r := room{tokens: -1, perImage: m.ImageTokens, text: promptTextMax, media: promptMediaMax}
	if r.perImage <= 0 {
		r.perImage = credit.ImageTokens
	}
	if m.ContextWindow > 0 {
		r.tokens = inputMax(m)
	}
	return r
}

// inputMax is how much of a window a request may take.
func inputMax(m sallyport.Model) int64 {
	free := int64(credit.HoldOutput)
	if m.OutputMax > 0 {
		free = min(free, m.OutputMax)
	}
	return m.ContextWindow - min(free, m.ContextWindow/windowPart)
}

// bytesPerToken is that of credit.Estimate.
const bytesPerToken = 4

// take takes what a turn needs, or nothing when there is too little.
func (r *room) take(t turn) bool {
	tokens := (t.text+bytesPerToken-1)/bytesPerToken + t.images*r.perImage
	if r.text < t.text || r.media < t.media || r.tokens >= 0 && r.tokens < tokens {
		return false
	}
	r.text -= t.text
	r.media -= t.media
	if r.tokens >= 0 {
		r.tokens -= tokens
	}
	return true
}

func tooLarge(m sallyport.Model) error {
	if m.ContextWindow <= 0 {
		return sallyport.NewError(sallyport.BodyTooLarge, "The message with its files is larger than can be sent to a model.")
	}
	return sallyport.NewError(sallyport.BodyTooLarge, fmt.Sprintf(
		"The message with its files does not fit into the window of %s, %d tokens: shorten it, or choose a model with a larger one.", m.ID, m.ContextWindow))
}

// fits compares the request with the gateway's own estimate.
func (p *prompt) fits(m sallyport.Model) error {
	if m.ContextWindow > 0 && credit.Estimate(p.request, m, p.size, 0).Input > inputMax(m) {
		return tooLarge(m)
	}
	return nil
}

// write makes the body. Answers that follow each other, the second going on from
// the first, are one turn. asked is the place of the last turn of the person.
func write(model string, turns []turn) (body []byte, asked int, err error) {
	type message struct {
		Role    llm.Role        `json:"role"`
		Content json.RawMessage `json:"content"`
	}
	request := struct {
		Model    string    `json:"model"`
		Messages []message `json:"messages"`
		Stream   bool      `json:"stream"`
	}{Model: model, Stream: true}
	for i := 0; i < len(turns); i++ {
		t := turns[i]
		for t.role == llm.RoleAssistant && i+1 < len(turns) && turns[i+1].role == llm.RoleAssistant {
			i++
			joined := *t.parts[0].Text + *turns[i].parts[0].Text
			t.parts = []part{textPart(joined)}
		}
		var v any = t.parts
		if len(t.parts) == 1 && t.parts[0].Text != nil {
			v = *t.parts[0].Text
		}
		content, err := marshal(v)
		if err != nil {
			return nil, 0, err
		}
		if t.role == llm.RoleUser {
			asked = len(request.Messages)
		}
		request.Messages = append(request.Messages, message{t.role, content})
	}
	body, err = marshal(request)
	return body, asked, err
}
