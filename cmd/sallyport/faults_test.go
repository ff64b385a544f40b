package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/agent"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/catalogue"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/gateway"
	"github.com/sallyport-ai/sallyport/internal/identity"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/limit"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/policy"
	"github.com/sallyport-ai/sallyport/internal/provider"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/secret"
	"github.com/sallyport-ai/sallyport/internal/server"
	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

var everyFault = flag.Bool("every-fault", false, "TestFaultTable lets every write of agent runs fail, not only some")

// someFaults is which writes of agent runs fail without -every-fault: each so-manieth.
const someFaults = 4

// fault is how a durable write fails.
type fault struct {
	name  string
	after bool // it took effect, and its caller is told that it failed
	dies  bool // no write after it succeeds: the process is as good as dead
}

var faults = []fault{
	{name: "fails before"},
	{name: "fails after", after: true},
	{name: "dies before", dies: true},
	{name: "dies after", after: true, dies: true},
}

// TestFaultTable runs a scripted session again and again: with the first durable
// write failing, then the second, and so on until none is left to fail; each in
// every way. Then the server starts again on the same database. Whatever failed:
// no call reached the provider without an intent, every call has one outcome,
// the chain verifies, nothing is held, nothing was charged twice.
func TestFaultTable(t *testing.T) {
	t.Parallel()
	for _, session := range []struct {
		name  string
		every int
		run   func(*life) error // why it went no further
	}{
		{"calls", 1, (*life).calls},
		{"agent run", someFaults, (*life).agentRun},
	} {
		if *everyFault {
			session.every = 1
		}
		for database, url := range map[string]func(testing.TB) string{"SQLite": storetest.SQLiteURL, "Postgres": storetest.PostgresURL} {
			for _, f := range faults {
				t.Run(session.name+"/"+database+"/"+f.name, func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, url(t))
					n := 1
					for ; w.survives(t, session.run, f, n); n += session.every {
					}
					t.Logf("the session has fewer than %d durable writes", n)
					if n == 1 {
						t.Error("no write failed")
					}
				})
			}
		}
	}
}

// world is what outlives a server: its database, with one organisation after
// the other.
type world struct {
	url  string
	db   *store.DB // without faults, to look at
	ring *secret.Ring
}

func newWorld(t *testing.T, url string) *world {
	t.Helper()
	db := storetest.Open(t, url)
	ring, err := secret.Open(t.Context(), secret.Text(secret.NewMasterKey()), db)
	if err != nil {
		t.Fatal(err)
	}
	return &world{url, db, ring}
}

// survives runs the session with the n-th write failing, starts again, compares
// the books, and says whether there was an n-th write.
func (w *world) survives(t *testing.T, session func(*life) error, f fault, n int) bool {
	t.Helper()
	failed := false
	t.Run(fmt.Sprint(n), func(t *testing.T) {
		p := w.place(t)
		failing := &failingStore{DB: w.db, fault: f, at: n}
		first := p.start(t, failing)
		if first != nil {
			if err := session(first); err != nil && !failing.failed() {
				t.Errorf("the session broke off although nothing failed: %v", err)
			}
			first.end()
		}
		again := p.start(t, &failingStore{DB: w.db})
		if again == nil {
			t.Fatal("the server does not start again")
		}
		again.finishRuns()
		again.end()
		p.compare(t)
		failed = failing.failed()
	})
	return failed && !t.Failed()
}

// failingStore counts durable writes and lets one fail, or all from one on.
type failingStore struct {
	*store.DB
	fault
	at int // the write that fails, counted from 1; 0: none

	mu     sync.Mutex
	writes int
}

var errDisk = errors.New("the disk failed")

func (s *failingStore) failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at > 0 && s.writes >= s.at
}

// write does a durable write, or fails before or after it.
func (s *failingStore) write(failure error, do func() error) error {
	s.mu.Lock()
	s.writes++
	now, dead := s.writes == s.at, s.dies && s.at > 0 && s.writes > s.at
	s.mu.Unlock()
	if dead || now && !s.after {
		return errDisk
	}
	err := do()
	if now && err == nil {
		return failure
	}
	return err
}

