package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/agent"
)

// RunChoice chooses runs. It has a name that others see, or its members would not be read from the query.
type RunChoice struct {
	State string            `query:"state" doc:"One or more of in_progress, success, failure, cancelled, with commas between them"`
	Agent sallyport.AgentID `query:"agent"`
	User  sallyport.UserID  `query:"user" doc:"Who started it"`
	Start string            `query:"start" enum:"api,terminal,chat,command_line" doc:"What began it"`
	Text  string            `query:"q" maxLength:"200" doc:"In the agent's name, in any case, or the run's id"`
	Since time.Time         `query:"since" doc:"Of its beginning, included"`
	Until time.Time         `query:"until" doc:"Of its beginning, not included"`
}

type runQuery struct {
	RunChoice
	Cursor string `query:"cursor" doc:"next of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

// runStates are all states of a run.
var runStates = []sallyport.RunStatus{sallyport.RunInProgress, sallyport.RunSuccess, sallyport.RunFailure, sallyport.RunCancelled}

func (c *RunChoice) filter() (sallyport.RunFilter, error) {
	f := sallyport.RunFilter{
		Agent: c.Agent, User: c.User, Start: sallyport.StartKind(c.Start), Text: c.Text, Since: c.Since, Until: c.Until,
	}
	for name := range strings.SplitSeq(c.State, ",") {
		state := sallyport.RunStatus(name)
		switch {
		case name == "":
		case !slices.Contains(runStates, state):
			return f, sallyport.NewError(sallyport.InvalidBody, "state must be in_progress, success, failure or cancelled, or several with commas")
		case !slices.Contains(f.States, state):
			f.States = append(f.States, state)
		}
	}
	return f, nil
}

type runPage struct {
	Runs []RunView `json:"runs"`
	Next string    `json:"next,omitempty" doc:"Cursor of the next page; absent on the last"`
}

type runPath struct {
	ID sallyport.RunID `path:"id"`
}

type runRequest struct {
	ID      sallyport.AgentID `path:"id"`
	Key     string            `header:"Idempotency-Key" doc:"A repeat with the same key starts no other run"`
	RawBody []byte
	Body    struct {
		Inputs map[string]string `json:"inputs,omitempty" doc:"By name, letter for letter"`
		Text   string            `json:"text,omitempty" doc:"A single text, for an agent with one input or none"`
	}
}

type rerunRequest struct {
	ID  sallyport.RunID `path:"id"`
	Key string          `header:"Idempotency-Key" doc:"A repeat with the same key starts no other run"`
}

type startedRun struct {
	Status   int
	Replayed string `header:"Idempotent-Replayed"`
	Body     RunView
}

// controlRuns starts runs, shows and cancels them. People see their own runs,
// administrators all.
func (s *Server) controlRuns(api huma.API) {
	start := operation("startRun", "runs.start", http.MethodPost, "/agents/{id}/runs", "Start a run of an agent")
	start.DefaultStatus = http.StatusAccepted
	huma.Register(api, start, func(ctx context.Context, in *runRequest) (*startedRun, error) {
		return s.startControlled(ctx, in.RawBody, agent.Order{Agent: in.ID, Inputs: in.Body.Inputs, Text: in.Body.Text}, s.beginOf)
	})
	again := operation("rerun", "runs.start", http.MethodPost, "/runs/{id}/rerun", "Start a run with the inputs of an earlier one")
	again.DefaultStatus = http.StatusAccepted
	huma.Register(api, again, func(ctx context.Context, in *rerunRequest) (*startedRun, error) {
		return s.startControlled(ctx, nil, agent.Order{}, func(ctx context.Context, p sallyport.Principal, o agent.Order) (sallyport.Run, error) {
			earlier, err := s.parts.Agents.See(ctx, p, in.ID)
			if err != nil {
				return sallyport.Run{}, runNotFound(err)
			}
			run, err := s.parts.Agents.Again(ctx, p, earlier, o)
			return run, agentNotFound(err)
		})
	})
	huma.Register(api, operation("listRuns", "runs.list", http.MethodGet, "/runs", "List runs, newest first, without their contents"),
		func(ctx context.Context, in *runQuery) (*body[runPage], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (runPage, error) { return s.runPage(ctx, p, in) }))
		})
	s.controlRunExport(api)
	huma.Register(api, operation("getRun", "runs.get", http.MethodGet, "/runs/{id}", "A run with all that happened in it"),
		func(ctx context.Context, in *runPath) (*body[runWhole], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (runWhole, error) { return s.wholeRun(ctx, p, in.ID) }))
		})
	s.controlRunEvents(api)
	huma.Register(api, operation("cancelRun", "runs.cancel", http.MethodPost, "/runs/{id}/cancel", "End a run in progress"),
		func(ctx context.Context, in *runPath) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, runNotFound(s.parts.Agents.Cancel(ctx, p, in.ID))
			})
		})
}

// startControlled starts a run as the control plane answers it. What is refused
// is recorded by beginRun.
func (s *Server) startControlled(ctx context.Context, raw []byte, order agent.Order, begin beginner) (*startedRun, error) {
	q, _ := ctx.Value(requestKey{}).(*request)
	q.body = raw
	var text []byte
	var once *once
	err := s.survive(&q.call.Call, func() error {
		names, err := s.memberNames(ctx, q.principal.Org, q.principal.User)
		if err != nil {
			return s.refuse(q, err)
		}
		text, once, err = s.beginRun(q, flatSurface, order, begin, func(run sallyport.Run) (any, error) { return viewRun(run, names), nil })
		return err
	})
	if errors.Is(err, errBug) {
		err = s.refuse(q, err)
	}
	if err != nil {
		return nil, controlError(err)
	}
	answer := &startedRun{Status: http.StatusAccepted}
	if once.replayed() {
		answer.Replayed = "true"
		if kept := once.replay.Status; kept >= http.StatusBadRequest {
			return nil, refusedBefore(kept, text)
		}
	}
	return answer, json.Unmarshal(text, &answer.Body)
}

// refusedBefore is a refusal as it was kept under an Idempotency-Key.
func refusedBefore(status int, text []byte) error {
	refused := &flatStatusError{status: status, replayed: true}
	if err := json.Unmarshal(text, refused); err != nil {
		return err
	}
	return refused
}

func (s *Server) runPage(ctx context.Context, p sallyport.Principal, in *runQuery) (runPage, error) {
	filter, err := in.filter()
	if err != nil {
		return runPage{}, err
	}
	filter.Limit = in.Limit
	if filter.After, err = placeOf(in.Cursor); err != nil {
		return runPage{}, err
	}
	page := runPage{}
	if page.Runs, err = s.findRuns(ctx, p, filter); err != nil {
		return runPage{}, err
	}
	if n := len(page.Runs); n == in.Limit {
		page.Next = cursorOf(runPlace(page.Runs[n-1]))
	}
	return page, nil
}

// findRuns finds a page of runs.
func (s *Server) findRuns(ctx context.Context, p sallyport.Principal, filter sallyport.RunFilter) ([]RunView, error) {
	found, err := s.parts.Agents.FindRuns(ctx, p, filter)
	if err != nil {
		return nil, err
	}
	names, err := s.memberNames(ctx, p.Org, usersOf(found, func(r sallyport.RunSummary) sallyport.UserID { return r.User })...)
	if err != nil {
		return nil, err
	}
	views := make([]RunView, len(found))
	for i, r := range found {
		views[i] = viewRunSummary(r, names)
	}
	return views, nil
}

func runPlace(r RunView) sallyport.Place {
	return sallyport.Place{At: r.CreatedAt, ID: string(r.ID)}
}

func (s *Server) wholeRun(ctx context.Context, p sallyport.Principal, id sallyport.RunID) (runWhole, error) {
	progress, err := s.parts.Agents.Progress(ctx, p, id)
	if err != nil {
		return runWhole{}, runNotFound(err)
	}
	names, err := s.memberNames(ctx, p.Org, progress.User)
	if err != nil {
		return runWhole{}, err
	}
	err = s.addInterrupted(ctx, &progress)
	return viewProgress(&progress, names), err
}
