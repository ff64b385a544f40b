package limit

import "time"

// The bounds of a bucket. Together they keep all arithmetic within an int64.
const (
	// PerMinuteMax is the largest limit; a larger one counts as this.
	PerMinuteMax = 10_000_000_000
	// overdraftMax is how many minutes a bucket can be in debt beyond its
	// capacity. Work that turned out larger than what was taken for it makes
	// debt; without a bound one wrong count could lock a caller out for ever.
	// When the limit becomes smaller there is none: what was taken under the old
	// one empties the new bucket and no more, so that it fills within a minute.
	overdraftMax = 10
)

// minute is the debt of one unit: a bucket of n per minute works off n of debt
// in each microsecond, so one unit takes minute/n microseconds. Whole numbers
// all the way: no rounding adds up, and another program that follows the rule
// gets the same answers.
const minute = int64(time.Minute / time.Microsecond)

// level is what one bucket remembers.
type level struct {
	debt  int64 // what was taken and is not yet worked off; 0: the bucket is full
	at    int64 // when that was so, in microseconds
	limit int64 // under which that was so
}

// gcra is the whole rule: the generic cell rate algorithm with a burst of one
// minute's worth. It works off what the time since l paid for, and then says
// whether n more fit and what the level is after them. When they do not fit,
// the level is that before them and wait says in how many microseconds they
// will; -1: never. n is at least 0.
func gcra(l level, now, perMinute, n int64) (after level, fits bool, wait int64) {
	l = l.drained(now, perMinute)
	perMinute = clamp(perMinute, PerMinuteMax)
	if n == 0 {
		return l, true, 0
	}
	if n > perMinute {
		return l, false, -1
	}
	if over := l.debt + n*minute - perMinute*minute; over > 0 {
		return l, false, ceilDiv(over, perMinute)
	}
	l.debt += n * minute
	return l, true, 0
}

// drained is the level at now. A clock that went back changes nothing.
func (l level) drained(now, perMinute int64) level {
	perMinute = clamp(perMinute, PerMinuteMax)
	if perMinute < l.limit {
		l.debt = min(l.debt, perMinute*minute)
	}
	l.limit = perMinute
	elapsed := now - l.at
	if elapsed <= 0 || perMinute == 0 {
		return l
	}
	l.at = now
	if elapsed >= ceilDiv(l.debt, perMinute) {
		l.debt = 0
	} else {
		l.debt -= elapsed * perMinute
	}
	return l
}

// corrected gives n units back; a negative n takes more, within the overdraft.
func (l level) corrected(perMinute, n int64) level {
	perMinute = clamp(perMinute, PerMinuteMax)
	debtMax := (1 + overdraftMax) * perMinute * minute
	units := max(min(n, PerMinuteMax), -PerMinuteMax)
	l.debt = min(max(l.debt-units*minute, 0), debtMax)
	return l
}

// remaining is how many whole units fit now; reset, in how many microseconds
// the bucket is full again.
func (l level) remaining(perMinute int64) (n, reset int64) {
	perMinute = clamp(perMinute, PerMinuteMax)
	if perMinute == 0 {
		return 0, 0
	}
	return max(perMinute*minute-l.debt, 0) / minute, ceilDiv(l.debt, perMinute)
}

func clamp(n, most int64) int64 { return min(max(n, 0), most) }

func ceilDiv(a, b int64) int64 { return (a + b - 1) / b }
