package main

import (
	"context"
	"flag"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

var (
	kills      = flag.Int("kills", 6, "how often TestKilled kills a server under load")
	recoveries = flag.Int("recoveries", 1, "how often TestNodeKilledInRecovery kills a server that recovers another")
)

// TestKilled kills one server after the other under load, at random moments,
// starts each again at once, and then compares the books with what the provider
// and the clients saw. Some are killed again while they start, which is when
// they close what they had left. The neighbours go on meanwhile.
func TestKilled(t *testing.T) {
	eachCluster(t, nodesConfig, func(t *testing.T, c *cluster) {
		c.budgets()
		k := killing{cluster: c, load: newLoad(c.account.APIKey)}
		for range *kills {
			k.once(rand.IntN(len(c.nodes)))
		}
		c.stopAll()
		if late := compareBooks(t, c.db, c.account.OrgID, c.fake, k.load).late; len(late) > 0 {
			t.Errorf("call %s was closed while its server lived", late[0].Call)
		}
		t.Logf("%d kills under load and %d during a start, which had closed calls already in %d; "+
			"%d calls begun, %d seen by the provider, %d finished at the client",
			*kills, k.inStart, k.inRecovery, k.load.begun, len(c.fake.Requests()), len(k.load.done))
	})
}

// killing counts the kills of servers under load.
type killing struct {
	*cluster
	load *load

	startTime  time.Duration // of the last start
	inStart    int           // how many were killed while they started
	inRecovery int           // after they had closed some of what they had left
}

// killedAfter is the longest that a server is left alive under load.
const killedAfter = 400 * time.Millisecond

// once kills one server and starts it again.
func (k *killing) once(victim int) {
	k.t.Helper()
	killed, back := make(chan struct{}), make(chan struct{})
	var loads sync.WaitGroup
	for node, s := range k.nodes {
		loads.Go(func() {
			k.load.during(s.url, func() {
				if node != victim {
					<-back
					return
				}
				time.Sleep(rand.N(killedAfter)) // the random moment
				s.kill()
				close(killed)
			})
		})
	}
	<-killed
	k.startAgain(victim)
	close(back)
	loads.Wait()
}

// oneIn is how many starts there are to one that is killed.
const oneIn = 3

// startAgain starts a server that was killed, in some cases after it was killed
// again on the way. It is ready when it has closed what it left.
func (k *killing) startAgain(victim int) {
	k.t.Helper()
	for k.startTime > 0 && rand.IntN(oneIn) == 0 {
		left := k.open(victim)
		s := k.spawn(k.data(victim))
		time.Sleep(rand.N(k.startTime)) // the random moment
		s.kill()
		k.inStart++
		if k.open(victim) < left {
			k.inRecovery++
		}
	}
	begun := time.Now()
	k.restart(victim)
	k.startTime = time.Since(begun)
	if n := k.open(victim); n != 0 {
		k.t.Errorf("%d calls are open after the start of their server", n)
	}
}

// TestNodeKilled kills one of three servers under load. Its neighbours close its
// calls, each once, when its lease has run out; those of the living are left
// alone, also by a server that starts meanwhile.
func TestNodeKilled(t *testing.T) {
	t.Parallel()
	c := openCluster(t, nodesConfig, clusterNodes)
	// One call that certainly is open when its server dies, and one of a server
	// that lives.
	l := newLoad(c.account.APIKey)
	const dead, living = 0, 1
	leave := make([]context.CancelFunc, 2)
	var hanging sync.WaitGroup
	for _, node := range []int{dead, living} {
		ctx, cancel := context.WithCancel(t.Context())
		leave[node] = cancel
		c.fake.Queue(providertest.Answer{Text: "never", Fault: providertest.Hang})
		hanging.Go(func() { l.call(ctx, c.nodes[node].url) })
		c.fake.Wait(t, node+1)
	}
	defer hanging.Wait()
	defer leave[dead]()
	defer leave[living]()

	until := make([]chan struct{}, clusterNodes)
	var loads sync.WaitGroup
	for node := range until {
		until[node] = make(chan struct{})
		loads.Go(func() {
			l.during(c.nodes[node].url, func() { <-until[node] })
		})
	}
	c.fake.Wait(t, 200)
	c.nodes[dead].kill()
	close(until[dead])
	killed := time.Now()
	left := c.open(dead)
	if left == 0 {
		t.Error("the dead server left no open call")
	}
	c.start() // it closes nobody's calls because it starts
	if now := c.open(dead); now != left && time.Since(killed) < journal.LeaseTime/2 {
		t.Errorf("%d calls of the dead server are open, want %d while its lease lasts", now, left)
	}
	c.waitClosed(killed, closedWithin, dead)
	t.Logf("%d calls of the dead server were closed %s after it was killed", left, time.Since(killed))
	for _, node := range until[living:] {
		close(node)
	}
	loads.Wait()
	if c.open(living) == 0 {
		t.Error("the call of a living server was closed")
	}
	leave[living]()
	hanging.Wait()
	c.stop(1, 2, 3)
	for node := range c.nodes {
		if n := c.open(node); n != 0 {
			t.Errorf("server %d has %d open calls, want none", node, n)
		}
	}
	compareBooks(t, c.db, c.account.OrgID, c.fake, l)
	t.Logf("%d calls begun, %d finished at the client", l.begun, len(l.done))
}

// leftCalls is how many calls a killed server leaves: several batches of recovery.
const leftCalls = 1500

// TestNodeKilledInRecovery kills one of three servers, which leaves very many
// calls, and then a second one in the moment in which the neighbours close them.
// The third closes what both have left, each call once.
func TestNodeKilledInRecovery(t *testing.T) {
	t.Parallel()
	c := openCluster(t, nodesConfig, clusterNodes)
	c.budgets()
	const first, second, third = 0, 1, 2
	for round := range *recoveries {
		if round > 0 {
			c.restart(first)
			c.restart(second)
		}
		left := c.leave(first, leftCalls)
		c.leave(second, loadClients)
		c.nodes[first].kill()
		for c.open(first) == left { // no pause: the moment is short
		}
		c.nodes[second].kill()
		t.Logf("the second server was killed when %d of %d calls of the first were open", c.open(first), left)
		killed := time.Now()
		c.waitClosed(killed, closedWithin, first, second)
	}
	c.stop(third)
	b := checkBooks(t, c.db, c.account.OrgID)
	interrupted := 0
	for _, outcome := range b.outcomes {
		if outcome.Outcome == sallyport.OutcomeInterrupted {
			interrupted++
		}
	}
	if want := *recoveries * (leftCalls + loadClients); interrupted != want || len(b.late) > 0 {
		t.Errorf("%d calls were closed by recovery, and %d twice; want %d and none", interrupted, len(b.late), want)
	}
}

// leave makes calls that the provider never answers, and returns how many are
// open at the server.
func (c *cluster) leave(node, calls int) int {
	c.t.Helper()
	asked := len(c.fake.Requests())
	for range calls {
		go func() {
			_, _, _ = c.send(c.t.Context(), node, c.account.APIKey, http.MethodPost, "/v1/chat/completions",
				chatBody(false, `fake: {"fault":"hang"}`)) // the server is killed
		}()
	}
	c.fake.Wait(c.t, asked+calls)
	return c.open(node)
}

// TestNodeKilledInRun kills a server in the middle of the second step of an
// agent's run. A neighbour that started later goes on with the run when the
// server's lease has run out; the first step is not asked again, and the call of
// the second is closed once.
func TestNodeKilledInRun(t *testing.T) {
	t.Parallel()
	c := openCluster(t, nodesConfig, 1)
	definition := filepath.Join(c.dir, "agent.json")
	err := os.WriteFile(definition, []byte(`{"displayName":"Two","model":"mock-large","steps":[
		{"llmStep":{"prompt":"Begin."}},{"llmStep":{"prompt":"Go on: {{steps.1.output}}"}}]}`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	made, err := member(c.command("agent", "import", definition, "--json"), "id")
	if err != nil {
		t.Fatal(err)
	}
	c.fake.Queue(providertest.Answer{Text: "The first."}, providertest.Answer{Fault: providertest.Hang}, providertest.Answer{Text: "The second."})
	status, text, err := c.send(t.Context(), 0, c.account.APIKey, http.MethodPost, "/v1/agents/"+made+"/run", "{}")
	if err != nil || status/100 != 2 {
		t.Fatalf("start a run: %d %s: %v", status, text, err)
	}
	run, err := member(text, "runId")
	if err != nil {
		t.Fatal(err)
	}
	c.fake.Wait(t, 2)
	c.start()
	c.nodes[0].kill()
	killed := time.Now()
	for state := "in_progress"; state != "success"; time.Sleep(pollTime) { // as a client polls
		_, text, err := c.send(t.Context(), 1, c.account.APIKey, http.MethodGet, "/v1/agents/"+made+"/runs/"+run, "")
		if err != nil {
			t.Fatal(err)
		}
		if state, err = member(text, "status"); err != nil || time.Since(killed) > readyTime {
			t.Fatalf("the run is %s after %s: %v", text, time.Since(killed), err)
		}
	}
	t.Logf("the run ended %s after its server was killed", time.Since(killed))
	asked := c.fake.Requests()
	if len(asked) != 3 || asked[0].LastUser != "Begin." || asked[1].LastUser != "Go on: The first." || asked[2].LastUser != asked[1].LastUser {
		t.Errorf("the provider was asked %d times, want the first step once and the second twice", len(asked))
	}
	c.waitClosed(killed, readyTime, 0) // neighbours close calls and take over runs independently
	c.stop(1)
	var outcomes []string
	for _, r := range storetest.VerifyChain(t, c.db, c.account.OrgID) {
		if r.Run != "" && (r.Phase == sallyport.PhaseOutcome || r.Phase == sallyport.PhaseLate) {
			outcomes = append(outcomes, string(r.Phase)+" "+r.Outcome)
		}
	}
	if got, want := strings.Join(outcomes, ", "), "outcome success, outcome interrupted, outcome success"; got != want {
		t.Errorf("the calls of the run ended as %s, want %s", got, want)
	}
	checkBooks(t, c.db, c.account.OrgID)
}
