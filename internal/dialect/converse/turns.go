package converse

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// turn is all that one side says before the other does.
type turn struct {
	Role    string  `json:"role"`
	Content []block `json:"content"`
}

// block is a piece of a turn: one of its fields.
type block struct {
	Text       string      `json:"text,omitempty"`
	Image      *media      `json:"image,omitempty"`
	Document   *media      `json:"document,omitempty"`
	Reasoning  *reasoning  `json:"reasoningContent,omitempty"`
	ToolUse    *toolUse    `json:"toolUse,omitempty"`
	ToolResult *toolResult `json:"toolResult,omitempty"`
}

type media struct {
	Format string `json:"format"`
	Name   string `json:"name,omitempty"` // of a document, which must have one
	Source source `json:"source"`
}

type source struct {
	Bytes string `json:"bytes"` // in base64
}

// reasoning has one of both.
type reasoning struct {
	Text     *reasoningText `json:"reasoningText,omitempty"`
	Redacted string         `json:"redactedContent,omitempty"` // in base64
}

type reasoningText struct {
	Text      string `json:"text"`
	Signature string `json:"signature"`
}

type toolUse struct {
	ID    string          `json:"toolUseId"`
	Name  string          `json:"name"`
	Input json.RawMessage `json:"input"`
}

type toolResult struct {
	ID      string  `json:"toolUseId"`
	Content []block `json:"content"`
	Status  string  `json:"status,omitempty"`
}

// talk sets system text and turns. Turns of one side that follow each other are one,
// so that the results of several tools stand together as this dialect demands.
func (b *body) talk(req *llm.Request, target string) error {
	if err := b.instruct(req.System); err != nil {
		return err
	}
	documents := 0
	for _, m := range req.Messages {
		role := "user"
		switch m.Role {
		case llm.RoleSystem:
			if err := b.instruct(m.Parts); err != nil {
				return err
			}
			continue
		case llm.RoleAssistant:
			role = "assistant"
		case llm.RoleUser, llm.RoleTool:
		default:
			return sallyport.NewError(sallyport.UnsupportedField, "The provider of this model does not know one of the roles.")
		}
		blocks, err := newBlocks(wire.Proven(m.Parts, llm.Converse, target), &documents)
		if err != nil {
			return err
		}
		b.say(role, blocks)
	}
	if len(b.Messages) == 0 {
		return sallyport.NewError(sallyport.UnsupportedField, "The provider of this model needs a message of the user.")
	}
	return nil
}

func (b *body) instruct(parts []llm.Part) error {
	for _, p := range parts {
		if p.Kind != llm.TextPart {
			return wire.Unsupported(p.Raw, "the provider of this model takes only text from the system")
		}
		if !blank(p.Text.Text()) {
			b.System = append(b.System, block{Text: p.Text.Text()})
		}
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

// newBlocks counts the documents, whose names must differ.
func newBlocks(parts []llm.Part, documents *int) ([]block, error) {
	var blocks []block
	for _, p := range parts {
		made, err := newBlock(p, documents)
		if err != nil {
			return nil, err
		}
		if made != (block{}) {
			blocks = append(blocks, made)
		}
	}
	return blocks, nil
}

// newBlock returns the zero block for what is left out: texts without visible
// characters, which this dialect refuses.
func newBlock(p llm.Part, documents *int) (block, error) {
	switch p.Kind {
	case llm.TextPart, llm.RefusalPart:
		if text := p.Text.Text(); !blank(text) {
			return block{Text: text}, nil
		}
		return block{}, nil
	case llm.ThinkingPart: // whose Proof is the signature by now
		if p.Redacted {
			return block{Reasoning: &reasoning{Redacted: p.Proof}}, nil
		}
		return block{Reasoning: &reasoning{Text: &reasoningText{p.Text.Text(), p.Proof}}}, nil
	case llm.ImagePart:
		made, err := newMedia(p, imageFormats)
		return block{Image: made}, err
	case llm.FilePart:
		return newDocument(p, documents)
	case llm.ToolCallPart:
		input, err := p.Arguments()
		if err != nil {
			return block{}, wire.InvalidAt(p.Raw, "the arguments of a tool call must be the JSON of an object")
		}
		return block{ToolUse: &toolUse{wire.CallID(p.ToolID.Text()), p.ToolName.Text(), input}}, nil
	case llm.ToolResultPart:
		return newResult(p, documents)
	}
	return block{}, wire.Unsupported(p.Raw, "the provider of this model does not take content of this type")
}

func newResult(p llm.Part, documents *int) (block, error) {
	content, err := newBlocks(p.Parts, documents)
	if err != nil {
		return block{}, err
	}
	made := &toolResult{ID: wire.CallID(p.ToolID.Text()), Content: content}
	if content == nil {
		made.Content = []block{}
	}
	if p.IsError {
		made.Status = "error"
	}
	return block{ToolResult: made}, nil
}

// The formats by media type.
var (
	imageFormats = map[string]string{"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"}

	documentFormats = map[string]string{
		"application/pdf": "pdf", "text/csv": "csv", "text/html": "html", "text/plain": "txt", "text/markdown": "md",
		"application/msword":       "doc",
		"application/vnd.ms-excel": "xls",
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
		"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":       "xlsx",
	}
)

func newMedia(p llm.Part, formats map[string]string) (*media, error) {
	mediaType, data, ok := p.Inline()
	if !ok {
		return nil, wire.Unsupported(p.Raw, "the provider of this model takes a file as base64 only")
	}
	mediaType, _, _ = strings.Cut(strings.ToLower(mediaType), ";")
	format := formats[strings.TrimSpace(mediaType)]
	if format == "" {
		return nil, wire.Unsupported(p.Raw, "the provider of this model does not take files of this type")
	}
	return &media{Format: format, Source: source{data}}, nil
}

func newDocument(p llm.Part, documents *int) (block, error) {
	made, err := newMedia(p, documentFormats)
	if err != nil {
		text, ok := wire.InlineText(p)
		if !ok {
			return block{}, err
		}
		made = &media{Format: "txt", Source: source{base64.StdEncoding.EncodeToString([]byte(text))}}
	}
	*documents++
	made.Name = documentName(p.Name.Text(), *documents)
	return block{Document: made}, nil
}

// documentNameMax is the most letters of a name.
const documentNameMax = 200

// documentName keeps of a name what this dialect allows: letters and digits of ASCII,
// hyphens, round and square brackets, and single spaces. The number of the document
// makes it differ from all others.
func documentName(name string, number int) string {
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		name = name[:dot] // the format says it
	}
	var b strings.Builder
	for _, c := range []byte(name[:min(len(name), documentNameMax)]) {
		switch {
		case c >= '0' && c <= '9', c|0x20 >= 'a' && c|0x20 <= 'z', strings.IndexByte("-()[]", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte(' ')
		}
	}
	words := append(strings.Fields(b.String()), "("+strconv.Itoa(number)+")")
	if len(words) == 1 {
		words = []string{"document", words[0]}
	}
	return strings.Join(words, " ")
}

// blank says whether this dialect takes s for no text at all.
func blank(s string) bool { return strings.TrimSpace(s) == "" }
