package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortraces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector is an OpenTelemetry collector that keeps what it is sent.
type collector struct {
	*httptest.Server

	mu      sync.Mutex
	raw     []byte // all bodies
	spans   []*traces.Span
	metrics []string // names
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = c.take(r.URL.Path, body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (c *collector) take(path string, body []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw = append(c.raw, body...)
	switch path {
	case "/v1/traces":
		var sent collectortraces.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &sent); err != nil {
			return err
		}
		for _, resource := range sent.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				c.spans = append(c.spans, scope.Spans...)
			}
		}
	case "/v1/metrics":
		var sent collectormetrics.ExportMetricsServiceRequest
		if err := proto.Unmarshal(body, &sent); err != nil {
			return err
		}
		for _, resource := range sent.ResourceMetrics {
			for _, scope := range resource.ScopeMetrics {
				for _, m := range scope.Metrics {
					c.metrics = append(c.metrics, m.Name)
				}
			}
		}
	default:
		return fmt.Errorf("nothing is sent to %s", path)
	}
	return nil
}

func attributeOf(span *traces.Span, key string) string {
	for _, a := range span.Attributes {
		if a.Key == key {
			if n := a.Value.GetIntValue(); n != 0 {
				return fmt.Sprint(n)
			}
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// canary is a word that callers and the operator write wherever they can and
// that must not come out in what operators' tools see.
const canary = "canary7f3a"

const observedConfig = `
metrics_addr: 127.0.0.1:0
providers:
  - {name: local, type: openai, base_url: "${PROVIDER}", api_key: up-` + canary + `, headers: {X-Team: ` + canary + `}}
models:
  - {id: mock-large, provider: local, target: gpt-4o-mini, price: {input: 2.5, output: 10}}
telemetry: {otlp_endpoint: "${COLLECTOR}"}
sinks: [{name: broken, type: file, path: no/such/folder/audit.jsonl}]
`

// TestObserved makes calls that end in each way, with a canary in every place
// that somebody can write to, and looks at what metrics, traces and log tell.
func TestObserved(t *testing.T) {
	t.Parallel()
	const trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	collector := newCollector(t)
	h := openHouse(t, strings.Replace(observedConfig, "${COLLECTOR}", collector.URL, 1))

	req := h.request(t.Context(), http.MethodPost, "/v1/chat/completions", chatBody(true, "Say "+canary+" to ann@acme.test"))
	req.Header.Set("Traceparent", "00-"+trace+"-"+parent+"-01")
	req.Header.Set("Tracestate", "x="+canary)
	req.Header.Set("User-Agent", canary)
	req.Header.Set("Baggage", "x="+canary)
	finish(t, req, http.StatusOK)
	refused := `{"status":500,"body":"{\"error\":{\"message\":\"` + canary + `\"}}"}`
	finish(t, h.request(t.Context(), http.MethodPost, "/v1/chat/completions", chatBody(false, "fake: "+refused)), 500)
	finish(t, h.request(t.Context(), http.MethodPost, "/v1/chat/completions", `{"model":"`+canary+`","messages":[{"role":"user","content":"x"}]}`), 400)
	finish(t, h.request(t.Context(), http.MethodPost, "/v1/chat/completions", `{"`+canary+`": `), 400)
	finish(t, h.request(t.Context(), http.MethodGet, "/v1/models", ""), 200)
	stranger := h.request(t.Context(), http.MethodGet, "/v1/models", "")
	stranger.Header.Set("Authorization", "Bearer sp-"+canary)
	finish(t, stranger, 401)

	numbers := h.metrics()
	for _, want := range []string{
		`sallyport_calls_total{code="",model="mock-large",outcome="success",provider="local",route="POST /v1/chat/completions"} 1`,
		`sallyport_calls_total{code="upstream_error",model="mock-large",outcome="failure",provider="local",route="POST /v1/chat/completions"} 1`,
		`sallyport_calls_total{code="model_not_found",model="",outcome="refused",provider="",route="POST /v1/chat/completions"} 1`,
		`sallyport_calls_total{code="invalid_body",model="",outcome="refused",provider="",route="POST /v1/chat/completions"} 1`,
		`sallyport_calls_total{code="",model="",outcome="success",provider="",route="GET /v1/models"} 1`,
		`sallyport_time_to_first_chunk_seconds_count{model="mock-large",provider="local"} 1`,
		`sallyport_tokens_total{kind="input",model="mock-large",provider="local"} 10`,
		`sallyport_tokens_total{kind="output",model="mock-large",provider="local"} 5`,
		`sallyport_credits_charged_total{model="mock-large",provider="local"} 7.5e-05`,
		`sallyport_dlp_findings_total{direction="in",type="EMAIL_ADDRESS"} 1`,
		`sallyport_provider_attempts_total{code="upstream_error",provider="local"} 1`,
		`sallyport_calls_under_way 0`,
		`sallyport_journal_waiting 0`,
		`sallyport_journal_kept_outcomes 0`,
		`sallyport_journal_commit_seconds_count{result="ok"}`,
		`sallyport_sink_dead_letters{sink="broken"} 0`,
		`go_goroutines `,
		`process_open_fds `,
	} {
		if !strings.Contains(numbers, "\n"+want) {
			t.Errorf("metrics have no line %s", want)
		}
	}
	if behind := regexp.MustCompile(`\nsallyport_sink_(records|seconds)_behind{sink="broken"} (0\.0*)?[1-9]`); len(behind.FindAllString(numbers, -1)) != 2 {
		t.Error("metrics do not tell how far the sink is behind")
	}
	upstream := h.fake.Requests()[0]
	if err := h.server.stop(); err != nil { // sends what waits
		t.Fatal(err)
	}
	checkSpans(t, collector, trace, parent, upstream.Header.Get("Traceparent"))
	if got := upstream.Header.Get("Tracestate") + upstream.Header.Get("Baggage"); got != "" {
		t.Errorf("the provider got %q, which no policy has read", got)
	}
	log := h.server.output()
	if n := strings.Count(log, "msg=call request_id=req_"); n != 5 {
		t.Errorf("%d calls are in the log, want 5 lines:\n%s", n, log)
	}
	for place, text := range map[string]string{"metrics": numbers, "log": log, "what the collector was sent": string(collector.raw)} {
		for _, secret := range []string{canary, "ann@acme", h.account.APIKey} {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s: %q stands in …%q…", place, secret, text[max(0, i-200):min(len(text), i+100)])
			}
		}
	}
}

// finish makes a call to its end and wants the status.
func finish(t *testing.T, req *http.Request, status int) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		t.Fatalf("got %d %s, %v, want %d", resp.StatusCode, body, err, status)
	}
}

