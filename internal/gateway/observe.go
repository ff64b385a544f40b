package gateway

import (
	"context"

	"github.com/sallyport-ai/sallyport"
)

// Observer is told of calls, for metrics, traces and the log. It learns facts of
// the call and never its content. It can neither fail a call nor hold it up.
// All methods are safe for concurrent use; *telemetry.Telemetry is the real one.
type Observer interface {
	// Begin is called before the first stage of a call to a model. The context
	// that it returns goes with the call; it may name a trace.
	Begin(ctx context.Context, call *sallyport.Call) context.Context
	// Attempt is called before a provider is asked, done when it has answered or failed.
	Attempt(ctx context.Context, call *sallyport.Call) (_ context.Context, done func(sallyport.Attempt))
	// End is called once for a call, begun or not, after its last record. status
	// is what the client saw.
	End(ctx context.Context, call *sallyport.Call, status int, err error)
}

// Answered tells the observer of a call that needed no model and was answered.
func (g *Gateway) Answered(ctx context.Context, call *Call) { g.ended(ctx, call, nil) }

func (g *Gateway) ended(ctx context.Context, call *Call, err error) {
	status := g.parts.Status(nil)
	if !call.begun {
		status = g.parts.Status(err)
	}
	g.parts.Observer.End(ctx, &call.Call, status, err)
}

// unobserved is the Observer of a gateway that was given none.
type unobserved struct{}

func (unobserved) Begin(ctx context.Context, _ *sallyport.Call) context.Context { return ctx }

func (unobserved) Attempt(ctx context.Context, _ *sallyport.Call) (context.Context, func(sallyport.Attempt)) {
	return ctx, func(sallyport.Attempt) {}
}

func (unobserved) End(context.Context, *sallyport.Call, int, error) {}

var _ Observer = unobserved{}
