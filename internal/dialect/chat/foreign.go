package chat

import (
	"encoding/json"
	"strings"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Flavour is where services of this dialect differ in what they take. The zero
// Flavour is what all but OpenAI's own models take.
type Flavour struct {
	// CompletionTokens is for models that know the bound of an answer only as
	// max_completion_tokens: those of OpenAI that reason refuse max_tokens.
	CompletionTokens bool
	// TopK says that top_k is taken; OpenAI refuses it.
	TopK bool
}

// foreignBody is a request that came in another dialect.
type foreignBody struct {
	Model               string           `json:"model"`
	Messages            []foreignMessage `json:"messages"`
	MaxTokens           int64            `json:"max_tokens,omitempty"`
	MaxCompletionTokens int64            `json:"max_completion_tokens,omitempty"`
	N                   int64            `json:"n,omitempty"`
	Stream              bool             `json:"stream,omitempty"`
	StreamOptions       *streamOptions   `json:"stream_options,omitempty"`
	Tools               []foreignTool    `json:"tools,omitempty"`
	ToolChoice          any              `json:"tool_choice,omitempty"`
	ParallelTools       json.RawMessage  `json:"parallel_tool_calls,omitempty"`
	Temperature         json.RawMessage  `json:"temperature,omitempty"`
	TopP                json.RawMessage  `json:"top_p,omitempty"`
	TopK                json.RawMessage  `json:"top_k,omitempty"`
	Stop                json.RawMessage  `json:"stop,omitempty"`
	ResponseFormat      *responseFormat  `json:"response_format,omitempty"`
	ReasoningEffort     string           `json:"reasoning_effort,omitempty"`
	User                string           `json:"user,omitempty"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

type foreignTool struct {
	Type     string          `json:"type"`
	Function foreignFunction `json:"function"`
}

type foreignFunction struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters,omitempty"`
	Strict      json.RawMessage `json:"strict,omitempty"`
}

type namedChoice struct {
	Type     string     `json:"type"`
	Function namedThing `json:"function"`
}

type namedThing struct {
	Name string `json:"name"`
}

type responseFormat struct {
	Type   string      `json:"type"`
	Schema *jsonSchema `json:"json_schema,omitempty"`
}

type jsonSchema struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Schema      json.RawMessage `json:"schema,omitempty"`
	Strict      json.RawMessage `json:"strict,omitempty"`
}

// EncodeForeign builds the body for a provider of this dialect from the meaning
// of a request that came in another. In a stream the usage is asked for, as in
// Encode.
//
// A request that asks for what this dialect cannot say is refused with
// sallyport.UnsupportedField. Left out are hints (marks of caches, the detail of
// thinking) and reasoning of other models: it is proven by signatures that mean
// nothing here.
func EncodeForeign(req *llm.Request, target string, flavour Flavour) ([]byte, error) {
	req, err := req.Carried()
	if err != nil {
		return nil, err
	}
	b := foreignBody{Model: target, Stream: req.Stream, User: req.Settings.User.Text()}
	if req.Choices > 1 {
		b.N = req.Choices
	}
	if flavour.CompletionTokens {
		b.MaxCompletionTokens = req.OutputMax
	} else {
		b.MaxTokens = req.OutputMax
	}
	if req.Stream {
		b.StreamOptions = &streamOptions{IncludeUsage: true}
	}
	for _, step := range []func(*llm.Request, Flavour) error{b.talk, b.offer, b.settings} {
		if err := step(req, flavour); err != nil {
			return nil, err
		}
	}
	return wire.Marshal(b), nil
}

func (b *foreignBody) settings(req *llm.Request, flavour Flavour) error {
	s := req.Settings
	b.Temperature, b.TopP = wire.Present(s.Temperature), wire.Present(s.TopP)
	if !s.TopK.IsNull() {
		if !flavour.TopK {
			return wire.Unsupported(s.TopK, "the provider of this model cannot honour this field")
		}
		b.TopK = wire.Present(s.TopK)
	}
	if s.Stop.Len() > 0 || s.Stop.Text() != "" {
		b.Stop = wire.Present(s.Stop)
	}
	if b.ReasoningEffort = s.Effort.Text(); req.Dialect == llm.Messages {
		b.ReasoningEffort = wire.ToldOpenAI(req, b.Model)
	}
	return b.format(s.Format)
}

