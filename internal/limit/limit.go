// Package limit says how much a caller may do in a minute.
//
// A limit is a bucket that holds one minute's worth and is refilled evenly: a
// quiet caller may use a minute's worth at once, a busy one gets the rate. One
// call takes from every bucket that binds it (the organisation's, its user's,
// its key's, each for requests and for tokens), from all of them or from none.
// It takes the tokens it will probably use and gives back what it did not.
//
// The rule is one pure function, gcra, with test vectors beside it; a
// limiter for several processes has to follow the same vectors. This one lives
// in memory: a restart fills all buckets.
package limit

import (
	"context"
	"sync"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// The units that a bucket can count.
const (
	Requests = "requests"
	Tokens   = "tokens"
)

// Bucket is one limit that binds a call.
type Bucket struct {
	Scope string // "organisation", "user" or "key"
	// ID tells buckets of one scope and unit apart; it includes the
	// organisation where the thing itself does not.
	ID   string
	Unit string // Requests or Tokens
	// PerMinute is the limit. 0 or less lets nothing through.
	PerMinute int64
}

// The bounds of a Limiter.
const (
	// BucketsMax bounds the memory; more than so many callers in one minute
	// are refused.
	BucketsMax = 1_000_000
	// idleMin is how long a bucket that is full again is kept, so that a
	// caller who comes often finds it.
	idleMin = int64(time.Minute / time.Microsecond)
	// sweepStep is how many buckets each call looks at to drop idle ones;
	// more than one, so that dropping is faster than making.
	sweepStep = 2
	// sweepFull is how many when there is no room.
	sweepFull = 10_000
)

// Limiter keeps the buckets. It is safe for concurrent use.
//
// One mutex guards all: a call's work under it is a few map look-ups, see the
// benchmark.
type Limiter struct {
	now   func() time.Time
	begun time.Time
	most  int // BucketsMax, smaller in tests

	mu      sync.Mutex
	buckets map[bucketID]*bucket
	all     []*bucket // the same, in an order to walk them
	hand    int       // where the sweep goes on in all
}

type bucketID struct{ scope, id, unit string }

type bucket struct {
	level
	id        bucketID
	perMinute int64 // when it was last used
}

// New returns a Limiter whose buckets are all full.
func New(now func() time.Time) *Limiter {
	return &Limiter{now: now, begun: now(), most: BucketsMax, buckets: make(map[bucketID]*bucket)}
}

// Take takes one request and so many tokens from every bucket, or from none.
// The buckets must differ from each other. The states are those after the call,
// in the order of the buckets, also when it is refused.
//
// A refusal is a *sallyport.Error with code RateLimited that names the bucket
// which lets the call wait longest, and when to try again; RetryAfter is 0 when
// that bucket can never let so large a call through.
func (l *Limiter) Take(_ context.Context, buckets []Bucket, tokens int64) ([]sallyport.LimitState, error) {
	if len(buckets) == 0 {
		return nil, nil
	}
	states := make([]sallyport.LimitState, len(buckets))
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.micros()
	l.sweep(now, sweepStep)

	var room [8]*bucket // no call is bound by more today; spares an allocation
	found, refused := room[:0], refusal{}
	for _, b := range buckets {
		kept := l.find(b, now)
		if kept == nil {
			return nil, errFull()
		}
		found = append(found, kept)
		if _, fits, wait := gcra(kept.level, now, b.PerMinute, b.cost(tokens)); !fits {
			refused.add(b, kept.level, b.cost(tokens), wait)
		}
	}
	for i, b := range buckets {
		if !refused.needed() {
			found[i].level, _, _ = gcra(found[i].level, now, b.PerMinute, b.cost(tokens))
		}
		states[i] = b.state(found[i].level)
	}
	if refused.needed() {
		return states, refused.err()
	}
	return states, nil
}

// Return gives tokens back to the buckets that count them. A negative number
// takes more and is never refused: the work is done already.
func (l *Limiter) Return(_ context.Context, buckets []Bucket, tokens int64) {
	if tokens == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.micros()
	for _, b := range buckets {
		if b.Unit != Tokens {
			continue
		}
		if kept := l.find(b, now); kept != nil {
			kept.level = kept.corrected(b.PerMinute, tokens)
		}
	}
}

// cost is what a call takes from the bucket.
func (b Bucket) cost(tokens int64) int64 {
	if b.Unit == Tokens {
		return max(tokens, 0)
	}
	return 1
}

func (b Bucket) state(l level) sallyport.LimitState {
	remaining, reset := l.remaining(b.PerMinute)
	return sallyport.LimitState{
		Scope: b.Scope, Unit: b.Unit, Limit: clamp(b.PerMinute, PerMinuteMax),
		Remaining: remaining, Reset: time.Duration(reset) * time.Microsecond,
	}
}

// micros is the time since the Limiter was made: unlike the date it does not
// jump when somebody sets the clock.
func (l *Limiter) micros() int64 { return l.now().Sub(l.begun).Microseconds() }

// find returns the bucket at its level of now, a new and full one if need be;
// nil without room.
func (l *Limiter) find(b Bucket, now int64) *bucket {
	id := bucketID{b.Scope, b.ID, b.Unit}
	if kept, ok := l.buckets[id]; ok {
		kept.level, kept.perMinute = kept.drained(now, b.PerMinute), b.PerMinute
		return kept
	}
	if len(l.all) >= l.most {
		l.sweep(now, sweepFull)
		if len(l.all) >= l.most {
			return nil
		}
	}
	made := &bucket{level: level{at: now}, id: id, perMinute: b.PerMinute}
	l.buckets[id] = made
	l.all = append(l.all, made)
	return made
}

// sweep looks at the next few buckets and drops those that are full and were
// not used of late: a new one in their place would be just the same.
func (l *Limiter) sweep(now int64, steps int) {
	for range min(steps, len(l.all)) {
		if l.hand >= len(l.all) {
			l.hand = 0
		}
		b := l.all[l.hand]
		if now-b.at < idleMin || b.drained(now, b.perMinute).debt > 0 {
			l.hand++
			continue
		}
		last := len(l.all) - 1
		l.all[l.hand] = l.all[last]
		l.all[last] = nil
		l.all = l.all[:last]
		delete(l.buckets, b.id)
	}
}
