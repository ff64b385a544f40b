package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport-ai/sallyport"
)

const (
	// retentionPoll is how often is looked for what is old enough.
	retentionPoll = time.Hour
	// segmentMax is how many records one tombstone stands for at most.
	segmentMax = 100_000
	// retentionPage is how many records are read at once.
	retentionPage = 500
)

// Keeping is for how long what belongs to one organisation is kept.
type Keeping struct {
	Org         sallyport.OrgID
	Days        int64    // of records; 0: for ever
	ContentDays int64    // of what is kept of what calls say; 0: as long as the record
	Held        bool     // by a legal hold
	Sinks       []string // must have got a record before it goes
}

// RetentionStore is the trail, of which the oldest records can be removed.
type RetentionStore interface {
	Records(ctx context.Context, org sallyport.OrgID, after int64, limit int) ([]sallyport.StoredRecord, error)
	Checkpoints(ctx context.Context, org sallyport.OrgID, above int64, limit int) ([]sallyport.Checkpoint, error)
	Tombstones(ctx context.Context, org sallyport.OrgID) ([]sallyport.Tombstone, error)
	// RemovableTo is the newest record that no open call and no sink needs.
	RemovableTo(ctx context.Context, org sallyport.OrgID, sinks []string) (seq int64, needs string, err error)
	// AddTombstone is Conflict when a record is needed, under a legal hold, and
	// when another process was first.
	AddTombstone(ctx context.Context, t sallyport.Tombstone, sinks []string, rec sallyport.Record) error
	// RemoveRecords deletes some of what tombstones stand for, the oldest first.
	RemoveRecords(ctx context.Context, org sallyport.OrgID) (more bool, err error)
}

// ContentStore is what is kept of what calls say.
type ContentStore interface {
	// OldContent says whether anything is older.
	OldContent(ctx context.Context, org sallyport.OrgID, before time.Time) (bool, error)
	// EraseContents deletes some of it, the oldest first, and appends the record
	// that rec makes of how many.
	EraseContents(ctx context.Context, org sallyport.OrgID, f sallyport.Erasure, rec func(erased int64) sallyport.Record) (more bool, err error)
}

// Retention follows the trails and removes what is older than an organisation
// wants to keep: whole days, up to a signed checkpoint. It works in two steps,
// each durable by itself:
//
//  1. The records are verified a last time. Then a tombstone is stored, together
//     with the record that tells of it.
//  2. What it stands for is deleted in small transactions, the oldest first.
//
// A crash before the tombstone leaves the trail as it was. A crash after it
// leaves records that are still there: they verify, their end is that of the
// tombstone, and the next turn deletes them. Several may run at once, in any
// process: the store lets one of them add a tombstone, and deleting twice is
// harmless.
type Retention struct {
	Store   RetentionStore
	Content ContentStore
	// Keeping tells of all organisations what is kept, as it is now.
	Keeping func(ctx context.Context) ([]Keeping, error)
	Key     func(ctx context.Context, org sallyport.OrgID) (CheckpointKey, error)
	Audit   Builder
	Now     func() time.Time
	Log     *slog.Logger
}

// Run removes what is due, at once and then every hour, until ctx ends.
func (r *Retention) Run(ctx context.Context) {
	follow(ctx, retentionPoll, r.Log, "remove old records of the trails", r.Due)
}

// Due removes what is due now, of all organisations. One that fails does not
// keep the others.
func (r *Retention) Due(ctx context.Context) error {
	all, err := r.Keeping(ctx)
	errs := []error{err}
	for _, k := range all {
		if _, err := r.Keep(ctx, k); err != nil {
			errs = append(errs, fmt.Errorf("trail of %s: %w", k.Org, err))
		}
	}
	return errors.Join(errs...)
}

// Keep removes what is due of one organisation and returns how many records
// got a tombstone.
func (r *Retention) Keep(ctx context.Context, k Keeping) (removed int64, err error) {
	if k.Held {
		return 0, nil
	}
	if err := r.clear(ctx, k.Org); err != nil {
		return 0, err
	}
	if err := r.expire(ctx, k); err != nil || k.Days == 0 {
		return 0, err
	}
	for {
		n, err := r.bury(ctx, k)
		if err != nil || n == 0 {
			return removed, err
		}
		removed += n
		if err := r.clear(ctx, k.Org); err != nil {
			return removed, err
		}
	}
}

// clear deletes what tombstones stand for.
func (r *Retention) clear(ctx context.Context, org sallyport.OrgID) error {
	for more := true; more; {
		var err error
		if more, err = r.Store.RemoveRecords(ctx, org); err != nil {
			return err
		}
	}
	return nil
}

// expire erases content that is older than it is kept.
func (r *Retention) expire(ctx context.Context, k Keeping) error {
	if k.ContentDays == 0 {
		return nil
	}
	f := sallyport.Erasure{Before: r.Now().UTC().AddDate(0, 0, -int(k.ContentDays))}
	more, err := r.Content.OldContent(ctx, k.Org, f.Before)
	for more && err == nil {
		more, err = r.Content.EraseContents(ctx, k.Org, f, func(erased int64) sallyport.Record {
			return r.Audit.Event(sallyport.Principal{Org: k.Org}, ActionExpire, ErasedContent, EraseChange(f, erased))
		})
	}
	return err
}

