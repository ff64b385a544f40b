package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/credit"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/provider"
)

// dispatch sends the call to its candidates, one after the other, until one has
// begun to answer: from then on the answer is that one's, whatever becomes of it.
// It notes what comes back on the way: when, how much, and what it used.
func (g *Gateway) dispatch(Handler) Handler {
	return func(ctx context.Context, call *Call, out llm.Sink) error {
		d := dispatching{g: g, call: call, out: out, until: g.parts.Now().Add(g.parts.Routing.Time)}
		passed, err := d.round(ctx, call.candidates)
		if !d.over && len(passed) > 0 {
			d.insist = true
			_, err = d.round(ctx, passed)
		}
		return err
	}
}

// dispatching is one call on its way through its candidates.
type dispatching struct {
	g      *Gateway
	call   *Call
	out    llm.Sink
	until  time.Time // no try begins later
	insist bool      // sick candidates are tried too
	over   bool      // no other candidate is to be tried
}

// round tries the candidates in their order. It returns those that were passed
// over, and how the last try ended.
func (d *dispatching) round(ctx context.Context, candidates []sallyport.Model) (passed []sallyport.Model, err error) {
	for _, m := range candidates {
		if len(d.call.Attempts) > 0 && d.g.parts.Now().After(d.until) {
			d.over = true
			break
		}
		c := candidate{target: m.Target}
		var ferr error
		if c.serves, ferr = d.g.parts.Providers.Provider(ctx, d.call.Principal.Org, m.Provider); ferr == nil {
			ask := question(d.call.Request, c.serves)
			if ask == nil { // nobody is asked, so no breaker hears of it
				d.over, d.call.Served = true, m
				return passed, d.out(estimated(d.call))
			}
			breaker := d.g.health.of(c)
			if !d.insist && len(d.call.candidates) > 1 && !breaker.TryAcquirePermit() {
				passed = append(passed, m)
				continue
			}
			ferr = d.candidate(ctx, m, ask, breaker)
		}
		// That a request cannot be said there is less than what the one before told.
		if err == nil || ferr == nil || sallyport.CodeOf(ferr) != sallyport.UnsupportedField {
			err = ferr
		}
		if d.over {
			break
		}
	}
	return passed, err
}

// ask puts a call to a provider, as provider.Provider does.
type ask func(ctx context.Context, target string, req *llm.Request, out llm.Sink) (llm.Receipt, error)

// question is how the provider is asked what req wants; nil: it has no word for it,
// which is so of counts of tokens alone.
func question(req *llm.Request, serves provider.Provider) ask {
	if req.Operation != llm.CountTokens {
		return serves.Do
	}
	if counter, counts := serves.(provider.TokenCounter); counts && counter.Counts(req.Dialect) {
		return counter.CountTokens
	}
	return nil
}

// candidate tries one, and again where that may help and costs nothing.
func (d *dispatching) candidate(ctx context.Context, m sallyport.Model, ask ask, w *watched) error {
	for n := 1; ; n++ {
		begun, v, err := d.told(ctx, m, ask, w)
		if err == nil || begun || ctx.Err() != nil || !v.next {
			d.over = true
			return err
		}
		if v.paid {
			d.call.owed = append(d.call.owed, fruitlessTry(d.call, m))
		}
		if !v.again || n > d.g.retries(m) || !d.wait(ctx, n, err) {
			return err
		}
	}
}

// fruitless is a try that failed and that its provider may charge for.
type fruitless struct {
	price     sallyport.Price
	usage     sallyport.Usage
	estimated bool // the provider told none
}

// fruitlessTry is the try of m that has just failed.
func fruitlessTry(call *Call, m sallyport.Model) fruitless {
	if call.UsageKnown {
		usage, estimated := believed(call)
		return fruitless{m.Price, usage, estimated}
	}
	return fruitless{m.Price, inputOf(call, m), true}
}

// told is a try of which the candidate's memory and breaker hear, the breaker also when
// the try panics: one that was let through to find out must give back its leave. What a
// client did, by leaving or by asking what no provider likes, is no failure of the candidate.
func (d *dispatching) told(ctx context.Context, m sallyport.Model, ask ask, w *watched) (begun bool, v verdict, err error) {
	ended := false
	defer func() {
		if !ended {
			tell(w, sallyport.NewError(sallyport.Internal, "a panic"), verdict{})
		}
	}()
	now := d.g.parts.Now
	since := now()
	var s sample
	begun, err = d.g.try(ctx, d.call, m, ask, func(e *llm.Event) error {
		if s.first == 0 {
			s.first = max(1, now().Sub(since))
		}
		return d.out(e)
	})
	ended, v = true, judge(err)
	tell(w, err, v)
	s.failed = v.next
	if ctx.Err() == nil && sallyport.CodeOf(err) != sallyport.UnsupportedField {
		w.note(s, err, now())
	}
	return begun, v, err
}

