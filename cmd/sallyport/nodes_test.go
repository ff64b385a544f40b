package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// cluster is several servers, each a process with a data folder of its own, on
// one Postgres database.
type cluster struct {
	t       *testing.T
	dir     string
	env     map[string]string
	fake    *providertest.Fake
	account initAnswer
	nodes   []*process
	db      *store.DB
}

const clusterNodes = 3

func openCluster(t *testing.T, config string, nodes int) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: t.TempDir(), fake: providertest.New(t)}
	c.env = map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": c.dir, "SALLYPORT_DATA": filepath.Join(c.dir, "data-0"),
		"SALLYPORT_CONFIG": filepath.Join(c.dir, "sallyport.yaml"), "PROVIDER": c.fake.URL,
		"SALLYPORT_DATABASE": storetest.PostgresURL(t),
	}
	if err := os.WriteFile(c.env["SALLYPORT_CONFIG"], []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	c.account = initAccount(t, c.dir, c.env)
	for range nodes {
		c.start()
	}
	c.db = storetest.Open(t, c.env["SALLYPORT_DATABASE"])
	return c
}

// start adds a server with a new data folder and the master key of the others.
func (c *cluster) start() {
	c.t.Helper()
	data := filepath.Join(c.dir, fmt.Sprintf("data-%d", len(c.nodes)))
	if len(c.nodes) > 0 {
		key, err := os.ReadFile(filepath.Join(c.dir, "data-0", masterKeyFile))
		if err != nil {
			c.t.Fatal(err)
		}
		if err := os.Mkdir(data, 0o700); err != nil {
			c.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(data, masterKeyFile), key, 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
	c.nodes = append(c.nodes, c.serve(data))
}

// restart starts a server again that was killed, on its data folder.
func (c *cluster) restart(node int) {
	c.t.Helper()
	c.nodes[node] = c.serve(filepath.Join(c.dir, fmt.Sprintf("data-%d", node)))
}

func (c *cluster) serve(data string) *process {
	c.t.Helper()
	s, err := startServer(func(name string) string {
		if name == "SALLYPORT_DATA" {
			return data
		}
		return c.env[name]
	}, c.dir, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		s.kill()
		if c.t.Failed() {
			c.t.Logf("the server on %s said:\n%s", data, s.output())
		}
	})
	return s
}

// name returns the name that a server has in the database.
func (c *cluster) name(node int) string {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, fmt.Sprintf("data-%d", node), nodeFile))
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// open counts the calls of a server that have no outcome yet.
func (c *cluster) open(node int) int {
	c.t.Helper()
	const all = 100_000
	calls, err := c.db.OpenCalls(c.t.Context(), c.name(node), "", all)
	if err != nil {
		c.t.Fatal(err)
	}
	return len(calls)
}

func (c *cluster) stop(nodes ...int) {
	c.t.Helper()
	var all sync.WaitGroup
	for _, n := range nodes {
		all.Go(func() {
			if err := c.nodes[n].stop(); err != nil {
				c.t.Error(err)
			}
		})
	}
	all.Wait()
}

// send makes a call with a key and returns the status and the answer.
func (c *cluster) send(ctx context.Context, node int, key, method, path, body string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.nodes[node].url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, text, err
}