// bury makes one tombstone for the oldest records and returns how many it
// stands for; 0: nothing is old enough and free.
func (r *Retention) bury(ctx context.Context, k Keeping) (int64, error) {
	key, err := r.Key(ctx, k.Org)
	if err != nil {
		return 0, err
	}
	s := segment{key: key, store: r.Store, org: k.Org, before: r.keptSince(k.Days)}
	if err := s.begin(ctx); err != nil {
		return 0, err
	}
	if s.to, _, err = r.Store.RemovableTo(ctx, k.Org, k.Sinks); err != nil {
		return 0, err
	}
	s.to = min(s.to, s.leaves.size+segmentMax)
	if err := s.read(ctx); err != nil || s.found == nil {
		return 0, err
	}
	if err := s.found.sign(key); err != nil {
		return 0, err
	}
	record := r.Audit.Event(sallyport.Principal{Org: k.Org}, ActionRetention, "", s.found)
	err = r.Store.AddTombstone(ctx, sallyport.Tombstone{
		Org: k.Org, First: s.found.First, Last: s.found.Last, Body: record.Change,
	}, k.Sinks, record)
	if sallyport.CodeOf(err) == sallyport.Conflict {
		return 0, nil // another process was first, or somebody needs a record by now: the next turn looks again
	}
	return s.found.Records, err
}

// keptSince is the beginning of the first day that is kept. Whole days, so that
// a trail gets one tombstone a day and not one an hour.
func (r *Retention) keptSince(days int64) time.Time {
	return r.Now().UTC().AddDate(0, 0, -int(days)).Truncate(24 * time.Hour)
}

// segment is the oldest records of a trail, read from the last tombstone on and
// verified, until one is to be kept.
type segment struct {
	key    CheckpointKey
	store  RetentionStore
	org    sallyport.OrgID
	before time.Time // records of this instant and later are kept
	to     int64     // and so are those beyond this one

	now    Removal     // what was read so far, after the last tombstone
	leaves compactTree // and before it
	hash   sallyport.Hash
	worth  bool // there is something else than tombstones among it

	signed []sallyport.Checkpoint // read, and not reached yet
	all    bool                   // there are no others
	found  *Removal               // what was read up to the last checkpoint; nil: to none
}

// begin goes to the end of the last tombstone.
func (s *segment) begin(ctx context.Context) error {
	stones, err := s.store.Tombstones(ctx, s.org)
	if err == nil && len(stones) > 0 {
		var last Removal
		if last, err = ReadRemoval(stones[len(stones)-1].Body, s.key.Public); err != nil {
			return fmt.Errorf("the last tombstone: %w: run 'sallyport audit verify'", err)
		}
		s.leaves, s.hash = *last.leaves(), last.hash()
	}
	s.now.First = s.leaves.size + 1
	return err
}

// read reads the records that may go.
func (s *segment) read(ctx context.Context) error {
	for {
		page, err := s.store.Records(ctx, s.org, s.leaves.size, retentionPage)
		if err != nil {
			return err
		}
		for _, stored := range page {
			if more, err := s.add(ctx, stored); err != nil || !more {
				return err
			}
		}
		if len(page) < retentionPage {
			return nil
		}
	}
}

// add takes one more record, and says whether the next may go too. What does
// not verify is not removed: it is evidence.
func (s *segment) add(ctx context.Context, stored sallyport.StoredRecord) (more bool, err error) {
	seq := s.leaves.size + 1
	var body struct {
		Time   time.Time `json:"time"`
		Action string    `json:"action"`
	}
	if stored.Seq != seq || stored.Prev != s.hash || stored.Hash != sallyport.ChainHash(s.hash, stored.Body) ||
		json.Unmarshal(stored.Body, &body) != nil {
		return false, s.bad(seq)
	}
	if seq > s.to || !body.Time.Before(s.before) {
		return false, nil
	}
	s.leaves.add(stored.Hash)
	s.hash = stored.Hash
	s.worth = s.worth || body.Action != ActionRetention
	s.took(body.Time)
	return s.checkpoint(ctx, seq)
}

func (s *segment) bad(seq int64) error {
	return fmt.Errorf("record %d is not as it was written, so nothing is removed: run 'sallyport audit verify'", seq)
}

func (s *segment) took(at time.Time) {
	if s.now.Records == 0 || at.Before(s.now.FirstAt) {
		s.now.FirstAt = at
	}
	if at.After(s.now.LastAt) {
		s.now.LastAt = at
	}
	s.now.Records++
}

// checkpoint notes what was read when a checkpoint ends with this record and
// states the same. It says whether there may be another.
func (s *segment) checkpoint(ctx context.Context, seq int64) (more bool, err error) {
	if len(s.signed) == 0 && !s.all {
		if s.signed, err = s.store.Checkpoints(ctx, s.org, seq-1, retentionPage); err != nil {
			return false, err
		}
		s.all = len(s.signed) < retentionPage
	}
	if len(s.signed) == 0 || s.signed[0].Size != seq {
		return len(s.signed) > 0, nil
	}
	stated, err := ReadCheckpoint(s.signed[0].Note, s.key.Public)
	s.signed = s.signed[1:]
	if err != nil || stated.Size != seq || stated.Root != s.leaves.root() {
		return false, s.bad(seq)
	}
	if s.worth { // else every tombstone would make the next one a day later, for ever
		found := s.now
		found.Last, found.Hash = seq, fmt.Sprintf("%x", s.hash[:])
		found.Root, found.Tree = tlog.Hash(stated.Root), slices.Clone(s.leaves.right)
		s.found = &found
	}
	return len(s.signed) > 0 || !s.all, nil
}

// follow calls due at once and then every so often, until ctx ends. The log is
// told when it begins to fail and when it works again.
func follow(ctx context.Context, every time.Duration, log *slog.Logger, what string, due func(context.Context) error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	failing := false
	for {
		err := due(ctx)
		if (err != nil) != failing && ctx.Err() == nil {
			failing = err != nil
			log.Warn(what, "failing", failing, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
