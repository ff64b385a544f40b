package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/catalogue"
	"github.com/sallyport-ai/sallyport/internal/config"
	"github.com/sallyport-ai/sallyport/internal/provider"
)

// The bounds of asking providers for their lists. Looks are apart by a random time
// around refreshLook, so that neither many servers nor many starts ask at once.
const (
	refreshLook = 10 * time.Minute
	refreshMax  = 100 // providers that one look asks; the rest wait for the next
)

// followLists asks each provider once in the configured time what it offers, until ctx
// ends. Of several servers one asks.
func (s *services) followLists(ctx context.Context, cfg *config.Config) {
	every := time.Duration(cfg.ModelsRefresh)
	if every == 0 {
		return
	}
	for pause(ctx, refreshLook/2+rand.N(refreshLook)) {
		if err := s.refreshDue(ctx, cfg, every); err != nil && ctx.Err() == nil {
			s.log.Warn("lists of models are not refreshed", "error", err)
		}
	}
}

func (s *services) refreshDue(ctx context.Context, cfg *config.Config, every time.Duration) error {
	due, err := s.listing(ctx, cfg)
	if err != nil {
		return err
	}
	for asked := 0; len(due) > 0 && asked < refreshMax; due = due[1:] {
		one := due[0]
		did, err := s.lists.RefreshDue(ctx, one.Org, one.Name, every, func(r catalogue.Refreshed) sallyport.Record {
			return s.instance.audit.Event(sallyport.Principal{Org: one.Org}, "providers.refresh", "provider/"+one.Name, r)
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil { // the next may do better
			s.log.Warn("the list of a provider's models is not refreshed", "provider", one.Name, "organisation", one.Org, "error", err)
		}
		if did {
			asked++
		}
	}
	return nil
}

// listing are the providers that have lists, in random order: the operator's, as the
// instance's own, and those of organisations.
func (s *services) listing(ctx context.Context, cfg *config.Config) (all []sallyport.ProviderSettings, err error) {
	for _, p := range cfg.Providers {
		all = append(all, sallyport.ProviderSettings{Org: sallyport.InstanceOrg, Name: p.Name, Type: p.Type})
	}
	orgs, err := s.instance.db.Orgs(ctx)
	if err != nil {
		return nil, err
	}
	for _, org := range orgs {
		own, err := s.instance.db.Providers(ctx, org.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, own...)
	}
	all = slices.DeleteFunc(all, func(p sallyport.ProviderSettings) bool { return provider.NoListOf(p.Type) != "" })
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all, nil
}
