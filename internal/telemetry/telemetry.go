// Package telemetry tells operators how the server does: metrics for
// Prometheus, traces and metrics for an OpenTelemetry collector by the semantic
// conventions for generative AI, and one line of the log for each call.
//
// Three rules hold for all of them. Content never goes in: no prompt, no answer,
// no name that a caller made up, no text of an error, only its code. Secrets
// never go in. The number of series is bounded: labels are routes, models,
// providers, codes and kinds, never ids of people, keys or calls, and a label
// whose values tenants can add to has at most namesMax of them.
//
// A Telemetry is the gateway's Observer. Nothing here can fail a call: what
// cannot be sent is dropped, and the log is told.
package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"github.com/sallyport-ai/sallyport"
)

// Options say what is told to whom.
type Options struct {
	// Metrics is whether metrics are collected for Prometheus.
	Metrics bool
	// OTLPEndpoint is the base address of an OpenTelemetry collector that takes
	// OTLP over HTTP, such as http://127.0.0.1:4318; empty: none.
	OTLPEndpoint string
	// Calls is whether each call is a line of the log.
	Calls bool
	// Version and Node name this process in what is sent to the collector.
	Version, Node string
	Log           *slog.Logger
	Now           func() time.Time
}

// Telemetry is told of everything that is told further. It is safe for
// concurrent use.
type Telemetry struct {
	opt     Options
	metrics *metrics // nil: none are collected
	otlp    *otlp    // nil: there is no collector
}

// Start begins to collect and to send. It must be stopped.
func Start(ctx context.Context, o Options) (*Telemetry, error) {
	t := &Telemetry{opt: o}
	if o.Metrics {
		t.metrics = newMetrics()
	}
	if o.OTLPEndpoint == "" {
		return t, nil
	}
	var err error
	t.otlp, err = startOTLP(ctx, o)
	return t, err
}

// Stop sends what waits, as long as ctx allows.
func (t *Telemetry) Stop(ctx context.Context) error {
	if t.otlp == nil {
		return nil
	}
	return t.otlp.stop(ctx)
}

// traced is the part of W3C's Trace Context that is believed: the ids. The
// client's tracestate is free text and is not taken over.
type traced struct{ http.Header }

func (h traced) Get(name string) string {
	if name != "traceparent" {
		return ""
	}
	return h.Header.Get(name)
}

func (h traced) Set(string, string) {}

func (h traced) Keys() []string { return []string{"traceparent"} }

// Handler lets calls continue the trace that their client names.
func (t *Telemetry) Handler(next http.Handler) http.Handler {
	var w3c propagation.TraceContext
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Traceparent") != "" {
			r = r.WithContext(w3c.Extract(r.Context(), traced{r.Header}))
		}
		next.ServeHTTP(w, r)
	})
}

// Begin counts the call and begins its span.
func (t *Telemetry) Begin(ctx context.Context, call *sallyport.Call) context.Context {
	if t.metrics != nil {
		t.metrics.underWay.Inc()
	}
	if t.otlp != nil {
		ctx = t.otlp.begin(ctx, call)
	}
	return context.WithValue(ctx, begunKey{}, true)
}

// begunKey marks the context of a call that Begin was told of.
type begunKey struct{}

// Attempt begins a span of the provider's part.
func (t *Telemetry) Attempt(ctx context.Context, call *sallyport.Call) (context.Context, func(sallyport.Attempt)) {
	end := func(sallyport.Attempt) {}
	if t.otlp != nil {
		ctx, end = t.otlp.attempt(ctx, call)
	}
	return ctx, func(a sallyport.Attempt) {
		end(a)
		if t.metrics != nil {
			t.metrics.attempted(a)
		}
	}
}

// End tells of the call as a whole.
func (t *Telemetry) End(ctx context.Context, call *sallyport.Call, status int, err error) {
	e := ended{call: call, status: status, code: sallyport.CodeOf(err), took: t.opt.Now().Sub(call.StartedAt)}
	begun, _ := ctx.Value(begunKey{}).(bool)
	if t.metrics != nil {
		if begun {
			t.metrics.underWay.Dec()
		}
		t.metrics.ended(e)
	}
	if t.otlp != nil && begun {
		t.otlp.end(ctx, e)
	}
	if t.opt.Calls {
		t.line(ctx, e)
	}
}

// ended is a call that has ended.
type ended struct {
	call   *sallyport.Call
	status int
	code   sallyport.Code
	took   time.Duration
}

// outcome is the call's end in one word.
func (e ended) outcome() string {
	switch {
	case e.code == "":
		return sallyport.OutcomeSuccess
	case e.code == sallyport.ClientClosed:
		return sallyport.OutcomeClientLeft
	case !e.call.Admitted:
		return "refused"
	case e.code == sallyport.DLPBlocked:
		return sallyport.OutcomeBlocked
	}
	return sallyport.OutcomeFailure
}

// route is the pattern of the route; what no route began goes by its action.
func (e ended) route() string {
	if e.call.Route == "" {
		return e.call.Action
	}
	return e.call.Route
}

// served is the provider that answered last, or would have.
func (e ended) served() string {
	if n := len(e.call.Attempts); n > 0 {
		return e.call.Attempts[n-1].Provider
	}
	return e.call.Model.Provider
}

// line writes the call's line. The model is the resolved one: what a caller
// asked for may be any text, and stands in the trail.
func (t *Telemetry) line(ctx context.Context, e ended) {
	c := e.call
	t.opt.Log.LogAttrs(ctx, slog.LevelInfo, "call",
		slog.String("request_id", c.RequestID), slog.String("call", string(c.ID)),
		slog.String("org", string(c.Principal.Org)), slog.String("key", string(c.Principal.Key)),
		slog.String("action", c.Action), slog.String("model", c.Model.ID), slog.String("provider", e.served()),
		slog.Int("status", e.status), slog.String("code", string(e.code)), slog.String("outcome", e.outcome()),
		slog.Duration("duration", e.took))
}

// errNotSent is logged when the collector does not take what it is sent.
var errNotSent = errors.New("the OpenTelemetry collector was not reached")
