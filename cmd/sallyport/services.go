package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/agent"
	"github.com/sallyport-ai/sallyport/internal/catalogue"
	"github.com/sallyport-ai/sallyport/internal/chat"
	"github.com/sallyport-ai/sallyport/internal/config"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/gateway"
	"github.com/sallyport-ai/sallyport/internal/identity"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/policy"
	"github.com/sallyport-ai/sallyport/internal/provider"
	"github.com/sallyport-ai/sallyport/internal/secret"
	"github.com/sallyport-ai/sallyport/internal/server"
	"github.com/sallyport-ai/sallyport/internal/telemetry"
)

// services is everything that answers calls, wired together. One process at a
// time has them: the one that holds the lock of the data folder.
type services struct {
	instance  *instance
	log       *slog.Logger
	telemetry *telemetry.Telemetry

	journal   *journal.Journal
	models    *catalogue.Catalogue
	policies  *policy.Book
	providers *provider.Directory
	lists     *catalogue.Lists
	limiter   gateway.Limiter
	endLimits func() // stops what limiter does beside the calls
	engine    *dlp.Engine
	gateway   *gateway.Gateway
	agents    *agent.Agents
	chats     *chat.Chats
}

// start wires the services, closes what an earlier start left open, and begins
// to work on runs. cfg is the configuration with everything the environment has.
func (i *instance) start(ctx context.Context, cfg *config.Config, log *slog.Logger) (_ *services, err error) {
	providers, err := provider.NewDirectory(providerConfigs(cfg), i.db, i.credential, log, cfg.Private()...)
	if err != nil {
		return nil, err
	}
	told, err := i.telemetry(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	s := &services{
		instance: i, log: log, telemetry: told, providers: providers,
		journal: journal.New(told.Journal(i.db), journal.Options{
			Node: i.audit.Node, Boot: i.audit.Boot, Interrupted: i.audit.Interrupted, Now: i.app.now, Log: log,
			Leases: i.db,
		}),
		models:   catalogue.New(cfg.Catalogue(), i.db),
		lists:    catalogue.NewLists(i.db, providers.List, i.app.now),
		policies: policy.New(i.db, policyDefaults(cfg)),
		engine:   dlp.New(),
	}
	if s.limiter, s.endLimits, err = newLimiter(ctx, cfg, i.app.now, log); err != nil {
		return nil, errors.Join(err, s.journal.Close(ctx))
	}
	defer func() {
		if err != nil {
			s.endLimits()
		}
	}()
	i.present = identity.NewPresent(i.keys, i.db, log)
	s.gateway = gateway.New(gateway.Parts{
		Journal: s.journal, Models: s.models, Providers: s.providers, Policies: s.policies,
		Limiter: s.limiter, Keys: i.ring, Audit: i.audit,
		HoldOutput: int64(cfg.Credits.HoldOutput), Routing: routing(cfg.Routing), Present: i.present,
		Status: server.Status, Now: i.app.now, Log: log, Observer: told,
	})
	s.gauges()
	if s.agents, err = i.agentsOf(cfg, countedRuns{i.db, told}, s.gateway, s.models, s.policies, log); err != nil {
		return nil, errors.Join(err, s.journal.Close(ctx))
	}
	if s.chats, err = i.chatsOf(s.gateway, log); err != nil {
		return nil, errors.Join(err, s.journal.Close(ctx))
	}
	if err := s.journal.TakeLease(ctx); err != nil {
		return nil, errors.Join(err, s.journal.Close(ctx))
	}
	recovered, err := s.journal.Recover(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("close calls of an earlier start: %w", err), s.journal.Close(ctx))
	}
	if recovered > 0 {
		log.Warn("closed calls that an earlier start left open; each was charged its hold", "calls", recovered)
	}
	if err := s.agents.Serve(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start the engine of runs: %w", err), s.journal.Close(ctx))
	}
	s.chats.Serve(ctx)
	return s, nil
}

// chatsOf are the conversations, whose answers go through the gateway.
func (i *instance) chatsOf(gw *gateway.Gateway, log *slog.Logger) (*chat.Chats, error) {
	return chat.New(chat.Parts{
		Store: i.db, Gateway: gw, Sealer: i.ring, Node: i.audit.Node, Boot: i.audit.Boot,
		Now: i.app.now, Log: log, Event: i.agentEvent,
	})
}

// drainAnswers lets answers of chats that are under way end, at most for the time.
func (s *services) drainAnswers(ctx context.Context, most time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	s.chats.Drain(ctx)
}

// stop ends the services in the order in which they need each other. The
// database stays open.
func (s *services) stop(ctx context.Context) error {
	defer s.endLimits()
	return errors.Join(s.chats.Stop(ctx), s.agents.Stop(ctx), s.journal.Close(ctx), s.telemetry.Stop(ctx))
}

// forget drops everything that is kept in memory of the database.
func (s *services) forget() {
	s.instance.keys.Forget()
	s.instance.sessions.Forget()
	s.models.Forget()
	s.policies.Forget()
	s.providers.Forget()
	s.instance.present.Changed() // last: what it reads is read again
}

// staleMax is how long anything is kept in memory while nobody tells of changes.
const staleMax = 250 * time.Millisecond

