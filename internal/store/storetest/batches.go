package storetest

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// commit writes entries as one batch.
func commit(t *testing.T, db *store.DB, entries ...journal.Entry) []journal.Result {
	t.Helper()
	results, err := db.CommitBatch(t.Context(), journal.BatchID(NewID()), entries)
	if err != nil {
		t.Fatalf("CommitBatch: %v", err)
	}
	if len(results) != len(entries) {
		t.Fatalf("CommitBatch gave %d results for %d entries", len(results), len(entries))
	}
	return results
}

// fund gives an organisation whole credits.
func fund(t *testing.T, db *store.DB, org sallyport.OrgID, credits int64) {
	t.Helper()
	_, err := db.Grant(t.Context(), org, sallyport.Credits(credits)*sallyport.Credit, "", Event("credit.grant"))
	ok(t, err)
}

func testBatch(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	fund(t, db, org, 1)
	entries := []journal.Entry{
		{Org: other, Record: Event("login")},
		Intent(org, "c-1", sallyport.Credit),
		Intent(org, "c-2", sallyport.Credit), // refused
		Outcome(org, "c-9", 0),               // late
		{Org: sallyport.InstanceOrg, Record: Event("refused")},
	}
	id := journal.BatchID(NewID())
	_, err := db.Batch(ctx, id)
	fails(t, err, sallyport.NotFound)
	results, err := db.CommitBatch(ctx, id, entries)
	ok(t, err)
	want := []journal.Result{{Seq: 2}, {Seq: 3}, {Seq: 4, Refused: true}, {Seq: 5, Late: true}, {Seq: 1}}
	if !reflect.DeepEqual(results, want) {
		t.Errorf("results are %+v, want %+v", results, want)
	}
	stored, err := db.Batch(ctx, id)
	ok(t, err)
	if !reflect.DeepEqual(stored, want) {
		t.Errorf("stored results are %+v, want %+v", stored, want)
	}
	for _, org := range []sallyport.OrgID{org, other, sallyport.InstanceOrg} {
		VerifyChain(t, db, org)
	}
	if entries[1].Record.Seq != 0 {
		t.Error("CommitBatch changed the caller's entries")
	}
	results, err = db.CommitBatch(ctx, journal.BatchID(NewID()), nil)
	if err != nil || len(results) != 0 {
		t.Errorf("an empty batch gave %v and %v, want nothing", results, err)
	}
}

func testBatchRepeated(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	fund(t, db, org, 5)
	id := journal.BatchID(NewID())
	entries := []journal.Entry{Intent(org, "c-1", sallyport.Credit), Intent(org, "c-2", 9*sallyport.Credit)}
	first, err := db.CommitBatch(ctx, id, entries)
	ok(t, err)
	unchanged(t, db, org, func() {
		second, err := db.CommitBatch(ctx, id, entries)
		ok(t, err)
		if !reflect.DeepEqual(first, second) {
			t.Errorf("the repeat gave %+v, want %+v", second, first)
		}
	})
	WantBalance(t, db, org, 5*sallyport.Credit, sallyport.Credit)
}

