package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/policy"
	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// TestRetentionFaults removes old records again and again: with the first
// durable write failing, then the second, and so on until none is left to fail;
// each in every way. What a failure leaves verifies, and still does after
// retention has run again, which brings it to where it would have come without.
func TestRetentionFaults(t *testing.T) {
	t.Parallel()
	for database, url := range map[string]func(testing.TB) string{"SQLite": storetest.SQLiteURL, "Postgres": storetest.NewPostgres} {
		for _, f := range faults {
			t.Run(database+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				db := storetest.Open(t, url(t))
				n := 1
				for ; ; n++ {
					l := newOldTrail(t, db)
					failing := &failingStore{DB: db, fault: f, at: n}
					_, err := l.retention(failing).Keep(t.Context(), l.keeping)
					if failed := failing.failed(); failed != (err != nil) {
						t.Fatalf("write %d failed: %t, and the error is %v", n, failed, err)
					}
					l.verify(fmt.Sprintf("after write %d", n))
					l.finish()
					if !failing.failed() {
						break
					}
				}
				if n != 5 { // a tombstone and three steps
					t.Errorf("there were %d durable writes, want 4", n-1)
				}
			})
		}
	}
}

func (s *failingStore) AddTombstone(ctx context.Context, t sallyport.Tombstone, sinks []string, rec sallyport.Record) error {
	return s.write(errDisk, func() error { return s.DB.AddTombstone(ctx, t, sinks, rec) })
}

func (s *failingStore) RemoveRecords(ctx context.Context, org sallyport.OrgID) (more bool, err error) {
	stones, err := s.DB.Tombstones(ctx, org)
	if err != nil {
		return false, err
	}
	oldest, err := s.DB.Records(ctx, org, 0, 1)
	if err != nil {
		return false, err
	}
	if len(stones) == 0 || oldest[0].Seq > stones[0].Last { // it writes nothing
		return s.DB.RemoveRecords(ctx, org)
	}
	err = s.write(errDisk, func() error {
		more, err = s.DB.RemoveRecords(ctx, org)
		return err
	})
	return more, err
}

// oldRecords are how many records of an old trail are removed: three steps.
const oldRecords = 1200

// oldTrail is a trail of which the beginning is due.
type oldTrail struct {
	t       *testing.T
	db      *store.DB
	keeping audit.Keeping
	key     audit.CheckpointKey
	head    int64 // before anything is removed
}

func newOldTrail(t *testing.T, db *store.DB) *oldTrail {
	t.Helper()
	org := storetest.NewOrg(t, db)
	key, err := audit.OpenCheckpointKey(org, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	l := &oldTrail{t: t, db: db, keeping: audit.Keeping{Org: org, Days: 30}, key: key}
	l.write(oldRecords-1, storetest.Time)
	l.sign()
	l.write(10, time.Now())
	l.sign()
	if l.head, _, err = db.ChainHead(t.Context(), org); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *oldTrail) write(n int, at time.Time) {
	l.t.Helper()
	for ; n > 0; n -= 250 {
		entries := make([]journal.Entry, min(n, 250))
		for i := range entries {
			entries[i] = journal.Entry{Org: l.keeping.Org, Record: storetest.Event("login")}
			entries[i].Record.Time = at
		}
		if _, err := l.db.CommitBatch(l.t.Context(), journal.BatchID(storetest.NewID()), entries); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *oldTrail) checkpointKey(context.Context, sallyport.OrgID) (audit.CheckpointKey, error) {
	return l.key, nil
}

func (l *oldTrail) checkpointer() *audit.Checkpointer {
	return &audit.Checkpointer{Store: l.db, Key: l.checkpointKey, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
}

func (l *oldTrail) sign() {
	l.t.Helper()
	if _, err := l.checkpointer().Make(l.t.Context(), l.keeping.Org); err != nil {
		l.t.Fatal(err)
	}
}

func (l *oldTrail) retention(db audit.RetentionStore) *audit.Retention {
	return &audit.Retention{
		Store: db, Content: l.db, Key: l.checkpointKey, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Audit: audit.Builder{Node: "n", Boot: "b", Now: time.Now},
	}
}

// verify proves that the trail is whole as it is.
func (l *oldTrail) verify(when string) audit.Report {
	l.t.Helper()
	seq, hash, err := l.db.ChainHead(l.t.Context(), l.keeping.Org)
	if err != nil {
		l.t.Fatal(err)
	}
	report, err := audit.VerifyTrail(audit.Trail(l.t.Context(), l.db, l.keeping.Org, l.key.Public),
		audit.Head{Seq: seq, Hash: hash}, audit.Trust{Key: l.key.Public})
	if err != nil || report.Bad != nil {
		l.t.Fatalf("%s: the trail is bad: %+v %v", when, report.Bad, err)
	}
	return report
}

// finish runs retention once more, without a failure, and twice, and looks at
// what is there then.
func (l *oldTrail) finish() {
	l.t.Helper()
	for range 2 {
		if _, err := l.retention(l.db).Keep(l.t.Context(), l.keeping); err != nil {
			l.t.Fatal(err)
		}
	}
	l.sign()
	report := l.verify("in the end")
	if report.First != oldRecords+1 || report.Removed != oldRecords || report.Tombstones != 1 || report.Last != l.head+1 || report.Signed != report.Last {
		l.t.Fatalf("in the end: %+v, want records %d to %d, and one tombstone", report, oldRecords+1, l.head+1)
	}
	told, err := l.db.FindRecords(l.t.Context(), l.keeping.Org, sallyport.RecordFilter{Action: audit.ActionRetention})
	if err != nil || len(told) != 1 {
		l.t.Fatalf("%d records tell of the removal, %v; want one", len(told), err)
	}
	if slices.ContainsFunc(told, func(r sallyport.StoredRecord) bool { return r.Seq != l.head+1 }) {
		l.t.Errorf("record %d tells of the removal, want %d", told[0].Seq, l.head+1)
	}
}

// keepsContent keeps what calls say.
var keepsContent = policy.Audit{Content: policy.Content{Level: sallyport.ContentAnswer}}

// compareContents finds, for each record that names content, that content, and no other.
func (p *place) compareContents(t *testing.T, records []sallyport.Record) {
	t.Helper()
	kept, err := p.db.Contents(t.Context(), p.org, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.Content == nil {
			if r.Outcome == sallyport.OutcomeSuccess && r.Phase == sallyport.PhaseOutcome {
				t.Errorf("call %s was answered, and nothing is kept of it", r.Call)
			}
			continue
		}
		if len(kept) == 0 || kept[0].Seq != r.Seq || kept[0].Call != r.Call {
			t.Fatalf("the content of record %d is not kept", r.Seq)
		}
		stored, err := p.db.Records(t.Context(), p.org, r.Seq-1, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (&instance{ring: p.ring}).openContent(t.Context(), kept[0], stored[0]); err != nil {
			t.Errorf("the content of record %d: %v", r.Seq, err)
		}
		kept = kept[1:]
	}
	if len(kept) > 0 {
		t.Errorf("content is kept for record %d, which names none", kept[0].Seq)
	}
}
