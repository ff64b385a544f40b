package servertest

import (
	"context"
	"crypto/sha256"
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
	"github.com/sallyport-ai/sallyport/internal/chat"
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
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// Options are what a test may want otherwise. The zero Options has no limits,
// the default DLP policy and plenty of credits.
type Options struct {
	Limits  policy.Defaults // DLP is set when its Mode is empty
	Credits sallyport.Credits
	// TrustedProxies are believed when they say for whom they call.
	TrustedProxies []netip.Prefix
	// PrivateNetworks may have providers of organisations.
	PrivateNetworks []netip.Prefix
	// ChatOnly adds the model of that name, whose provider speaks chat
	// completions and nothing else.
	ChatOnly bool
	// Whisper adds the model of that name, which costs 100 micro-credits a second.
	Whisper bool
	// Embedder adds the model of that name, whose encoding is known.
	Embedder bool
}

// The models of every House. Both are served by the fake provider: Model in the
// chat dialect and in that of responses, Claude in that of messages. They cost 1
// micro-credit a token of input and 2 a token of output. For ChatOnly,
// Whisper and Embedder see Options.
const (
	Model       = "mock-large"
	ModelTarget = "target-large"
	Claude      = "mock-claude"
	ChatOnly    = "mock-chat"
	Whisper     = "mock-whisper"
	Embedder    = "mock-embedder"
)

// Sink is a sink that all trails go to, as far as somebody moves its cursors.
const Sink = "siem"

// liveTime is for how long a stream of what is new lasts.
const liveTime = 1500 * time.Millisecond

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
	Chats  *chat.Chats
	// Gateway and Agents are what the server calls.
	Gateway *gateway.Gateway
	Agents  *agent.Agents
	// StopProvider closes the fake provider: nobody listens there any more.
	StopProvider func()

	keys     *identity.Keys
	sessions *identity.Sessions
	present  *identity.Present
	audit    audit.Builder
	journal  *journal.Journal
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
	storetest.NewSQLite(t, h.Path)
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
	h.sessions = identity.NewSessions(db, ring, h.Clock.Now)
	h.Faults = newFaults(db)
	log := slog.New(slog.DiscardHandler)
	h.journal = journal.New(h.Faults, journal.Options{
		Node: h.audit.Node, Boot: h.audit.Boot, Interrupted: h.audit.Interrupted, Now: h.Clock.Now, Log: log,
	})
	providers, err := provider.NewDirectory(h.providers(o), db, func(ctx context.Context, p sallyport.ProviderSettings) (secret.Text, error) {
		plain, err := ring.Unseal(ctx, p.Org, secret.Credential, p.Credential, server.CredentialOwner(p.Org, p.Name))
		return secret.Text(plain), err
	}, log, o.PrivateNetworks...)
	must(t, err)
	h.Models = catalogue.New(catalogueModels(o), db)
	h.present = identity.NewPresent(h.keys, db, log)
	policies, limiter, engine := policy.New(db, o.Limits), limit.New(h.Clock.Now), dlp.New()
	gw := gateway.New(gateway.Parts{
		Journal: h.journal, Models: h.Models, Providers: providers, Policies: policies,
		Limiter: limiter, Keys: ring, Audit: h.audit,
		HoldOutput: HoldOutput, Status: server.Status, Now: h.Clock.Now, Log: log, Present: h.present,
	})
	agents, err := agent.New(agent.Options{
		DataDir: t.TempDir(), Node: h.audit.Node, Now: h.Clock.Now, Log: log, Event: h.agentEvent,
		Caller: policies.Caller, Member: h.sessions.Member, Present: h.present.Enter,
		Usable: func(ctx context.Context, p sallyport.Principal, id string) error {
			_, err := gw.Model(ctx, p, id)
			return err
		},
		Models: func(ctx context.Context, org sallyport.OrgID, id string) error {
			_, err := h.Models.Model(ctx, org, id)
			return err
		},
	}, db, gw, h.keys, ring)
	must(t, err)
	h.Gateway, h.Agents = gw, agents
	h.Chats, err = chat.New(chat.Parts{
		Store: db, Gateway: gw, Sealer: ring, Node: h.audit.Node, Boot: h.audit.Boot,
		Now: h.Clock.Now, Log: log, Event: h.agentEvent,
	})
	must(t, err)
	door := identity.NewDoor(db, h.Clock.Now)
	h.Server = server.New(server.Parts{
		Keys: h.keys, Sessions: h.sessions, Door: door, Invites: identity.NewInvites(db, ring, door, h.Clock.Now), Setup: noSetup{},
		Gateway: gw, Journal: h.journal, Models: h.Models, Agents: agents, Chats: h.Chats,
		Policies: policies, Limiter: limiter, Engine: engine, Audit: h.audit,
		Control: db, KeyMaker: h.keys, Sealer: ring, Requests: h.Faults, Responses: h.Faults, Threads: db, Files: db,
		Prover:        &audit.Checkpointer{Store: db, Key: checkpointKey, Now: h.Clock.Now, Log: log},
		FileModels:    func(id string) bool { return id == Model || id == Claude },
		FileProviders: func(name string) bool { return name == "fake" || name == "fake-claude" },
		Operators:     []server.OperatorProvider{{Name: "fake", Type: "openai", Credential: true}, {Name: "fake-claude", Type: "anthropic", Credential: true}},
		Probe:         providers.Probe, Lists: catalogue.NewLists(db, providers.List, h.Clock.Now), PrivateNetworks: o.PrivateNetworks,
		Sinks: sinks{db}, System: h.system, LiveTime: liveTime,
		Forget: func() {
			h.keys.Forget()
			h.sessions.Forget()
			h.Models.Forget()
			policies.Forget()
			providers.Forget()
			h.present.Changed()
		},
		Now: h.Clock.Now, Log: log, Version: "test", TrustedProxies: o.TrustedProxies,
	})
	h.listen(t)
}

