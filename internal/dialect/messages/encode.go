package messages

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// body is a request of this dialect.
type body struct {
	Model         string          `json:"model"`
	MaxTokens     int64           `json:"max_tokens"`
	Stream        bool            `json:"stream,omitempty"`
	System        []block         `json:"system,omitempty"`
	Messages      []turn          `json:"messages"`
	Tools         []tool          `json:"tools,omitempty"`
	ToolChoice    *toolChoice     `json:"tool_choice,omitempty"`
	StopSequences []string        `json:"stop_sequences,omitempty"`
	Temperature   json.RawMessage `json:"temperature,omitempty"`
	TopP          json.RawMessage `json:"top_p,omitempty"`
	TopK          json.RawMessage `json:"top_k,omitempty"`
	Metadata      *metadata       `json:"metadata,omitempty"`
}

type metadata struct {
	UserID string `json:"user_id"`
}

type tool struct {
	Name         string          `json:"name"`
	Description  string          `json:"description,omitempty"`
	InputSchema  json.RawMessage `json:"input_schema"`
	Strict       bool            `json:"strict,omitempty"`
	CacheControl json.RawMessage `json:"cache_control,omitempty"`
}

type toolChoice struct {
	Type            string `json:"type"`
	Name            string `json:"name,omitempty"`
	DisableParallel bool   `json:"disable_parallel_tool_use,omitempty"`
}

// Encode builds the request for the provider's model target. outputMax is the
// bound of the answer's tokens when the client named none; it must be positive,
// since this dialect knows no answer without a bound.
//
// A request that asks for what this dialect cannot say is refused with
// sallyport.UnsupportedField, one with a broken part with sallyport.InvalidBody.
func Encode(req *llm.Request, target string, outputMax int64) ([]byte, error) {
	if req.Dialect != llm.Chat {
		return nil, sallyport.NewError(sallyport.UnsupportedField,
			"requests of this dialect cannot be sent to the provider of this model")
	}
	if err := req.Portable(); err != nil {
		return nil, err
	}
	b := body{Model: target, MaxTokens: req.OutputMax, Stream: req.Stream}
	if b.MaxTokens <= 0 {
		b.MaxTokens = outputMax
	}
	for _, step := range []func(*llm.Request) error{b.talk, b.offer, b.settings} {
		if err := step(req); err != nil {
			return nil, err
		}
	}
	return marshal(b)
}

// marshal leaves <, > and & as they are: escaping them costs tokens nowhere, but
// makes what is sent harder to compare with what came.
func marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, sallyport.WrapError(sallyport.Internal, "the request could not be written", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// offer sets the tools and what the client wants of them.
func (b *body) offer(req *llm.Request) error {
	for _, t := range req.Tools {
		made, err := newTool(t)
		if err != nil {
			return err
		}
		b.Tools = append(b.Tools, made)
	}
	choice, err := newToolChoice(req)
	if err != nil {
		return err
	}
	if parallel, ok := req.Settings.ParallelTools.Bool(); ok && !parallel && len(b.Tools) > 0 {
		if choice == nil {
			choice = &toolChoice{Type: "auto"}
		}
		choice.DisableParallel = choice.Type != "none"
	}
	b.ToolChoice = choice
	return nil
}

func newTool(t llm.Tool) (tool, error) {
	if kind := t.Raw.Get("type"); kind.Exists() && kind.Text() != "function" {
		return tool{}, unsupported(t.Raw, "the provider of this model takes function tools only")
	}
	made := tool{
		Name:         t.Name.Text(),
		Description:  t.Description.Text(),
		InputSchema:  json.RawMessage(`{"type":"object","properties":{}}`),
		CacheControl: present(t.Raw.Get("cache_control")),
	}
	made.Strict, _ = t.Raw.Get("function").Get("strict").Bool()
	if !t.Schema.IsNull() {
		made.InputSchema = t.Schema.JSON()
	}
	return made, nil
}

// newToolChoice returns nil where the dialect's default says the same.
func newToolChoice(req *llm.Request) (*toolChoice, error) {
	mode := req.ToolChoice.Mode
	if len(req.Tools) == 0 {
		if mode == "required" || mode == "named" {
			return nil, sallyport.NewError(sallyport.InvalidBody, "tool_choice: a tool is required but tools names none")
		}
		return nil, nil
	}
	switch mode {
	case "":
		return nil, nil
	case "auto", "none":
		return &toolChoice{Type: mode}, nil
	case "required":
		return &toolChoice{Type: "any"}, nil
	case "named":
		return &toolChoice{Type: "tool", Name: req.ToolChoice.Name.Text()}, nil
	}
	return nil, sallyport.NewError(sallyport.UnsupportedField, "tool_choice: the provider of this model does not know this choice")
}

// settings sets what is carried as it came. How much to think is a hint.
func (b *body) settings(req *llm.Request) error {
	s := req.Settings
	if s.Format.Kind != "" && s.Format.Kind != "text" {
		return sallyport.NewError(sallyport.UnsupportedField, "response_format: the provider of this model cannot honour this field")
	}
	if !s.Temperature.IsNull() {
		t, err := strconv.ParseFloat(string(s.Temperature.Raw()), 64)
		if err != nil {
			return invalid(s.Temperature, "must be a number")
		}
		// Cutting it down to 1 would answer another question than was asked.
		if t < 0 || t > 1 {
			return unsupported(s.Temperature, "the provider of this model takes 0 to 1")
		}
	}
	b.Temperature, b.TopP, b.TopK = present(s.Temperature), present(s.TopP), present(s.TopK)
	if s.User.Text() != "" {
		b.Metadata = &metadata{UserID: s.User.Text()}
	}
	return b.stops(s.Stop)
}

func (b *body) stops(v llm.Value) error {
	var err error
	add := func(_ int, stop llm.Value) bool {
		if blank(stop.Text()) {
			err = unsupported(stop, "the provider of this model takes stop sequences with visible text only")
			return false
		}
		b.StopSequences = append(b.StopSequences, stop.Text())
		return true
	}
	if v.Kind() == llm.String {
		add(0, v)
	} else {
		v.Items(add)
	}
	return err
}

// present returns the JSON of v, nil when v is absent or null.
func present(v llm.Value) json.RawMessage {
	if v.IsNull() {
		return nil
	}
	return v.JSON()
}
