package storetest

import (
	"reflect"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// withContent is the entry that closes a call of which something is kept.
func withContent(org sallyport.OrgID, call sallyport.CallID, user sallyport.UserID, at time.Time) journal.Entry {
	e := Outcome(org, call, 1)
	e.Record.Time, e.Record.Actor.User = at, user
	e.Content = &sallyport.Content{Call: call, User: user, At: at, Salt: []byte("salt of " + call), Sealed: []byte("sealed " + call)}
	return e
}

// keepContents makes so many calls, one a day, and keeps their content. The
// outcomes are records 3, 5, 7 …: the organisation's first, and an intent each.
func keepContents(t *testing.T, db *store.DB, org sallyport.OrgID, n int) (calls []sallyport.CallID) {
	t.Helper()
	for i := range n {
		call := sallyport.CallID(NewID())
		commit(t, db, Intent(org, call, 1))
		commit(t, db, withContent(org, call, sallyport.UserID([]string{"ann", "bea"}[i%2]), Time.AddDate(0, 0, i)))
		calls = append(calls, call)
	}
	return calls
}

// wantContents fails the test unless the contents of these calls are kept, and no others.
func wantContents(t *testing.T, db *store.DB, org sallyport.OrgID, calls ...sallyport.CallID) []sallyport.Content {
	t.Helper()
	kept, err := db.Contents(t.Context(), org, 0, 0)
	ok(t, err)
	var got []sallyport.CallID
	for _, c := range kept {
		got = append(got, c.Call)
	}
	if !reflect.DeepEqual(got, calls) {
		t.Errorf("kept are the contents of %v, want %v", got, calls)
	}
	return kept
}

// Content is written with the record of its call, and apart from it.
func testContents(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	calls := keepContents(t, db, org, 3)
	kept := wantContents(t, db, org, calls...)
	want := *withContent(org, calls[1], "bea", Time.AddDate(0, 0, 1)).Content
	want.Org, want.Seq = org, 5
	if len(kept) != 3 || !reflect.DeepEqual(kept[1], want) {
		t.Errorf("kept is %+v, want %+v", kept[1], want)
	}
	wantContents(t, db, other)
	VerifyChain(t, db, org)

	// An entry that is refused leaves nothing, and one that comes late keeps its content.
	bad := withContent(org, "nobody's", "ann", Time)
	bad.Close.Cost = -1
	if _, err := db.CommitBatch(ctx, journal.BatchID(NewID()), []journal.Entry{bad}); err == nil {
		t.Error("a negative cost was accepted")
	}
	late := withContent(org, calls[0], "ann", Time)
	commit(t, db, late)
	wantContents(t, db, org, append(calls, calls[0])...)
	left := withContent(org, calls[0], "ann", Time)
	left.Close.OnlyOpen = true
	commit(t, db, left)
	wantContents(t, db, org, append(calls, calls[0])...)
}

// Nobody looks at content without a record of it.
func testLookAtContent(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	calls := keepContents(t, db, org, 2)
	look := func(call sallyport.CallID, seq int64) {
		t.Helper()
		c, r, err := db.LookAtContent(ctx, org, call, seq, Event("audit.content"))
		ok(t, err)
		if c.Call != calls[1] || c.Seq != 5 || r.Seq != 5 {
			t.Errorf("looked at %+v of record %d, want the content of record 5", c, r.Seq)
		}
		records := VerifyChain(t, db, org)
		if last := records[len(records)-1]; last.Action != "audit.content" || last.Resource != "content/"+string(calls[1]) {
			t.Errorf("the trail tells of %s %s, want who looked at what", last.Action, last.Resource)
		}
	}
	look(calls[1], 0)
	look("", 5)
	for _, org := range []sallyport.OrgID{org, other} {
		unchanged(t, db, org, func() {
			_, _, err := db.LookAtContent(ctx, org, "nothing", 4, Event("audit.content"))
			fails(t, err, sallyport.NotFound)
		})
	}
	unchanged(t, db, other, func() {
		_, _, err := db.LookAtContent(ctx, other, calls[1], 5, Event("audit.content"))
		fails(t, err, sallyport.NotFound)
	})
}

func testEraseContents(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	calls := keepContents(t, db, org, 4)
	others := keepContents(t, db, other, 2)
	erase := func(f sallyport.Erasure, want int64) {
		t.Helper()
		var erased int64
		more, err := db.EraseContents(ctx, org, f, func(n int64) sallyport.Record {
			erased = n
			return Event("audit.erase")
		})
		ok(t, err)
		if erased != want || more {
			t.Errorf("%+v: %d erased, more: %t; want %d", f, erased, more, want)
		}
		records := VerifyChain(t, db, org)
		if last := records[len(records)-1]; last.Action != "audit.erase" {
			t.Errorf("%+v: the trail tells of %s, want the erasure", f, last.Action)
		}
	}
	_, err := db.EraseContents(ctx, org, sallyport.Erasure{}, nil)
	fails(t, err, sallyport.InvalidBody)
	hold(t, db, org, true)
	unchanged(t, db, org, func() {
		_, err = db.EraseContents(ctx, org, sallyport.Erasure{User: "ann"}, func(int64) sallyport.Record { return Event("audit.erase") })
		fails(t, err, sallyport.Conflict)
	})
	hold(t, db, org, false)
	wantContents(t, db, org, calls...)

	if old, err := db.OldContent(ctx, org, Time); err != nil || old {
		t.Errorf("there is older content: %t %v", old, err)
	}
	if old, err := db.OldContent(ctx, org, Time.Add(time.Second)); err != nil || !old {
		t.Errorf("there is no older content: %t %v", old, err)
	}
	erase(sallyport.Erasure{Call: others[0]}, 0)
	erase(sallyport.Erasure{Call: calls[1], User: "ann"}, 0)
	erase(sallyport.Erasure{Call: calls[1], User: "bea"}, 1)
	wantContents(t, db, org, calls[0], calls[2], calls[3])
	erase(sallyport.Erasure{User: "ann", Before: Time.AddDate(0, 0, 2)}, 1)
	wantContents(t, db, org, calls[2], calls[3])
	erase(sallyport.Erasure{Before: Time.AddDate(0, 0, 9)}, 2)
	wantContents(t, db, org)
	wantContents(t, db, other, others...)
}

// Much is erased in steps, and goes with the records that it belongs to.
func testContentsInSteps(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	const calls = 130
	for range calls {
		call := sallyport.CallID(NewID())
		commit(t, db, Intent(org, call, 0), withContent(org, call, "ann", Time))
	}
	var erased []int64
	for more := true; more; {
		var err error
		more, err = db.EraseContents(ctx, org, sallyport.Erasure{User: "ann", Before: Time.Add(time.Hour)}, func(n int64) sallyport.Record {
			erased = append(erased, n)
			return Event("audit.erase")
		})
		ok(t, err)
	}
	if !reflect.DeepEqual(erased, []int64{100, 30}) {
		t.Errorf("erased in steps of %v, want 100 and 30", erased)
	}

	rest := keepContents(t, db, org, 2)
	size := int64(2*calls + 1 + 2 + 4)
	sign(t, db, org, 0, size-2)
	ok(t, db.AddTombstone(ctx, tombstone(org, 1, size-2), nil, Event("audit.retention")))
	for more := true; more; {
		var err error
		more, err = db.RemoveRecords(ctx, org)
		ok(t, err)
	}
	wantFirst(t, db, org, size-1)
	wantContents(t, db, org, rest[1])
}

func testEraseAddresses(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	write := func(org sallyport.OrgID, n int, user sallyport.UserID, at time.Time) {
		t.Helper()
		entries := make([]journal.Entry, n)
		for i := range entries {
			r := Event("login")
			r.Actor.User, r.Time = user, at
			r.Source = sallyport.Source{IP: "192.0.2.7", UserAgent: "curl/8"}
			r.Change = []byte(`{"user_id":"ann"}`) // of whom it is told, not who did it
			entries[i] = journal.Entry{Org: org, Record: r}
		}
		commit(t, db, entries...)
	}
	write(org, 2, "ann", Time)
	write(org, 2, "bea", Time.Add(time.Hour))
	write(org, 1, "ann", Time.AddDate(0, 0, 1))
	write(other, 2, "ann", Time)
	addresses := func(of sallyport.OrgID, want ...int64) {
		t.Helper()
		var got []int64
		records, err := db.Records(ctx, of, 0, 0)
		ok(t, err)
		for _, r := range records {
			if r.Source != (sallyport.Source{}) || r.SourceSalt != nil {
				got = append(got, r.Seq)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("addresses stand beside the records %v, want %v", got, want)
		}
	}
	erase := func(f sallyport.Erasure, want int64) {
		t.Helper()
		var erased int64
		_, more, err := db.EraseAddresses(ctx, org, f, 0, func(n int64) sallyport.Record {
			erased = n
			return Event("audit.erase")
		})
		ok(t, err)
		if erased != want || more {
			t.Errorf("%+v: %d erased, more: %t; want %d", f, erased, more, want)
		}
		VerifyChain(t, db, org)
	}
	addresses(org, 2, 3, 4, 5, 6)
	_, _, err := db.EraseAddresses(ctx, org, sallyport.Erasure{}, 0, nil)
	fails(t, err, sallyport.InvalidBody)
	hold(t, db, org, true)
	unchanged(t, db, org, func() {
		_, _, err = db.EraseAddresses(ctx, org, sallyport.Erasure{User: "ann"}, 0, func(int64) sallyport.Record { return Event("audit.erase") })
		fails(t, err, sallyport.Conflict)
	})
	hold(t, db, org, false)
	addresses(org, 2, 3, 4, 5, 6)

	erase(sallyport.Erasure{User: "nobody"}, 0)
	erase(sallyport.Erasure{User: "ann", Before: Time.Add(time.Minute)}, 2)
	addresses(org, 4, 5, 6)
	erase(sallyport.Erasure{User: "ann"}, 1)
	addresses(org, 4, 5)
	erase(sallyport.Erasure{Before: Time.AddDate(0, 0, 9)}, 2)
	addresses(org)
	erase(sallyport.Erasure{Before: Time.AddDate(0, 0, 9)}, 0)
	addresses(other, 2, 3)

	// Many go in steps.
	head, _, err := db.ChainHead(ctx, org)
	ok(t, err)
	write(org, 620, "ann", Time)
	var erased []int64
	for last, more := int64(0), true; more; {
		last, more, err = db.EraseAddresses(ctx, org, sallyport.Erasure{User: "ann"}, last, func(n int64) sallyport.Record {
			erased = append(erased, n)
			return Event("audit.erase")
		})
		ok(t, err)
		if want := head + 500; len(erased) == 1 && last != want {
			t.Errorf("the first step ended with record %d, want %d", last, want)
		}
	}
	if !reflect.DeepEqual(erased, []int64{500, 120}) {
		t.Errorf("erased in steps of %v, want 500 and 120", erased)
	}
	addresses(org)
}
