package server

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/agent"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Agents as models: a request for a response begins a run, as POST
// /v1/agents/{agent}/run does, and the response is a view of that run. Whoever may
// see the run may read the response.

// runResponsePrefix and a run's id are the id of the response that the run is.
const runResponsePrefix = "resp_run_"

// responseRun is the run that a response is.
func responseRun(id string) (run sallyport.RunID, is bool) {
	rest, is := strings.CutPrefix(id, runResponsePrefix)
	return sallyport.RunID(rest), is
}

// askAgent answers POST /v1/responses where the model is an agent: at once, while
// the run is in progress, or with its events.
func (s *Server) askAgent(w http.ResponseWriter, r *request, asked *llm.Request, id string) error {
	r.call.Action = "runs.start" // as the trail calls it, whatever the road
	order, task, err := s.taskOf(r, asked, id)
	if err != nil {
		return s.refuse(r, err)
	}
	body, once, err := s.beginRun(r, responsesSurface, order, s.beginOf, func(run sallyport.Run) (any, error) {
		p := agent.Progress{Run: run, Text: task.Text, Instructions: order.Instructions, Metadata: order.Metadata}
		text, _, err := runResponse(&p)
		return json.RawMessage(text), err
	})
	switch {
	case err != nil:
		return err
	case once.replayed() && (!asked.Stream || once.replay.Status != http.StatusOK):
		return once.writeReplay(w)
	case asked.Stream:
		var begun struct{ ID string }
		if err := json.Unmarshal(body, &begun); err != nil {
			return err
		}
		run, _ := responseRun(begun.ID)
		return s.streamRun(w, r, run)
	}
	r.tellLimits(w.Header())
	r.begun = true
	return writeJSON(w, http.StatusOK, json.RawMessage(body))
}

// taskOf reads what the request asks of an agent. An agent that does not exist and
// one that the caller may not see look the same.
func (s *Server) taskOf(r *request, asked *llm.Request, id string) (order agent.Order, task responses.Task, err error) {
	id, _, pinned := strings.Cut(id, "@")
	detail, err := s.parts.Agents.Get(r.Context(), r.principal, sallyport.AgentID(id))
	switch code := sallyport.CodeOf(err); {
	case code == sallyport.NotFound, code == sallyport.Forbidden:
		return order, task, sallyport.NewError(sallyport.ModelNotFound, "There is no such agent, or you may not see it.")
	case err != nil:
		return order, task, err
	case pinned:
		return order, task, sallyport.NewError(sallyport.AgentVersion, "model: an agent cannot be asked for by its version.")
	}
	if task, err = responses.ReadTask(asked); err != nil {
		return order, task, err
	}
	order = agent.Order{Agent: detail.ID, Instructions: task.Instructions}
	if !task.Metadata.IsNull() {
		if order.Metadata, err = metadataOf(task.Metadata); err != nil {
			return order, task, err
		}
	}
	switch len(detail.Inputs) {
	case 0:
		order.Text = task.Text
	case 1:
		order.Inputs = map[string]string{detail.Inputs[0]: task.Text}
	default:
		return order, task, sallyport.NewError(sallyport.AgentInputs,
			"input: the agent has several inputs; start it with POST /v1/agents/runs, which takes them by name.")
	}
	return order, task, nil
}

// agentElsewhere refuses an agent as the model of a route that has no agents. It
// tells nothing of whether there is one.
func agentElsewhere() error {
	return sallyport.NewError(sallyport.ModelNotFound, "model: agents answer at POST /v1/responses alone.")
}

// agentAnswer is a run as an answer that says nothing yet.
func agentAnswer(p *agent.Progress) (*responses.AgentAnswer, error) {
	return responses.NewAgentAnswer(responses.Asked{
		ID: runResponsePrefix + string(p.ID), Model: agentModelPrefix + string(p.Agent), At: p.CreatedAt,
		Text: runInput(p), Instructions: p.Instructions, Metadata: p.Metadata,
	})
}

// runInput is the text that the run was begun with. A run that was begun elsewhere
// may have several, by names.
func runInput(p *agent.Progress) string {
	switch len(p.Inputs) {
	case 0:
		return p.Text
	case 1:
		for _, value := range p.Inputs {
			return value
		}
	}
	named, _ := json.Marshal(p.Inputs) // texts have a JSON
	return string(named)
}

// runState is how the run stands, in the words of responses.
func runState(p *agent.Progress) responses.State {
	state := responses.State{Status: string(p.Status)}
	if p.Status != sallyport.RunInProgress {
		used := llm.Usage(p.Usage)
		state.Usage = &used
	}
	switch p.Status {
	case sallyport.RunSuccess:
		state.Status = "completed"
	case sallyport.RunFailure:
		state.Status, state.Failure = "failed", cmp.Or(p.Failure, sallyport.NewError(sallyport.Internal, "internal error"))
	}
	return state
}

// runResponse is the response that the run is by now, and what it was asked.
func runResponse(p *agent.Progress) (text []byte, asked string, err error) {
	answer, err := agentAnswer(p)
	if err != nil {
		return nil, "", err
	}
	if p.Result != "" {
		last := p.Steps[len(p.Steps)-1]
		answer.Say(runMessage(p.ID, last, len(last.Calls)), p.Result)
	}
	return answer.Response(runState(p)), runInput(p), nil
}

