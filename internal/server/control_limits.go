package server

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/policy"
)

// LimitStore knows whose limits bind a member; *store.DB is the real one.
type LimitStore interface {
	// MemberGroups returns the groups of a member, by name.
	MemberGroups(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) ([]sallyport.Group, error)
}

type limitRequest struct {
	Scope string `query:"scope" enum:"organisation,group,user,key,model" default:"organisation"`
	ID    string `query:"id" doc:"Of the group, user, key or model"`
	Body  policy.Limits
}

// The query is written out again: huma does not see what is embedded.
type limitPath struct {
	Scope string `query:"scope" enum:"organisation,group,user,key,model" default:"organisation"`
	ID    string `query:"id"`
}

// limitView is the limits of one scope, and how much of them is used.
type limitView struct {
	Scope string `json:"scope" enum:"organisation,group,user,key,model"`
	ID    string `json:"id,omitempty" doc:"Absent for the organisation, and for what holds for every user or key without limits of their own"`
	Name  string `json:"name,omitempty"`
	policy.Limits
	ManagedBy string    `json:"managed_by" enum:"file,organisation" doc:"file: the operator's, for whom nothing else is decided"`
	Use       []useView `json:"use" doc:"One for each limit; empty for what each user or key has of their own"`
}

type useView struct {
	Unit      string `json:"unit" enum:"requests,tokens,concurrent"`
	Limit     int64  `json:"limit"`
	Used      int64  `json:"used" doc:"In this minute; of concurrent: under way"`
	ResetMS   int64  `json:"reset_ms" doc:"Until the whole limit is free again, if nothing else is called"`
	Remaining int64  `json:"remaining"`
}

type userLimits struct {
	UserID  sallyport.UserID `json:"user_id"`
	Name    string           `json:"name"`
	Limits  []limitView      `json:"limits" doc:"All that bind a call of this user, besides those of the key and of the model"`
	Keys    []limitView      `json:"keys" doc:"What binds calls with each of the user's keys in addition"`
	Budgets []budgetView     `json:"budgets" doc:"All that such a call has to fit into, besides those of key, agent and model"`
}

// controlLimits has rate limits and their use.
func (s *Server) controlLimits(api huma.API) {
	huma.Register(api, operation("setLimits", "policies.set", http.MethodPut, "/limits", "Decide the rate limits of a scope; 0 means none"),
		func(ctx context.Context, in *limitRequest) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) { return nil, s.setLimits(ctx, p, in) })
		})
	huma.Register(api, operation("removeLimits", "policies.set", http.MethodDelete, "/limits", "Forget what was decided: the operator's limits hold again"),
		func(ctx context.Context, in *limitPath) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) { return nil, s.removeLimits(ctx, p, in) })
		})
	huma.Register(api, operation("listLimitUse", "limits.use", http.MethodGet, "/limits/use", "All limits, and how much of each is used"),
		func(ctx context.Context, _ *struct{}) (*body[[]limitView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]limitView, error) { return s.limitUse(ctx, p.Org) }))
		})
	huma.Register(api, operation("getUserLimits", "limits.user", http.MethodGet, "/users/{id}/limits", "What would apply to a call of this user"),
		func(ctx context.Context, in *userPath) (*body[userLimits], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (userLimits, error) { return s.userLimits(ctx, p.Org, in.ID) }))
		})
}

func (s *Server) setLimits(ctx context.Context, p sallyport.Principal, in *limitRequest) error {
	if in.Scope != "organisation" {
		if err := s.checkSubject(ctx, p.Org, in.Scope, in.ID); err != nil {
			return err
		}
	}
	stored, err := json.Marshal(in.Body)
	if err != nil {
		return err
	}
	if _, err := policy.ParseLimits(stored); err != nil {
		return sallyport.WrapError(sallyport.InvalidBody, err.Error(), err)
	}
	subject := policy.LimitSubject(in.Scope, in.ID)
	return s.parts.Control.SetPolicy(ctx, p.Org, policy.KindLimit, subject, stored, s.event(ctx, "policy/limit/"+subject, in.Body))
}

// removeLimits is NotFound for what nobody has decided; of a thing that is gone
// they can still be removed.
func (s *Server) removeLimits(ctx context.Context, p sallyport.Principal, in *limitPath) error {
	rules, err := s.parts.Policies.LimitRules(ctx, p.Org)
	if err != nil {
		return err
	}
	before, decided := rules.Of(in.Scope, in.ID)
	if !decided {
		return sallyport.NewError(sallyport.NotFound, "no limits were decided for this "+in.Scope)
	}
	subject := policy.LimitSubject(in.Scope, in.ID)
	return s.parts.Control.SetPolicy(ctx, p.Org, policy.KindLimit, subject, nil,
		s.event(ctx, "policy/limit/"+subject, map[string]any{"removed": true, "before": before}))
}

// limitReader tells limits with their names and their use.
type limitReader struct {
	s     *Server
	org   sallyport.OrgID
	rules policy.LimitRules
}

// limited is whose limits they are; the organisation has no id here.
type limited struct{ scope, id string }

