package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
	"github.com/sallyport-ai/sallyport/internal/catalogue"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/policy"
)

type groupPolicyCmd struct {
	Show groupPolicyShow `cmd:"" help:"Show what a group, or without one the organisation, has decided on rights."`
	Set  groupPolicySet  `cmd:"" help:"Decide an area of a group's rights, or of the organisation's ceiling."`
}

// rightsArg names a group, or the organisation as the ceiling of all.
type rightsArg struct {
	orgFlag
	Group string `help:"The group, by id or name. Default: the organisation, which is the ceiling." placeholder:"GROUP"`
}

func (c rightsArg) with(ctx context.Context, a *app, f func(i *instance, org sallyport.OrgID, group sallyport.GroupID) error) error {
	return c.orgFlag.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		if c.Group == "" {
			return f(i, org.ID, "")
		}
		g, err := i.group(ctx, org.ID, c.Group)
		if err != nil {
			return err
		}
		return f(i, org.ID, g.ID)
	})
}

// areaView is one area as it was decided.
type areaView struct {
	Area    access.Area     `json:"area"`
	Decided json.RawMessage `json:"decided"`
}

type groupPolicyShow struct {
	rightsArg
	jsonFlag
}

func (c *groupPolicyShow) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.OrgID, group sallyport.GroupID) error {
		stored, err := i.db.Policies(ctx, org, policy.KindRights)
		if err != nil {
			return err
		}
		views := []areaView{}
		for _, area := range policy.GroupAreas() {
			if body, decided := stored[policy.RightsSubject(group, area)]; decided {
				views = append(views, areaView{area, body})
			}
		}
		return list(a.out, c.jsonFlag, views, "AREA DECIDED", func(v areaView) []any { return []any{v.Area, string(v.Decided)} })
	})
}

type groupPolicySet struct {
	rightsArg
	Area string `arg:"" enum:"integrations,models,tools,features,dlp" help:"integrations, models, tools, features, or of a group dlp."`
	File string `arg:"" help:"A file with what is decided, in JSON as of PUT /api/v1/groups/{id}/policies; - reads it from the input. {} takes back what was decided."`
}

func (c *groupPolicySet) Run(ctx context.Context, a *app) error {
	body, err := readDecision(a, c.File)
	if err != nil {
		return err
	}
	return c.with(ctx, a, func(i *instance, org sallyport.OrgID, group sallyport.GroupID) error {
		bodies, err := policy.RightsBody(group, access.Area(c.Area), body)
		if err != nil {
			return err
		}
		resource, action := "organisation", "organisation.set_policies"
		if group != "" {
			resource, action = "group/"+string(group), "groups.set_policies"
		}
		told := map[string]any{c.Area: json.RawMessage(body)}
		if c.Area == string(policy.AreaDLP) {
			told[c.Area] = "changed" // it may list values that are let through
		}
		known, err := i.knownNames(ctx, org)
		if err != nil {
			return err
		}
		check := func(stored map[string][]byte) error { return known.Check(group, bodies, stored) }
		err = i.db.SetPolicies(ctx, org, policy.KindRights, bodies, check, i.event(org, action, resource, told))
		return a.done(err, "decided: %s of %s", c.Area, cmp.Or(c.Group, "the organisation"))
	})
}

// knownNames are those of models and providers that can be decided on.
func (i *instance) knownNames(ctx context.Context, org sallyport.OrgID) (policy.Known, error) {
	models, err := catalogue.New(i.cfg.Catalogue(), i.db).All(ctx, org)
	if err != nil {
		return policy.Known{}, err
	}
	own, err := i.db.Providers(ctx, org)
	if err != nil {
		return policy.Known{}, err
	}
	groups, err := i.db.ModelGroups(ctx, org)
	if err != nil {
		return policy.Known{}, err
	}
	var names []string
	for _, p := range own {
		names = append(names, p.Name)
	}
	for _, p := range i.cfg.Providers {
		names = append(names, p.Name)
	}
	return policy.NewKnown(models, groups, names...), nil
}

// readDecision reads JSON from a file, or from standard input.
func readDecision(a *app, file string) ([]byte, error) {
	body, err := a.read(file, dlp.PolicyBytesMax)
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, body); err != nil {
		return nil, fmt.Errorf("%s is no JSON: %w", file, err)
	}
	return compact.Bytes(), nil
}

type groupEffective struct {
	orgFlag
	jsonFlag
	Member string `arg:"" help:"The member, by id or e-mail address."`
}

type effectiveRow struct {
	Area  access.Area `json:"area"`
	Name  string      `json:"name"`
	Right string      `json:"right"`
}

func (c *groupEffective) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		m, err := i.member(ctx, org.ID, c.Member)
		if err != nil {
			return err
		}
		groups, err := i.db.MemberGroups(ctx, org.ID, m.User.ID)
		if err != nil {
			return err
		}
		stored, err := i.db.Policies(ctx, org.ID, policy.KindRights)
		if err != nil {
			return err
		}
		rights, _, err := policy.ReadRights(stored)
		if err != nil {
			return err
		}
		caller := access.Caller{Org: org.ID, User: m.User.ID, Role: m.Role, Groups: groups, Rights: &rights}
		models, err := i.models(ctx, org.ID)
		if err != nil {
			return err
		}
		return list(a.out, c.jsonFlag, effectiveRows(caller, models), "AREA NAME RIGHT", func(r effectiveRow) []any {
			return []any{r.Area, r.Name, r.Right}
		})
	})
}

// effectiveRows are the rights of a caller. Models that the organisation has
// switched off are nobody's and stand in 'sallyport model list'.
func effectiveRows(c access.Caller, models []modelView) (rows []effectiveRow) {
	add := func(r access.Right) { rows = append(rows, effectiveRow{r.Area, r.Name, r.String()}) }
	for _, f := range access.AllFeatures() {
		add(c.Feature(f))
	}
	for _, m := range models {
		if m.Enabled {
			add(c.Thing(access.UseModel, access.Resource{Org: c.Org, Name: m.ID, Provider: m.Provider, Groups: m.Groups}))
		}
	}
	for _, action := range []string{access.UseIntegration, access.UseTool} {
		for _, name := range c.Named(action) {
			add(c.Thing(action, access.Resource{Org: c.Org, Name: name}))
		}
	}
	return rows
}
