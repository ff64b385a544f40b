package gemini

import (
	"cmp"
	"encoding/json"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// turn is all that one side says before the other does.
type turn struct {
	Role  string `json:"role,omitempty"`
	Parts []part `json:"parts"`

	results []result // to stand before Parts
}

// part is a piece of a turn: one of its fields.
type part struct {
	Text      string            `json:"text,omitempty"`
	Inline    *inlineData       `json:"inlineData,omitempty"`
	File      *fileData         `json:"fileData,omitempty"`
	Call      *functionCall     `json:"functionCall,omitempty"`
	Response  *functionResponse `json:"functionResponse,omitempty"`
	Signature string            `json:"thoughtSignature,omitempty"`
}

type inlineData struct {
	MediaType string `json:"mimeType"`
	Data      string `json:"data"`
}

type fileData struct {
	MediaType string `json:"mimeType"`
	URI       string `json:"fileUri"`
}

type functionCall struct {
	Name string          `json:"name"`
	Args json.RawMessage `json:"args"`
}

type functionResponse struct {
	Name     string   `json:"name"`
	Response response `json:"response"`
}

// response tells what a tool said under the name that tells whether it failed.
type response struct {
	Output *string `json:"output,omitempty"`
	Error  *string `json:"error,omitempty"`
}

// result is a tool's answer and the place of its call among all calls.
type result struct {
	place int
	part  part
}

// talk builds the turns of a request.
type talk struct {
	target string
	model  generation
	system *turn
	turns  []*turn
	calls  map[string]call // by the id that the client knows, the latest of each
	places int
	// proof is the signature of the call that comes next; "": none is known.
	proof string
}

type call struct {
	place int
	name  string
}

// all sets system text and turns. System texts in the middle of a conversation join
// those at the front: this dialect has no place for them, and as a user's words they
// would lose their rank.
func (t *talk) all(req *llm.Request) error {
	t.calls = make(map[string]call)
	if err := t.instruct(req.System); err != nil {
		return err
	}
	for _, m := range req.Messages {
		var err error
		switch m.Role {
		case llm.RoleSystem:
			err = t.instruct(m.Parts)
		case llm.RoleAssistant:
			err = t.assistant(m.Parts)
		case llm.RoleUser, llm.RoleTool:
			err = t.user(m.Parts)
		default:
			err = sallyport.NewError(sallyport.UnsupportedField, "The provider of this model does not know one of the roles.")
		}
		if err != nil {
			return err
		}
	}
	for _, said := range t.turns {
		said.settle()
	}
	if len(t.turns) == 0 {
		return sallyport.NewError(sallyport.UnsupportedField, "The provider of this model needs a message of the user.")
	}
	return nil
}

func (t *talk) instruct(parts []llm.Part) error {
	for _, p := range parts {
		if p.Kind != llm.TextPart {
			return wire.Unsupported(p.Raw, "the provider of this model takes only text from the system")
		}
		if p.Text.Text() == "" {
			continue
		}
		if t.system == nil {
			t.system = &turn{}
		}
		t.system.Parts = append(t.system.Parts, part{Text: p.Text.Text()})
	}
	return nil
}

// of returns the turn of that role to add to: turns of one role that follow each
// other are one.
func (t *talk) of(role string) *turn {
	if last := len(t.turns) - 1; last >= 0 && t.turns[last].Role == role {
		return t.turns[last]
	}
	t.turns = append(t.turns, &turn{Role: role})
	return t.turns[len(t.turns)-1]
}

func (t *talk) assistant(parts []llm.Part) error {
	for _, p := range wire.Proven(parts, llm.Gemini, t.target) {
		switch p.Kind {
		case llm.ThinkingPart:
			t.proof = p.Proof
		case llm.ToolCallPart:
			if err := t.call(p); err != nil {
				return err
			}
		default:
			made, err := newPart(p)
			if err != nil {
				return err
			}
			t.add("model", made)
		}
	}
	return nil
}

// add leaves out a text without a letter, which this dialect refuses.
func (t *talk) add(role string, made part) {
	if made != (part{}) {
		said := t.of(role)
		said.Parts = append(said.Parts, made)
	}
}

// call adds a call of a tool. Of several at once only the first bears a signature: its
// own where the client has sent it back.
func (t *talk) call(p llm.Part) error {
	args, err := p.Arguments()
	if err != nil {
		return wire.InvalidAt(p.Raw, "the arguments of a tool call must be the JSON of an object")
	}
	made := part{Call: &functionCall{p.ToolName.Text(), args}}
	said := t.of("model")
	if t.model == levelled && !slices.ContainsFunc(said.Parts, func(p part) bool { return p.Call != nil }) {
		made.Signature = unsigned
	}
	if t.proof != "" {
		made.Signature, t.proof = t.proof, ""
	}
	said.Parts = append(said.Parts, made)
	t.calls[p.ToolID.Text()] = call{t.places, p.ToolName.Text()}
	t.places++
	return nil
}

func (t *talk) user(parts []llm.Part) error {
	for _, p := range parts {
		if p.Kind == llm.ToolResultPart {
			if err := t.result(p); err != nil {
				return err
			}
			continue
		}
		made, err := newPart(p)
		if err != nil {
			return err
		}
		t.add("user", made)
	}
	return nil
}

// betweenTexts joins texts of a tool's answer that were apart.
const betweenTexts = "\n\n"

// result adds the answer of a tool. What it gave beside text follows as the user's:
// not every model takes it inside.
func (t *talk) result(p llm.Part) error {
	called, known := t.calls[p.ToolID.Text()]
	if !known {
		called = call{t.places, p.ToolName.Text()}
	}
	if called.name == "" {
		return wire.InvalidAt(p.Raw, "a tool's answer must follow the call that it answers")
	}
	var texts []string
	said := t.of("user")
	for _, piece := range p.Parts {
		made, err := newPart(piece)
		switch {
		case err != nil:
			return err
		case made.Text != "":
			texts = append(texts, made.Text)
		case made != (part{}):
			said.Parts = append(said.Parts, made)
		}
	}
	text := strings.Join(texts, betweenTexts)
	answer := response{Output: &text}
	if p.IsError {
		answer = response{Error: &text}
	}
	said.results = append(said.results, result{called.place, part{Response: &functionResponse{called.name, answer}}})
	return nil
}

// settle puts the answers of tools in the order of their calls, before all else:
// two calls of one tool are told apart by nothing but their order.
func (t *turn) settle() {
	slices.SortStableFunc(t.results, func(a, b result) int { return cmp.Compare(a.place, b.place) })
	parts := make([]part, 0, len(t.results)+len(t.Parts))
	for _, r := range t.results {
		parts = append(parts, r.part)
	}
	t.Parts = append(parts, t.Parts...)
}

// newPart returns the zero part for what is left out.
func newPart(p llm.Part) (part, error) {
	switch p.Kind {
	case llm.TextPart, llm.RefusalPart:
		return part{Text: p.Text.Text()}, nil
	case llm.ImagePart, llm.FilePart:
		return newMedia(p)
	}
	return part{}, wire.Unsupported(p.Raw, "the provider of this model does not take content of this type")
}

// newMedia carries bytes with their type, or the https address of a file whose type
// its name tells: the provider fetches it, and demands the type.
func newMedia(p llm.Part) (part, error) {
	if mediaType, data, ok := p.Inline(); ok {
		if mediaType == "" {
			return part{}, wire.Unsupported(p.Raw, "the provider of this model must be told the type of a file")
		}
		return part{Inline: &inlineData{mediaType, data}}, nil
	}
	address, ok := p.Linked()
	if !ok {
		return part{}, wire.Unsupported(p.Raw, "the provider of this model takes a file as base64 or from an https address")
	}
	mediaType := p.MediaType
	if at, err := url.Parse(address); mediaType == "" && err == nil {
		mediaType = types[strings.ToLower(path.Ext(at.Path))]
	}
	if mediaType == "" {
		return part{}, wire.Unsupported(p.Raw, "the provider of this model must be told the type of a file, and the address does not tell it")
	}
	return part{File: &fileData{mediaType, address}}, nil
}

// types are the usual ones by the ends of names. Package mime knows more on some
// machines than on others.
var types = map[string]string{
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
	".heic": "image/heic", ".heif": "image/heif", ".pdf": "application/pdf", ".txt": "text/plain",
}
