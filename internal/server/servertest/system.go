package servertest

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strconv"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/server"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// OwnSink is a sink of each organisation, with the same name; it takes nothing.
const OwnSink = "own"

// sinks are Sink and OwnSink.
type sinks struct {
	db *store.DB
}

func (s sinks) List(ctx context.Context, org sallyport.OrgID) ([]sallyport.SinkStatus, error) {
	lag, err := s.db.SinkLag(ctx, Sink, org)
	if err != nil {
		return nil, err
	}
	own, err := s.db.SinkLag(ctx, OwnSink, org)
	return []sallyport.SinkStatus{
		{Name: Sink, Type: "webhook", Format: "json", Lag: lag, Failures: 3, Error: "dial tcp 10.0.0.1"},
		{Name: OwnSink, Type: "file", Format: "json", Own: true, Lag: own, Failures: 1, Error: "disk full"},
	}, err
}

func (s sinks) Try(_ context.Context, _ sallyport.OrgID, name string, r sallyport.StoredRecord) (refused, err error) {
	switch {
	case len(r.Body) == 0:
		return nil, errors.New("there is no record")
	case name == Sink:
		return nil, nil
	}
	return errors.New("disk full"), nil
}

// system is what the program tells, as far as a House has it.
func (h *House) system(ctx context.Context, org sallyport.OrgID) (server.SystemView, error) {
	f, err := h.DB.Followers(ctx, org)
	return server.SystemView{
		Version: "test", Node: h.audit.Node, Now: h.Clock.Now(), Storage: server.StorageView{Database: h.DB.Kind()},
		Nodes: []server.NodeView{}, Parts: []server.PartView{}, Followers: server.FollowersView{Head: f.Head, Oldest: f.Oldest},
	}, err
}

// Verify works on the verifications that were asked for.
func (h *House) Verify(t testing.TB) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	w := &audit.Verifications{
		Store: h.DB, Trails: h.DB, Audit: h.audit, Now: h.Clock.Now, Log: log,
		Checkpoints: &audit.Checkpointer{Store: h.DB, Key: checkpointKey, Now: h.Clock.Now, Log: log},
	}
	must(t, w.Due(t.Context()))
}

// Tamper changes a byte of a stored record, as somebody does who has the file.
func (h *House) Tamper(t testing.TB, org sallyport.OrgID, seq int64) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+h.Path+"?_pragma=busy_timeout(10000)")
	must(t, err)
	defer db.Close()
	for _, statement := range []string{
		"DROP TRIGGER IF EXISTS records_update",
		"UPDATE records SET body = CAST(replace(CAST(body AS TEXT), '\"action\":', '\"actiom\":') AS BLOB) WHERE org_id = '" + string(org) + "' AND seq = " + strconv.FormatInt(seq, 10),
	} {
		_, err := db.ExecContext(t.Context(), statement)
		must(t, err)
	}
}
