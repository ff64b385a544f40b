package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
)

func testResponses(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	since := Time.Add(-time.Hour)
	keep := func(org sallyport.OrgID, id, previous string, at time.Time) {
		t.Helper()
		ok(t, db.KeepResponse(ctx, sallyport.StoredResponse{
			Org: org, ID: sallyport.ResponseID(id), User: "ann", Previous: sallyport.ResponseID(previous), Content: []byte("sealed " + id), CreatedAt: at,
			Items: []string{"item-" + id, "of-all", "of-all"},
		}))
	}
	keep(org, "a", "", Time)
	keep(org, "b", "a", Time.Add(time.Second))
	keep(org, "c", "b", Time.Add(2*time.Second))
	keep(org, "lost", "nowhere", Time)
	keep(org, "old", "", since)
	keep(org, "follows-old", "old", Time)
	keep(other, "a", "", Time)

	chain, err := db.ResponseChain(ctx, org, "ann", "c", since)
	ok(t, err)
	if len(chain) != 3 || chain[0].ID != "a" || chain[2].ID != "c" || string(chain[1].Content) != "sealed b" || chain[1].Previous != "a" || !chain[0].CreatedAt.Equal(Time) {
		t.Errorf("the chain is %+v", chain)
	}
	got, err := db.Response(ctx, org, "ann", "b", since)
	ok(t, err)
	if got.User != "ann" || got.Previous != "a" || string(got.Content) != "sealed b" {
		t.Errorf("got %+v", got)
	}
	for _, tt := range []struct {
		org  sallyport.OrgID
		user sallyport.UserID
		id   sallyport.ResponseID
	}{{org, "ann", "x"}, {org, "bob", "a"}, {other, "ann", "b"}, {org, "ann", "old"}} {
		_, err := db.Response(ctx, tt.org, tt.user, tt.id, since)
		fails(t, err, sallyport.NotFound)
		_, err = db.ResponseChain(ctx, tt.org, tt.user, tt.id, since)
		fails(t, err, sallyport.NotFound)
	}
	for _, id := range []sallyport.ResponseID{"lost", "follows-old"} {
		_, err := db.Response(ctx, org, "ann", id, since)
		ok(t, err)
		_, err = db.ResponseChain(ctx, org, "ann", id, since)
		fails(t, err, sallyport.NotFound)
	}

	for item, want := range map[string]sallyport.ResponseID{"item-b": "b", "of-all": "c"} {
		got, err := db.ResponseOfItem(ctx, org, "ann", item, since)
		ok(t, err)
		if got.ID != want || string(got.Content) != "sealed "+string(want) {
			t.Errorf("%s is of %+v, want %s", item, got, want)
		}
	}
	for _, user := range []sallyport.UserID{"ann", "bob"} {
		_, err := db.ResponseOfItem(ctx, org, user, map[sallyport.UserID]string{"ann": "item-old", "bob": "item-b"}[user], since)
		fails(t, err, sallyport.NotFound)
	}

	fails(t, db.DeleteResponse(ctx, org, "bob", "b", Time, Event("responses.delete")), sallyport.NotFound)
	ok(t, db.DeleteResponse(ctx, org, "ann", "b", Time, Event("responses.delete")))
	fails(t, db.DeleteResponse(ctx, org, "ann", "b", Time, Event("responses.delete")), sallyport.NotFound)
	_, err = db.ResponseChain(ctx, org, "ann", "c", since)
	fails(t, err, sallyport.NotFound)
	_, err = db.ResponseOfItem(ctx, org, "ann", "item-b", since)
	fails(t, err, sallyport.NotFound)

	// A legal hold keeps what was deleted and what is over.
	ok(t, db.SetPolicy(ctx, org, sallyport.KindAudit, sallyport.LegalHold, []byte("{}"), Event("audit.hold")))
	erase := func(want int64) {
		t.Helper()
		n, err := db.EraseResponses(ctx, since, 10)
		ok(t, err)
		if n != want {
			t.Errorf("erased %d responses, want %d", n, want)
		}
	}
	erase(0)
	ok(t, db.SetPolicy(ctx, org, sallyport.KindAudit, sallyport.LegalHold, nil, Event("audit.hold")))
	erase(2)
	erase(0)
}

func testResponsesCrowd(t *testing.T, db *store.DB) {
	org := NewOrg(t, db)
	for i := range sallyport.ResponsesMax + 2 {
		ok(t, db.KeepResponse(t.Context(), sallyport.StoredResponse{
			Org: org, ID: sallyport.ResponseID(NewID()), User: "ann", Content: []byte("x"), CreatedAt: Time.Add(time.Duration(i) * time.Second),
		}))
	}
	n, err := db.EraseResponses(t.Context(), Time.Add(-time.Hour), 10)
	ok(t, err)
	if n != 2 {
		t.Errorf("%d responses were crowded out, want 2", n)
	}
}

// What a person has is what can be read; what an organisation has is what is stored.
func testTurnsSize(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	wants := func(step string, org sallyport.OrgID, user sallyport.UserID, since time.Time, want int64) {
		t.Helper()
		if size, err := db.TurnsSize(ctx, org, user, since); err != nil || size != want {
			t.Errorf("%s: %q has %d bytes, %v, want %d", step, user, size, err, want)
		}
	}
	before, later := Time.Add(-time.Hour), Time.Add(time.Hour)
	for _, user := range []sallyport.UserID{"ann", "bob", ""} {
		wants("nothing", org, user, before, 0)
	}
	for _, r := range []sallyport.StoredResponse{
		{Org: org, ID: "r1", User: "ann", Content: make([]byte, 100), CreatedAt: Time},
		{Org: org, ID: "r2", User: "ann", Content: make([]byte, 20), CreatedAt: later},
		{Org: org, ID: "r3", User: "bob", Content: make([]byte, 3), CreatedAt: Time},
		{Org: other, ID: "r4", User: "ann", Content: make([]byte, 7), CreatedAt: Time},
	} {
		ok(t, db.KeepResponse(ctx, r))
	}
	thread := sallyport.Thread{Org: org, ID: "conv_1", User: "ann", Metadata: []byte("x"), CreatedAt: Time}
	ok(t, db.CreateThread(ctx, thread, []sallyport.ThreadItem{{Key: "a", Content: make([]byte, 1000)}, {Key: "b", Content: make([]byte, 5000)}}, Event("threads.create")))
	wants("stored", org, "ann", before, 6120)
	wants("stored", org, "ann", Time, 20)
	wants("stored", org, "bob", before, 3)
	wants("stored", org, "", Time, 6123)
	wants("stored", other, "", before, 7)
	ok(t, db.DeleteResponse(ctx, org, "ann", "r1", later, Event("responses.delete")))
	ok(t, db.DeleteThread(ctx, thread, later, Event("threads.delete")))
	wants("deleted", org, "ann", before, 20)
	wants("deleted", org, "", before, 6123)
	for _, erase := range []func(context.Context, time.Time, int) (int64, error){db.EraseResponses, db.EraseThreads} {
		_, err := erase(ctx, before, 10)
		ok(t, err)
	}
	wants("erased", org, "", before, 23)
}
