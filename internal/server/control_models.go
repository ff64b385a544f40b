package server

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/catalogue"
)

type priceView struct {
	Input       sallyport.Rate  `json:"input" doc:"Credits per million tokens, a decimal number in text"`
	Output      sallyport.Rate  `json:"output"`
	CachedInput *sallyport.Rate `json:"cached_input,omitempty"`
	CacheWrite  *sallyport.Rate `json:"cache_write,omitempty"`
	Reasoning   sallyport.Rate  `json:"reasoning,omitzero" required:"false" doc:"Output that the model thought with; absent: as output"`
	Minute      sallyport.Rate  `json:"minute,omitzero" required:"false" doc:"Credits for a minute of sound, at most 60, of transcription models that are priced by time; absent: by tokens"`
	Version     string          `json:"version,omitempty" readOnly:"true" doc:"Names this price in the trail"`
	Unknown     bool            `json:"unknown" readOnly:"true" doc:"Nobody has said what it costs: it cannot be called until somebody saves it with a price"`
}

// Who manages a thing: what the operator's file defines is read-only here.
const (
	byFile         = "file"
	byOrganisation = "organisation"
)

type modelView struct {
	ID            string              `json:"id"`
	DisplayName   string              `json:"display_name"`
	Provider      string              `json:"provider"`
	Target        string              `json:"target" doc:"The provider's own name for the model"`
	ContextWindow int64               `json:"context_window,omitempty"`
	OutputMax     int64               `json:"output_max,omitempty"`
	Price         priceView           `json:"price"`
	Type          string              `json:"type,omitempty" enum:"chat,embedding,transcription" doc:"Default: chat"`
	Abilities     []sallyport.Ability `json:"abilities,omitempty" enum:"tools,images,documents,audio,reasoning,structured_output,streaming" doc:"What it is known to be able to do. Absent in a change: what images and reasons say"`
	FactsAt       *string             `json:"facts_at" readOnly:"true" format:"date" doc:"Of which day what is known of it is, prices too; null: an administrator or the operator wrote it"`
	FactsSource   string              `json:"facts_source,omitempty" readOnly:"true" doc:"Where that was read: an address, or the provider's own list"`
	Vanished      bool                `json:"vanished,omitempty" readOnly:"true" doc:"A provider that serves it no longer lists it"`
	Offline       bool                `json:"offline" readOnly:"true" doc:"No AI answers under this name"`
	Images        bool                `json:"images,omitempty" doc:"It is known to take pictures: the ability images"`
	Reasons       bool                `json:"reasons,omitempty" doc:"It is known to be able to think before it answers: the ability reasoning"`
	RoutingView
	Name        string   `json:"name" readOnly:"true" doc:"What it is listed by, which calls can name: its id, unless it was renamed"`
	Aliases     []string `json:"aliases" readOnly:"true" doc:"More names that are listed"`
	FormerNames []string `json:"former_names" readOnly:"true" doc:"Names from before a change, which still work"`
	Groups      []string `json:"groups" readOnly:"true" doc:"The model groups that it is in"`
	Enabled     bool     `json:"enabled" readOnly:"true"`
	Default     bool     `json:"default" readOnly:"true" doc:"The organisation's chats begin with it"`
	ManagedBy   string   `json:"managed_by" readOnly:"true" enum:"file,organisation" doc:"file: the operator's, read-only here"`
}

type accessRequest struct {
	ID   string `query:"model" required:"true"`
	Body struct {
		Enabled bool `json:"enabled"`
	}
}

type modelRules struct {
	New string `json:"new" enum:"on,off" doc:"Whether models that come later, of providers old and new, can be used before somebody switches them on"`
}

const (
	newOn  = "on"
	newOff = "off"
)

type defaultRequest struct {
	Body struct {
		Model string `json:"model" doc:"A model's id; empty: none"`
	}
}

type modelQuery struct {
	ID string `query:"model" required:"true" doc:"The model's id, which may have slashes in it"`
}

