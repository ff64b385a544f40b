package agent

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport"
)

// Bounds of a definition. Lengths are bytes.
const (
	DefinitionMax  = 1 << 20 // the whole JSON
	StepsMax       = 50
	InputsMax      = 50
	NameMax        = 200 // of the agent, a step, an input, a model
	DescriptionMax = 8 << 10
	PromptMax      = 64 << 10 // of one step; the system prompt too
	MaxTokensMax   = 10_000_000
)

// definitionFile is the JSON of an import. The members that only an export
// writes are accepted and not kept: they name things of the system it came from.
type definitionFile struct {
	ID                jsontext.Value       `json:"id"`
	DashboardID       jsontext.Value       `json:"dashboardId"`
	SourceWorkflowID  jsontext.Value       `json:"sourceWorkflowId"`
	IsMockMode        *bool                `json:"isMockMode"`
	DisplayName       string               `json:"displayName"`
	Description       string               `json:"description"`
	SystemPrompt      string               `json:"systemPrompt"`
	Model             string               `json:"model"`
	ToolServerConfigs []stdjson.RawMessage `json:"toolServerConfigs"`
	Inputs            []inputFile          `json:"inputs"`
	Steps             []stepFile           `json:"steps"`
}

type inputFile struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

type stepFile struct {
	Name    string       `json:"name"`
	LLMStep *llmStepFile `json:"llmStep"`
}

type llmStepFile struct {
	Model             string               `json:"model"`
	Prompt            string               `json:"prompt"`
	MaxTokens         int64                `json:"maxTokens"`
	ToolServerConfigs []stdjson.RawMessage `json:"toolServerConfigs"`
}

// toolServer attaches an integration to an agent or to one of its steps.
type toolServer struct {
	ID           string         `json:"id"`
	Enabled      bool           `json:"enabled"`
	ConfigID     string         `json:"integrationConfigNangoId"`
	ConnectionID jsontext.Value `json:"integrationConnectionId"`
}

// Parse reads a definition, strictly: unknown members, members that stand twice
// and wrong types are refused, and so is what could not run. An error is
// sallyport.InvalidBody and names the field.
func Parse(text []byte) (sallyport.AgentDefinition, error) {
	if len(text) > DefinitionMax {
		return sallyport.AgentDefinition{}, invalid("the definition is longer than %d bytes", DefinitionMax)
	}
	var file definitionFile
	if err := decode(text, &file); err != nil {
		return sallyport.AgentDefinition{}, err
	}
	if err := file.checkToolServers(); err != nil {
		return sallyport.AgentDefinition{}, err
	}
	def := file.definition()
	return def, validate(def)
}

func invalid(format string, args ...any) error {
	return sallyport.NewError(sallyport.InvalidBody, fmt.Sprintf(format, args...))
}

// decode tells where an error is and of what kind, not what stood there.
func decode(text []byte, into any) error {
	err := json.Unmarshal(text, into, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		reason := "not valid JSON"
		if errors.Is(err, jsontext.ErrDuplicateName) {
			reason = "a member stands twice"
		}
		return invalid("the definition cannot be read at byte %d: %s", syntax.ByteOffset, reason)
	}
	var meaning *json.SemanticError
	if !errors.As(err, &meaning) {
		return invalid("the definition cannot be read")
	}
	if errors.Is(err, json.ErrUnknownName) {
		return invalid("%s is not a member of a definition", place(meaning.JSONPointer))
	}
	return invalid("%s has the wrong type", place(meaning.JSONPointer))
}

// place writes a JSON pointer as a person would: "steps[0].llmStep".
func place(pointer jsontext.Pointer) string {
	var b strings.Builder
	for token := range pointer.Tokens() {
		switch {
		case len(token) > NameMax:
			b.WriteString(".(long name)")
		case token != "" && strings.Trim(token, "0123456789") == "":
			b.WriteString("[" + token + "]")
		default:
			b.WriteString("." + token)
		}
	}
	if b.Len() == 0 {
		return "the definition"
	}
	return strings.TrimPrefix(b.String(), ".")
}

// checkToolServers refuses what the agent could not reach: no integration can
// be set up in this version, so an enabled one would silently be missing.
func (f definitionFile) checkToolServers() error {
	if err := noneEnabled("toolServerConfigs", f.ToolServerConfigs); err != nil {
		return err
	}
	for i, step := range f.Steps {
		if step.LLMStep == nil {
			continue
		}
		where := fmt.Sprintf("steps[%d].llmStep.toolServerConfigs", i)
		if err := noneEnabled(where, step.LLMStep.ToolServerConfigs); err != nil {
			return err
		}
	}
	return nil
}

func noneEnabled(where string, configs []stdjson.RawMessage) error {
	for i, raw := range configs {
		var server toolServer
		if json.Unmarshal(raw, &server, json.RejectUnknownMembers(true)) != nil {
			return invalid("%s[%d] is not a tool server: it has id, enabled, integrationConfigNangoId and integrationConnectionId", where, i)
		}
		if server.Enabled {
			return invalid("%s[%d] is enabled, but its integration is not set up here", where, i)
		}
	}
	return nil
}

