package server

import (
	"context"

	"github.com/sallyport-ai/sallyport"
)

type callKey struct{}

// withCall lets the records of changes name the request that made them: the ids
// for logs and traces are all that a context carries here.
func withCall(ctx context.Context, call *sallyport.Call) context.Context {
	return context.WithValue(ctx, callKey{}, call)
}

// CallOf returns the call that a change is made by, or nil outside of a request.
func CallOf(ctx context.Context) *sallyport.Call {
	call, _ := ctx.Value(callKey{}).(*sallyport.Call)
	return call
}
