package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
)

func testVerifications(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	start := func(org sallyport.OrgID, at int) (sallyport.Verification, error) {
		v := sallyport.Verification{Org: org, ID: NewID(), User: "ann", CreatedAt: Time.Add(time.Duration(at) * time.Second)}
		return v, db.StartVerification(ctx, v, Event("audit.verify"))
	}
	v, err := start(org, 0)
	ok(t, err)
	unchanged(t, db, org, func() {
		_, err := start(org, 1)
		fails(t, err, sallyport.Conflict)
	})
	theirs, err := start(other, 2)
	ok(t, err)

	const stale = time.Hour
	claimed, found, err := db.ClaimVerification(ctx, "a", stale)
	ok(t, err)
	if !found || claimed.ID != v.ID || claimed.Org != org || !claimed.CreatedAt.Equal(v.CreatedAt) || claimed.User != "ann" {
		t.Fatalf("claimed %+v, want %+v", claimed, v)
	}
	if second, found, err := db.ClaimVerification(ctx, "b", stale); err != nil || !found || second.ID != theirs.ID {
		t.Fatalf("claimed %+v %v %v, want that of the other organisation", second, found, err)
	}
	if more, found, err := db.ClaimVerification(ctx, "c", stale); err != nil || found {
		t.Fatalf("claimed %+v %v, and both are held", more, err)
	}
	v.Records, v.Head = 5, 9
	ok(t, db.NoteVerification(ctx, v, "a"))
	fails(t, db.NoteVerification(ctx, v, "b"), sallyport.Conflict)
	listed, err := db.Verifications(ctx, org)
	ok(t, err)
	if len(listed) != 1 || listed[0].Records != 5 || listed[0].Head != 9 || !listed[0].EndedAt.IsZero() {
		t.Errorf("got %+v", listed)
	}

	// A holder that is silent for too long, or leaves, is followed by another.
	if _, found, err := db.ClaimVerification(ctx, "c", -stale); err != nil || !found {
		t.Fatalf("what is stale is not claimed: %v", err)
	}
	v.EndedAt, v.Verdict = Time.Add(time.Hour), []byte(`{"ok":true}`)
	unchanged(t, db, org, func() { fails(t, db.EndVerification(ctx, v, "a", Event("audit.verified")), sallyport.Conflict) })
	ok(t, db.LeaveVerification(ctx, v, "a")) // has no effect any more
	ok(t, db.LeaveVerification(ctx, v, "c"))
	if again, found, err := db.ClaimVerification(ctx, "d", stale); err != nil || !found || again.ID != v.ID || again.Records != 0 {
		t.Fatalf("claimed %+v %v %v", again, found, err)
	}
	ok(t, db.EndVerification(ctx, v, "d", Event("audit.verified")))
	fails(t, db.NoteVerification(ctx, v, "d"), sallyport.Conflict)
	for n := range 25 {
		next, err := start(org, 10+n)
		ok(t, err)
		_, _, err = db.ClaimVerification(ctx, "d", stale)
		ok(t, err)
		next.EndedAt, next.Verdict = next.CreatedAt.Add(time.Second), []byte(fmt.Sprint(n))
		ok(t, db.EndVerification(ctx, next, "d", Event("audit.verified")))
	}
	listed, err = db.Verifications(ctx, org)
	ok(t, err)
	if len(listed) != 20 || string(listed[0].Verdict) != "24" || listed[0].EndedAt.IsZero() {
		t.Errorf("%d are remembered, the newest %+v", len(listed), listed[0])
	}
	VerifyChain(t, db, org)
}

func testSavedSearches(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	search := func(name string) sallyport.SavedSearch {
		return sallyport.SavedSearch{ID: NewID(), Name: name, Query: []byte(`{"action":"login"}`), CreatedAt: Time}
	}
	b, a := search("b"), search("a")
	ok(t, db.SaveSearch(ctx, org, "ann", b, Event("audit.save_search")))
	ok(t, db.SaveSearch(ctx, org, "ann", a, Event("audit.save_search")))
	ok(t, db.SaveSearch(ctx, org, "bob", search("a"), Event("audit.save_search")))
	ok(t, db.SaveSearch(ctx, other, "ann", search("a"), Event("audit.save_search")))
	unchanged(t, db, org, func() {
		fails(t, db.SaveSearch(ctx, org, "ann", search("a"), Event("audit.save_search")), sallyport.Conflict)
		fails(t, db.DeleteSearch(ctx, org, "bob", a.ID, Event("audit.delete_search")), sallyport.NotFound)
	})
	unchanged(t, db, other, func() {
		fails(t, db.DeleteSearch(ctx, other, "ann", a.ID, Event("audit.delete_search")), sallyport.NotFound)
	})
	kept, err := db.SavedSearches(ctx, org, "ann")
	ok(t, err)
	if len(kept) != 2 || fmt.Sprint(kept[0]) != fmt.Sprint(a) || kept[1].Name != "b" {
		t.Errorf("kept are %+v", kept)
	}
	ok(t, db.DeleteSearch(ctx, org, "ann", b.ID, Event("audit.delete_search")))
	for n := range sallyport.SavedSearchesMax - 1 {
		ok(t, db.SaveSearch(ctx, org, "ann", search(fmt.Sprint(n)), Event("audit.save_search")))
	}
	unchanged(t, db, org, func() {
		fails(t, db.SaveSearch(ctx, org, "ann", search("more"), Event("audit.save_search")), sallyport.Conflict)
	})
}
