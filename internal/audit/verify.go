package audit

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/sallyport-ai/sallyport"
)

// Head is what is known of a chain besides its records: where it must have got
// to. The zero Head knows nothing, and then a chain that was cut short at its
// end cannot be told from a whole one.
type Head struct {
	Seq  int64
	Hash sallyport.Hash
	// Pruned says that the oldest records may be gone, as in the instance's
	// bounded trail: the first one found is taken on trust.
	Pruned bool
}

// Report is the result of a verification.
type Report struct {
	Records int64          // how many were found good
	First   int64          // number of the first of them; 0: there are none
	Last    int64          // number of the last of them
	Hash    sallyport.Hash // of the last of them: the head of the chain so far
	Bad     *Bad           // nil: the chain is whole
	Clock   *ClockReport   // how far its times can be believed

	Tombstones int64 // how many were found good
	Removed    int64 // so many records they stand for

	Checkpoints int64  // how many were found good
	Signed      int64  // so many records are signed: by one of them, by one that was kept or by a tombstone
	Key         string // public, that they are signed with
}

// Bad is the first place where a chain is not as it was written.
type Bad struct {
	Seq int64
	Why string // a sentence for the operator, without anything from the record
}

// The reasons of a Bad, as they begin.
const (
	BadGap        = "gap"        // another record stands here, or none
	BadPrev       = "prev"       // does not follow the record before it
	BadHash       = "hash"       // its bytes are not those that were hashed
	BadSource     = "source"     // the address beside it is not the one it was written with
	BadUnreadable = "unreadable" // its bytes are no record of this number
	BadHead       = "head"       // the chain does not end as it must
	BadCheckpoint = "checkpoint" // what was signed is not what is here
	BadTombstone  = "tombstone"  // records are removed otherwise than is told
	BadContent    = "content"    // what is kept of the call is not what it was written with
)

// ErrUnreadable is wrapped by errors of a source that found something where a
// record should be. Verify reports it as a bad record; any other error of a
// source ends the verification.
var ErrUnreadable = errors.New("not a record")

// Line is one thing of a trail: a record, a checkpoint of the records before it,
// or, before all records, a tombstone.
type Line struct {
	Record     sallyport.StoredRecord // when it is neither of the others
	Checkpoint *SignedLine
	Tombstone  *BuriedLine
}

// SignedLine is a checkpoint and the public key that it is said to be signed with.
type SignedLine struct {
	Note string
	Key  string
}

// Trust is what the verifier knows from elsewhere, so that a trail which was
// replaced as a whole is noticed too. The zero Trust takes the key that comes
// with the checkpoints.
type Trust struct {
	Key   string   // public key of the checkpoints; needed with Notes
	Notes [][]byte // checkpoints that were kept elsewhere: the trail must still have what they state
	// Earlier compares a checkpoint of records that are removed with a later
	// tree: nil, or ErrInconsistent. It is Checkpointer.Earlier where there is a
	// database; without it such a checkpoint cannot be compared, which is an error.
	Earlier func(kept, later Statement) error
}

// Verify is VerifyTrail for records alone.
func Verify(records iter.Seq2[sallyport.StoredRecord, error], head Head) (Report, error) {
	lines := func(yield func(Line, error) bool) {
		for r, err := range records {
			if !yield(Line{Record: r}, err) {
				return
			}
		}
	}
	return VerifyTrail(lines, head, Trust{})
}

// VerifyTrail reads a trail from its first record, or from the tombstones that
// stand for those that are removed, and compares it with itself, with its
// checkpoints, with head and with what is trusted. Records beyond the head's are fine if they follow it: they were added since. The error is the
// source's or that of a useless Trust; what is wrong with the trail stands in
// the report.
func VerifyTrail(lines iter.Seq2[Line, error], head Head, trust Trust) (Report, error) {
	v, clock := verifier{head: head}, newClockReader()
	v.Clock = &clock.ClockReport
	if err := v.trust(trust); err != nil {
		return v.Report, err
	}
	for line, err := range lines {
		switch {
		case err != nil && !errors.Is(err, ErrUnreadable):
			return v.Report, err
		case err == nil && line.Checkpoint != nil:
			v.checkpoint(*line.Checkpoint)
		case err == nil && line.Tombstone != nil:
			if err := v.tombstone(*line.Tombstone); err != nil {
				return v.Report, err
			}
		default:
			v.record(line.Record, err)
			clock.read(line.Record.Body)
		}
		if v.Bad != nil {
			return v.Report, nil
		}
	}
	v.end()
	return v.Report, nil
}

// VerifyExport is VerifyTrail of an export, far from its database: no head says
// where it must end, so nothing but signatures tells it from one that was made up.
// One without anything in it is bad, and so is one of which nothing is signed
// although its reader brought the key: whoever cannot sign leaves checkpoints out.
func VerifyExport(lines iter.Seq2[Line, error], trust Trust) (Report, error) {
	report, err := VerifyTrail(lines, Head{}, trust)
	if err != nil || report.Bad != nil {
		return report, err
	}
	switch {
	case report.Records == 0:
		report.Bad = &Bad{Seq: 1, Why: BadUnreadable + ": there is nothing in the export"}
	case trust.Key != "" && report.Signed == 0:
		report.Bad = &Bad{Seq: 1, Why: BadCheckpoint + ": there is none, so nothing here is signed with the key that was given"}
	}
	return report, nil
}

