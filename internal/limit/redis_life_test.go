package limit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/sallyport-ai/sallyport"
)

// patience bounds what a test waits for; nothing takes that long.
const patience = 20 * time.Second

// server is a Redis of one test's own.
type server struct {
	port    string
	process *exec.Cmd
}

// newServer starts a Redis that keeps nothing, on a free port.
func newServer(t *testing.T, options ...string) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s := &server{port: port}
	s.start(t, options...)
	t.Cleanup(func() { s.kill(t) })
	return s
}

func (s *server) url() string { return "redis://127.0.0.1:" + s.port }

func (s *server) start(t *testing.T, options ...string) {
	t.Helper()
	args := append([]string{"--bind", "127.0.0.1", "--port", s.port, "--save", "", "--dir", t.TempDir()}, options...)
	s.process = exec.Command("redis-server", args...)
	if err := s.process.Start(); err != nil {
		t.Fatalf("this test needs Debian's redis-server: %v", err)
	}
	until(t, "the server answers", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+s.port)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
}

func (s *server) kill(t *testing.T) {
	t.Helper()
	if s.process == nil {
		return
	}
	if err := s.process.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = s.process.Wait() // says that it was killed
	s.process = nil
}

// until asks again and again; what it asks takes its time.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for begun := time.Now(); !so(); {
		if time.Since(begun) > patience {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// logged is a log that may be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), s)
}

// A Redis that dies and comes back: calls follow on_failure meanwhile, and
// limits hold again without anybody's help.
func TestRedisDown(t *testing.T) {
	for _, onFailure := range []string{Refuse, Allow} {
		t.Run(onFailure, func(t *testing.T) {
			s, told := newServer(t), new(logged)
			r := openRedis(t, RedisOptions{URL: s.url(), OnFailure: onFailure, Log: slog.New(slog.NewTextHandler(told, nil))}, nil)
			buckets := []Bucket{bound("key", Requests, 2), bound("user", Concurrent, 5)}
			take := func() ([]sallyport.LimitState, error) { return r.Take(t.Context(), buckets, 0) }
			_, end, err := r.Begin(t.Context(), buckets, 0)
			if err != nil {
				t.Fatal(err)
			}

			s.kill(t)
			for range 20 {
				states, err := take()
				wantFailure(t, onFailure, states, err)
				states, endAnother, err := r.Begin(t.Context(), buckets, 0)
				wantFailure(t, onFailure, states, err)
				if err == nil {
					endAnother(t.Context(), 0)
				}
			}
			end(t.Context(), 0) // nobody hears it, and nothing breaks

			s.start(t)
			until(t, "limits hold again", func() bool { states, _ := take(); return len(states) == 1 })
			for range 2 {
				_, err = take()
			}
			if sallyport.CodeOf(err) != sallyport.RateLimited {
				t.Errorf("got %v after more calls than the limit, want %s", err, sallyport.RateLimited)
			}
			if failed, well := told.count("does not answer"), told.count("answers for the limits again"); failed != 1 || well != 1 {
				t.Errorf("the log tells %d failures and %d recoveries, want one of each", failed, well)
			}
		})
	}
}

func wantFailure(t *testing.T, onFailure string, states []sallyport.LimitState, err error) {
	t.Helper()
	if states != nil {
		t.Errorf("got the states %+v of nobody", states)
	}
	var refusal *sallyport.Error
	switch {
	case onFailure == Allow && err != nil:
		t.Errorf("got %v, want the call to pass", err)
	case onFailure == Refuse && (!errors.As(err, &refusal) || refusal.Code != sallyport.LimitsUnavailable || refusal.RetryAfter != time.Second):
		t.Errorf("got %v, want %s with a time to try again", err, sallyport.LimitsUnavailable)
	}
}

// A program may start before its Redis does.
func TestRedisDownAtStart(t *testing.T) {
	s := newServer(t)
	s.kill(t)
	r := openRedis(t, RedisOptions{URL: s.url()}, nil)
	_, err := r.Take(t.Context(), []Bucket{bound("key", Requests, 2)}, 0)
	wantFailure(t, Refuse, nil, err)
	if states, err := r.Take(t.Context(), nil, 0); err != nil || states != nil {
		t.Errorf("got %v, %v; a call that nothing binds needs no Redis", states, err)
	}
	s.start(t)
	until(t, "limits hold", func() bool {
		states, err := r.Take(t.Context(), []Bucket{bound("key", Requests, 1_000_000)}, 0)
		return err == nil && len(states) == 1
	})
}

