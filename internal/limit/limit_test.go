package limit

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// clock is a time that only the test moves.
type clock struct{ nanos atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(1_700_000_000, c.nanos.Load()) }
func (c *clock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

// of is a bucket of acme's.
func of(scope, id, unit string, limit int64) Bucket {
	return Bucket{Org: "acme", Scope: scope, ID: id, Unit: unit, Limit: limit}
}

func bound(scope, unit string, limit int64) Bucket { return of(scope, "one", unit, limit) }

func TestTake(t *testing.T) {
	each(t, func(t *testing.T, l limiter, c *clock) {
		buckets := []Bucket{bound("organisation", Requests, 60), bound("key", Tokens, 1000)}

		states, err := l.Take(t.Context(), buckets, 400)
		if err != nil {
			t.Fatal(err)
		}
		want := []sallyport.LimitState{
			{Scope: "organisation", Unit: Requests, Limit: 60, Remaining: 59, Reset: time.Second},
			{Scope: "key", Unit: Tokens, Limit: 1000, Remaining: 600, Reset: 24 * time.Second},
		}
		for i := range want {
			if states[i] != want[i] {
				t.Errorf("state %d: got %+v, want %+v", i, states[i], want[i])
			}
		}
	})
}

func TestTake_no_buckets(t *testing.T) {
	each(t, func(t *testing.T, l limiter, c *clock) {
		states, err := l.Take(t.Context(), nil, 1<<60)
		if err != nil || states != nil {
			t.Errorf("got %v, %v; a call that nothing binds passes", states, err)
		}
	})
}

func TestTake_all_or_none(t *testing.T) {
	each(t, func(t *testing.T, l limiter, c *clock) {
		buckets := []Bucket{
			bound("organisation", Requests, 100), bound("user", Requests, 1), bound("key", Tokens, 1000),
		}
		if _, err := l.Take(t.Context(), buckets, 10); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			states, err := l.Take(t.Context(), buckets, 10)
			if sallyport.CodeOf(err) != sallyport.RateLimited {
				t.Fatalf("got %v, want %s", err, sallyport.RateLimited)
			}
			if states[0].Remaining != 99 || states[1].Remaining != 0 || states[2].Remaining != 990 {
				t.Fatalf("a refused call took something: %+v", states)
			}
		}
	})
}

func TestTake_refusal(t *testing.T) {
	for _, test := range []struct {
		name    string
		buckets []Bucket
		tokens  int64
		after   time.Duration
		message string
	}{
		{"requests", []Bucket{bound("user", Requests, 2)}, 10, 30 * time.Second,
			"Rate limit reached: this user has used 2 of its 2 requests per minute, and this call needs 1. Try again in 30 s; the limit resets in full in 60 s."},
		{"the longest wait is named", []Bucket{bound("organisation", Tokens, 100), bound("key", Tokens, 60), bound("user", Tokens, 90)}, 60, 60 * time.Second,
			"Rate limit reached: this key has used 60 of its 60 tokens per minute, and this call needs 60. Try again in 60 s; the limit resets in full in 60 s."},
		{"at least a second", []Bucket{bound("key", Tokens, 1_000_000)}, 500_001, time.Second,
			"Rate limit reached: this key has used 500001 of its 1000000 tokens per minute, and this call needs 500001. Try again in 1 s; the limit resets in full in 31 s."},
		{"never", []Bucket{bound("key", Requests, 1), bound("organisation", Tokens, 9)}, 10, 0,
			"Rate limit: this call needs 10 of the 9 tokens per minute of this organisation, so it can never pass. Make it smaller, or ask an administrator for a higher limit."},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, l limiter, _ *clock) {
				var err error
				for range 3 {
					if _, err = l.Take(t.Context(), test.buckets, test.tokens); err != nil {
						break
					}
				}
				var refusal *sallyport.Error
				if !errors.As(err, &refusal) || refusal.Code != sallyport.RateLimited {
					t.Fatalf("got %v, want %s", err, sallyport.RateLimited)
				}
				if refusal.RetryAfter != test.after {
					t.Errorf("retry after %v, want %v", refusal.RetryAfter, test.after)
				}
				if refusal.Message != test.message {
					t.Errorf("got  %q\nwant %q", refusal.Message, test.message)
				}
			})
		})
	}
}

