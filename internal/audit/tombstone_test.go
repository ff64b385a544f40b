package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
)

// buriedTrail is a trail with three tombstones: for records 1 to 11, told of by
// record 52, which is gone; for 12 to 62, told of by 103; and for 63 to 72, told
// of by 114. Records 73 to 124 are there.
func buriedTrail(t *testing.T) (*archive, []Line, Head) {
	t.Helper()
	a := newArchive(t, 3)
	for _, days := range []int{5, 5, 1} {
		a.days(days)
		a.due()
	}
	a.days(1)
	return a, linesOf(t, a), a.head()
}

func linesOf(t *testing.T, a *archive) (lines []Line) {
	t.Helper()
	for line, err := range a.trail() {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

func verifyLines(t *testing.T, lines []Line, head Head, trust Trust) Report {
	t.Helper()
	report, err := VerifyTrail(func(yield func(Line, error) bool) {
		for _, line := range lines {
			if !yield(line, nil) {
				return
			}
		}
	}, head, trust)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// edited returns a tombstone that says something else.
func edited(t *testing.T, line Line, change func(*Removal)) Line {
	t.Helper()
	stone := *line.Tombstone
	var r Removal
	if err := json.Unmarshal(stone.Body, &r); err != nil {
		t.Fatal(err)
	}
	change(&r)
	var err error
	if stone.Body, err = json.Marshal(r); err != nil {
		t.Fatal(err)
	}
	return Line{Tombstone: &stone}
}

// Whoever removes records otherwise than retention does, or touches a
// tombstone, is found, and the first bad record is named.
func TestVerify_tombstones(t *testing.T) {
	a, good, head := buriedTrail(t)
	trust := Trust{Key: a.key.Public}
	report := verifyLines(t, good, head, trust)
	if report.Bad != nil || report.Tombstones != 3 || report.Removed != 72 || report.First != 73 || report.Last != head.Seq {
		t.Fatalf("the trail is %+v, %+v", report, report.Bad)
	}
	stones, rest := good[:3], good[3:]
	at := func(seq int64) int { // of a record among the lines
		return slices.IndexFunc(good, func(l Line) bool { return l.Record.Seq == seq })
	}
	const tells = 114 // of the last removal
	other := testKeyOf(t, a.org, 2)
	resigned := func(change func(*Removal)) Line {
		return edited(t, stones[2], func(r *Removal) {
			change(r)
			if err := r.sign(other); err != nil {
				t.Fatal(err)
			}
		})
	}
	with := func(n int, line Line) []Line { // in the place of a tombstone
		lines := slices.Clone(good)
		lines[n] = line
		return lines
	}
	for _, test := range []struct {
		name  string
		lines []Line
		seq   int64
		why   string
	}{
		{"all tombstones are dropped", rest, 1, BadGap},
		{"the first is dropped", good[1:], 1, BadTombstone},
		{"the second is dropped", slices.Concat(stones[:1], stones[2:], rest), 12, BadTombstone},
		{"the last is dropped", slices.Concat(stones[:2], rest), 63, BadGap},
		{"two changed places", slices.Concat(stones[:1], stones[2:], stones[1:2], rest), 12, BadTombstone},
		{"one stands twice", slices.Concat(stones, stones[2:], rest), 73, BadTombstone},
		{"they stand behind a record", slices.Concat(rest[:1], stones, rest[1:]), 1, BadGap},
		{"one stands behind the records", slices.Concat(good, stones[2:]), 73, BadTombstone},
		{"a record is removed behind it", slices.Delete(slices.Clone(good), at(73), at(74)), 73, BadGap},
		{"records are removed behind it", slices.Delete(slices.Clone(good), at(73), at(78)), 73, BadGap},
		{"a record is removed in the midst", slices.Delete(slices.Clone(good), at(85), at(86)), 85, BadGap},
		{"the record that tells is removed", slices.Delete(slices.Clone(good), at(tells), at(tells)+1), tells, BadGap},
		{"the trail is cut before what tells", good[:at(tells)], tells, BadHead},
		{"the trail is cut at its end", good[:at(head.Seq)], head.Seq, BadHead},
		{"nothing but tombstones", stones, 73, BadHead},
		{"a count is edited", with(1, edited(t, stones[1], func(r *Removal) { r.Records++ })), 12, BadTombstone},
		{"its range is edited", with(2, edited(t, stones[2], func(r *Removal) { r.Last, r.Records = r.Last-1, r.Records-1 })), 63, BadTombstone},
		{"a time is edited", with(0, edited(t, stones[0], func(r *Removal) { r.LastAt = r.LastAt.Add(1) })), 1, BadTombstone},
		{"the hash is edited", with(2, edited(t, stones[2], func(r *Removal) { r.Hash = strings.Repeat("0", 64) })), 63, BadTombstone},
		{"the root is edited", with(2, edited(t, stones[2], func(r *Removal) { r.Root[3] ^= 1 })), 63, BadTombstone},
		{"the tree is edited", with(2, edited(t, stones[2], func(r *Removal) { r.Tree[0][3] ^= 1 })), 63, BadTombstone},
		{"the tree is shortened", with(1, edited(t, stones[1], func(r *Removal) { r.Tree = r.Tree[1:] })), 12, BadTombstone},
		{"the signature is another's", with(2, resigned(func(*Removal) {})), 63, BadTombstone},
		{"the signature is another's, and the range", with(2, resigned(func(r *Removal) { r.Last++; r.Records++ })), 63, BadTombstone},
		{"it is of another trail", with(2, stones[1]), 63, BadTombstone},
		{"it is no JSON", with(2, Line{Tombstone: &BuriedLine{Body: []byte("{")}}), 63, BadTombstone},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantBad(t, "verified", verifyLines(t, test.lines, head, trust), test.seq, test.why)
		})
	}

	// Without the head it is the record that tells, or the one before, that misses.
	wantBad(t, "cut before what tells", verifyLines(t, good[:at(tells)], Head{}, trust), tells, BadTombstone)
	wantBad(t, "nothing but tombstones", verifyLines(t, stones, Head{}, trust), 73, BadTombstone)

	// One who writes the whole database, but has not the key: the tombstone is
	// another, what tells of it is written anew, and so is everything behind it.
	forged := forgeRemoval(t, good, resigned(func(r *Removal) { r.LastAt = r.LastAt.Add(1) }))
	forger := Head{Seq: head.Seq, Hash: forged[len(forged)-1].Record.Hash}
	wantBad(t, "forged under another key", verifyLines(t, forged, forger, trust), 63, BadTombstone)
	if r := verifyLines(t, forged[2:], forger, Trust{}); r.Bad == nil {
		t.Error("a forged tombstone is good without those before it")
	}
}

// forgeRemoval writes a trail anew, with another last tombstone that is told of as it must be.
func forgeRemoval(t *testing.T, lines []Line, stone Line) (forged []Line) {
	t.Helper()
	var prev sallyport.Hash
	for n, line := range lines {
		switch {
		case n == 2:
			forged = append(forged, stone)
			continue
		case line.Tombstone != nil:
			forged = append(forged, line)
			continue
		case line.Checkpoint != nil:
			continue
		}
		r := line.Record
		if prev == (sallyport.Hash{}) {
			prev = r.Prev
		}
		r.Prev = prev
		if bytes.Contains(r.Body, []byte(ActionRetention)) {
			r.Body = bytes.Replace(r.Body, lines[2].Tombstone.Body, stone.Tombstone.Body, 1)
		}
		r.Hash = sallyport.ChainHash(prev, r.Body)
		prev = r.Hash
		forged = append(forged, Line{Record: r})
	}
	return forged
}

func testKeyOf(t *testing.T, org sallyport.OrgID, seed byte) CheckpointKey {
	t.Helper()
	key, err := OpenCheckpointKey(org, bytes.Repeat([]byte{seed}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// What a tombstone stands for may still be there, in part: what a crash left, or
// a legal hold. It is verified too.
func TestVerify_half_removed(t *testing.T) {
	a := newArchive(t, 3)
	a.days(5)
	before := linesOf(t, a)
	a.due()
	head := a.head()
	after := linesOf(t, a)
	trust := Trust{Key: a.key.Public}
	for left := range 11 { // of the eleven records that are removed, these are left
		var records []Line
		for _, line := range before {
			if line.Checkpoint == nil && line.Record.Seq > int64(11-left) && line.Record.Seq <= 11 {
				records = append(records, line)
			}
		}
		lines := slices.Concat(after[:1], records, after[1:])
		report := verifyLines(t, lines, head, trust)
		if report.Bad != nil || report.First != int64(12-left) || report.Removed != 11 || report.Last != head.Seq {
			t.Errorf("%d left: %+v, %+v", left, report, report.Bad)
		}
		if left < 2 {
			continue
		}
		for i := range records {
			seq := records[i].Record.Seq
			damaged := slices.Clone(lines)
			damaged[1+i].Record.Body = flip(records[i].Record.Body, 20)
			wantBad(t, fmt.Sprintf("%d left, %d edited", left, seq), verifyLines(t, damaged, head, trust), seq, BadHash)
			if i > 0 {
				gone := slices.Delete(slices.Clone(lines), 1+i, 2+i)
				wantBad(t, fmt.Sprintf("%d left, %d gone", left, seq), verifyLines(t, gone, head, trust), seq, BadGap)
			}
		}
		other := slices.Clone(lines)
		for i := range records { // good in themselves, and not what was removed
			r := &other[1+i].Record
			if i > 0 {
				r.Prev = other[i].Record.Hash
			}
			r.Body = bytes.Replace(r.Body, []byte("login"), []byte("logon"), 1)
			r.Hash = sallyport.ChainHash(r.Prev, r.Body)
		}
		wantBad(t, fmt.Sprintf("%d left, of another story", left), verifyLines(t, other, head, trust), 11, BadTombstone)
	}
}

// Whatever happens to a byte of a tombstone in an export is found, also when the
// record that tells of it is gone.
func TestReadTrail_every_edited_byte_of_a_tombstone(t *testing.T) {
	a, _, head := buriedTrail(t)
	var out bytes.Buffer
	if _, err := ExportTrail(&out, a.trail()); err != nil {
		t.Fatal(err)
	}
	text := out.Bytes()
	line, _, _ := bytes.Cut(text, []byte("\n"))
	stated, _, found := bytes.Cut(line, []byte(`,"key":"`)) // the key is ours, whatever the line says
	if !found || !bytes.HasPrefix(stated, []byte(`{"tombstone":{"first_seq":1,`)) {
		t.Fatalf("the export begins with %s", line)
	}
	for at := range stated {
		for _, with := range []byte{text[at] ^ 1, text[at] ^ 0x20, '\n'} {
			edited := slices.Clone(text)
			edited[at] = with
			report, err := VerifyTrail(ReadTrail(bytes.NewReader(edited)), head, Trust{Key: a.key.Public})
			if err != nil || report.Bad == nil {
				t.Fatalf("byte %d is %q: %+v, %v", at, with, report, err)
			}
		}
	}
}
