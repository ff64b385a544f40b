package server

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/agent"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// startRun answers POST /v1/agents/runs.
func (s *Server) startRun(w http.ResponseWriter, r *request) error {
	body, err := decodeRunBody(r.body)
	if err != nil {
		return s.refuse(r, err)
	}
	if body.agent == "" {
		return s.refuse(r, sallyport.NewError(sallyport.InvalidBody, "agentId is missing"))
	}
	body.input = "" // this route takes them by name
	return s.start(w, r, body, func(run sallyport.Run) (any, error) {
		return struct {
			RunID sallyport.RunID `json:"runId"`
		}{run.ID}, nil
	})
}

// startRunWithText answers POST /v1/agents/{agent}/run.
func (s *Server) startRunWithText(w http.ResponseWriter, r *request) error {
	body, err := decodeRunBody(r.body)
	if err != nil {
		return s.refuse(r, err)
	}
	body.agent = sallyport.AgentID(r.PathValue("agent"))
	return s.start(w, r, body, func(run sallyport.Run) (any, error) {
		return struct {
			RunID   sallyport.RunID     `json:"runId"`
			AgentID sallyport.AgentID   `json:"agentId"`
			Status  sallyport.RunStatus `json:"status"`
		}{run.ID, run.Agent, run.Status}, nil
	})
}

// start starts the run that was asked for and answers.
func (s *Server) start(w http.ResponseWriter, r *request, asked runBody, answer func(sallyport.Run) (any, error)) error {
	order := agent.Order{Agent: asked.agent, Text: asked.input, Inputs: asked.inputs}
	body, once, err := s.beginRun(r, flatSurface, order, s.beginOf, answer)
	if err != nil {
		return err
	}
	if once.replayed() {
		return once.writeReplay(w)
	}
	r.tellLimits(w.Header())
	r.begun = true
	return writeJSON(w, http.StatusOK, json.RawMessage(body))
}

// beginOf begins a run of the agent that the order names.
func (s *Server) beginOf(ctx context.Context, p sallyport.Principal, o agent.Order) (sallyport.Run, error) {
	run, err := s.parts.Agents.Begin(ctx, p, o)
	return run, agentNotFound(err)
}

// beginner begins a run in some way.
type beginner func(context.Context, sallyport.Principal, agent.Order) (sallyport.Run, error)

// beginRun takes the request from the limits, begins a run and returns the JSON to
// answer, which is the first one's when the request repeats another. The run's
// row, its record and the answer that is kept for an Idempotency-Key are one
// transaction; a refused start is recorded here.
func (s *Server) beginRun(r *request, sur surface, order agent.Order, begin beginner, answer func(sallyport.Run) (any, error)) (body []byte, once *once, err error) {
	if err := s.takeRequest(r); err != nil {
		return nil, nil, s.refuse(r, err)
	}
	if once, err = s.once(r, sur); err != nil {
		return nil, nil, s.refuse(r, err)
	}
	if once != nil {
		replayed, err := once.Claim(r.Context())
		if err != nil {
			return nil, nil, s.refuse(r, err)
		}
		if replayed {
			s.parts.Gateway.Answered(r.Context(), r.call)
			return once.replay.body, once, nil
		}
		defer once.free() // a bug must not keep the key
	}
	ctx := withCall(r.Context(), &r.call.Call)
	order.End = func(run sallyport.Run) (*sallyport.FirstRequest, error) {
		told, err := answer(run)
		if err != nil {
			return nil, err
		}
		if body, err = json.Marshal(told); err != nil {
			return nil, err
		}
		return once.begun(ctx, body), nil
	}
	if _, err = begin(ctx, r.principal, order); err != nil {
		err = s.refuse(r, err)
	}
	once.done(err)
	if err != nil {
		return nil, nil, err
	}
	s.parts.Gateway.Answered(r.Context(), r.call)
	return body, once, nil
}