func TestTake_separate_buckets(t *testing.T) {
	each(t, func(t *testing.T, l limiter, c *clock) {
		for _, b := range []Bucket{
			of("key", "a", Requests, 1), of("key", "b", Requests, 1), of("user", "a", Requests, 1), of("key", "a", Tokens, 1),
		} {
			if _, err := l.Take(t.Context(), []Bucket{b}, 1); err != nil {
				t.Errorf("%+v is bound by another bucket: %v", b, err)
			}
		}
	})
}

// Two callers of one group share its buckets; who is in two groups is bound by
// both, and what is told names the group.
func TestBegin_groups(t *testing.T) {
	each(t, func(t *testing.T, l limiter, c *clock) {
		group := func(id, unit string, limit int64) Bucket {
			b := of("group", id, unit, limit)
			b.Name = "The " + id
			return b
		}
		blue := []Bucket{group("blue", Requests, 2), group("blue", Concurrent, 1)}
		both := append([]Bucket{bound("user", Requests, 50), group("red", Requests, 3)}, blue...)
		begin := func(buckets []Bucket, message string) ([]sallyport.LimitState, func(context.Context, int64)) {
			t.Helper()
			states, end, err := l.Begin(t.Context(), buckets, 1)
			var refusal *sallyport.Error
			if errors.As(err, &refusal) != (message != "") || refusal != nil && refusal.Message != message {
				t.Errorf("got %v, want %q", err, message)
			}
			return states, end
		}
		states, end := begin(both, "")
		if want := (sallyport.LimitState{Scope: "group", Subject: "blue", Unit: Requests, Limit: 2, Remaining: 1, Reset: 30 * time.Second}); states[2] != want {
			t.Errorf("got %+v, want %+v", states[2], want)
		}
		begin(blue, `Rate limit reached: the group "The blue" has 1 of its 1 concurrent calls under way. Try again when one of them has ended.`)
		end(t.Context(), 0)
		_, end = begin(blue, "")
		end(t.Context(), 0)
		states, _ = begin(both, `Rate limit reached: the group "The blue" has used 2 of its 2 requests per minute, and this call needs 1. Try again in 30 s; the limit resets in full in 60 s.`)
		if states[1].Subject != "red" || states[1].Remaining != 2 || states[0].Subject != "" || states[0].Remaining != 49 {
			t.Errorf("the states are %+v, want one call in the red group and of the user", states)
		}
	})
}

func TestTake_limit_changed(t *testing.T) {
	each(t, func(t *testing.T, l limiter, c *clock) {
		if _, err := l.Take(t.Context(), []Bucket{bound("key", Tokens, 100)}, 80); err != nil {
			t.Fatal(err)
		}
		states, err := l.Take(t.Context(), []Bucket{bound("key", Tokens, 1000)}, 20)
		if err != nil || states[0].Remaining != 900 {
			t.Errorf("got %+v, %v; want what was taken under the old limit to count: 900 remaining", states, err)
		}
	})
}

// A count gone wrong locks nobody out for ever, and a limit that becomes smaller
// not for longer than its own minute.
func TestDebtHasABound(t *testing.T) {
	each(t, func(t *testing.T, l limiter, c *clock) {
		reset := func(b Bucket, want time.Duration) {
			t.Helper()
			states, err := l.Take(t.Context(), []Bucket{b}, 0)
			if err != nil || states[0].Reset != want {
				t.Errorf("got %+v, %v; want full again in %v", states, err, want)
			}
		}
		const most = (1 + overdraftMax) * time.Minute
		_, end, err := l.Begin(t.Context(), []Bucket{bound("key", Tokens, 60)}, 60)
		if err != nil {
			t.Fatal(err)
		}
		end(t.Context(), -1<<62)
		reset(bound("key", Tokens, 60), most)
		reset(bound("key", Tokens, 60_000), most/1000) // what was taken counts under a larger limit
		reset(bound("key", Tokens, 30), time.Minute)   // and empties a smaller one
		end(t.Context(), 1<<62)
		reset(bound("key", Tokens, 30), 0)

		if _, err := l.Take(t.Context(), []Bucket{bound("user", Tokens, 1_000_000)}, 1_000_000); err != nil {
			t.Fatal(err)
		}
		c.advance(time.Second)
		reset(bound("user", Tokens, 1), time.Minute-time.Second)
	})
}

