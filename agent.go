package sallyport

import (
	"encoding/json"
	"time"
)

// AgentID and RunID are UUIDs in text form.
type (
	AgentID string
	RunID   string
)

// Agent is a stored automation: a system prompt, named inputs and steps in order.
type Agent struct {
	ID         AgentID
	Org        OrgID
	Owner      UserID
	Definition AgentDefinition
	CreatedAt  time.Time
	DeletedAt  time.Time // zero: not deleted
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

// RunStatus is the state of a run.
type RunStatus string

// A run starts in progress; every other state is final.
const (
	RunInProgress RunStatus = "in_progress"
	RunSuccess    RunStatus = "success"
	RunFailure    RunStatus = "failure"
	RunCancelled  RunStatus = "cancelled"
)

// Run is one execution of an agent, as its starter: the rights, limits and
// credits of that key's owner bind every step. What people wrote and models
// answered is sealed; package agent opens it.
type Run struct {
	ID           RunID
	Org          OrgID
	Agent        AgentID
	AgentDeleted bool
	User         UserID // who started it
	Key          KeyID  // with which key; its revocation ends the run
	Conversation string // id of the run's transcript
	Status       RunStatus
	CreatedAt    time.Time
	EndedAt      time.Time // zero while in progress
	Begin        []byte    // sealed: the definition as it was when the run began, and the inputs
	End          []byte    // sealed: the result, or why it failed; nil while in progress
}

// RunStep is a finished step of a run.
type RunStep struct {
	Run     RunID
	Index   int // counts from 0
	Call    CallID
	Output  []byte // sealed text of the answer
	EndedAt time.Time
}