// unnamedSchema is the name of a schema that came without: here it must have one.
const unnamedSchema = "answer"

func (b *foreignBody) format(f llm.Format) error {
	switch f.Kind {
	case "", "text":
	case "json_object":
		b.ResponseFormat = &responseFormat{Type: f.Kind}
	case "json_schema":
		schema := &jsonSchema{
			Name: f.Name.Text(), Description: f.Description.Text(),
			Schema: wire.Present(f.Schema), Strict: wire.Present(f.Strict),
		}
		if schema.Name == "" {
			schema.Name = unnamedSchema
		}
		b.ResponseFormat = &responseFormat{f.Kind, schema}
	default:
		return sallyport.NewError(sallyport.UnsupportedField, "The provider of this model does not know the form that the answer is to have.")
	}
	return nil
}

// offer sets the tools and what the client wants of them.
func (b *foreignBody) offer(req *llm.Request, _ Flavour) error {
	for _, t := range req.Tools {
		if t.Name.Text() == "" {
			return wire.Unsupported(t.Raw, "the provider of this model takes function tools only")
		}
		b.Tools = append(b.Tools, foreignTool{"function", foreignFunction{
			Name: t.Name.Text(), Description: t.Description.Text(),
			Parameters: wire.Present(t.Schema), Strict: wire.Present(t.Raw.Get("strict")),
		}})
	}
	mode := req.ToolChoice.Mode
	if len(b.Tools) == 0 {
		if mode == "required" || mode == "named" {
			return sallyport.NewError(sallyport.InvalidBody, "tool_choice: a tool is required but tools names none")
		}
		return nil
	}
	b.ParallelTools = wire.Present(req.Settings.ParallelTools)
	switch mode {
	case "":
	case "auto", "none", "required":
		b.ToolChoice = mode
	case "named":
		b.ToolChoice = namedChoice{"function", namedThing{req.ToolChoice.Name.Text()}}
	default:
		return sallyport.NewError(sallyport.UnsupportedField, "tool_choice: the provider of this model does not know this choice")
	}
	return nil
}

// foreignMessage is one message of a request that is built.
type foreignMessage struct {
	Role       string       `json:"role"`
	Content    any          `json:"content,omitempty"` // a string or parts
	Refusal    string       `json:"refusal,omitempty"`
	ToolCalls  []calledTool `json:"tool_calls,omitempty"`
	ToolCallID string       `json:"tool_call_id,omitempty"`
}

type contentPart struct {
	Type  string       `json:"type"`
	Text  string       `json:"text,omitempty"`
	Image *imageObject `json:"image_url,omitempty"`
	File  *fileObject  `json:"file,omitempty"`
}

type imageObject struct {
	URL    string `json:"url"`
	Detail string `json:"detail,omitempty"`
}

type fileObject struct {
	Data string `json:"file_data"`
	Name string `json:"filename"`
}

// talk sets the messages. Where another dialect has one message with the answers
// of tools and words of the user, this one has a message for each answer, which
// must follow the calls at once, and then the words.
func (b *foreignBody) talk(req *llm.Request, _ Flavour) error {
	if err := b.system(req.System); err != nil {
		return err
	}
	for _, m := range req.Messages {
		var err error
		switch m.Role {
		case llm.RoleSystem:
			err = b.system(m.Parts)
		case llm.RoleAssistant:
			err = b.assistant(m.Parts)
		case llm.RoleUser, llm.RoleTool:
			err = b.user(m.Parts)
		default:
			err = sallyport.NewError(sallyport.UnsupportedField, "The provider of this model does not know one of the roles.")
		}
		if err != nil {
			return err
		}
	}
	if len(b.Messages) == 0 {
		return sallyport.NewError(sallyport.UnsupportedField, "The provider of this model needs a message.")
	}
	return nil
}

// betweenTexts joins texts that were apart: not every service takes parts where
// somebody else than the user speaks.
const betweenTexts = "\n\n"

func (b *foreignBody) system(parts []llm.Part) error {
	var texts []string
	for _, p := range parts {
		if p.Kind != llm.TextPart {
			return wire.Unsupported(p.Raw, "the provider of this model takes only text from the system")
		}
		texts = append(texts, p.Text.Text())
	}
	if len(texts) > 0 {
		b.Messages = append(b.Messages, foreignMessage{Role: "system", Content: strings.Join(texts, betweenTexts)})
	}
	return nil
}

