package gateway

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/credit"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// record writes nothing on the way in. On the way out it makes one entry
// durable: outcome and settlement of an admitted call, or the refusal of any
// other. The end of the answer waits for it: a client that saw the end was
// charged and recorded. A crash before leaves an open intent, which recovery
// closes at the price of its hold.
func (g *Gateway) record(next Handler) Handler {
	return func(ctx context.Context, call *Call, out llm.Sink) error {
		end := heldEnd{call: call, out: out}
		err := outward(ctx, g.survive(next)(ctx, call, end.push))

		after, cancel := detached(ctx)
		defer cancel()
		if rerr := g.close(after, call, end.end, err); rerr != nil {
			return rerr
		}
		call.recorded = true
		if err != nil {
			return err
		}
		return outward(ctx, end.release())
	}
}

// heldEnd passes an answer on and keeps its end: the whole body of a plain
// answer, the last event of a stream.
type heldEnd struct {
	call *Call
	out  llm.Sink
	end  *llm.Event
}

func (h *heldEnd) push(e *llm.Event) error {
	if e.Body != nil {
		h.call.BytesOut += int64(len(e.Body.Raw()))
	}
	if e.Kind == llm.ChunkEvent {
		h.call.begun = true
		return h.out(e)
	}
	held := *e
	h.end = &held
	return nil
}

func (h *heldEnd) release() error {
	if h.end == nil {
		return nil
	}
	return h.out(h.end)
}

// survive makes an error of a panic: a bug must not leave an intent open, with
// its credits held until the next start. What a panic says may quote what
// somebody wrote, so only the runtime's own words are logged.
func (g *Gateway) survive(next Handler) Handler {
	return func(ctx context.Context, call *Call, out llm.Sink) (err error) {
		defer func() {
			if broken := recover(); broken != nil {
				known := sallyport.Panicked(broken)
				g.parts.Log.Error("a call panicked", "call", call.ID, "cause", known.Cause, "stack", string(debug.Stack()))
				err = known
			}
		}()
		return next(ctx, call, out)
	}
}

// outward gives an error of the road the form that leaves it. A client that has
// left is told of only when it is the reason: what was refused stays refused in
// the trail, however fast its client hangs up.
func outward(ctx context.Context, err error) error {
	var known *sallyport.Error
	decided := errors.As(err, &known) && known.Code != sallyport.Internal
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && (!decided || errors.Is(err, ctx.Err())):
		return cutOff(ctx, err)
	case known != nil:
		return known
	}
	return sallyport.WrapError(sallyport.Internal, "internal error", err)
}

// cutOff is the error of a call whose context has ended: the context's own
// reason when it has one that may be told, else the client has left.
func cutOff(ctx context.Context, err error) error {
	var reason *sallyport.Error
	if errors.As(context.Cause(ctx), &reason) {
		told := *reason
		told.Cause = err
		return &told
	}
	return sallyport.WrapError(sallyport.ClientClosed, "the client closed the connection", err)
}

// close makes the last record of the call durable, and with it how a request
// with an Idempotency-Key has ended. Its error is AuditUnavailable.
func (g *Gateway) close(ctx context.Context, call *Call, end *llm.Event, err error) error {
	if call.recorded {
		return nil
	}
	var first *sallyport.FirstRequest
	if call.Once != nil {
		first = call.Once.End(ctx, end, err)
	}
	if !call.Admitted {
		_, werr := g.parts.Journal.Commit(ctx, journal.Entry{
			Org: call.Principal.Org, First: first,
			Record: g.parts.Audit.Refusal(&call.Call, g.parts.Status(err), err),
		})
		return werr
	}
	entry, serr := g.outcome(call, err)
	if serr != nil {
		return sallyport.WrapError(sallyport.AuditUnavailable, "the outcome of the call could not be settled", serr)
	}
	entry.First = first
	return g.parts.Journal.CommitOutcome(ctx, entry)
}

