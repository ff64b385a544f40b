package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// chain makes a good chain of n records, the way a store does.
func chain(t testing.TB, n int) []sallyport.StoredRecord {
	t.Helper()
	var records []sallyport.StoredRecord
	for range n {
		records = appendRecord(t, records)
	}
	return records
}

func appendRecord(t testing.TB, records []sallyport.StoredRecord) []sallyport.StoredRecord {
	t.Helper()
	seq, prev := int64(len(records)+1), sallyport.Hash{}
	if len(records) > 0 {
		last := records[len(records)-1]
		seq, prev = last.Seq+1, last.Hash
	}
	stored := sallyport.StoredRecord{Seq: seq, Prev: prev}
	r := sallyport.Record{
		EventID: fmt.Sprint("event-", seq), Phase: sallyport.PhaseEvent, Org: "acme", Action: "key.create",
		Time: time.Date(2026, 3, 1, 12, 0, int(seq), 0, time.UTC),
	}
	if seq%2 == 0 {
		stored.Source = sallyport.Source{IP: "192.0.2.7", UserAgent: "curl/8"}
		stored.SourceSalt = []byte("0123456789abcdef")
		sum := sha256.Sum256([]byte("0123456789abcdef" + "192.0.2.7" + "\x00" + "curl/8"))
		r.SourceHash = hex.EncodeToString(sum[:])
	}
	var err error
	if stored.Body, stored.Hash, err = r.Seal(seq, prev); err != nil {
		t.Fatal(err)
	}
	return append(records, stored)
}

func headOf(records []sallyport.StoredRecord) Head {
	if len(records) == 0 {
		return Head{}
	}
	last := records[len(records)-1]
	return Head{Seq: last.Seq, Hash: last.Hash}
}

