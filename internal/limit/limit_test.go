package limit

import (
	"errors"
	"fmt"
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

func bound(scope, unit string, perMinute int64) Bucket {
	return Bucket{Scope: scope, ID: "one", Unit: unit, PerMinute: perMinute}
}

func TestTake(t *testing.T) {
	c := new(clock)
	l := New(c.now)
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
}

func TestTake_no_buckets(t *testing.T) {
	states, err := New(new(clock).now).Take(t.Context(), nil, 1<<60)
	if err != nil || states != nil {
		t.Errorf("got %v, %v; a call that nothing binds passes", states, err)
	}
}

func TestTake_all_or_none(t *testing.T) {
	c := new(clock)
	l := New(c.now)
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
			l := New(new(clock).now)
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
	}
}

func TestTake_separate_buckets(t *testing.T) {
	l := New(new(clock).now)
	for _, b := range []Bucket{
		{"key", "a", Requests, 1}, {"key", "b", Requests, 1}, {"user", "a", Requests, 1}, {"key", "a", Tokens, 1},
	} {
		if _, err := l.Take(t.Context(), []Bucket{b}, 1); err != nil {
			t.Errorf("%+v is bound by another bucket: %v", b, err)
		}
	}
}

func TestTake_limit_changed(t *testing.T) {
	l := New(new(clock).now)
	if _, err := l.Take(t.Context(), []Bucket{bound("key", Tokens, 100)}, 80); err != nil {
		t.Fatal(err)
	}
	states, err := l.Take(t.Context(), []Bucket{bound("key", Tokens, 1000)}, 20)
	if err != nil || states[0].Remaining != 900 {
		t.Errorf("got %+v, %v; want what was taken under the old limit to count: 900 remaining", states, err)
	}
}

func TestReturn(t *testing.T) {
	c := new(clock)
	l := New(c.now)
	buckets := []Bucket{bound("key", Requests, 10), bound("key", Tokens, 1000)}
	state := func() []sallyport.LimitState {
		t.Helper()
		states, err := l.Take(t.Context(), []Bucket{bound("key", Tokens, 1000)}, 0)
		if err != nil {
			t.Fatal(err)
		}
		return states
	}
	if _, err := l.Take(t.Context(), buckets, 900); err != nil {
		t.Fatal(err)
	}
	l.Return(t.Context(), buckets, 700)
	if got := state()[0].Remaining; got != 800 {
		t.Errorf("got %d tokens remaining after the return, want 800", got)
	}
	l.Return(t.Context(), buckets, -1800)
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
}

func TestBucketsMax(t *testing.T) {
	c := new(clock)
	l := New(c.now)
	l.most = 100
	take := func(id int) error {
		_, err := l.Take(t.Context(), []Bucket{{"key", fmt.Sprint(id), Requests, 60}}, 0)
		return err
	}
	for id := range 100 {
		if err := take(id); err != nil {
			t.Fatalf("bucket %d: %v", id, err)
		}
	}
	if err := take(100); sallyport.CodeOf(err) != sallyport.RateLimited {
		t.Errorf("got %v beyond the bound, want %s", err, sallyport.RateLimited)
	}
	if err := take(50); err != nil {
		t.Errorf("a bucket that is there is refused: %v", err)
	}
	c.advance(2 * time.Minute)
	if err := take(100); err != nil {
		t.Errorf("no room although all are idle: %v", err)
	}
}

func TestIdleBucketsAreDropped(t *testing.T) {
	c := new(clock)
	l := New(c.now)
	owing := Bucket{"key", "owing", Tokens, 10}
	l.Return(t.Context(), []Bucket{owing}, -100)
	for id := range 1000 {
		if _, err := l.Take(t.Context(), []Bucket{{"key", fmt.Sprint(id), Requests, 60}}, 0); err != nil {
			t.Fatal(err)
		}
	}
	c.advance(time.Minute)
	for range 1000 {
		if _, err := l.Take(t.Context(), []Bucket{bound("organisation", Requests, 1_000_000)}, 0); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(l.all); got != 2 || len(l.buckets) != 2 {
		t.Errorf("got %d and %d buckets after a minute of rest, want the busy one and the one in debt", got, len(l.buckets))
	}
	states, _ := l.Take(t.Context(), []Bucket{owing}, 0)
	if states[0].Remaining != 0 {
		t.Error("a debt was forgotten")
	}
	for _, b := range l.all {
		if l.buckets[b.id] != b {
			t.Fatalf("bucket %v stands in the list and not in the map", b.id)
		}
	}
}

// A sweep that a full table forces must not drop a bucket of the very call.
func TestSweepKeepsTheCallsBuckets(t *testing.T) {
	c := new(clock)
	l := New(c.now)
	l.most = 6
	numbered := func(id int) Bucket { return Bucket{"key", fmt.Sprint(id), Requests, 1} }
	for id := range 6 {
		if _, err := l.Take(t.Context(), []Bucket{numbered(id)}, 0); err != nil {
			t.Fatal(err)
		}
	}
	c.advance(time.Hour)
	l.hand = 0 // the call's own sweep ends before number 2
	if _, err := l.Take(t.Context(), []Bucket{numbered(2), numbered(10), numbered(11), numbered(12)}, 0); err != nil {
		t.Fatal(err)
	}
	if got := len(l.all); got != 4 {
		t.Fatalf("%d buckets are left, want the 4 of the call: no sweep was forced", got)
	}
	if _, err := l.Take(t.Context(), []Bucket{numbered(2)}, 0); err == nil {
		t.Error("what the call took from its first bucket was lost")
	}
}

func TestSweepKeepsWhatIsInUse(t *testing.T) {
	c := new(clock)
	l := New(c.now)
	busy := bound("organisation", Requests, 1_000_000) // full again within a millisecond
	for range 10 {
		if _, err := l.Take(t.Context(), []Bucket{busy}, 0); err != nil {
			t.Fatal(err)
		}
		kept := l.all[0]
		c.advance(59 * time.Second)
		if _, err := l.Take(t.Context(), []Bucket{busy}, 0); err != nil {
			t.Fatal(err)
		}
		if l.all[0] != kept {
			t.Fatal("a bucket that is used every minute was made anew")
		}
	}
}

func TestTake_parallel(t *testing.T) {
	l := New(new(clock).now)
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
}

// One call bound by all that can bind it today, beside 10,000 other callers.
func BenchmarkTake(b *testing.B) {
	l := New(time.Now)
	for id := range 10_000 {
		_, _ = l.Take(b.Context(), []Bucket{{"key", fmt.Sprint(id), Requests, 600}}, 0)
	}
	var next atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		id := fmt.Sprintf("0197-aaaa-bbbb-cccc-%d", next.Add(1))
		buckets := []Bucket{
			{"organisation", "0197-0000", Requests, PerMinuteMax}, {"organisation", "0197-0000", Tokens, PerMinuteMax},
			{"user", id, Requests, PerMinuteMax}, {"user", id, Tokens, PerMinuteMax},
			{"key", id, Requests, PerMinuteMax}, {"key", id, Tokens, PerMinuteMax},
		}
		for pb.Next() {
			if _, err := l.Take(b.Context(), buckets, 1); err != nil {
				b.Fatal(err)
			}
			l.Return(b.Context(), buckets, 1)
		}
	})
}
