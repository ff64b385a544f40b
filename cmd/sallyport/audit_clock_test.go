package main

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// A clock that was set is told of in every trail, while the server runs and when
// it finds at its start that it was set back.
func TestClockIsTold(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db := storetest.SQLite(t)
	now := time.Now()
	life := func(boot string) *instance {
		clock := func() time.Time { return now }
		return &instance{app: &app{now: clock}, db: db, audit: audit.Builder{Node: "n", Boot: boot, Now: clock}}
	}
	first, second := life("first"), life("second")
	j := journal.New(db, journal.Options{Node: "n", Boot: "first", Interrupted: first.audit.Interrupted, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { _ = j.Close(t.Context()) })
	trails := []sallyport.OrgID{storetest.NewOrg(t, db), storetest.NewOrg(t, db), sallyport.InstanceOrg}
	told := func(want ...string) {
		t.Helper()
		for _, org := range trails {
			records, err := db.FindRecords(ctx, org, sallyport.RecordFilter{Action: audit.ClockJump})
			if err != nil || len(records) != len(want) {
				t.Fatalf("the trail of %s tells of %d jumps, want %d; %v", org, len(records), len(want), err)
			}
			for i, r := range records {
				if !strings.Contains(string(r.Body), want[i]) {
					t.Errorf("got %s, want %s", r.Body, want[i])
				}
			}
		}
	}
	behind := func(i *instance) {
		t.Helper()
		if err := i.clockBehind(ctx, j); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.tellJump(ctx, j, audit.JumpTold{MS: -5000}); err != nil {
		t.Fatal(err)
	}
	told(`"change":{"by_ms":-5000}`)
	behind(first) // of its own records it knows better
	now = now.Add(-time.Second)
	behind(second) // no jump yet
	told(`"change":{"by_ms":-5000}`)
	now = now.Add(-time.Hour)
	behind(second)
	told(`"change":{"by_ms":-3601000,"restart":true}`, `"change":{"by_ms":-5000}`)
}
