package server

// Patterns lists every route of the mux, those of the control plane too.
func (s *Server) Patterns() []string { return s.routes().patterns }
