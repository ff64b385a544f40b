package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// archive is a real trail with its followers, and a clock.
type archive struct {
	t   *testing.T
	db  *store.DB
	org sallyport.OrgID
	now time.Time
	key CheckpointKey
	c   *Checkpointer
	r   *Retention
}

func newArchive(t *testing.T, days int64) *archive {
	t.Helper()
	a := &archive{t: t, db: storetest.SQLite(t), now: storetest.Time}
	a.org = storetest.NewOrg(t, a.db)
	var err error
	if a.key, err = OpenCheckpointKey(a.org, bytes.Repeat([]byte{1}, 32)); err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return a.now }
	key := func(context.Context, sallyport.OrgID) (CheckpointKey, error) { return a.key, nil }
	log := slog.New(slog.DiscardHandler)
	a.c = &Checkpointer{Store: a.db, Key: key, Now: clock, Log: log}
	a.r = &Retention{
		Store: a.db, Content: a.db, Key: key, Now: clock, Log: log, Audit: Builder{Node: "n", Boot: "b", Now: clock},
		Keeping: func(context.Context) ([]Keeping, error) { return []Keeping{{Org: a.org, Days: days}}, nil },
	}
	return a
}

// day lets a day pass in which so many records are written and signed.
func (a *archive) day(records int) {
	a.t.Helper()
	a.now = a.now.Add(24 * time.Hour)
	for records > 0 {
		entries := make([]journal.Entry, min(records, 250))
		for i := range entries {
			entries[i] = journal.Entry{Org: a.org, Record: storetest.Event("login")}
			entries[i].Record.Time = a.now
		}
		if _, err := a.db.CommitBatch(a.t.Context(), journal.BatchID(storetest.NewID()), entries); err != nil {
			a.t.Fatal(err)
		}
		records -= len(entries)
	}
	if err := a.c.Due(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
}

// days lets days pass, with ten records on each, and signs what is there.
func (a *archive) days(n int) {
	a.t.Helper()
	for range n {
		a.day(10)
	}
}

func (a *archive) due() {
	a.t.Helper()
	if err := a.r.Due(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
}

func (a *archive) trail() iter.Seq2[Line, error] {
	return Trail(a.t.Context(), a.db, a.org, a.key.Public)
}

func (a *archive) head() Head {
	a.t.Helper()
	seq, hash, err := a.db.ChainHead(a.t.Context(), a.org)
	if err != nil {
		a.t.Fatal(err)
	}
	return Head{Seq: seq, Hash: hash}
}

// whole verifies the trail where the database is, and offline, and returns the report.
func (a *archive) whole(trust Trust) Report {
	a.t.Helper()
	trust.Key, trust.Earlier = a.key.Public, a.c.Earlier(a.t.Context(), a.org)
	live, err := VerifyTrail(a.trail(), a.head(), trust)
	if err != nil || live.Bad != nil {
		a.t.Fatalf("the trail: %+v %v", live.Bad, err)
	}
	var export bytes.Buffer
	if _, err := ExportTrail(&export, a.trail()); err != nil {
		a.t.Fatal(err)
	}
	offline, err := VerifyTrail(ReadTrail(&export), a.head(), Trust{})
	if err != nil || offline.Bad != nil {
		a.t.Fatalf("the export: %+v %v", offline.Bad, err)
	}
	if !reflect.DeepEqual(offline, live) {
		a.t.Errorf("the export is reported as %+v, the trail as %+v", offline, live)
	}
	return live
}

// A trail that is shortened day by day verifies on each, and still has what
// checkpoints stated of what is gone.
func TestRetention(t *testing.T) {
	a := newArchive(t, 3)
	var kept Trust
	for day := 1; day <= 12; day++ {
		a.days(1)
		last, err := a.db.LastCheckpoint(t.Context(), a.org)
		if err != nil {
			t.Fatal(err)
		}
		kept.Notes = append(kept.Notes, last.Note)
		a.due()
		a.due() // a second time on the same day there is nothing to do
		report := a.whole(kept)

		// Kept is what is of today or the three days before. What a checkpoint
		// signs together goes together.
		tombstones := int64(max(0, day-4))
		if report.Tombstones != tombstones {
			t.Fatalf("day %d: %d tombstones, want %d", day, report.Tombstones, tombstones)
		}
		oldest := Records(t.Context(), a.db, a.org, 0)
		for r, err := range oldest {
			if err != nil || report.First != r.Seq || report.Removed != r.Seq-1 {
				t.Fatalf("day %d: the oldest record is %d, and the report %+v, %v", day, r.Seq, report, err)
			}
			if at := timeOf(t, r); at.Before(a.now.AddDate(0, 0, -4)) || at.After(a.now.AddDate(0, 0, -3)) && day > 3 {
				t.Errorf("day %d: the oldest record is of %s", day, at)
			}
			break
		}
	}

	// Proofs are made of what is there.
	for r, err := range Records(t.Context(), a.db, a.org, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if proof, err := a.c.Prove(t.Context(), a.org, r); err != nil || CheckProof(proof, a.key.Public) != nil {
			t.Fatalf("prove record %d: %v", r.Seq, err)
		}
	}

	// A checkpoint of another story is found, also of records that are gone.
	forged, err := a.key.sign(1, sallyport.Hash{1})
	if err != nil {
		t.Fatal(err)
	}
	trust := Trust{Key: a.key.Public, Notes: [][]byte{forged}, Earlier: a.c.Earlier(t.Context(), a.org)}
	report, err := VerifyTrail(a.trail(), a.head(), trust)
	if err != nil {
		t.Fatal(err)
	}
	wantBad(t, "a checkpoint of another trail", report, 1, BadCheckpoint)
	trust.Earlier = nil
	if _, err := VerifyTrail(a.trail(), a.head(), trust); err == nil {
		t.Error("offline a checkpoint of removed records was believed")
	}
}

func timeOf(t *testing.T, r sallyport.StoredRecord) time.Time {
	t.Helper()
	var told sallyport.Record
	if err := json.Unmarshal(r.Body, &told); err != nil {
		t.Fatal(err)
	}
	return told.Time
}

// A trail of which nothing is written any more gets no tombstones for tombstones.
func TestRetentionOfAnIdleTrail(t *testing.T) {
	a := newArchive(t, 2)
	a.days(5)
	for range 10 {
		a.day(0)
		a.due()
	}
	// Days 1 to 5 had records; on days 6 to 8 the last three of them went.
	if report := a.whole(Trust{}); report.Tombstones != 3 || report.Records != 3 {
		t.Errorf("%d tombstones and %d records, want 3 of each: those that tell", report.Tombstones, report.Records)
	}
}

// Longer trails go in steps; what a step leaves verifies.
func TestRetentionInSteps(t *testing.T) {
	a := newArchive(t, 1)
	a.day(1100)
	a.days(3)
	steps := 0
	a.r.Store = stepping{a.db, func() {
		steps++
		a.whole(Trust{})
	}}
	a.due()
	if report := a.whole(Trust{}); steps != 2 || report.Removed != 1111 || report.Tombstones != 1 {
		t.Errorf("%d steps, %d records removed with %d tombstones; want 2, 1111, 1", steps, report.Removed, report.Tombstones)
	}
}

// stepping looks at the trail after each step.
type stepping struct {
	*store.DB
	step func()
}

func (s stepping) RemoveRecords(ctx context.Context, org sallyport.OrgID) (bool, error) {
	more, err := s.DB.RemoveRecords(ctx, org)
	if more {
		s.step()
	}
	return more, err
}

// Who reads a trail while it is shortened is told so, and not that it is bad.
func TestRetentionWhileReading(t *testing.T) {
	for _, at := range []int{0, 499, 900} {
		a := newArchive(t, 1)
		a.day(1100)
		a.days(3)
		n := 0
		report, err := VerifyTrail(func(yield func(Line, error) bool) {
			for line, err := range a.trail() {
				if n == at {
					a.due()
				}
				if n++; !yield(line, err) {
					return
				}
			}
		}, Head{}, Trust{})
		if report.Bad != nil || !errors.Is(err, ErrRemoved) {
			t.Errorf("removed after line %d: %+v %v", at, report.Bad, err)
		}
		a.whole(Trust{})
	}
}

// Nothing goes that a hold, a sink or an open call keeps.
func TestRetentionKeeps(t *testing.T) {
	a := newArchive(t, 1)
	a.days(5)
	keep := func(k Keeping, want int64) {
		t.Helper()
		k.Org = a.org
		n, err := a.r.Keep(t.Context(), k)
		if err != nil || n != want {
			t.Errorf("%+v: %d records removed, %v; want %d", k, n, err, want)
		}
	}
	keep(Keeping{Days: 0}, 0)
	keep(Keeping{Days: 1, Held: true}, 0)
	keep(Keeping{Days: 1, Sinks: []string{"siem"}}, 0)
	if err := a.db.AdvanceSink(t.Context(), "siem", a.org, 0, 15, a.now); err != nil {
		t.Fatal(err)
	}
	keep(Keeping{Days: 1, Sinks: []string{"siem"}}, 11) // the checkpoint before
	keep(Keeping{Days: 1}, 20)
	a.whole(Trust{})
}

// What does not verify is not removed: it is evidence.
func TestRetentionOfADamagedTrail(t *testing.T) {
	for name, damage := range map[string]func(*damaged){
		"a record":        func(d *damaged) { d.record = 7 },
		"the last record": func(d *damaged) { d.record = 11 },
		"a checkpoint":    func(d *damaged) { d.checkpoint = 11 },
	} {
		a := newArchive(t, 2)
		a.days(5)
		d := &damaged{DB: a.db}
		damage(d)
		a.r.Store = d
		if err := a.r.Due(t.Context()); err == nil || !strings.Contains(err.Error(), "audit verify") {
			t.Errorf("%s: removed, error %v", name, err)
		}
		if report := a.whole(Trust{}); report.Removed != 0 {
			t.Errorf("%s: %d records were removed", name, report.Removed)
		}
	}
}

// damaged is a store with a record or a checkpoint that is not as it was written.
type damaged struct {
	*store.DB
	record, checkpoint int64
}

func (d *damaged) Records(ctx context.Context, org sallyport.OrgID, after int64, limit int) ([]sallyport.StoredRecord, error) {
	records, err := d.DB.Records(ctx, org, after, limit)
	for i, r := range records {
		if r.Seq == d.record {
			records[i].Body = append(slices.Clone(r.Body), ' ')
		}
	}
	return records, err
}

func (d *damaged) Checkpoints(ctx context.Context, org sallyport.OrgID, above int64, limit int) ([]sallyport.Checkpoint, error) {
	all, err := d.DB.Checkpoints(ctx, org, above, limit)
	for i, c := range all {
		if c.Size == d.checkpoint {
			all[i].Note = bytes.Replace(c.Note, fmt.Appendf(nil, "\n%d\n", c.Size), []byte("\n9\n"), 1)
		}
	}
	return all, err
}

// Content goes when it is old, in steps that the trail tells of, and before that
// not even by half.
func TestContentExpires(t *testing.T) {
	a := newArchive(t, 0)
	const calls = 150
	for range calls {
		call := sallyport.CallID(storetest.NewID())
		outcome := storetest.Outcome(a.org, call, 0)
		outcome.Content = &sallyport.Content{Call: call, At: a.now, Salt: []byte("salt"), Sealed: []byte("sealed")}
		if _, err := a.db.CommitBatch(t.Context(), journal.BatchID(storetest.NewID()), []journal.Entry{storetest.Intent(a.org, call, 0), outcome}); err != nil {
			t.Fatal(err)
		}
	}
	begun := a.now
	expire := func(k Keeping, at time.Time, want int) {
		t.Helper()
		a.now = at
		k.Org = a.org
		before := a.head().Seq
		if _, err := a.r.Keep(t.Context(), k); err != nil {
			t.Fatal(err)
		}
		kept, err := a.db.Contents(t.Context(), a.org, 0, 0)
		if err != nil || len(kept) != want {
			t.Errorf("%+v: %d contents are kept, %v; want %d", k, len(kept), err, want)
		}
		told, err := a.db.FindRecords(t.Context(), a.org, sallyport.RecordFilter{Action: ActionExpire})
		if err != nil || want == calls && a.head().Seq != before || want == 0 && len(told) != 2 {
			t.Errorf("%+v: %d records tell of it, %v", k, len(told), err)
		}
	}
	expire(Keeping{ContentDays: 7}, begun.AddDate(0, 0, 7), calls)
	expire(Keeping{ContentDays: 0}, begun.AddDate(0, 0, 8), calls)
	expire(Keeping{ContentDays: 7, Held: true}, begun.AddDate(0, 0, 8), calls)
	expire(Keeping{ContentDays: 7}, begun.AddDate(0, 0, 8), 0)
	expire(Keeping{ContentDays: 7}, begun.AddDate(0, 0, 9), 0)
	if err := a.c.Due(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.whole(Trust{})
}