func testBatchRefusesEntry(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	fund(t, db, org, 100)
	taken := Intent(org, "taken", 1)
	commit(t, db, taken)
	both := Intent(org, "c-9", 1)
	both.Close = &journal.Close{Call: "c-9"}
	sameEvent := Outcome(org, "taken", 1)
	sameEvent.Record.EventID = taken.Record.EventID
	unreadable := Outcome(org, "taken", 1)
	unreadable.Record.Change = []byte("{")
	for name, c := range map[string]struct {
		entry journal.Entry
		code  sallyport.Code
	}{
		"unknown organisation":   {Intent("nobody", "c-9", 1), sallyport.NotFound},
		"instance has no credit": {Intent(sallyport.InstanceOrg, "c-9", 0), sallyport.NotFound},
		"call exists":            {Intent(org, "taken", 1), sallyport.Conflict},
		"event exists":           {sameEvent, sallyport.Conflict},
		"negative hold":          {Intent(org, "c-9", -1), sallyport.Internal},
		"negative cost":          {Outcome(org, "taken", -1), sallyport.Internal},
		"opens and closes":       {both, sallyport.Internal},
		"cannot be encoded":      {unreadable, sallyport.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			few := []journal.Entry{Intent(org, "c-1", 1), {Org: org, Record: Event("login")}}
			for _, others := range [][]journal.Entry{few, intents(org, many)} {
				bad := len(others)
				entries := append(slices.Clone(others), c.entry, Intent(org, "c-2", 1))
				unchanged(t, db, org, func() {
					_, err := db.CommitBatch(ctx, journal.BatchID(NewID()), entries)
					var refused *journal.EntryError
					if !errors.As(err, &refused) || refused.Index != bad {
						t.Fatalf("error is %v, want an EntryError for entry %d", err, bad)
					}
					fails(t, refused.Err, c.code)
				})
			}
			WantBalance(t, db, org, 100*sallyport.Credit, 1)
		})
	}
	VerifyChain(t, db, org)
}

// many is how many entries make a batch large, which a database may write in
// another way than a small one.
const many = 40

// intents open n calls, of which each holds 1.
func intents(org sallyport.OrgID, n int) (all []journal.Entry) {
	for range n {
		all = append(all, Intent(org, sallyport.CallID(NewID()), 1))
	}
	return all
}

// What a batch writes does not depend on how large it is.
func testBatchOfMany(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	fund(t, db, org, 1)
	fund(t, db, other, 1)
	opened := append(intents(org, many), intents(other, many)...)
	for i := range opened {
		if i%2 == 0 { // of some the source is not known
			opened[i].Record.Source = sallyport.Source{}
		}
	}
	commit(t, db, opened...)

	var entries []journal.Entry
	var kept []sallyport.CallID
	for _, open := range opened {
		end := Outcome(open.Org, open.Open.Call, 1)
		if open.Org == org {
			end = withContent(org, open.Open.Call, "u1", Time)
			kept = append(kept, open.Open.Call)
		}
		end.Close.Opened = open.Open
		// A call that is opened and closed between those that were open before.
		short := Intent(open.Org, sallyport.CallID(NewID()), 1)
		entries = append(entries, end, short, Outcome(open.Org, short.Open.Call, 1))
	}
	for i, r := range commit(t, db, entries...) {
		if r.Refused || r.Late {
			t.Errorf("entry %d: the result is %+v", i, r)
		}
	}
	wantContents(t, db, org, kept...)
	calls, err := db.OpenCalls(ctx, Node, "boot-2", 10)
	ok(t, err)
	if len(calls) != 0 {
		t.Errorf("still open are %+v", calls)
	}
	for _, org := range []sallyport.OrgID{org, other} {
		WantBalance(t, db, org, sallyport.Credit-2*many, 0)
		if n := len(VerifyChain(t, db, org)); n != 2+4*many {
			t.Errorf("the trail has %d records, want %d", n, 2+4*many)
		}
		stored, err := db.Records(ctx, org, 2, many)
		ok(t, err)
		for i, r := range stored {
			if known := r.Source != (sallyport.Source{}); known != (i%2 != 0) || known != (r.SourceSalt != nil) {
				t.Errorf("record %d has the source %+v with the salt %x", r.Seq, r.Source, r.SourceSalt)
			}
		}
		VerifyLedger(t, db, org)
	}
}

// A call that others have closed makes its own outcome late, and the large batch
// that believed it to be open is written all the same.
func testBatchOfManyMistaken(t *testing.T, db *store.DB) {
	org := NewOrg(t, db)
	fund(t, db, org, 1)
	opened := intents(org, many)
	commit(t, db, opened...)
	var ends []journal.Entry
	for _, open := range opened {
		end := Outcome(org, open.Open.Call, 1)
		end.Close.Opened = open.Open
		ends = append(ends, end)
	}
	const closed = many / 2
	commit(t, db, Outcome(org, opened[closed].Open.Call, 0))
	for i, r := range commit(t, db, append(ends, intents(org, many)...)...) {
		if r.Late != (i == closed) {
			t.Errorf("entry %d: the result is %+v", i, r)
		}
	}
	WantBalance(t, db, org, sallyport.Credit-(many-1), many)
	VerifyChain(t, db, org)
	VerifyLedger(t, db, org)
}

