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

// notFound answers for paths that are neither a route nor a page, and methods
// that a route has not.
func notFound(w http.ResponseWriter) {
	_ = writeJSON(w, http.StatusNotFound, struct { // fails only when the client has left
		Error   string `json:"error"`
		Message string `json:"message"`
	}{"Not found", "there is no such route; GET /openapi.json describes our own"})
}
