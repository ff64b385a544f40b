package agent

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"iter"
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
	file, err := read(text)
	if err != nil {
		return sallyport.AgentDefinition{}, err
	}
	var found problems
	found.toolServers(file)
	def := file.definition()
	found.definition(def)
	return def, found.first()
}

func read(text []byte) (file definitionFile, err error) {
	if len(text) > DefinitionMax {
		return file, invalid("the definition is longer than %d bytes", DefinitionMax)
	}
	return file, decode(text, &file)
}

// Problem is why a definition could not run.
type Problem struct {
	Field   string // such as "steps[0].llmStep.prompt"; empty: the whole
	Message string // follows the field as the rest of a sentence
}

// problems are all that were found. Where a list is too long, only that is told.
type problems []Problem

func (l *problems) add(field, format string, args ...any) {
	*l = append(*l, Problem{field, fmt.Sprintf(format, args...)})
}

// first is the error of whoever needs a definition without problems.
func (l problems) first() error {
	if len(l) == 0 {
		return nil
	}
	return invalid("%s %s", l[0].Field, l[0].Message)
}

// validate says whether a run of def could do all its steps.
func validate(def sallyport.AgentDefinition) error {
	var found problems
	found.definition(def)
	return found.first()
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

// toolServers refuses what the agent could not reach: no integration can be set
// up in this version, so an enabled one would silently be missing.
func (l *problems) toolServers(f definitionFile) {
	for where, configs := range f.toolServers() {
		for i, raw := range configs {
			server, err := readToolServer(raw)
			switch {
			case err != nil:
				l.add(fmt.Sprintf("%s[%d]", where, i), "is not a tool server: it has id, enabled, integrationConfigNangoId and integrationConnectionId")
			case server.Enabled:
				l.add(fmt.Sprintf("%s[%d]", where, i), "is enabled, but its integration is not set up here")
			}
		}
	}
}

func readToolServer(raw []byte) (server toolServer, err error) {
	return server, json.Unmarshal(raw, &server, json.RejectUnknownMembers(true))
}

// toolServers are the lists of tool servers with their places.
func (f definitionFile) toolServers() iter.Seq2[string, []stdjson.RawMessage] {
	return func(yield func(string, []stdjson.RawMessage) bool) {
		if !yield("toolServerConfigs", f.ToolServerConfigs) {
			return
		}
		for i, step := range f.Steps {
			if step.LLMStep != nil && !yield(fmt.Sprintf("steps[%d].llmStep.toolServerConfigs", i), step.LLMStep.ToolServerConfigs) {
				return
			}
		}
	}
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

func (l *problems) definition(def sallyport.AgentDefinition) {
	if strings.TrimSpace(def.DisplayName) == "" {
		l.add("displayName", "is missing")
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
			l.add(field.name, "is longer than %d bytes", field.max)
		}
	}
	l.inputs(def.Inputs)
	l.prompt("systemPrompt", def.SystemPrompt, def.Inputs, 0)
	switch n := len(def.Steps); {
	case n == 0:
		l.add("steps", "is missing: an agent needs at least one")
	case n > StepsMax:
		l.add("steps", "has %d entries, at most %d are allowed", n, StepsMax)
		return
	}
	for i, step := range def.Steps {
		l.step(def, i, step)
	}
}

func (l *problems) inputs(inputs []sallyport.AgentInput) {
	if len(inputs) > InputsMax {
		l.add("inputs", "has %d entries, at most %d are allowed", len(inputs), InputsMax)
		return
	}
	seen := make(map[string]bool, len(inputs))
	for i, in := range inputs {
		where := fmt.Sprintf("inputs[%d]", i)
		switch {
		case in.Name == "" || len(in.Name) > NameMax:
			l.add(where+".name", "must have 1 to %d bytes", NameMax)
		case !nameable(in.Name):
			l.add(where+".name", "must not have braces, control characters or spaces at its ends, and must not begin with %q", stepsPrefix)
		case seen[in.Name]:
			l.add(where+".name", "stands twice")
		}
		if len(in.Description) > DescriptionMax {
			l.add(where+".description", "is longer than %d bytes", DescriptionMax)
		}
		seen[in.Name] = true
	}
}

// nameable says whether a prompt can refer to an input of that name.
func nameable(name string) bool {
	return name == strings.TrimSpace(name) && !strings.ContainsAny(name, "{}") &&
		!strings.ContainsFunc(name, unicode.IsControl) && !strings.HasPrefix(name, stepsPrefix)
}

func (l *problems) step(def sallyport.AgentDefinition, i int, step sallyport.AgentStep) {
	where := fmt.Sprintf("steps[%d]", i)
	if len(step.Name) > NameMax {
		l.add(where+".name", "is longer than %d bytes", NameMax)
	}
	ask := step.LLMStep
	if ask == nil {
		l.add(where+".llmStep", "is missing")
		return
	}
	where += ".llmStep"
	switch {
	case def.ModelOf(i) == "":
		l.add(where+".model", "is missing, and the agent names no model either")
	case len(ask.Model) > NameMax:
		l.add(where+".model", "is longer than %d bytes", NameMax)
	}
	switch {
	case strings.TrimSpace(ask.Prompt) == "":
		l.add(where+".prompt", "is missing")
	case len(ask.Prompt) > PromptMax:
		l.add(where+".prompt", "is longer than %d bytes", PromptMax)
	default:
		l.prompt(where+".prompt", ask.Prompt, def.Inputs, i)
	}
	if ask.MaxTokens < 0 || ask.MaxTokens > MaxTokensMax {
		l.add(where+".maxTokens", "must be between 0 and %d", MaxTokensMax)
	}
}
