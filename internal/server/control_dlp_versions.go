package server

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/policy"
)

// dlpPolicyView is a policy in force.
type dlpPolicyView struct {
	Model     string     `json:"model" doc:"A model's id; empty: the organisation's, for all models without one of their own"`
	Name      string     `json:"name,omitempty"`
	Mode      string     `json:"mode"`
	Version   string     `json:"version" doc:"A short hash: equal policies have equal ones; calls note it in the trail"`
	Number    int64      `json:"number,omitempty" doc:"Of the version; absent: the operator's, nothing was published"`
	ManagedBy string     `json:"managed_by" enum:"file,organisation"`
	Draft     bool       `json:"draft" doc:"Somebody works on it"`
	By        string     `json:"by,omitempty"`
	At        *time.Time `json:"at,omitempty"`
}

type dlpVersionView struct {
	Number  int64       `json:"number"`
	Policy  *dlp.Policy `json:"policy,omitempty" doc:"Absent: from then on there was none of its own"`
	Version string      `json:"version,omitempty"`
	Note    string      `json:"note,omitempty"`
	By      string      `json:"by,omitempty" doc:"Absent: the command line"`
	At      *time.Time  `json:"at,omitempty"`
}

type dlpVersionsView struct {
	Versions []dlpVersionView `json:"versions" doc:"The newest first"`
	Before   int64            `json:"before,omitempty" doc:"Cursor of the next page; absent on the last"`
}

type dlpVersionsQuery struct {
	Model  string `query:"model" doc:"A model's id; absent: the organisation's policy"`
	Before int64  `query:"before" doc:"Number to continue before; absent: from the newest"`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
}

type restoreRequest struct {
	Model string `query:"model" doc:"A model's id; absent: the organisation's policy"`
	Body  struct {
		Number int64 `json:"number" minimum:"1"`
	}
}

func (s *Server) controlDLPVersions(api huma.API) {
	huma.Register(api, operation("listDLPPolicies", "dlp.policies", http.MethodGet, "/dlp/policies", "The policies in force, of the organisation and of models"),
		func(ctx context.Context, _ *struct{}) (*body[[]dlpPolicyView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]dlpPolicyView, error) { return s.dlpPolicies(ctx, p) }))
		})
	huma.Register(api, operation("listDLPVersions", "dlp.versions", http.MethodGet, "/dlp/versions", "The versions of a policy"),
		func(ctx context.Context, in *dlpVersionsQuery) (*body[dlpVersionsView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (dlpVersionsView, error) { return s.dlpVersions(ctx, p, in) }))
		})
	huma.Register(api, operation("restoreDLP", "dlp.restore", http.MethodPost, "/dlp/restore", "Put an older version in force again, as the newest"),
		func(ctx context.Context, in *restoreRequest) (*body[publishView], error) {
			return reply(change(s, ctx, func(p sallyport.Principal) (publishView, error) { return s.restoreDLP(ctx, p, in) }))
		})
	huma.Register(api, operation("removeDLPPolicy", "dlp.remove", http.MethodDelete, "/dlp/policy", "Decide nothing any more: a model is held to the organisation's policy, the organisation to the operator's"),
		func(ctx context.Context, in *dlpQuery) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) { return nil, s.removeDLP(ctx, p, in.Model) })
		})
}

// dlpPolicies lists the organisation's policy, then those of models that have one
// or a draft of one.
func (s *Server) dlpPolicies(ctx context.Context, p sallyport.Principal) ([]dlpPolicyView, error) {
	drafts, err := s.parts.Control.Drafts(ctx, p.Org, policy.KindDLP)
	if err != nil {
		return nil, err
	}
	decided, err := s.parts.Control.Policies(ctx, p.Org, policy.KindDLP)
	if err != nil {
		return nil, err
	}
	subjects := map[string]bool{"": true}
	for _, subject := range slices.Concat(drafts, slices.Collect(maps.Keys(decided))) {
		subjects[subject] = true
	}
	views, of := []dlpPolicyView{}, []string{}
	for _, model := range slices.Sorted(maps.Keys(subjects)) {
		view, err := s.dlpPolicyOf(ctx, p, model)
		if sallyport.CodeOf(err) == sallyport.NotFound {
			continue // the model is gone
		}
		if err != nil {
			return nil, err
		}
		view.Draft = slices.Contains(drafts, model)
		views, of = append(views, view), append(of, "model/"+model, "user/"+view.By)
	}
	n, err := s.namesOf(ctx, p.Org, of...)
	for i, v := range views {
		views[i].Name, views[i].By = n.Of("model", v.Model), n.Of("user", v.By)
	}
	return views, err
}

