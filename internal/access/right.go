package access

import (
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport"
)

// Right is what a caller may do with one thing, and where that comes from.
type Right struct {
	Area Area
	// Name is that of the feature, model, integration or tool; OtherThings is
	// whatever is not named.
	Name    string
	Allowed bool
	From    Source
	Ceiling State // what the organisation says
}

// OtherThings stands for the things of an area that nobody has named.
const OtherThings = "*"

// Source is who decided a right.
type Source struct {
	// Scope is one of the constants below.
	Scope string
	Group sallyport.Group // of FromGroup
	Role  sallyport.Role  // of FromRole
}

// The scopes of a Source.
const (
	FromDefault      = "default"      // nobody has decided
	FromOrganisation = "organisation" // the ceiling
	FromGroup        = "group"        // this one
	FromNoGroup      = "no_group"     // none of the caller's groups grants what one has to
	FromRole         = "role"
)

func (s Source) String() string {
	switch s.Scope {
	case FromGroup:
		return "group " + s.Group.Name
	case FromNoGroup:
		return "no group grants it"
	case FromRole:
		return "role " + string(s.Role)
	}
	return s.Scope
}

// String tells a right in a line: "on: group SOC; ceiling: organisation on".
func (r Right) String() string {
	value := "off"
	if r.Allowed {
		value = "on"
	}
	return value + ": " + r.From.String() + "; ceiling: organisation " + strings.ReplaceAll(string(r.Ceiling), "_", " ")
}

// Feature is the caller's right to a feature.
func (c Caller) Feature(f Feature) Right {
	action := map[Feature]string{AgentCreation: "agents.create", FileUpload: UploadFile, APIKeyAccess: UseKey}[f]
	stands, allowed := c.feature(f), May(c, action).Allowed
	r := Right{Area: Features, Name: string(f), Allowed: allowed, From: c.source(stands), Ceiling: stands.ceiling}
	switch {
	case r.From.Scope == FromRole || stands.Standing != StandsOn || f != AgentCreation:
	case !allowed && len(c.Groups) > 0 && c.Role == sallyport.RoleAgentCreator:
		r.From = Source{Scope: FromNoGroup}
	default: // without a word of anybody it is a matter of roles
		r.From = Source{Scope: FromRole, Role: c.Role}
	}
	return r
}

// Thing is the caller's right to use a model, integration or tool.
func (c Caller) Thing(action string, r Resource) Right {
	stands := c.thing(action, r)
	return Right{Area: areas[action], Name: r.Name, Allowed: Allowed(c, action, r).Allowed, From: c.source(stands), Ceiling: stands.ceiling}
}

func (c Caller) source(s stand) Source {
	switch {
	case s.Standing == StandsOff:
		return Source{Scope: FromOrganisation}
	case s.Standing == StandsGranted:
		return Source{Scope: FromGroup, Group: s.group}
	case s.Standing == StandsOn && s.decided:
		return Source{Scope: FromOrganisation}
	case s.Standing == StandsOn:
		return Source{Scope: FromDefault}
	case c.Role == sallyport.RoleAdministrator: // whom no group limits
		return Source{Scope: FromRole, Role: c.Role}
	case s.Standing == StandsRefused:
		return Source{Scope: FromGroup, Group: s.group}
	}
	return Source{Scope: FromOrganisation}
}

// Named lists the integrations or tools that the organisation or a group has
// decided on, sorted, and OtherThings.
func (c Caller) Named(action string) []string {
	names := map[string]bool{OtherThings: true}
	note := func(a Areas) {
		if things := a.things(areas[action]); things != nil {
			for name := range things.Names {
				names[name] = true
			}
		}
	}
	if c.Rights != nil {
		note(c.Rights.Organisation)
		for _, a := range c.Rights.Groups {
			note(a)
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Granting lists the groups that grant what a denied action needs, by id; none
// when no grant would do.
func (c Caller) Granting(action string, r Resource) (groups []sallyport.GroupID) {
	needs := Allowed(c, action, r).Needs()
	if needs.Grant == "" || needs.Organisation || c.Rights == nil {
		return nil
	}
	for id := range c.Rights.Groups {
		with := c
		with.Groups = append(slices.Clone(c.Groups), sallyport.Group{ID: id})
		if Allowed(with, action, r).Allowed {
			groups = append(groups, id)
		}
	}
	slices.Sort(groups)
	return groups
}