// A Redis that takes calls and says nothing holds nobody for long.
func TestRedisHangs(t *testing.T) {
	s := newServer(t)
	r := openRedis(t, RedisOptions{URL: s.url()}, nil)
	take := func() ([]sallyport.LimitState, error) {
		return r.Take(t.Context(), []Bucket{bound("key", Requests, 1_000_000)}, 0)
	}
	if _, err := take(); err != nil {
		t.Fatal(err)
	}
	if err := s.process.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			states, err := take()
			wantFailure(t, Refuse, states, err)
		})
	}
	group.Wait() // without a bound they would wait for as long as it is stopped
	if err := s.process.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	until(t, "limits hold again", func() bool { _, err := take(); return err == nil })
}

// What a Redis was asked while it hung it does when it goes on. The calls are gone
// by then, refused or at their end, and keep no place from others.
func TestRedisHangs_places(t *testing.T) {
	s := newServer(t)
	r := openRedis(t, RedisOptions{URL: s.url()}, nil)
	buckets := []Bucket{bound("key", Concurrent, 5)}
	_, end, err := r.Begin(t.Context(), buckets, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.process.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			states, _, err := r.Begin(t.Context(), buckets, 0)
			wantFailure(t, Refuse, states, err)
		})
	}
	group.Go(func() { end(t.Context(), 0) })
	group.Wait()
	if err := s.process.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		until(t, fmt.Sprintf("place %d is free", n+1), func() bool { _, _, err := r.Begin(t.Context(), buckets, 0); return err == nil })
	}
	if _, _, err := r.Begin(t.Context(), buckets, 0); sallyport.CodeOf(err) != sallyport.RateLimited {
		t.Errorf("got %v, want no sixth place", err)
	}
}

