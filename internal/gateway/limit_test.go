package gateway

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/limit"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/policy"
)

// bound are policies that let one call at a time pass, and 100,000 tokens.
type bound struct{}

func (bound) DLP(context.Context, sallyport.OrgID, sallyport.Model) (*dlp.Plan, error) {
	return nil, errors.New("nobody asks")
}

func (bound) ModelLimits(context.Context, sallyport.OrgID, string) ([]limit.Bucket, error) {
	return nil, nil
}

func (bound) Limits(context.Context, sallyport.Principal) ([]limit.Bucket, error) {
	return []limit.Bucket{
		{Org: "o", Scope: "key", ID: "k", Unit: limit.Concurrent, Limit: 1},
		{Org: "o", Scope: "key", ID: "k", Unit: limit.Tokens, Limit: 100_000},
	}, nil
}

func (bound) Caller(context.Context, sallyport.Principal) (access.Caller, error) {
	return access.Caller{}, errors.New("nobody asks")
}

func (bound) DLPFor(context.Context, sallyport.Principal, ...sallyport.Model) (*dlp.Plan, error) {
	return nil, errors.New("nobody asks")
}

func (bound) Audit(context.Context, sallyport.OrgID) (policy.Audit, error) {
	return policy.Audit{}, errors.New("nobody asks")
}

// alive is a limiter that notes in which state it is told of the end.
type alive struct {
	*limit.Limiter
	ends []error
}

func (a *alive) Begin(ctx context.Context, buckets []limit.Bucket, tokens int64) ([]sallyport.LimitState, func(context.Context, int64), error) {
	states, end, err := a.Limiter.Begin(ctx, buckets, tokens)
	return states, func(ctx context.Context, back int64) {
		a.ends = append(a.ends, ctx.Err())
		end(ctx, back)
	}, err
}

// However a call ends, it ends for the limits too, once, and what it did not
// use comes back.
func TestLimitEnds(t *testing.T) {
	for name, road := range map[string]func(leave func()) error{
		"answered": func(func()) error { return nil },
		"refused":  func(func()) error { return sallyport.NewError(sallyport.DLPBlocked, "no") },
		"left":     func(leave func()) error { leave(); return context.Canceled },
		"a bug":    func(func()) error { panic("bug") },
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			l := &alive{Limiter: limit.New(func() time.Time { return now })}
			g := &Gateway{parts: Parts{Policies: bound{}, Limiter: l, HoldOutput: 4096}}
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			under := g.limit(func(context.Context, *Call, llm.Sink) error { return road(leave) })
			func() {
				defer func() { _ = recover() }()
				_ = under(ctx, admitted(t), nil)
			}()
			if len(l.ends) != 1 || l.ends[0] != nil {
				t.Errorf("the limiter was told of the ends %v, want one on a context that lives", l.ends)
			}
			next := admitted(t)
			err := g.limit(func(context.Context, *Call, llm.Sink) error { return nil })(t.Context(), next, nil)
			if err != nil || next.Limits[1].Remaining < 95_000 {
				t.Errorf("the next call: %v, with %+v", err, next.Limits)
			}
		})
	}
}
