package server

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/catalogue"
	"github.com/sallyport-ai/sallyport/internal/provider"
)

// Lists are what providers say that they offer; *catalogue.Lists is the real one.
type Lists interface {
	Of(ctx context.Context, org sallyport.OrgID, provider string) (sallyport.ProviderList, error)
	All(ctx context.Context, org sallyport.OrgID) ([]sallyport.ProviderList, error)
	Refresh(ctx context.Context, list sallyport.ProviderList, to sallyport.OrgID,
		record func(catalogue.Refreshed) (sallyport.Record, bool)) (catalogue.Refreshed, error)
}

type offersView struct {
	ListedAt *time.Time  `json:"listed_at" doc:"When the provider last gave its list; null: never"`
	AskedAt  *time.Time  `json:"asked_at" doc:"When it was last asked"`
	Failed   string      `json:"failed,omitempty" doc:"The step at which asking failed last, as of a test"`
	Message  string      `json:"message,omitempty" doc:"What that means; or why there can be no list"`
	Partial  bool        `json:"partial" doc:"There are more than were read"`
	Addable  bool        `json:"addable" doc:"Models can be added here; those of the operator's providers the operator adds"`
	Models   []offerView `json:"models"`
	Vanished []goneView  `json:"vanished" doc:"Models of the catalogue that the provider no longer lists; they stay"`
}

type offerView struct {
	Target        string              `json:"target" doc:"The provider's name for it"`
	DisplayName   string              `json:"display_name,omitempty"`
	Type          string              `json:"type" doc:"chat, embedding, transcription, or other, which cannot be added"`
	ContextWindow int64               `json:"context_window,omitempty"`
	OutputMax     int64               `json:"output_max,omitempty"`
	Abilities     []sallyport.Ability `json:"abilities"`
	Models        []string            `json:"models" doc:"The ids of the models that it serves; none: it is new"`
	PriceKnown    bool                `json:"price_known" doc:"It would be added with the built-in price; else somebody has to set it before it can be called"`
}

type goneView struct {
	Model  string `json:"model"`
	Target string `json:"target"`
}

type addFoundRequest struct {
	Name string `path:"name"`
	Body struct {
		Target string `json:"target" doc:"One of the list"`
		ID     string `json:"id,omitempty" maxLength:"200" doc:"Default: the target"`
	}
}

// controlOffers has what providers say that they offer, beside the catalogue.
func (s *Server) controlOffers(api huma.API) {
	huma.Register(api, operation("listOffers", "providers.offers", http.MethodGet, "/providers/{name}/models", "What a provider offers, as it last said, beside the catalogue"),
		func(ctx context.Context, in *namePath) (*body[offersView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (offersView, error) {
				v, list, err := s.offered(ctx, p, in.Name)
				if err != nil {
					return offersView{}, err
				}
				return s.viewOffers(ctx, p, v, list)
			}))
		})
	huma.Register(api, operation("refreshOffers", "providers.refresh", http.MethodPost, "/providers/{name}/models/refresh", "Ask a provider anew what it offers"),
		func(ctx context.Context, in *namePath) (*body[offersView], error) {
			return reply(attempt(s, ctx, func(p sallyport.Principal) (offersView, error) { return s.refreshOffers(ctx, p, in.Name) }))
		})
	huma.Register(api, operation("addOffered", "models.add", http.MethodPost, "/providers/{name}/models", "Add a model that one of your own providers offers, with what is known of it"),
		func(ctx context.Context, in *addFoundRequest) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.addOffered(ctx, p, in.Name, in.Body.Target, in.Body.ID)
			})
		})
}

// offered finds a provider and the list that is kept of it.
func (s *Server) offered(ctx context.Context, p sallyport.Principal, name string) (providerView, sallyport.ProviderList, error) {
	all, err := s.allProviders(ctx, p)
	v, err := theOne("provider", all, err, func(v providerView) bool { return v.Name == name })
	if err != nil {
		return v, sallyport.ProviderList{}, err
	}
	owner := p.Org
	if v.ManagedBy == byFile {
		owner = sallyport.InstanceOrg
	}
	list, err := s.parts.Lists.Of(ctx, owner, name)
	return v, list, err
}

