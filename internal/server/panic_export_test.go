package server

import (
	"context"
	"net/http"

	"github.com/sallyport-ai/sallyport"
)

// BrokenRoute is a route with a bug, BrokenOperation an operation with one.
func (s *Server) BrokenRoute() http.Handler {
	return s.api(chatSurface, "chat.completions", func(http.ResponseWriter, *request) error { panic("the prompt was CANARY") })
}

func (s *Server) BrokenOperation(ctx context.Context, call *sallyport.Call) error {
	_, err := attempt(s, withCall(ctx, call), func(sallyport.Principal) (int, error) { panic("the key was CANARY") })
	return err
}
