package storetest

import (
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
