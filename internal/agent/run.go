package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// runBegin is what a run begins with, sealed in Run.Begin. Stored runs are read
// by later versions: fields are only ever added.
type runBegin struct {
	Definition sallyport.AgentDefinition `json:"definition"`
	Inputs     map[string]string         `json:"inputs"`
	Text       string                    `json:"text,omitempty"` // the user's message to an agent without inputs
	// Instructions follow the system prompt of every step.
	Instructions string `json:"instructions,omitempty"`
	// Metadata is JSON of whoever began the run, who gets it back.
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

// runEnd is how a run ended, sealed in Run.End. Fields are only ever added.
type runEnd struct {
	Call    sallyport.CallID `json:"call,omitempty"` // that gave the text
	Text    string           `json:"text,omitempty"` // of the last step
	Code    sallyport.Code   `json:"code,omitempty"` // of a failure
	Message string           `json:"message,omitempty"`
}

// runChange is what the trail tells of a run's beginning and end.
type runChange struct {
	Agent  sallyport.AgentID   `json:"agent,omitempty"`
	Status sallyport.RunStatus `json:"status,omitempty"`
}

// The sealed parts of a run. A ciphertext opens only in its own place.
const (
	beginPart = "begin"
	endPart   = "end"
)

func stepPart(index int) string { return "step/" + strconv.Itoa(index) }

func binding(run sallyport.RunID, part string) []byte {
	return []byte("run/" + string(run) + "/" + part)
}

func (a *Agents) seal(ctx context.Context, run sallyport.Run, part string, content any) ([]byte, error) {
	plain, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("write %s of run %s: %w", part, run.ID, err)
	}
	return a.sealer.Seal(ctx, run.Org, secret.Content, plain, binding(run.ID, part))
}

func (a *Agents) unseal(ctx context.Context, run sallyport.Run, part string, sealed []byte, into any) error {
	plain, err := a.sealer.Unseal(ctx, run.Org, secret.Content, sealed, binding(run.ID, part))
	if err != nil {
		return fmt.Errorf("open %s of run %s: %w", part, run.ID, err)
	}
	if err := json.Unmarshal(plain, into); err != nil {
		return fmt.Errorf("read %s of run %s: %w", part, run.ID, err)
	}
	return nil
}

// Run returns a run of the organisation, or sallyport.NotFound.
func (a *Agents) Run(ctx context.Context, org sallyport.OrgID, id sallyport.RunID) (sallyport.Run, error) {
	return a.store.Run(ctx, org, id)
}

// See returns a run that the principal may see: its own, and an administrator
// sees all. Any other is sallyport.NotFound, as if it did not exist.
func (a *Agents) See(ctx context.Context, p sallyport.Principal, id sallyport.RunID) (sallyport.Run, error) {
	return a.runFor(ctx, p, id, "runs.get")
}

// runFor returns a run to which the principal may do the action.
func (a *Agents) runFor(ctx context.Context, p sallyport.Principal, id sallyport.RunID, action string) (sallyport.Run, error) {
	run, err := a.store.Run(ctx, p.Org, id)
	if err == nil {
		err = hidden(a.allowed(ctx, p, action, runResource(run)), "run")
	}
	if err != nil {
		return sallyport.Run{}, err
	}
	return run, nil
}

// FindRuns lists those runs that f chooses of the ones that the principal may see.
func (a *Agents) FindRuns(ctx context.Context, p sallyport.Principal, f sallyport.RunFilter) ([]sallyport.RunSummary, error) {
	own, err := a.viewer(ctx, p, "runs.get")
	if err != nil {
		return nil, err
	}
	if own != "" {
		if f.User != "" && f.User != own {
			return nil, nil
		}
		f.User = own
	}
	return a.store.FindRuns(ctx, p.Org, f)
}

// resultMessage is the last message of a run as clients read it: the text
// stands in the parts of type "text".
type resultMessage struct {
	ID       sallyport.CallID `json:"id"`
	Role     string           `json:"role"`
	Parts    []resultPart     `json:"parts"`
	Metadata struct{}         `json:"metadata"`
}

type resultPart struct {
	Type  string `json:"type"`
	Text  string `json:"text,omitempty"`
	State string `json:"state,omitempty"`
}

// Result returns the JSON of the last message of a run that succeeded. It is ""
// for any other run and for one whose last answer had no text: clients see null.
func (a *Agents) Result(ctx context.Context, run sallyport.Run) (string, error) {
	end, err := a.end(ctx, run)
	if err != nil || run.Status != sallyport.RunSuccess || end.Text == "" {
		return "", err
	}
	text, err := json.Marshal(resultMessage{
		ID: end.Call, Role: "assistant",
		Parts: []resultPart{{Type: "step-start"}, {Type: "text", Text: end.Text, State: "done"}},
	})
	return string(text), err
}

// Failure says why a run failed; nil for any other run.
func (a *Agents) Failure(ctx context.Context, run sallyport.Run) (*sallyport.Error, error) {
	end, err := a.end(ctx, run)
	if err != nil || run.Status != sallyport.RunFailure {
		return nil, err
	}
	return sallyport.NewError(end.Code, end.Message), nil
}

func (a *Agents) end(ctx context.Context, run sallyport.Run) (end runEnd, err error) {
	if len(run.End) > 0 {
		err = a.unseal(ctx, run, endPart, run.End, &end)
	}
	return end, err
}