// assistant adds what the model said. Turns of it that follow each other become
// one, so that the calls of tools stand together as this dialect demands.
func (b *foreignBody) assistant(parts []llm.Part) error {
	var texts []string
	m := foreignMessage{Role: "assistant"}
	for _, p := range parts {
		switch p.Kind {
		case llm.TextPart:
			texts = append(texts, p.Text.Text())
		case llm.RefusalPart:
			m.Refusal += p.Text.Text()
		case llm.ToolCallPart:
			m.ToolCalls = append(m.ToolCalls, calledTool{
				ID: p.ToolID.Text(), Type: "function",
				Function: calledFunction{Name: p.ToolName.Text(), Arguments: argumentsOf(p)},
			})
		case llm.ThinkingPart:
		default:
			return wire.Unsupported(p.Raw, "the provider of this model does not take content of this type")
		}
	}
	if len(texts) == 0 && m.Refusal == "" && len(m.ToolCalls) == 0 {
		return nil
	}
	if last := len(b.Messages) - 1; last >= 0 && b.Messages[last].Role == "assistant" {
		before := &b.Messages[last]
		if text, ok := before.Content.(string); ok {
			texts = append([]string{text}, texts...)
		}
		before.Refusal += m.Refusal
		before.ToolCalls = append(before.ToolCalls, m.ToolCalls...)
		before.say(texts)
		return nil
	}
	m.say(texts)
	b.Messages = append(b.Messages, m)
	return nil
}

func (m *foreignMessage) say(texts []string) {
	if len(texts) > 0 {
		m.Content = strings.Join(texts, betweenTexts)
	}
}

// argumentsOf is the JSON of a call's arguments, which is text in some dialects
// and an object in others.
func argumentsOf(p llm.Part) string {
	switch {
	case p.Text.Kind() == llm.String:
		return p.Text.Text()
	case p.Text.IsNull():
		return "{}"
	}
	return string(p.Text.JSON())
}

// user adds what stands on the user's side. What a tool answered beside text has
// no place in its own message: it follows as the user's.
func (b *foreignBody) user(parts []llm.Part) error {
	var said []contentPart
	for _, p := range parts {
		if p.Kind != llm.ToolResultPart {
			made, err := newContent(p)
			if err != nil {
				return err
			}
			said = append(said, made)
			continue
		}
		var texts []string
		for _, result := range p.Parts {
			made, err := newContent(result)
			if err != nil {
				return err
			}
			if made.Type == "text" {
				texts = append(texts, made.Text)
			} else {
				said = append(said, made)
			}
		}
		b.Messages = append(b.Messages, foreignMessage{
			Role: "tool", ToolCallID: p.ToolID.Text(), Content: strings.Join(texts, betweenTexts),
		})
	}
	switch {
	case len(said) == 1 && said[0].Type == "text":
		b.Messages = append(b.Messages, foreignMessage{Role: "user", Content: said[0].Text})
	case len(said) > 0:
		b.Messages = append(b.Messages, foreignMessage{Role: "user", Content: said})
	}
	return nil
}

func newContent(p llm.Part) (contentPart, error) {
	switch p.Kind {
	case llm.TextPart:
		return contentPart{Type: "text", Text: p.Text.Text()}, nil
	case llm.ImagePart:
		return contentPart{Type: "image_url", Image: &imageObject{address(p), p.Raw.Get("detail").Text()}}, nil
	case llm.FilePart:
		name := p.Name.Text()
		if name == "" {
			name = unnamedFile
		}
		if text, ok := wire.InlineText(p); ok {
			return contentPart{Type: "text", Text: wire.File{Name: name, Data: []byte(text)}.AsText()}, nil
		}
		data := address(p)
		if !strings.HasPrefix(data, "data:") {
			return contentPart{}, wire.Unsupported(p.Raw, "the provider of this model takes documents by their bytes only")
		}
		return contentPart{Type: "file", File: &fileObject{data, name}}, nil
	}
	return contentPart{}, wire.Unsupported(p.Raw, "the provider of this model does not take content of this type")
}

// unnamedFile is the name of a document that came without: here it must have one.
const unnamedFile = "document"

// address is where an image or a document is, or a data: URI with its bytes.
func address(p llm.Part) string {
	if p.Data.Exists() {
		return "data:" + p.MediaType + ";base64," + p.Data.Text()
	}
	return p.URL.Text()
}