// controlModels has the catalogue of an organisation, and providers and models of its own.
func (s *Server) controlModels(api huma.API) {
	huma.Register(api, operation("listModels", "models.list_all", http.MethodGet, "/models", "All models, those switched off too"),
		func(ctx context.Context, _ *struct{}) (*body[[]modelView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]modelView, error) { return s.allModels(ctx, p.Org) }))
		})
	huma.Register(api, operation("setModelAccess", "models.access", http.MethodPut, "/models/access", "Switch a model on or off"),
		func(ctx context.Context, in *accessRequest) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.setModelAccess(ctx, p, in.ID, in.Body.Enabled)
			})
		})
	huma.Register(api, operation("listAvailableModels", "models.list", http.MethodGet, "/models/available", "The models that the caller may use"),
		func(ctx context.Context, _ *struct{}) (*body[[]modelView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]modelView, error) { return s.availableModels(ctx, p) }))
		})
	huma.Register(api, operation("getModelRules", "models.rules", http.MethodGet, "/models/rules", "What becomes of models that come later"),
		func(ctx context.Context, _ *struct{}) (*body[modelRules], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (modelRules, error) {
				choices, err := s.parts.Control.ModelChoices(ctx, p.Org)
				if choices.NewOff {
					return modelRules{newOff}, err
				}
				return modelRules{newOn}, err
			}))
		})
	huma.Register(api, operation("setModelRules", "models.set_rules", http.MethodPut, "/models/rules", "Decide what becomes of models that come later"),
		func(ctx context.Context, in *body[modelRules]) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) { return nil, s.setModelRules(ctx, p, in.Body) })
		})
	huma.Register(api, operation("setDefaultModel", "models.set_default", http.MethodPut, "/models/default", "Choose the model that chats begin with"),
		func(ctx context.Context, in *defaultRequest) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) { return nil, s.setDefaultModel(ctx, p, in.Body.Model) })
		})
	huma.Register(api, operation("saveModel", "models.save", http.MethodPost, "/models", "Add or change a model of your own"),
		func(ctx context.Context, in *body[modelView]) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) { return nil, s.saveModel(ctx, p, in.Body) })
		})
	huma.Register(api, operation("deleteModel", "models.delete", http.MethodDelete, "/models", "Delete a model of your own"),
		func(ctx context.Context, in *modelQuery) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.deleteModel(ctx, p, in.ID)
			})
		})
	s.controlModelNames(api)
	s.controlProviders(api)
	s.controlProbes(api)
	s.controlOffers(api)
	s.controlHealth(api)
}

func (s *Server) allModels(ctx context.Context, org sallyport.OrgID) ([]modelView, error) {
	models, err := s.parts.Models.All(ctx, org)
	if err != nil {
		return nil, err
	}
	views, err := s.viewModels(ctx, org, models)
	if err != nil {
		return nil, err
	}
	lists, err := s.parts.Lists.All(ctx, org)
	for i, m := range models {
		views[i].Vanished = slices.ContainsFunc(m.Ways(), func(way sallyport.Model) bool {
			return slices.ContainsFunc(lists, func(l sallyport.ProviderList) bool {
				return l.Provider == way.Provider && catalogue.Vanished(l, way.Target)
			})
		})
	}
	return views, err
}

func (s *Server) viewModels(ctx context.Context, org sallyport.OrgID, models []sallyport.Model) ([]modelView, error) {
	choices, err := s.parts.Control.ModelChoices(ctx, org)
	if err != nil {
		return nil, err
	}
	views := make([]modelView, 0, len(models))
	for _, m := range models {
		views = append(views, s.viewModel(m, choices))
	}
	return views, nil
}

func (s *Server) viewModel(m sallyport.Model, choices sallyport.ModelChoices) modelView {
	view := modelView{
		ID: m.ID, DisplayName: m.DisplayName, Provider: m.Provider, Target: m.Target,
		ContextWindow: m.ContextWindow, OutputMax: m.OutputMax, Offline: m.Offline,
		RoutingView: viewRouting(m), Type: string(m.Serves()), Abilities: m.Abilities, FactsSource: m.Facts.Source,
		Images: m.Can(sallyport.Images), Reasons: m.Can(sallyport.Reasons), Enabled: choices.Allows(m.ID), ManagedBy: byOrganisation,
		Price: viewPrice(m.Price),
	}
	if !m.Facts.At.IsZero() {
		day := m.Facts.At.UTC().Format(time.DateOnly)
		view.FactsAt = &day
	}
	view.name(m)
	view.Default = view.Enabled && choices.Default == m.ID
	if s.parts.FileModels(m.ID) {
		view.ManagedBy = byFile
	}
	return view
}

// abilities are those that v says; a client that knows only two says them apart.
func (v *modelView) abilities() []sallyport.Ability {
	return sallyport.AbilitiesOf(func(a sallyport.Ability) bool {
		if v.Abilities != nil {
			return slices.Contains(v.Abilities, a)
		}
		return a == sallyport.Images && v.Images || a == sallyport.Reasons && v.Reasons
	})
}

