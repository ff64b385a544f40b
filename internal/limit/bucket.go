package limit

import (
	"slices"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// The units that a bucket can count.
const (
	Requests   = "requests"   // a minute
	Tokens     = "tokens"     // a minute
	Concurrent = "concurrent" // calls under way at once
)

// Bucket is one limit that binds a call.
type Bucket struct {
	// Org is whose it is: the same for all buckets of one call.
	Org   sallyport.OrgID
	Scope string // "organisation", "group", "user" or "key"
	ID    string // tells buckets of one organisation, scope and unit apart
	// Name is what people call it; empty where the scope tells who is meant,
	// because a call has one of each. Where it has several its ID is told too.
	Name string
	Unit string // Requests, Tokens or Concurrent
	// Limit is how many per minute, or how many at once. 0 or less lets
	// nothing through.
	Limit int64
}

// bucketsUsual is how many buckets bind a call at most whose owner is in no group:
// three scopes, three units.
const bucketsUsual = 9

// content is what a limiter has in one bucket.
type content struct {
	level       // of a rate
	under int64 // of Concurrent: calls under way
}

// placeWait is when a caller that found no place may try again, in
// microseconds: nobody knows when a call will end.
const placeWait = int64(time.Second / time.Microsecond)

// cost is what a call takes from the bucket.
func (b Bucket) cost(tokens int64) int64 {
	if b.Unit == Tokens {
		return max(tokens, 0)
	}
	return 1
}

// after is the bucket's content once the call has taken from it; as it was, and
// in how many microseconds to try again, when the call does not fit.
func (b Bucket) after(c content, now, tokens int64) (after content, fits bool, wait int64) {
	if b.rate() {
		c.level, fits, wait = gcra(c.level, now, b.Limit, b.cost(tokens))
		return c, fits, wait
	}
	switch {
	case b.Limit <= 0:
		return c, false, -1
	case c.under >= b.Limit:
		return c, false, placeWait
	}
	c.under++
	return c, true, 0
}

func (b Bucket) state(c content) sallyport.LimitState {
	s := sallyport.LimitState{Scope: b.Scope, Unit: b.Unit, Limit: clamp(b.Limit, PerMinuteMax)}
	if b.Name != "" {
		s.Subject = b.ID
	}
	if b.Unit == Concurrent {
		s.Remaining = max(s.Limit-c.under, 0)
		return s
	}
	remaining, reset := c.remaining(b.Limit)
	s.Remaining, s.Reset = remaining, time.Duration(reset)*time.Microsecond
	return s
}

// tell is the answer to a call: the states, and a refusal unless it passed.
func tell(buckets []Bucket, seen []content, now, tokens int64, passed bool) ([]sallyport.LimitState, error) {
	states, refused := make([]sallyport.LimitState, len(buckets)), refusal{}
	for i, b := range buckets {
		states[i] = b.state(seen[i])
		if passed {
			continue
		}
		if _, fits, wait := b.after(seen[i], now, tokens); !fits {
			refused.add(b, seen[i], b.cost(tokens), wait)
		}
	}
	if passed {
		return states, nil
	}
	return states, refused.err()
}

func (b Bucket) rate() bool { return b.Unit != Concurrent }

// rates and concurrent are the buckets of each kind; most calls have only rates.
func rates(buckets []Bucket) []Bucket {
	if !slices.ContainsFunc(buckets, func(b Bucket) bool { return !b.rate() }) {
		return buckets
	}
	return slices.DeleteFunc(slices.Clone(buckets), func(b Bucket) bool { return !b.rate() })
}

func concurrent(buckets []Bucket) []Bucket {
	if !slices.ContainsFunc(buckets, func(b Bucket) bool { return !b.rate() }) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(buckets), Bucket.rate)
}