var metricsAddr = regexp.MustCompile(`metrics are served at /metrics" addr=(\S+)`)

// metrics reads what Prometheus would.
func (h *house) metrics() string {
	h.t.Helper()
	text := h.server.metrics(h.t)
	if answer := h.do(http.MethodGet, "/metrics", ""); answer.status != http.StatusNotFound {
		h.t.Errorf("the public listener answers /metrics with %d", answer.status)
	}
	return text
}

func (s *process) metrics(t *testing.T) string {
	t.Helper()
	found := metricsAddr.FindStringSubmatch(s.output())
	for late := time.Now().Add(readyTime); found == nil; found = metricsAddr.FindStringSubmatch(s.output()) {
		if time.Now().After(late) {
			t.Fatalf("the log does not say where metrics are served:\n%s", s.output())
		}
		<-time.After(pollTime) // lines of the log are written together
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+found[1]+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := fetch(http.DefaultClient, req)
	if err != nil || answer.status != http.StatusOK {
		t.Fatalf("metrics: %d, %v", answer.status, err)
	}
	return answer.body
}

// metric is the number of a metric without labels.
func metric(t *testing.T, text, name string) int {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + name + ` ([0-9.e+]+)$`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("metrics have no %s", name)
	}
	n, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

// checkSpans wants a span for each call that reached the gateway's stages, the
// first continuing its client's trace, and below it the provider's.
func checkSpans(t *testing.T, c *collector, trace, parent, upstream string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var call, attempt *traces.Span
	calls, failed := 0, 0
	for _, span := range c.spans {
		switch {
		case span.Kind == traces.Span_SPAN_KIND_SERVER:
			calls++
			if span.Status.GetCode() == traces.Status_STATUS_CODE_ERROR {
				failed++
			}
			if fmt.Sprintf("%x", span.TraceId) == trace {
				call = span
			}
		case fmt.Sprintf("%x", span.TraceId) == trace:
			attempt = span
		}
	}
	if calls != 3 || failed != 2 || call == nil || attempt == nil {
		t.Fatalf("got %d spans of calls, %d failed, call %v, attempt %v; want 3, 2 and both: %v", calls, failed, call, attempt, c.spans)
	}
	if got := fmt.Sprintf("%x", call.ParentSpanId); got != parent {
		t.Errorf("the call's parent is %s, want the client's %s", got, parent)
	}
	if string(attempt.ParentSpanId) != string(call.SpanId) || attempt.Kind != traces.Span_SPAN_KIND_CLIENT {
		t.Errorf("the attempt is no child of the call: %v", attempt)
	}
	if want := fmt.Sprintf("00-%s-%x-01", trace, attempt.SpanId); upstream != want {
		t.Errorf("the provider got traceparent %q, want %q", upstream, want)
	}
	for key, want := range map[string]string{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": "local", "gen_ai.request.model": "mock-large",
		"gen_ai.usage.input_tokens": "10", "gen_ai.usage.output_tokens": "5", "http.response.status_code": "200",
		"sallyport.charge.microcredits": "75", "sallyport.dlp.findings": "1",
	} {
		if got := attributeOf(call, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if call.Name != "chat mock-large" {
		t.Errorf("the span is called %q", call.Name)
	}
	for _, want := range []string{"gen_ai.client.token.usage", "gen_ai.client.operation.duration", "gen_ai.server.time_to_first_token"} {
		if !strings.Contains(strings.Join(c.metrics, " "), want) {
			t.Errorf("the collector has no metric %s, only %v", want, c.metrics)
		}
	}
}
