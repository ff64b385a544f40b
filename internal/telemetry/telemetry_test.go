package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/sallyport-ai/sallyport"
)

func open(t testing.TB, o Options) *Telemetry {
	t.Helper()
	o.Log, o.Now = slog.New(slog.NewTextHandler(io.Discard, nil)), time.Now
	tel, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Stop(context.Background()) }) // a test's collector may be gone
	return tel
}

func scrape(tel *Telemetry) string {
	answer := httptest.NewRecorder()
	tel.Metrics().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return answer.Body.String()
}

func exampleCall(model string) *sallyport.Call {
	now := time.Now()
	return &sallyport.Call{
		ID: "call-1", RequestID: "req_1", Route: "POST /v1/chat/completions", Action: "chat.completions",
		Principal: sallyport.Principal{Org: "org-1", User: "user-1", Key: "key-1"},
		Model:     sallyport.Model{ID: model, Provider: "p"}, Admitted: true,
		StartedAt: now.Add(-time.Second), FirstByteAt: now, Usage: sallyport.Usage{Input: 10, Output: 5}, Charge: 75,
		DLP: sallyport.DLPResult{Counts: map[string]int{"in:EMAIL_ADDRESS": 2}},
	}
}

// However many models tenants define, the number of series is bounded; and
// nobody's ids are labels.
func TestSeriesAreBounded(t *testing.T) {
	tel := open(t, Options{Metrics: true})
	for n := range 3 * namesMax {
		tel.End(t.Context(), exampleCall(fmt.Sprintf("model-%d", n)), 200, nil)
	}
	text := scrape(tel)
	if n := strings.Count(text, "\nsallyport_calls_total{"); n != namesMax+1 {
		t.Errorf("there are %d series of calls, want %d and one for the others", n, namesMax)
	}
	want := fmt.Sprintf(`sallyport_calls_total{code="",model="other",outcome="success",provider="p",route="POST /v1/chat/completions"} %d`, 2*namesMax)
	if !strings.Contains(text, want) {
		t.Errorf("there is no line %s", want)
	}
	for _, id := range []string{"org-1", "user-1", "key-1", "req_1", "call-1"} {
		if strings.Contains(text, id) {
			t.Errorf("%s is in the metrics", id)
		}
	}
}

func TestOutcomes(t *testing.T) {
	for _, test := range []struct {
		code     sallyport.Code
		admitted bool
		want     string
	}{
		{"", true, "success"},
		{"", false, "success"}, // a read
		{sallyport.RateLimited, false, "refused"},
		{sallyport.DLPBlocked, false, "refused"},
		{sallyport.DLPBlocked, true, "blocked"},
		{sallyport.ClientClosed, true, "client_left"},
		{sallyport.ServerStopping, true, "failure"},
		{sallyport.UpstreamTimeout, true, "failure"},
	} {
		e := ended{call: &sallyport.Call{Admitted: test.admitted}, code: test.code}
		if got := e.outcome(); got != test.want {
			t.Errorf("%q, admitted %t: %q, want %q", test.code, test.admitted, got, test.want)
		}
	}
}

func TestRuns(t *testing.T) {
	tel := open(t, Options{Metrics: true})
	for _, name := range []string{"a", "b"} {
		tel.Gauge("sallyport_test_lag", "Lag.", map[string]string{"sink": name}, func() float64 { return 7 })
	}
	tel.Run(sallyport.RunInProgress)
	tel.Run(sallyport.RunSuccess)
	tel.End(t.Context(), exampleCall("m"), 429, sallyport.NewError(sallyport.RateLimited, "too fast"))
	for _, want := range []string{
		`sallyport_agent_runs_total{state="in_progress"} 1`, `sallyport_agent_runs_total{state="success"} 1`,
		`sallyport_test_lag{sink="a"} 7`, `sallyport_test_lag{sink="b"} 7`, "sallyport_limit_refusals_total 1", `sallyport_dlp_findings_total{direction="in",type="EMAIL_ADDRESS"} 2`,
	} {
		if text := scrape(tel); !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("there is no line %s in\n%s", want, text)
		}
	}
}

// A client's trace is taken over when it is one, and its other headers never.
func TestHandler(t *testing.T) {
	const id = "0af7651916cd43dd8448eb211c80319c"
	for header, want := range map[string]string{
		"00-" + id + "-b7ad6b7169203331-01": id,
		"00-" + id + "-b7ad6b7169203331":    "00000000000000000000000000000000",
		"my secret":                         "00000000000000000000000000000000",
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Traceparent", header)
		r.Header.Set("Tracestate", "vendor=anything")
		var got trace.SpanContext
		open(t, Options{}).Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got = trace.SpanContextFromContext(r.Context())
		})).ServeHTTP(httptest.NewRecorder(), r)
		if got.TraceID().String() != want || got.TraceState().Len() != 0 {
			t.Errorf("%q gives trace %s with state %q, want %s", header, got.TraceID(), got.TraceState(), want)
		}
	}
}

// A collector that takes what it is sent and never answers holds up no call: spans
// beyond the queue are dropped. If calls waited for room in the queue, the collector
// would be asked once for each batch of the 10,000, which is 19 times or more.
func TestCollectorHangs(t *testing.T) {
	var asked atomic.Int64
	released := make(chan struct{})
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked.Add(1)
		<-released
	}))
	t.Cleanup(collector.Close)
	tel := open(t, Options{OTLPEndpoint: collector.URL})
	t.Cleanup(func() { close(released) })
	for range 10_000 {
		observe(t.Context(), tel, exampleCall("m"))
	}
	if n := asked.Load(); n > 9 {
		t.Errorf("calls waited for the collector, which was asked %d times", n)
	}
}

func observe(ctx context.Context, tel *Telemetry, call *sallyport.Call) {
	ctx = tel.Begin(ctx, call)
	_, done := tel.Attempt(ctx, call)
	done(sallyport.Attempt{Provider: "p", Target: "t", Status: 200})
	tel.End(ctx, call, 200, nil)
}

// BenchmarkCall is what a call pays for being observed.
func BenchmarkCall(b *testing.B) {
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer collector.Close()
	for name, o := range map[string]Options{
		"nothing": {}, "log": {Calls: true}, "metrics": {Metrics: true}, "otlp": {OTLPEndpoint: collector.URL},
	} {
		b.Run(name, func(b *testing.B) {
			tel := open(b, o)
			call := exampleCall("m")
			b.ReportAllocs()
			for b.Loop() {
				observe(b.Context(), tel, call)
			}
		})
	}
}
