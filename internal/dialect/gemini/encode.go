package gemini

import (
	"encoding/json"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// body is a request of this dialect. The model and whether the answer is streamed
// stand in its address.
type body struct {
	System     *turn            `json:"systemInstruction,omitempty"`
	Contents   []*turn          `json:"contents"`
	Tools      []toolSet        `json:"tools,omitempty"`
	ToolConfig *toolConfig      `json:"toolConfig,omitempty"`
	Generation generationConfig `json:"generationConfig,omitzero"`
}

type toolSet struct {
	Functions []function `json:"functionDeclarations"`
}

type function struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parametersJsonSchema,omitempty"`
}

type toolConfig struct {
	Calling callingConfig `json:"functionCallingConfig"`
}

type callingConfig struct {
	Mode    string   `json:"mode"`
	Allowed []string `json:"allowedFunctionNames,omitempty"`
}

type generationConfig struct {
	Temperature   json.RawMessage `json:"temperature,omitempty"`
	TopP          json.RawMessage `json:"topP,omitempty"`
	TopK          json.RawMessage `json:"topK,omitempty"`
	OutputMax     int64           `json:"maxOutputTokens,omitempty"`
	StopSequences []string        `json:"stopSequences,omitempty"`
	MediaType     string          `json:"responseMimeType,omitempty"`
	Schema        json.RawMessage `json:"responseJsonSchema,omitempty"`
	Thinking      *thinkingConfig `json:"thinkingConfig,omitempty"`
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
		return nil, sallyport.NewError(sallyport.UnsupportedField, "n: of the provider of this model one answer is taken")
	}
	t := talk{target: target, model: generationOf(target)}
	if err := t.all(req); err != nil {
		return nil, err
	}
	b := body{System: t.system, Contents: t.turns}
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
	var functions []function
	for _, t := range req.Tools {
		if t.Name.Text() == "" {
			return wire.Unsupported(t.Raw, "the provider of this model takes function tools only")
		}
		made := function{Name: t.Name.Text(), Description: t.Description.Text()}
		if t.Schema.Len() > 0 { // a tool that takes nothing has none here
			made.Parameters = wire.ArgumentsSchema(t.Schema)
		}
		functions = append(functions, made)
	}
	mode := req.ToolChoice.Mode
	if len(functions) == 0 {
		if mode == "required" || mode == "named" {
			return sallyport.NewError(sallyport.InvalidBody, "tool_choice: a tool is required but tools names none")
		}
		return nil
	}
	b.Tools = []toolSet{{functions}}
	if parallel, ok := req.Settings.ParallelTools.Bool(); ok && !parallel && mode != "none" {
		return wire.Unsupported(req.Settings.ParallelTools, "the provider of this model cannot be kept from calling several tools at once")
	}
	return b.choose(req.ToolChoice)
}

func (b *body) choose(choice llm.ToolChoice) error {
	calling := callingConfig{}
	switch choice.Mode {
	case "":
		return nil
	case "auto":
		calling.Mode = "AUTO"
	case "none":
		calling.Mode = "NONE"
	case "required":
		calling.Mode = "ANY"
	case "named":
		calling.Mode, calling.Allowed = "ANY", []string{choice.Name.Text()}
	default:
		return sallyport.NewError(sallyport.UnsupportedField, "tool_choice: the provider of this model does not know this choice")
	}
	b.ToolConfig = &toolConfig{calling}
	return nil
}

func (b *body) settings(req *llm.Request, target string) error {
	s, g := req.Settings, &b.Generation
	g.Temperature, g.TopP, g.TopK = wire.Present(s.Temperature), wire.Present(s.TopP), wire.Present(s.TopK)
	g.OutputMax = req.OutputMax
	g.StopSequences = s.Stops()
	g.Thinking = thinking(target, s.HowMuch())
	switch s.Format.Kind {
	case "", "text":
	case "json_object":
		g.MediaType = "application/json"
	case "json_schema":
		g.MediaType, g.Schema = "application/json", wire.Present(s.Format.Schema)
	default:
		return sallyport.NewError(sallyport.UnsupportedField, "The provider of this model does not know the form that the answer is to have.")
	}
	return nil
}
