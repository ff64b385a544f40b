package server

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
	"github.com/sallyport-ai/sallyport/internal/dlp"
)

type rightSource struct {
	Scope string         `json:"scope" enum:"default,organisation,group,no_group,role"`
	Group *groupNameView `json:"group,omitempty" doc:"The group that decided, with the scope group"`
	Role  sallyport.Role `json:"role,omitempty" doc:"With the scope role"`
}

type rightView struct {
	Area    string      `json:"area" enum:"integrations,models,tools,features"`
	Name    string      `json:"name" doc:"Of the feature, model, integration or tool; *: of those that nobody has named"`
	Allowed bool        `json:"allowed"`
	From    rightSource `json:"from"`
	Ceiling string      `json:"ceiling" enum:"on,by_group,off" doc:"What the organisation says"`
	Text    string      `json:"text" doc:"All of it in a line, such as: on: group SOC; ceiling: organisation on"`
	Binds   bool        `json:"binds" doc:"Whether anything asks for this right already; integrations and tools come later"`
}

type effectiveView struct {
	Role   sallyport.Role  `json:"role"`
	Groups []groupNameView `json:"groups"`
	Rights []rightView     `json:"rights"`
	DLP    dlpView         `json:"dlp"`
}

type dlpView struct {
	Mode   string          `json:"mode" enum:"enforce,observe,off"`
	Policy *dlp.Policy     `json:"policy,omitempty" doc:"What binds calls to models that have no policy of their own; for administrators alone, for it lists values that are let through"`
	Groups []groupNameView `json:"groups" doc:"Those whose policy makes it stricter than that of the organisation"`
}

type actionPath struct {
	Action string `path:"name" maxLength:"100" doc:"As in the actions of the session, such as agents.create"`
}

type explanationView struct {
	Allowed bool   `json:"allowed"`
	Policy  string `json:"policy,omitempty" doc:"The policy that decided"`
	Reason  string `json:"reason"`
	Needs   string `json:"needs,omitempty" doc:"What would grant it, in words"`
	// Each of the next two alone would grant it.
	Role         sallyport.Role  `json:"role,omitempty" doc:"The least role that would do"`
	Groups       []groupNameView `json:"groups" doc:"The groups that grant it"`
	Organisation bool            `json:"organisation,omitempty" doc:"The organisation has switched it off"`
}

// controlEffective tells what comes of all that is decided.
func (s *Server) controlEffective(api huma.API) {
	huma.Register(api, operation("getGroupRights", "groups.effective", http.MethodGet, "/groups/{id}/effective", "What a user who is in this group alone may do, and where it comes from"),
		func(ctx context.Context, in *groupPath) (*body[effectiveView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (effectiveView, error) {
				g, err := s.group(ctx, p.Org, in.ID)
				if err != nil {
					return effectiveView{}, err
				}
				return s.effective(ctx, sallyport.Principal{Org: p.Org, User: anyMember, Role: sallyport.RoleUser, Groups: []sallyport.Group{g}})
			}))
		})
	huma.Register(api, operation("getUserRights", "users.effective", http.MethodGet, "/users/{id}/effective", "What a member may do, and where it comes from"),
		func(ctx context.Context, in *userPath) (*body[effectiveView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (effectiveView, error) {
				m, err := s.parts.Control.Member(ctx, p.Org, in.ID)
				if err != nil {
					return effectiveView{}, err
				}
				groups, err := s.parts.Control.MemberGroups(ctx, p.Org, in.ID)
				if err != nil {
					return effectiveView{}, err
				}
				return s.effective(ctx, sallyport.Principal{Org: p.Org, User: in.ID, Role: m.Role, Groups: groups})
			}))
		})
	huma.Register(api, operation("getRights", "identity.rights", http.MethodGet, "/rights", "What you may do, and where it comes from"),
		func(ctx context.Context, _ *struct{}) (*body[effectiveView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (effectiveView, error) {
				view, err := s.effective(ctx, p)
				view.DLP.Policy = nil
				return view, err
			}))
		})
	huma.Register(api, operation("explainRight", "identity.rights", http.MethodGet, "/rights/{name}", "Whether you may do something, and what would grant it"),
		func(ctx context.Context, in *actionPath) (*body[explanationView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (explanationView, error) { return s.explain(ctx, p, in.Action) }))
		})
}

