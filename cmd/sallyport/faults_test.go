package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
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
		for database, url := range map[string]func(testing.TB) string{"SQLite": storetest.SQLiteURL, "Postgres": storetest.NewPostgres} {
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

// startWrites are those of a start and its stop: the lease is taken, what was left
// is closed, the lease is given back.
const startWrites = 3

// survives runs the session with the n-th write failing, starts again with one of
// the writes of that start failing, then once more, compares the books, and says
// whether there was an n-th write.
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
		if recovering := p.start(t, &failingStore{DB: w.db, fault: f, at: 1 + n%startWrites}); recovering != nil {
			recovering.end()
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
	p := &place{world: w, node: uuid.NewString(), dir: t.TempDir(), fake: providertest.New(t), load: newLoad("")}
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
	for _, id := range []sallyport.BudgetID{
		{Scope: sallyport.BudgetOrganisation, Period: sallyport.PeriodMonth},
		{Scope: sallyport.BudgetUser, Subject: string(p.user), Period: sallyport.PeriodTotal},
	} {
		if _, err := w.db.SetBudget(t.Context(), p.org, id, sallyport.Credit, p.event("budgets.set")); err != nil {
			t.Fatal(err)
		}
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
	}}, db, nil, log)
	if err != nil {
		t.Fatal(err)
	}
	models := catalogue.New([]sallyport.Model{{ID: "mock-large", Provider: "local", Target: "gpt-4o-mini", Price: faultPrice}}, db)
	policies := policy.New(db, policy.Defaults{DLP: dlp.DefaultPolicy(), Audit: keepsContent})
	l.gateway = gateway.New(gateway.Parts{
		Journal: l.journal, Models: models, Providers: providers, Policies: policies, Limiter: limit.New(time.Now),
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
		Caller: policies.Caller, Member: identity.NewSessions(db, p.ring, time.Now).Member,
	}, db, l.gateway, l.keys, p.ring)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.journal.TakeLease(t.Context()); err != nil {
		_ = l.journal.Close(t.Context()) // the failure before it counts
		return nil
	}
	if _, err := l.journal.Recover(t.Context()); err != nil {
		if !db.failed() {
			t.Error(err)
		}
		_ = l.journal.Close(t.Context())
		return nil
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

// event is the record of a change while no server runs.
func (p *place) event(action string) sallyport.Record {
	return audit.Builder{Node: p.node, Now: time.Now}.Event(sallyport.Principal{Org: p.org, User: p.user}, action, "", nil)
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
	spent := sallyport.BudgetID{Scope: sallyport.BudgetModel, Subject: "mock-large", Period: sallyport.PeriodTotal}
	_, _ = l.store.SetBudget(ctx, l.org, spent, 1, l.event("budgets.set"))
	l.call(who, providertest.Answer{Text: "over the budget"})
	_ = l.store.RemoveBudget(ctx, l.org, spent, l.event("budgets.remove"))
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
	body := []byte(loadBody(n))
	request, err := chat.Decode(body)
	if err != nil {
		l.t.Fatal(err)
	}
	l.fake.Queue(answer) // for the next call, when this one is not made
	call := &gateway.Call{Request: request}
	call.ID, call.Principal, call.Action = gateway.NewCallID(), who, "chat.completions"
	call.RequestID, call.Requested, call.Stream = string(call.ID), request.Model, request.Stream
	call.BytesIn, call.StartedAt, call.Source = int64(len(body)), time.Now(), sallyport.Source{UserAgent: loadAgent(n)}
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
	p.compareContents(t, storetest.VerifyChain(t, p.db, p.org))
	var b books
	if p.load.begun > 0 {
		b = compareBooks(t, p.db, p.org, p.fake, p.load)
	} else { // a run: its calls are not numbered
		b = checkBooks(t, p.db, p.org)
		if asked := len(p.fake.Requests()); asked > len(b.intents) {
			t.Errorf("the provider was asked %d times, and there are %d intents", asked, len(b.intents))
		}
	}
	for _, r := range b.late {
		t.Errorf("call %s was closed twice", r.Call)
	}
}
