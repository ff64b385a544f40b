package gateway

import (
	"context"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Once lets what a client asks with an Idempotency-Key happen once. The surface
// makes it, for it knows the bytes of the answer; this stage only says when.
type Once interface {
	// Claim makes the call the first one. replayed says that it is a repeat
	// whose answer is kept: it is recorded as that, and the surface answers it.
	// Any other repeat is Conflict.
	Claim(ctx context.Context) (replayed bool, err error)
	// End says how the request is to stand once the call has ended: with the end
	// of its answer, which goes out next, or with the error that the caller is
	// told. It becomes durable with the call's last record, both or neither.
	// Without a claim it is nil.
	End(ctx context.Context, end *llm.Event, err error) *sallyport.FirstRequest
}

// once ends a call that has been made before. It stands behind limit, since a
// repeat is a request as any other and what it claims is a write to the
// database, and before screen and admit, since a repeat has neither content to
// judge nor a price. A crash right after leaves a claim without an effect,
// which the next request takes over.
func (g *Gateway) once(next Handler) Handler {
	return func(ctx context.Context, call *Call, out llm.Sink) error {
		if call.Once == nil {
			return next(ctx, call, out)
		}
		replayed, err := call.Once.Claim(ctx)
		if err != nil {
			return err
		}
		if replayed {
			call.recorded = true
			return nil
		}
		if call.Unready != nil {
			return call.Unready
		}
		return next(ctx, call, out)
	}
}