// takeRequest counts a call that asks no model itself.
func (s *Server) takeRequest(r *request) error {
	buckets, err := s.parts.Policies.Limits(r.Context(), r.principal)
	if err != nil {
		return err
	}
	r.call.Limits, err = s.parts.Limiter.Take(r.Context(), buckets, 0)
	return err
}

type runBody struct {
	agent  sallyport.AgentID
	input  string
	inputs map[string]string
}

// decodeRunBody reads {"agentId", "input", "inputs": [{"name", "value"}]}; every
// member may be absent, others are ignored.
func decodeRunBody(raw []byte) (runBody, error) {
	doc, err := llm.Parse(raw)
	if err != nil {
		return runBody{}, sallyport.WrapError(sallyport.InvalidBody, "the body is not valid JSON: "+err.Error(), err)
	}
	root := doc.Root()
	if root.Kind() != llm.Object {
		return runBody{}, invalidField("the body", "an object")
	}
	if twin := root.CaseTwin("agentId", "input", "inputs"); twin != "" {
		return runBody{}, sallyport.NewError(sallyport.InvalidBody, "a member differs from "+twin+" in case only")
	}
	var b runBody
	agentID, input := root.Get("agentId"), root.Get("input")
	if !agentID.IsNull() && agentID.Kind() != llm.String {
		return runBody{}, invalidField("agentId", "a string")
	}
	if !input.IsNull() && input.Kind() != llm.String {
		return runBody{}, invalidField("input", "a string")
	}
	b.agent, b.input = sallyport.AgentID(agentID.Text()), input.Text()
	b.inputs, err = decodeInputs(root.Get("inputs"))
	return b, err
}

func decodeInputs(list llm.Value) (map[string]string, error) {
	inputs := make(map[string]string)
	if list.IsNull() {
		return inputs, nil
	}
	if list.Kind() != llm.Array {
		return nil, invalidField("inputs", "an array of {name, value}")
	}
	var err error
	list.Items(func(_ int, item llm.Value) bool {
		name, value := item.Get("name"), item.Get("value")
		if name.Kind() != llm.String || value.Kind() != llm.String {
			err = invalidField("inputs", "an array of {name, value} with strings for both")
			return false
		}
		inputs[name.Text()] = value.Text()
		return true
	})
	return inputs, err
}

func invalidField(name, want string) error {
	return sallyport.NewError(sallyport.InvalidBody, name+" must be "+want)
}

type runAnswer struct {
	RunID          sallyport.RunID     `json:"runId"`
	AgentID        *sallyport.AgentID  `json:"agentId"`
	ConversationID string              `json:"conversationId"`
	CreatedAtUTC   string              `json:"createdAtUtc"`
	EndedAtUTC     *string             `json:"endedAtUtc"`
	Result         *string             `json:"result"`
	Status         sallyport.RunStatus `json:"status"`
}

// getRun answers GET /v1/runs/{run}, and the same below the run's agent.
func (s *Server) getRun(r *request) (any, error) {
	run, err := s.parts.Agents.See(r.Context(), r.principal, sallyport.RunID(r.PathValue("run")))
	if err != nil {
		return nil, runNotFound(err)
	}
	if below := r.PathValue("agent"); below != "" && below != string(run.Agent) {
		return nil, runNotFound(sallyport.NewError(sallyport.NotFound, ""))
	}
	result, err := s.parts.Agents.Result(r.Context(), run)
	if err != nil {
		return nil, err
	}
	answer := runAnswer{
		RunID: run.ID, ConversationID: run.Conversation,
		CreatedAtUTC: isoTime(run.CreatedAt), Status: run.Status,
	}
	if result != "" {
		answer.Result = &result
	}
	if !run.AgentDeleted {
		answer.AgentID = &run.Agent
	}
	if !run.EndedAt.IsZero() {
		at := isoTime(run.EndedAt)
		answer.EndedAtUTC = &at
	}
	return answer, nil
}

func runNotFound(err error) error {
	if sallyport.CodeOf(err) == sallyport.NotFound {
		return sallyport.NewError(sallyport.NotFound, "Run not found")
	}
	return err
}