func (f definitionFile) definition() sallyport.AgentDefinition {
	def := sallyport.AgentDefinition{
		DisplayName: f.DisplayName, Description: f.Description,
		SystemPrompt: f.SystemPrompt, Model: f.Model,
		Inputs: []sallyport.AgentInput{}, Steps: []sallyport.AgentStep{},
		ToolServerConfigs: f.ToolServerConfigs,
	}
	for _, in := range f.Inputs {
		def.Inputs = append(def.Inputs, sallyport.AgentInput(in))
	}
	for _, s := range f.Steps {
		step := sallyport.AgentStep{Name: s.Name}
		if s.LLMStep != nil {
			step.LLMStep = &sallyport.LLMStep{Model: s.LLMStep.Model, Prompt: s.LLMStep.Prompt, MaxTokens: s.LLMStep.MaxTokens}
		}
		def.Steps = append(def.Steps, step)
	}
	return def
}

// validate says whether a run of def could do all its steps.
func validate(def sallyport.AgentDefinition) error {
	if strings.TrimSpace(def.DisplayName) == "" {
		return invalid("displayName is missing")
	}
	for _, field := range []struct {
		name, text string
		max        int
	}{
		{"displayName", def.DisplayName, NameMax},
		{"description", def.Description, DescriptionMax},
		{"systemPrompt", def.SystemPrompt, PromptMax},
		{"model", def.Model, NameMax},
	} {
		if len(field.text) > field.max {
			return invalid("%s is longer than %d bytes", field.name, field.max)
		}
	}
	if err := validateInputs(def.Inputs); err != nil {
		return err
	}
	if err := checkPrompt("systemPrompt", def.SystemPrompt, def.Inputs, 0); err != nil {
		return err
	}
	switch n := len(def.Steps); {
	case n == 0:
		return invalid("steps is missing: an agent needs at least one")
	case n > StepsMax:
		return invalid("steps has %d entries, at most %d are allowed", n, StepsMax)
	}
	for i, step := range def.Steps {
		if err := validateStep(def, i, step); err != nil {
			return err
		}
	}
	return nil
}

func validateInputs(inputs []sallyport.AgentInput) error {
	if len(inputs) > InputsMax {
		return invalid("inputs has %d entries, at most %d are allowed", len(inputs), InputsMax)
	}
	seen := make(map[string]bool, len(inputs))
	for i, in := range inputs {
		switch {
		case in.Name == "" || len(in.Name) > NameMax:
			return invalid("inputs[%d].name must have 1 to %d bytes", i, NameMax)
		case !nameable(in.Name):
			return invalid("inputs[%d].name must not have braces, control characters or spaces at its ends, and must not begin with %q", i, stepsPrefix)
		case seen[in.Name]:
			return invalid("inputs[%d].name stands twice", i)
		case len(in.Description) > DescriptionMax:
			return invalid("inputs[%d].description is longer than %d bytes", i, DescriptionMax)
		}
		seen[in.Name] = true
	}
	return nil
}

// nameable says whether a prompt can refer to an input of that name.
func nameable(name string) bool {
	return name == strings.TrimSpace(name) && !strings.ContainsAny(name, "{}") &&
		!strings.ContainsFunc(name, unicode.IsControl) && !strings.HasPrefix(name, stepsPrefix)
}

func validateStep(def sallyport.AgentDefinition, i int, step sallyport.AgentStep) error {
	where := fmt.Sprintf("steps[%d]", i)
	if len(step.Name) > NameMax {
		return invalid("%s.name is longer than %d bytes", where, NameMax)
	}
	ask := step.LLMStep
	if ask == nil {
		return invalid("%s.llmStep is missing", where)
	}
	where += ".llmStep"
	switch {
	case modelOf(def, i) == "":
		return invalid("%s.model is missing, and the agent names no model either", where)
	case len(ask.Model) > NameMax:
		return invalid("%s.model is longer than %d bytes", where, NameMax)
	case strings.TrimSpace(ask.Prompt) == "":
		return invalid("%s.prompt is missing", where)
	case len(ask.Prompt) > PromptMax:
		return invalid("%s.prompt is longer than %d bytes", where, PromptMax)
	case ask.MaxTokens < 0 || ask.MaxTokens > MaxTokensMax:
		return invalid("%s.maxTokens must be between 0 and %d", where, MaxTokensMax)
	}
	return checkPrompt(where+".prompt", ask.Prompt, def.Inputs, i)
}

// modelOf is the model that step i asks.
func modelOf(def sallyport.AgentDefinition, i int) string {
	if own := def.Steps[i].LLMStep.Model; own != "" {
		return own
	}
	return def.Model
}

// modelsOf lists the models that the steps ask, in the order of their first use.
func modelsOf(def sallyport.AgentDefinition) []string {
	models := []string{}
	for i := range def.Steps {
		if m := modelOf(def, i); !slices.Contains(models, m) {
			models = append(models, m)
		}
	}
	return models
}
