package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport-ai/sallyport"
)

// shelf is a trail with its tree, in memory.
type shelf struct {
	records []sallyport.StoredRecord
	tiles   map[tileName][]byte
	signed  []sallyport.Checkpoint
}

func (s *shelf) ChainLinks(_ context.Context, _ sallyport.OrgID, after int64, limit int) (links []sallyport.ChainLink, _ error) {
	rest := s.records[min(int(after), len(s.records)):]
	for _, r := range rest[:min(limit, len(rest))] {
		links = append(links, sallyport.ChainLink{Seq: r.Seq, Prev: r.Prev, Hash: r.Hash})
	}
	return links, nil
}

func (s *shelf) ChainHead(context.Context, sallyport.OrgID) (int64, sallyport.Hash, error) {
	return int64(len(s.records)), sallyport.Hash{}, nil
}

func (s *shelf) Unsigned(context.Context, int) ([]sallyport.Trail, error) {
	t := sallyport.Trail{Org: "acme", Head: int64(len(s.records))}
	if len(s.signed) > 0 {
		last := s.signed[len(s.signed)-1]
		t.Done, t.At = last.Size, last.At
	}
	if t.Done == t.Head {
		return nil, nil
	}
	return []sallyport.Trail{t}, nil
}

func (s *shelf) LastCheckpoint(context.Context, sallyport.OrgID) (sallyport.Checkpoint, error) {
	if len(s.signed) == 0 {
		return sallyport.Checkpoint{}, sallyport.NewError(sallyport.NotFound, "none")
	}
	return s.signed[len(s.signed)-1], nil
}

func (s *shelf) AddCheckpoint(_ context.Context, from int64, c sallyport.Checkpoint, tiles []sallyport.TreeTile) error {
	size := int64(0)
	if len(s.signed) > 0 {
		size = s.signed[len(s.signed)-1].Size
	}
	if size != from {
		return sallyport.NewError(sallyport.Conflict, "other size")
	}
	for _, t := range tiles {
		s.tiles[tileName{t.Level, t.N}] = t.Hashes
	}
	s.signed = append(s.signed, c)
	return nil
}

func (s *shelf) TreeTile(_ context.Context, _ sallyport.OrgID, level int, n int64) ([]byte, error) {
	if hashes, ok := s.tiles[tileName{level, n}]; ok {
		return hashes, nil
	}
	return nil, sallyport.NewError(sallyport.NotFound, "none")
}

// trail is what an export has: records and checkpoints in their order.
func (s *shelf) trail(key string) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		signed := s.signed
		for _, r := range s.records {
			if !yield(Line{Record: r}, nil) {
				return
			}
			for ; len(signed) > 0 && signed[0].Size == r.Seq; signed = signed[1:] {
				if !yield(Line{Checkpoint: &SignedLine{string(signed[0].Note), key}}, nil) {
					return
				}
			}
		}
	}
}

func newShelf(t testing.TB, n int) (*shelf, *Checkpointer, *time.Time) {
	t.Helper()
	s := &shelf{records: chain(t, n), tiles: make(map[tileName][]byte)}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	key := testKey(t, 1)
	return s, &Checkpointer{
		Store: s, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
		Key: func(context.Context, sallyport.OrgID) (CheckpointKey, error) { return key, nil },
	}, &now
}

