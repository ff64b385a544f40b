package audit

import (
	"encoding/json"
	"time"
)

// A trail is ordered by the numbers of its records, never by their times: a
// record is written when its call has ended, by one of several machines whose
// clocks somebody can set. So that a reader knows how far times can be believed,
// each record also has mono_ns, which nobody can set: the time since its process
// began. A clock that was set shows as a jump between the two, and the process
// tells of it in every trail.

// ClockJumpMin is by how much a clock must be set to count as a jump. Clocks
// that are slewed do not jump: mono_ns is slewed with them.
const ClockJumpMin = time.Second

// ClockJump is the action of the record that tells of a jump.
const ClockJump = "clock.jump"

// JumpTold is what such a record tells.
type JumpTold struct {
	MS int64 `json:"by_ms"` // below zero: back
	// Restart says that the process has found the clock behind the trail when it
	// began; how far it was set in between, nobody knows.
	Restart bool `json:"restart,omitempty"`
}

// Clock notices when the time of day is set.
type Clock struct {
	Wall func() time.Time     // the time of day
	Mono func() time.Duration // since any instant; nobody can set it

	wall time.Time // when Jumped was asked last
	mono time.Duration
}

// Jumped says by how much the time of day was set since it was asked last.
func (c *Clock) Jumped() (by time.Duration, jumped bool) {
	wall, mono := c.Wall().Round(0), c.Mono()
	if !c.wall.IsZero() {
		by = wall.Sub(c.wall) - (mono - c.mono)
	}
	c.wall, c.mono = wall, mono
	return by, by.Abs() > ClockJumpMin
}

// ClockReport is what a trail's times say beside its order.
type ClockReport struct {
	// Jumps are those of its processes' clocks, the first jumpsKept of them.
	Jumps []Jump
	// Back is by how much a record's time lies before that of one before it at
	// most, and BackSeq which record's: an outcome that had to wait for the
	// database, or a clock that is not that of the others.
	Back    time.Duration
	BackSeq int64
}

// Jump is a clock that was set between two records of one process.
type Jump struct {
	Seq  int64 // of the first record after it
	Boot string
	By   time.Duration
	Told bool // a record tells of it
}

// Bounds of a ClockReport, and of the processes whose clocks are followed at
// once: every command is one.
const (
	jumpsKept = 100
	bootsMax  = 100_000
)

// clockReader reads the records of a trail in their order.
type clockReader struct {
	ClockReport
	latest  time.Time
	offsets map[string]time.Duration // by process, of the time of day from mono_ns
	told    []toldJump
}

func newClockReader() *clockReader {
	return &clockReader{offsets: make(map[string]time.Duration)}
}

type toldJump struct {
	boot string
	by   time.Duration
}

func (r *clockReader) read(body []byte) {
	var rec struct {
		Seq    int64           `json:"org_seq"`
		Time   time.Time       `json:"time"`
		Mono   int64           `json:"mono_ns"`
		Boot   string          `json:"boot_id"`
		Action string          `json:"action"`
		Change json.RawMessage `json:"change"`
	}
	if json.Unmarshal(body, &rec) != nil {
		return // VerifyTrail says what is wrong with it
	}
	if back := r.latest.Sub(rec.Time); !r.latest.IsZero() && back > r.Back {
		r.Back, r.BackSeq = back, rec.Seq
	}
	if rec.Time.After(r.latest) {
		r.latest = rec.Time
	}
	var told JumpTold
	if rec.Action == ClockJump && json.Unmarshal(rec.Change, &told) == nil {
		r.hear(toldJump{rec.Boot, time.Duration(told.MS) * time.Millisecond})
	}
	if rec.Mono > 0 {
		r.follow(rec.Seq, rec.Boot, time.Duration(rec.Time.UnixNano()-rec.Mono))
	}
}

// follow compares a record's clocks with those of the one before it of its process.
func (r *clockReader) follow(seq int64, boot string, offset time.Duration) {
	before, known := r.offsets[boot]
	if len(r.offsets) >= bootsMax && !known {
		clear(r.offsets)
	}
	r.offsets[boot] = offset
	by := offset - before
	if !known || by.Abs() <= ClockJumpMin || len(r.Jumps) == jumpsKept {
		return
	}
	j := Jump{Seq: seq, Boot: boot, By: by}
	for _, t := range r.told {
		j.Told = j.Told || t.of(j)
	}
	r.Jumps = append(r.Jumps, j)
}

// hear takes a record that tells of a jump; it may come before or after the
// first record that shows it.
func (r *clockReader) hear(t toldJump) {
	if len(r.told) < jumpsKept {
		r.told = append(r.told, t)
	}
	for i := range r.Jumps {
		r.Jumps[i].Told = r.Jumps[i].Told || t.of(r.Jumps[i])
	}
}

func (t toldJump) of(j Jump) bool { return t.boot == j.Boot && (t.by-j.By).Abs() <= ClockJumpMin }
