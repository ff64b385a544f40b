package server

import (
	"io"
	"net/http"
)

// healthz says that the process runs.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "ok\n") // fails only when the client has left
}

// readyz says whether calls should be sent here: not while the server drains,
// nor when it could not record them.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	switch {
	case s.draining.Load():
		http.Error(w, "draining", http.StatusServiceUnavailable)
	case s.parts.Journal.Healthy() != nil:
		http.Error(w, "the audit trail cannot be written", http.StatusServiceUnavailable)
	default:
		_, _ = io.WriteString(w, "ready\n") // fails only when the client has left
	}
}

const home = `Sallyport is running.

  POST /v1/chat/completions   a model's answer
  GET  /v1/models             the models you may use
  GET  /v1/agents/list        your agents
  GET  /openapi.json          our own API, described
  GET  /healthz, /readyz      probes

Every /v1 route wants an API key: Authorization: Bearer KEY, or x-api-key: KEY.
`

// home tells a person who opened the address in a browser what this is.
func (s *Server) home(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, home) // fails only when the client has left
}

// notFound answers for paths that are no route, and methods that a route has not.
func (s *Server) notFound(w http.ResponseWriter, _ *http.Request) {
	_ = writeJSON(w, http.StatusNotFound, struct { // fails only when the client has left
		Error   string `json:"error"`
		Message string `json:"message"`
	}{"Not found", "there is no such route; GET / lists them"})
}
