package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
)

type healthView struct {
	Node    string             `json:"node" doc:"The server that answers: each remembers for itself, since its start"`
	Targets []targetHealthView `json:"targets"`
}

type targetHealthView struct {
	Provider  string     `json:"provider"`
	Target    string     `json:"target"`
	Models    []string   `json:"models" doc:"The ids of the models that are served so"`
	State     string     `json:"state" enum:"closed,open,half_open" doc:"Of its breaker. open: it is passed over for a while; half_open: one call may find out"`
	Tries     int        `json:"tries" doc:"Recent tries that are remembered, at most 50, of everybody who is served so"`
	Failures  int        `json:"failures" doc:"Those of them that failed by the provider, a 429 included; not what a client did"`
	MedianMS  int64      `json:"median_ms,omitempty" doc:"To the first piece of an answer"`
	SlowMS    int64      `json:"slow_ms,omitempty" doc:"The same: 95 of 100 were faster"`
	LastError string     `json:"last_error,omitempty" doc:"The code of the last failure, as in the trail; never the provider's words"`
	Status    int        `json:"status,omitempty" doc:"The provider's HTTP status of it"`
	FailedAt  *time.Time `json:"failed_at"`
	TriedAt   *time.Time `json:"tried_at" doc:"null: not since the server started"`
}

func (s *Server) controlHealth(api huma.API) {
	huma.Register(api, operation("getProvidersHealth", "providers.health", http.MethodGet, "/providers/health", "How the ways to models have fared in recent calls, on the server that answers"),
		func(ctx context.Context, _ *struct{}) (*body[healthView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (healthView, error) { return s.providersHealth(ctx, p.Org) }))
		})
}

func (s *Server) providersHealth(ctx context.Context, org sallyport.OrgID) (healthView, error) {
	models, err := s.parts.Models.All(ctx, org)
	if err != nil {
		return healthView{}, err
	}
	view := healthView{Node: s.parts.Audit.Node, Targets: []targetHealthView{}}
	for _, h := range s.parts.Gateway.Health(ctx, org, models) {
		view.Targets = append(view.Targets, targetHealthView{
			Provider: h.Provider, Target: h.Target, Models: h.Models, State: h.State, Tries: h.Tries, Failures: h.Failures,
			MedianMS: h.Median.Milliseconds(), SlowMS: h.Slow.Milliseconds(),
			LastError: string(h.LastError), Status: h.LastStatus, FailedAt: timeOrNil(h.FailedAt), TriedAt: timeOrNil(h.TriedAt),
		})
	}
	return view, nil
}
