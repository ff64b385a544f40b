package sallyport

import "time"

// RunID is a UUID in text form.
type RunID string

// RunStatus is the state of a run.
type RunStatus string

// A run starts in progress; every other state is final.
const (
	RunInProgress RunStatus = "in_progress"
	RunSuccess    RunStatus = "success"
	RunFailure    RunStatus = "failure"
	RunCancelled  RunStatus = "cancelled"
)

// StartKind is what began a run.
type StartKind string

// What can begin a run in this version.
const (
	StartAPI         StartKind = "api"          // a program, with an API key
	StartTerminal    StartKind = "terminal"     // a person, on the page of the agent
	StartChat        StartKind = "chat"         // a person, within a conversation
	StartCommandLine StartKind = "command_line" // the operator
)

// Run is one execution of an agent, as its starter: the rights, limits and
// credits of that key's owner bind every step. What people wrote and models
// answered is sealed; package agent opens it.
type Run struct {
	ID           RunID
	Org          OrgID
	Agent        AgentID
	AgentName    string // as the agent is called now
	AgentDeleted bool
	User         UserID // who started it
	Key          KeyID  // with which key; its revocation ends the run. Empty: in the Terminal
	Start        StartKind
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

// RunCall is one call that a step of a run makes: an attempt to get the step's
// answer. A run numbers them from 1 over all its steps.
type RunCall struct {
	Run     RunID
	N       int
	Step    int // counts from 0
	Call    CallID
	BegunAt time.Time
	EndedAt time.Time // zero: under way, or nobody wrote its end down
	Code    Code      // why it failed; empty: it did not, or not yet
	Charge  Credits
	Usage   Usage
}

// CallInterrupted is the code of a call that nobody heard the end of: the step
// was begun again by another call. The trail tells what it was charged.
const CallInterrupted Code = "interrupted"

// RunFilter chooses runs. What is zero does not choose.
type RunFilter struct {
	User   UserID
	Agent  AgentID
	States []RunStatus
	Start  StartKind
	Text   string    // in the agent's name, in any case, or the run's id
	Since  time.Time // of its beginning, included
	Until  time.Time // of its beginning, not included
	After  Place     // of the last one of the page before
	Limit  int
}

// RunSummary is a run in a list: without its contents.
type RunSummary struct {
	Run
	Charge Credits
}
