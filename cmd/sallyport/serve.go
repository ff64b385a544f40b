package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/config"
	"github.com/sallyport-ai/sallyport/internal/identity"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/server"
)

type serveCmd struct {
	Addr       string `help:"Where to listen. Default: 127.0.0.1:8080, or what the file says." placeholder:"HOST:PORT"`
	NoInit     bool   `help:"Make no organisation at the first start: print a link instead, to set up in the browser."`
	CPUProfile string `help:"Write a CPU profile to this new file until the server stops." placeholder:"FILE" name:"cpu-profile" hidden:""`
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
	// liveTime is for how long one stream of what is new in a trail lasts.
	liveTime = 10 * time.Minute
	// noticeTime is how long a balancer in front may still send calls after the
	// readiness probe has begun to fail.
	noticeTime = 3 * time.Second
)

func (c *serveCmd) Run(ctx context.Context, a *app) (err error) {
	stopProfile, err := profileCPU(c.CPUProfile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopProfile()) }()
	cfg, err := a.configuration(ctx, c.Addr, true)
	if err != nil {
		return err
	}
	if err := checkSinks(cfg); err != nil {
		return err
	}
	lines := newLogWriter(a.log)
	defer func() { _ = lines.flush() }() // where the log cannot be written nobody is left to be told
	log := newLog(lines, cfg.Log)
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
		url := publicURL(cfg, listeners[0].Addr().String())
		if c.NoInit {
			return i.greetFirst(ctx, url)
		}
		made, err := i.setUp(ctx, c.setupFlags)
		if err != nil {
			return err
		}
		return greet(a.out, url, made)
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

// serve answers HTTP until ctx ends. ready is called when all else is.
func (s *services) serve(ctx context.Context, cfg *config.Config, listeners []net.Listener, ready func() error) error {
	front := s.server(cfg)
	watching, stopWatching := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	defer func() { stopWatching(); background.Wait() }()
	background.Go(func() { keepMemory(watching) })
	background.Go(func() { s.watch(watching) })
	background.Go(func() { s.instance.present.Watch(watching) })
	background.Go(func() { s.followUsage(watching) })
	background.Go(func() { s.followTrail(watching, cfg) })
	background.Go(func() { s.forgetOld(watching) })
	background.Go(func() { s.watchClock(watching) })
	background.Go(func() { s.writeKeyUse(watching) })
	background.Go(func() { s.followLists(watching, cfg) })
	background.Go(func() { front.LookAfterResponses(watching) })

	failed := make(chan error, len(listeners)) // each server ends once
	servers := make([]*http.Server, len(listeners))
	for n, l := range listeners {
		servers[n] = front.HTTP()
		servers[n].Handler = s.telemetry.Handler(servers[n].Handler)
		l := server.Bounded(l, cfg.Networks(), s.log)
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
	background.Go(func() { s.drainAnswers(after, time.Duration(cfg.DrainTime)) })
	return errors.Join(err, shutDown(after, time.Duration(cfg.DrainTime), front, servers), settled(after, front), s.told(after, "server.stop", nil))
}

func (s *services) server(cfg *config.Config) *server.Server {
	i := s.instance
	door := identity.NewDoor(i.db, i.app.now)
	return server.New(server.Parts{
		Keys: i.keys, Sessions: i.sessions, Door: door, Invites: identity.NewInvites(i.db, i.ring, door, i.app.now),
		Setup: firstSetup{i}, Gateway: s.gateway, Journal: s.journal, Models: s.models, Agents: s.agents, Chats: s.chats,
		Policies: s.policies, Limiter: s.limiter, Engine: s.engine, Audit: i.audit,
		Control: i.db, KeyMaker: i.keys, Sealer: i.ring, Requests: i.db, Responses: i.db, Threads: i.db, Files: i.db, Sinks: sinkBook{s}, System: s.system, LiveTime: liveTime,
		Prover: i.checkpointer(s.log),
		FileModels: func(id string) bool {
			return slices.ContainsFunc(cfg.Catalogue(), func(m sallyport.Model) bool { return m.ID == id })
		},
		FileProviders: func(name string) bool {
			return slices.ContainsFunc(cfg.Providers, func(p config.Provider) bool { return p.Name == name })
		},
		Operators: operatorProviders(cfg), Probe: s.providers.Probe, Lists: s.lists, PrivateNetworks: cfg.Private(),
		Now: i.app.now, Log: s.log, Forget: s.forget, TrustedProxies: cfg.Networks(), Version: programVersion(),
	})
}

func operatorProviders(cfg *config.Config) []server.OperatorProvider {
	list := make([]server.OperatorProvider, 0, len(cfg.Providers))
	for _, p := range cfg.Providers {
		list = append(list, server.OperatorProvider{Name: p.Name, Type: p.Type, Credential: p.APIKey != "" || len(p.APIKeys) > 0})
	}
	return list
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

func serveOne(h *http.Server, l net.Listener, files config.TLS) error {
	if files.Cert == "" {
		l = server.Framed(l)
	} else {
		pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		if err != nil {
			return errors.Join(fmt.Errorf("tls: %w", err), l.Close())
		}
		l = server.FramedTLS(l, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	}
	err := h.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// shutDown takes no new calls and lets those under way end. What takes longer
// than drain is told that the server stops; a connection that does not take even
// that is closed.
func shutDown(ctx context.Context, drain time.Duration, front *server.Server, servers []*http.Server) error {
	if drained(ctx, drain, front, servers) {
		return nil
	}
	front.Cut()
	if drained(ctx, cutTime, front, servers) {
		return nil
	}
	errs := make([]error, len(servers))
	for n, h := range servers {
		errs[n] = h.Close()
	}
	return errors.Join(errs...)
}

// drained waits until no server has a call under way, nor a response in the
// background, at most for the time, and says whether that came.
func drained(ctx context.Context, most time.Duration, front *server.Server, servers []*http.Server) bool {
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
	ending.Go(func() {
		if front.Idle(ctx) != nil {
			late.Store(true)
		}
	})
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
