package server

// Patterns lists every route of the mux, those of the control plane too.
func (s *Server) Patterns() []string { return s.routes().patterns }

// Crowd leaves no more room for bodies than so many bytes. It returns what gives the
// rest back.
func (s *Server) Crowd(left int64) (clear func()) {
	took := s.room.left.Load() - left
	s.room.left.Add(-took)
	return func() { s.room.left.Add(took) }
}

// RoomMax is the room of a server without calls.
const RoomMax = roomMax

// Room is what is left of it.
func (s *Server) Room() int64 { return s.room.left.Load() }
