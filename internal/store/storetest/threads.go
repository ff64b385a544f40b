package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// said are items, each "id/message" or "id/message/call".
func said(of ...string) []sallyport.ThreadItem {
	var items []sallyport.ThreadItem
	for _, one := range of {
		field := append(strings.Split(one, "/"), "")
		items = append(items, sallyport.ThreadItem{
			Key: NewID(), ID: field[0], Message: int64(field[1][0] - '0'), Call: field[2], Content: []byte("sealed " + field[0]),
		})
	}
	return items
}

func idsOf(items []sallyport.ThreadItem) string {
	var ids []string
	for _, i := range items {
		ids = append(ids, i.ID)
	}
	return strings.Join(ids, " ")
}

func testThreads(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	since := Time.Add(-time.Hour)
	thread := sallyport.Thread{Org: org, ID: "conv_1", User: "ann", Metadata: []byte("sealed"), CreatedAt: Time}
	ok(t, db.CreateThread(ctx, thread, said("a/0", "b/1"), Event("threads.create")))
	fails(t, db.CreateThread(ctx, thread, nil, Event("threads.create")), sallyport.Conflict)
	got, err := db.Thread(ctx, org, "conv_1", since)
	ok(t, err)
	if got.User != "ann" || string(got.Metadata) != "sealed" || !got.CreatedAt.Equal(Time) {
		t.Errorf("got %+v", got)
	}
	_, err = db.Thread(ctx, other, "conv_1", since)
	fails(t, err, sallyport.NotFound)
	_, err = db.Thread(ctx, org, "conv_1", Time)
	fails(t, err, sallyport.NotFound)

	// A response's turn is added with it, or not at all.
	later := Time.Add(time.Minute)
	turn := sallyport.StoredResponse{
		Org: org, ID: "resp_1", User: "ann", Content: []byte("x"), CreatedAt: later, Thread: "conv_1", Said: said("c/0", "d/1/call", "e/1/call", "b/2"),
	}
	ok(t, db.KeepResponse(ctx, turn))
	turn.Said = said("never/0")
	fails(t, db.KeepResponse(ctx, turn), sallyport.Conflict)
	turn.ID, turn.User = "resp_2", "bob"
	fails(t, db.KeepResponse(ctx, turn), sallyport.NotFound)
	_, err = db.Response(ctx, org, "bob", "resp_2", since)
	fails(t, err, sallyport.NotFound)
	turn.ID, turn.User, turn.Said = "", "ann", said("f/0")
	ok(t, db.KeepResponse(ctx, turn))
	if got, err = db.Thread(ctx, org, "conv_1", Time); err != nil || !got.UpdatedAt.Equal(later) {
		t.Errorf("got %+v, %v", got, err)
	}

	all, err := db.ThreadItems(ctx, got, sallyport.ThreadQuery{})
	ok(t, err)
	if len(all) != 7 || all[5].ID != all[5].Key || idsOf(slices.Delete(slices.Clone(all), 5, 6)) != "a b c d e f" || string(all[5].Content) != "sealed b" {
		t.Fatalf("the items are %+v", all)
	}
	twice := all[5].ID
	for _, tt := range []struct {
		q    sallyport.ThreadQuery
		want string
	}{
		{sallyport.ThreadQuery{Messages: 2}, "a b"},
		{sallyport.ThreadQuery{Messages: 2, After: all[1].Seq}, "c d e"},
		{sallyport.ThreadQuery{Messages: 1, After: all[3].Seq}, "e"},
		{sallyport.ThreadQuery{Messages: 3, Newest: true}, "f " + twice + " e d"},
		{sallyport.ThreadQuery{Messages: 1, Newest: true, After: all[4].Seq}, "d"},
		{sallyport.ThreadQuery{Newest: true, After: all[2].Seq}, "b a"},
		{sallyport.ThreadQuery{After: all[6].Seq}, ""},
	} {
		items, err := db.ThreadItems(ctx, got, tt.q)
		ok(t, err)
		if idsOf(items) != tt.want {
			t.Errorf("%+v: got %s, want %s", tt.q, idsOf(items), tt.want)
		}
	}
	for id, want := range map[string]int64{"a": all[0].Seq, "call": all[4].Seq, twice: all[5].Seq} {
		i, err := db.ThreadItem(ctx, got, id)
		ok(t, err)
		if i.Seq != want {
			t.Errorf("%s is %+v", id, i)
		}
	}
	for _, id := range []string{"", "never"} {
		_, err = db.ThreadItem(ctx, got, id)
		fails(t, err, sallyport.NotFound)
	}

	ok(t, db.UpdateThread(ctx, sallyport.Thread{Org: org, ID: "conv_1", User: "ann", Metadata: []byte("new")}, Event("threads.update")))
	fails(t, db.UpdateThread(ctx, sallyport.Thread{Org: org, ID: "conv_1", User: "bob", Metadata: []byte("no")}, Event("threads.update")), sallyport.NotFound)
	if got, err = db.Thread(ctx, org, "conv_1", since); err != nil || string(got.Metadata) != "new" {
		t.Errorf("got %+v, %v", got, err)
	}
	ok(t, db.DeleteThreadItem(ctx, got, all[6], Event("threads.delete_item")))
	fails(t, db.DeleteThreadItem(ctx, got, all[6], Event("threads.delete_item")), sallyport.NotFound)
	// Its place is not given again.
	added, err := db.AddThreadItems(ctx, got, said("f/0"), later, Event("threads.add"))
	ok(t, err)
	if len(added) != 1 || added[0].ID != "f" || added[0].Seq <= all[6].Seq {
		t.Errorf("added %+v", added)
	}

	erase := func(want int64) {
		t.Helper()
		n, err := db.EraseThreads(ctx, since, 10)
		ok(t, err)
		if n != want {
			t.Errorf("erased %d threads, want %d", n, want)
		}
	}
	erase(0)
	ok(t, db.SetPolicy(ctx, org, sallyport.KindAudit, sallyport.LegalHold, []byte("{}"), Event("audit.hold")))
	fails(t, db.DeleteThreadItem(ctx, got, all[0], Event("threads.delete_item")), sallyport.Conflict)
	bob := got
	bob.User = "bob"
	fails(t, db.DeleteThread(ctx, bob, later, Event("threads.delete")), sallyport.NotFound)
	ok(t, db.DeleteThread(ctx, got, later, Event("threads.delete")))
	fails(t, db.DeleteThread(ctx, got, later, Event("threads.delete")), sallyport.NotFound)
	fails(t, db.KeepResponse(ctx, turn), sallyport.NotFound)
	erase(0)
	ok(t, db.SetPolicy(ctx, org, sallyport.KindAudit, sallyport.LegalHold, nil, Event("audit.hold")))
	erase(1)
	if all, err = db.ThreadItems(ctx, got, sallyport.ThreadQuery{}); err != nil || len(all) != 0 {
		t.Errorf("items outlive their thread: %+v, %v", all, err)
	}
}

