package main

import (
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport-ai/sallyport/internal/store"
)

// revokedWithin is how soon a revoked key must be dead on every server: a second on a
// quiet machine, which make races asks for.
var revokedWithin = flag.Duration("revoked-within", readyTime, "how soon servers must obey what was changed elsewhere")

// TestNodesRevokedKey revokes keys on one server, by the command line, and while
// no server can hear of it: every server refuses them, without a restart.
func TestNodesRevokedKey(t *testing.T) {
	t.Parallel()
	c := openCluster(t, mockConfig, clusterNodes)
	for _, tt := range []struct {
		name   string
		deaf   bool
		revoke func(id string)
	}{
		{"on a server", false, c.revoke},
		{"by the command line", false, func(id string) { c.command("key", "revoke", id) }},
		{"while nobody listens", true, c.revoke},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var key struct {
				ID     string `json:"id"`
				APIKey string `json:"api_key"`
			}
			if err := json.Unmarshal(c.command("key", "create", "--name", "short-lived", "--json"), &key); err != nil {
				t.Fatal(err)
			}
			if tt.deaf {
				defer c.deafen(t)()
			}
			ask := func(node int) int {
				status, text, err := c.send(t.Context(), node, key.APIKey, http.MethodGet, "/v1/models", "")
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				return status
			}
			for node := range clusterNodes { // which keep the key in memory from now on
				if status := ask(node); status != http.StatusOK {
					t.Fatalf("server %d: status %d", node, status)
				}
			}
			tt.revoke(key.ID)
			revoked := time.Now()
			for node := range clusterNodes {
				for ask(node) != http.StatusUnauthorized {
					if time.Since(revoked) > *revokedWithin {
						t.Fatalf("server %d: the key works %s after it was revoked", node, time.Since(revoked))
					}
				}
			}
			t.Logf("refused everywhere after %s", time.Since(revoked))
		})
	}
}

func (c *cluster) revoke(id string) {
	c.t.Helper()
	status, text, err := c.send(c.t.Context(), 0, c.account.APIKey, http.MethodDelete, "/api/v1/keys/"+id, "")
	if err != nil || status != http.StatusNoContent {
		c.t.Fatalf("revoke: %d %s: %v", status, text, err)
	}
}

// deafen lets nobody listen for changes until stop: it ends the connections that
// do, again and again.
func (c *cluster) deafen(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	conn, err := pgx.Connect(t.Context(), c.env["SALLYPORT_DATABASE"])
	if err != nil {
		t.Fatal(err)
	}
	end := func() int64 {
		done, err := conn.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = $1`, store.ListenerName)
		if err != nil && ctx.Err() == nil {
			t.Error(err)
		}
		return done.RowsAffected()
	}
	if n := end(); n != clusterNodes {
		t.Errorf("%d servers listened, want %d", n, clusterNodes)
	}
	var ending sync.WaitGroup
	ending.Go(func() {
		for ctx.Err() == nil {
			end()
		}
	})
	return func() {
		cancel()
		ending.Wait()
		_ = conn.Close(context.Background()) // it was ended in the middle of a question
	}
}
