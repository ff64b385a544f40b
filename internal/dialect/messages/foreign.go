package messages

import (
	"encoding/json"
	"strconv"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
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
	OutputConfig  *outputConfig   `json:"output_config,omitempty"`
	Thinking      *thinking       `json:"thinking,omitempty"`
}

type outputConfig struct {
	Effort string  `json:"effort,omitempty"`
	Format *format `json:"format,omitempty"`
}

type thinking struct {
	Type   string `json:"type"`
	Budget int64  `json:"budget_tokens"`
}

type format struct {
	Type   string          `json:"type"`
	Schema json.RawMessage `json:"schema"`
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

// build writes a request of another dialect in this one, from its meaning alone.
// Errors name fields as the client has them.
func build(req *llm.Request, target string, outputMax int64) ([]byte, error) {
	req, err := req.Carried()
	if err != nil {
		return nil, err
	}
	if req.Choices > 1 {
		return nil, sallyport.NewError(sallyport.UnsupportedField, "n: the provider of this model gives one answer")
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
	return wire.Marshal(b), nil
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
	if !t.Name.Exists() { // it is known to its own dialect alone
		return tool{}, wire.Unsupported(t.Raw, "the provider of this model takes function tools only")
	}
	made := tool{
		Name:         t.Name.Text(),
		Description:  t.Description.Text(),
		InputSchema:  wire.ArgumentsSchema(t.Schema),
		CacheControl: wire.Present(t.Raw.Get("cache_control")),
	}
	made.Strict = strict(t)
	return made, nil
}

// strict says whether arguments must follow the schema to the letter. The wish
// stands beside the tool's name, which is at one of two places in other dialects.
func strict(t llm.Tool) bool {
	for _, beside := range []llm.Value{t.Raw, t.Raw.Get("function")} {
		if strict, _ := beside.Get("strict").Bool(); strict {
			return true
		}
	}
	return false
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

// settings sets what is carried as it came, and how much to think.
func (b *body) settings(req *llm.Request) error {
	s := req.Settings
	if err := b.format(s.Format); err != nil {
		return err
	}
	if !s.Temperature.IsNull() {
		t, err := strconv.ParseFloat(string(s.Temperature.Raw()), 64)
		if err != nil {
			return wire.InvalidAt(s.Temperature, "must be a number")
		}
		// Cutting it down to 1 would answer another question than was asked.
		if t < 0 || t > 1 {
			return wire.Unsupported(s.Temperature, "the provider of this model takes 0 to 1")
		}
	}
	b.Temperature, b.TopP, b.TopK = wire.Present(s.Temperature), wire.Present(s.TopP), wire.Present(s.TopK)
	if s.User.Text() != "" {
		b.Metadata = &metadata{UserID: s.User.Text()}
	}
	b.think(req)
	return b.stops(s.Stop)
}

func (b *body) think(req *llm.Request) {
	effort, budget := wire.ToldClaude(req, llm.Messages, b.Model, b.MaxTokens)
	if budget > 0 {
		b.Thinking = &thinking{"enabled", budget}
	}
	if effort == "" {
		return
	}
	if b.OutputConfig == nil {
		b.OutputConfig = &outputConfig{}
	}
	b.OutputConfig.Effort = effort
}

// format sets a schema for the answer. Its name and what describes it are for
// people; that the answer keeps to it is a promise here.
func (b *body) format(f llm.Format) error {
	switch {
	case f.Kind == "" || f.Kind == "text":
		return nil
	case f.Kind == "json_schema" && f.Schema.Kind() == llm.Object:
		b.OutputConfig = &outputConfig{Format: &format{"json_schema", f.Schema.JSON()}}
		return nil
	}
	const why = "the provider of this model cannot honour this field"
	if f.Raw.Exists() {
		return wire.Unsupported(f.Raw, why)
	}
	return sallyport.NewError(sallyport.UnsupportedField, "the form of the answer: "+why)
}

func (b *body) stops(v llm.Value) error {
	var err error
	add := func(_ int, stop llm.Value) bool {
		if blank(stop.Text()) {
			err = wire.Unsupported(stop, "the provider of this model takes stop sequences with visible text only")
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
