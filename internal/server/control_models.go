package server

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dial"
	"github.com/sallyport-ai/sallyport/internal/provider"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

type priceView struct {
	Input       sallyport.Rate  `json:"input" doc:"Credits per million tokens, a decimal number in text"`
	Output      sallyport.Rate  `json:"output"`
	CachedInput *sallyport.Rate `json:"cached_input,omitempty"`
	CacheWrite  *sallyport.Rate `json:"cache_write,omitempty"`
	Reasoning   sallyport.Rate  `json:"reasoning,omitzero" required:"false" doc:"Output that the model thought with; absent: as output"`
}

type modelView struct {
	ID            string    `json:"id"`
	DisplayName   string    `json:"display_name"`
	Provider      string    `json:"provider"`
	Target        string    `json:"target" doc:"The provider's own name for the model"`
	ContextWindow int64     `json:"context_window,omitempty"`
	OutputMax     int64     `json:"output_max,omitempty"`
	Price         priceView `json:"price"`
	Offline       bool      `json:"offline" readOnly:"true" doc:"No AI answers under this name"`
	Enabled       bool      `json:"enabled" readOnly:"true"`
}

type providerView struct {
	Name          string `json:"name" pattern:"^[a-z0-9][a-z0-9-]{0,62}$"`
	Type          string `json:"type" doc:"openai, anthropic, or another type that the operator's file takes"`
	BaseURL       string `json:"base_url" doc:"https, and not a private address"`
	APIKey        string `json:"api_key,omitempty" writeOnly:"true"`
	CredentialSet bool   `json:"credential_set" readOnly:"true"`
}

type accessRequest struct {
	ID   string `query:"model" required:"true"`
	Body struct {
		Enabled bool `json:"enabled"`
	}
}

type namePath struct {
	Name string `path:"name"`
}

type modelQuery struct {
	ID string `query:"model" required:"true" doc:"The model's id, which may have slashes in it"`
}

// controlModels has the catalogue of an organisation, and providers and models of its own.
func (s *Server) controlModels(api huma.API) {
	huma.Register(api, operation("listModels", "models.list_all", http.MethodGet, "/models", "All models, those switched off too", true),
		func(ctx context.Context, _ *struct{}) (*body[[]modelView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]modelView, error) { return s.allModels(ctx, p.Org) }))
		})
	huma.Register(api, operation("setModelAccess", "models.access", http.MethodPut, "/models/access", "Switch a model on or off", true),
		func(ctx context.Context, in *accessRequest) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.setModelAccess(ctx, p, in.ID, in.Body.Enabled)
			})
		})
	huma.Register(api, operation("saveModel", "models.save", http.MethodPost, "/models", "Add or change a model of your own", true),
		func(ctx context.Context, in *body[modelView]) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) { return nil, s.saveModel(ctx, p, in.Body) })
		})
	huma.Register(api, operation("deleteModel", "models.delete", http.MethodDelete, "/models", "Delete a model of your own", true),
		func(ctx context.Context, in *modelQuery) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.parts.Control.DeleteModel(ctx, p.Org, in.ID, s.event(ctx, "model/"+in.ID, nil))
			})
		})
	s.controlProviders(api)
}

func (s *Server) controlProviders(api huma.API) {
	huma.Register(api, operation("listProviders", "providers.list", http.MethodGet, "/providers", "List providers of your own", true),
		func(ctx context.Context, _ *struct{}) (*body[[]providerView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]providerView, error) { return s.ownProviders(ctx, p) }))
		})
	huma.Register(api, operation("saveProvider", "providers.save", http.MethodPost, "/providers", "Add or change a provider of your own", true),
		func(ctx context.Context, in *body[providerView]) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) { return nil, s.saveProvider(ctx, p, in.Body) })
		})
	huma.Register(api, operation("deleteProvider", "providers.delete", http.MethodDelete, "/providers/{name}", "Delete a provider of your own", true),
		func(ctx context.Context, in *namePath) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.deleteProvider(ctx, p, in.Name)
			})
		})
}

func (s *Server) allModels(ctx context.Context, org sallyport.OrgID) ([]modelView, error) {
	models, err := s.parts.Models.All(ctx, org)
	if err != nil {
		return nil, err
	}
	off, err := s.parts.Control.DisabledModels(ctx, org)
	if err != nil {
		return nil, err
	}
	disabled := make(map[string]bool, len(off))
	for _, id := range off {
		disabled[id] = true
	}
	views := make([]modelView, 0, len(models))
	for _, m := range models {
		views = append(views, modelView{
			ID: m.ID, DisplayName: m.DisplayName, Provider: m.Provider, Target: m.Target,
			ContextWindow: m.ContextWindow, OutputMax: m.OutputMax, Offline: m.Offline, Enabled: !disabled[m.ID],
			Price: priceView{m.Price.Input, m.Price.Output, &m.Price.CachedInput, &m.Price.CacheWrite, m.Price.Reasoning},
		})
	}
	return views, nil
}