func TestEnd(t *testing.T) {
	each(t, func(t *testing.T, l limiter, c *clock) {
		buckets := []Bucket{bound("key", Requests, 10), bound("key", Tokens, 1000)}
		state := func() []sallyport.LimitState {
			t.Helper()
			states, err := l.Take(t.Context(), []Bucket{bound("key", Tokens, 1000)}, 0)
			if err != nil {
				t.Fatal(err)
			}
			return states
		}
		_, end, err := l.Begin(t.Context(), buckets, 900)
		if err != nil {
			t.Fatal(err)
		}
		end(t.Context(), 700)
		if got := state()[0].Remaining; got != 800 {
			t.Errorf("got %d tokens remaining after the return, want 800", got)
		}
		_, end, err = l.Begin(t.Context(), buckets[1:], 0)
		if err != nil {
			t.Fatal(err)
		}
		end(t.Context(), -1800)
		if got := state()[0]; got.Remaining != 0 || got.Reset != 2*time.Minute {
			t.Errorf("got %+v after 2000 used of 1000, want 0 remaining and reset in 2m", got)
		}
		states, _ := l.Take(t.Context(), buckets[:1], 0)
		if states[0].Remaining != 8 {
			t.Errorf("got %d requests remaining, want 8: requests do not come back", states[0].Remaining)
		}
		c.advance(2 * time.Minute)
		if got := state()[0].Remaining; got != 1000 {
			t.Errorf("got %d tokens remaining after the reset, want 1000", got)
		}
	})
}

func TestTake_parallel(t *testing.T) {
	each(t, func(t *testing.T, l limiter, c *clock) {
		buckets := []Bucket{bound("organisation", Requests, 100), bound("key", Tokens, 1_000_000)}
		var passed atomic.Int64
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				for range 50 {
					if _, err := l.Take(t.Context(), buckets, 7); err == nil {
						passed.Add(1)
					}
				}
			})
		}
		group.Wait()
		if passed.Load() != 100 {
			t.Errorf("%d of 400 parallel calls passed a limit of 100", passed.Load())
		}
		states, _ := l.Take(t.Context(), buckets[1:], 0)
		if got := states[0].Remaining; got != 1_000_000-700 {
			t.Errorf("%d tokens remain, want %d", got, 1_000_000-700)
		}
	})
}

func TestConcurrent(t *testing.T) {
	each(t, func(t *testing.T, l limiter, c *clock) {
		buckets := []Bucket{bound("user", Requests, 100), bound("user", Concurrent, 2), bound("key", Tokens, 1000)}
		begin := func() (states []sallyport.LimitState, end func()) {
			t.Helper()
			states, left, err := l.Begin(t.Context(), buckets, 10)
			if err != nil {
				t.Fatal(err)
			}
			return states, func() { left(t.Context(), 10) }
		}
		_, endFirst := begin()
		states, endSecond := begin()
		if want := (sallyport.LimitState{Scope: "user", Unit: Concurrent, Limit: 2}); states[1] != want {
			t.Errorf("got %+v, want %+v", states[1], want)
		}
		states, _, err := l.Begin(t.Context(), buckets, 10)
		var refusal *sallyport.Error
		if !errors.As(err, &refusal) || refusal.Code != sallyport.RateLimited || refusal.RetryAfter != time.Second {
			t.Fatalf("got %v, want %s with a second to wait", err, sallyport.RateLimited)
		}
		if want := "Rate limit reached: this user has 2 of its 2 concurrent calls under way. Try again when one of them has ended."; refusal.Message != want {
			t.Errorf("got  %q\nwant %q", refusal.Message, want)
		}
		if states[0].Remaining != 98 || states[2].Remaining != 980 {
			t.Errorf("a refused call took something: %+v", states)
		}
		if states, err := l.Take(t.Context(), buckets, 0); err != nil || len(states) != 2 || states[0].Remaining != 97 {
			t.Errorf("got %+v, %v; Take wants no place and takes its request", states, err)
		}
		endFirst()
		states, endThird := begin()
		if states[1].Remaining != 0 || states[2].Remaining != 980 {
			t.Errorf("got %+v after one of two has ended", states)
		}
		endSecond()
		endThird()
		if states, end := begin(); states[1].Remaining != 1 {
			t.Errorf("got %+v after all have ended", states)
		} else {
			end()
		}
	})
}

