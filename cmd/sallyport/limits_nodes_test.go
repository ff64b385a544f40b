package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var limitTime = flag.Duration("limit-time", 5*time.Second, "how long TestNodesLimits calls above the limit")

// The limit of TestNodesLimits and what may pass beyond it, in per cent. A
// minute's worth may pass at once, then it comes back evenly.
const (
	limitPerMinute = 300
	limitBeyond    = 1
	limitCallers   = 8 // of each server
)

// TestNodesLimits calls three servers that count in one Redis, together far above
// a limit: what passes is at most the limit and one per cent. Then Redis dies:
// calls follow limits.on_failure. When it is back, the limit holds again.
func TestNodesLimits(t *testing.T) {
	for onFailure, down := range map[string]struct {
		status int
		body   string // what the answer holds
	}{
		"refuse": {http.StatusServiceUnavailable, `"code":"limits_unavailable"`},
		"allow":  {http.StatusOK, `"choices"`},
	} {
		t.Run(onFailure, func(t *testing.T) {
			t.Parallel()
			redis := startRedis(t)
			c := openCluster(t, fmt.Sprintf(`%s
redis: "redis://127.0.0.1:%s/0"
limits: {on_failure: %s, organisation: {requests_per_minute: %d}}
log: {calls: false}
`, nodesConfig, redis.port, onFailure, limitPerMinute), clusterNodes)
			c.aboveLimit()

			redis.kill()
			asked := len(c.fake.Requests())
			for n := range 10 * clusterNodes {
				answer, err := c.ask(http.DefaultClient, n%clusterNodes, chatBody(false, "Hello."))
				if err != nil || answer.status != down.status || !strings.Contains(answer.body, down.body) {
					t.Errorf("without Redis: got %d %s, %v, want %d", answer.status, answer.body, err, down.status)
				}
			}
			if passed := len(c.fake.Requests()) - asked; onFailure == "refuse" && passed > 0 {
				t.Errorf("%d calls passed that nobody counted", passed)
			}

			redis.start() // it has lost what it knew: the limit begins anew
			c.waitCounted()
			c.aboveLimit()
			c.stopAll()
			checkBooks(t, c.db, c.account.OrgID)
		})
	}
}

// aboveTime is when a machine has to be above the limit, however slow it is.
const aboveTime = 3 * time.Minute

// aboveLimit calls all servers for limitTime, as fast as they answer, and on until
// the limit is reached.
func (c *cluster) aboveLimit() {
	c.t.Helper()
	var passed, refused atomic.Int64
	var callers sync.WaitGroup
	begun := time.Now()
	more := func() bool {
		took := time.Since(begun)
		return took < *limitTime || refused.Load() == 0 && took < aboveTime
	}
	for n := range limitCallers * clusterNodes {
		callers.Go(func() {
			for more() {
				answer, err := c.ask(http.DefaultClient, n%clusterNodes, chatBody(false, "Hello."))
				switch {
				case err == nil && answer.status == http.StatusOK:
					passed.Add(1)
				case err == nil && answer.status == http.StatusTooManyRequests:
					refused.Add(1)
				default:
					c.t.Errorf("got %d %s, %v", answer.status, answer.body, err)
				}
			}
		})
	}
	callers.Wait()
	took := time.Since(begun)
	may := limitPerMinute + limitPerMinute*took.Minutes()
	beyond := 100 * (float64(passed.Load())/may - 1)
	if beyond > limitBeyond || refused.Load() == 0 {
		c.t.Errorf("%d calls passed in %s and %d were refused, want at most %.0f and one per cent", passed.Load(), took, refused.Load(), may)
	}
	c.t.Logf("%d calls passed in %s, %d were refused; the limit lets %.1f through: %+.2f %%", passed.Load(), took, refused.Load(), may, beyond)
}

// waitCounted waits until each server counts again, which its answers tell.
func (c *cluster) waitCounted() {
	c.t.Helper()
	deadline := time.Now().Add(readyTime)
	for node := range c.nodes {
		for {
			answer, err := c.ask(http.DefaultClient, node, chatBody(false, "Hello."))
			if err == nil && answer.header.Get("X-Ratelimit-Limit-Requests") != "" {
				break
			}
			if time.Now().After(deadline) {
				c.t.Fatalf("server %d does not count again: %d %s, %v", node, answer.status, answer.body, err)
			}
		}
	}
}

// redisServer is a Redis of one test's own, which keeps nothing.
type redisServer struct {
	t       *testing.T
	port    string
	process *exec.Cmd
}

func startRedis(t *testing.T) *redisServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r := &redisServer{t: t, port: port}
	r.start()
	t.Cleanup(r.kill)
	return r
}

func (r *redisServer) start() {
	r.t.Helper()
	r.process = exec.Command("redis-server", "--bind", "127.0.0.1", "--port", r.port, "--save", "", "--dir", r.t.TempDir())
	if err := r.process.Start(); err != nil {
		r.t.Fatalf("this test needs Debian's redis-server: %v", err)
	}
	for deadline := time.Now().Add(readyTime); ; time.Sleep(pollTime) { // as a client tries again
		conn, err := net.Dial("tcp", "127.0.0.1:"+r.port)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("Redis does not answer: %v", err)
		}
	}
}

func (r *redisServer) kill() {
	_ = r.process.Process.Kill() // it may have ended
	_ = r.process.Wait()
}