// TestNodesLastCredits makes 300 calls at once over three servers, on a balance
// for 100: exactly 100 pass, and the organisation's trail is one chain.
func TestNodesLastCredits(t *testing.T) {
	t.Parallel()
	const calls, affordable = 300, 100
	// 1,000 output tokens at 100 credits a million are 0.1 credits; a hundred are 10.
	c := openCluster(t, `
providers: [{name: local, type: openai, base_url: "${PROVIDER}"}]
models: [{id: mock-large, provider: local, target: gpt-4o-mini, price: {input: 0, output: 100}}]
credits: {starting: 10}
`, clusterNodes)
	body := `{"model":"mock-large","max_tokens":1000,"messages":[{"role":"user","content":` +
		`"Hello. fake: {\"text\":\"Hi.\",\"usage\":{\"Input\":7,\"Output\":1000}}"}]}`
	var passed, refused atomic.Int64
	var clients sync.WaitGroup
	for n := range calls {
		clients.Go(func() {
			status, text, err := c.send(t.Context(), n%clusterNodes, c.account.APIKey, http.MethodPost, "/v1/chat/completions", body)
			switch {
			case err != nil:
				t.Error(err)
			case status == http.StatusOK:
				passed.Add(1)
			case status == http.StatusPaymentRequired && bytes.Contains(text, []byte("insufficient_credits")):
				refused.Add(1)
			default:
				t.Errorf("got %d %s", status, text)
			}
		})
	}
	clients.Wait()
	if passed.Load() != affordable || refused.Load() != calls-affordable {
		t.Errorf("%d calls passed and %d were refused, want %d and %d", passed.Load(), refused.Load(), affordable, calls-affordable)
	}
	c.stop(0, 1, 2)
	checkLedger(t, c.db, c.account.OrgID)
	storetest.WantBalance(t, c.db, c.account.OrgID, 0, 0)
	phases, wrote := map[sallyport.Phase]int{}, map[string]bool{}
	for _, r := range storetest.VerifyChain(t, c.db, c.account.OrgID) {
		if r.Call != "" {
			phases[r.Phase]++
			wrote[r.Node] = true
		}
	}
	if phases[sallyport.PhaseIntent] != affordable || phases[sallyport.PhaseOutcome] != affordable || phases[sallyport.PhaseRefusal] != calls-affordable {
		t.Errorf("the trail has %v, want %d intents and outcomes", phases, affordable)
	}
	if len(wrote) != clusterNodes {
		t.Errorf("%d servers wrote the chain, want %d", len(wrote), clusterNodes)
	}
}

// revokedWithin is how soon a revoked key must be dead on every server.
const revokedWithin = time.Second

// TestNodesRevokedKey revokes keys on one server, by the command line, and while
// no server can hear of it: every server refuses them within a second.
func TestNodesRevokedKey(t *testing.T) {
	t.Parallel()
	c := openCluster(t, mockConfig, clusterNodes)
	for _, tt := range []struct {
		name   string
		deaf   bool
		revoke func(id string)
	}{
		{"on a server", false, c.revoke},
		{"by the command line", false, func(id string) { c.command("key", "revoke", id) }},
		{"while nobody listens", true, c.revoke},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var key struct {
				ID     string `json:"id"`
				APIKey string `json:"api_key"`
			}
			if err := json.Unmarshal(c.command("key", "create", "--name", "short-lived", "--json"), &key); err != nil {
				t.Fatal(err)
			}
			if tt.deaf {
				defer c.deafen(t)()
			}
			ask := func(node int) int {
				status, text, err := c.send(t.Context(), node, key.APIKey, http.MethodGet, "/v1/models", "")
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				return status
			}
			for node := range clusterNodes { // which keep the key in memory from now on
				if status := ask(node); status != http.StatusOK {
					t.Fatalf("server %d: status %d", node, status)
				}
			}
			tt.revoke(key.ID)
			revoked := time.Now()
			for node := range clusterNodes {
				for ask(node) != http.StatusUnauthorized {
					if time.Since(revoked) > revokedWithin {
						t.Fatalf("server %d: the key works %s after it was revoked", node, time.Since(revoked))
					}
				}
			}
			t.Logf("refused everywhere after %s", time.Since(revoked))
		})
	}
}

func (c *cluster) revoke(id string) {
	c.t.Helper()
	status, text, err := c.send(c.t.Context(), 0, c.account.APIKey, http.MethodDelete, "/api/v1/keys/"+id, "")
	if err != nil || status != http.StatusNoContent {
		c.t.Fatalf("revoke: %d %s: %v", status, text, err)
	}
}

