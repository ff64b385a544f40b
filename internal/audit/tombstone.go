package audit

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport-ai/sallyport"
)

// Retention removes the oldest records of a trail up to a signed checkpoint. A
// tombstone stands for them, and a verification that begins there proves as much
// as one that begins with record 1:
//
//   - The tombstone is signed with the key of the checkpoints, and what it
//     states is a record of the trail itself: it can be neither made nor edited
//     nor dropped without being seen.
//   - It has the hash of the last removed record, which the next one follows.
//   - It has as much of the Merkle tree as it takes to compute the roots of all
//     later checkpoints, and the root of the one that it ends with.

// ActionRetention is the action of the record that tells of a removal.
const ActionRetention = "audit.retention"

// Removal is what a tombstone states.
type Removal struct {
	First   int64       `json:"first_seq"`
	Last    int64       `json:"last_seq"` // and the size of the checkpoint that it ends with
	Records int64       `json:"records"`
	FirstAt time.Time   `json:"first_time"` // the earliest and the latest time of a record
	LastAt  time.Time   `json:"last_time"`
	Hash    string      `json:"last_hash"` // of record Last in the chain, hex
	Root    tlog.Hash   `json:"root"`      // of the tree over records 1 to Last, base64
	Tree    []tlog.Hash `json:"tree"`      // the roots of its full subtrees, the largest first
	Note    string      `json:"note"`      // signed: see text
}

// text is what is signed. Its first line is not that of a checkpoint, so that
// neither passes for the other. Records follow from it, and Tree from Root.
func (r Removal) text(origin string) string {
	return fmt.Sprintf("%s tombstone\n%d %d\n%s %s\n%s\n%s\n", origin, r.First, r.Last,
		r.FirstAt.Format(time.RFC3339Nano), r.LastAt.Format(time.RFC3339Nano), r.Hash, r.Root)
}

// sign signs the removal.
func (r *Removal) sign(key CheckpointKey) error {
	signed, err := key.note(r.text(origin(key.org)))
	r.Note = string(signed)
	return err
}

// ReadRemoval reads what a tombstone states and checks it under a public key.
func ReadRemoval(body []byte, public string) (Removal, error) {
	var r Removal
	verifier, err := note.NewVerifier(strings.TrimSpace(public))
	if err != nil {
		return r, errNoKey
	}
	if json.Unmarshal(body, &r) != nil {
		return r, errors.New("it is not JSON")
	}
	again, err := json.Marshal(r)
	if err != nil || !bytes.Equal(again, body) { // encoding/json forgives more than a proof may
		return r, errors.New("it is not as it was written")
	}
	opened, err := note.Open([]byte(r.Note), note.VerifierList(verifier))
	switch {
	case err != nil:
		return r, fmt.Errorf("it is not signed with the key %s", verifier.Name())
	case opened.Text != r.text(verifier.Name()):
		return r, errors.New("it does not say what was signed")
	case !signedOnce(opened):
		return r, errors.New("its signature is not as it was written")
	case r.First < 1 || r.Last < r.First || r.Records != r.Last-r.First+1:
		return r, errors.New("its numbers do not fit together")
	case bits.OnesCount64(uint64(r.Last)) != len(r.Tree) || r.leaves().root() != sallyport.Hash(r.Root):
		return r, errors.New("its part of the tree does not have the root that it states")
	}
	return r, nil
}

// signedOnce says that a note has one signature, in the one form that base64
// has for it: a reader would forgive others.
func signedOnce(n *note.Note) bool {
	if len(n.Sigs) != 1 || len(n.UnverifiedSigs) > 0 {
		return false
	}
	_, err := base64.StdEncoding.Strict().DecodeString(n.Sigs[0].Base64)
	return err == nil
}

// leaves is the tree that goes on after the removed records.
func (r Removal) leaves() *compactTree {
	return &compactTree{size: r.Last, right: slices.Clone(r.Tree)}
}

// hash is that of the last removed record.
func (r Removal) hash() (h sallyport.Hash) {
	readHash(&h, r.Hash)
	return h
}

// BuriedLine is a tombstone in an export. Those of a trail stand before its records.
type BuriedLine struct {
	Body []byte // what a record of the trail tells of the removal
	Key  string // public, that it is said to be signed with
}

