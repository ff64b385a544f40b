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
	if out.once, err = s.once(r, chatSurface); err != nil {
		return s.refuse(r, err)
	}
	if out.once != nil {
		out.once.render = out.render
		defer out.once.free() // a bug must not keep the key
	}
	err = s.parts.Gateway.Do(r.Context(), r.call, out.push)
	out.once.done(err)
	if err != nil {
		out.fail(err)
		return err
	}
	if out.once != nil && out.once.replay != nil {
		return out.once.writeReplay(w)
	}
	return nil
}