func source(records []sallyport.StoredRecord) iter.Seq2[sallyport.StoredRecord, error] {
	return func(yield func(sallyport.StoredRecord, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func verify(t testing.TB, records []sallyport.StoredRecord, head Head) Report {
	t.Helper()
	report, err := Verify(source(records), head)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// wantBad checks that the report names the record and the reason.
func wantBad(t testing.TB, what string, report Report, seq int64, why string) {
	t.Helper()
	if report.Bad == nil {
		t.Errorf("%s: not found, want record %d named (%s)", what, seq, why)
		return
	}
	if report.Bad.Seq != seq || !strings.HasPrefix(report.Bad.Why, why) {
		t.Errorf("%s: got record %d, %q; want record %d, %s", what, report.Bad.Seq, report.Bad.Why, seq, why)
	}
}

func TestVerify(t *testing.T) {
	records := chain(t, 5)
	for n := range 6 {
		report := verify(t, records[:n], headOf(records[:n]))
		if report.Bad != nil || report.Records != int64(n) || report.Last != int64(n) || report.Hash != headOf(records[:n]).Hash {
			t.Errorf("a whole chain of %d: got %+v", n, report)
		}
	}
}

// A chain once verified stays verified, however it grows, also while it is read.
func TestVerify_stays_verified(t *testing.T) {
	var records []sallyport.StoredRecord
	var heads []Head
	for range 40 {
		heads = append(heads, headOf(records))
		records = appendRecord(t, records)
		for _, head := range heads {
			if report := verify(t, records, head); report.Bad != nil {
				t.Fatalf("%d records against the head of %d: %+v", len(records), head.Seq, report.Bad)
			}
		}
	}
}

func TestVerify_every_edited_byte(t *testing.T) {
	records := chain(t, 4)
	head := headOf(records)
	for i := range records {
		seq := records[i].Seq
		for at := range records[i].Body {
			edited := slices.Clone(records)
			edited[i].Body = flip(records[i].Body, at)
			wantBad(t, fmt.Sprintf("body %d byte %d", seq, at), verify(t, edited, head), seq, BadHash)
		}
		for at := range len(sallyport.Hash{}) {
			edited := slices.Clone(records)
			edited[i].Hash[at] ^= 1
			wantBad(t, fmt.Sprintf("hash %d byte %d", seq, at), verify(t, edited, head), seq, BadHash)
			edited = slices.Clone(records)
			edited[i].Prev[at] ^= 1
			wantBad(t, fmt.Sprintf("prev %d byte %d", seq, at), verify(t, edited, head), seq, BadPrev)
		}
	}
}

func flip(body []byte, at int) []byte {
	edited := bytes.Clone(body)
	edited[at] ^= 1
	return edited
}

func TestVerify_structure(t *testing.T) {
	good := chain(t, 6)
	head := headOf(good)
	rehashed := func(i int) []sallyport.StoredRecord {
		r := slices.Clone(good)
		r[i].Body = bytes.Replace(r[i].Body, []byte("key.create"), []byte("key.delete"), 1)
		r[i].Hash = sallyport.ChainHash(r[i].Prev, r[i].Body)
		return r
	}
	sealedAs := func(seq int64) []sallyport.StoredRecord {
		r := slices.Clone(good[:2])
		body, hash, err := (&sallyport.Record{}).Seal(seq, r[1].Hash)
		if err != nil {
			t.Fatal(err)
		}
		return append(r, sallyport.StoredRecord{Seq: 3, Prev: r[1].Hash, Hash: hash, Body: body})
	}
	raw := []byte("not JSON")
	rawHash := sallyport.ChainHash(good[1].Hash, raw)

	for _, test := range []struct {
		name    string
		records []sallyport.StoredRecord
		head    Head
		seq     int64
		why     string
	}{
		{"the first is gone", good[1:], head, 1, BadGap},
		{"one is gone", slices.Concat(good[:2], good[3:]), head, 3, BadGap},
		{"two are gone", slices.Concat(good[:2], good[4:]), head, 3, BadGap},
		{"the last is gone", good[:5], head, 6, BadHead},
		{"all are gone", nil, head, 1, BadHead},
		{"two changed places", []sallyport.StoredRecord{good[0], good[2], good[1], good[3], good[4], good[5]}, head, 2, BadGap},
		{"one stands twice", slices.Concat(good[:3], good[2:]), head, 4, BadGap},
		{"rewritten with its hash", rehashed(3), head, 5, BadPrev},
		{"the last rewritten with its hash", rehashed(5), head, 6, BadHead},
		{"one under another number", sealedAs(4), Head{}, 3, BadUnreadable},
		{"one that is no JSON", append(slices.Clone(good[:2]), sallyport.StoredRecord{Seq: 3, Prev: good[1].Hash, Hash: rawHash, Body: raw}), Head{}, 3, BadUnreadable},
	} {
		t.Run(test.name, func(t *testing.T) {
			report := verify(t, test.records, test.head)
			wantBad(t, test.name, report, test.seq, test.why)
			if report.Bad != nil && report.Last != test.seq-1 {
				t.Errorf("the last good one is %d, want %d", report.Last, test.seq-1)
			}
		})
	}
}

// Removing any run of records, or moving any one of them, is found where it begins.
func TestVerify_removed_and_moved(t *testing.T) {
	good := chain(t, 9)
	head := headOf(good)
	for from := range good {
		for to := from + 1; to <= len(good); to++ {
			report := verify(t, slices.Concat(good[:from], good[to:]), head)
			why := BadGap
			if to == len(good) {
				why = BadHead
			}
			wantBad(t, fmt.Sprintf("removed %d to %d", from, to), report, int64(from+1), why)
		}
		for to := range good {
			if from == to {
				continue
			}
			moved := slices.Insert(slices.Delete(slices.Clone(good), from, from+1), to, good[from])
			wantBad(t, fmt.Sprintf("moved %d to %d", from, to), verify(t, moved, head), int64(min(from, to)+1), BadGap)
		}
	}
}

func TestVerify_another_tail(t *testing.T) {
	records := chain(t, 3)
	rewritten := slices.Clone(records)
	r := sallyport.Record{Action: "another end"}
	var err error
	if rewritten[2].Body, rewritten[2].Hash, err = r.Seal(3, records[1].Hash); err != nil {
		t.Fatal(err)
	}
	rewritten = appendRecord(t, rewritten)
	wantBad(t, "a rewritten tail that is longer", verify(t, rewritten, headOf(records)), 3, BadHead)
}

func TestVerify_pruned(t *testing.T) {
	records := chain(t, 8)
	head := headOf(records)
	head.Pruned = true
	report := verify(t, records[3:], head)
	if report.Bad != nil || report.First != 4 || report.Last != 8 || report.Records != 5 {
		t.Errorf("got %+v, want records 4 to 8 good", report)
	}
	wantBad(t, "one is gone of a pruned chain", verify(t, slices.Concat(records[3:5], records[6:]), head), 6, BadGap)
	edited := slices.Clone(records[3:])
	edited[0].Body = flip(edited[0].Body, 10)
	wantBad(t, "the first of a pruned chain", verify(t, edited, head), 4, BadHash)
}

func TestVerify_source(t *testing.T) {
	records := chain(t, 4)
	head := headOf(records)
	erased := slices.Clone(records)
	erased[1].Source, erased[1].SourceSalt = sallyport.Source{}, nil
	if report := verify(t, erased, head); report.Bad != nil {
		t.Errorf("an erased source breaks the chain: %+v", report.Bad)
	}
	for name, change := range map[string]func(*sallyport.StoredRecord){
		"address":            func(r *sallyport.StoredRecord) { r.Source.IP = "192.0.2.8" },
		"program":            func(r *sallyport.StoredRecord) { r.Source.UserAgent = "curl/9" },
		"border of the two":  func(r *sallyport.StoredRecord) { r.Source = sallyport.Source{IP: "192.0.2.7\x00curl", UserAgent: "/8"} },
		"salt":               func(r *sallyport.StoredRecord) { r.SourceSalt = []byte("another") },
		"salt gone alone":    func(r *sallyport.StoredRecord) { r.SourceSalt = nil },
		"address gone alone": func(r *sallyport.StoredRecord) { r.Source = sallyport.Source{} },
	} {
		edited := slices.Clone(records)
		change(&edited[1])
		wantBad(t, name, verify(t, edited, head), 2, BadSource)
	}
	added := slices.Clone(records)
	added[0].Source = sallyport.Source{IP: "192.0.2.9"}
	wantBad(t, "a source that was never there", verify(t, added, head), 1, BadSource)
}

func TestVerify_broken_source_is_an_error(t *testing.T) {
	broken := errors.New("disk on fire")
	report, err := Verify(func(yield func(sallyport.StoredRecord, error) bool) {
		_ = yield(chain(t, 1)[0], nil) && yield(sallyport.StoredRecord{}, broken)
	}, Head{})
	if !errors.Is(err, broken) || report.Bad != nil {
		t.Errorf("got %+v, %v; want the error: nothing is known of the chain", report, err)
	}
}

func TestVerify_random_damage(t *testing.T) {
	for seed := range uint64(500) {
		rnd := rand.New(rand.NewPCG(seed, 6))
		records := chain(t, 1+rnd.IntN(20))
		head := headOf(records)
		i := rnd.IntN(len(records))
		records[i].Body = damage(rnd, records[i].Body)
		wantBad(t, fmt.Sprintf("seed %d", seed), verify(t, records, head), int64(i+1), BadHash)
	}
}

// damage returns body with one byte changed, added or taken away.
func damage(rnd *rand.Rand, body []byte) []byte {
	at := rnd.IntN(len(body))
	switch rnd.IntN(3) {
	case 0:
		return slices.Delete(bytes.Clone(body), at, at+1)
	case 1:
		return slices.Insert(bytes.Clone(body), at, byte(rnd.IntN(256)))
	}
	edited := bytes.Clone(body)
	edited[at] ^= byte(1 + rnd.IntN(255))
	return edited
}
