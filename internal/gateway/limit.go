package gateway

import (
	"context"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/credit"
	"github.com/sallyport-ai/sallyport/internal/limit"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Limiter counts what callers do; *limit.Limiter does it for one process,
// *limit.Redis for several.
type Limiter interface {
	// Take takes one request and so many tokens from every bucket or from none,
	// and no places. States are those after it, also when it is refused:
	// RateLimited, or LimitsUnavailable when nobody can tell.
	Take(ctx context.Context, buckets []limit.Bucket, tokens int64) ([]sallyport.LimitState, error)
	// Begin is Take with places among the calls under way. When it succeeds end
	// must be called once, with the tokens to give back, on a context that lives; it
	// bounds by itself how long it takes.
	Begin(ctx context.Context, buckets []limit.Bucket, tokens int64) (states []sallyport.LimitState, end func(ctx context.Context, back int64), err error)
	// Look tells how the buckets stand, and takes nothing.
	Look(ctx context.Context, buckets []limit.Bucket) ([]sallyport.LimitState, error)
}

var (
	_ Limiter = (*limit.Limiter)(nil)
	_ Limiter = (*limit.Redis)(nil)
)

// limit takes one request, a place and the call's probable tokens from every
// bucket that binds it, and gives back the place and the tokens it did not use,
// also when the client has left. Tokens are estimated here, not bounded: a bound
// by bytes would refuse for ever what a small limit could well serve.
func (g *Gateway) limit(next Handler) Handler {
	return func(ctx context.Context, call *Call, out llm.Sink) (err error) {
		buckets, err := g.parts.Policies.Limits(ctx, call.Principal)
		if err != nil {
			return err
		}
		ofModel, err := g.parts.Policies.ModelLimits(ctx, call.Principal.Org, call.Model.ID)
		if err != nil {
			return err
		}
		buckets = append(buckets, ofModel...)
		call.bound = g.bound(call, call.Model)
		expected := credit.Estimate(call.Request, call.Model, call.BytesIn, 0)
		if call.Request.Operation != llm.Transcribe { // whose bound is by bytes too
			expected.Output = call.bound.Output
		}
		states, end, err := g.parts.Limiter.Begin(ctx, buckets, expected.Total())
		call.Limits = states
		if err != nil {
			return err
		}
		defer func() { // a place that a panic kept would be lost for ever
			end(context.WithoutCancel(ctx), expected.Total()-g.usedTokens(call, err))
		}()
		return next(ctx, call, out)
	}
}

// bound is the most that the call can use when that model serves it.
func (g *Gateway) bound(call *Call, m sallyport.Model) sallyport.Usage {
	return credit.Bound(call.Request, m, max(call.BytesIn, call.changed), g.parts.HoldOutput)
}

func (g *Gateway) usedTokens(call *Call, err error) int64 {
	usage, _ := g.used(call, err)
	return usage.Total()
}
