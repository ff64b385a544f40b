package server

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/policy"
)

// RightsStore keeps what groups and the organisation decide; *store.DB is the real one.
type RightsStore interface {
	// SetPolicies sets the policies of a kind by subject, all or none. One of a
	// group that is not there is NotFound.
	SetPolicies(ctx context.Context, org sallyport.OrgID, kind string, bodies map[string][]byte, rec sallyport.Record) error
	Member(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) (sallyport.Membership, error)
	MemberGroups(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) ([]sallyport.Group, error)
}

// groupPolicies is what a group has decided. In a change, areas that are left
// out stay as they are, so that two who change different ones do not undo each
// other; {} takes back what was decided of an area.
type groupPolicies struct {
	access.Areas
	DLP json.RawMessage `json:"dlp,omitempty" doc:"A DLP policy as of /dlp/policy: members are bound by the strictest of the organisation's and those of their groups"`
}

type groupPoliciesRequest struct {
	ID   sallyport.GroupID `path:"id"`
	Body groupPolicies
}

type organisationPoliciesRequest struct {
	Body access.Areas
}

// controlRights has what groups and the organisation decide on rights, and what
// comes of it.
func (s *Server) controlRights(api huma.API) {
	huma.Register(api, operation("getGroupPolicies", "groups.policies", http.MethodGet, "/groups/{id}/policies", "What a group grants and refuses its members"),
		func(ctx context.Context, in *groupPath) (*body[groupPolicies], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (groupPolicies, error) { return s.groupPolicies(ctx, p, in.ID) }))
		})
	huma.Register(api, operation("setGroupPolicies", "groups.set_policies", http.MethodPut, "/groups/{id}/policies", "Decide what a group grants and refuses; areas that are left out stay"),
		func(ctx context.Context, in *groupPoliciesRequest) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) { return nil, s.setGroupPolicies(ctx, p, in.ID, in.Body) })
		})
	huma.Register(api, operation("getOrganisationPolicies", "organisation.policies", http.MethodGet, "/organisation/policies", "The ceiling: what the organisation switches off or leaves to groups"),
		func(ctx context.Context, _ *struct{}) (*body[access.Areas], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (access.Areas, error) {
				rights, err := s.parts.Policies.Rights(ctx, p.Org)
				if err != nil {
					return access.Areas{}, err
				}
				return rights.Organisation, nil
			}))
		})
	huma.Register(api, operation("setOrganisationPolicies", "organisation.set_policies", http.MethodPut, "/organisation/policies", "Decide the ceiling, which binds administrators too; areas that are left out stay"),
		func(ctx context.Context, in *organisationPoliciesRequest) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.setRights(ctx, p, "", groupPolicies{Areas: in.Body}, s.event(ctx, "organisation", in.Body))
			})
		})
	s.controlEffective(api)
}

func (s *Server) groupPolicies(ctx context.Context, p sallyport.Principal, id sallyport.GroupID) (groupPolicies, error) {
	if _, err := s.group(ctx, p.Org, id); err != nil {
		return groupPolicies{}, err
	}
	rights, err := s.parts.Policies.Rights(ctx, p.Org)
	if err != nil {
		return groupPolicies{}, err
	}
	plans, err := s.parts.Policies.GroupDLP(ctx, p.Org)
	if err != nil {
		return groupPolicies{}, err
	}
	view := groupPolicies{Areas: rights.Groups[id]}
	if plan, decided := plans[id]; decided {
		view.DLP, err = json.Marshal(plan)
	}
	return view, err
}

func (s *Server) setGroupPolicies(ctx context.Context, p sallyport.Principal, id sallyport.GroupID, decided groupPolicies) error {
	if _, err := s.group(ctx, p.Org, id); err != nil {
		return err
	}
	told := struct {
		access.Areas
		DLP string `json:"dlp,omitempty"` // its version: it may list values that are let through
	}{Areas: decided.Areas}
	if plan, err := dlp.ParsePolicy(decided.DLP); len(decided.DLP) > 0 && err == nil {
		told.DLP = plan.Version()
	}
	return s.setRights(ctx, p, id, decided, s.groupEvent(ctx, id, told))
}

// setRights checks what is decided and stores it, an area at a time.
func (s *Server) setRights(ctx context.Context, p sallyport.Principal, group sallyport.GroupID, decided groupPolicies, rec sallyport.Record) error {
	bodies, err := policy.RightsBodies(group, decided.Areas, decided.DLP)
	if err != nil {
		return sallyport.WrapError(sallyport.InvalidBody, err.Error(), err)
	}
	if len(bodies) == 0 {
		return sallyport.NewError(sallyport.InvalidBody, "no area is decided: name integrations, models, tools, features or, of a group, dlp")
	}
	return s.parts.Control.SetPolicies(ctx, p.Org, policy.KindRights, bodies, rec)
}
