package limit

import (
	"math/rand/v2"
	"testing"
	"time"
)

const second = int64(time.Second / time.Microsecond)

// step is one line of a test vector: at a time, so many are asked for.
type step struct {
	at        int64 // microseconds
	n         int64
	fits      bool
	wait      int64 // microseconds until it fits, when it does not; -1: never
	remaining int64 // after it
	reset     int64 // after it
}

// vectors bind every implementation of the rule.
var vectors = []struct {
	name      string
	perMinute int64
	steps     []step
}{
	{"a minute's worth at once, then the rate", 3, []step{
		{0, 1, true, 0, 2, 20 * second},
		{0, 1, true, 0, 1, 40 * second},
		{0, 1, true, 0, 0, 60 * second},
		{0, 1, false, 20 * second, 0, 60 * second},
		{20*second - 1, 1, false, 1, 0, 40*second + 1},
		{20 * second, 1, true, 0, 0, 60 * second},
		{60 * second, 2, true, 0, 0, 60 * second},
		{120 * second, 3, true, 0, 0, 60 * second},
	}},
	{"a minute that does not divide", 7, []step{
		{0, 7, true, 0, 0, 60 * second},
		{0, 1, false, 8_571_429, 0, 60 * second},
		{8_571_428, 1, false, 1, 0, 51_428_572},
		{8_571_429, 1, true, 0, 0, 60 * second},
		{17_142_858, 1, true, 0, 0, 60 * second},
	}},
	{"a microsecond early", 1, []step{
		{0, 1, true, 0, 0, 60 * second},
		{60*second - 1, 1, false, 1, 0, 1},
		{60 * second, 1, true, 0, 0, 60 * second},
	}},
	{"many at once", 10_000, []step{
		{0, 9_000, true, 0, 1_000, 54 * second},
		{0, 1_001, false, 6_000, 1_000, 54 * second},
		{6_000, 1_001, true, 0, 0, 60 * second},
		{6_000, 10_001, false, -1, 0, 60 * second},
		{6_000, 0, true, 0, 0, 60 * second},
		{66_006_000, 10_000, true, 0, 0, 60 * second},
	}},
	{"nothing at all", 0, []step{
		{0, 0, true, 0, 0, 0},
		{0, 1, false, -1, 0, 0},
		{60 * second, 1, false, -1, 0, 0},
	}},
	{"a negative limit is none", -5, []step{
		{0, 1, false, -1, 0, 0},
	}},
	{"the largest limit", PerMinuteMax, []step{
		{0, PerMinuteMax, true, 0, 0, 60 * second},
		{0, 1, false, 1, 0, 60 * second},
		{1, 167, false, 1, 166, 60*second - 1},
		{2, 333, true, 0, 0, 60 * second},
	}},
	{"a limit beyond the largest", 1 << 62, []step{
		{0, PerMinuteMax, true, 0, 0, 60 * second},
		{0, 1 << 62, false, -1, 0, 60 * second},
	}},
	{"a clock that goes back", 60, []step{
		{10 * second, 60, true, 0, 0, 60 * second},
		{5 * second, 1, false, 1 * second, 0, 60 * second},
		{11 * second, 1, true, 0, 0, 60 * second},
	}},
	{"a long rest", 60, []step{
		{0, 60, true, 0, 0, 60 * second},
		{1 << 60, 60, true, 0, 0, 60 * second},
	}},
}

// rule is gcra for one bucket, however it is kept.
type rule func(at, perMinute, n int64) (after level, fits bool, wait int64)

// implementations are both forms of the rule.
var implementations = map[string]func(*testing.T) rule{
	"function": func(*testing.T) rule {
		var l level
		return func(at, perMinute, n int64) (level, bool, int64) {
			after, fits, wait := gcra(l, at, perMinute, n)
			l = after
			return after, fits, wait
		}
	},
	"redis": redisRule,
}