// verifier is a verification under way.
type verifier struct {
	Report
	head    Head
	leaves  compactTree
	buried  buried
	trusted []Statement // by size; those that the trail has not reached yet
	earlier func(kept, later Statement) error
}

func (v *verifier) trust(t Trust) error {
	v.Key, v.earlier = t.Key, t.Earlier
	if len(t.Notes) > 0 && t.Key == "" {
		return errors.New("a checkpoint that was kept proves something only under a key that was kept too: give it with --key")
	}
	for _, text := range t.Notes {
		stated, err := ReadCheckpoint(text, t.Key)
		if err != nil {
			return fmt.Errorf("the checkpoint that was kept: %w", err)
		}
		v.trusted = append(v.trusted, stated)
	}
	slices.SortFunc(v.trusted, func(a, b Statement) int { return cmp.Compare(a.Size, b.Size) })
	return nil
}

func (v *verifier) bad(seq int64, why string) { v.Bad = &Bad{Seq: seq, Why: why} }

// record checks that r is the next record.
func (v *verifier) record(r sallyport.StoredRecord, err error) {
	if v.First == 0 && err == nil && (v.head.Pruned || 0 < r.Seq && r.Seq <= v.Removed) {
		// Of what a tombstone stands for some may still be there: the tombstone
		// says what these records must end with.
		v.Last, v.Hash = r.Seq-1, r.Prev
	}
	next := v.Last + 1
	body, why := wrong(r, err, next, v.Hash, v.head)
	if why == "" {
		why = v.tells(body)
	}
	if why == "" && next == v.Removed && r.Hash != v.buried.hash {
		why = BadTombstone + ": it is not the record that the tombstone ends with"
	}
	if why != "" {
		v.bad(next, why)
		return
	}
	if v.First == 0 {
		v.First = next
	}
	v.Records++
	v.Last, v.Hash = next, r.Hash
	if next <= v.Removed {
		return // the tombstone's tree has it
	}
	v.leaves.add(r.Hash)
	for len(v.trusted) > 0 && v.trusted[0].Size == next {
		if v.trusted[0].Root != v.leaves.root() {
			v.bad(next, BadCheckpoint+": the records up to here are not those of the checkpoint that was kept")
			return
		}
		v.trusted, v.Signed = v.trusted[1:], next
	}
}

// checkpoint checks that a checkpoint states what was read so far.
func (v *verifier) checkpoint(line SignedLine) {
	if v.Key == "" {
		v.Key = line.Key
	}
	stated, err := ReadCheckpoint([]byte(line.Note), v.Key)
	switch {
	case err != nil:
		v.bad(v.Last, fmt.Sprintf("%s: %v", BadCheckpoint, err))
	case stated.Size != v.leaves.size || stated.Size != v.Last:
		v.bad(v.Last, fmt.Sprintf("%s: it is of %d records and stands after %d", BadCheckpoint, stated.Size, v.Last))
	case stated.Root != v.leaves.root():
		v.bad(v.Last, BadCheckpoint+": the records up to here are not those that were signed")
	default:
		v.Checkpoints++
		v.Signed = stated.Size
	}
}

// end checks that nothing is missing.
func (v *verifier) end() {
	switch {
	case v.Last < v.head.Seq:
		v.bad(v.Last+1, fmt.Sprintf("%s: the chain ends at record %d and must reach %d", BadHead, v.Last, v.head.Seq))
	case v.untold():
		v.bad(v.Last+1, fmt.Sprintf("%s: the chain ends at record %d and no record tells of the last removal", BadTombstone, v.Last))
	case len(v.trusted) > 0:
		v.bad(v.Last+1, fmt.Sprintf("%s: the chain ends at record %d and had %d when the checkpoint that was kept was signed",
			BadCheckpoint, v.Last, v.trusted[0].Size))
	}
}

// recordBody is what a verification reads of a record.
type recordBody struct {
	Seq        int64           `json:"org_seq"`
	Action     string          `json:"action"`
	Change     json.RawMessage `json:"change"`
	SourceHash string          `json:"source_hash"`
}

// wrong says why the record is not number next after prev; "" when it is.
func wrong(r sallyport.StoredRecord, err error, next int64, prev sallyport.Hash, head Head) (body recordBody, why string) {
	switch {
	case err != nil:
		return body, fmt.Sprintf("%s: %v", BadUnreadable, err)
	case r.Seq != next:
		return body, fmt.Sprintf("%s: record %d stands in its place", BadGap, r.Seq)
	case r.Prev != prev:
		return body, BadPrev + ": it does not follow the record before it"
	case r.Hash != sallyport.ChainHash(prev, r.Body):
		return body, BadHash + ": its bytes are not those that were hashed"
	case r.Seq == head.Seq && r.Hash != head.Hash:
		return body, BadHead + ": it is not the record that the chain must end with"
	}
	switch {
	case json.Unmarshal(r.Body, &body) != nil:
		return body, BadUnreadable + ": its bytes are not JSON"
	case body.Seq != next:
		return body, fmt.Sprintf("%s: its bytes say that it is record %d", BadUnreadable, body.Seq)
	case !sourceFits(r, body.SourceHash):
		return body, BadSource + ": address or program of the caller are not those it was written with"
	}
	return body, ""
}

// sourceFits checks what stands beside the record. Without salt it was erased,
// or was never there, and there is nothing to compare.
func sourceFits(r sallyport.StoredRecord, want string) bool {
	if len(r.SourceSalt) == 0 {
		return r.Source == sallyport.Source{}
	}
	return r.Source.Hash(r.SourceSalt) == want
}
