package audit

import (
	"context"
	"errors"
	"iter"

	"github.com/sallyport-ai/sallyport"
)

// TrailStore is what a trail is read from.
type TrailStore interface {
	Records(ctx context.Context, org sallyport.OrgID, after int64, limit int) ([]sallyport.StoredRecord, error)
	Checkpoints(ctx context.Context, org sallyport.OrgID, above int64, limit int) ([]sallyport.Checkpoint, error)
	// LastCheckpoint is NotFound when there is none.
	LastCheckpoint(ctx context.Context, org sallyport.OrgID) (sallyport.Checkpoint, error)
	Tombstones(ctx context.Context, org sallyport.OrgID) ([]sallyport.Tombstone, error)
}

// trailPage is how many records or checkpoints are read at once.
const trailPage = 500

// Trail reads a trail as it is verified and exported: its tombstones, then its
// records with their checkpoints, each after its last record. key is the public
// key that tombstones and checkpoints are said to be signed with.
func Trail(ctx context.Context, store TrailStore, org sallyport.OrgID, key string) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		// Read before the records: these must reach as far.
		newest, err := store.LastCheckpoint(ctx, org)
		if err != nil && sallyport.CodeOf(err) != sallyport.NotFound {
			yield(Line{}, err)
			return
		}
		stones, err := store.Tombstones(ctx, org)
		if err != nil {
			yield(Line{}, err)
			return
		}
		t := trail{ctx: ctx, store: store, org: org, key: key, stones: len(stones), more: true}
		for _, stone := range stones {
			t.last, t.above = stone.Last, stone.Last // the root of that checkpoint is the tombstone's
			if !yield(Line{Tombstone: &BuriedLine{Body: stone.Body, Key: key}}, nil) {
				return
			}
		}
		if t.read(yield) && newest.Size > t.last {
			yield(t.line(newest), nil)
		}
	}
}

// ErrRemoved means that retention has removed records while they were read: to
// read again is all there is to do.
var ErrRemoved = errors.New("records were removed while the trail was read: try again")

// Records reads the records of a trail after one of them, page by page.
func Records(ctx context.Context, store interface {
	Records(ctx context.Context, org sallyport.OrgID, after int64, limit int) ([]sallyport.StoredRecord, error)
}, org sallyport.OrgID, after int64) iter.Seq2[sallyport.StoredRecord, error] {
	return func(yield func(sallyport.StoredRecord, error) bool) {
		for after := after; ; {
			page, err := store.Records(ctx, org, after, trailPage)
			if err != nil {
				yield(sallyport.StoredRecord{}, err)
				return
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
				after = r.Seq
			}
			if len(page) < trailPage {
				return
			}
		}
	}
}

// trail is the reading of one.
type trail struct {
	ctx   context.Context
	store TrailStore
	org   sallyport.OrgID
	key   string

	stones int                    // how many tombstones there were
	last   int64                  // the record that was read last, or the last that is removed
	begun  bool                   // it was read
	signed []sallyport.Checkpoint // read, and not reached yet
	above  int64                  // checkpoints up to this size were read
	more   bool                   // there may be others
}

func (t *trail) line(c sallyport.Checkpoint) Line {
	return Line{Checkpoint: &SignedLine{Note: string(c.Note), Key: t.key}}
}

// read yields records and checkpoints, and says whether it may go on.
func (t *trail) read(yield func(Line, error) bool) bool {
	for r, err := range Records(t.ctx, t.store, t.org, 0) {
		if err == nil && r.Seq > t.last+1 {
			err = t.removed()
		}
		if !yield(Line{Record: r}, err) || err != nil {
			return false
		}
		t.last, t.begun = r.Seq, true
		if err := t.checkpoints(); err != nil {
			return yield(Line{}, err) && false
		}
		for ; len(t.signed) > 0 && t.signed[0].Size <= r.Seq; t.signed = t.signed[1:] {
			if !yield(t.line(t.signed[0]), nil) {
				return false
			}
		}
	}
	return true
}

// removed is ErrRemoved when a gap is one that was made meanwhile: what was read
// last is gone by now, or there is a tombstone that was not there at first.
func (t *trail) removed() error {
	oldest, err := t.store.Records(t.ctx, t.org, 0, 1)
	if err != nil || len(oldest) > 0 && oldest[0].Seq <= t.last {
		return err
	}
	stones, err := t.store.Tombstones(t.ctx, t.org)
	if err == nil && (t.begun || len(stones) != t.stones) {
		err = ErrRemoved
	}
	return err
}

// checkpoints reads the next ones when there are none left.
func (t *trail) checkpoints() (err error) {
	if len(t.signed) > 0 || !t.more {
		return nil
	}
	if t.signed, err = t.store.Checkpoints(t.ctx, t.org, t.above, trailPage); err != nil {
		return err
	}
	// One that is added later lies beyond what was read of the trail.
	t.more = len(t.signed) == trailPage
	if len(t.signed) > 0 {
		t.above = t.signed[len(t.signed)-1].Size
	}
	return nil
}