// appendBuried writes the line
//
//	{"tombstone":{…},"key":"<the public key of its signature>"}
func appendBuried(line []byte, b BuriedLine) ([]byte, error) {
	stated := b.Body
	if !oneLine(stated) { // it is damaged, and an export is evidence and must not stop
		stated = fmt.Appendf(nil, `{"damaged":%q}`, base64.StdEncoding.EncodeToString(stated))
	}
	key, err := json.Marshal(b.Key)
	if err != nil {
		return line, err
	}
	return fmt.Appendf(line, `{"tombstone":%s,"key":%s}`+"\n", stated, key), nil
}

func parseBuried(text []byte) (*BuriedLine, error) {
	var fields struct {
		Body json.RawMessage `json:"tombstone"`
		Key  string          `json:"key"`
	}
	if json.Unmarshal(text, &fields) != nil {
		return nil, fmt.Errorf("%w: the line is not JSON", ErrUnreadable)
	}
	line := &BuriedLine{Body: fields.Body, Key: fields.Key}
	again, err := appendBuried(nil, *line)
	if err == nil && !bytes.Equal(again, text) {
		err = fmt.Errorf("%w: the line is not as an export has it", ErrUnreadable)
	}
	return line, err
}

// buried is what a verification knows of removed records, besides their number.
type buried struct {
	hash   sallyport.Hash  // of the last one
	untold map[string]bool // what tombstones say and no record has told yet
	last   string          // what the last one says
}

// tombstone goes on behind the records that a tombstone stands for.
func (v *verifier) tombstone(line BuriedLine) error {
	if v.Key == "" {
		v.Key = line.Key
	}
	r, err := ReadRemoval(line.Body, v.Key)
	switch {
	case v.First != 0:
		err = errors.New("it stands behind records")
	case err == nil && r.First != v.Removed+1:
		err = fmt.Errorf("it begins with record %d", r.First)
	}
	if err != nil {
		v.bad(v.Removed+1, fmt.Sprintf("%s: %v", BadTombstone, err))
		return nil
	}
	if v.buried.untold == nil {
		v.buried.untold = make(map[string]bool)
	}
	v.buried.hash, v.buried.last = r.hash(), string(line.Body)
	v.buried.untold[v.buried.last] = true
	v.Last, v.Hash, v.leaves = r.Last, r.hash(), *r.leaves()
	v.Tombstones, v.Removed, v.Signed = v.Tombstones+1, r.Last, r.Last // it ends with a checkpoint, and bears its root
	return v.keptBefore(r)
}

// keptBefore compares the checkpoints that were kept elsewhere and are of
// records that are removed.
func (v *verifier) keptBefore(r Removal) error {
	now := Statement{Size: r.Last, Root: sallyport.Hash(r.Root)}
	for ; len(v.trusted) > 0 && v.trusted[0].Size <= r.Last; v.trusted = v.trusted[1:] {
		kept := v.trusted[0]
		err := errEarlier
		switch {
		case kept.Size == now.Size && kept.Root == now.Root:
			err = nil
		case kept.Size == now.Size:
			err = ErrInconsistent
		case v.earlier != nil:
			err = v.earlier(kept, now)
		}
		if errors.Is(err, ErrInconsistent) {
			v.bad(kept.Size, BadCheckpoint+": the records up to here were not those of the checkpoint that was kept")
			return nil
		}
		if err != nil {
			return fmt.Errorf("the checkpoint that was kept, of %d records: %w", kept.Size, err)
		}
	}
	return nil
}

var errEarlier = errors.New("retention has removed these records, and an export has not enough of the tree to compare it: verify it where the database is")

// ErrInconsistent means that a tree did not grow out of another.
var ErrInconsistent = errors.New("the trees do not belong together")

// tells checks that no record tells of a removal that no tombstone stands for.
// It returns why not.
func (v *verifier) tells(body recordBody) string {
	if body.Action != ActionRetention || v.head.Pruned {
		return ""
	}
	if !v.buried.untold[string(body.Change)] {
		return BadTombstone + ": this record tells that records were removed, and no tombstone says so"
	}
	delete(v.buried.untold, string(body.Change))
	return ""
}

// untold says whether the record is missing that tells of the last removal.
// Those of earlier ones may be removed themselves.
func (v *verifier) untold() bool { return v.buried.untold[v.buried.last] }
