package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/credit"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// written is a Journal that keeps what it is given.
type written struct{ entries []journal.Entry }

func (w *written) Commit(_ context.Context, e journal.Entry) (journal.Result, error) {
	w.entries = append(w.entries, e)
	return journal.Result{}, nil
}

func (w *written) CommitOutcome(_ context.Context, e journal.Entry) error {
	w.entries = append(w.entries, e)
	return nil
}

func recorder(log io.Writer) (*Gateway, *written) {
	w := &written{}
	return &Gateway{parts: Parts{
		Journal: w, Audit: audit.Builder{Node: "n", Boot: "b", Now: time.Now},
		Status: func(error) int { return 500 }, Now: time.Now, Log: slog.New(slog.NewTextHandler(log, nil)),
	}}, w
}

func admitted(t *testing.T) *Call {
	t.Helper()
	req, err := chat.Decode([]byte(`{"model":"m","messages":[{"role":"user","content":"hi"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	call := &Call{Request: req}
	call.ID, call.Principal.Org, call.Admitted, call.Hold = "c", "o", true, 5
	return call
}

// A bug on the road ends its call: the hold does not stay until the next start.
func TestPanicEndsTheCall(t *testing.T) {
	var log strings.Builder
	g, w := recorder(&log)
	err := g.record(func(context.Context, *Call, llm.Sink) error { panic("the prompt was CANARY") })(t.Context(), admitted(t), nil)
	if sallyport.CodeOf(err) != sallyport.Internal {
		t.Errorf("got %v, want an internal error", err)
	}
	if len(w.entries) != 1 || w.entries[0].Close == nil || w.entries[0].Close.Call != "c" ||
		w.entries[0].Record.Outcome != sallyport.OutcomeFailure {
		t.Fatalf("got the entries %+v, want the outcome of the call", w.entries)
	}
	if !strings.Contains(log.String(), "record_ends_test.go") || strings.Contains(log.String(), "CANARY") {
		t.Errorf("the log must say where and not what: %s", log.String())
	}
}

// Hanging up does not make a refusal disappear from the trail.
func TestWhyACallEnded(t *testing.T) {
	left, cancel := context.WithCancel(t.Context())
	cancel()
	blocked := sallyport.NewError(sallyport.DLPBlocked, "no")
	for name, tt := range map[string]struct {
		ctx  context.Context
		err  error
		want sallyport.Code
	}{
		"blocked, and the client left":        {left, blocked, sallyport.DLPBlocked},
		"refused in the provider's own words": {left, upstream(&llm.UpstreamError{Status: 400, Body: []byte("{}")}), sallyport.UpstreamError},
		"withdrawn from the journal":          {left, sallyport.WrapError(sallyport.AuditUnavailable, "no", context.Canceled), sallyport.ClientClosed},
		"cut off at the provider":             {left, fmt.Errorf("call the provider: %w", context.Canceled), sallyport.ClientClosed},
		"not written to the client":           {left, errors.New("broken pipe"), sallyport.ClientClosed},
		"a read that was cut off":             {left, sallyport.WrapError(sallyport.Internal, "no", errors.New("interrupted")), sallyport.ClientClosed},
		"blocked":                             {t.Context(), blocked, sallyport.DLPBlocked},
		"unknown":                             {t.Context(), errors.New("what"), sallyport.Internal},
	} {
		if got := sallyport.CodeOf(outward(tt.ctx, tt.err)); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

// What a provider tells as no number of tokens is estimated with the half that it is
// in. What no call can use is the bound, and a fact.
func TestUsed_untold(t *testing.T) {
	t.Parallel()
	const huge = 1 << 40
	for name, tt := range map[string]struct {
		told      llm.Usage
		input     bool // is estimated
		output    bool
		want      sallyport.Usage // but for what is
		estimated bool
	}{
		"as told":            {told: llm.Usage{Input: 5, CachedInput: 2, Output: 3}, want: sallyport.Usage{Input: 5, CachedInput: 2, Output: 3}},
		"no input":           {told: llm.Usage{Input: -1, Output: 3}, input: true, want: sallyport.Usage{Output: 3}, estimated: true},
		"no output":          {told: llm.Usage{Input: 5, Output: -1}, output: true, want: sallyport.Usage{Input: 5}, estimated: true},
		"no cache reads":     {told: llm.Usage{Input: 5, CachedInput: -1, CacheWrite: 9, Output: 3}, input: true, want: sallyport.Usage{Output: 3}, estimated: true},
		"no cache writes":    {told: llm.Usage{Input: 5, CacheWrite: -1, Output: 3}, input: true, want: sallyport.Usage{Output: 3}, estimated: true},
		"a part is too much": {told: llm.Usage{Input: -2, CachedInput: 7, Output: 3}, want: sallyport.Usage{CachedInput: 7, Output: 3}},
		"huge":               {told: llm.Usage{Input: huge, Output: huge}, want: sallyport.Usage{Input: 1000, Output: 2000}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, _ := recorder(io.Discard)
			call := admitted(t)
			call.BytesIn, call.answered, call.sent = 400, 80, true
			call.bound, call.finished = sallyport.Usage{Input: 1000, Output: 2000}, true
			probably := credit.Estimate(call.Request, call.served(), call.BytesIn, call.answered)
			if tt.input {
				tt.want.Input = probably.Input
			}
			if tt.output {
				tt.want.Output = probably.Output
			}
			g.noteUsage(call, &tt.told)
			got, estimated := g.used(call, nil)
			if got != tt.want || estimated != tt.estimated {
				t.Errorf("got %+v, estimated %t; want %+v, %t", got, estimated, tt.want, tt.estimated)
			}
		})
	}
}