func (s *Server) refreshOffers(ctx context.Context, p sallyport.Principal, name string) (offersView, error) {
	v, list, err := s.offered(ctx, p, name)
	if err != nil {
		return offersView{}, err
	}
	if why := provider.NoListOf(v.Type); why != "" {
		return offersView{}, sallyport.NewError(sallyport.Conflict, why)
	}
	refreshed, err := s.parts.Lists.Refresh(ctx, list, p.Org, func(r catalogue.Refreshed) (sallyport.Record, bool) {
		return s.event(ctx, "provider/"+name, r), true
	})
	if err != nil {
		return offersView{}, err
	}
	return s.viewOffers(ctx, p, v, refreshed.List)
}

func (s *Server) viewOffers(ctx context.Context, p sallyport.Principal, of providerView, list sallyport.ProviderList) (offersView, error) {
	models, err := s.parts.Models.All(ctx, p.Org)
	if err != nil {
		return offersView{}, err
	}
	view := offersView{
		ListedAt: timeOrNil(list.ListedAt), AskedAt: timeOrNil(list.AskedAt), Failed: list.Failure, Partial: list.Partial,
		Addable: of.ManagedBy == byOrganisation, Models: make([]offerView, 0, len(list.Models)), Vanished: []goneView{},
		Message: provider.NoListOf(of.Type),
	}
	if list.Failure != "" {
		view.Message = provider.Failure(list.Failure).Meaning()
	}
	serves := make(map[string][]string)
	for _, m := range models {
		for _, way := range m.Ways() {
			if way.Provider != of.Name {
				continue
			}
			serves[way.Target] = append(serves[way.Target], m.ID)
			if catalogue.Vanished(list, way.Target) {
				view.Vanished = append(view.Vanished, goneView{m.ID, way.Target})
			}
		}
	}
	for _, o := range list.Models {
		_, priced := catalogue.Known(of.Type, o.Target)
		view.Models = append(view.Models, offerView{
			Target: o.Target, DisplayName: o.DisplayName, Type: string(o.Type), ContextWindow: o.ContextWindow, OutputMax: o.OutputMax,
			Abilities: notNil(o.Abilities), Models: notNil(slices.Compact(serves[o.Target])), PriceKnown: priced,
		})
	}
	return view, nil
}

// addOffered adds a model of a list. What is built in of it counts before what the
// list says. Where no price is built in, the model cannot be called until somebody
// sets one: a price of nothing would be a guess.
func (s *Server) addOffered(ctx context.Context, p sallyport.Principal, name, target, id string) error {
	of, list, err := s.offered(ctx, p, name)
	if err != nil {
		return err
	}
	if of.ManagedBy == byFile {
		return sallyport.NewError(sallyport.Conflict, "the operator's file defines this provider: the operator adds its models")
	}
	o, err := theOne("model in the provider's list", list.Models, nil, func(o sallyport.ModelOffer) bool { return o.Target == target })
	if err != nil {
		return err
	}
	if !slices.Contains([]sallyport.ModelType{sallyport.ChatModel, sallyport.EmbeddingModel, sallyport.TranscriptionModel}, o.Type) {
		return sallyport.NewError(sallyport.Conflict, "a model of this type is served nowhere here")
	}
	m, known := catalogue.Known(of.Type, target)
	if !known {
		m = sallyport.Model{
			DisplayName: o.DisplayName, Target: target, Type: o.Type, ContextWindow: o.ContextWindow, OutputMax: o.OutputMax,
			Abilities: o.Abilities, Facts: sallyport.Facts{At: list.ListedAt, Source: "provider/" + name},
			Price: sallyport.Price{Unknown: true, Version: "unknown"},
		}
	}
	m.ID, m.Provider = target, name
	if id != "" {
		m.ID = id
	}
	if m.DisplayName == "" {
		m.DisplayName = m.ID
	}
	if err := s.checkModelName(ctx, p.Org, m.ID); err != nil {
		return err
	}
	return s.parts.Control.SaveModel(ctx, p.Org, m, s.event(ctx, "model/"+m.ID, map[string]string{
		"provider": name, "target": target, "price_version": m.Price.Version,
	}))
}
