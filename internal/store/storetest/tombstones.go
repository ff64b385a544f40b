package storetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// grow gives the organisation's trail so many more records.
func grow(t *testing.T, db *store.DB, org sallyport.OrgID, n int) {
	t.Helper()
	entries := make([]journal.Entry, n)
	for i := range entries {
		entries[i] = journal.Entry{Org: org, Record: Event("login")}
	}
	commit(t, db, entries...)
}

// sign makes a checkpoint of the trail's first records, after one of a size from.
func sign(t *testing.T, db *store.DB, org sallyport.OrgID, from, size int64) {
	t.Helper()
	ok(t, db.AddCheckpoint(t.Context(), from, sallyport.Checkpoint{Org: org, Size: size, At: Time, Note: []byte("note")}, nil))
}

func tombstone(org sallyport.OrgID, first, last int64) sallyport.Tombstone {
	return sallyport.Tombstone{Org: org, First: first, Last: last, Body: fmt.Appendf(nil, `{"last_seq":%d}`, last)}
}

// hold sets or ends the organisation's legal hold.
func hold(t *testing.T, db *store.DB, org sallyport.OrgID, on bool) {
	t.Helper()
	var body []byte
	if on {
		body = []byte(`{}`)
	}
	ok(t, db.SetPolicy(t.Context(), org, sallyport.KindAudit, sallyport.LegalHold, body, Event("audit.hold")))
}

func testTombstones(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	grow(t, db, org, 1209) // 1,210 in all
	grow(t, db, other, 9)
	sign(t, db, org, 0, 600)
	sign(t, db, org, 600, 1200)
	sign(t, db, other, 0, 5)
	add := func(first, last int64) error {
		return db.AddTombstone(ctx, tombstone(org, first, last), nil, Event("audit.retention"))
	}
	refused := func(first, last int64, code sallyport.Code) {
		t.Helper()
		unchanged(t, db, org, func() { fails(t, add(first, last), code) })
	}
	refused(1, 601, sallyport.NotFound) // no checkpoint has this size
	refused(1, 5, sallyport.NotFound)   // the other's has
	refused(2, 600, sallyport.Conflict)
	refused(1, 5000, sallyport.Conflict)
	ok(t, add(1, 600))
	refused(1, 600, sallyport.Conflict) // another process was first
	refused(1, 1200, sallyport.Conflict)
	refused(600, 1200, sallyport.Conflict)
	refused(602, 1200, sallyport.Conflict)
	ok(t, add(601, 1200))

	want := []sallyport.Tombstone{tombstone(org, 1, 600), tombstone(org, 601, 1200)}
	stones, err := db.Tombstones(ctx, org)
	ok(t, err)
	if fmt.Sprint(stones) != fmt.Sprint(want) {
		t.Errorf("tombstones are %v, want %v", stones, want)
	}
	if none, err := db.Tombstones(ctx, other); err != nil || len(none) != 0 {
		t.Errorf("the other organisation has the tombstones %v, %v", none, err)
	}

	// What they stand for goes in steps, and nothing else.
	for _, left := range []int64{500, 1000, 1200} {
		more, err := db.RemoveRecords(ctx, org)
		ok(t, err)
		if more != (left < 1200) {
			t.Errorf("more to remove after record %d: %t", left, more)
		}
		wantFirst(t, db, org, left+1)
	}
	if more, err := db.RemoveRecords(ctx, org); err != nil || more {
		t.Errorf("nothing is left to remove: %t %v", more, err)
	}
	wantFirst(t, db, org, 1201)
	if more, err := db.RemoveRecords(ctx, other); err != nil || more {
		t.Errorf("nothing may be removed of the other organisation: %t %v", more, err)
	}
	wantFirst(t, db, other, 1)
	fails(t, db.AddTombstone(ctx, tombstone("nobody", 1, 5), nil, Event("audit.retention")), sallyport.NotFound)
}

// wantFirst fails the test unless the trail's oldest record is that one.
func wantFirst(t *testing.T, db *store.DB, org sallyport.OrgID, seq int64) {
	t.Helper()
	records, err := db.Records(t.Context(), org, 0, 1)
	ok(t, err)
	if len(records) != 1 || records[0].Seq != seq {
		t.Errorf("the oldest record is %v, want number %d", records, seq)
	}
}

// What somebody still needs is not removed.
func testTombstoneNeeds(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	grow(t, db, org, 4)
	call := sallyport.CallID(NewID())
	commit(t, db, Intent(org, call, 0)) // number 6
	grow(t, db, org, 4)
	sign(t, db, org, 0, 5)
	sign(t, db, org, 5, 10)
	sinks := []string{"siem", "file"}
	to := func(want int64, by string) {
		t.Helper()
		got, needs, err := db.RemovableTo(ctx, org, sinks)
		ok(t, err)
		if got != want || !strings.Contains(needs, by) || (needs == "") != (by == "") {
			t.Errorf("removable to %d, the next is needed by %q; want %d, %q", got, needs, want, by)
		}
	}
	add := func(first, last int64) error {
		return db.AddTombstone(ctx, tombstone(org, first, last), sinks, Event("audit.retention"))
	}
	to(0, "siem") // a sink that has not begun
	ok(t, db.AdvanceSink(ctx, "siem", org, 0, 8, Time))
	to(0, "file")
	ok(t, db.AdvanceSink(ctx, "file", org, 0, 4, Time))
	to(4, "file")
	fails(t, add(1, 5), sallyport.Conflict)
	ok(t, db.AdvanceSink(ctx, "file", org, 4, 10, Time))
	to(5, "under way")
	fails(t, add(1, 10), sallyport.Conflict)
	ok(t, add(1, 5))
	commit(t, db, Outcome(org, call, 0))
	to(8, "siem")
	for sink, from := range map[string]int64{"siem": 8, "file": 10} {
		ok(t, db.AdvanceSink(ctx, sink, org, from, 12, Time))
	}
	to(12, "") // the record of the tombstone, and the outcome, are the last
	ok(t, add(6, 10))
}

// A legal hold stops what has begun, too.
func testLegalHold(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	grow(t, db, org, 700)
	sign(t, db, org, 0, 600)
	stone := tombstone(org, 1, 600)

	hold(t, db, org, true)
	fails(t, db.AddTombstone(ctx, stone, nil, Event("audit.retention")), sallyport.Conflict)
	hold(t, db, org, false)
	ok(t, db.AddTombstone(ctx, stone, nil, Event("audit.retention")))
	more, err := db.RemoveRecords(ctx, org)
	ok(t, err)
	if !more {
		t.Error("nothing more is to be removed after 500 of 600")
	}
	hold(t, db, org, true)
	_, err = db.RemoveRecords(ctx, org)
	fails(t, err, sallyport.Conflict)
	wantFirst(t, db, org, 501)
	hold(t, db, org, false)
	_, err = db.RemoveRecords(ctx, org)
	ok(t, err)
	wantFirst(t, db, org, 601)
}
