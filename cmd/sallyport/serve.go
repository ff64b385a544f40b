package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/config"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/server"
)

type serveCmd struct {
	Addr string `help:"Where to listen. Default: 127.0.0.1:8080, or what the file says." placeholder:"HOST:PORT"`
	setupFlags
}

// How long a stop may take beyond the drain_time of the configuration: calls
// under way may end in it, then they are cut, and what they used is settled and
// written.
const (
	stopTime = 15 * time.Second
	// cutTime is how long calls that outlived the drain may take to tell their
	// clients so, and to record it, before their connections are closed.
	cutTime = 10 * time.Second
	// noticeTime is how long a balancer in front may still send calls after the
	// readiness probe has begun to fail.
	noticeTime = 3 * time.Second
)

// gcPercent trades memory for work: what lives is small here and what passes is
// much, so the collector may wait longer than by default. Measured with 256
// callers of 100 KB: 478 µs of CPU a call instead of 537, and 192 MiB of memory
// instead of 155. The variable GOGC wins over it.
const gcPercent = 200

func (c *serveCmd) Run(ctx context.Context, a *app) (err error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	cfg, err := a.configuration(ctx, c.Addr, true)
	if err != nil {
		return err
	}
	if err := checkSinks(cfg); err != nil {
		return err
	}
	log := newLog(a.log, cfg.Log)
	for _, w := range cfg.Warnings() {
		log.Warn("configuration: " + w)
	}
	i, err := a.create(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.close()) }()
	lock, err := a.lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	listeners, err := listen(ctx, cfg)
	if err != nil {
		return err
	}
	s, err := i.start(ctx, cfg, log)
	if err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		err = errors.Join(err, s.stop(stopping))
	}()
	stopMetrics, err := s.serveMetrics(ctx, cfg.MetricsAddr)
	if err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	defer func() { err = errors.Join(err, stopMetrics()) }()
	return s.serve(ctx, cfg, listeners, func() error {
		// As late as can be: password and key are told once, so nothing may
		// fail between making and telling them.
		made, err := i.setUp(ctx, c.setupFlags)
		if err != nil {
			return err
		}
		return greet(a.out, publicURL(cfg, listeners[0].Addr().String()), made)
	})
}

// lock makes this the one process that serves the data folder.
func (a *app) lock() (*flock.Flock, error) {
	lock := flock.New(a.path(lockFile), flock.SetPermissions(0o600))
	got, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if !got {
		return nil, fmt.Errorf("a server is running on the data folder %s already: stop it first, or name another folder with --data", a.data)
	}
	return lock, nil
}

func newLog(w io.Writer, cfg config.Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.Level)) // checked with the configuration
	options := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// serve answers HTTP until ctx ends. ready is called when all else is.
func (s *services) serve(ctx context.Context, cfg *config.Config, listeners []net.Listener, ready func() error) error {
	front := s.server(cfg)
	watching, stopWatching := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	defer func() { stopWatching(); background.Wait() }()
	background.Go(func() { s.watch(watching) })
	background.Go(func() { s.followUsage(watching) })
	background.Go(func() { s.followTrail(watching, cfg) })
	background.Go(func() { s.forgetAnswers(watching) })

	failed := make(chan error, len(listeners)) // each server ends once
	servers := make([]*http.Server, len(listeners))
	for n, l := range listeners {
		servers[n] = front.HTTP()
		servers[n].Handler = s.telemetry.Handler(servers[n].Handler)
		background.Go(func() { failed <- serveOne(servers[n], l, cfg.TLS) })
	}
	err := s.told(ctx, "server.start", map[string]string{"version": programVersion(), "addr": listeners[0].Addr().String()})
	if err == nil {
		err = ready()
	}
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-failed:
		case <-s.journal.Lost():
			err = journal.ErrLeaseEnded
		}
	}
	front.Drain()
	if cfg.BehindProxy && err == nil {
		wait(noticeTime)
	}
	after := context.WithoutCancel(ctx)
	return errors.Join(err, shutDown(after, time.Duration(cfg.DrainTime), front, servers), settled(after, front), s.told(after, "server.stop", nil))
}

func (s *services) server(cfg *config.Config) *server.Server {
	i := s.instance
	return server.New(server.Parts{
		Keys: i.keys, Gateway: s.gateway, Journal: s.journal, Models: s.models, Agents: s.agents,
		Policies: s.policies, Limiter: s.limiter, Engine: s.engine, Audit: i.audit,
		Control: i.db, KeyMaker: i.keys, Sealer: i.ring, Requests: i.db,
		FileModels: func(id string) bool {
			return slices.ContainsFunc(cfg.Catalogue(), func(m sallyport.Model) bool { return m.ID == id })
		},
		FileProviders: func(name string) bool {
			return slices.ContainsFunc(cfg.Providers, func(p config.Provider) bool { return p.Name == name })
		},
		Now: i.app.now, Log: s.log, Forget: s.forget, TrustedProxies: cfg.Networks(), Version: programVersion(),
	})
}

// listen opens every address or none.
func listen(ctx context.Context, cfg *config.Config) (listeners []net.Listener, err error) {
	addrs := []string{cfg.Addr}
	if cfg.InferenceAddr != "" {
		addrs = append(addrs, cfg.InferenceAddr)
	}
	for _, addr := range addrs {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
		if err != nil {
			err = errors.Join(err, closeAll(listeners))
			return nil, fmt.Errorf("%w: end the program that has the address, or choose another with --addr", err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

func closeAll(listeners []net.Listener) error {
	errs := make([]error, len(listeners))
	for n, l := range listeners {
		errs[n] = l.Close()
	}
	return errors.Join(errs...)
}

func serveOne(h *http.Server, l net.Listener, tls config.TLS) (err error) {
	if tls.Cert != "" {
		err = h.ServeTLS(l, tls.Cert, tls.Key)
	} else {
		err = h.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// shutDown takes no new calls and lets those under way end. What takes longer
// than drain is told that the server stops; a connection that does not take even
// that is closed.
func shutDown(ctx context.Context, drain time.Duration, front *server.Server, servers []*http.Server) error {
	if drained(ctx, drain, servers) {
		return nil
	}
	front.Cut()
	if drained(ctx, cutTime, servers) {
		return nil
	}
	errs := make([]error, len(servers))
	for n, h := range servers {
		errs[n] = h.Close()
	}
	return errors.Join(errs...)
}

// drained waits until no server has a call under way, at most for the time, and
// says whether that came.
func drained(ctx context.Context, most time.Duration, servers []*http.Server) bool {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	var late atomic.Bool
	var ending sync.WaitGroup
	for _, h := range servers {
		ending.Go(func() {
			if h.Shutdown(ctx) != nil {
				late.Store(true)
			}
		})
	}
	ending.Wait()
	return !late.Load()
}

// settled waits until calls that were cut have recorded how they ended.
func settled(ctx context.Context, front *server.Server) error {
	ending, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	return front.Wait(ending)
}

// told writes a start or stop into the instance's trail. A server that cannot
// write its trail does not start.
func (s *services) told(ctx context.Context, action string, change any) error {
	rec := s.instance.audit.Event(sallyport.Principal{}, action, "", change)
	_, err := s.journal.Commit(ctx, journal.Entry{Org: sallyport.InstanceOrg, Record: rec})
	return err
}

// wait waits.
func wait(d time.Duration) { <-time.After(d) }