func TestGCRA(t *testing.T) {
	for name, implementation := range implementations {
		for _, v := range vectors {
			t.Run(name+"/"+v.name, func(t *testing.T) {
				take := implementation(t)
				for i, s := range v.steps {
					after, fits, wait := take(s.at, v.perMinute, s.n)
					remaining, reset := after.remaining(v.perMinute)
					got := step{s.at, s.n, fits, wait, remaining, reset}
					if got != s {
						t.Fatalf("step %d:\n got %+v\nwant %+v", i, got, s)
					}
				}
			})
		}
	}
}

// In no span of time does more pass than one capacity and what was worked off,
// and whoever waits as long as told is let through.
func TestGCRAProperties(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		perMinute := 1 + rnd.Int64N(1+rnd.Int64N(1_000_000))
		var l level
		var now, passed int64
		for range 300 {
			now += rnd.Int64N(5 * second)
			n := rnd.Int64N(perMinute/4 + 2)
			after, fits, wait := gcra(l, now, perMinute, n)
			if fits {
				passed += n
			} else if n <= perMinute {
				if _, fits, _ := gcra(after, now+wait, perMinute, n); !fits {
					t.Fatalf("seed %d: %d of %d do not fit after the wait of %d µs", seed, n, perMinute, wait)
				}
				if _, fits, _ := gcra(after, now+wait-1, perMinute, n); fits {
					t.Fatalf("seed %d: %d of %d fit before the wait of %d µs", seed, n, perMinute, wait)
				}
			}
			l = after
			if most := perMinute*minute + now*perMinute; passed*minute > most {
				t.Fatalf("seed %d: %d passed in %d µs at %d per minute", seed, passed, now, perMinute)
			}
		}
	}
}

func TestCorrected(t *testing.T) {
	full := level{}
	for _, c := range []struct {
		name      string
		taken, n  int64
		remaining int64
		reset     int64
	}{
		{"what was not used comes back", 40, 30, 50, 10 * second},
		{"never more than was taken", 40, 50, 60, 0},
		{"more is taken", 40, -10, 10, 50 * second},
		{"beyond what there is", 40, -50, 0, 90 * second},
		{"debt has a bound", 40, -1 << 62, 0, 660 * second},
		{"a huge gift only fills", 60, 1 << 62, 60, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, _, _ := gcra(full, 0, 60, c.taken)
			remaining, reset := l.corrected(60, c.n).remaining(60)
			if remaining != c.remaining || reset != c.reset {
				t.Errorf("got %d remaining, reset in %d; want %d, %d", remaining, reset, c.remaining, c.reset)
			}
		})
	}
}

// A limit that becomes smaller refuses nobody for longer than its own minute,
// whatever was taken before; one that becomes larger counts what was taken.
func TestLimitChanged(t *testing.T) {
	for name, implementation := range implementations {
		t.Run(name, func(t *testing.T) {
			take := implementation(t)
			for i, s := range []struct {
				perMinute int64
				step
			}{
				{1_000_000, step{0, 1_000_000, true, 0, 0, 60 * second}},
				{60, step{0, 1, false, 1 * second, 0, 60 * second}},
				{60, step{second - 1, 1, false, 1, 0, 59*second + 1}},
				{60, step{second, 1, true, 0, 0, 60 * second}},
				{60, step{31 * second, 10, true, 0, 20, 40 * second}}, // 40 of debt
				{50, step{31 * second, 1, true, 0, 9, 49_200_000}},    // still fit
				{30, step{31 * second, 1, false, 2 * second, 0, 60 * second}},
				{300, step{31 * second, 270, true, 0, 0, 60 * second}}, // 30 count
				{0, step{31 * second, 1, false, -1, 0, 0}},
				{300, step{31 * second, 300, true, 0, 0, 60 * second}},
				{1, step{31 * second, 1, false, 60 * second, 0, 60 * second}},
				{1, step{91 * second, 1, true, 0, 0, 60 * second}},
			} {
				after, fits, wait := take(s.at, s.perMinute, s.n)
				remaining, reset := after.remaining(s.perMinute)
				if got := (step{s.at, s.n, fits, wait, remaining, reset}); got != s.step {
					t.Fatalf("step %d:\n got %+v\nwant %+v", i, got, s.step)
				}
			}
		})
	}
}
