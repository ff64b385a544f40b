package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport-ai/sallyport"
)

// When a checkpoint is made: at every multiple of CheckpointRecords, and of what
// is left as soon as the one before is CheckpointAge old.
const (
	CheckpointRecords = 1000
	CheckpointAge     = time.Minute
	// checkpointAhead is more than the clocks of two nodes differ: a checkpoint
	// that is so far ahead was made before a clock was set right, and says nothing
	// of when the next one is due.
	checkpointAhead = 5 * time.Minute
)

// checkpointPoll is how often the follower looks; unsignedMax how many trails it
// takes up at a look.
const (
	checkpointPoll = time.Second
	unsignedMax    = 1000
)

// TreeStore keeps trees and checkpoints beside the trails.
type TreeStore interface {
	// ChainLinks and ChainHead are the trail, as it was committed.
	ChainLinks(ctx context.Context, org sallyport.OrgID, after int64, limit int) ([]sallyport.ChainLink, error)
	ChainHead(ctx context.Context, org sallyport.OrgID) (seq int64, hash sallyport.Hash, err error)
	// Unsigned lists trails that have grown since their last checkpoint.
	Unsigned(ctx context.Context, limit int) ([]sallyport.Trail, error)
	// LastCheckpoint is NotFound when there is none.
	LastCheckpoint(ctx context.Context, org sallyport.OrgID) (sallyport.Checkpoint, error)
	// AddCheckpoint is Conflict when the tree has another size than from.
	AddCheckpoint(ctx context.Context, from int64, c sallyport.Checkpoint, tiles []sallyport.TreeTile) error
	TreeTile(ctx context.Context, org sallyport.OrgID, level int, n int64) ([]byte, error)
}

// Checkpointer follows the trails and signs what they have become. Several may
// run at once, in any process: the store lets one of them add a checkpoint. It
// never waits on the road of a call, and what it could not do it does later.
type Checkpointer struct {
	Store TreeStore
	// Key returns the key of an organisation, the same for ever.
	Key func(ctx context.Context, org sallyport.OrgID) (CheckpointKey, error)
	Now func() time.Time
	Log *slog.Logger
}

// Run makes the checkpoints that are due until ctx ends.
func (c *Checkpointer) Run(ctx context.Context) {
	follow(ctx, checkpointPoll, c.Log, "make checkpoints of the trails", c.Due)
}

// Due makes the checkpoints that are due now, of all organisations. One that
// fails does not keep the others.
func (c *Checkpointer) Due(ctx context.Context) error {
	trails, err := c.Store.Unsigned(ctx, unsignedMax)
	errs := []error{err}
	for _, t := range trails {
		full := t.Head - t.Head%CheckpointRecords
		to := max(full, t.Done)
		if age := c.Now().Sub(t.At); age >= CheckpointAge || age < -checkpointAhead {
			to = t.Head
		}
		if err := c.grow(ctx, t.Org, t.Done, to); err != nil {
			errs = append(errs, fmt.Errorf("trail of %s: %w", t.Org, err))
		}
	}
	return errors.Join(errs...)
}

// Make returns a checkpoint of the trail as it is now: a new one, if there are
// records beyond the last. A trail without records has none: NotFound.
func (c *Checkpointer) Make(ctx context.Context, org sallyport.OrgID) (sallyport.Checkpoint, error) {
	head, _, err := c.Store.ChainHead(ctx, org)
	if err != nil {
		return sallyport.Checkpoint{}, err
	}
	for {
		last, err := c.Store.LastCheckpoint(ctx, org)
		if err != nil && (sallyport.CodeOf(err) != sallyport.NotFound || head == 0) {
			return last, err
		}
		if last.Size >= head {
			return last, nil
		}
		if err := c.grow(ctx, org, last.Size, head); err != nil {
			return last, err
		}
	}
}

// grow makes checkpoints of the trail from a size to another. When another
// process is at it, it leaves the rest to it.
func (c *Checkpointer) grow(ctx context.Context, org sallyport.OrgID, from, to int64) error {
	for from < to {
		next := min(to, from-from%CheckpointRecords+CheckpointRecords)
		err := c.add(ctx, org, from, next)
		if sallyport.CodeOf(err) == sallyport.Conflict {
			return nil
		}
		if err != nil {
			return err
		}
		from = next
	}
	return nil
}

