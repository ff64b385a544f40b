package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
	"github.com/sallyport-ai/sallyport/internal/dlp"
)

// KindRights is the kind of what is decided of rights. Each area of the
// organisation and of each group is a policy of its own: RightsSubject.
const KindRights = "rights"

// AreaDLP is the area of a group's DLP policy. The organisation's is of kind KindDLP.
const AreaDLP access.Area = "dlp"

// GroupAreas are the areas that a group decides, OrganisationAreas those of the organisation.
func GroupAreas() []access.Area { return append(OrganisationAreas(), AreaDLP) }

// OrganisationAreas are the areas of the ceiling.
func OrganisationAreas() []access.Area {
	return []access.Area{access.Integrations, access.Models, access.Tools, access.Features}
}

// RightsSubject names an area of a group, or of the organisation when group is empty.
func RightsSubject(group sallyport.GroupID, area access.Area) string {
	if group == "" {
		return scopeOrganisation + "/" + string(area)
	}
	return scopeGroup + "/" + string(group) + "/" + string(area)
}

// ReadRights returns what an organisation and its groups have decided, from the
// stored policies by subject.
func ReadRights(stored map[string][]byte) (access.Rights, map[sallyport.GroupID]dlp.Policy, error) {
	rights := access.Rights{Groups: make(map[sallyport.GroupID]access.Areas)}
	plans := make(map[sallyport.GroupID]dlp.Policy)
	for subject, body := range stored {
		scope, rest, _ := strings.Cut(subject, "/")
		group, area := "", rest
		if scope == scopeGroup {
			group, area, _ = strings.Cut(rest, "/")
		}
		if err := readArea(&rights, plans, sallyport.GroupID(group), access.Area(area), body); err != nil {
			return access.Rights{}, nil, fmt.Errorf("stored rights of %s: %w", subject, err)
		}
	}
	return rights, plans, nil
}

func readArea(rights *access.Rights, plans map[sallyport.GroupID]dlp.Policy, group sallyport.GroupID, area access.Area, body []byte) (err error) {
	switch {
	case group == "":
		return rights.Organisation.Set(area, body, true)
	case area == AreaDLP:
		plans[group], err = dlp.ParsePolicy(body)
		return err
	}
	areas := rights.Groups[group]
	err = areas.Set(area, body, false)
	rights.Groups[group] = areas
	return err
}

// Rights returns what the organisation and its groups have decided. Nobody changes it.
func (b *Book) Rights(ctx context.Context, org sallyport.OrgID) (*access.Rights, error) {
	r, err := b.rules(ctx, org)
	if err != nil {
		return nil, err
	}
	return &r.rights, nil
}

// Caller is the principal with what binds it.
func (b *Book) Caller(ctx context.Context, p sallyport.Principal) (access.Caller, error) {
	rights, err := b.Rights(ctx, p.Org)
	return access.Caller{Org: p.Org, User: p.User, Role: p.Role, Groups: p.Groups, Rights: rights}, err
}

// GroupDLP returns the DLP policies of groups, of those that have one.
func (b *Book) GroupDLP(ctx context.Context, org sallyport.OrgID) (map[sallyport.GroupID]dlp.Policy, error) {
	r, err := b.rules(ctx, org)
	if err != nil {
		return nil, err
	}
	return maps.Clone(r.groups.policies), nil
}

// DLPFor returns the policy that binds the principal's calls to the models, of
// which one will serve it: the strictest of those of the organisation, see DLP, and
// of those of its groups, from which administrators are exempt.
func (b *Book) DLPFor(ctx context.Context, p sallyport.Principal, models ...sallyport.Model) (*dlp.Plan, error) {
	r, err := b.rules(ctx, p.Org)
	if err != nil {
		return nil, err
	}
	base := b.plan(r, models[0])
	for _, m := range models[1:] {
		if other := b.plan(r, m); other != base {
			base = r.groups.both(b.engine, base, other)
		}
	}
	if p.Role == sallyport.RoleAdministrator || len(r.groups.policies) == 0 {
		return base, nil
	}
	var bound []sallyport.GroupID
	for _, g := range p.Groups {
		if _, decided := r.groups.policies[g.ID]; decided {
			bound = append(bound, g.ID)
		}
	}
	if len(bound) == 0 {
		return base, nil
	}
	return r.groups.plan(b.engine, base, bound), nil
}

// groupPlans are the DLP policies of groups, and the plans that were made of
// them: to make one costs more than a call's screening.
type groupPlans struct {
	policies map[sallyport.GroupID]dlp.Policy

	mu    sync.Mutex
	plans map[joined]*dlp.Plan
}

// joined is a policy with another, or with those of groups.
type joined struct {
	base   *dlp.Plan
	other  *dlp.Plan
	groups string
}

// joinedMax bounds the plans that are kept; past it all are dropped.
const joinedMax = 1_000

func (g *groupPlans) plan(engine *dlp.Engine, base *dlp.Plan, groups []sallyport.GroupID) *dlp.Plan {
	slices.Sort(groups)
	return g.join(engine, joined{base: base, groups: fmt.Sprint(groups)}, func() dlp.Policy {
		policy := base.Policy()
		for _, id := range groups {
			policy = dlp.Strictest(policy, g.policies[id])
		}
		return policy
	})
}

func (g *groupPlans) both(engine *dlp.Engine, a, b *dlp.Plan) *dlp.Plan {
	return g.join(engine, joined{base: a, other: b}, func() dlp.Policy { return dlp.Strictest(a.Policy(), b.Policy()) })
}

func (g *groupPlans) join(engine *dlp.Engine, key joined, strictest func() dlp.Policy) *dlp.Plan {
	g.mu.Lock()
	defer g.mu.Unlock()
	if plan := g.plans[key]; plan != nil {
		return plan
	}
	policy := strictest()
	if g.plans == nil || len(g.plans) >= joinedMax {
		g.plans = make(map[joined]*dlp.Plan)
	}
	g.plans[key] = engine.Plan(policy)
	return g.plans[key]
}

// RightsBodies are the policies to store for what is decided, by subject: nil
// for an area from which a decision is taken back, and none for areas that are
// left out. group is empty for the organisation, which has no DLP policy here.
func RightsBodies(group sallyport.GroupID, decided access.Areas, dlpPolicy []byte) (map[string][]byte, error) {
	areas := make(map[access.Area][]byte)
	for area, of := range map[access.Area]any{
		access.Integrations: decided.Integrations, access.Models: decided.Models,
		access.Tools: decided.Tools, access.Features: decided.Features,
	} {
		body, err := json.Marshal(of)
		if err != nil {
			return nil, err
		}
		if string(body) != "null" {
			areas[area] = body
		}
	}
	if body := bytes.TrimSpace(dlpPolicy); len(body) > 0 && string(body) != "null" {
		areas[AreaDLP] = body
	}
	bodies := make(map[string][]byte, len(areas))
	for area, body := range areas {
		one, err := RightsBody(group, area, body)
		if err != nil {
			return nil, err
		}
		maps.Copy(bodies, one)
	}
	return bodies, nil
}

// RightsBody is RightsBodies for one area.
func RightsBody(group sallyport.GroupID, area access.Area, body []byte) (map[string][]byte, error) {
	subject := RightsSubject(group, area)
	if string(body) == "{}" {
		return map[string][]byte{subject: nil}, nil
	}
	read := access.Rights{Groups: make(map[sallyport.GroupID]access.Areas)}
	if err := readArea(&read, make(map[sallyport.GroupID]dlp.Policy), group, area, body); err != nil {
		return nil, err
	}
	return map[string][]byte{subject: body}, nil
}