func (s *Server) setModelAccess(ctx context.Context, p sallyport.Principal, id string, enabled bool) error {
	if err := s.checkModel(ctx, p.Org, id); err != nil {
		return err
	}
	record := s.event(ctx, "model/"+id, nil)
	record.Action = "models.disable"
	if enabled {
		record.Action = "models.enable"
	}
	return s.parts.Control.SetModelAccess(ctx, p.Org, id, enabled, record)
}

// checkModel wants the id of a model, switched off or not; "" is no model in particular.
func (s *Server) checkModel(ctx context.Context, org sallyport.OrgID, id string) error {
	if id == "" {
		return nil
	}
	models, err := s.parts.Models.All(ctx, org)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(models, func(m sallyport.Model) bool { return m.ID == id }) {
		return sallyport.NewError(sallyport.NotFound, "there is no such model")
	}
	return nil
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
	own, err := s.ownProviders(ctx, p)
	if err != nil {
		return err
	}
	known := false
	for _, q := range own {
		known = known || q.Name == v.Provider
	}
	if !known {
		return sallyport.NewError(sallyport.InvalidBody, "provider must be one of the organisation's own providers")
	}
	m := sallyport.Model{
		ID: v.ID, DisplayName: v.DisplayName, Provider: v.Provider, Target: v.Target,
		ContextWindow: v.ContextWindow, OutputMax: v.OutputMax,
		Price: sallyport.Price{Input: v.Price.Input, Output: v.Price.Output, CachedInput: v.Price.Input, CacheWrite: v.Price.Input + v.Price.Input/4, Reasoning: v.Price.Reasoning},
	}
	if m.DisplayName == "" {
		m.DisplayName = m.ID
	}
	if v.Price.CachedInput != nil {
		m.Price.CachedInput = *v.Price.CachedInput
	}
	if v.Price.CacheWrite != nil {
		m.Price.CacheWrite = *v.Price.CacheWrite
	}
	m.Price.Version = "api-" + s.parts.Now().UTC().Format("20060102T150405Z")
	return s.parts.Control.SaveModel(ctx, p.Org, m, s.event(ctx, "model/"+v.ID, map[string]string{
		"provider": v.Provider, "target": v.Target, "price_version": m.Price.Version,
	}))
}

func (s *Server) ownProviders(ctx context.Context, p sallyport.Principal) ([]providerView, error) {
	rows, err := s.parts.Control.Providers(ctx, p.Org)
	if err != nil {
		return nil, err
	}
	views := make([]providerView, 0, len(rows))
	for _, row := range rows {
		views = append(views, providerView{Name: row.Name, Type: row.Type, BaseURL: row.BaseURL, CredentialSet: len(row.Credential) > 0})
	}
	return views, nil
}

// saveProvider seals the credential before anything is stored. The address must
// be a public one: a name that resolves to a private address is refused again
// whenever it is dialled.
func (s *Server) saveProvider(ctx context.Context, p sallyport.Principal, v providerView) error {
	if s.parts.FileProviders(v.Name) {
		return sallyport.NewError(sallyport.Conflict, "the operator's file defines a provider of this name")
	}
	usual, ok := provider.PublicAddress(v.Type)
	if !ok {
		return sallyport.NewError(sallyport.InvalidBody, "type is not a provider type that can be added by API")
	}
	if v.BaseURL != "" || usual == "" {
		if err := dial.CheckURL(v.BaseURL); err != nil {
			return sallyport.WrapError(sallyport.InvalidBody, "base_url must be an https address of a public host", err)
		}
	}
	var sealed []byte // stays nil for a provider that wants no credential
	if v.APIKey != "" {
		var err error
		if sealed, err = s.parts.Sealer.Seal(ctx, p.Org, secret.Credential, []byte(v.APIKey), CredentialOwner(p.Org, v.Name)); err != nil {
			return err
		}
	}
	return s.parts.Control.SaveProvider(ctx, sallyport.ProviderSettings{
		Org: p.Org, Name: v.Name, Type: v.Type, BaseURL: v.BaseURL, Credential: sealed, CreatedAt: s.parts.Now(),
	}, s.event(ctx, "provider/"+v.Name, map[string]string{"type": v.Type, "base_url": v.BaseURL}))
}

// deleteProvider keeps a provider that models still name: calls to them could
// only fail.
func (s *Server) deleteProvider(ctx context.Context, p sallyport.Principal, name string) error {
	models, err := s.parts.Models.All(ctx, p.Org)
	if err != nil {
		return err
	}
	for _, m := range models {
		if m.Provider == name && !s.parts.FileModels(m.ID) {
			return sallyport.NewError(sallyport.Conflict, "the model "+m.ID+" is served by this provider: delete it first")
		}
	}
	return s.parts.Control.DeleteProvider(ctx, p.Org, name, s.event(ctx, "provider/"+name, nil))
}

// CredentialOwner binds a sealed credential to its row: moved to another it does not open.
func CredentialOwner(org sallyport.OrgID, name string) []byte {
	return []byte(string(org) + "/provider/" + name)
}