func (g *Gateway) retries(m sallyport.Model) int {
	if m.Retries != nil {
		return *m.Retries
	}
	return g.parts.Routing.Retries
}

// tell notes how a try went. One that tells nothing of the candidate, because its
// client left or we have a bug, leaves a breaker as it is; but one that was let through to find out
// has not found out.
func tell(breaker *watched, err error, v verdict) {
	switch {
	case v.sick:
		breaker.RecordFailure()
	case err == nil, sallyport.CodeOf(err) == sallyport.UpstreamError, sallyport.CodeOf(err) == sallyport.UpstreamEmptyBody:
		breaker.RecordSuccess()
	case !breaker.IsClosed():
		breaker.RecordFailure()
	}
}

// wait passes the time before the next try of the same candidate; false when
// there is none.
func (d *dispatching) wait(ctx context.Context, n int, err error) bool {
	wait, ok := pause(n, err)
	if !ok || d.g.parts.Now().Add(wait).After(d.until) {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		d.over = true
		return false
	}
}

// try asks one candidate once. begun says that a part of its answer went out, or
// that whoever takes the answer refused it.
func (g *Gateway) try(ctx context.Context, call *Call, m sallyport.Model, ask ask, out llm.Sink) (begun bool, err error) {
	call.Served, call.sent = m, true
	call.Usage, call.UsageKnown, call.usageFinal, call.finished = sallyport.Usage{}, false, false, false // what failed before is lost or free
	call.lost, call.owed = append(call.lost, call.owed...), nil
	since := g.parts.Now()
	ctx, done := g.parts.Observer.Attempt(ctx, &call.Call)
	receipt, err := ask(ctx, m.Target, call.Request, func(e *llm.Event) error {
		begun = true
		g.note(call, e)
		return out(e)
	})
	if usage := toldUsage(err); usage != nil {
		call.finished = true // nothing comes after it
		g.noteUsage(call, usage)
	}
	err = upstream(err)
	attempt := sallyport.Attempt{
		Provider: m.Provider, Target: m.Target,
		Status: receipt.Status, UpstreamRequestID: receipt.RequestID,
		Code: attemptCode(ctx, err), MS: g.parts.Now().Sub(since).Milliseconds(),
	}
	call.Attempts = append(call.Attempts, attempt)
	done(attempt)
	return begun, err
}

// estimated answers a request to count tokens where the provider cannot: from the
// bytes of its text, by the rule of thumb that holds for English.
func estimated(call *Call) *llm.Event {
	tokens := credit.Tokens(call.Request, call.served(), call.BytesIn)
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
	if e.Usage != nil {
		e.Usage = g.noteUsage(call, e.Usage)
	}
	for _, d := range e.Deltas {
		call.answered += int64(len(d.Text.Text()) + len(d.ToolName.Text()))
	}
}

// noteUsage takes what a provider told, and returns what clients of other dialects are
// told of it: no nonsense either.
func (g *Gateway) noteUsage(call *Call, told *llm.Usage) *llm.Usage {
	if call.Request.Operation == llm.CountTokens {
		return told
	}
	used, known := sallyport.Usage(*told), true
	if call.Request.Operation == llm.Transcribe {
		used, known = credit.Heard(used, call.served())
	}
	usage, clamped := credit.Clamp(used, call.bound)
	call.UsageClamped = call.UsageClamped || clamped
	if usage != (sallyport.Usage{}) { // nothing is used by no answer: who says so does not count
		call.Usage, call.UsageKnown, call.usageFinal = usage, known, call.finished
		call.inputUntold = min(used.Total()-used.Output, used.CachedInput, used.CacheWrite) < 0
		call.outputUntold = used.Output < 0
	}
	if !clamped || call.Request.Operation == llm.Transcribe {
		return told
	}
	possible := llm.Usage(usage)
	return &possible
}

// upstream gives a provider's own refusal a code, and keeps its words as the cause.
// One without a word has its code already.
func upstream(err error) error {
	var refused *llm.UpstreamError
	if errors.As(err, &refused) && sallyport.CodeOf(err) != sallyport.UpstreamEmptyBody {
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
