package audit

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
)

func TestClock(t *testing.T) {
	t.Parallel()
	wall, mono := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), time.Duration(0)
	c := Clock{Wall: func() time.Time { return wall }, Mono: func() time.Duration { return mono }}
	for i, step := range []struct {
		wall, mono time.Duration
		want       time.Duration // 0: no jump
	}{
		{0, 0, 0},
		{time.Second, time.Second, 0},
		{time.Hour, time.Hour, 0}, // an hour later
		{time.Second + 999*time.Millisecond, time.Second, 0},          // slewed
		{time.Second - 3*time.Hour, time.Second, -3 * time.Hour},      // back
		{time.Second, time.Second, 0},                                 // told once
		{time.Second + 10*time.Minute, time.Second, 10 * time.Minute}, // forward
		{-time.Second - time.Millisecond, 0, -time.Second - time.Millisecond},
		{-time.Second, 0, 0},
	} {
		wall, mono = wall.Add(step.wall), mono+step.mono
		if by, jumped := c.Jumped(); jumped != (step.want != 0) || jumped && by != step.want {
			t.Errorf("step %d: %v %t, want %v", i, by, jumped, step.want)
		}
	}
}

// watched is a process that writes records by clocks that the test sets.
type watched struct {
	Builder
	wall time.Time
	mono time.Duration
}

func process(boot string) *watched {
	return &watched{Builder: Builder{Node: "n", Boot: boot}, wall: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
}

func (w *watched) passes(d time.Duration) { w.wall, w.mono = w.wall.Add(d), w.mono+d }

func (w *watched) record(action string, change any) sallyport.Record {
	w.passes(time.Second)
	w.Now = func() time.Time { return w.wall }
	r := w.Event(sallyport.Principal{Org: "acme"}, action, "", change)
	r.MonoNS = w.mono.Nanoseconds()
	return r
}

// verifiedClock seals the records into a chain and verifies it.
func verifiedClock(t *testing.T, records ...sallyport.Record) Report {
	t.Helper()
	var stored []sallyport.StoredRecord
	var prev sallyport.Hash
	for i := range records {
		body, hash, err := records[i].Seal(int64(i+1), prev)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, sallyport.StoredRecord{Seq: int64(i + 1), Prev: prev, Hash: hash, Body: body})
		prev = hash
	}
	report, err := Verify(func(yield func(sallyport.StoredRecord, error) bool) {
		for _, r := range stored {
			if !yield(r, nil) {
				return
			}
		}
	}, Head{Seq: int64(len(stored)), Hash: prev})
	if err != nil || report.Bad != nil {
		t.Errorf("%+v %v, want a good chain: its order is that of the numbers", report.Bad, err)
	}
	return report
}

// A chain whose clock was set is whole; the report says where, by how much, and
// whether the trail tells of it.
func TestVerifyClock(t *testing.T) {
	t.Parallel()
	told := func(d time.Duration) JumpTold { return JumpTold{MS: d.Milliseconds()} }
	t.Run("nothing happened", func(t *testing.T) {
		t.Parallel()
		a, b := process("a"), process("b")
		b.mono = 5 * time.Hour // began earlier
		r := verifiedClock(t, a.record("x", nil), b.record("x", nil), a.record("x", nil), b.record("x", nil))
		if !reflect.DeepEqual(*r.Clock, ClockReport{}) {
			t.Errorf("got %+v", *r.Clock)
		}
	})
	t.Run("an outcome that waited", func(t *testing.T) {
		t.Parallel()
		a := process("a")
		first, waited := a.record("x", nil), a.record("x", nil)
		a.passes(time.Minute)
		r := verifiedClock(t, first, a.record("x", nil), waited)
		if want := (ClockReport{Back: 61 * time.Second, BackSeq: 3}); !reflect.DeepEqual(*r.Clock, want) {
			t.Errorf("got %+v, want %+v", *r.Clock, want)
		}
	})
	t.Run("told", func(t *testing.T) {
		t.Parallel()
		a := process("a")
		first := a.record("x", nil)
		a.wall = a.wall.Add(-3 * time.Hour)
		between, tells := a.record("x", nil), a.record(ClockJump, told(-3*time.Hour))
		r := verifiedClock(t, first, between, tells, a.record("x", nil))
		want := ClockReport{
			Back: 3*time.Hour - time.Second, BackSeq: 2,
			Jumps: []Jump{{Seq: 2, Boot: "a", By: -3 * time.Hour, Told: true}},
		}
		if !reflect.DeepEqual(*r.Clock, want) {
			t.Errorf("got %+v, want %+v", *r.Clock, want)
		}
	})
	t.Run("not told", func(t *testing.T) {
		t.Parallel()
		a, b := process("a"), process("b")
		first := a.record("x", nil)
		a.wall = a.wall.Add(3 * time.Hour)
		r := verifiedClock(t, first,
			b.record(ClockJump, told(3*time.Hour)),  // another process
			a.record(ClockJump, told(-3*time.Hour)), // another jump
			a.record("x", nil))
		want := []Jump{{Seq: 3, Boot: "a", By: 3 * time.Hour}}
		if !slices.Equal(r.Clock.Jumps, want) {
			t.Errorf("got %+v, want %+v", r.Clock.Jumps, want)
		}
	})
	t.Run("a record of before mono_ns", func(t *testing.T) {
		t.Parallel()
		a := process("a")
		old := a.record("x", nil)
		old.MonoNS = 0
		a.wall = a.wall.Add(3 * time.Hour)
		if r := verifiedClock(t, old, a.record("x", nil)); len(r.Clock.Jumps) != 0 {
			t.Errorf("got %+v", r.Clock.Jumps)
		}
	})
}

// mono_ns is by a clock that nobody sets: time.Now has it, beside the time of day.
func TestMonotonic(t *testing.T) {
	t.Parallel()
	// The two clocks are read one after the other, so that between two moments
	// they have gone by some nanoseconds more or less: which one counts can be seen.
	began, now := time.Now(), time.Now()
	for tries := 0; now.Sub(began) == now.Round(0).Sub(began.Round(0)); now = time.Now() {
		if tries++; tries == 1_000_000 {
			t.Skip("the clocks of this machine agree to the nanosecond")
		}
	}
	b := Builder{Node: "n", Boot: "b", Now: func() time.Time { return now }, Began: began}
	first := b.Event(sallyport.Principal{}, "x", "", nil)
	if want := now.Sub(began).Nanoseconds(); first.MonoNS != want {
		t.Errorf("mono_ns is %d, want %d", first.MonoNS, want)
	}
	var read sallyport.Record
	body, _, err := first.Seal(1, sallyport.Hash{})
	if err != nil || json.Unmarshal(body, &read) != nil || read.MonoNS != first.MonoNS {
		t.Errorf("stored is %s %v", body, err)
	}
}