// A rate that has no room takes no place.
func TestConcurrent_all_or_none(t *testing.T) {
	each(t, func(t *testing.T, l limiter, c *clock) {
		buckets := []Bucket{bound("user", Concurrent, 5), bound("key", Requests, 1)}
		_, end, err := l.Begin(t.Context(), buckets, 0)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if states, _, err := l.Begin(t.Context(), buckets, 0); err == nil || states[0].Remaining != 4 {
				t.Fatalf("got %+v, %v; want a refusal that took no place", states, err)
			}
		}
		end(t.Context(), 0)
		c.advance(time.Minute)
		if states, _, err := l.Begin(t.Context(), buckets, 0); err != nil || states[0].Remaining != 4 {
			t.Errorf("got %+v, %v", states, err)
		}
	})
}

func TestConcurrent_none_at_all(t *testing.T) {
	each(t, func(t *testing.T, l limiter, c *clock) {
		_, _, err := l.Begin(t.Context(), []Bucket{bound("user", Concurrent, 0)}, 0)
		var refusal *sallyport.Error
		if !errors.As(err, &refusal) || refusal.RetryAfter != 0 {
			t.Errorf("got %v, want a refusal without a time to try again", err)
		}
	})
}

func TestConcurrent_parallel(t *testing.T) {
	each(t, func(t *testing.T, l limiter, c *clock) {
		buckets := []Bucket{bound("organisation", Concurrent, 7), bound("key", Concurrent, 5)}
		var under, most, passed atomic.Int64
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() {
				for range 30 {
					_, end, err := l.Begin(t.Context(), buckets, 0)
					if err != nil {
						continue
					}
					passed.Add(1)
					now := under.Add(1)
					for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
					}
					under.Add(-1)
					end(t.Context(), 0)
				}
			})
		}
		group.Wait()
		if most.Load() > 5 || passed.Load() == 0 {
			t.Errorf("%d calls at once of %d that passed a limit of 5", most.Load(), passed.Load())
		}
		states, _, err := l.Begin(t.Context(), buckets, 0)
		if err != nil || states[0].Remaining != 6 || states[1].Remaining != 4 {
			t.Errorf("got %+v, %v; want all places free but this one", states, err)
		}
	})
}

// To look is to see what the last call saw, at its own time, and to change nothing.
func TestLook(t *testing.T) {
	each(t, func(t *testing.T, l limiter, c *clock) {
		buckets := []Bucket{bound("organisation", Requests, 60), bound("organisation", Tokens, 600), bound("organisation", Concurrent, 2)}
		look := func(requests, tokens, places int64) {
			t.Helper()
			for range 2 {
				states, err := l.Look(t.Context(), buckets)
				if err != nil || len(states) != 3 || states[0].Remaining != requests || states[1].Remaining != tokens || states[2].Remaining != places {
					t.Errorf("got %+v, %v; want %d, %d and %d left", states, err, requests, tokens, places)
				}
			}
		}
		look(60, 600, 2)
		_, end, err := l.Begin(t.Context(), buckets, 100)
		if err != nil {
			t.Fatal(err)
		}
		look(59, 500, 1)
		c.advance(10 * time.Second)
		look(60, 600, 1)
		end(t.Context(), 0)
		look(60, 600, 2)
		if states, err := l.Look(t.Context(), nil); err != nil || len(states) != 0 {
			t.Errorf("of no buckets: %+v, %v", states, err)
		}
	})
}
