package telemetry

import (
	"net/http"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sallyport-ai/sallyport"
)

// metrics is what Prometheus reads. docs/observability.md lists every series.
type metrics struct {
	registry *prometheus.Registry

	calls      *prometheus.CounterVec
	underWay   prometheus.Gauge
	duration   *prometheus.HistogramVec
	firstChunk *prometheus.HistogramVec
	tokens     *prometheus.CounterVec
	credits    *prometheus.CounterVec
	findings   *prometheus.CounterVec
	refusals   prometheus.Counter
	attempts   *prometheus.CounterVec

	batchEntries prometheus.Histogram
	batchSeconds *prometheus.HistogramVec

	runs *prometheus.CounterVec

	models, providers, types names
}

// The bounds of histograms, in seconds: of a call from the first byte in to the
// last record, and of a commit.
var (
	callSeconds   = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}
	commitSeconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5, 15}
	batchSizes    = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256}
)

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.calls = m.counters("sallyport_calls_total", "Calls that ended.", "route", "model", "provider", "outcome", "code")
	m.underWay = prometheus.NewGauge(prometheus.GaugeOpts{Name: "sallyport_calls_under_way", Help: "Calls to models that have not ended."})
	m.duration = m.histograms("sallyport_call_duration_seconds", "From a call's arrival to its last record.", callSeconds, "route", "model", "provider")
	m.firstChunk = m.histograms("sallyport_time_to_first_chunk_seconds", "From a call's arrival to the first piece of the provider's answer.", callSeconds, "model", "provider")
	m.tokens = m.counters("sallyport_tokens_total", "Tokens that calls were charged for.", "model", "provider", "kind")
	m.credits = m.counters("sallyport_credits_charged_total", "Credits that calls were charged.", "model", "provider")
	m.findings = m.counters("sallyport_dlp_findings_total", "What data loss prevention found.", "direction", "type")
	m.refusals = prometheus.NewCounter(prometheus.CounterOpts{Name: "sallyport_limit_refusals_total", Help: "Calls that a rate limit refused."})
	m.attempts = m.counters("sallyport_provider_attempts_total", "Requests to providers; code is empty for an answer.", "provider", "code")
	m.batchEntries = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "sallyport_journal_batch_entries", Help: "Entries of one commit of the journal.", Buckets: batchSizes})
	m.batchSeconds = m.histograms("sallyport_journal_commit_seconds", "Time of one commit of the journal.", commitSeconds, "result")
	m.runs = m.counters("sallyport_agent_runs_total", "Agent runs that came into a state.", "state")
	m.registry.MustRegister(m.underWay, m.refusals, m.batchEntries,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *metrics) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *metrics) attempted(a sallyport.Attempt) {
	m.attempts.WithLabelValues(m.providers.bounded(a.Provider), string(a.Code)).Inc()
}

func (m *metrics) ended(e ended) {
	c := e.call
	model, provider := m.models.bounded(c.Model.ID), m.providers.bounded(e.served())
	m.calls.WithLabelValues(e.route(), model, provider, e.outcome(), string(e.code)).Inc()
	m.duration.WithLabelValues(e.route(), model, provider).Observe(e.took.Seconds())
	if e.code == sallyport.RateLimited {
		m.refusals.Inc()
	}
	for name, n := range c.DLP.Counts {
		direction, kind, _ := strings.Cut(name, ":")
		m.findings.WithLabelValues(direction, m.types.bounded(kind)).Add(float64(n))
	}
	if !c.Admitted {
		return
	}
	if !c.FirstByteAt.IsZero() {
		m.firstChunk.WithLabelValues(model, provider).Observe(c.FirstByteAt.Sub(c.StartedAt).Seconds())
	}
	for _, k := range []struct {
		kind string
		n    int64
	}{
		{"input", c.Usage.Input},
		{"cached_input", c.Usage.CachedInput},
		{"cache_write", c.Usage.CacheWrite},
		{"output", c.Usage.Output},
		{"reasoning", c.Usage.Reasoning},
	} {
		if k.n > 0 {
			m.tokens.WithLabelValues(model, provider, k.kind).Add(float64(k.n))
		}
	}
	m.credits.WithLabelValues(model, provider).Add(max(0, float64(c.Charge)/float64(sallyport.Credit)))
}

// namesMax bounds the values of a label that tenants can add to.
const namesMax = 200

// otherName stands for what is beyond the bound.
const otherName = "other"

// names are the values that a label has had.
type names struct {
	mu   sync.RWMutex
	seen map[string]bool
}

// bounded returns name, or otherName when the label has namesMax others.
func (n *names) bounded(name string) string {
	n.mu.RLock()
	known, full := n.seen[name], len(n.seen) >= namesMax
	n.mu.RUnlock()
	switch {
	case known:
		return name
	case full:
		return otherName
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen == nil {
		n.seen = make(map[string]bool)
	}
	if len(n.seen) >= namesMax && !n.seen[name] {
		return otherName
	}
	n.seen[name] = true
	return name
}

// Metrics serves what Prometheus reads; not found when none are collected.
func (t *Telemetry) Metrics() http.Handler {
	if t.metrics == nil {
		return http.NotFoundHandler()
	}
	return promhttp.HandlerFor(t.metrics.registry, promhttp.HandlerOpts{})
}

// Gauge adds a metric that is read when Prometheus asks. read must be quick.
// labels are fixed, such as the name of a sink, and may be nil. Adding the same
// name with the same labels again panics, for it is a bug.
func (t *Telemetry) Gauge(name, help string, labels map[string]string, read func() float64) {
	if t.metrics == nil {
		return
	}
	t.metrics.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, read))
}

// Run counts an agent run that came into a state.
func (t *Telemetry) Run(state sallyport.RunStatus) {
	if t.metrics != nil {
		t.metrics.runs.WithLabelValues(string(state)).Inc()
	}
}