// runMessage is the id of what the n-th call of a step, counted from 1, says: the
// same whoever asks. Runs of versions that noted no calls say one thing.
func runMessage(run sallyport.RunID, step agent.StepProgress, n int) string {
	id := string(run)
	if n > 0 && n <= len(step.Calls) {
		id = string(step.Calls[n-1].Call)
	}
	return "msg_" + strings.ReplaceAll(id, "-", "")
}

// getRunResponse is GET /v1/responses/{id} for a run: the response, or its events
// from the beginning.
func (s *Server) getRunResponse(r *request, run sallyport.RunID) (any, error) {
	query := r.URL.Query()
	if query.Has("starting_after") {
		return nil, sallyport.NewError(sallyport.UnsupportedField, "starting_after: the events of a run are streamed from the beginning.")
	}
	p, err := s.parts.Agents.Progress(r.Context(), r.principal, run)
	if err != nil {
		return nil, responseNotFound(err)
	}
	if query.Get("stream") == "true" {
		return streams(func(w http.ResponseWriter) error { return s.streamRun(w, r, run) }), nil
	}
	text, _, err := runResponse(&p)
	return json.RawMessage(text), err
}

// runTurn is the run as a turn, of which input items are listed.
func (s *Server) runTurn(r *request, run sallyport.RunID) ([]responses.Turn, error) {
	p, err := s.parts.Agents.Progress(r.Context(), r.principal, run)
	if err != nil {
		return nil, responseNotFound(err)
	}
	_, asked, err := runResponse(&p)
	// The ids of its items are made of the response, which is another when it has ended.
	return []responses.Turn{{Input: llm.Quote(asked), Response: llm.Quote(string(run))}}, err
}

// cancelRun is POST /v1/responses/{id}/cancel for a run. One that has ended stays
// as it is: to cancel twice is no mistake.
func (s *Server) cancelRun(w http.ResponseWriter, r *request, run sallyport.RunID) error {
	r.call.Action = "runs.cancel"
	err := s.parts.Agents.Cancel(withCall(r.Context(), &r.call.Call), r.principal, run)
	if sallyport.CodeOf(err) == sallyport.Conflict {
		record := s.parts.Audit.Read(&r.call.Call, http.StatusOK)
		if err = s.record(r.Context(), r.principal.Org, record); err != nil {
			return err
		}
	}
	if err != nil {
		return s.refuse(r, responseNotFound(err))
	}
	r.begun = true
	p, err := s.parts.Agents.Progress(r.Context(), r.principal, run)
	if err != nil {
		return err
	}
	text, _, err := runResponse(&p)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, json.RawMessage(text))
}

// keptRun is why the response that a run is cannot be deleted.
func (s *Server) keptRun(r *request, run sallyport.RunID) error {
	if _, err := s.parts.Agents.See(r.Context(), r.principal, run); err != nil {
		return responseNotFound(err)
	}
	return sallyport.NewError(sallyport.UnsupportedField, "The run of an agent is kept, and so is the response that it is.")
}

// responseNotFound says of a run that is not there what is said of a response.
func responseNotFound(err error) error {
	if sallyport.CodeOf(err) == sallyport.NotFound {
		return sallyport.NewError(sallyport.NotFound, "There is no such response.")
	}
	return err
}

// streamRun writes the events of a run until it has ended or the reader has left,
// which changes nothing about the run. Its text is that of the last step, as it
// comes.
func (s *Server) streamRun(w http.ResponseWriter, r *request, run sallyport.RunID) error {
	p, err := s.parts.Agents.Progress(r.Context(), r.principal, run)
	if err != nil {
		return err
	}
	answer, err := agentAnswer(&p)
	if err != nil {
		return err
	}
	r.begun = true
	r.tellLimits(w.Header())
	answerHeaders(w.Header(), eventStream, false)
	w.WriteHeader(http.StatusOK)
	events := &sse{w: w}
	events.frame.Write(answer.Begin())
	if events.send() != nil {
		return nil
	}
	err = s.parts.Agents.Follow(r.Context(), r.principal, run, 0, func(e *agent.Event) error {
		if s.draining.Load() {
			return errDraining
		}
		if e != nil {
			events.frame.Write(runFrames(answer, run, e, len(p.Steps)-1))
		}
		return events.send()
	})
	if err == nil || r.Context().Err() != nil || errors.Is(err, errLeft) {
		return nil
	}
	if errors.Is(err, errDraining) {
		err = sallyport.WrapError(sallyport.ServerStopping, "The server is stopping; the run goes on: read it by its id.", err)
	}
	told, _ := outside(err)
	events.frame.Write(answer.Broken(told))
	_ = events.send() // fails only when the client has left
	return err
}

// runFrames are the events of a response that tell of an event of its run.
func runFrames(answer *responses.AgentAnswer, run sallyport.RunID, e *agent.Event, last int) []byte {
	switch {
	case e.Kind == agent.EventRun:
		return answer.End(runState(e.Run))
	case e.Kind == agent.EventText && e.Step.Index == last:
		n := slices.IndexFunc(e.Step.Calls, func(c sallyport.RunCall) bool { return c.N == e.Call })
		return answer.Say(runMessage(run, e.Step, n+1), e.Text)
	}
	return nil
}