func (s *Server) limitReader(ctx context.Context, org sallyport.OrgID) (limitReader, error) {
	rules, err := s.parts.Policies.LimitRules(ctx, org)
	if err != nil {
		return limitReader{}, err
	}
	return limitReader{s, org, rules}, nil
}

func (r limitReader) views(ctx context.Context, whose ...limited) ([]limitView, error) {
	of := make([]string, 0, len(whose))
	for _, w := range whose {
		of = append(of, w.scope+"/"+w.id)
	}
	n, err := r.s.namesOf(ctx, r.org, of...)
	if err != nil {
		return nil, err
	}
	views := make([]limitView, 0, len(whose))
	for _, w := range whose {
		view, err := r.view(ctx, w, n)
		if err != nil {
			return nil, err
		}
		views = append(views, view)
	}
	return views, nil
}

func (r limitReader) view(ctx context.Context, w limited, n Names) (limitView, error) {
	limits, decided := r.rules.Of(w.scope, w.id)
	view := limitView{Scope: w.scope, ID: w.id, Limits: limits, ManagedBy: byFile, Use: []useView{}}
	if decided {
		view.ManagedBy = byOrganisation
	}
	id := string(r.org)
	if w.id != "" {
		id, view.Name = w.id, n.Of(w.scope, w.id)
	}
	states, err := r.s.parts.Limiter.Look(ctx, limits.Buckets(r.org, w.scope, id, view.Name))
	for _, state := range states {
		view.Use = append(view.Use, useView{
			Unit: state.Unit, Limit: state.Limit, Used: max(state.Limit-state.Remaining, 0), Remaining: state.Remaining,
			ResetMS: state.Reset.Milliseconds(),
		})
	}
	return view, err
}

// limitUse lists the organisation's limits, then those that hold for users and
// keys without their own, then all that were decided.
func (s *Server) limitUse(ctx context.Context, org sallyport.OrgID) ([]limitView, error) {
	r, err := s.limitReader(ctx, org)
	if err != nil {
		return nil, err
	}
	decided := []limited{}
	for subject := range r.rules.Decided {
		if scope, id, of := strings.Cut(subject, "/"); of {
			decided = append(decided, limited{scope, id})
		}
	}
	whole, err := r.view(ctx, limited{"organisation", ""}, nil)
	if err != nil {
		return nil, err
	}
	views, err := r.views(ctx, decided...)
	slices.SortFunc(views, func(a, b limitView) int {
		return cmp.Or(cmp.Compare(scopeRank(a.Scope), scopeRank(b.Scope)), strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return append([]limitView{whole,
		{Scope: "user", Limits: r.rules.Defaults.User, ManagedBy: byFile, Use: []useView{}},
		{Scope: "key", Limits: r.rules.Defaults.Key, ManagedBy: byFile, Use: []useView{}},
	}, views...), err
}

// scopeRank orders scopes from the widest to the narrowest.
func scopeRank(scope string) int {
	return slices.Index([]string{"organisation", "model", "group", "user", "key"}, scope)
}

func (s *Server) userLimits(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) (userLimits, error) {
	m, err := s.parts.Control.Member(ctx, org, user)
	if err != nil {
		return userLimits{}, err
	}
	r, err := s.limitReader(ctx, org)
	if err != nil {
		return userLimits{}, err
	}
	groups, err := s.parts.Control.MemberGroups(ctx, org, user)
	if err != nil {
		return userLimits{}, err
	}
	keys, err := s.usableKeys(ctx, org, user)
	if err != nil {
		return userLimits{}, err
	}
	whose := []limited{{"organisation", ""}}
	for _, g := range groups {
		whose = append(whose, limited{"group", string(g.ID)})
	}
	all := userLimits{UserID: user, Name: m.User.Email}
	if all.Limits, err = r.views(ctx, append(whose, limited{"user", string(user)})...); err != nil {
		return userLimits{}, err
	}
	if all.Keys, err = r.views(ctx, keys...); err != nil {
		return userLimits{}, err
	}
	all.Budgets, err = s.budgetsOf(ctx, org, user, groups)
	return all, err
}

func (s *Server) usableKeys(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) (whose []limited, err error) {
	keys, err := s.parts.Control.Keys(ctx, org)
	for _, k := range keys {
		if k.User == user && k.UsableAt(s.parts.Now()) {
			whose = append(whose, limited{"key", string(k.ID)})
		}
	}
	return whose, err
}

// budgetsOf are the budgets that bind every call of the user.
func (s *Server) budgetsOf(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, groups []sallyport.Group) ([]budgetView, error) {
	all, err := s.parts.Control.Budgets(ctx, org)
	if err != nil {
		return nil, err
	}
	return s.viewBudgets(ctx, org, slices.DeleteFunc(all, func(b sallyport.Budget) bool {
		binds := b.Scope == sallyport.BudgetOrganisation || b.Scope == sallyport.BudgetUser && b.Subject == string(user) ||
			b.Scope == sallyport.BudgetGroup && slices.ContainsFunc(groups, func(g sallyport.Group) bool { return string(g.ID) == b.Subject })
		return !binds
	}))
}