// A call's id opens and closes nothing in another organisation.
func testBatchOtherOrganisation(t *testing.T, db *store.DB) {
	org, other := NewOrg(t, db), NewOrg(t, db)
	fund(t, db, org, 5)
	fund(t, db, other, 5)
	commit(t, db, Intent(org, "c-1", sallyport.Credit))
	if r := commit(t, db, Outcome(other, "c-1", sallyport.Credit)); !r[0].Late {
		t.Error("a call was closed from another organisation")
	}
	commit(t, db, Intent(other, "c-1", 2*sallyport.Credit))
	commit(t, db, Outcome(other, "c-1", 2*sallyport.Credit))
	WantBalance(t, db, org, 5*sallyport.Credit, sallyport.Credit)
	WantBalance(t, db, other, 3*sallyport.Credit, 0)
}

// Within one batch each entry stands on those before it.
func testBatchOpensAndCloses(t *testing.T, db *store.DB) {
	org := NewOrg(t, db)
	fund(t, db, org, 2)
	results := commit(t, db,
		Intent(org, "c-1", 2*sallyport.Credit),
		Intent(org, "c-2", 2*sallyport.Credit), // refused: all is held
		Outcome(org, "c-1", 0),
		Intent(org, "c-3", 2*sallyport.Credit), // free again
		Outcome(org, "c-1", sallyport.Credit),  // late
	)
	want := []journal.Result{{Seq: 3}, {Seq: 4, Refused: true}, {Seq: 5}, {Seq: 6}, {Seq: 7, Late: true}}
	if !reflect.DeepEqual(results, want) {
		t.Errorf("results are %+v, want %+v", results, want)
	}
	WantBalance(t, db, org, 2*sallyport.Credit, 2*sallyport.Credit)
	VerifyChain(t, db, org)
	VerifyLedger(t, db, org)
}

func testOpenCalls(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	fund(t, db, org, 5)
	first, second, third := Intent(org, "c-1", 3), Intent(other, "c-2", 0), Intent(org, "c-3", 1)
	first.Open.Created, second.Open.Created, third.Open.Created = 30, 20, 10
	elsewhere := Intent(org, "c-4", 1)
	elsewhere.Open.Node = "node-2"
	commit(t, db, first, second, third, elsewhere)
	commit(t, db, Outcome(org, "c-3", 1))

	calls, err := db.OpenCalls(ctx, Node, "boot-2", 10)
	ok(t, err)
	if len(calls) != 2 || calls[0].Call != "c-2" || calls[1].Call != "c-1" {
		t.Fatalf("open calls are %+v, want c-2 and c-1", calls)
	}
	got, want := calls[1], *first.Open
	want.Refusal = nil
	if got.Org != org || got.Node != Node || got.Boot != Boot || !reflect.DeepEqual(got.Open, want) {
		t.Errorf("the open call is %+v, want %+v", got, want)
	}
	records, err := db.Records(ctx, org, 2, 1)
	ok(t, err)
	if string(got.Intent) != string(records[0].Body) {
		t.Errorf("the intent is %s, want the stored body %s", got.Intent, records[0].Body)
	}
	calls, err = db.OpenCalls(ctx, Node, "boot-2", 1)
	ok(t, err)
	if len(calls) != 1 {
		t.Errorf("%d open calls, want one as asked", len(calls))
	}
	calls, err = db.OpenCalls(ctx, Node, Boot, 10)
	ok(t, err)
	if len(calls) != 0 {
		t.Errorf("open calls of this boot are listed: %+v", calls)
	}
}
