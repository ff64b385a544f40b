package agent

import (
	"context"
	"encoding/json"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// StepState is how far a step of a run is.
type StepState string

// A step is pending until its first call, and skipped when the run ended before it.
const (
	StepPending    StepState = "pending"
	StepInProgress StepState = "in_progress"
	StepSuccess    StepState = "success"
	StepFailure    StepState = "failure"
	StepCancelled  StepState = "cancelled"
	StepSkipped    StepState = "skipped"
)

// PromptShownMax is how much is shown of a prompt, in bytes: a small prompt can
// refer to a large input many times.
const PromptShownMax = 128 << 10

// Progress is a run with its contents: all that happened from its beginning. It
// is for those alone who may see the run.
type Progress struct {
	sallyport.Run
	Inputs       map[string]string
	Text         string          // the user's message to an agent without inputs
	Instructions string          // that followed the system prompt
	Metadata     json.RawMessage // see Order
	Steps        []StepProgress
	Result       string           // of a run that succeeded: the text of its last step
	Failure      *sallyport.Error // why the run failed, or was cut off by the time limit
	Charge       sallyport.Credits
	Usage        sallyport.Usage // of all calls
	calls        []sallyport.RunCall
}

// StepProgress is a step of a run.
type StepProgress struct {
	Index       int
	Name, Model string
	State       StepState
	// System and Prompt are what the model is asked, with all references put in, of
	// each at most PromptShownMax bytes; empty before the step begins. PromptBytes
	// is how long the two are.
	System, Prompt string
	PromptBytes    int
	Output         string
	BegunAt        time.Time // zero: not yet
	EndedAt        time.Time // zero: not yet
	Calls          []sallyport.RunCall
	Charge         sallyport.Credits
}

// Progress opens a run that the principal may see.
func (a *Agents) Progress(ctx context.Context, p sallyport.Principal, id sallyport.RunID) (Progress, error) {
	run, err := a.See(ctx, p, id)
	if err != nil {
		return Progress{}, err
	}
	return a.progress(ctx, run)
}

// progress reads the run's row first and its steps afterwards: when the row says
// that the run has ended, all steps are there.
func (a *Agents) progress(ctx context.Context, run sallyport.Run) (Progress, error) {
	var begin runBegin
	if err := a.unseal(ctx, run, beginPart, run.Begin, &begin); err != nil {
		return Progress{}, err
	}
	end, err := a.end(ctx, run)
	if err != nil {
		return Progress{}, err
	}
	answers, err := a.readAnswers(ctx, run, len(begin.Definition.Steps))
	if err != nil {
		return Progress{}, err
	}
	calls, err := a.store.RunCalls(ctx, run.Org, run.ID)
	if err != nil {
		return Progress{}, err
	}
	p := Progress{
		Run: run, Inputs: begin.Inputs, Text: begin.Text, calls: calls,
		Instructions: begin.Instructions, Metadata: begin.Metadata,
	}
	if run.Status == sallyport.RunSuccess {
		p.Result = end.Text
	}
	if end.Code != "" {
		p.Failure = sallyport.NewError(end.Code, end.Message)
	}
	for _, c := range calls {
		p.Usage = p.Usage.Plus(c.Usage)
	}
	p.addSteps(begin, answers)
	return p, nil
}

func (p *Progress) addSteps(begin runBegin, answers []answer) {
	next := 0 // the first step without an answer
	for next < len(answers) && answers[next].Call != "" {
		next++
	}
	for i, step := range begin.Definition.Steps {
		s := StepProgress{Index: i, Name: step.Name, Model: begin.Definition.ModelOf(i), Output: answers[i].Text}
		for _, c := range p.calls {
			if c.Step == i {
				s.Calls = append(s.Calls, c)
				s.Charge += c.Charge
			}
		}
		s.State = p.stateOf(i-next, len(s.Calls) > 0, answers[i].Call != "")
		if s.asked() {
			s.System, s.Prompt = prompts(begin, i, answers, PromptShownMax)
			s.PromptBytes = promptsSize(begin, i, answers)
		}
		s.times(p.Run, answers[i].endedAt)
		p.Charge += s.Charge
		p.Steps = append(p.Steps, s)
	}
}

// stateOf is the state of a step that comes so many steps after the next one.
func (p *Progress) stateOf(later int, called, answered bool) StepState {
	switch ended := p.Status != sallyport.RunInProgress; {
	case answered:
		return StepSuccess
	case later > 0 && ended, ended && !called && p.Status == sallyport.RunCancelled:
		return StepSkipped
	case later > 0, !ended && !called:
		return StepPending
	case !ended:
		return StepInProgress
	case p.Status == sallyport.RunCancelled:
		return StepCancelled
	}
	return StepFailure
}

// asked says that the step's model was asked, or that it was to be.
func (s *StepProgress) asked() bool {
	return s.State == StepSuccess || s.State == StepInProgress || s.State == StepFailure || len(s.Calls) > 0
}

// times says when the step began and ended. Runs of versions that noted no calls
// have only ends of steps.
func (s *StepProgress) times(run sallyport.Run, answered time.Time) {
	if len(s.Calls) > 0 {
		s.BegunAt = s.Calls[0].BegunAt
	}
	switch s.State {
	case StepSuccess:
		s.EndedAt = answered
	case StepFailure, StepCancelled:
		s.EndedAt = run.EndedAt
	}
}
