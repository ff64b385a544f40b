package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// cluster is servers, each a process with a data folder of its own, on one
// Postgres database; or one server with SQLite.
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

// eachCluster runs a test on every kind of cluster: one server with SQLite, one
// on Postgres, and several on one Postgres database.
func eachCluster(t *testing.T, config string, f func(t *testing.T, c *cluster)) {
	for _, kind := range []struct {
		name     string
		nodes    int
		database func(testing.TB) string
	}{
		{"SQLite", 1, func(testing.TB) string { return "" }},
		{"Postgres", 1, storetest.NewPostgres},
		{"Postgres, three nodes", clusterNodes, storetest.NewPostgres},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			f(t, openClusterOn(t, config, kind.nodes, kind.database(t)))
		})
	}
}

func openCluster(t *testing.T, config string, nodes int) *cluster {
	t.Helper()
	return openClusterOn(t, config, nodes, storetest.NewPostgres(t))
}

// clusterTurns are how many clusters are on Postgres at once: it takes 100
// connections unless told otherwise, a server makes up to thirty, and those of a
// server that was killed stay for a while.
var clusterTurns = make(chan struct{}, 2)

// openClusterOn is openCluster on a database; "" is a file in the data folder of
// the only server.
func openClusterOn(t *testing.T, config string, nodes int, database string) *cluster {
	t.Helper()
	if database != "" {
		clusterTurns <- struct{}{}
		t.Cleanup(func() { <-clusterTurns })
	}
	c := &cluster{t: t, dir: t.TempDir(), fake: providertest.New(t)}
	c.env = map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": c.dir, "SALLYPORT_DATA": c.data(0),
		"SALLYPORT_CONFIG": filepath.Join(c.dir, "sallyport.yaml"), "PROVIDER": c.fake.URL,
		"SALLYPORT_DATABASE": database,
	}
	if err := os.WriteFile(c.env["SALLYPORT_CONFIG"], []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	c.account = initAccount(t, c.dir, c.env)
	for range nodes {
		c.start()
	}
	c.db = storetest.Open(t, cmp.Or(database, "sqlite://"+filepath.Join(c.env["SALLYPORT_DATA"], databaseFile)))
	return c
}

// budgets sets some that no load reaches, so that the books have them to compare.
func (c *cluster) budgets() {
	c.t.Helper()
	c.command("budget", "set", "--scope", "organisation", "--period", "total", "1000000")
	c.command("budget", "set", "--scope", "model", "--id", "mock-large", "--period", "month", "1000000")
}

// start adds a server with a new data folder and the master key of the others.
func (c *cluster) start() {
	c.t.Helper()
	data := c.data(len(c.nodes))
	if len(c.nodes) > 0 {
		key, err := os.ReadFile(filepath.Join(c.data(0), masterKeyFile))
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
	c.nodes[node] = c.serve(c.data(node))
}

// data is the data folder of a server.
func (c *cluster) data(node int) string { return filepath.Join(c.dir, fmt.Sprintf("data-%d", node)) }

func (c *cluster) serve(data string) *process {
	c.t.Helper()
	s := c.spawn(data)
	if err := s.ready(); err != nil {
		c.t.Fatal(err)
	}
	return s
}

// spawn starts a server and does not wait until it is ready.
func (c *cluster) spawn(data string) *process {
	c.t.Helper()
	s, err := spawnServer(func(name string) string {
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
	text, err := os.ReadFile(filepath.Join(c.data(node), nodeFile))
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

// closedWithin is how soon the calls of a killed server are closed by its
// neighbours: its lease runs out first, and the machine may be busy.
const closedWithin = 2*journal.LeaseTime + 10*time.Second

// waitClosed waits until no call of those servers is open, at most for a time after
// the last of them was killed.
func (c *cluster) waitClosed(killed time.Time, most time.Duration, nodes ...int) {
	c.t.Helper()
	for _, node := range nodes {
		for c.open(node) > 0 {
			if time.Since(killed) > most {
				c.t.Fatalf("%d calls of server %d are open %s after it was killed", c.open(node), node, time.Since(killed))
			}
			time.Sleep(pollTime)
		}
	}
}

// stopAll stops every server.
func (c *cluster) stopAll() {
	c.t.Helper()
	var all []int
	for node := range c.nodes {
		all = append(all, node)
	}
	c.stop(all...)
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
	answer, err := fetch(http.DefaultClient, req)
	return answer.status, []byte(answer.body), err
}

// ask makes a call to a model with the first key.
func (c *cluster) ask(by *http.Client, node int, body string) (reply, error) {
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.nodes[node].url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Authorization", "Bearer "+c.account.APIKey)
	return fetch(by, req)
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
