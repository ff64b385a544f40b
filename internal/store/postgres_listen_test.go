package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// Postgres tells of a change when it is committed, and a watch ends with an
// error when its connection does.
func TestPostgresTellsOfChanges(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	url := storetest.NewPostgres(t)
	db := storetest.Open(t, url)
	org := storetest.NewOrg(t, db)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(ctx, `LISTEN sallyport_changes`); err != nil {
		t.Fatal(err)
	}
	if err := db.SetPolicy(ctx, org, "dlp", "", []byte("x"), storetest.Event("policy.set")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.WaitForNotification(ctx); err != nil {
		t.Errorf("nobody was told of a change: %v", err)
	}

	watching, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() { ended <- db.WatchChanges(ctx, func() { watching <- struct{}{} }) }()
	<-watching
	if _, err := conn.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = $1`, store.ListenerName); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || ctx.Err() != nil {
		t.Errorf("the watch ended with %v, want that its connection was ended", err)
	}
}