func (s *failingStore) CommitBatch(ctx context.Context, id journal.BatchID, entries []journal.Entry) (results []journal.Result, err error) {
	err = s.write(journal.ErrOutcomeUnknown, func() error {
		results, err = s.DB.CommitBatch(ctx, id, entries)
		return err
	})
	return results, err
}

func (s *failingStore) TakeLease(ctx context.Context, l journal.Life, d time.Duration) error {
	return s.write(errDisk, func() error { return s.DB.TakeLease(ctx, l, d) })
}

func (s *failingStore) EndLease(ctx context.Context, l journal.Life) error {
	return s.write(errDisk, func() error { return s.DB.EndLease(ctx, l) })
}

func (s *failingStore) CreateKey(ctx context.Context, key sallyport.Key, rec sallyport.Record) error {
	return s.write(errDisk, func() error { return s.DB.CreateKey(ctx, key, rec) })
}

func (s *failingStore) RevokeKey(ctx context.Context, org sallyport.OrgID, id sallyport.KeyID, at time.Time, rec sallyport.Record) error {
	return s.write(errDisk, func() error { return s.DB.RevokeKey(ctx, org, id, at, rec) })
}

func (s *failingStore) Grant(ctx context.Context, org sallyport.OrgID, amount sallyport.Credits, note string, rec sallyport.Record) (b sallyport.Credits, err error) {
	err = s.write(errDisk, func() error {
		b, err = s.DB.Grant(ctx, org, amount, note, rec)
		return err
	})
	return b, err
}

func (s *failingStore) SetPolicy(ctx context.Context, org sallyport.OrgID, kind, subject string, body []byte, rec sallyport.Record) error {
	return s.write(errDisk, func() error { return s.DB.SetPolicy(ctx, org, kind, subject, body, rec) })
}

func (s *failingStore) CreateAgent(ctx context.Context, a sallyport.Agent, rec sallyport.Record) error {
	return s.write(errDisk, func() error { return s.DB.CreateAgent(ctx, a, rec) })
}

func (s *failingStore) CreateRun(ctx context.Context, r sallyport.Run, rec sallyport.Record) error {
	return s.write(errDisk, func() error { return s.DB.CreateRun(ctx, r, rec) })
}

func (s *failingStore) SaveRunStep(ctx context.Context, org sallyport.OrgID, step sallyport.RunStep) error {
	return s.write(errDisk, func() error { return s.DB.SaveRunStep(ctx, org, step) })
}

func (s *failingStore) FinishRun(ctx context.Context, org sallyport.OrgID, run sallyport.RunID, status sallyport.RunStatus, end []byte, at time.Time, rec sallyport.Record) error {
	return s.write(errDisk, func() error { return s.DB.FinishRun(ctx, org, run, status, end, at, rec) })
}

// place is one server's: an organisation, a provider and a data folder.
type place struct {
	*world
	node string
	dir  string
	org  sallyport.OrgID
	user sallyport.UserID
	fake *providertest.Fake
	load *load // numbers the calls
}

