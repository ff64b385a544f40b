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
	// SetPolicies sets the policies of a kind by subject, all or none, unless check,
	// which sees what is set of the kind, fails. One of a group that is not there is
	// NotFound.
	SetPolicies(ctx context.Context, org sallyport.OrgID, kind string, bodies map[string][]byte,
		check func(stored map[string][]byte) error, rec sallyport.Record) error
	Member(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) (sallyport.Membership, error)
	MemberGroups(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) ([]sallyport.Group, error)
}

// groupPolicies is what a group has decided. In a change, areas that are left
// out stay as they are, so that two who change different ones do not undo each
// other; {} takes back what was decided of an area.
type groupPolicies struct {
	access.Areas
	DLP     json.RawMessage `json:"dlp,omitempty" doc:"A DLP policy as of /dlp/policy: members are bound by the strictest of the organisation's and those of their groups"`
	Version string          `json:"version,omitempty" maxLength:"200" doc:"What was read; a change that sends it back is refused with 409 when somebody else has decided on one of its areas meanwhile. Without it a change is always made"`
}

// organisationPolicies is the ceiling.
type organisationPolicies struct {
	access.Areas
	Version string `json:"version,omitempty" maxLength:"200" doc:"What was read; a change that sends it back is refused with 409 when somebody else has decided on one of its areas meanwhile. Without it a change is always made"`
}

type groupPoliciesRequest struct {
	ID   sallyport.GroupID `path:"id"`
	Body groupPolicies
}

type organisationPoliciesRequest struct {
	Body organisationPolicies
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
		func(ctx context.Context, _ *struct{}) (*body[organisationPolicies], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (organisationPolicies, error) {
				rights, _, version, err := s.storedRights(ctx, p.Org, "")
				return organisationPolicies{rights.Organisation, version}, err
			}))
		})
	huma.Register(api, operation("setOrganisationPolicies", "organisation.set_policies", http.MethodPut, "/organisation/policies", "Decide the ceiling, which binds administrators too; areas that are left out stay"),
		func(ctx context.Context, in *organisationPoliciesRequest) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				decided := groupPolicies{Areas: in.Body.Areas, Version: in.Body.Version}
				return nil, s.setRights(ctx, p, "", decided, s.event(ctx, "organisation", in.Body.Areas))
			})
		})
	s.controlEffective(api)
}

func (s *Server) groupPolicies(ctx context.Context, p sallyport.Principal, id sallyport.GroupID) (groupPolicies, error) {
	if _, err := s.group(ctx, p.Org, id); err != nil {
		return groupPolicies{}, err
	}
	rights, plans, version, err := s.storedRights(ctx, p.Org, id)
	if err != nil {
		return groupPolicies{}, err
	}
	view := groupPolicies{Areas: rights.Groups[id], Version: version}
	if plan, decided := plans[id]; decided {
		view.DLP, err = json.Marshal(plan)
	}
	return view, err
}

// storedRights is what is decided, with its version: as it is stored, for what
// this process keeps in memory may be a moment older.
func (s *Server) storedRights(ctx context.Context, org sallyport.OrgID, group sallyport.GroupID) (rights access.Rights,
	plans map[sallyport.GroupID]dlp.Policy, version string, err error) {
	stored, err := s.parts.Control.Policies(ctx, org, policy.KindRights)
	if err != nil {
		return rights, nil, version, err
	}
	version = policy.RightsVersion(group, stored)
	rights, plans, err = policy.ReadRights(stored)
	return rights, plans, version, err
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
	known, err := s.knownNames(ctx, p)
	if err != nil {
		return err
	}
	return s.parts.Control.SetPolicies(ctx, p.Org, policy.KindRights, bodies, func(stored map[string][]byte) error {
		if err := policy.CheckRightsVersion(decided.Version, group, bodies, stored); err != nil {
			return err
		}
		return known.Check(group, bodies, stored)
	}, rec)
}

// knownNames are those of models and providers that can be decided on.
func (s *Server) knownNames(ctx context.Context, p sallyport.Principal) (policy.Known, error) {
	models, err := s.parts.Models.All(ctx, p.Org)
	if err != nil {
		return policy.Known{}, err
	}
	providers, err := s.allProviders(ctx, p)
	if err != nil {
		return policy.Known{}, err
	}
	groups, err := s.parts.Control.ModelGroups(ctx, p.Org)
	if err != nil {
		return policy.Known{}, err
	}
	names := make([]string, len(providers))
	for i, one := range providers {
		names[i] = one.Name
	}
	return policy.NewKnown(models, groups, names...), nil
}