func testThreadsBounds(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	for i := range sallyport.ThreadsMax + 2 {
		at := Time.Add(time.Duration(i) * time.Second)
		thread := sallyport.Thread{Org: org, ID: sallyport.ThreadID(NewID()), User: "ann", Metadata: []byte("x"), CreatedAt: at}
		ok(t, db.CreateThread(ctx, thread, nil, Event("threads.create")))
	}
	n, err := db.EraseThreads(ctx, Time.Add(-time.Hour), 10)
	ok(t, err)
	if n != 2 {
		t.Errorf("%d threads were crowded out, want 2", n)
	}
	full := sallyport.Thread{Org: org, ID: "conv_full", User: "ann", Metadata: []byte("x"), CreatedAt: Time.Add(time.Hour)}
	many := make([]sallyport.ThreadItem, sallyport.ThreadItems)
	for i := range many {
		many[i] = sallyport.ThreadItem{Key: fmt.Sprint("item_", i), Message: int64(i), Content: []byte("x")}
	}
	ok(t, db.CreateThread(ctx, full, many, Event("threads.create")))
	_, err = db.AddThreadItems(ctx, full, said("one/0"), Time, Event("threads.add"))
	fails(t, err, sallyport.InvalidBody)
	large := full
	large.ID = "conv_large"
	ok(t, db.CreateThread(ctx, large, said("one/0"), Event("threads.create")))
	_, err = db.AddThreadItems(ctx, large, []sallyport.ThreadItem{{Key: "k", Content: make([]byte, sallyport.ThreadSize)}}, Time, Event("threads.add"))
	fails(t, err, sallyport.InvalidBody)
}

// Turns that end at the same time stand one after the other, each in one piece.
func testThreadsTogether(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	thread := sallyport.Thread{Org: org, ID: "conv_1", User: "ann", Metadata: []byte("x"), CreatedAt: Time}
	ok(t, db.CreateThread(ctx, thread, nil, Event("threads.create")))
	const turns = 8
	var wg sync.WaitGroup
	errs := make([]error, turns)
	for n := range turns {
		wg.Go(func() {
			errs[n] = db.KeepResponse(ctx, sallyport.StoredResponse{
				Org: org, User: "ann", CreatedAt: Time, Thread: "conv_1", Said: said(fmt.Sprintf("q%d/0", n), fmt.Sprintf("a%d/1", n)),
			})
		})
	}
	wg.Wait()
	for _, err := range errs {
		ok(t, err)
	}
	all, err := db.ThreadItems(ctx, thread, sallyport.ThreadQuery{})
	ok(t, err)
	if len(all) != 2*turns {
		t.Fatalf("there are %d items", len(all))
	}
	for n := 0; n < len(all); n += 2 {
		if all[n].ID[1:] != all[n+1].ID[1:] || all[n].Message != int64(n+1) || all[n+1].Message != int64(n+2) {
			t.Errorf("a turn is torn: %+v", all[n:n+2])
		}
	}
}
