package servertest

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/agent"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/catalogue"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/gateway"
	"github.com/sallyport-ai/sallyport/internal/identity"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/limit"
	"github.com/sallyport-ai/sallyport/internal/policy"
	"github.com/sallyport-ai/sallyport/internal/provider"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/secret"
	"github.com/sallyport-ai/sallyport/internal/server"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// Options are what a test may want otherwise. The zero Options has no limits,
// the default DLP policy and plenty of credits.
type Options struct {
	Limits  policy.Defaults // DLP is set when its Mode is empty
	Credits sallyport.Credits
	// TrustedProxies are believed when they say for whom they call.
	TrustedProxies []netip.Prefix
}

// The models of every House. Both are served by the fake provider: Model in the
// chat dialect, Claude in that of messages. They cost 1 micro-credit a token of
// input and 2 a token of output.
const (
	Model       = "mock-large"
	ModelTarget = "target-large"
	Claude      = "mock-claude"
)

// HoldOutput is the output that is held for calls that name no bound.
const HoldOutput = 1000

// patience is how long the providers of a House wait: longer than a busy machine
// lets them.
const patience = 30 * time.Second

// House is a running server and what stands around it.
type House struct {
	URL    string
	DB     *store.DB
	Path   string // of the database file
	Fake   *providertest.Fake
	Clock  *Clock
	Faults *Faults
	Server *server.Server
	Home   Tenant // with plenty of credits
	Other  Tenant // knows nothing of Home
	Models *catalogue.Catalogue
	// StopProvider closes the fake provider: nobody listens there any more.
	StopProvider func()

	keys    *identity.Keys
	audit   audit.Builder
	journal *journal.Journal
}

// New starts a House that stops with the test.
func New(t testing.TB, o Options) *House {
	t.Helper()
	if o.Limits.DLP.Mode == "" {
		o.Limits.DLP = dlp.DefaultPolicy()
	}
	if o.Credits == 0 {
		o.Credits = 1_000_000 * sallyport.Credit
	}
	h := &House{
		Path: filepath.Join(t.TempDir(), "sallyport.db"),
		Fake: providertest.Start(), Clock: newClock(),
	}
	h.StopProvider = sync.OnceFunc(h.Fake.Close)
	t.Cleanup(h.StopProvider)
	h.audit = audit.Builder{Node: "node-1", Boot: uuid.NewString(), Now: h.Clock.Now}
	h.open(t, o)
	h.Home = h.tenant(t, "Home", o.Credits)
	h.Other = h.tenant(t, "Other", o.Credits)
	return h
}

func (h *House) open(t testing.TB, o Options) {
	t.Helper()
	ctx := t.Context()
	db, err := store.Open(ctx, store.Options{URL: "sqlite://" + h.Path, Durability: store.Relaxed, Now: h.Clock.Now})
	must(t, err)
	h.DB = db
	ring, err := secret.Open(ctx, secret.Text(secret.NewMasterKey()), db)
	must(t, err)
	h.keys = identity.NewKeys(db, ring, h.Clock.Now)
	h.Faults = newFaults(db)
	log := slog.New(slog.DiscardHandler)
	h.journal = journal.New(h.Faults, journal.Options{
		Node: h.audit.Node, Boot: h.audit.Boot, Interrupted: h.audit.Interrupted, Now: h.Clock.Now, Log: log,
	})
	providers, err := provider.NewDirectory(h.providers(), db, func(ctx context.Context, p sallyport.ProviderSettings) (secret.Text, error) {
		plain, err := ring.Unseal(ctx, p.Org, secret.Credential, p.Credential, server.CredentialOwner(p.Org, p.Name))
		return secret.Text(plain), err
	})
	must(t, err)
	h.Models = catalogue.New(catalogueModels(), db)
	policies, limiter, engine := policy.New(db, o.Limits), limit.New(h.Clock.Now), dlp.New()
	gw := gateway.New(gateway.Parts{
		Journal: h.journal, Models: h.Models, Providers: providers, Policies: policies,
		Limiter: limiter, Keys: ring, Audit: h.audit,
		HoldOutput: HoldOutput, Status: server.Status, Now: h.Clock.Now, Log: log,
	})
	agents, err := agent.New(agent.Options{
		DataDir: t.TempDir(), Node: h.audit.Node, Now: h.Clock.Now, Log: log, Event: h.agentEvent,
		Models: func(ctx context.Context, org sallyport.OrgID, id string) error {
			_, err := h.Models.Model(ctx, org, id)
			return err
		},
	}, db, gw, h.keys, ring)
	must(t, err)
	h.Server = server.New(server.Parts{
		Keys: h.keys, Gateway: gw, Journal: h.journal, Models: h.Models, Agents: agents,
		Policies: policies, Limiter: limiter, Engine: engine, Audit: h.audit,
		Control: db, KeyMaker: h.keys, Sealer: ring, Requests: h.Faults,
		FileModels:    func(id string) bool { return id == Model || id == Claude },
		FileProviders: func(name string) bool { return name == "fake" || name == "fake-claude" },
		Forget: func() {
			h.keys.Forget()
			h.Models.Forget()
			policies.Forget()
			providers.Forget()
		},
		Now: h.Clock.Now, Log: log, Version: "test", TrustedProxies: o.TrustedProxies,
	})
	h.listen(t)
}

// listen serves with the product's own limits of connections.
func (h *House) listen(t testing.TB) {
	listener := httptest.NewUnstartedServer(nil)
	listener.Config = h.Server.HTTP()
	listener.Start()
	h.URL = listener.URL
	t.Cleanup(func() {
		listener.CloseClientConnections()
		listener.Close()
		_ = h.journal.Close(context.Background()) // a test that makes the trail fail has an error here
		if err := h.DB.Close(); err != nil {
			t.Error(err)
		}
	})
}

// CloseJournal writes what waits in the journal, kept outcomes too. Nothing can
// be recorded afterwards.
func (h *House) CloseJournal(t testing.TB) {
	t.Helper()
	must(t, h.journal.Close(t.Context()))
}

func (h *House) providers() []provider.Config {
	cfg := provider.Config{
		Name: "fake", Type: "openai", BaseURL: h.Fake.URL, APIKey: "upstream-key", AllowPrivate: true,
		FirstByte: patience, Idle: patience,
	}
	claude := cfg
	claude.Name, claude.Type = "fake-claude", "anthropic"
	return []provider.Config{cfg, claude}
}

func catalogueModels() []sallyport.Model {
	const credit = sallyport.Rate(sallyport.Credit)
	price := sallyport.Price{Input: credit, CachedInput: credit, CacheWrite: credit, Output: 2 * credit, Version: "price-1"}
	return []sallyport.Model{
		{ID: Model, DisplayName: "Mock Large", Provider: "fake", Target: ModelTarget, Price: price},
		{ID: Claude, DisplayName: "Mock Claude", Provider: "fake-claude", Target: "target-claude", OutputMax: 5000, Price: price},
	}
}

// agentEvent builds records of agents as the program does.
func (h *House) agentEvent(ctx context.Context, who sallyport.Principal, action, resource string, change any) sallyport.Record {
	if call := server.CallOf(ctx); call != nil {
		return h.audit.Change(call, resource, change)
	}
	return h.audit.Event(who, action, resource, change)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
