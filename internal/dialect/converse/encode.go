package converse

import (
	"encoding/json"
	"strings"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// body is a request of this dialect. The model and whether the answer is streamed
// stand in its address.
type body struct {
	System    []block       `json:"system,omitempty"`
	Messages  []turn        `json:"messages"`
	Inference inference     `json:"inferenceConfig,omitzero"`
	Tools     *toolConfig   `json:"toolConfig,omitempty"`
	Output    *outputConfig `json:"outputConfig,omitempty"`
	More      more          `json:"additionalModelRequestFields,omitzero"`
}

// more is what Anthropic's models take besides, in their own words.
type more struct {
	TopK     json.RawMessage `json:"top_k,omitempty"`
	Thinking *thinking       `json:"thinking,omitempty"`
	Output   *effort         `json:"output_config,omitempty"`
}

type thinking struct {
	Type   string `json:"type"`
	Budget int64  `json:"budget_tokens"`
}

type effort struct {
	Effort string `json:"effort"`
}

type inference struct {
	MaxTokens     int64           `json:"maxTokens,omitempty"`
	Temperature   json.RawMessage `json:"temperature,omitempty"`
	TopP          json.RawMessage `json:"topP,omitempty"`
	StopSequences []string        `json:"stopSequences,omitempty"`
}

type toolConfig struct {
	Tools  []tool         `json:"tools"`
	Choice map[string]any `json:"toolChoice,omitempty"`
}

type tool struct {
	Spec toolSpec `json:"toolSpec"`
}

type toolSpec struct {
	Name        string     `json:"name"`
	Description string     `json:"description,omitempty"`
	InputSchema jsonObject `json:"inputSchema"`
}

type jsonObject struct {
	JSON json.RawMessage `json:"json"`
}

type outputConfig struct {
	TextFormat textFormat `json:"textFormat"`
}

type textFormat struct {
	Type      string    `json:"type"`
	Structure structure `json:"structure"`
}

type structure struct {
	JSONSchema jsonSchema `json:"jsonSchema"`
}

// jsonSchema has the schema as text.
type jsonSchema struct {
	Schema      string `json:"schema"`
	Name        string `json:"name,omitempty"`
	Description string `json:"description,omitempty"`
}

// Encode builds the request for the provider's model target.
//
// A request that asks for what this dialect cannot say is refused with
// sallyport.UnsupportedField, one with a broken part with sallyport.InvalidBody.
func Encode(req *llm.Request, target string) ([]byte, error) {
	req, err := req.Carried()
	if err != nil {
		return nil, err
	}
	if req.Choices > 1 {
		return nil, sallyport.NewError(sallyport.UnsupportedField, "n: the provider of this model gives one answer")
	}
	var b body
	if err := b.talk(req, target); err != nil {
		return nil, err
	}
	if err := b.offer(req); err != nil {
		return nil, err
	}
	if err := b.settings(req, target); err != nil {
		return nil, err
	}
	return wire.Marshal(b), nil
}

// offer sets the tools and what the client wants of them.
func (b *body) offer(req *llm.Request) error {
	config := toolConfig{}
	for _, t := range req.Tools {
		if t.Name.Text() == "" {
			return wire.Unsupported(t.Raw, "the provider of this model takes function tools only")
		}
		config.Tools = append(config.Tools, tool{toolSpec{t.Name.Text(), t.Description.Text(), jsonObject{wire.ArgumentsSchema(t.Schema)}}})
	}
	mode := req.ToolChoice.Mode
	if len(config.Tools) == 0 {
		if mode == "required" || mode == "named" {
			return sallyport.NewError(sallyport.InvalidBody, "tool_choice: a tool is required but tools names none")
		}
		return nil
	}
	if mode == "none" {
		return b.forbid()
	}
	if parallel, ok := req.Settings.ParallelTools.Bool(); ok && !parallel {
		return wire.Unsupported(req.Settings.ParallelTools, "the provider of this model cannot be kept from calling several tools at once")
	}
	switch mode {
	case "":
	case "auto":
		config.Choice = map[string]any{"auto": struct{}{}}
	case "required":
		config.Choice = map[string]any{"any": struct{}{}}
	case "named":
		config.Choice = map[string]any{"tool": struct {
			Name string `json:"name"`
		}{req.ToolChoice.Name.Text()}}
	default:
		return sallyport.NewError(sallyport.UnsupportedField, "tool_choice: the provider of this model does not know this choice")
	}
	b.Tools = &config
	return nil
}

// forbid says that no tool is to be called, for which this dialect has no word: tools
// are not told of then. It takes no history with calls without its tools.
func (b *body) forbid() error {
	for _, t := range b.Messages {
		for _, piece := range t.Content {
			if piece.ToolUse != nil || piece.ToolResult != nil {
				return sallyport.NewError(sallyport.UnsupportedField,
					"tool_choice: the provider of this model cannot be kept from calling tools in a conversation that has calls")
			}
		}
	}
	return nil
}

func (b *body) settings(req *llm.Request, target string) error {
	s := req.Settings
	b.Inference = inference{
		MaxTokens: req.OutputMax, Temperature: wire.Present(s.Temperature), TopP: wire.Present(s.TopP), StopSequences: s.Stops(),
	}
	if !s.TopK.IsNull() {
		if !strings.Contains(target, "anthropic.") {
			return wire.Unsupported(s.TopK, "the provider of this model cannot honour this field")
		}
		b.More.TopK = s.TopK.JSON()
	}
	word, budget := wire.ToldClaude(req, llm.Converse, target, req.OutputMax)
	if word != "" {
		b.More.Output = &effort{word}
	}
	if budget > 0 {
		b.More.Thinking = &thinking{"enabled", budget}
	}
	switch {
	case s.Format.Kind == "", s.Format.Kind == "text":
	case s.Format.Kind == "json_schema" && !s.Format.Schema.IsNull():
		b.Output = &outputConfig{textFormat{"json_schema", structure{jsonSchema{
			string(s.Format.Schema.JSON()), s.Format.Name.Text(), s.Format.Description.Text(),
		}}}}
	default:
		return sallyport.NewError(sallyport.UnsupportedField, "The provider of this model cannot give the answer the form that it is to have.")
	}
	return nil
}
