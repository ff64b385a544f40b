// Package limit says how much a caller may do: in a minute, and at once.
//
// A rate is a bucket that holds one minute's worth and is refilled evenly: a
// quiet caller may use a minute's worth at once, a busy one gets the rate. One
// call takes from every bucket that binds it (the organisation's, its user's,
// its key's, each for requests and for tokens), from all of them or from none.
// It takes the tokens it will probably use and gives back what it did not. With
// the same step it takes a place in every bucket that counts calls under way,
// and leaves it when it ends.
//
// The rule of rates is one pure function, gcra, with test vectors beside it.
// Limiter keeps the buckets of one process in memory: a restart fills them.
// Redis keeps them for several processes; its script, limit.lua, is held to the
// same vectors and the same tests.
package limit

import (
	"context"
	"sync"
	"time"

	"github.com/sallyport-ai/sallyport"
)

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

type bucketID struct {
	org             sallyport.OrgID
	scope, id, unit string
}

type bucket struct {
	content
	id bucketID
}

// New returns a Limiter whose buckets are all full.
func New(now func() time.Time) *Limiter {
	return &Limiter{now: now, begun: now(), most: BucketsMax, buckets: make(map[bucketID]*bucket)}
}

// Take takes one request and so many tokens from every bucket, or from none;
// it takes no places. The buckets must differ from each other. The states are
// those after it, in the order of the buckets, also when it is refused.
//
// A refusal is a *sallyport.Error with code RateLimited that names the bucket
// which lets the call wait longest, and when to try again; RetryAfter is 0 when
// that bucket can never let so large a call through.
func (l *Limiter) Take(_ context.Context, buckets []Bucket, tokens int64) ([]sallyport.LimitState, error) {
	states, _, err := l.take(rates(buckets), tokens)
	return states, err
}

// Begin is Take for a call that goes on for a while: it takes a place in the
// buckets of calls under way as well. When it succeeds the caller calls end
// once, with the tokens to give back; a negative number takes more and is never
// refused: the work is done already.
func (l *Limiter) Begin(_ context.Context, buckets []Bucket, tokens int64) (states []sallyport.LimitState, end func(ctx context.Context, back int64), err error) {
	states, places, err := l.take(buckets, tokens)
	if err != nil {
		return states, nil, err
	}
	return states, func(_ context.Context, back int64) { l.end(buckets, places, back) }, nil
}

// Look returns how the buckets stand. It takes nothing and makes no bucket.
func (l *Limiter) Look(_ context.Context, buckets []Bucket) ([]sallyport.LimitState, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.micros()
	states := make([]sallyport.LimitState, len(buckets))
	for i, b := range buckets {
		var c content // full
		if kept, ok := l.buckets[bucketID{b.Org, b.Scope, b.ID, b.Unit}]; ok {
			c = kept.content
		}
		c.level = c.drained(now, b.Limit)
		states[i] = b.state(c)
	}
	return states, nil
}

// take returns the buckets in which it has taken a place; they are not dropped
// while somebody is there.
func (l *Limiter) take(buckets []Bucket, tokens int64) (states []sallyport.LimitState, places []*bucket, err error) {
	if len(buckets) == 0 {
		return nil, nil, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.micros()
	l.sweep(now, sweepStep)

	var roomKept [bucketsUsual]*bucket // on the stack
	var roomSeen [bucketsUsual]content
	kept, seen, fits := roomKept[:0], roomSeen[:0], true
	for _, b := range buckets {
		k := l.find(b, now)
		if k == nil {
			return nil, nil, errFull()
		}
		_, room, _ := b.after(k.content, now, tokens)
		kept, seen, fits = append(kept, k), append(seen, k.content), fits && room
	}
	if fits {
		for i, b := range buckets {
			kept[i].content, _, _ = b.after(kept[i].content, now, tokens)
			seen[i] = kept[i].content
			if b.Unit == Concurrent {
				places = append(places, kept[i])
			}
		}
	}
	states, err = tell(buckets, seen, now, tokens, fits)
	return states, places, err
}

func (l *Limiter) end(buckets []Bucket, places []*bucket, back int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range places {
		p.under--
	}
	now := l.micros()
	for _, b := range buckets {
		if b.Unit != Tokens || back == 0 {
			continue
		}
		if k := l.find(b, now); k != nil {
			k.level = k.corrected(b.Limit, back)
		}
	}
}

// micros is the time since the Limiter was made: unlike the date it does not
// jump when somebody sets the clock.
func (l *Limiter) micros() int64 { return l.now().Sub(l.begun).Microseconds() }

// find returns the bucket at its level of now, a new and full one if need be;
// nil without room.
func (l *Limiter) find(b Bucket, now int64) *bucket {
	id := bucketID{b.Org, b.Scope, b.ID, b.Unit}
	if kept, ok := l.buckets[id]; ok {
		kept.level = kept.drained(now, b.Limit)
		return kept
	}
	if len(l.all) >= l.most {
		l.sweep(now, sweepFull)
		if len(l.all) >= l.most {
			return nil
		}
	}
	made := &bucket{content: content{level: level{at: now, limit: clamp(b.Limit, PerMinuteMax)}}, id: id}
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
		if now-b.at < idleMin || b.under > 0 || b.drained(now, b.limit).debt > 0 {
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
