package storetest

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
)

func testRecords(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	for range 5 {
		commit(t, db, journal.Entry{Org: org, Record: Event("login")})
	}
	page, err := db.Records(ctx, org, 2, 3)
	ok(t, err)
	if len(page) != 3 || page[0].Seq != 3 || page[2].Seq != 5 {
		t.Errorf("records after 2 are %+v, want 3 to 5", page)
	}
	for org, want := range map[sallyport.OrgID]int{other: 1, "nobody": 0} {
		page, err := db.Records(ctx, org, 0, 0)
		ok(t, err)
		if len(page) != want {
			t.Errorf("%s has %d records, want %d", org, len(page), want)
		}
	}
	if n := len(VerifyChain(t, db, org)); n != 6 {
		t.Errorf("%d records, want 6", n)
	}
}

// A change and its record are written together or not at all.
func testChangeAndRecordTogether(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	bad := Event("policy.set")
	bad.Change = json.RawMessage("{") // cannot be encoded
	unchanged(t, db, org, func() {
		if err := db.SetPolicy(ctx, org, "dlp", "", []byte("x"), bad); err == nil {
			t.Error("a change without its record was accepted")
		}
	})
	_, err := db.Policy(ctx, org, "dlp", "")
	fails(t, err, sallyport.NotFound)

	ok(t, db.SetPolicy(ctx, org, "dlp", "", []byte("x"), Event("policy.set")))
	records := VerifyChain(t, db, org)
	if last := records[len(records)-1]; last.Action != "policy.set" {
		t.Errorf("the last record tells of %q, want policy.set", last.Action)
	}
}

func testFindRecords(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	rec := func(action string, change func(*sallyport.Record)) journal.Entry {
		r := Event(action)
		r.Outcome = ""
		change(&r)
		return journal.Entry{Org: org, Record: r}
	}
	results := commit(t, db,
		rec("a", func(r *sallyport.Record) { r.Actor.Key = "k9" }),
		rec("b", func(r *sallyport.Record) { r.Outcome, r.Code = "failure", sallyport.RateLimited }),
		rec("b", func(r *sallyport.Record) { r.ModelRequested, r.ModelUsed = "asked", "used" }),
		rec("a", func(r *sallyport.Record) { r.Call = "c-1" }),
		rec("a", func(r *sallyport.Record) { r.Time = Time.Add(time.Hour) }),
		rec("c", func(r *sallyport.Record) {
			r.Actor.User, r.Route, r.EventID = "u-9", "GET /v1/\"<x>\"", "event-6"
			r.DLP = &sallyport.RecordDLP{Findings: []sallyport.Finding{{Type: "EMAIL_ADDRESS"}}}
		}),
		// The bytes are there, but elsewhere.
		rec("c", func(r *sallyport.Record) {
			r.Change = json.RawMessage(`{"user_id":"u-9","route":"GET /v1/\"\u003cx\u003e\"","type":"EMAIL_ADDRESS"}`)
		}),
		rec("c", func(r *sallyport.Record) {
			r.Actor.User, r.DLP = "u-9", &sallyport.RecordDLP{Counts: map[string]int{"in:PHONE_NUMBER": 1}}
		}),
	)
	at := func(i int) int64 { return results[i-1].Seq }
	for _, c := range []struct {
		name   string
		filter sallyport.RecordFilter
		want   []int64
	}{
		{"action", sallyport.RecordFilter{Action: "b"}, []int64{at(3), at(2)}},
		{"key", sallyport.RecordFilter{Key: "k9"}, []int64{at(1)}},
		{"outcome", sallyport.RecordFilter{Outcome: "failure"}, []int64{at(2)}},
		{"code", sallyport.RecordFilter{Code: sallyport.RateLimited}, []int64{at(2)}},
		{"model asked for", sallyport.RecordFilter{Model: "asked"}, []int64{at(3)}},
		{"model used", sallyport.RecordFilter{Model: "used"}, []int64{at(3)}},
		{"call", sallyport.RecordFilter{Call: "c-1"}, []int64{at(4)}},
		{"since", sallyport.RecordFilter{Since: Time.Add(time.Hour)}, []int64{at(5)}},
		{"event", sallyport.RecordFilter{Event: "event-6"}, []int64{at(6)}},
		{"actor", sallyport.RecordFilter{Actor: "u-9"}, []int64{at(8), at(6)}},
		{"actor, one at a time", sallyport.RecordFilter{Actor: "u-9", Before: at(8), Limit: 1}, []int64{at(6)}},
		{"route", sallyport.RecordFilter{Route: "GET /v1/\"<x>\""}, []int64{at(6)}},
		{"finding", sallyport.RecordFilter{Finding: "EMAIL_ADDRESS"}, []int64{at(6)}},
		{"counted finding", sallyport.RecordFilter{Finding: "PHONE_NUMBER"}, []int64{at(8)}},
		{"half a finding", sallyport.RecordFilter{Finding: "NUMBER"}, nil},
		{"finding of nobody", sallyport.RecordFilter{Finding: "EMAIL_ADDRESS", Actor: "u1"}, nil},
		{"until", sallyport.RecordFilter{Until: Time.Add(time.Hour), Action: "a"}, []int64{at(4), at(1)}},
		{"before", sallyport.RecordFilter{Before: at(4), Limit: 2}, []int64{at(3), at(2)}},
		{"limit", sallyport.RecordFilter{Limit: 1}, []int64{at(8)}},
		{"together", sallyport.RecordFilter{Action: "b", Model: "used", Until: Time.Add(time.Microsecond)}, []int64{at(3)}},
		{"none", sallyport.RecordFilter{Action: "b", Key: "k9"}, nil},
	} {
		found, err := db.FindRecords(ctx, org, c.filter)
		ok(t, err)
		var got []int64
		for _, r := range found {
			got = append(got, r.Seq)
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: found %v, want %v", c.name, got, c.want)
		}
	}
	found, err := db.FindRecords(ctx, other, sallyport.RecordFilter{Call: "c-1"})
	ok(t, err)
	if len(found) != 0 {
		t.Errorf("found %+v in another organisation, want nothing", found)
	}
}

