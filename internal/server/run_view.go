package server

import (
	"context"
	"encoding/json"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/agent"
)

// RunView is a run without its contents. Its name is for others to see, or descriptions would leave out its members where it is embedded.
type RunView struct {
	ID           sallyport.RunID     `json:"id"`
	Agent        runAgentView        `json:"agent"`
	State        sallyport.RunStatus `json:"state" enum:"in_progress,success,failure,cancelled"`
	Start        sallyport.StartKind `json:"start" enum:"api,terminal,chat,command_line" doc:"What began it"`
	User         memberName          `json:"user" doc:"Who started it"`
	Conversation string              `json:"conversation"`
	CreatedAt    time.Time           `json:"created_at"`
	EndedAt      *time.Time          `json:"ended_at"`
	Credits      string              `json:"credits" doc:"What its calls cost so far, a decimal number in text"`
}

type runAgentView struct {
	ID      sallyport.AgentID `json:"id"`
	Name    string            `json:"name"`
	Deleted bool              `json:"deleted"`
}

type runWhole struct {
	RunView
	Inputs map[string]string `json:"inputs"`
	Text   string            `json:"text,omitempty" doc:"The message to an agent without inputs"`
	Steps  []stepView        `json:"steps"`
	Result string            `json:"result,omitempty" doc:"Of a run that succeeded: the text of its last step"`
	Error  *runErrorView     `json:"error,omitempty" doc:"Why it failed or was cut off"`
}

type runErrorView struct {
	Code    sallyport.Code `json:"code"`
	Message string         `json:"message"`
}

type stepView struct {
	Index     int             `json:"index"`
	Name      string          `json:"name"`
	Model     string          `json:"model"`
	State     agent.StepState `json:"state" enum:"pending,in_progress,success,failure,cancelled,skipped"`
	BegunAt   *time.Time      `json:"begun_at"`
	EndedAt   *time.Time      `json:"ended_at"`
	Credits   string          `json:"credits"`
	System    string          `json:"system,omitempty" doc:"What the model is asked: the system prompt"`
	Prompt    string          `json:"prompt,omitempty" doc:"And the prompt, each cut after 131,072 bytes"`
	PromptCut bool            `json:"prompt_cut,omitempty" doc:"There is more of it"`
	Output    string          `json:"output,omitempty"`
	Attempts  []attemptView   `json:"attempts" doc:"The calls that the step made"`
}

type attemptView struct {
	N       int              `json:"n" doc:"Its number in the run"`
	Call    sallyport.CallID `json:"call" doc:"Finds its records in the trail"`
	BegunAt time.Time        `json:"begun_at"`
	EndedAt *time.Time       `json:"ended_at"`
	Code    sallyport.Code   `json:"code,omitempty" doc:"Why it failed"`
	Credits string           `json:"credits"`
}

func viewRun(r sallyport.Run, names map[sallyport.UserID]string) RunView {
	return RunView{
		ID: r.ID, Agent: runAgentView{r.Agent, r.AgentName, r.AgentDeleted}, State: r.Status, Start: r.Start,
		User: memberName{r.User, names[r.User]}, Conversation: r.Conversation,
		CreatedAt: r.CreatedAt.UTC(), EndedAt: timeOrNil(r.EndedAt), Credits: sallyport.Credits(0).String(),
	}
}

func viewRunSummary(r sallyport.RunSummary, names map[sallyport.UserID]string) RunView {
	view := viewRun(r.Run, names)
	view.Credits = r.Charge.String()
	return view
}

func viewProgress(p *agent.Progress, names map[sallyport.UserID]string) runWhole {
	whole := runWhole{RunView: viewRun(p.Run, names), Inputs: p.Inputs, Text: p.Text, Steps: []stepView{}, Result: p.Result}
	whole.Credits = p.Charge.String()
	if p.Failure != nil {
		whole.Error = &runErrorView{p.Failure.Code, p.Failure.Message}
	}
	for _, step := range p.Steps {
		whole.Steps = append(whole.Steps, viewStep(step))
	}
	return whole
}

func viewStep(s agent.StepProgress) stepView {
	view := stepView{
		Index: s.Index, Name: s.Name, Model: s.Model, State: s.State,
		BegunAt: timeOrNil(s.BegunAt), EndedAt: timeOrNil(s.EndedAt), Credits: s.Charge.String(),
		System: s.System, Prompt: s.Prompt, PromptCut: len(s.System)+len(s.Prompt) < s.PromptBytes,
		Output: s.Output, Attempts: []attemptView{},
	}
	for _, c := range s.Calls {
		view.Attempts = append(view.Attempts, attemptView{c.N, c.Call, c.BegunAt.UTC(), timeOrNil(c.EndedAt), c.Code, c.Charge.String()})
	}
	return view
}

// interruptedMax bounds the calls of a run that are looked up in the trail; a run
// is interrupted by crashes of servers only.
const interruptedMax = 20

// addInterrupted looks in the trail for what interrupted calls were charged:
// their run was not told of it.
func (s *Server) addInterrupted(ctx context.Context, p *agent.Progress) error {
	looked := 0
	for i := range p.Steps {
		step := &p.Steps[i]
		for n := range step.Calls {
			call := &step.Calls[n]
			if call.Code != sallyport.CallInterrupted || call.Charge != 0 || looked == interruptedMax {
				continue
			}
			looked++
			charge, err := s.chargeOf(ctx, p.Org, call.Call)
			if err != nil {
				return err
			}
			call.Charge = charge
			step.Charge += charge
			p.Charge += charge
		}
	}
	return nil
}

// recordsOfCall is how many records a call has at most: intent, outcome, and one
// that came late.
const recordsOfCall = 3

func (s *Server) chargeOf(ctx context.Context, org sallyport.OrgID, call sallyport.CallID) (charge sallyport.Credits, err error) {
	records, err := s.parts.Control.FindRecords(ctx, org, sallyport.RecordFilter{Call: call, Limit: recordsOfCall})
	if err != nil {
		return 0, err
	}
	for _, stored := range records {
		var rec sallyport.Record
		if json.Unmarshal(stored.Body, &rec) == nil && rec.Cost != nil {
			charge = max(charge, rec.Cost.Charge)
		}
	}
	return charge, nil
}