func testKey(t testing.TB, seed byte) CheckpointKey {
	t.Helper()
	key, err := OpenCheckpointKey("acme", bytes.Repeat([]byte{seed}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sizes(s *shelf) (all []int64) {
	for _, c := range s.signed {
		all = append(all, c.Size)
	}
	return all
}

func TestCheckpointsAreDueByNumberAndAge(t *testing.T) {
	s, c, now := newShelf(t, 2345)
	due := func(want ...int64) {
		t.Helper()
		if err := c.Due(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := sizes(s); !slices.Equal(got, want) {
			t.Errorf("checkpoints of %v records, want %v", got, want)
		}
	}
	due(1000, 2000, 2345) // the first is due at once
	s.records = appendRecord(t, s.records)
	*now = now.Add(CheckpointAge - 1)
	due(1000, 2000, 2345)
	*now = now.Add(1)
	due(1000, 2000, 2345, 2346)
	s.records = appendRecord(t, s.records)
	*now = now.Add(-checkpointAhead) // a neighbour's clock
	due(1000, 2000, 2345, 2346)
	*now = now.Add(-1) // this one was set
	due(1000, 2000, 2345, 2346, 2347)
	for len(s.records) < 3001 {
		s.records = appendRecord(t, s.records)
	}
	due(1000, 2000, 2345, 2346, 2347, 3000)
	made, err := c.Make(t.Context(), "acme")
	if err != nil || made.Size != 3001 {
		t.Errorf("Make returned the checkpoint of %d records and %v, want 3001", made.Size, err)
	}
	report, err := VerifyTrail(s.trail(testKey(t, 1).Public), headOf(s.records), Trust{Key: testKey(t, 1).Public})
	if err != nil || report.Bad != nil || report.Checkpoints != 7 || report.Signed != 3001 {
		t.Errorf("report %+v %+v %v, want 7 checkpoints up to 3001", report, report.Bad, err)
	}
}

// The root does not depend on how the tree grew, and is the library's own.
func TestTreeRoots(t *testing.T) {
	records := chain(t, 700)
	var compact compactTree
	var hashes []tlog.Hash
	stored := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = hashes[index]
		}
		return found, nil
	})
	for i, r := range records {
		compact.add(r.Hash)
		made, err := tlog.StoredHashes(int64(i), r.Hash[:], stored)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, made...)
		want, err := tlog.TreeHash(int64(i+1), stored)
		if err != nil || compact.root() != sallyport.Hash(want) {
			t.Fatalf("root of %d records is %x, want %x (%v)", i+1, compact.root(), want, err)
		}
	}
}

func TestTreeGrowsInAnySteps(t *testing.T) {
	s, c, _ := newShelf(t, 0)
	for _, n := range []int{1, 2, 3, 255, 256, 257, 511, 512, 600, 1500} {
		for len(s.records) < n {
			s.records = appendRecord(t, s.records)
		}
		if _, err := c.Make(t.Context(), "acme"); err != nil {
			t.Fatalf("%d: %v", n, err)
		}
	}
	report, err := VerifyTrail(s.trail(""), Head{}, Trust{Key: testKey(t, 1).Public})
	if err != nil || report.Bad != nil || report.Signed != 1500 {
		t.Errorf("%+v %+v %v", report, report.Bad, err)
	}
}

func TestProof(t *testing.T) {
	s, c, _ := newShelf(t, 1300)
	key := testKey(t, 1).Public
	for _, n := range []int{1, 2, 256, 257, 1000, 1300} {
		proof, err := c.Prove(t.Context(), "acme", s.records[n-1])
		if err != nil {
			t.Fatalf("prove %d: %v", n, err)
		}
		text, err := json.Marshal(proof)
		if err != nil {
			t.Fatal(err)
		}
		var read Proof
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		if err := CheckProof(read, key); err != nil {
			t.Errorf("proof of %d does not hold: %v", n, err)
		}
		for name, change := range map[string]func(p *Proof){
			"record": func(p *Proof) {
				p.Record = bytes.Replace(slices.Clone(p.Record), []byte("key.create"), []byte("key.revoke"), 1)
			},
			"number":     func(p *Proof) { p.Seq++ },
			"previous":   func(p *Proof) { p.Prev = strings.Repeat("0", 63) + "1" },
			"path":       func(p *Proof) { p.Path = slices.Clone(p.Path); p.Path[0][0] ^= 1 },
			"short path": func(p *Proof) { p.Path = p.Path[1:] },
			"checkpoint": func(p *Proof) { p.Checkpoint = strings.Replace(p.Checkpoint, "\n1300\n", "\n1299\n", 1) },
			"trail":      func(p *Proof) { p.Checkpoint = strings.Replace(p.Checkpoint, "/acme", "/evil", 1) },
		} {
			changed := read
			change(&changed)
			if CheckProof(changed, key) == nil {
				t.Errorf("proof of %d with another %s holds", n, name)
			}
		}
		if CheckProof(read, testKey(t, 2).Public) == nil {
			t.Error("a proof holds under another key")
		}
	}
}