// outcome builds the entry that ends an admitted call.
func (g *Gateway) outcome(call *Call, err error) (journal.Entry, error) {
	usage, estimated := g.used(call, err)
	served := call.served()
	cost, overrun, serr := credit.Settle(served.Price, call.Hold, usage)
	if serr != nil {
		return journal.Entry{}, serr
	}
	for _, try := range call.lost {
		if call.Request.Operation == llm.CountTokens {
			break // nothing was billed
		}
		more, serr := try.price.Cost(try.usage)
		if serr != nil {
			return journal.Entry{}, serr
		}
		usage = usage.Plus(try.usage)
		cost, estimated = cost+more, estimated || try.estimated
		overrun = cost > call.Hold
	}
	call.Usage, call.UsageKnown = usage, !estimated && usage != sallyport.Usage{}
	call.Charge = cost
	status := 200
	if err != nil && !call.begun {
		status = g.parts.Status(err)
	}
	entry := journal.Entry{
		Org: call.Principal.Org,
		Record: g.parts.Audit.Outcome(&call.Call, outcomeOf(err), status, err, sallyport.RecordCost{
			Hold: call.Hold, Charge: cost, Overrun: overrun, Estimated: estimated,
			PriceVersion: served.Price.Version,
		}),
		Close: &journal.Close{
			Call: call.ID, Opened: call.opened, Cost: cost, Usage: usage, Overrun: overrun, Estimated: estimated,
		},
	}
	return entry, call.kept.sealInto(&entry)
}

// used says what the call is charged for: what the provider reported, else
// nothing when it cannot have been billed to us, else an estimate. Some providers
// report at the beginning: of an answer that broke off, that tells the input, and
// the output is estimated.
func (g *Gateway) used(call *Call, err error) (usage sallyport.Usage, estimated bool) {
	switch {
	case call.Request.Operation == llm.CountTokens:
		return sallyport.Usage{}, false
	case call.UsageKnown && (err == nil || call.usageFinal):
		return believed(call)
	case call.UsageKnown:
		usage, _ = believed(call)
		usage.Output = max(usage.Output, credit.Estimate(call.Request, call.served(), call.BytesIn, call.answered).Output)
		return usage, true
	case !call.sent:
		return sallyport.Usage{}, false
	case call.FirstByteAt.IsZero() && unbilled(call.Attempts):
		return sallyport.Usage{}, false
	case call.Request.Operation == llm.Transcribe && call.finished:
		// The bound is what it was where the file's bytes tell that; else it is not known
		// to within a factor of ten, and a provider may bill as much.
		return g.bound(call, call.served()), true
	}
	return credit.Estimate(call.Request, call.served(), call.BytesIn, call.answered), true
}

// believed is what the provider reported. A half of it that it told as what is no
// number of tokens is estimated: it is a mistake, and no gift.
func believed(call *Call) (usage sallyport.Usage, estimated bool) {
	usage = call.Usage
	if !call.inputUntold && !call.outputUntold {
		return usage, false
	}
	probably := credit.Estimate(call.Request, call.served(), call.BytesIn, call.answered)
	if call.inputUntold {
		usage.Input, usage.CachedInput, usage.CacheWrite = probably.Input, 0, 0
	}
	if call.outputUntold {
		usage.Output = probably.Output
	}
	return usage, true
}

// served is who answers, or was tried last; who would have been, before that.
func (c *Call) served() sallyport.Model {
	if c.Served.ID != "" {
		return c.Served
	}
	return c.Model
}

// unbilled says that a provider does not charge for what ended this way before
// its answer began: it was never reached, or it refused, be it without a word.
func unbilled(attempts []sallyport.Attempt) bool {
	if len(attempts) == 0 {
		return false
	}
	last := attempts[len(attempts)-1]
	if last.Status >= http.StatusBadRequest && last.Code == sallyport.UpstreamEmptyBody {
		return true
	}
	switch last.Code {
	case sallyport.UpstreamError, sallyport.UpstreamAuth, sallyport.UpstreamUnreachable, sallyport.UnsupportedField:
		return true
	}
	return false
}

func outcomeOf(err error) string {
	switch sallyport.CodeOf(err) {
	case "":
		return sallyport.OutcomeSuccess
	case sallyport.ClientClosed:
		return sallyport.OutcomeClientLeft
	case sallyport.DLPBlocked:
		return sallyport.OutcomeBlocked
	}
	return sallyport.OutcomeFailure
}
