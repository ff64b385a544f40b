package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/catalogue"
)

type modelCmd struct {
	List    modelList    `cmd:"" help:"List models, those switched off too."`
	Enable  modelEnable  `cmd:"" help:"Let the organisation use a model."`
	Disable modelDisable `cmd:"" help:"Keep the organisation from using a model."`
}

type modelView struct {
	ID            string    `json:"id"`
	DisplayName   string    `json:"display_name"`
	Provider      string    `json:"provider"`
	Target        string    `json:"target"`
	ContextWindow int64     `json:"context_window,omitempty"`
	OutputMax     int64     `json:"output_max,omitempty"`
	Price         priceView `json:"price"`
	Offline       bool      `json:"offline"`
	Enabled       bool      `json:"enabled"`
	Names         []string  `json:"names"` // by which it is listed
	Groups        []string  `json:"groups,omitempty"`
}

// priceView is in credits per million tokens, as text: no number is rounded on its way.
type priceView struct {
	Input       sallyport.Rate `json:"input"`
	Output      sallyport.Rate `json:"output"`
	CachedInput sallyport.Rate `json:"cached_input"`
	CacheWrite  sallyport.Rate `json:"cache_write"`
	Reasoning   sallyport.Rate `json:"reasoning,omitzero"` // absent: as output
}

func viewModel(m sallyport.Model, enabled bool) modelView {
	return modelView{
		ID: m.ID, DisplayName: m.DisplayName, Provider: m.Provider, Target: m.Target,
		ContextWindow: m.ContextWindow, OutputMax: m.OutputMax,
		Price:   priceView{m.Price.Input, m.Price.Output, m.Price.CachedInput, m.Price.CacheWrite, m.Price.Reasoning},
		Offline: m.Offline, Enabled: enabled, Names: m.Names(), Groups: m.Groups,
	}
}

type modelList struct {
	orgFlag
	jsonFlag
}

func (c *modelList) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		models, err := i.models(ctx, org.ID)
		if err != nil {
			return err
		}
		return list(a.out, c.jsonFlag, models, "ID PROVIDER INPUT OUTPUT ENABLED NAME", func(m modelView) []any {
			return []any{m.ID, m.Provider, m.Price.Input, m.Price.Output, m.Enabled, m.DisplayName}
		})
	})
}

// models lists what the organisation could use, sorted by id.
func (i *instance) models(ctx context.Context, org sallyport.OrgID) ([]modelView, error) {
	cfg, err := i.app.configuration(ctx, "", true) // once more, now with a local Ollama
	if err != nil {
		return nil, err
	}
	all, err := catalogue.New(cfg.Catalogue(), i.db).All(ctx, org)
	if err != nil {
		return nil, err
	}
	choices, err := i.db.ModelChoices(ctx, org)
	if err != nil {
		return nil, err
	}
	views := make([]modelView, 0, len(all))
	for _, m := range all {
		views = append(views, viewModel(m, choices.Allows(m.ID)))
	}
	return views, nil
}

type modelEnable struct {
	orgFlag
	ID string `arg:"" help:"The model's id."`
}

func (c *modelEnable) Run(ctx context.Context, a *app) error {
	return setModelAccess(ctx, a, c.orgFlag, c.ID, "models.enable", true)
}

type modelDisable struct {
	orgFlag
	ID string `arg:"" help:"The model's id."`
}

func (c *modelDisable) Run(ctx context.Context, a *app) error {
	return setModelAccess(ctx, a, c.orgFlag, c.ID, "models.disable", false)
}

func setModelAccess(ctx context.Context, a *app, flag orgFlag, id, action string, enabled bool) error {
	return flag.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		if err := i.checkModel(ctx, org.ID, id); err != nil {
			return err
		}
		state := map[bool]string{true: "on", false: "off"}[enabled]
		return a.done(i.db.SetModelAccess(ctx, org.ID, id, enabled, i.event(org.ID, action, "model/"+id, nil)), "%s: %s", id, state)
	})
}

// checkModel refuses what is decided for a model that is not there: a mistyped
// id would look like a decision and be none.
func (i *instance) checkModel(ctx context.Context, org sallyport.OrgID, id string) error {
	models, err := i.models(ctx, org)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(models, func(m modelView) bool { return m.ID == id }) {
		return fmt.Errorf("there is no model %q: see 'sallyport model list'", id)
	}
	return nil
}
