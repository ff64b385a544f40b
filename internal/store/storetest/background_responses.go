package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
)

func testBackgroundResponses(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	ours, dead := journal.Life{Node: "ours", Boot: NewID()}, journal.Life{Node: "dead", Boot: NewID()}
	ok(t, db.TakeLease(ctx, ours, time.Hour))
	ok(t, db.TakeLease(ctx, dead, time.Hour))
	response := func(org sallyport.OrgID, id, content string) sallyport.StoredResponse {
		return sallyport.StoredResponse{Org: org, ID: sallyport.ResponseID(id), User: "ann", Content: []byte(content), CreatedAt: Time}
	}
	begin := func(id string, l journal.Life) {
		t.Helper()
		ok(t, db.BeginResponse(ctx, response(org, id, "begun"), sallyport.ResponseCall{ID: sallyport.CallID(NewID()), Node: l.Node, Boot: l.Boot}))
	}
	content := func(id, want string) {
		t.Helper()
		got, err := db.Response(ctx, org, "ann", sallyport.ResponseID(id), Time.Add(-time.Hour))
		ok(t, err)
		if string(got.Content) != want {
			t.Errorf("%s is %q, want %q", id, got.Content, want)
		}
	}
	under := func(l journal.Life, want ...sallyport.ResponseID) {
		t.Helper()
		got, err := db.BackgroundResponses(ctx, l.Node, l.Boot)
		ok(t, err)
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("under way are %v, want %v", got, want)
		}
	}
	left := func(want ...sallyport.ResponseID) {
		t.Helper()
		all, err := db.LeftResponses(ctx, ours.Node, ours.Boot, 0)
		ok(t, err)
		var got []sallyport.ResponseID
		for _, r := range all {
			if r.Org == org {
				got = append(got, r.ID)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("left are %v, want %v", got, want)
		}
	}
	for _, id := range []string{"cancelled", "deleted", "done"} {
		begin(id, ours)
	}
	begin("left", dead)
	under(ours, "cancelled", "deleted", "done")
	left()

	done := response(org, "done", "the end")
	done.Items = []string{"item"}
	fails(t, db.FinishResponse(ctx, response(other, "done", "stolen")), sallyport.Conflict)
	ok(t, db.FinishResponse(ctx, done))
	content("done", "the end")
	item, err := db.ResponseOfItem(ctx, org, "ann", "item", Time.Add(-time.Hour))
	ok(t, err)
	if item.ID != "done" {
		t.Errorf("the item is of %s", item.ID)
	}
	ok(t, db.CancelResponse(ctx, response(org, "cancelled", "no more"), Event("responses.cancel")))
	ok(t, db.DeleteResponse(ctx, org, "ann", "deleted", Time, Event("responses.delete")))
	for _, id := range []string{"cancelled", "deleted", "done"} {
		fails(t, db.FinishResponse(ctx, response(org, id, "again")), sallyport.Conflict)
		fails(t, db.CancelResponse(ctx, response(org, id, "again"), Event("responses.cancel")), sallyport.Conflict)
	}
	content("cancelled", "no more")
	content("done", "the end")
	under(ours)

	ok(t, db.EndLease(ctx, dead))
	left("left")
	ok(t, db.FinishResponse(ctx, response(org, "left", "failed")))
	content("left", "failed")
	left()
}
