package gateway

import (
	"context"
	"errors"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/credit"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/provider"
)

// dispatch sends the call to the provider that serves its model and notes what
// comes back on the way: when, how much, and what it used.
func (g *Gateway) dispatch(Handler) Handler {
	return func(ctx context.Context, call *Call, out llm.Sink) error {
		serves, err := g.parts.Providers.Provider(ctx, call.Principal.Org, call.Model.Provider)
		if err != nil {
			return err
		}
		do := serves.Do
		if call.Request.Operation == llm.CountTokens {
			counter, counts := serves.(provider.TokenCounter)
			if !counts {
				return out(estimated(call))
			}
			do = counter.CountTokens
		}
		call.sent = true
		begun := g.parts.Now()
		ctx, done := g.parts.Observer.Attempt(ctx, &call.Call)
		receipt, err := do(ctx, call.Model.Target, call.Request, func(e *llm.Event) error {
			g.note(call, e)
			return out(e)
		})
		err = upstream(err)
		attempt := sallyport.Attempt{
			Provider: call.Model.Provider, Target: call.Model.Target,
			Status: receipt.Status, UpstreamRequestID: receipt.RequestID,
			Code: attemptCode(ctx, err), MS: g.parts.Now().Sub(begun).Milliseconds(),
		}
		call.Attempts = append(call.Attempts, attempt)
		done(attempt)
		return err
	}
}

// estimated answers a request to count tokens where the provider cannot: from the
// bytes of its text, by the rule of thumb that holds for English.
func estimated(call *Call) *llm.Event {
	tokens := credit.Tokens(call.Request, call.Model, call.BytesIn)
	return &llm.Event{Kind: llm.WholeEvent, Usage: &llm.Usage{Input: tokens}}
}

// note takes from an event what the ledger and the trail want to know.
func (g *Gateway) note(call *Call, e *llm.Event) {
	if call.FirstByteAt.IsZero() {
		call.FirstByteAt = g.parts.Now()
	}
	if e.Kind == llm.WholeEvent || len(e.Finishes) > 0 {
		call.finished = true
	}
	if e.Usage != nil && call.Request.Operation == llm.Generate {
		usage, clamped := credit.Clamp(sallyport.Usage(*e.Usage), call.bound)
		call.Usage, call.UsageKnown, call.usageFinal = usage, true, call.finished
		call.UsageClamped = call.UsageClamped || clamped
	}
	for _, d := range e.Deltas {
		call.answered += int64(len(d.Text.Text()) + len(d.ToolName.Text()))
	}
}

// upstream gives a provider's own refusal a code, and keeps its words as the cause.
func upstream(err error) error {
	var refused *llm.UpstreamError
	if errors.As(err, &refused) {
		return sallyport.WrapError(sallyport.UpstreamError, refused.Error(), refused)
	}
	return err
}

func attemptCode(ctx context.Context, err error) sallyport.Code {
	if err != nil && ctx.Err() != nil {
		return sallyport.CodeOf(cutOff(ctx, err))
	}
	return sallyport.CodeOf(err)
}
