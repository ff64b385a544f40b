package storetest

import (
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
)

func testHealth(t *testing.T, db *store.DB) {
	ctx := t.Context()
	s := newTrailToSearch(t, db, 700)
	f, err := db.Followers(ctx, s.org)
	ok(t, err)
	if f.Head != 701 || f.Oldest != 1 || f.Signed != 0 || f.Indexed != 0 || !f.SignedAt.IsZero() {
		t.Errorf("at first: %+v", f)
	}
	index(t, db)
	fund(t, db, s.org, 5)
	s.last(t)
	s.bury(t, 0, 300)
	for s.removeSome(t) {
	}
	f, err = db.Followers(ctx, s.org)
	ok(t, err)
	if f.Head != 703 || f.Oldest != 301 || f.Signed != 300 || f.Removed != 300 || f.Indexed != 511 || f.Ledger != 1 || f.SignedAt.IsZero() {
		t.Errorf("then: %+v", f)
	}
	_, err = db.Followers(ctx, "nobody")
	if err == nil {
		t.Error("nobody has followers")
	}

	alive, gone := journal.Life{Node: NewID(), Boot: "b"}, journal.Life{Node: NewID(), Boot: "b"}
	ok(t, db.TakeLease(ctx, alive, time.Hour))
	ok(t, db.TakeLease(ctx, gone, time.Hour))
	ok(t, db.EndLease(ctx, gone))
	lives, err := db.Lives(ctx)
	ok(t, err)
	found := false
	for _, l := range lives {
		found = found || l.Node == alive.Node && l.Boot == "b" && l.Expires.After(time.Now())
		if l.Node == gone.Node {
			t.Error("a life that has ended is listed")
		}
	}
	if !found {
		t.Errorf("the lives are %+v", lives)
	}
	bytes, migration, err := db.Size(ctx)
	ok(t, err)
	if bytes < 1<<16 || migration < 64 || db.Kind() != "sqlite" && db.Kind() != "postgres" {
		t.Errorf("%d bytes, migration %d, %s", bytes, migration, db.Kind())
	}
}
