package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/store"
)

var kills = flag.Int("kills", 3, "how often TestKilled kills the server")

// loadClients is how many callers are on their way when the server is killed.
const loadClients = 8

// TestKilled kills the server under load, again and again, at random moments,
// and then compares its books with what the provider saw: every call that
// reached the provider has an intent, every call is closed once, no answer that
// a client saw to its end is missing, the chain verifies and the ledger sums up.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	fake := providertest.New(t)
	env := map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": dir, "SALLYPORT_DATA": filepath.Join(dir, "data"),
		"SALLYPORT_CONFIG": filepath.Join(dir, "sallyport.yaml"), "PROVIDER": fake.URL,
	}
	getenv := func(name string) string { return env[name] }
	config := `providers: [{name: local, type: openai, base_url: "${PROVIDER}"}]
models: [{id: mock-large, provider: local, target: gpt-4o-mini, price: {input: 2.5, output: 10}}]
credits: {starting: 1000000}
`
	if err := os.WriteFile(env["SALLYPORT_CONFIG"], []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	account := initAccount(t, dir, env)

	l := &load{key: account.APIKey, done: make(map[int]bool)}
	for range *kills {
		s, err := startServer(getenv, dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		l.during(s.url, func() {
			time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond) // the random moment
			s.kill()
		})
	}
	s, err := startServer(getenv, dir, nil) // recovers
	if err != nil {
		t.Fatal(err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d kills, %d calls begun, %d seen by the provider, %d finished at the client",
		*kills, l.begun, len(fake.Requests()), len(l.done))
	checkBooks(t, filepath.Join(dir, "data"), account.OrgID, fake, l)
}

type initAnswer struct {
	APIKey string          `json:"api_key"`
	OrgID  sallyport.OrgID `json:"org_id"`
}

func initAccount(t *testing.T, dir string, env map[string]string) (account initAnswer) {
	t.Helper()
	path, err := lookPath("sallyport", env["PATH"])
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "init", "--json")
	cmd.Dir = dir
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("init: %v: %s", err, out)
	}
	if err := json.Unmarshal(out, &account); err != nil {
		t.Fatalf("init printed %q: %v", out, err)
	}
	return account
}

// load makes calls that can be told apart on both sides: call n has a body that
// is n bytes longer than the first, which its intent notes, and says n in its
// prompt, which the provider sees.
type load struct {
	key string

	mu    sync.Mutex
	begun int
	done  map[int]bool // calls whose answer the client saw to its end
}

// during makes calls while f runs.
func (l *load) during(url string, f func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	for range loadClients {
		clients.Go(func() {
			for ctx.Err() == nil {
				l.call(ctx, url)
			}
		})
	}
	f()
	cancel()
	clients.Wait()
}

func (l *load) call(ctx context.Context, url string) {
	l.mu.Lock()
	l.begun++
	n := l.begun
	l.mu.Unlock()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", bytes.NewReader(loadBody(n)))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Authorization", "Bearer "+l.key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return // killed
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	whole := n%2 == 0 || bytes.HasSuffix(answer, []byte("data: [DONE]\n\n"))
	if err == nil && resp.StatusCode == http.StatusOK && whole {
		l.mu.Lock()
		l.done[n] = true
		l.mu.Unlock()
	}
}

// loadBody is the body of call n. Odd calls stream.
func loadBody(n int) []byte {
	fixed := fmt.Sprintf(`{"model":"mock-large","max_tokens":20,"stream":%-5t,"messages":[{"role":"user","content":"call %08d."}]}`, n%2 == 1, n)
	return append([]byte(fixed), bytes.Repeat([]byte(" "), n)...)
}

// callNumber reads n back from a body's length.
func callNumber(bytesIn int64) int { return int(bytesIn) - len(loadBody(0)) }

