package server

import (
	"net/http"

	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
)

// chatCompletions answers POST /v1/chat/completions.
func (s *Server) chatCompletions(w http.ResponseWriter, r *request) error {
	asked, err := chat.Decode(r.body)
	if err != nil {
		return s.refuse(r, err)
	}
	r.call.Request = asked
	r.call.Requested = asked.Model
	r.call.Stream = asked.Stream
	out := newAnswer(w, r, chat.NewEncoder(asked, r.call.StartedAt))
	err = s.parts.Gateway.Do(r.Context(), r.call, out.push)
	if err != nil {
		out.fail(err)
	}
	return err
}
