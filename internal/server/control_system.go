package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
)

// SystemView tells how the installation does: facts of the instance, and of the
// organisation that asks how far what follows its trail and ledger has got. There
// is nothing in it of other organisations, no secret, no address and no content.
type SystemView struct {
	Version   string        `json:"version"`
	Go        string        `json:"go"`
	Platform  string        `json:"platform"`
	Node      string        `json:"node" doc:"Which node answers"`
	StartedAt time.Time     `json:"started_at"`
	Now       time.Time     `json:"now"`
	Storage   StorageView   `json:"storage"`
	Journal   JournalView   `json:"journal"`
	Limits    LimitsView    `json:"limits"`
	Nodes     []NodeView    `json:"nodes" doc:"That hold a lease on the database"`
	Followers FollowersView `json:"followers"`
	Process   ProcessView   `json:"process"`
	Settings  SettingsView  `json:"settings"`
	Parts     []PartView    `json:"parts" doc:"The modules that the program is built of"`
}

// StorageView is where everything lies.
type StorageView struct {
	Database   string `json:"database" enum:"sqlite,postgres"`
	Bytes      int64  `json:"bytes" doc:"Of the database"`
	RunsBytes  int64  `json:"runs_bytes" doc:"Of the engine's own database of runs, where it is a file"`
	Durability string `json:"durability"`
	Migration  int64  `json:"migration" doc:"Number of the newest migration"`
	FreeBytes  int64  `json:"free_bytes,omitempty" doc:"Of the disk with the data folder; absent where that is not known"`
	DiskBytes  int64  `json:"disk_bytes,omitempty"`
}

// JournalView is the writer of calls.
type JournalView struct {
	Writable bool `json:"writable" doc:"The trail can be written, as far as is known"`
	Waiting  int  `json:"waiting" doc:"Entries that wait for the writer"`
	Kept     int  `json:"kept" doc:"Outcomes that could not be written and are tried again"`
}

// LimitsView is where limits are counted.
type LimitsView struct {
	Backend string `json:"backend" enum:"memory,redis"`
}

// NodeView is one node that serves.
type NodeView struct {
	Node      string    `json:"node"`
	Boot      string    `json:"boot_id"`
	ExpiresAt time.Time `json:"expires_at" doc:"Unless it is renewed"`
	This      bool      `json:"this"`
}

// FollowersView is how far what follows the trail and the ledger of the
// organisation is behind.
type FollowersView struct {
	Head       int64      `json:"head" doc:"Number of the last record"`
	Oldest     int64      `json:"oldest" doc:"Number of the first record that is there"`
	Signed     int64      `json:"signed" doc:"The last record that a checkpoint covers"`
	SignedAt   *time.Time `json:"signed_at"`
	Indexed    int64      `json:"indexed" doc:"The last record that the index of searches has"`
	Removed    int64      `json:"removed" doc:"The last record that retention has removed; 0: none"`
	Ledger     int64      `json:"ledger" doc:"The last entry of the ledger"`
	RolledUp   int64      `json:"rolled_up" doc:"The last entry that is in the sums of usage"`
	SinksLate  int64      `json:"sinks_behind_seconds" doc:"Of the sink that is furthest behind"`
	SinksCount int        `json:"sinks"`
}

// ProcessView is the process that answers.
type ProcessView struct {
	Goroutines int    `json:"goroutines"`
	HeapBytes  uint64 `json:"heap_bytes"`
	SysBytes   uint64 `json:"sys_bytes" doc:"Taken from the system"`
	GCs        uint32 `json:"gcs"`
	CPUs       int    `json:"cpus"`
}

// SettingsView is what the operator has set, as numbers and choices.
type SettingsView struct {
	Providers   int  `json:"providers" doc:"That the file defines"`
	Models      int  `json:"models"`
	Sinks       int  `json:"sinks"`
	BehindProxy bool `json:"behind_proxy"`
	TLS         bool `json:"tls"`
	Metrics     bool `json:"metrics"`
	Tracing     bool `json:"tracing"`
}

// PartView is a module and its licence.
type PartView struct {
	Module  string `json:"module"`
	Version string `json:"version"`
	Licence string `json:"licence"`
}

type diagnosticsAnswer struct {
	Disposition string `header:"Content-Disposition"`
	Body        diagnosticsView
}

// diagnosticsView is what an administrator sends to whoever helps.
type diagnosticsView struct {
	MadeAt        time.Time          `json:"made_at"`
	System        SystemView         `json:"system"`
	Sinks         []sinkView         `json:"sinks"`
	Verifications []verificationView `json:"verifications"`
}

// controlSystem tells how the installation does.
func (s *Server) controlSystem(api huma.API) {
	huma.Register(api, operation("getSystem", "system.get", http.MethodGet, "/system", "How the installation does"),
		func(ctx context.Context, _ *struct{}) (*body[SystemView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (SystemView, error) { return s.parts.System(ctx, p.Org) }))
		})
	huma.Register(api, operation("getDiagnostics", "system.diagnostics", http.MethodGet, "/system/diagnostics", "The same and more as a file for whoever helps, without secrets and content"),
		func(ctx context.Context, _ *struct{}) (*diagnosticsAnswer, error) {
			d, err := look(s, ctx, func(p sallyport.Principal) (diagnosticsView, error) { return s.diagnostics(ctx, p.Org) })
			if err != nil {
				return nil, err
			}
			return &diagnosticsAnswer{`attachment; filename="sallyport-diagnostics.json"`, d}, nil
		})
}

func (s *Server) diagnostics(ctx context.Context, org sallyport.OrgID) (d diagnosticsView, err error) {
	d.MadeAt = s.parts.Now().UTC()
	if d.System, err = s.parts.System(ctx, org); err != nil {
		return d, err
	}
	if d.Sinks, err = s.sinks(ctx, org); err != nil {
		return d, err
	}
	for i := range d.Sinks {
		d.Sinks[i].Error = "" // it may name a host
	}
	d.Verifications, err = s.verifications(ctx, org)
	return d, err
}
