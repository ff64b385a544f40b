package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/agent"
	"github.com/sallyport-ai/sallyport/internal/config"
	"github.com/sallyport-ai/sallyport/internal/telemetry"
)

// telemetry begins to tell how the server does, to whom the configuration says.
func (i *instance) telemetry(ctx context.Context, cfg *config.Config, log *slog.Logger) (*telemetry.Telemetry, error) {
	return telemetry.Start(ctx, telemetry.Options{
		Metrics: cfg.MetricsAddr != "", OTLPEndpoint: cfg.Telemetry.OTLPEndpoint, Calls: cfg.Log.Calls,
		Version: programVersion(), Node: i.audit.Node, Log: log, Now: i.app.now,
	})
}

// gauges adds what is read of the services when Prometheus asks.
func (s *services) gauges() {
	s.telemetry.Gauge("sallyport_journal_waiting", "Entries that wait for the journal's writer.", nil,
		func() float64 { return float64(s.journal.Waiting()) })
	s.telemetry.Gauge("sallyport_journal_kept_outcomes", "Outcomes that could not be written and are tried again.", nil,
		func() float64 { return float64(s.journal.Kept()) })
	s.telemetry.Gauge("sallyport_audit_writable", "1 while the audit trail can be written, as far as is known.", nil,
		func() float64 {
			if s.journal.Healthy() != nil {
				return 0
			}
			return 1
		})
	for _, c := range s.instance.cfg.Sinks {
		s.sinkGauges(c)
	}
}

// lagTime bounds how long a scrape waits for the database.
const lagTime = 2 * time.Second

// sinkGauges adds how far a sink is behind. What cannot be read is not a number.
func (s *services) sinkGauges(c config.Sink) {
	gauge := func(name, help string, of func(sallyport.SinkLag) float64) {
		s.telemetry.Gauge(name, help, map[string]string{"sink": c.Name}, func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), lagTime)
			defer cancel()
			cfg, err := s.instance.sink(ctx, c)
			if err != nil {
				return math.NaN()
			}
			lag, err := s.instance.db.SinkLag(ctx, cfg.Name, cfg.Org)
			if err != nil {
				return math.NaN()
			}
			return of(lag)
		})
	}
	gauge("sallyport_sink_records_behind", "Records of the trail that the sink has not got.",
		func(l sallyport.SinkLag) float64 { return float64(l.Records) })
	gauge("sallyport_sink_seconds_behind", "For how long the oldest record that the sink has not got has waited.",
		func(l sallyport.SinkLag) float64 { return l.Behind(s.instance.app.now()).Seconds() })
	gauge("sallyport_sink_dead_letters", "Records that the sink went on without, because its receiver refuses them.",
		func(l sallyport.SinkLag) float64 { return float64(l.Dead) })
}

// countedRuns counts the runs that this process begins and ends.
type countedRuns struct {
	agent.Store
	telemetry *telemetry.Telemetry
}

func (c countedRuns) CreateRun(ctx context.Context, run sallyport.Run, first *sallyport.FirstRequest, rec sallyport.Record) error {
	err := c.Store.CreateRun(ctx, run, first, rec)
	if err == nil {
		c.telemetry.Run(run.Status)
	}
	return err
}

func (c countedRuns) FinishRun(ctx context.Context, org sallyport.OrgID, run sallyport.RunID, status sallyport.RunStatus, end []byte, at time.Time, rec sallyport.Record) error {
	err := c.Store.FinishRun(ctx, org, run, status, end, at, rec)
	if err == nil {
		c.telemetry.Run(status)
	}
	return err
}

// Limits of a connection to the metrics.
const metricsTime = 10 * time.Second

// serveMetrics answers Prometheus at addr, and nobody when it is empty, until stop.
func (s *services) serveMetrics(ctx context.Context, addr string) (stop func() error, err error) {
	if addr == "" {
		return func() error { return nil }, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("metrics_addr: %w: end the program that has the address, or choose another", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.telemetry.Metrics())
	h := &http.Server{
		Handler: mux, ReadTimeout: metricsTime, WriteTimeout: metricsTime, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(l) }()
	s.log.Info("metrics are served at /metrics", "addr", l.Addr().String())
	return func() error {
		err := h.Close()
		if serr := <-ended; !errors.Is(serr, http.ErrServerClosed) {
			err = errors.Join(err, serr)
		}
		return err
	}, nil
}
