package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

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
)

// ErrUnreadable is wrapped by errors of a source that found something where a
// record should be. Verify reports it as a bad record; any other error of a
// source ends the verification.
var ErrUnreadable = errors.New("not a record")

// Verify reads a chain from its first record and compares it with itself and
// with head. Records beyond the head's are fine if they follow it: they were
// added since. The error is the source's; what is wrong with the chain stands in
// the report.
func Verify(records iter.Seq2[sallyport.StoredRecord, error], head Head) (Report, error) {
	var report Report
	for record, err := range records {
		if err != nil && !errors.Is(err, ErrUnreadable) {
			return report, err
		}
		if report.First == 0 && head.Pruned && err == nil {
			report.Last, report.Hash = record.Seq-1, record.Prev
		}
		next := report.Last + 1
		if why := wrong(record, err, next, report.Hash, head); why != "" {
			report.Bad = &Bad{Seq: next, Why: why}
			return report, nil
		}
		if report.First == 0 {
			report.First = next
		}
		report.Records++
		report.Last, report.Hash = next, record.Hash
	}
	if report.Last < head.Seq {
		report.Bad = &Bad{Seq: report.Last + 1, Why: fmt.Sprintf(
			"%s: the chain ends at record %d and must reach %d", BadHead, report.Last, head.Seq)}
	}
	return report, nil
}

// wrong says why the record is not number next after prev; "" when it is.
func wrong(r sallyport.StoredRecord, err error, next int64, prev sallyport.Hash, head Head) string {
	switch {
	case err != nil:
		return fmt.Sprintf("%s: %v", BadUnreadable, err)
	case r.Seq != next:
		return fmt.Sprintf("%s: record %d stands in its place", BadGap, r.Seq)
	case r.Prev != prev:
		return BadPrev + ": it does not follow the record before it"
	case r.Hash != sallyport.ChainHash(prev, r.Body):
		return BadHash + ": its bytes are not those that were hashed"
	case r.Seq == head.Seq && r.Hash != head.Hash:
		return BadHead + ": it is not the record that the chain must end with"
	}
	var body struct {
		Seq        int64  `json:"org_seq"`
		SourceHash string `json:"source_hash"`
	}
	switch {
	case json.Unmarshal(r.Body, &body) != nil:
		return BadUnreadable + ": its bytes are not JSON"
	case body.Seq != next:
		return fmt.Sprintf("%s: its bytes say that it is record %d", BadUnreadable, body.Seq)
	case !sourceFits(r, body.SourceHash):
		return BadSource + ": address or program of the caller are not those it was written with"
	}
	return ""
}

// sourceFits checks what stands beside the record. Without salt it was erased,
// or was never there, and there is nothing to compare.
func sourceFits(r sallyport.StoredRecord, want string) bool {
	if len(r.SourceSalt) == 0 {
		return r.Source == sallyport.Source{}
	}
	h := sha256.New()
	h.Write(r.SourceSalt)
	h.Write([]byte(r.Source.IP))
	h.Write([]byte{0})
	h.Write([]byte(r.Source.UserAgent))
	return hex.EncodeToString(h.Sum(nil)) == want
}