// Strays that cannot be left, of a shard that is down say, are not why Redis is
// said to fail: each answer to a call would be its recovery, and leave them again.
func TestRedisHangs_straysStay(t *testing.T) {
	t.Parallel()
	told, at := new(logged), prefix(t)
	r := openRedis(t, RedisOptions{URL: redisURL(), Prefix: at, Log: slog.New(slog.NewTextHandler(told, nil))}, nil)
	stray := bound("key", Concurrent, 5)
	c := connectTo(t, redisURL())
	if err := c.Do(t.Context(), c.B().Set().Key(r.key(stray)).Value("no set").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	r.stray("call", []Bucket{stray})
	if left := r.leave(t.Context()); left != nil {
		t.Fatalf("left %v, want an error", left)
	}
	if _, err := r.Take(t.Context(), []Bucket{bound("user", Requests, 5)}, 0); err != nil {
		t.Fatal(err)
	}
	if n := told.count("Redis"); n != 0 {
		t.Errorf("the log tells %d failures and recoveries, want none", n)
	}
}

// A Redis that cannot write is one that does not answer.
func TestRedisFull(t *testing.T) {
	s := newServer(t, "--maxmemory", "1mb", "--maxmemory-policy", "noeviction")
	c := connectTo(t, s.url())
	var err error
	for n := 0; err == nil; n++ {
		err = c.Do(t.Context(), c.B().Set().Key(fmt.Sprint(n)).Value(strings.Repeat("x", 10_000)).Build()).Error()
	}
	r := openRedis(t, RedisOptions{URL: s.url()}, nil)
	_, err = r.Take(t.Context(), []Bucket{bound("key", Requests, 2)}, 0)
	wantFailure(t, Refuse, nil, err)
}

// On a cluster a script may touch one hash slot only.
func TestRedisCluster(t *testing.T) {
	s := newServer(t, "--cluster-enabled", "yes")
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{"127.0.0.1:" + s.port}, ForceSingleClient: true, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Do(t.Context(), c.B().Arbitrary("CLUSTER", "ADDSLOTSRANGE", "0", "16383").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	until(t, "the cluster is up", func() bool {
		info, err := c.Do(t.Context(), c.B().ClusterInfo().Build()).ToString()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	})
	r := openRedis(t, RedisOptions{URL: s.url()}, nil)
	for _, org := range []sallyport.OrgID{"acme", "globex"} {
		buckets := []Bucket{
			of("organisation", "all", Requests, 1), of("user", "ann", Tokens, 100), of("key", "k", Concurrent, 1),
		}
		for i := range buckets {
			buckets[i].Org = org
		}
		states, end, err := r.Begin(t.Context(), buckets, 10)
		if err != nil || states[0].Remaining != 0 || states[1].Remaining != 90 || states[2].Remaining != 0 {
			t.Fatalf("%s: got %+v, %v", org, states, err)
		}
		r.renew(t.Context())
		end(t.Context(), 10)
		_, err = r.Take(t.Context(), buckets, 10)
		if sallyport.CodeOf(err) != sallyport.RateLimited {
			t.Errorf("%s: got %v, want %s", org, err, sallyport.RateLimited)
		}
	}
}

// A place ends with its lease, unless its node lives and renews it.
func TestLease(t *testing.T) {
	c, ticks := new(clock), make(chan time.Time)
	o := RedisOptions{URL: redisURL(), Prefix: prefix(t), Now: c.now}
	alive, dead, other := openRedis(t, o, ticks), openRedis(t, o, nil), openRedis(t, o, nil)
	begin := func(r *Redis) (end func(context.Context, int64), err error) {
		_, end, err = r.Begin(t.Context(), []Bucket{bound("key", Concurrent, 2)}, 0)
		return end, err
	}
	wait := func() {
		c.advance(renewEvery)
		ticks <- c.now()
		ticks <- c.now() // taken when the first one has been worked off
	}
	end, err := begin(alive)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := begin(dead); err != nil {
		t.Fatal(err)
	}
	dead.Close()
	for range 3 {
		for at := time.Duration(0); at < lease; at += renewEvery {
			if _, err := begin(other); sallyport.CodeOf(err) != sallyport.RateLimited {
				t.Fatalf("%v into a lease of %v: got %v, want no place", at, lease, err)
			}
			wait()
		}
		if _, err := begin(other); err != nil { // and nobody renews this one
			t.Fatalf("the place of a dead node is not free after %v: %v", lease, err)
		}
	}
	end(t.Context(), 0)
	wait()
	if _, err := begin(other); err != nil {
		t.Errorf("a place that was left is not free: %v", err)
	}
	if _, err := begin(other); err == nil {
		t.Error("there are more places than the limit says")
	}
	client := connectTo(t, redisURL())
	for _, key := range keysOf(t, client, o.Prefix) {
		if n, err := client.Do(t.Context(), client.B().Zcard().Key(key).Build()).AsInt64(); err != nil || n != 2 {
			t.Errorf("%s keeps %d places, %v; want the 2 that are taken", key, n, err)
		}
	}
}

// Redis has lost everything: the calls under way are counted again.
func TestLease_forgotten(t *testing.T) {
	c := new(clock)
	p := prefix(t)
	r := openRedis(t, RedisOptions{URL: redisURL(), Prefix: p, Now: c.now}, nil)
	buckets := []Bucket{bound("key", Concurrent, 1)}
	if _, _, err := r.Begin(t.Context(), buckets, 0); err != nil {
		t.Fatal(err)
	}
	client := connectTo(t, redisURL())
	for _, key := range keysOf(t, client, p) {
		if err := client.Do(t.Context(), client.B().Del().Key(key).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	r.renew(t.Context())
	if _, _, err := r.Begin(t.Context(), buckets, 0); sallyport.CodeOf(err) != sallyport.RateLimited {
		t.Errorf("got %v, want the call that goes on to have its place", err)
	}
}

// A call that ends while its lease is being renewed leaves no place behind.
func TestLease_ended_meanwhile(t *testing.T) {
	r := openRedis(t, RedisOptions{URL: redisURL(), Prefix: prefix(t)}, nil)
	buckets := []Bucket{bound("key", Concurrent, 1)}
	_, end, err := r.Begin(t.Context(), buckets, 0)
	if err != nil {
		t.Fatal(err)
	}
	held := r.underWay()
	end(t.Context(), 0)
	r.prolong(t.Context(), held)
	if _, _, err := r.Begin(t.Context(), buckets, 0); err != nil {
		t.Errorf("the place is still taken: %v", err)
	}
}

// Whoever hangs up while Redis is asked has still been counted, and lets go.
func TestRedis_client_left(t *testing.T) {
	r := openRedis(t, RedisOptions{URL: redisURL(), Prefix: prefix(t)}, nil)
	buckets := []Bucket{bound("key", Concurrent, 1)}
	left, leave := context.WithCancel(t.Context())
	leave()
	for range 3 {
		_, end, err := r.Begin(left, buckets, 0)
		if err != nil {
			t.Fatal(err)
		}
		end(left, 0)
	}
}

// More calls under way than go to Redis at once are all renewed.
func TestLease_many(t *testing.T) {
	c := new(clock)
	r := openRedis(t, RedisOptions{URL: redisURL(), Prefix: prefix(t), Now: c.now}, nil)
	const calls = 2*renewBatch + 7
	buckets := []Bucket{bound("key", Concurrent, calls)}
	for range calls {
		if _, _, err := r.Begin(t.Context(), buckets, 0); err != nil {
			t.Fatal(err)
		}
	}
	c.advance(lease - time.Second)
	r.renew(t.Context())
	c.advance(lease - time.Second)
	if states, _, err := r.Begin(t.Context(), buckets, 0); err == nil {
		t.Errorf("a lease was not renewed: %+v", states)
	}
}

func TestClose_twice(t *testing.T) {
	r := openRedis(t, RedisOptions{URL: redisURL(), Prefix: prefix(t)}, nil)
	r.Close()
	r.Close()
	_, err := r.Take(t.Context(), []Bucket{bound("key", Requests, 2)}, 0)
	wantFailure(t, Refuse, nil, err)
}
