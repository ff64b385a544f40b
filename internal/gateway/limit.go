package gateway

import (
	"context"

	"github.com/sallyport-ai/sallyport/internal/credit"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// limit takes one request and the call's probable tokens from every bucket that
// binds it, and gives back the tokens it did not use, also when the client has
// left. Tokens are estimated here, not bounded: a bound by bytes would refuse
// for ever what a small limit could well serve.
func (g *Gateway) limit(next Handler) Handler {
	return func(ctx context.Context, call *Call, out llm.Sink) error {
		buckets, err := g.parts.Policies.Limits(ctx, call.Principal)
		if err != nil {
			return err
		}
		call.bound = credit.Bound(call.Request, call.Model, call.BytesIn, g.parts.HoldOutput)
		expected := credit.Estimate(call.Request, call.Model, call.BytesIn, 0)
		expected.Output = call.bound.Output
		call.Limits, err = g.parts.Limiter.Take(ctx, buckets, expected.Total())
		if err != nil {
			return err
		}
		err = next(ctx, call, out)
		g.parts.Limiter.Return(context.WithoutCancel(ctx), buckets, expected.Total()-g.usedTokens(call, err))
		return err
	}
}

func (g *Gateway) usedTokens(call *Call, err error) int64 {
	usage, _ := g.used(call, err)
	return usage.Total()
}