// A chain that is broken is not signed; a damaged tree makes no proof.
func TestDamageIsNotSigned(t *testing.T) {
	s, c, _ := newShelf(t, 600)
	if _, err := c.Make(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	s.tiles[tileName{0, 1}][5] ^= 1
	if _, err := c.Prove(t.Context(), "acme", s.records[300]); err == nil {
		t.Error("a proof was made from a damaged tree")
	}
	s, c, _ = newShelf(t, 10)
	s.records[4].Hash[0] ^= 1
	if err := c.Due(t.Context()); err == nil || len(s.signed) > 0 {
		t.Errorf("a broken chain was signed: %v, error %v", sizes(s), err)
	}
	s, c, _ = newShelf(t, 10)
	s.records = slices.Delete(s.records, 3, 4)
	if err := c.Due(t.Context()); err == nil || len(s.signed) > 0 {
		t.Errorf("a trail with a gap was signed: %v, error %v", sizes(s), err)
	}
}

func TestExportWithCheckpoints(t *testing.T) {
	s, c, now := newShelf(t, 5)
	key := testKey(t, 1).Public
	for range 3 {
		if err := c.Due(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.records = appendRecord(t, s.records)
		*now = now.Add(CheckpointAge)
	}
	var out bytes.Buffer
	if lines, err := ExportTrail(&out, s.trail(key)); err != nil || lines != 8+3 {
		t.Fatalf("%d lines, %v, want 11", lines, err)
	}
	good := out.String()
	verify := func(text string, trust Trust) Report {
		t.Helper()
		report, err := VerifyExport(ReadTrail(strings.NewReader(text)), trust)
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	kept := Trust{Key: key, Notes: [][]byte{s.signed[2].Note, s.signed[0].Note}}
	for name, trust := range map[string]Trust{"nothing": {}, "key": {Key: key}, "checkpoint": kept} {
		if r := verify(good, trust); r.Bad != nil || r.Records != 8 || r.Checkpoints != 3 || r.Signed != 7 || r.Key != key {
			t.Errorf("trusting %s: %+v %+v", name, r, r.Bad)
		}
	}

	// The whole trail is written anew by somebody who has not our key.
	forged, forger, _ := newShelf(t, 0)
	forged.records = forge(t, 8)
	other := testKey(t, 2)
	forger.Key = func(context.Context, sallyport.OrgID) (CheckpointKey, error) { return other, nil }
	if err := forger.Due(t.Context()); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if _, err := ExportTrail(&out, forged.trail(other.Public)); err != nil {
		t.Fatal(err)
	}
	withoutCheckpoints, _, _ := strings.Cut(out.String(), `{"checkpoint"`)
	lines := strings.SplitAfter(good, "\n")
	for name, test := range map[string]struct {
		text  string
		trust Trust
	}{
		"forged, key known":               {out.String(), Trust{Key: key}},
		"forged, checkpoint known":        {withoutCheckpoints, kept},
		"forged, without checkpoints":     {withoutCheckpoints, Trust{Key: key}},
		"empty":                           {"", Trust{}},
		"cut short":                       {strings.Join(lines[:6], ""), kept},
		"checkpoint in another place":     {strings.Join(slices.Concat(lines[:4], lines[5:6], lines[4:5], lines[6:]), ""), Trust{}},
		"checkpoint changed":              {strings.Replace(good, `\n5\n`, `\n6\n`, 1), Trust{}},
		"record changed under checkpoint": {strings.Replace(good, "event-2", "event-9", 1), Trust{}},
		"line with more in it":            {strings.Replace(good, `","key":`, `","x":1,"key":`, 1), Trust{}},
	} {
		if r := verify(test.text, test.trust); r.Bad == nil {
			t.Errorf("%s: found good: %+v", name, r)
		}
	}
	for _, text := range []string{out.String(), withoutCheckpoints} {
		if r := verify(text, Trust{}); r.Bad != nil {
			t.Errorf("the forgery is not good in itself: %+v", r.Bad)
		}
	}
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, `{"checkpoint"`) })
	if r := verify(strings.Join(lines, ""), kept); r.Bad != nil || r.Signed != 7 {
		t.Errorf("what a kept checkpoint signs: %+v %+v", r, r.Bad)
	}
	if _, err := VerifyTrail(ReadTrail(strings.NewReader(good)), Head{}, Trust{Notes: kept.Notes}); err == nil {
		t.Error("a kept checkpoint without a key was trusted")
	}
}

// forge makes a chain that is good in itself and tells another story.
func forge(t testing.TB, n int) (records []sallyport.StoredRecord) {
	t.Helper()
	var prev sallyport.Hash
	for seq := int64(1); seq <= int64(n); seq++ {
		r := sallyport.Record{EventID: "forged", Org: "acme", Action: "nothing", Time: time.Unix(seq, 0)}
		body, hash, err := r.Seal(seq, prev)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, sallyport.StoredRecord{Seq: seq, Prev: prev, Hash: hash, Body: body})
		prev = hash
	}
	return records
}
