package server

import (
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// responsesDialect is POST /v1/responses.
var responsesDialect = clientDialect{
	surface: responsesSurface,
	decode:  responses.Decode,
	encoder: func(req *llm.Request, created time.Time) encoder { return responses.NewEncoder(req, created) },
	headers: []string{"Openai-Beta"},
	ready:   (*Server).readyResponse,
}

// readyResponse refuses what asks for state that is not kept, and agents.
func (s *Server) readyResponse(r *request, asked *llm.Request) error {
	if id, is := strings.CutPrefix(asked.Model, agentModelPrefix); is {
		return s.agentAsModel(r, id)
	}
	root := asked.Body.Root()
	switch {
	case !root.Get("conversation").IsNull():
		return sallyport.NewError(sallyport.UnsupportedField, "conversation: this field is not supported.")
	case !root.Get("previous_response_id").IsNull():
		return sallyport.NewError(sallyport.PreviousNotFound, "There is no stored response of that id.")
	case root.Get("store").Kind() == llm.True:
		return sallyport.NewError(sallyport.UnsupportedField, "store: responses are not stored; leave it out or send false.")
	}
	return nil
}

// agentAsModel says why an agent cannot answer: it is not there for the caller,
// or the request is one that agents do not take.
func (s *Server) agentAsModel(r *request, id string) error {
	id, _, pinned := strings.Cut(id, "@")
	if _, err := s.parts.Agents.Get(r.Context(), r.principal, sallyport.AgentID(id)); err != nil {
		if code := sallyport.CodeOf(err); code != sallyport.NotFound && code != sallyport.Forbidden {
			return err
		}
		return sallyport.NewError(sallyport.ModelNotFound, "There is no such agent, or you may not see it.")
	}
	if pinned {
		return sallyport.NewError(sallyport.AgentVersion, "model: an agent cannot be asked for by its version.")
	}
	return sallyport.NewError(sallyport.UnsupportedField,
		"model: agents do not answer here yet; start a run with POST /v1/agents/runs.")
}