// anyMember stands for somebody in a group, whoever that is.
const anyMember sallyport.UserID = "any member"

func (s *Server) effective(ctx context.Context, p sallyport.Principal) (effectiveView, error) {
	caller, err := s.parts.Policies.Caller(ctx, p)
	if err != nil {
		return effectiveView{}, err
	}
	view := effectiveView{Role: p.Role, Groups: refs(p.Groups, nil)}
	for _, f := range access.AllFeatures() {
		view.Rights = append(view.Rights, viewRight(caller.Feature(f), true))
	}
	models, err := s.modelRights(ctx, caller)
	if err != nil {
		return effectiveView{}, err
	}
	view.Rights = append(view.Rights, models...)
	for _, action := range []string{access.UseIntegration, access.UseTool} {
		for _, name := range caller.Named(action) {
			view.Rights = append(view.Rights, viewRight(caller.Thing(action, access.Resource{Org: p.Org, Name: name}), false))
		}
	}
	view.DLP, err = s.effectiveDLP(ctx, p)
	return view, err
}

// modelRights are those to the organisation's models. One that it has switched
// off is off for everybody, whatever groups say.
func (s *Server) modelRights(ctx context.Context, c access.Caller) ([]rightView, error) {
	models, err := s.allModels(ctx, c.Org)
	if err != nil {
		return nil, err
	}
	models = append(models, modelView{ID: access.OtherThings, Enabled: true})
	views := make([]rightView, 0, len(models))
	for _, m := range models {
		right := c.Thing(access.UseModel, access.Resource{Org: c.Org, Name: m.ID, Provider: m.Provider, Groups: m.Groups})
		if !m.Enabled {
			right.Allowed, right.From, right.Ceiling = false, access.Source{Scope: access.FromOrganisation}, access.Off
		}
		views = append(views, viewRight(right, true))
	}
	return views, nil
}

func (s *Server) effectiveDLP(ctx context.Context, p sallyport.Principal) (dlpView, error) {
	plan, err := s.parts.Policies.DLPFor(ctx, p, sallyport.Model{})
	if err != nil {
		return dlpView{}, err
	}
	plans, err := s.parts.Policies.GroupDLP(ctx, p.Org)
	bound := refs(p.Groups, func(g sallyport.Group) bool {
		_, decided := plans[g.ID]
		return decided && p.Role != sallyport.RoleAdministrator
	})
	policy := plan.Policy()
	return dlpView{policy.Mode, &policy, bound}, err
}

func (s *Server) explain(ctx context.Context, p sallyport.Principal, action string) (explanationView, error) {
	caller, err := s.parts.Policies.Caller(ctx, p)
	if err != nil {
		return explanationView{}, err
	}
	own := owned(p, p.User)
	d := access.Allowed(caller, action, own)
	view := explanationView{Allowed: d.Allowed, Policy: d.Policy, Reason: d.Reason, Groups: []groupNameView{}}
	if d.Allowed {
		return view, nil
	}
	needs := d.Needs()
	view.Needs, view.Role, view.Organisation = needs.String(), needs.Role, needs.Organisation
	granting := caller.Granting(action, own)
	groups, err := s.parts.Control.Groups(ctx, p.Org)
	view.Groups = refs(groups, func(g sallyport.Group) bool { return slices.Contains(granting, g.ID) })
	return view, err
}

// refs are the groups that match; nil matches all.
func refs(groups []sallyport.Group, match func(sallyport.Group) bool) []groupNameView {
	out := make([]groupNameView, 0, len(groups))
	for _, g := range groups {
		if match == nil || match(g) {
			out = append(out, groupNameView{g.ID, g.Name})
		}
	}
	return out
}

func viewRight(r access.Right, binds bool) rightView {
	v := rightView{
		Area: string(r.Area), Name: r.Name, Allowed: r.Allowed, Ceiling: string(r.Ceiling), Text: r.String(), Binds: binds,
		From: rightSource{Scope: r.From.Scope, Role: r.From.Role},
	}
	if r.From.Scope == access.FromGroup {
		v.From.Group = &groupNameView{r.From.Group.ID, r.From.Group.Name}
	}
	return v
}