// add makes one checkpoint: the records after from become leaves.
func (c *Checkpointer) add(ctx context.Context, org sallyport.OrgID, from, to int64) error {
	key, err := c.Key(ctx, org)
	if err != nil {
		return err
	}
	links, err := c.Store.ChainLinks(ctx, org, from, int(to-from))
	if err != nil {
		return err
	}
	grown := newTree(ctx, c.Store, org, from)
	for i, l := range links {
		// A chain with a gap is not given a seal. The seal is over hashes: whether
		// a record's bytes still have theirs is for 'audit verify' to say, and to
		// read them all again here would cost each call a twentieth more.
		if l.Seq != from+int64(i)+1 || i > 0 && l.Prev != links[i-1].Hash {
			return fmt.Errorf("record %d does not follow the one before it: run 'sallyport audit verify'", from+int64(i)+1)
		}
		if err := grown.add(l.Hash); err != nil {
			return err
		}
	}
	if grown.size != to {
		return fmt.Errorf("the trail ends at record %d and must reach %d: run 'sallyport audit verify'", grown.size, to)
	}
	root, tiles, err := grown.grown(from)
	if err != nil {
		return err
	}
	made := sallyport.Checkpoint{Org: org, Size: to, Root: sallyport.Hash(root), At: c.Now()}
	if made.Note, err = key.sign(to, made.Root); err != nil {
		return err
	}
	return c.Store.AddCheckpoint(ctx, from, made, tiles)
}

// Proof proves offline that a record is in a trail: hash is the SHA-256 of
// prev_hash and the record's bytes, and path leads from it to the root that the
// checkpoint states.
type Proof struct {
	Seq        int64           `json:"seq"`
	Prev       string          `json:"prev_hash"`
	Hash       string          `json:"hash"`
	Record     json.RawMessage `json:"record"`
	Path       []tlog.Hash     `json:"path"` // RFC 6962 audit path, base64
	Checkpoint string          `json:"checkpoint"`
	Key        string          `json:"key"` // public, of the checkpoint's signature
}

// Prove proves that a record is in the trail, with a checkpoint of it as it is now.
func (c *Checkpointer) Prove(ctx context.Context, org sallyport.OrgID, r sallyport.StoredRecord) (Proof, error) {
	key, err := c.Key(ctx, org)
	if err != nil {
		return Proof{}, err
	}
	last, err := c.Make(ctx, org)
	if err != nil {
		return Proof{}, err
	}
	reader := tlog.TileHashReader(tlog.Tree{N: last.Size, Hash: tlog.Hash(last.Root)}, newTree(ctx, c.Store, org, last.Size))
	path, err := tlog.ProveRecord(last.Size, r.Seq-1, reader)
	if err != nil {
		return Proof{}, fmt.Errorf("the tree of the trail does not have the root of its checkpoint: %w", err)
	}
	proof := Proof{
		Seq: r.Seq, Prev: fmt.Sprintf("%x", r.Prev[:]), Hash: fmt.Sprintf("%x", r.Hash[:]), Record: r.Body,
		Path: path, Checkpoint: string(last.Note), Key: key.Public,
	}
	// A proof that proves nothing, of a record that was changed, is not given out.
	return proof, CheckProof(proof, key.Public)
}

// Earlier compares a checkpoint of an organisation's trail with a later one, by
// the tree that is stored: nil when the later tree has grown out of the earlier
// one, ErrInconsistent when it has not.
func (c *Checkpointer) Earlier(ctx context.Context, org sallyport.OrgID) func(kept, later Statement) error {
	return func(kept, later Statement) error {
		now := tlog.Tree{N: later.Size, Hash: tlog.Hash(later.Root)}
		path, err := tlog.ProveTree(now.N, kept.Size, tlog.TileHashReader(now, newTree(ctx, c.Store, org, now.N)))
		if err != nil {
			return fmt.Errorf("the stored tree does not have the root of the tombstone: %w", err)
		}
		if tlog.CheckTree(path, now.N, now.Hash, kept.Size, tlog.Hash(kept.Root)) != nil {
			return ErrInconsistent
		}
		return nil
	}
}

// CheckProof returns nil when the proof holds under the public key; "": the one
// that it names itself, which proves nothing unless somebody vouches for that.
func CheckProof(p Proof, public string) error {
	if public == "" {
		public = p.Key
	}
	stated, err := ReadCheckpoint([]byte(p.Checkpoint), public)
	if err != nil {
		return fmt.Errorf("the checkpoint: %w", err)
	}
	var prev, hash sallyport.Hash
	readHash(&prev, p.Prev)
	readHash(&hash, p.Hash)
	var body struct {
		Seq int64           `json:"org_seq"`
		Org sallyport.OrgID `json:"org_id"`
	}
	switch {
	case sallyport.ChainHash(prev, p.Record) != hash:
		return errors.New("the record's bytes are not those that were hashed")
	case json.Unmarshal(p.Record, &body) != nil || body.Seq != p.Seq || origin(body.Org) != stated.Origin:
		return errors.New("the record is of another place or trail than the proof says")
	case p.Seq < 1 || p.Seq > stated.Size:
		return errors.New("the checkpoint does not reach the record")
	case tlog.CheckRecord(p.Path, stated.Size, tlog.Hash(stated.Root), p.Seq-1, leafHash(hash)) != nil:
		return errors.New("the path does not lead from the record to the checkpoint's root")
	}
	return nil
}
