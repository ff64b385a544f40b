package sallyport

import (
	"encoding/json"
	"slices"
	"time"
)

// AgentID is a UUID in text form.
type AgentID string

// Agent is a stored automation: a system prompt, named inputs and steps in order.
type Agent struct {
	ID         AgentID
	Org        OrgID
	Owner      UserID
	Definition AgentDefinition
	// Shared lets every member of the organisation see it and run it. What is not
	// shared is its owner's and the administrators'.
	Shared    bool
	CreatedAt time.Time
	DeletedAt time.Time // zero: not deleted
}

// AgentDefinition is what is imported and exported as JSON.
type AgentDefinition struct {
	DisplayName  string       `json:"displayName"`
	Description  string       `json:"description"`
	SystemPrompt string       `json:"systemPrompt"`
	Model        string       `json:"model"` // for steps that name none
	Inputs       []AgentInput `json:"inputs"`
	Steps        []AgentStep  `json:"steps"`
	// ToolServerConfigs is part of the file's form; an import that enables one
	// is refused as long as no integration of that name is set up.
	ToolServerConfigs []json.RawMessage `json:"toolServerConfigs,omitempty"`
}

// AgentInput is one named input. Steps refer to it as {{name}}.
type AgentInput struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// AgentStep is one unit of work. In this version every step is an LLM step.
type AgentStep struct {
	Name    string   `json:"name"`
	LLMStep *LLMStep `json:"llmStep"`
}

// LLMStep asks a model once. Its prompt may use {{input}} and {{steps.N.output}},
// where N counts from 1.
type LLMStep struct {
	Model     string `json:"model,omitempty"` // empty: the agent's
	Prompt    string `json:"prompt"`
	MaxTokens int64  `json:"maxTokens,omitempty"`
}

// ModelOf is the model that step i asks.
func (d AgentDefinition) ModelOf(i int) string {
	if own := d.Steps[i].LLMStep; own != nil && own.Model != "" {
		return own.Model
	}
	return d.Model
}

// Models are those that the steps ask, in the order of their first use.
func (d AgentDefinition) Models() []string {
	models := []string{}
	for i := range d.Steps {
		if m := d.ModelOf(i); !slices.Contains(models, m) {
			models = append(models, m)
		}
	}
	return models
}

// AgentFilter chooses agents that are not deleted. What is zero does not choose.
type AgentFilter struct {
	// Viewer sees shared agents and the own ones; empty: all.
	Viewer UserID
	Owner  UserID
	Shared *bool
	Model  string
	Text   string // in the name, in any case
	After  Place  // of the last one of the page before
	Limit  int
}

// AgentSummary is an agent in a list, with the newest of its runs.
type AgentSummary struct {
	Agent
	LastRun *Run // nil: none that the viewer may see; without its contents
}

// Place is where a list that goes from new to old goes on: after what was made
// at that time and has that id. The zero Place is the beginning.
type Place struct {
	At time.Time
	ID string
}
