package limit

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
)

func TestBucketsMax(t *testing.T) {
	c := new(clock)
	l := New(c.now)
	l.most = 100
	take := func(id int) error {
		_, err := l.Take(t.Context(), []Bucket{of("key", fmt.Sprint(id), Requests, 60)}, 0)
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
	owing := of("key", "owing", Tokens, 10)
	_, end, err := l.Begin(t.Context(), []Bucket{owing}, 0)
	if err != nil {
		t.Fatal(err)
	}
	end(t.Context(), -100)
	for id := range 1000 {
		if _, err := l.Take(t.Context(), []Bucket{of("key", fmt.Sprint(id), Requests, 60)}, 0); err != nil {
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
	numbered := func(id int) Bucket { return of("key", fmt.Sprint(id), Requests, 1) }
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

// A call may go on for much longer than a bucket that rests is kept.
func TestSweepKeepsPlaces(t *testing.T) {
	c := new(clock)
	l := New(c.now)
	buckets := []Bucket{bound("key", Concurrent, 1)}
	_, end, err := l.Begin(t.Context(), buckets, 0)
	if err != nil {
		t.Fatal(err)
	}
	c.advance(time.Hour)
	for range 10 {
		if _, err := l.Take(t.Context(), []Bucket{bound("organisation", Requests, 1_000_000)}, 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := l.Begin(t.Context(), buckets, 0); sallyport.CodeOf(err) != sallyport.RateLimited {
		t.Errorf("got %v, want the call that goes on to have its place", err)
	}
	end(t.Context(), 0)
	if _, _, err := l.Begin(t.Context(), buckets, 0); err != nil {
		t.Errorf("after it has ended: %v", err)
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

// One call bound by all that can bind it today, beside 10,000 other callers.
func BenchmarkTake(b *testing.B) {
	l := New(time.Now)
	for id := range 10_000 {
		_, _ = l.Take(b.Context(), []Bucket{of("key", fmt.Sprint(id), Requests, 600)}, 0)
	}
	var next atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		id := fmt.Sprintf("0197-aaaa-bbbb-cccc-%d", next.Add(1))
		buckets := []Bucket{
			of("organisation", "0197-0000", Requests, PerMinuteMax), of("organisation", "0197-0000", Tokens, PerMinuteMax),
			of("user", id, Requests, PerMinuteMax), of("user", id, Tokens, PerMinuteMax),
			of("key", id, Requests, PerMinuteMax), of("key", id, Tokens, PerMinuteMax),
		}
		for pb.Next() {
			_, end, err := l.Begin(b.Context(), buckets, 1)
			if err != nil {
				b.Error(err)
				return
			}
			end(b.Context(), 1)
		}
	})
}
