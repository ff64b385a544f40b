package main

import (
	"context"
	_ "embed" // the list of licences
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/server"
	"github.com/sallyport-ai/sallyport/internal/sink"
)

// system tells how the installation does, and of one organisation how far what
// follows its trail has got.
func (s *services) system(ctx context.Context, org sallyport.OrgID) (server.SystemView, error) {
	i := s.instance
	v := server.SystemView{
		Version: programVersion(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Node: i.audit.Node, StartedAt: i.audit.Began.UTC(), Now: i.app.now().UTC(),
		Journal:  server.JournalView{Writable: s.journal.Healthy() == nil, Waiting: s.journal.Waiting(), Kept: s.journal.Kept()},
		Limits:   server.LimitsView{Backend: "memory"},
		Process:  processView(),
		Settings: i.settings(),
		Parts:    parts(),
	}
	if i.cfg.Redis != "" {
		v.Limits.Backend = "redis"
	}
	var err error
	if v.Storage, err = i.storage(ctx); err != nil {
		return v, err
	}
	if v.Nodes, err = i.nodes(ctx); err != nil {
		return v, err
	}
	v.Followers, err = i.followers(ctx, org)
	return v, err
}

func (i *instance) storage(ctx context.Context) (v server.StorageView, err error) {
	v.Database, v.Durability = i.db.Kind(), i.cfg.Durability
	if v.Bytes, v.Migration, err = i.db.Size(ctx); err != nil {
		return v, err
	}
	if info, err := os.Stat(i.app.path(runsFile)); err == nil { // there is none on PostgreSQL
		v.RunsBytes = info.Size()
	}
	v.FreeBytes, v.DiskBytes = diskSpace(i.app.data)
	return v, nil
}

func (i *instance) nodes(ctx context.Context) ([]server.NodeView, error) {
	lives, err := i.db.Lives(ctx)
	views := make([]server.NodeView, 0, len(lives))
	for _, l := range lives {
		views = append(views, server.NodeView{Node: l.Node, Boot: l.Boot, ExpiresAt: l.Expires.UTC(), This: l.Boot == i.audit.Boot})
	}
	return views, err
}

func (i *instance) followers(ctx context.Context, org sallyport.OrgID) (server.FollowersView, error) {
	f, err := i.db.Followers(ctx, org)
	if err != nil {
		return server.FollowersView{}, err
	}
	v := server.FollowersView{
		Head: f.Head, Oldest: f.Oldest, Signed: f.Signed, Indexed: f.Indexed, Removed: f.Removed, Ledger: f.Ledger, RolledUp: f.RolledUp,
	}
	if at := f.SignedAt.UTC(); !f.SignedAt.IsZero() {
		v.SignedAt = &at
	}
	sinks, err := i.sinks(ctx, org)
	v.SinksCount = len(sinks)
	for _, k := range sinks {
		v.SinksLate = max(v.SinksLate, int64(k.Lag.Behind(i.app.now()).Seconds()))
	}
	return v, err
}

func processView() server.ProcessView {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return server.ProcessView{
		Goroutines: runtime.NumGoroutine(), HeapBytes: m.HeapAlloc, SysBytes: m.Sys, GCs: m.NumGC, CPUs: runtime.GOMAXPROCS(0),
	}
}

// settings are counts and switches: names, addresses and secrets are the operator's.
func (i *instance) settings() server.SettingsView {
	return server.SettingsView{
		Providers: len(i.cfg.Providers), Models: len(i.cfg.Catalogue()), Sinks: len(i.cfg.Sinks),
		BehindProxy: i.cfg.BehindProxy, TLS: i.cfg.TLS.Cert != "", Metrics: i.cfg.MetricsAddr != "",
		Tracing: i.cfg.Telemetry.OTLPEndpoint != "",
	}
}

// licences has a line for each module: its path, a tab, and its licence. A test
// holds it to the modules that the program is built of, and writes it anew.
//
//go:embed licences.txt
var licences string

// parts lists the modules of this program.
func parts() []server.PartView {
	views := []server.PartView{}
	info, known := debug.ReadBuildInfo()
	if !known {
		return views
	}
	of := make(map[string]string)
	for line := range strings.Lines(licences) {
		module, licence, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		of[module] = licence
	}
	for _, m := range info.Deps {
		views = append(views, server.PartView{Module: m.Path, Version: m.Version, Licence: of[m.Path]})
	}
	return views
}

// sinkBook is the sinks of the configuration, for the API.
type sinkBook struct{ s *services }

func (b sinkBook) List(ctx context.Context, org sallyport.OrgID) ([]sallyport.SinkStatus, error) {
	return b.s.instance.sinks(ctx, org)
}

// Try sends one record to a sink of the configuration that the organisation's trail
// goes to.
func (b sinkBook) Try(ctx context.Context, org sallyport.OrgID, name string, r sallyport.StoredRecord) (refused, err error) {
	cfg, err := b.s.instance.configured(ctx, name)
	if err != nil || cfg.Org != "" && cfg.Org != org {
		return nil, sallyport.WrapError(sallyport.NotFound, "there is no such sink", err)
	}
	return sink.Try(ctx, cfg, b.s.sinkOptions(), r), nil
}