func testSource(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	with := Event("login")
	with.Source = sallyport.Source{IP: "192.0.2.7", UserAgent: "curl/8.5.0"}
	ok(t, db.SetPolicy(ctx, org, "dlp", "", []byte("x"), with))
	stored, err := db.Records(ctx, org, 0, 0)
	ok(t, err)
	records := VerifyChain(t, db, org)
	if r := stored[0]; r.Source != (sallyport.Source{}) || r.SourceSalt != nil || records[0].SourceHash != "" {
		t.Errorf("a record without a source has %+v", r)
	}
	r := stored[1]
	if r.Source != with.Source || len(r.SourceSalt) != 16 {
		t.Errorf("source is %+v with a salt of %d bytes, want %+v and 16", r.Source, len(r.SourceSalt), with.Source)
	}
	if want := r.Source.Hash(r.SourceSalt); records[1].SourceHash != want {
		t.Errorf("source hash is %q, want %q", records[1].SourceHash, want)
	}
	if strings.Contains(string(r.Body), "192.0.2.7") || strings.Contains(string(r.Body), "curl") {
		t.Errorf("the source is in the chain: %s", r.Body)
	}
}

// What clients name (models, agents of their browsers) can be anything, and
// must not keep a record from being written.
func testHostileText(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	long := strings.Repeat("é", 10_000)
	for _, name := range []string{"\x00", "a\x00b", "\xff\xfe", "\u2028", "'; DROP TABLE records; --", long} {
		e := Intent(org, sallyport.CallID(NewID()), 0)
		e.Record.ModelRequested, e.Open.Model = name, name
		e.Record.Source = sallyport.Source{IP: name, UserAgent: name}
		commit(t, db, e)
		found, err := db.FindRecords(ctx, org, sallyport.RecordFilter{Model: name, Limit: 1})
		ok(t, err)
		if name != "\x00" && len(found) != 1 { // of that nothing is left to search by
			t.Errorf("the record of model %.20q is not found by it", name)
		}
	}
	VerifyChain(t, db, org)
}

func testInstanceTrail(t *testing.T, db *store.DB) {
	ctx := t.Context()
	const extra, size = 300, 250
	var written int64
	for written < store.InstanceRecordsMax+extra {
		entries := make([]journal.Entry, size)
		for i := range entries {
			entries[i] = journal.Entry{Org: sallyport.InstanceOrg, Record: Event("refused")}
		}
		commit(t, db, entries...)
		written += size
	}
	head, _, err := db.ChainHead(ctx, sallyport.InstanceOrg)
	ok(t, err)
	records, err := db.Records(ctx, sallyport.InstanceOrg, 0, 2*store.InstanceRecordsMax)
	ok(t, err)
	if len(records) != store.InstanceRecordsMax || head != written {
		t.Fatalf("%d records up to %d are kept, want the newest %d of %d", len(records), head, store.InstanceRecordsMax, written)
	}
	for i, r := range records[1:] {
		if r.Prev != records[i].Hash || r.Hash != sallyport.ChainHash(r.Prev, r.Body) {
			t.Fatalf("record %d does not follow the one before", r.Seq)
		}
	}
	_, err = db.Org(ctx, sallyport.InstanceOrg)
	fails(t, err, sallyport.NotFound)
	fails(t, db.SetPolicy(ctx, sallyport.InstanceOrg, "dlp", "", []byte("x"), Event("x")), sallyport.NotFound)
}
