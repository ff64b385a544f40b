package server

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dial"
	"github.com/sallyport-ai/sallyport/internal/provider"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

type providerView struct {
	Name          string     `json:"name" pattern:"^[a-z0-9][a-z0-9-]{0,62}$"`
	Type          string     `json:"type" doc:"openai, anthropic, or another type that the operator's file takes"`
	BaseURL       string     `json:"base_url" doc:"https, and not a private address; absent for the operator's"`
	APIKey        *string    `json:"api_key,omitempty" writeOnly:"true" doc:"Absent: as it was, if type and base_url are; empty: none"`
	CredentialSet bool       `json:"credential_set" readOnly:"true"`
	CredentialAt  *time.Time `json:"credential_at" readOnly:"true" doc:"When it was set, if that is known"`
	ConnectMS     int64      `json:"connect_ms,omitempty" minimum:"0" maximum:"600000" doc:"How long to wait for a connection; 0 is the default, here and below: 10 s"`
	FirstByteMS   int64      `json:"first_byte_ms,omitempty" minimum:"0" maximum:"600000" doc:"From there to the beginning of the answer: 300 s"`
	IdleMS        int64      `json:"idle_ms,omitempty" minimum:"0" maximum:"600000" doc:"Between two pieces of an answer: 120 s"`
	ManagedBy     string     `json:"managed_by" readOnly:"true" enum:"file,organisation" doc:"file: the operator's, read-only here"`
}

// OperatorProvider is a provider of the operator's file, as far as organisations
// are told: its address is the operator's own.
type OperatorProvider struct {
	Name, Type string
	Credential bool // it has one
}

type namePath struct {
	Name string `path:"name"`
}

func (s *Server) controlProviders(api huma.API) {
	huma.Register(api, operation("listProviders", "providers.list", http.MethodGet, "/providers", "List providers, the operator's and your own"),
		func(ctx context.Context, _ *struct{}) (*body[[]providerView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]providerView, error) { return s.allProviders(ctx, p) }))
		})
	huma.Register(api, operation("saveProvider", "providers.save", http.MethodPost, "/providers", "Add or change a provider of your own"),
		func(ctx context.Context, in *body[providerView]) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) { return nil, s.saveProvider(ctx, p, in.Body) })
		})
	huma.Register(api, operation("deleteProvider", "providers.delete", http.MethodDelete, "/providers/{name}", "Delete a provider of your own"),
		func(ctx context.Context, in *namePath) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.deleteProvider(ctx, p, in.Name)
			})
		})
}

// allProviders are the operator's, then the organisation's own.
func (s *Server) allProviders(ctx context.Context, p sallyport.Principal) ([]providerView, error) {
	var views []providerView
	for _, o := range s.parts.Operators {
		views = append(views, providerView{Name: o.Name, Type: o.Type, CredentialSet: o.Credential, ManagedBy: byFile})
	}
	own, err := s.ownProviders(ctx, p)
	return append(views, own...), err
}

func (s *Server) ownProviders(ctx context.Context, p sallyport.Principal) ([]providerView, error) {
	rows, err := s.parts.Control.Providers(ctx, p.Org)
	if err != nil {
		return nil, err
	}
	views := make([]providerView, 0, len(rows))
	for _, row := range rows {
		views = append(views, providerView{
			Name: row.Name, Type: row.Type, BaseURL: row.BaseURL, ManagedBy: byOrganisation,
			CredentialSet: len(row.Credential) > 0, CredentialAt: timeOrNil(row.CredentialAt),
			ConnectMS: row.Connect.Milliseconds(), FirstByteMS: row.FirstByte.Milliseconds(), IdleMS: row.Idle.Milliseconds(),
		})
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
		if err := dial.CheckURL(v.BaseURL, s.parts.PrivateNetworks...); err != nil {
			return sallyport.WrapError(sallyport.InvalidBody, "base_url must be an https address of a public host", err)
		}
	}
	if err := s.checkProvider(v); err != nil {
		return err
	}
	settings := sallyport.ProviderSettings{
		Org: p.Org, Name: v.Name, Type: v.Type, BaseURL: v.BaseURL, CreatedAt: s.parts.Now(),
		Connect: time.Duration(v.ConnectMS) * time.Millisecond, FirstByte: time.Duration(v.FirstByteMS) * time.Millisecond, Idle: time.Duration(v.IdleMS) * time.Millisecond,
	}
	if err := s.setCredential(ctx, &settings, v.APIKey); err != nil {
		return err
	}
	return s.parts.Control.SaveProvider(ctx, settings,
		s.event(ctx, "provider/"+v.Name, map[string]string{"type": v.Type, "base_url": v.BaseURL}))
}

// checkProvider refuses what could not be set up: it would stand in the way of all
// providers of its organisation. A key that is kept was checked when it came.
func (s *Server) checkProvider(v providerView) error {
	cfg := provider.Config{Name: v.Name, Type: v.Type, BaseURL: v.BaseURL, Private: s.parts.PrivateNetworks}
	if v.APIKey != nil {
		cfg.APIKey = secret.Text(*v.APIKey)
	}
	if err := provider.Check(cfg); err != nil {
		return sallyport.WrapError(sallyport.InvalidBody, err.Error(), err) // quotes no credential
	}
	return nil
}

// setCredential seals key, or keeps the credential that is there when key is
// nil. A kept one never goes to another address: whoever may change a provider
// must not learn its key that way.
func (s *Server) setCredential(ctx context.Context, p *sallyport.ProviderSettings, key *string) (err error) {
	switch {
	case key == nil:
		return s.keepCredential(ctx, p)
	case *key != "":
		p.CredentialAt = s.parts.Now()
		p.Credential, err = s.parts.Sealer.Seal(ctx, p.Org, secret.Credential, []byte(*key), CredentialOwner(p.Org, p.Name))
	}
	return err
}

func (s *Server) keepCredential(ctx context.Context, p *sallyport.ProviderSettings) error {
	rows, err := s.parts.Control.Providers(ctx, p.Org)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(rows, func(row sallyport.ProviderSettings) bool { return row.Name == p.Name })
	if at < 0 || len(rows[at].Credential) == 0 {
		return nil
	}
	if rows[at].Type != p.Type || rows[at].BaseURL != p.BaseURL {
		return sallyport.NewError(sallyport.InvalidBody, "api_key must be given again: a key that is kept is not sent to another address")
	}
	p.Credential, p.CredentialAt = rows[at].Credential, rows[at].CredentialAt
	return nil
}

// deleteProvider keeps a provider that models still name: calls to them could
// only fail.
func (s *Server) deleteProvider(ctx context.Context, p sallyport.Principal, name string) error {
	models, err := s.parts.Models.All(ctx, p.Org)
	if err != nil {
		return err
	}
	for _, m := range models {
		serves := slices.ContainsFunc(m.Ways(), func(way sallyport.Model) bool { return way.Provider == name })
		if serves && !s.parts.FileModels(m.ID) {
			return sallyport.NewError(sallyport.Conflict, "the model "+m.ID+" is served by this provider: delete it first")
		}
	}
	return s.parts.Control.DeleteProvider(ctx, p.Org, name, s.event(ctx, "provider/"+name, nil))
}

// CredentialOwner binds a sealed credential to its row: moved to another it does not open.
func CredentialOwner(org sallyport.OrgID, name string) []byte {
	return []byte(string(org) + "/provider/" + name)
}
