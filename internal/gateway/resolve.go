package gateway

import (
	"context"

	"github.com/sallyport-ai/sallyport/internal/llm"
)

// resolve finds the model that is meant and whether the organisation may use it.
func (g *Gateway) resolve(next Handler) Handler {
	return func(ctx context.Context, call *Call, out llm.Sink) error {
		model, err := g.parts.Models.Model(ctx, call.Principal.Org, call.Requested)
		if err != nil {
			return err
		}
		call.Model = model
		return next(ctx, call, out)
	}
}