// checkpointKey is the same for ever, and nobody else's.
func checkpointKey(_ context.Context, org sallyport.OrgID) (audit.CheckpointKey, error) {
	seed := sha256.Sum256([]byte(org))
	return audit.OpenCheckpointKey(org, seed[:])
}

// listen serves with the product's own limits of connections.
func (h *House) listen(t testing.TB) {
	watching, stopWatching := context.WithCancel(context.Background())
	var watch sync.WaitGroup
	watch.Go(func() { h.present.Watch(watching) })
	watch.Go(func() { h.Server.LookAfterResponses(watching) })
	listener := httptest.NewUnstartedServer(nil)
	listener.Config = h.Server.HTTP()
	listener.Listener = server.Framed(listener.Listener)
	listener.Start()
	h.URL = listener.URL
	t.Cleanup(func() {
		listener.CloseClientConnections()
		listener.Close()
		h.Server.Cut()
		if err := h.Server.Wait(context.Background()); err != nil {
			t.Error(err)
		}
		stopWatching()
		watch.Wait()
		if err := h.Chats.Stop(context.Background()); err != nil {
			t.Error(err)
		}
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

func (h *House) providers(o Options) []provider.Config {
	cfg := provider.Config{
		Name: "fake", Type: "openai", BaseURL: h.Fake.URL, APIKey: "upstream-key", AllowPrivate: true,
		FirstByte: patience, Idle: patience,
	}
	claude := cfg
	claude.Name, claude.Type = "fake-claude", "anthropic"
	all := []provider.Config{cfg, claude}
	if o.ChatOnly {
		chatOnly := cfg
		chatOnly.Name, chatOnly.Type = "fake-chat", "groq"
		all = append(all, chatOnly)
	}
	return all
}

func catalogueModels(o Options) []sallyport.Model {
	const credit = sallyport.Rate(sallyport.Credit)
	price := sallyport.Price{Input: credit, CachedInput: credit, CacheWrite: credit, Output: 2 * credit, Version: "price-1"}
	all := []sallyport.Model{
		{ID: Model, DisplayName: "Mock Large", Provider: "fake", Target: ModelTarget, Price: price},
		{ID: Claude, DisplayName: "Mock Claude", Provider: "fake-claude", Target: "target-claude", OutputMax: 5000, Price: price},
	}
	if o.ChatOnly {
		all = append(all, sallyport.Model{ID: ChatOnly, DisplayName: "Mock Chat", Provider: "fake-chat", Target: "target-chat", Price: price})
	}
	if o.Embedder {
		all = append(all, sallyport.Model{ID: Embedder, DisplayName: "Mock Embedder", Provider: "fake", Target: "text-embedding-3-small", Price: price})
	}
	if o.Whisper {
		all = append(all, sallyport.Model{
			ID: Whisper, DisplayName: "Mock Whisper", Provider: "fake", Target: "target-whisper",
			Price: sallyport.Price{Second: 100 * credit, Version: "price-1"},
		})
	}
	return all
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

// noSetup is the set-up of a House, which is done.
type noSetup struct{}

func (noSetup) Needed(context.Context) (bool, error) { return false, nil }

func (noSetup) Make(context.Context, sallyport.FirstSetup) (sallyport.Membership, error) {
	return sallyport.Membership{}, sallyport.NewError(sallyport.NotFound, "It is done.")
}
