package server

// Patterns lists every route of the mux, those of the control plane too.
func (s *Server) Patterns() []string { return s.routes().patterns }

// Room is what room for bodies is left once all requests have ended: a client may have
// its answer a moment before what it took is given back.
func (s *Server) Room() int64 {
	s.underWay.Wait()
	return s.room.left.Load()
}

// RoomMax is the room of a server without calls.
const RoomMax = roomMax

// Crowd leaves no more room than so many bytes. It returns what gives the rest back.
func (s *Server) Crowd(left int64) (clear func()) {
	took := s.Room() - left
	s.room.left.Add(-took)
	return func() { s.room.left.Add(took) }
}
