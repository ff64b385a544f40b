package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/policy"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

type typeView struct {
	Name     string `json:"name"`
	Category string `json:"category"`
}

type trialRequest struct {
	Body struct {
		Text   string      `json:"text" maxLength:"262144"`
		Answer *string     `json:"answer,omitempty" maxLength:"262144" doc:"What the model writes; absent: it repeats what it got"`
		Model  string      `json:"model,omitempty" doc:"As for calls to this model; absent: as the organisation says"`
		Group  string      `json:"group,omitempty" doc:"As for a member of this group, which makes the policy stricter; absent: of none"`
		Policy *dlp.Policy `json:"policy,omitempty" doc:"A draft to try instead of the organisation's or the model's; absent: the policy in force"`
	}
}

type hitView struct {
	Start    int        `json:"start" doc:"Byte offset in the text"`
	End      int        `json:"end"`
	Type     string     `json:"type"`
	Category string     `json:"category"`
	Action   dlp.Action `json:"action"`
}

type trialView struct {
	Mode     string    `json:"mode"`
	Version  string    `json:"version" doc:"Of the policy that was tried"`
	Hits     []hitView `json:"hits"`
	Sent     string    `json:"sent" doc:"What the model would receive"`
	Refused  string    `json:"refused,omitempty" doc:"Why it would receive nothing"`
	Returned string    `json:"returned" doc:"What comes back"`
	Ended    string    `json:"ended,omitempty" doc:"Why the answer would end early"`
	MS       int64     `json:"ms"`
}

// controlDLP has the types, the tester, and drafts and versions of policies.
func (s *Server) controlDLP(api huma.API) {
	huma.Register(api, operation("listDLPTypes", "dlp.types", http.MethodGet, "/dlp/types", "What DLP can find"),
		func(ctx context.Context, _ *struct{}) (*body[[]typeView], error) {
			return reply(look(s, ctx, func(sallyport.Principal) ([]typeView, error) { return dlpTypes(), nil }))
		})
	huma.Register(api, operation("testDLP", "dlp.test", http.MethodPost, "/dlp/test", "What a policy makes of a text; nothing of it is kept"),
		func(ctx context.Context, in *trialRequest) (*body[trialView], error) {
			return reply(attempt(s, ctx, func(p sallyport.Principal) (trialView, error) { return s.testDLP(ctx, p, in) }))
		})
	s.controlDLPDrafts(api)
	s.controlDLPVersions(api)
}

func dlpTypes() []typeView {
	views := []typeView{}
	for _, t := range dlp.Types() {
		views = append(views, typeView(t))
	}
	return views
}

// testDLP records that it was asked, and how many values of which types were
// found: neither the text nor where they stand in it.
func (s *Server) testDLP(ctx context.Context, p sallyport.Principal, in *trialRequest) (trialView, error) {
	plan, err := s.trialPlan(ctx, p, in)
	if err != nil {
		return trialView{}, err
	}
	mac := func(data []byte) ([]byte, error) { return s.parts.Sealer.MAC(ctx, p.Org, secret.DLPToken, data) }
	begun := s.parts.Now()
	trial, err := plan.Try(in.Body.Text, in.Body.Answer, mac)
	if err != nil {
		return trialView{}, err
	}
	view := trialView{
		Mode: plan.Policy().Mode, Version: plan.Policy().Version(), Hits: []hitView{},
		Sent: trial.Sent, Refused: trial.Refused, Returned: trial.Returned, Ended: trial.Ended,
		MS: s.parts.Now().Sub(begun).Milliseconds(),
	}
	for _, j := range trial.Found {
		view.Hits = append(view.Hits, hitView{j.Start, j.End, j.Type, j.Category, j.Action})
	}
	return view, s.record(ctx, p.Org, s.event(ctx, "policy/dlp/"+in.Body.Model, map[string]any{
		"bytes": len(in.Body.Text), "draft": in.Body.Policy != nil, "version": view.Version, "counts": trial.Result.Counts,
	}))
}

// trialPlan is the plan that a call would be held to, with the draft in the place
// of what the organisation or the model has.
func (s *Server) trialPlan(ctx context.Context, p sallyport.Principal, in *trialRequest) (*dlp.Plan, error) {
	if in.Body.Group != "" {
		if err := s.checkSubject(ctx, p.Org, "group", in.Body.Group); err != nil {
			return nil, err
		}
	}
	if in.Body.Policy != nil {
		return s.draftPlan(ctx, p.Org, *in.Body.Policy, sallyport.GroupID(in.Body.Group))
	}
	m, err := s.modelOrNone(ctx, p.Org, in.Body.Model)
	if err != nil {
		return nil, err
	}
	if in.Body.Group == "" {
		return s.parts.Policies.DLP(ctx, p.Org, m)
	}
	member := sallyport.Principal{Org: p.Org, Role: sallyport.RoleUser, Groups: []sallyport.Group{{Org: p.Org, ID: sallyport.GroupID(in.Body.Group)}}}
	return s.parts.Policies.DLPFor(ctx, member, m)
}

func (s *Server) draftPlan(ctx context.Context, org sallyport.OrgID, p dlp.Policy, group sallyport.GroupID) (*dlp.Plan, error) {
	draft, err := checkedPolicy(p)
	if err != nil {
		return nil, err
	}
	of, err := s.parts.Policies.GroupDLP(ctx, org)
	if err != nil {
		return nil, err
	}
	if stricter, decided := of[group]; decided {
		draft = dlp.Strictest(draft, stricter)
	}
	return s.parts.Engine.Plan(draft), nil
}

// policyInForce is the policy that binds calls to the model.
func (s *Server) policyInForce(ctx context.Context, org sallyport.OrgID, model string) (dlp.Policy, error) {
	m, err := s.modelOrNone(ctx, org, model)
	if err != nil {
		return dlp.Policy{}, err
	}
	plan, err := s.parts.Policies.DLP(ctx, org, m)
	if err != nil {
		return dlp.Policy{}, err
	}
	return plan.Policy(), nil
}

// setDLPPolicy puts a policy in force without a draft.
func (s *Server) setDLPPolicy(ctx context.Context, p sallyport.Principal, in *dlpPolicyRequest) error {
	next, err := dlp.ParsePolicy(in.Body)
	if err != nil {
		return sallyport.WrapError(sallyport.InvalidBody, err.Error(), err)
	}
	before, err := s.policyInForce(ctx, p.Org, in.Model)
	if err != nil {
		return err
	}
	_, err = s.parts.Control.PublishPolicy(ctx, p.Org, policy.KindDLP, in.Model,
		sallyport.PolicyVersion{Body: in.Body, User: p.User, At: s.parts.Now()}, sallyport.AnyVersion,
		s.event(ctx, "policy/dlp/"+in.Model, map[string]string{"before": before.Version(), "after": next.Version()}))
	return err
}