// watch drops what is kept whenever the database has changed, until ctx ends.
// While nobody tells of changes, nothing is kept longer than staleMax.
func (s *services) watch(ctx context.Context) {
	var deaf atomic.Bool
	var forgetting sync.WaitGroup
	defer forgetting.Wait()
	forgetting.Go(func() {
		for pause(ctx, staleMax) {
			if deaf.Load() {
				s.forget()
			}
		}
	})
	for {
		err := s.instance.db.WatchChanges(ctx, func() {
			if deaf.Swap(false) {
				s.log.Info("changes in the database are heard of again")
			}
			s.forget()
		})
		if ctx.Err() != nil {
			return
		}
		if !deaf.Swap(true) {
			s.log.Warn("changes in the database are not heard of; nothing is kept in memory until they are", "error", err)
		}
		s.forget()
		pause(ctx, staleMax)
	}
}

// pause waits, and says whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// providerConfigs are the file's providers as package provider wants them. The
// operator may name any address.
func providerConfigs(cfg *config.Config) []provider.Config {
	revealed := func(values map[string]secret.Text) map[string]string {
		plain := make(map[string]string, len(values))
		for name, value := range values {
			plain[name] = value.Reveal()
		}
		return plain
	}
	configs := make([]provider.Config, 0, len(cfg.Providers))
	for _, p := range cfg.Providers {
		configs = append(configs, provider.Config{
			Name: p.Name, Type: p.Type, BaseURL: p.BaseURL, Region: p.Region,
			APIKey: p.APIKey, APIKeys: p.APIKeys, AuthHeader: p.AuthHeader,
			Headers: revealed(p.Headers), Query: revealed(p.Query), AllowPrivate: true,
			Connect: time.Duration(p.Timeouts.Connect), FirstByte: time.Duration(p.Timeouts.FirstByte), Idle: time.Duration(p.Timeouts.Idle),
			Script: p.Script,
		})
	}
	return configs
}

// credential opens the sealed credential of an organisation's own provider.
func (i *instance) credential(ctx context.Context, p sallyport.ProviderSettings) (secret.Text, error) {
	if len(p.Credential) == 0 {
		return "", nil
	}
	plain, err := i.ring.Unseal(ctx, p.Org, secret.Credential, p.Credential, server.CredentialOwner(p.Org, p.Name))
	return secret.Text(plain), err
}

// agents returns the library of agents without a gateway: enough to import,
// list, and start runs that a server then works on.
func (i *instance) agents(cfg *config.Config) (*agent.Agents, error) {
	return i.agentsOf(cfg, i.db, nil, catalogue.New(cfg.Catalogue(), i.db), policy.New(i.db, policyDefaults(cfg)), slog.New(slog.DiscardHandler))
}

func (i *instance) agentsOf(cfg *config.Config, store agent.Store, gw agent.Gateway, models *catalogue.Catalogue, policies *policy.Book, log *slog.Logger) (*agent.Agents, error) {
	o := agent.Options{
		DataDir: i.app.data, Node: i.audit.Node, Boot: i.audit.Boot, Ended: i.endedLives, Now: i.app.now, Log: log, Event: i.agentEvent,
		Caller: policies.Caller, Member: i.sessions.Member, Present: i.present.Enter,
		Models: func(ctx context.Context, org sallyport.OrgID, id string) error {
			_, err := models.Model(ctx, org, id)
			return err
		},
	}
	if gw, serves := gw.(chat.Gateway); serves {
		o.Usable = func(ctx context.Context, p sallyport.Principal, id string) error {
			_, err := gw.Model(ctx, p, id)
			return err
		}
	}
	if strings.HasPrefix(cfg.Database, "postgres") {
		o.PostgresURL = cfg.Database
	}
	return agent.New(o, store, gw, i.keys, i.ring)
}

// endedLivesMax is how many lives of nodes that have ended are looked at for
// runs; their rows stay for a week.
const endedLivesMax = 1000

// endedLives are the lives of nodes whose runs are to be gone on with.
func (i *instance) endedLives(ctx context.Context) ([]agent.Life, error) {
	lives, err := i.db.EndedLives(ctx, endedLivesMax)
	ended := make([]agent.Life, len(lives))
	for n, l := range lives {
		ended[n] = agent.Life(l)
	}
	return ended, err
}

// agentEvent is the record of a change to agents or runs: of the request that
// made it, or of a run that ended by itself, or of the command line.
func (i *instance) agentEvent(ctx context.Context, who sallyport.Principal, action, resource string, change any) sallyport.Record {
	if call := server.CallOf(ctx); call != nil {
		return i.audit.Change(call, resource, change)
	}
	if by, told := ctx.Value(commandLineKey{}).(bool); told && by {
		return i.event(who.Org, action, resource, change)
	}
	return i.audit.Event(who, action, resource, change)
}

type commandLineKey struct{}

// byCommandLine marks the context of changes that a person makes here.
func byCommandLine(ctx context.Context) context.Context {
	return context.WithValue(ctx, commandLineKey{}, true)
}

// routing is the file's rules for tries, as the gateway takes them.
func routing(r config.Routing) gateway.Routing {
	if r.Retries == 0 {
		r.Retries = -1 // there 0 is the default
	}
	return gateway.Routing{
		Retries: r.Retries, Time: time.Duration(r.Time), Failures: r.BreakerFailures, Rest: time.Duration(r.BreakerRest),
	}
}
