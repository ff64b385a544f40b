package access

import (
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport"
)

// Needs is what would let a caller do what was denied. Each of Role and Switch
// alone is enough.
type Needs struct {
	// Role is the least role that would do; "": none would.
	Role sallyport.Role
	// Grant is what a group would have to grant: a feature, or "thing", which is
	// the model, integration or tool in question; "": no grant would do.
	Grant string
	// Organisation says that the organisation has switched it off and has to
	// switch it on first.
	Organisation bool
}

// thingGrant stands for the grant of the one thing that the action is about.
const thingGrant = "thing"

// Needs asks the policies again, as if things were otherwise.
func (d Decision) Needs() Needs {
	if d.Allowed || d.facts.stranger {
		return Needs{}
	}
	if n := d.facts.needs(); n != (Needs{}) {
		return n
	}
	opened := d.facts
	for _, s := range []*Standing{&opened.thing, &opened.agents, &opened.files, &opened.keys} {
		if *s == StandsOff {
			*s = StandsByGroup
		}
	}
	n := opened.needs()
	n.Organisation = n != (Needs{})
	return n
}

func (f facts) needs() (n Needs) {
	for _, role := range roles {
		as := f
		as.role = role
		if decide(as).Allowed {
			n.Role = role
			break
		}
	}
	as := f
	as.inGroups = true
	for _, g := range []struct {
		name string
		is   *Standing
	}{
		{thingGrant, &as.thing}, {string(AgentCreation), &as.agents}, {string(FileUpload), &as.files}, {string(APIKeyAccess), &as.keys},
	} {
		before := *g.is
		if before == StandsOff { // no group opens what the organisation has closed
			continue
		}
		if *g.is = StandsGranted; decide(as).Allowed {
			n.Grant = g.name
		}
		*g.is = before
	}
	return n
}

// String says it in words: "the role administrator, or a group that grants agent creation".
func (n Needs) String() string {
	var ways []string
	if n.Role != "" {
		ways = append(ways, "the role "+string(n.Role))
	}
	switch n.Grant {
	case "":
	case thingGrant:
		ways = append(ways, "a group that grants it")
	default:
		ways = append(ways, "a group that grants "+strings.ReplaceAll(n.Grant, "_", " "))
	}
	return strings.Join(ways, ", or ")
}

// Err is the refusal: nil when the action is allowed.
func (d Decision) Err() error {
	if d.Allowed {
		return nil
	}
	n := d.Needs()
	switch {
	case d.Policy == "" && !slices.Contains(compiled().actions, d.facts.action):
		return sallyport.NewError(sallyport.Forbidden, "no policy lets anybody do this")
	case n.Organisation:
		return sallyport.NewError(sallyport.Forbidden, d.Reason)
	case n == Needs{}:
		return sallyport.NewError(sallyport.Forbidden, "nobody may do this with what is not theirs")
	}
	return sallyport.NewError(sallyport.Forbidden, "this needs "+n.String())
}
