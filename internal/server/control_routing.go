package server

import (
	"cmp"
	"context"
	"slices"

	"github.com/sallyport-ai/sallyport"
)

// RoutingView says how calls of a model are routed; see docs/routing.md. It is exported
// so that its fields are found where it is embedded.
type RoutingView struct {
	Weight    int64       `json:"weight,omitempty" minimum:"0" maximum:"1000000" doc:"The share of calls that begin with provider and target, against those of the routes. Without any weight all do"`
	Routes    []routeView `json:"routes,omitempty" maxItems:"15" doc:"More ways to serve the model, tried when another fails before its answer begins"`
	Fallbacks []string    `json:"fallbacks,omitempty" maxItems:"15" doc:"Models of the same type that answer when no way to this one does. Theirs are not followed"`
	Retries   *int        `json:"retries,omitempty" minimum:"0" maximum:"5" doc:"How often one way is tried again after a failure that costs nothing. Absent: as the operator has it"`
	Loose     bool        `json:"loose,omitempty" doc:"Each call begins at a way of its own, and not where its conversation has begun"`
}

type routeView struct {
	Provider string     `json:"provider"`
	Target   string     `json:"target,omitempty" doc:"Default: the model's"`
	Weight   int64      `json:"weight,omitempty" minimum:"0" maximum:"1000000"`
	Price    *priceView `json:"price,omitempty" doc:"Default: the model's"`
}

func viewRouting(m sallyport.Model) RoutingView {
	view := RoutingView{Weight: m.Weight, Fallbacks: m.Fallbacks, Retries: m.Retries, Loose: m.Loose}
	for _, r := range m.Routes {
		price := viewPrice(r.Price)
		view.Routes = append(view.Routes, routeView{r.Provider, r.Target, r.Weight, &price})
	}
	return view
}

// route puts the ways to serve the model into m, which has all else. All lead over
// providers of the organisation's own: who may save models must not spend what the
// operator pays for. Fallbacks may be the operator's, for they bear their own price.
func (s *Server) route(ctx context.Context, p sallyport.Principal, m *sallyport.Model, v RoutingView) error {
	m.Weight, m.Retries, m.Loose = v.Weight, v.Retries, v.Loose
	for _, r := range v.Routes {
		way := sallyport.Route{Provider: r.Provider, Target: cmp.Or(r.Target, m.Target), Weight: r.Weight, Price: m.Price}
		if r.Price != nil {
			price, err := r.Price.price()
			if err != nil {
				return err
			}
			way.Price, way.Price.Version = price, m.Price.Version
		}
		m.Routes = append(m.Routes, way)
	}
	own, err := s.ownProviders(ctx, p)
	if err != nil {
		return err
	}
	for _, w := range m.Ways() {
		if !slices.ContainsFunc(own, func(q providerView) bool { return q.Name == w.Provider }) {
			return sallyport.NewError(sallyport.InvalidBody, "provider must be one of the organisation's own providers, that of each route too")
		}
	}
	if m.Fallbacks, err = s.fallbacks(ctx, p, *m, v.Fallbacks); err != nil {
		return err
	}
	if err := m.CheckRouting(); err != nil {
		return sallyport.NewError(sallyport.InvalidBody, err.Error())
	}
	return nil
}

// fallbacks are the ids of the models that names mean. Two models may stand in for
// each other: a call never goes further than to the fallbacks of the one it asked for.
func (s *Server) fallbacks(ctx context.Context, p sallyport.Principal, m sallyport.Model, names []string) (ids []string, err error) {
	all, err := s.parts.Models.All(ctx, p.Org)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		i := slices.IndexFunc(all, func(other sallyport.Model) bool { return other.Called(name) })
		if i < 0 {
			return nil, sallyport.NewError(sallyport.InvalidBody, "fallbacks must be other models that there are, each once")
		}
		if all[i].Serves() != m.Serves() {
			return nil, sallyport.NewError(sallyport.InvalidBody, "the fallback "+all[i].ID+" is of another type")
		}
		ids = append(ids, all[i].ID)
	}
	return ids, nil
}

// deleteModel keeps a model to which others fall back: they would lose it silently.
func (s *Server) deleteModel(ctx context.Context, p sallyport.Principal, id string) error {
	all, err := s.parts.Models.All(ctx, p.Org)
	if err != nil {
		return err
	}
	for _, m := range all {
		if slices.Contains(m.Fallbacks, id) && !s.parts.FileModels(m.ID) {
			return sallyport.NewError(sallyport.Conflict, "the model "+m.ID+" falls back to this one: change that first")
		}
	}
	return s.parts.Control.DeleteModel(ctx, p.Org, id, s.event(ctx, "model/"+id, nil))
}