func (w *world) place(t *testing.T) *place {
	t.Helper()
	p := &place{world: w, node: uuid.NewString(), dir: t.TempDir(), fake: providertest.New(t), load: &load{done: make(map[int]bool)}}
	p.org = storetest.NewOrg(t, w.db)
	p.user = sallyport.UserID(storetest.NewID())
	if err := w.db.CreateUser(t.Context(), sallyport.Membership{
		Org: p.org, Role: sallyport.RoleAdministrator, CreatedAt: storetest.Time,
		User: sallyport.User{ID: p.user, Email: string(p.user) + "@acme.test", CreatedAt: storetest.Time},
	}, "no password", storetest.Event("user.create")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.db.Grant(t.Context(), p.org, sallyport.Credit, "", storetest.Event("credit.grant")); err != nil {
		t.Fatal(err)
	}
	return p
}

// life is one life of the server, from its start to its end.
type life struct {
	*place
	t       *testing.T
	store   *failingStore
	audit   audit.Builder
	keys    *identity.Keys
	journal *journal.Journal
	gateway *gateway.Gateway
	agents  *agent.Agents
}

// faultPrice makes a call of loadBody cost a few micro-credits.
var faultPrice = sallyport.Price{Input: 2_500_000, Output: 10_000_000, Version: "p1"}

// start is what serve does. Nil: it did not start, as when the first write fails.
func (p *place) start(t *testing.T, db *failingStore) *life {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	l := &life{place: p, t: t, store: db, audit: audit.Builder{Node: p.node, Boot: uuid.NewString(), Now: time.Now}}
	l.keys = identity.NewKeys(db, p.ring, time.Now)
	l.journal = journal.New(db, journal.Options{Node: p.node, Boot: l.audit.Boot, Interrupted: l.audit.Interrupted, Log: log, Leases: db})
	providers, err := provider.NewDirectory([]provider.Config{{
		Name: "local", Type: "openai", BaseURL: p.fake.URL, APIKey: "upstream", AllowPrivate: true,
	}}, db, nil)
	if err != nil {
		t.Fatal(err)
	}
	models := catalogue.New([]sallyport.Model{{ID: "mock-large", Provider: "local", Target: "gpt-4o-mini", Price: faultPrice}}, db)
	l.gateway = gateway.New(gateway.Parts{
		Journal: l.journal, Models: models, Providers: providers,
		Policies: policy.New(db, policy.Defaults{DLP: dlp.DefaultPolicy()}), Limiter: limit.New(time.Now),
		Keys: p.ring, Audit: l.audit, HoldOutput: 100, Status: server.Status, Now: time.Now, Log: log,
	})
	l.agents, err = agent.New(agent.Options{
		DataDir: p.dir, Node: p.node, Boot: l.audit.Boot, Now: time.Now, Log: log,
		Ended: func(ctx context.Context) (ended []agent.Life, err error) {
			lives, err := db.EndedLives(ctx, endedLivesMax)
			for _, one := range lives {
				ended = append(ended, agent.Life(one))
			}
			return ended, err
		},
		Event: func(_ context.Context, who sallyport.Principal, action, resource string, change any) sallyport.Record {
			return l.audit.Event(who, action, resource, change)
		},
		Models: func(context.Context, sallyport.OrgID, string) error { return nil },
	}, db, l.gateway, l.keys, p.ring)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.journal.TakeLease(t.Context()); err != nil {
		_ = l.journal.Close(t.Context()) // the failure before it counts
		return nil
	}
	if _, err := l.journal.Recover(t.Context()); err != nil {
		t.Error(err)
	}
	return l
}

// deadTime is how long a server that is as good as dead tries to note how its
// runs stand before it is left alone; it writes nothing any more.
const deadTime = 100 * time.Millisecond

func (l *life) end() {
	if l.store.dies && l.store.failed() {
		ctx, cancel := context.WithTimeout(l.t.Context(), deadTime)
		defer cancel()
		_ = l.agents.Stop(ctx)
	} else if err := l.agents.Stop(l.t.Context()); err != nil {
		l.t.Error(err)
	}
	_ = l.journal.Close(l.t.Context()) // outcomes may be left, for recovery
}

// event is the record of a change.
func (l *life) event(action string) sallyport.Record {
	return l.audit.Event(sallyport.Principal{Org: l.org, User: l.user}, action, "", nil)
}

// key makes a key, in a second attempt when the first fails. There is none when
// the server is dead.
func (l *life) key() (sallyport.Principal, error) {
	_, plain, err := l.keys.Create(l.t.Context(), l.org, l.user, "key", time.Time{}, l.event("keys.create"))
	if err != nil {
		_, plain, err = l.keys.Create(l.t.Context(), l.org, l.user, "key", time.Time{}, l.event("keys.create"))
	}
	if err != nil {
		return sallyport.Principal{}, err
	}
	return l.keys.Authenticate(l.t.Context(), plain)
}

// calls is the session of a person: calls of all kinds, and changes between.
// What fails on the way is what the test is about.
func (l *life) calls() error {
	ctx := l.t.Context()
	who, err := l.key()
	if err != nil {
		return err
	}
	l.call(who, providertest.Answer{Text: "one"})
	l.call(who, providertest.Answer{Text: "two"}) // it streams
	l.call(who, providertest.Answer{Status: 500})
	l.call(who, providertest.Answer{Text: "a b c", Fault: providertest.Close, After: 1})
	_ = l.store.SetPolicy(ctx, l.org, "dlp", "", []byte(`{"mode":"observe"}`), l.event("policy.set"))
	_, _ = l.store.Grant(ctx, l.org, -sallyport.Credit/2, "", l.event("credit.grant"))
	l.call(who, providertest.Answer{Text: "three"})
	free, held, err := l.db.Balance(ctx, l.org)
	if err != nil {
		l.t.Fatal(err)
	}
	_, _ = l.store.Grant(ctx, l.org, held-free, "", l.event("credit.grant"))
	l.call(who, providertest.Answer{Text: "refused"})
	_ = l.store.RevokeKey(ctx, l.org, who.Key, time.Now(), l.event("keys.revoke"))
	return nil
}

// call makes the next call of the place.
func (l *life) call(who sallyport.Principal, answer providertest.Answer) {
	l.load.begun++
	n := l.load.begun
	body := loadBody(n)
	request, err := chat.Decode(body)
	if err != nil {
		l.t.Fatal(err)
	}
	l.fake.Queue(answer) // for the next call, when this one is not made
	call := &gateway.Call{Request: request}
	call.ID, call.Principal, call.Action = gateway.NewCallID(), who, "chat.completions"
	call.RequestID, call.Requested, call.Stream = string(call.ID), request.Model, request.Stream
	call.BytesIn, call.StartedAt = int64(len(body)), time.Now()
	if err := l.gateway.Do(l.t.Context(), call, func(*llm.Event) error { return nil }); err == nil {
		l.load.done[n] = true
	}
}

// agentRun is the session of a run with two steps.
func (l *life) agentRun() error {
	who, err := l.key()
	if err != nil {
		return err
	}
	ctx := l.t.Context()
	if err := l.agents.Serve(ctx); err != nil {
		return err
	}
	made, err := l.agents.Import(ctx, who, sallyport.AgentDefinition{
		DisplayName: "Two", Model: "mock-large", Steps: []sallyport.AgentStep{
			{LLMStep: &sallyport.LLMStep{Prompt: "first", MaxTokens: 20}},
			{LLMStep: &sallyport.LLMStep{Prompt: "{{steps.1.output}}", MaxTokens: 20}},
		},
	})
	if err != nil {
		return err
	}
	run, err := l.agents.Start(ctx, who, made.ID, nil)
	if err != nil {
		return err
	}
	l.ended(run.ID, func() bool { return l.store.dies && l.store.failed() })
	return nil
}

// ended waits until the run has ended, or the server is dead.
func (l *life) ended(id sallyport.RunID, dead func() bool) {
	for deadline := time.Now().Add(readyTime); !dead(); time.Sleep(pollTime) { // as a client polls
		run, err := l.db.Run(l.t.Context(), l.org, id)
		if err != nil {
			l.t.Fatal(err)
		}
		if run.Status != sallyport.RunInProgress {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("the run %s has not ended", id)
		}
	}
}

// finishRuns works on what the life before left.
func (l *life) finishRuns() {
	runs, err := l.db.OpenRuns(l.t.Context(), 10)
	if err != nil {
		l.t.Fatal(err)
	}
	if len(runs) == 0 {
		return
	}
	if err := l.agents.Serve(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
	for _, run := range runs {
		l.ended(run.ID, func() bool { return false })
	}
}

// compare looks at what is left when all is done.
func (p *place) compare(t *testing.T) {
	t.Helper()
	records := storetest.VerifyChain(t, p.db, p.org)
	storetest.VerifyLedger(t, p.db, p.org)
	ofRuns := make(map[sallyport.CallID]int)
	for _, r := range records {
		switch {
		case r.Phase == sallyport.PhaseLate:
			t.Errorf("call %s was closed twice", r.Call)
		case r.Run != "" && r.Phase == sallyport.PhaseIntent:
			ofRuns[r.Call] += 0
		case r.Run != "" && r.Phase == sallyport.PhaseOutcome:
			ofRuns[r.Call]++
		}
	}
	for call, outcomes := range ofRuns {
		if outcomes != 1 {
			t.Errorf("call %s of a run has %d outcomes, want one", call, outcomes)
		}
	}
	if p.load.begun == 0 { // a run: its calls are not numbered
		if asked := len(p.fake.Requests()); asked > len(ofRuns) {
			t.Errorf("the provider was asked %d times, and there are %d intents", asked, len(ofRuns))
		}
		checkLedger(t, p.db, p.org)
		return
	}
	compareBooks(t, p.db, p.org, p.fake, p.load)
}