func (v *modelView) name(m sallyport.Model) {
	names := m.Names()
	v.Name, v.Aliases, v.FormerNames, v.Groups = names[0], names[1:], []string{}, notNil(m.Groups)
	for _, a := range m.Aliases {
		if a.Kind == sallyport.Former {
			v.FormerNames = append(v.FormerNames, a.Name)
		}
	}
}

// availableModels are those that the caller may use.
func (s *Server) availableModels(ctx context.Context, p sallyport.Principal) ([]modelView, error) {
	models, err := s.models(ctx, p)
	if err != nil {
		return nil, err
	}
	return s.viewModels(ctx, p.Org, models)
}

// setModelRules keeps what is on today on, and what is off off: the rule is for
// models that come later.
func (s *Server) setModelRules(ctx context.Context, p sallyport.Principal, rules modelRules) error {
	models, err := s.allModels(ctx, p.Org)
	if err != nil {
		return err
	}
	seen := make(map[string]bool, len(models))
	for _, m := range models {
		seen[m.ID] = m.Enabled
	}
	return s.parts.Control.SetNewModels(ctx, p.Org, rules.New == newOff, seen, s.event(ctx, "models", rules))
}

func (s *Server) setDefaultModel(ctx context.Context, p sallyport.Principal, id string) error {
	if _, err := s.modelOrNone(ctx, p.Org, id); err != nil {
		return err
	}
	if id != "" {
		if _, err := s.parts.Models.Model(ctx, p.Org, id); err != nil {
			return sallyport.WrapError(sallyport.Conflict, "the model is switched off: chats could not use it", err)
		}
	}
	return s.parts.Control.SetDefaultModel(ctx, p.Org, id, s.event(ctx, "model/"+id, nil))
}

func (s *Server) setModelAccess(ctx context.Context, p sallyport.Principal, id string, enabled bool) error {
	if _, err := s.model(ctx, p.Org, id); err != nil {
		return err
	}
	record := s.event(ctx, "model/"+id, nil)
	record.Action = "models.disable"
	if enabled {
		record.Action = "models.enable"
	}
	return s.parts.Control.SetModelAccess(ctx, p.Org, id, enabled, record)
}

// saveModel adds a model that one of the organisation's own providers serves.
// What the operator's file defines is the operator's to change.
func (s *Server) saveModel(ctx context.Context, p sallyport.Principal, v modelView) error {
	if v.ID == "" || v.Target == "" {
		return sallyport.NewError(sallyport.InvalidBody, "id and target must not be empty")
	}
	if s.parts.FileModels(v.ID) {
		return sallyport.NewError(sallyport.Conflict, "the operator's file defines a model of this id")
	}
	price, err := v.Price.price()
	if err != nil {
		return err
	}
	m := sallyport.Model{
		ID: v.ID, DisplayName: cmp.Or(v.DisplayName, v.ID), Provider: v.Provider, Target: v.Target,
		ContextWindow: v.ContextWindow, OutputMax: v.OutputMax, Type: sallyport.ModelType(v.Type), Abilities: v.abilities(),
		Price: price,
	}
	m.Price.Version = "api-" + s.parts.Now().UTC().Format("20060102T150405Z")
	if err := s.route(ctx, p, &m, v.RoutingView); err != nil {
		return err
	}
	return s.parts.Control.SaveModel(ctx, p.Org, m, s.event(ctx, "model/"+v.ID, map[string]any{
		"provider": v.Provider, "target": v.Target, "price_version": m.Price.Version, "routes": len(m.Routes), "fallbacks": m.Fallbacks,
	}))
}

// price fills in what is left out.
func (v priceView) price() (sallyport.Price, error) {
	if v.Minute > sallyport.MinuteMax {
		return sallyport.Price{}, sallyport.NewError(sallyport.InvalidBody, "minute is at most 60 credits")
	}
	made := sallyport.Price{Input: v.Input, Output: v.Output, CachedInput: v.Input, CacheWrite: v.Input + v.Input/4, Reasoning: v.Reasoning, Second: sallyport.SecondOf(v.Minute)}
	if v.CachedInput != nil {
		made.CachedInput = *v.CachedInput
	}
	if v.CacheWrite != nil {
		made.CacheWrite = *v.CacheWrite
	}
	return made, nil
}

func viewPrice(p sallyport.Price) priceView {
	return priceView{p.Input, p.Output, &p.CachedInput, &p.CacheWrite, p.Reasoning, sallyport.MinuteOf(p.Second), p.Version, p.Unknown}
}