// deafen lets nobody listen for changes until stop: it ends the connections that
// do, again and again.
func (c *cluster) deafen(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	conn, err := pgx.Connect(t.Context(), c.env["SALLYPORT_DATABASE"])
	if err != nil {
		t.Fatal(err)
	}
	end := func() int64 {
		done, err := conn.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = $1`, store.ListenerName)
		if err != nil && ctx.Err() == nil {
			t.Error(err)
		}
		return done.RowsAffected()
	}
	if n := end(); n != clusterNodes {
		t.Errorf("%d servers listened, want %d", n, clusterNodes)
	}
	var ending sync.WaitGroup
	ending.Go(func() {
		for ctx.Err() == nil {
			end()
		}
	})
	return func() {
		cancel()
		ending.Wait()
		_ = conn.Close(context.Background()) // it was ended in the middle of a question
	}
}

// command runs this program beside the servers.
func (c *cluster) command(args ...string) []byte {
	c.t.Helper()
	path, err := lookPath("sallyport", c.env["PATH"])
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.CommandContext(c.t.Context(), path, args...)
	cmd.Dir = c.dir
	for name, value := range c.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.Output()
	if err != nil {
		c.t.Fatalf("%v: %v: %s", args, err, out)
	}
	return out
}

// nodesConfig has credits for every load and a provider that may hang for long.
const nodesConfig = `
providers: [{name: local, type: openai, base_url: "${PROVIDER}"}]
models: [{id: mock-large, provider: local, target: gpt-4o-mini, price: {input: 2.5, output: 10}}]
credits: {starting: 1000000}
`

// TestNodeKilled kills one of three servers under load. Its neighbours close its
// calls, each once, when its lease has run out; those of the living are left
// alone, also by a server that starts meanwhile.
func TestNodeKilled(t *testing.T) {
	t.Parallel()
	c := openCluster(t, nodesConfig, clusterNodes)
	// One call that certainly is open when its server dies, and one of a server
	// that lives.
	l := &load{key: c.account.APIKey, done: make(map[int]bool)}
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
	for c.open(dead) > 0 {
		if time.Since(killed) > 2*journal.LeaseTime+10*time.Second {
			t.Fatalf("%d calls of the dead server are open %s after it was killed", c.open(dead), time.Since(killed))
		}
		time.Sleep(pollTime)
	}
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
	for _, r := range storetest.VerifyChain(t, c.db, c.account.OrgID) {
		if r.Phase == sallyport.PhaseLate {
			t.Errorf("call %s was closed twice", r.Call)
		}
	}
	compareBooks(t, c.db, c.account.OrgID, c.fake, l)
	t.Logf("%d calls begun, %d finished at the client", l.begun, len(l.done))
}

// TestNodesKilled kills one server after the other under load at random moments,
// of one or three on a Postgres database, starts each again at once, and then
// compares the books as TestKilled does. Each start closes what its own node
// left, and nothing of its neighbours'.
func TestNodesKilled(t *testing.T) {
	t.Parallel()
	for _, nodes := range []int{1, clusterNodes} {
		t.Run(fmt.Sprintf("%d nodes", nodes), func(t *testing.T) {
			t.Parallel()
			c := openCluster(t, nodesConfig, nodes)
			l := &load{key: c.account.APIKey, done: make(map[int]bool)}
			for range *kills {
				victim, killed := rand.IntN(nodes), make(chan struct{})
				var loads sync.WaitGroup
				for node := range nodes {
					loads.Go(func() {
						l.during(c.nodes[node].url, func() {
							if node != victim {
								<-killed
								return
							}
							time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond) // the random moment
							c.nodes[node].kill()
							close(killed)
						})
					})
				}
				loads.Wait()
				c.restart(victim)
				if n := c.open(victim); n != 0 {
					t.Errorf("%d calls are open after the start of their server", n)
				}
			}
			var all []int
			for node := range nodes {
				all = append(all, node)
			}
			c.stop(all...)
			for _, r := range storetest.VerifyChain(t, c.db, c.account.OrgID) {
				if r.Phase == sallyport.PhaseLate {
					t.Errorf("call %s was closed while its server lived", r.Call)
				}
			}
			compareBooks(t, c.db, c.account.OrgID, c.fake, l)
			t.Logf("%d kills, %d calls begun, %d seen by the provider, %d finished at the client",
				*kills, l.begun, len(c.fake.Requests()), len(l.done))
		})
	}
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
	for c.open(0) > 0 { // neighbours close calls and take over runs independently
		if time.Since(killed) > readyTime {
			t.Fatalf("%d calls of the dead server are open", c.open(0))
		}
		time.Sleep(pollTime)
	}
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
	checkLedger(t, c.db, c.account.OrgID)
}