func checkBooks(t *testing.T, data string, org sallyport.OrgID, fake *providertest.Fake, l *load) {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{URL: "sqlite://" + filepath.Join(data, "sallyport.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	compareBooks(t, db, org, fake, l)
}

// compareBooks compares the trail and the ledger with what the provider and the
// clients saw.
func compareBooks(t *testing.T, db *store.DB, org sallyport.OrgID, fake *providertest.Fake, l *load) {
	t.Helper()
	intents, outcomes := readTrail(t, db, org)

	for _, r := range fake.Requests() {
		_, said, _ := strings.Cut(r.LastUser, "call ")
		n, err := strconv.Atoi(strings.TrimSuffix(said, "."))
		if err != nil {
			t.Fatalf("the provider was asked %q", r.LastUser)
		}
		if _, found := intents[n]; !found {
			t.Errorf("call %d reached the provider without an intent", n)
		}
	}
	for n, call := range intents {
		if len(outcomes[call]) != 1 {
			t.Errorf("call %d has outcomes %v, want one", n, outcomes[call])
		}
		if l.done[n] && outcomes[call][0] != sallyport.OutcomeSuccess {
			t.Errorf("call %d was answered to its end, and its outcome is %v", n, outcomes[call])
		}
	}
	for n := range l.done {
		if _, found := intents[n]; !found {
			t.Errorf("call %d was answered without an intent", n)
		}
	}
	checkLedger(t, db, org)
}

// readTrail verifies the chain and returns the call of each intent, by its
// number, and the outcomes of each call.
func readTrail(t *testing.T, db *store.DB, org sallyport.OrgID) (map[int]sallyport.CallID, map[sallyport.CallID][]string) {
	t.Helper()
	intents, outcomes := make(map[int]sallyport.CallID), make(map[sallyport.CallID][]string)
	eachRecord(t, db, org, func(r sallyport.Record) {
		switch r.Phase {
		case sallyport.PhaseIntent:
			n := callNumber(r.BytesIn)
			if _, twice := intents[n]; twice {
				t.Errorf("call %d has two intents", n)
			}
			intents[n] = r.Call
		case sallyport.PhaseOutcome:
			outcomes[r.Call] = append(outcomes[r.Call], r.Outcome)
		}
	})
	return intents, outcomes
}

// eachRecord verifies the chain of a trail and calls f for each of its records.
func eachRecord(t *testing.T, db *store.DB, org sallyport.OrgID, f func(sallyport.Record)) {
	t.Helper()
	const page = 1000
	var prev sallyport.Hash
	for seq := int64(0); ; {
		records, err := db.Records(t.Context(), org, seq, page)
		if err != nil {
			t.Fatal(err)
		}
		if len(records) == 0 {
			return
		}
		for _, stored := range records {
			if stored.Seq != seq+1 || stored.Prev != prev || sallyport.ChainHash(prev, stored.Body) != stored.Hash {
				t.Fatalf("the chain breaks at record %d", stored.Seq)
			}
			seq, prev = stored.Seq, stored.Hash
			var r sallyport.Record
			if err := json.Unmarshal(stored.Body, &r); err != nil {
				t.Fatal(err)
			}
			f(r)
		}
	}
}

func checkLedger(t *testing.T, db *store.DB, org sallyport.OrgID) {
	t.Helper()
	balance, held, err := db.Balance(t.Context(), org)
	if err != nil {
		t.Fatal(err)
	}
	if held != 0 {
		t.Errorf("%s credits are still held, want none", held)
	}
	var sum sallyport.Credits
	charged := make(map[sallyport.CallID]bool)
	for after := int64(0); ; {
		entries, err := db.Ledger(t.Context(), org, after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 0 {
			break
		}
		for _, e := range entries {
			sum += e.Amount
			after = e.Seq
			if e.Call != "" && charged[e.Call] {
				t.Errorf("call %s was charged twice", e.Call)
			}
			charged[e.Call] = true
		}
	}
	if sum != balance {
		t.Errorf("the ledger sums to %s, the balance is %s", sum, balance)
	}
}
