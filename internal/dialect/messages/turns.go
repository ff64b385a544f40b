package messages

import (
	"encoding/json"
	"strings"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// turn is one message: all that one side says before the other does.
type turn struct {
	Role    string  `json:"role"`
	Content []block `json:"content"`
}

// block is a piece of a turn. Which fields are set depends on the type.
type block struct {
	Type         string          `json:"type"`
	Text         string          `json:"text,omitempty"`        // text
	Thinking     *string         `json:"thinking,omitempty"`    // thinking, which may be empty
	Signature    string          `json:"signature,omitempty"`   // thinking
	Data         string          `json:"data,omitempty"`        // redacted_thinking
	Source       *source         `json:"source,omitempty"`      // image, document
	Title        string          `json:"title,omitempty"`       // document
	ID           string          `json:"id,omitempty"`          // tool_use
	Name         string          `json:"name,omitempty"`        // tool_use
	Input        json.RawMessage `json:"input,omitempty"`       // tool_use
	ToolUseID    string          `json:"tool_use_id,omitempty"` // tool_result
	Content      []block         `json:"content,omitempty"`     // tool_result
	IsError      bool            `json:"is_error,omitempty"`    // tool_result
	CacheControl json.RawMessage `json:"cache_control,omitempty"`
}

type source struct {
	Type      string `json:"type"`
	MediaType string `json:"media_type,omitempty"`
	Data      string `json:"data,omitempty"`
	URL       string `json:"url,omitempty"`
}

// talk sets system text and turns. Turns of one role that follow each other
// become one, so that the results of several tools stand together as this
// dialect demands. Texts without visible characters are left out: it refuses them.
func (b *body) talk(req *llm.Request) error {
	system, err := newBlocks(req.System)
	if err != nil {
		return err
	}
	for _, m := range req.Messages {
		blocks, err := newBlocks(wire.Proven(m.Parts, llm.Messages, b.Model))
		if err != nil {
			return err
		}
		switch m.Role {
		case llm.RoleSystem:
			system = append(system, blocks...)
		case llm.RoleAssistant:
			b.say("assistant", blocks)
		case llm.RoleUser, llm.RoleTool:
			b.say("user", blocks)
		default:
			return sallyport.NewError(sallyport.UnsupportedField, "the conversation: the provider of this model does not know one of its roles")
		}
	}
	for _, s := range system {
		if s.Type != "text" {
			return sallyport.NewError(sallyport.UnsupportedField, "the conversation: the provider of this model takes only text from the system")
		}
	}
	b.System = system
	if len(b.Messages) == 0 {
		return sallyport.NewError(sallyport.UnsupportedField, "the conversation: the provider of this model needs a message of the user")
	}
	return nil
}

func (b *body) say(role string, blocks []block) {
	if len(blocks) == 0 {
		return
	}
	if last := len(b.Messages) - 1; last >= 0 && b.Messages[last].Role == role {
		b.Messages[last].Content = append(b.Messages[last].Content, blocks...)
		return
	}
	b.Messages = append(b.Messages, turn{role, blocks})
}

func newBlocks(parts []llm.Part) ([]block, error) {
	var blocks []block
	for _, p := range parts {
		made, err := newBlock(p)
		if err != nil {
			return nil, err
		}
		if made.Type == "" {
			continue
		}
		// On the part itself some clients mark how far the prompt may be cached.
		made.CacheControl = wire.Present(p.Raw.Get("cache_control"))
		blocks = append(blocks, made)
	}
	return blocks, nil
}

// newBlock returns a block without type for a part that is left out.
func newBlock(p llm.Part) (block, error) {
	switch p.Kind {
	case llm.TextPart, llm.RefusalPart:
		text := p.Text.Text()
		if blank(text) {
			return block{}, nil
		}
		return block{Type: "text", Text: text}, nil
	case llm.ImagePart:
		made, err := newSource(p)
		return block{Type: "image", Source: made}, err
	case llm.FilePart:
		made, err := newSource(p)
		if text, ok := wire.InlineText(p); ok {
			made, err = &source{Type: "text", MediaType: wire.TextType, Data: text}, nil
		}
		return block{Type: "document", Source: made, Title: p.Name.Text()}, err
	case llm.ToolCallPart:
		return newToolUse(p)
	case llm.ToolResultPart:
		content, err := newBlocks(p.Parts)
		return block{Type: "tool_result", ToolUseID: wire.CallID(p.ToolID.Text()), Content: content, IsError: p.IsError}, err
	case llm.ThinkingPart: // whose Proof is the signature by now
		if p.Redacted {
			return block{Type: "redacted_thinking", Data: p.Proof}, nil
		}
		thought := p.Text.Text()
		return block{Type: "thinking", Thinking: &thought, Signature: p.Proof}, nil
	}
	return block{}, wire.Unsupported(p.Raw, "the provider of this model does not take content of this type")
}

// newSource says where the bytes of an image or a document are.
func newSource(p llm.Part) (*source, error) {
	if p.Data.Exists() {
		return &source{Type: "base64", MediaType: p.MediaType, Data: p.Data.Text()}, nil
	}
	address := p.URL.Text()
	if rest, ok := cutScheme(address, "data:"); ok {
		head, data, comma := strings.Cut(rest, ",")
		mediaType, params, _ := strings.Cut(head, ";")
		if !comma || !strings.EqualFold(lastParam(params), "base64") {
			return nil, wire.Unsupported(p.Raw, "what is in a data: address must be base64")
		}
		return &source{Type: "base64", MediaType: mediaType, Data: data}, nil
	}
	_, http := cutScheme(address, "http://")
	_, https := cutScheme(address, "https://")
	if !http && !https {
		return nil, wire.Unsupported(p.Raw, "the address must be of data:, http: or https:")
	}
	return &source{Type: "url", URL: address}, nil
}

func cutScheme(address, scheme string) (rest string, ok bool) {
	if len(address) < len(scheme) || !strings.EqualFold(address[:len(scheme)], scheme) {
		return "", false
	}
	return address[len(scheme):], true
}

func lastParam(params string) string { return params[strings.LastIndexByte(params, ';')+1:] }

// newToolUse turns the text of the arguments into the object that it is the JSON
// of. Arguments that are no object cannot stand in this dialect.
func newToolUse(p llm.Part) (block, error) {
	arguments := p.Text.Text()
	if blank(arguments) {
		arguments = "{}"
	}
	doc, err := llm.Parse([]byte(arguments))
	if err != nil || doc.Root().Kind() != llm.Object {
		return block{}, wire.InvalidAt(p.Raw, "the arguments of a tool call must be the JSON of an object")
	}
	return block{Type: "tool_use", ID: wire.CallID(p.ToolID.Text()), Name: p.ToolName.Text(), Input: doc.Raw()}, nil
}

// blank says whether this dialect takes s for no text at all: it refuses such
// blocks and stop sequences.
func blank(s string) bool { return strings.TrimSpace(s) == "" }
