package limit

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/sallyport-ai/sallyport"
)

// redisEnv names the server on which tests may make keys.
const redisEnv = "SALLYPORT_TEST_REDIS"

func redisURL() string {
	if u := os.Getenv(redisEnv); u != "" {
		return u
	}
	return "redis://127.0.0.1:6379/0"
}

// limiter is what both forms can do.
type limiter interface {
	Take(ctx context.Context, buckets []Bucket, tokens int64) ([]sallyport.LimitState, error)
	Begin(ctx context.Context, buckets []Bucket, tokens int64) ([]sallyport.LimitState, func(context.Context, int64), error)
	Look(ctx context.Context, buckets []Bucket) ([]sallyport.LimitState, error)
}

// each runs a test with a fresh limiter of each form.
func each(t *testing.T, test func(t *testing.T, l limiter, c *clock)) {
	t.Run("memory", func(t *testing.T) {
		c := new(clock)
		test(t, New(c.now), c)
	})
	t.Run("redis", func(t *testing.T) {
		c := new(clock)
		test(t, openRedis(t, RedisOptions{URL: redisURL(), Prefix: prefix(t), Now: c.now}, nil), c)
	})
}

// openRedis returns a limiter that refuses when Redis fails, unless o says else.
func openRedis(t testing.TB, o RedisOptions, renewals <-chan time.Time) *Redis {
	t.Helper()
	if o.OnFailure == "" {
		o.OnFailure = Refuse
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r, err := newRedis(t.Context(), o, renewals)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// prefix is one that no other test has; its keys are removed in the end.
func prefix(t testing.TB) string {
	t.Helper()
	p := "sallyport-test-" + rand.Text() + ":"
	c := connectTo(t, redisURL())
	t.Cleanup(func() {
		for _, key := range keysOf(t, c, p) {
			if err := c.Do(context.Background(), c.B().Del().Key(key).Build()).Error(); err != nil {
				t.Error(err)
			}
		}
	})
	return p
}

func keysOf(t testing.TB, c rueidis.Client, prefix string) (keys []string) {
	t.Helper()
	for cursor := uint64(0); ; {
		page, err := c.Do(context.Background(), c.B().Scan().Cursor(cursor).Match(prefix+"*").Count(1000).Build()).AsScanEntry()
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, page.Elements...)
		if cursor = page.Cursor; cursor == 0 {
			return keys
		}
	}
}

func connectTo(t testing.TB, url string) rueidis.Client {
	t.Helper()
	o, err := rueidis.ParseURL(url)
	if err != nil {
		t.Fatalf("%s is not a URL", redisEnv)
	}
	o.DisableCache = true
	c, err := rueidis.NewClient(o)
	if err != nil {
		t.Fatalf("these tests need a Redis server: start one, or name one in %s. Connecting failed: %v", redisEnv, err)
	}
	t.Cleanup(c.Close)
	return c
}

// redisRule is gcra as the script does it.
func redisRule(t *testing.T) rule {
	var at atomic.Int64
	r := openRedis(t, RedisOptions{URL: redisURL(), Prefix: prefix(t), Now: func() time.Time { return time.UnixMicro(at.Load()) }}, nil)
	return func(now, perMinute, n int64) (level, bool, int64) {
		t.Helper()
		at.Store(now)
		b := bound("key", Tokens, perMinute)
		seen, told, passed, err := r.take(t.Context(), "", []Bucket{b}, n)
		if err != nil || told != now {
			t.Fatalf("at %d: got %d, %v", now, told, err)
		}
		if passed {
			return seen[0].level, true, 0
		}
		after, fits, wait := gcra(seen[0].level, now, perMinute, n)
		if fits {
			t.Fatalf("the script refuses %d of %d with %+v and the function does not", n, perMinute, after)
		}
		return after, false, wait
	}
}

// Whatever happens, both forms answer the same: states, refusals, waits.
func TestRedisIsLikeMemory(t *testing.T) {
	c := new(clock)
	memory, shared := New(c.now), openRedis(t, RedisOptions{URL: redisURL(), Prefix: prefix(t), Now: c.now}, nil)
	for seed := range uint64(20) {
		rnd := mathrand.New(mathrand.NewPCG(seed, 7))
		id := fmt.Sprint(seed)
		largest := int64(1) << rnd.Int64N(34)
		buckets := []Bucket{
			of("organisation", id, Tokens, min(1+rnd.Int64N(largest), PerMinuteMax)),
			of("user", id, Tokens, 1+rnd.Int64N(largest)),
			of("user", id, Requests, 1+rnd.Int64N(200)),
			of("key", id, Concurrent, 1+rnd.Int64N(5)),
		}
		var ends []func(context.Context, int64)
		for i := range 100 {
			c.advance(time.Duration(rnd.Int64N(3_000_000)) * time.Microsecond)
			tokens := rnd.Int64N(buckets[0].Limit/4 + 2)
			wantStates, wantEnd, want := memory.Begin(t.Context(), buckets, tokens)
			gotStates, gotEnd, got := shared.Begin(t.Context(), buckets, tokens)
			if fmt.Sprint(gotStates, got) != fmt.Sprint(wantStates, want) {
				t.Fatalf("seed %d, call %d:\n got %+v, %v\nwant %+v, %v", seed, i, gotStates, got, wantStates, want)
			}
			if got == nil {
				ends = append(ends, func(ctx context.Context, back int64) { wantEnd(ctx, back); gotEnd(ctx, back) })
			}
			if len(ends) > 0 && rnd.IntN(2) == 0 {
				ends[0](t.Context(), rnd.Int64N(tokens+1)-tokens*rnd.Int64N(30)/10)
				ends = ends[1:]
			}
		}
		for _, end := range ends {
			end(t.Context(), 0)
		}
	}
}

// Three nodes together let no more through than one, by the server's own clock.
func TestRedisNodesTogether(t *testing.T) {
	const limit, calls, nodes = 1000, 3000, 3
	o := RedisOptions{URL: redisURL(), Prefix: prefix(t)}
	buckets := []Bucket{bound("organisation", Requests, limit), bound("key", Tokens, 10*limit)}
	var passed atomic.Int64
	var group sync.WaitGroup
	var all []*Redis
	for range nodes {
		all = append(all, openRedis(t, o, nil))
	}
	begun := time.Now()
	for n := range 30 {
		group.Go(func() {
			for range calls / 30 {
				_, err := all[n%nodes].Take(t.Context(), buckets, 7)
				switch {
				case err == nil:
					passed.Add(1)
				case sallyport.CodeOf(err) != sallyport.RateLimited:
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	took := time.Since(begun)
	worked := int64(took.Seconds()*limit/60) + 1 // what the time itself paid for
	if got := passed.Load(); got < limit || got > limit+worked {
		t.Errorf("%d of %d calls passed a limit of %d in %v, want at most %d", got, calls, limit, took, limit+worked)
	}
	t.Logf("%d of %d calls on %d nodes passed a limit of %d in %v", passed.Load(), calls, nodes, limit, took)
}

// All keys of an organisation are on one node of a cluster, and none stays.
func TestRedisKeys(t *testing.T) {
	p := prefix(t)
	r := openRedis(t, RedisOptions{URL: redisURL(), Prefix: p}, nil)
	buckets := []Bucket{bound("organisation", Requests, 5), bound("user", Tokens, 5), bound("key", Concurrent, 5)}
	if _, _, err := r.Begin(t.Context(), buckets, 1); err != nil {
		t.Fatal(err)
	}
	c := connectTo(t, redisURL())
	keys := keysOf(t, c, p+"{acme}:")
	if len(keys) != len(buckets) || len(keysOf(t, c, p)) != len(buckets) {
		t.Errorf("got the keys %q, want one for each bucket with the organisation as its tag", keys)
	}
	for _, key := range keys {
		seconds, err := c.Do(t.Context(), c.B().Ttl().Key(key).Build()).AsInt64()
		if err != nil || seconds <= 0 || seconds > 720 {
			t.Errorf("%s lives for %d s, %v; want at most 12 minutes", key, seconds, err)
		}
	}
}

func TestNewRedis_no_address(t *testing.T) {
	for _, url := range []string{"", "127.0.0.1", "http://u:hidden@h", "redis://u:hidden@h/x", "redis://u:hidden@h:1/2/3", "redis://u:hidden@h:x%"} {
		_, err := NewRedis(t.Context(), RedisOptions{URL: url, OnFailure: Refuse})
		if err == nil {
			t.Errorf("%q is taken for an address", url)
		} else if got := err.Error(); got != "redis: it is not an address such as redis://user:password@host:6379/0" {
			t.Errorf("%q: got %q", url, got)
		}
	}
}

func BenchmarkRedis(b *testing.B) {
	r := openRedis(b, RedisOptions{URL: redisURL(), Prefix: prefix(b)}, nil)
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		id := rand.Text()
		buckets := []Bucket{
			of("organisation", "acme", Requests, PerMinuteMax), of("organisation", "acme", Tokens, PerMinuteMax),
			of("user", id, Requests, PerMinuteMax), of("user", id, Tokens, PerMinuteMax),
			of("key", id, Requests, PerMinuteMax), of("key", id, Concurrent, PerMinuteMax),
		}
		for pb.Next() {
			_, end, err := r.Begin(b.Context(), buckets, 1)
			if err != nil {
				b.Error(err)
				return
			}
			end(b.Context(), 1)
		}
	})
}