// dlpPolicyOf tells who decided by the id.
func (s *Server) dlpPolicyOf(ctx context.Context, p sallyport.Principal, model string) (dlpPolicyView, error) {
	inForce, err := s.policyInForce(ctx, p.Org, model)
	if err != nil {
		return dlpPolicyView{}, err
	}
	view := dlpPolicyView{Model: model, Mode: inForce.Mode, Version: inForce.Version(), ManagedBy: byFile}
	newest, err := s.parts.Control.PolicyVersions(ctx, p.Org, policy.KindDLP, model, 0, 1)
	if err != nil || len(newest) == 0 || newest[0].Body == nil {
		return view, err
	}
	view.ManagedBy, view.Number = byOrganisation, newest[0].Number
	view.By, view.At = string(newest[0].User), timeOrNil(newest[0].At)
	return view, nil
}

func (s *Server) dlpVersions(ctx context.Context, p sallyport.Principal, in *dlpVersionsQuery) (dlpVersionsView, error) {
	found, err := s.parts.Control.PolicyVersions(ctx, p.Org, policy.KindDLP, in.Model, in.Before, in.Limit+1)
	if err != nil {
		return dlpVersionsView{}, err
	}
	of := make([]string, 0, len(found))
	for _, v := range found {
		of = append(of, userResource(v.User))
	}
	n, err := s.namesOf(ctx, p.Org, of...)
	page := dlpVersionsView{Versions: []dlpVersionView{}}
	if len(found) > in.Limit {
		found, page.Before = found[:in.Limit], found[in.Limit-1].Number
	}
	for _, v := range found {
		view := dlpVersionView{Number: v.Number, Note: v.Note, By: n.Of("user", string(v.User)), At: timeOrNil(v.At)}
		if v.Body != nil {
			parsed, err := dlp.ParsePolicy(v.Body)
			if err != nil {
				return page, fmt.Errorf("stored version %d of the policy of %q: %w", v.Number, in.Model, err)
			}
			view.Policy, view.Version = &parsed, parsed.Version()
		}
		page.Versions = append(page.Versions, view)
	}
	return page, err
}

// restoreDLP runs no samples: it is for the moment when the newest version harms.
func (s *Server) restoreDLP(ctx context.Context, p sallyport.Principal, in *restoreRequest) (publishView, error) {
	before, err := s.policyInForce(ctx, p.Org, in.Model)
	if err != nil {
		return publishView{}, err
	}
	old, err := s.parts.Control.PolicyVersion(ctx, p.Org, policy.KindDLP, in.Model, in.Body.Number)
	if err != nil {
		return publishView{}, err
	}
	old.Note, old.User, old.At = fmt.Sprintf("version %d again", old.Number), p.User, s.parts.Now()
	number, err := s.parts.Control.PublishPolicy(ctx, p.Org, policy.KindDLP, in.Model, old, sallyport.AnyVersion,
		s.event(ctx, "policy/dlp/"+in.Model, map[string]any{"before": before.Version(), "restored": in.Body.Number}))
	return publishView{Number: number, OK: true, Samples: []sampleResult{}}, err
}

func (s *Server) removeDLP(ctx context.Context, p sallyport.Principal, model string) error {
	decided, err := s.parts.Control.Policies(ctx, p.Org, policy.KindDLP)
	if err != nil {
		return err
	}
	if _, found := decided[model]; !found {
		return sallyport.NewError(sallyport.NotFound, "nothing was decided here")
	}
	_, err = s.parts.Control.PublishPolicy(ctx, p.Org, policy.KindDLP, model,
		sallyport.PolicyVersion{Note: "removed", User: p.User, At: s.parts.Now()}, sallyport.AnyVersion,
		s.event(ctx, "policy/dlp/"+model, map[string]bool{"removed": true}))
	return err
}
