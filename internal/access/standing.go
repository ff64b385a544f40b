package access

import (
	"slices"

	"github.com/sallyport-ai/sallyport"
)

// Standing is how a switch stands for a caller, once its groups and the
// organisation were heard.
type Standing string

// The standings; policies.cedar says what each means.
const (
	StandsOff     Standing = "off"
	StandsRefused Standing = "refused"
	StandsByGroup Standing = "by_group"
	StandsOn      Standing = "on"
	StandsGranted Standing = "granted"
)

// stand is a standing and where it comes from.
type stand struct {
	Standing
	group   sallyport.Group // that granted or refused
	ceiling State           // what the organisation says
	decided bool            // or nobody has decided, and ceiling is the default
}

// standing hears the organisation and then the groups: what the organisation has
// switched off is off; else any group that says on is enough.
func (c Caller) standing(of func(Areas) State) stand {
	var decided Rights
	if c.Rights != nil {
		decided = *c.Rights
	}
	s := stand{Standing: StandsOn, ceiling: of(decided.Organisation), decided: true}
	switch s.ceiling {
	case Off:
		s.Standing = StandsOff
		return s
	case ByGroup:
		s.Standing = StandsByGroup
	case "":
		s.ceiling, s.decided = On, false
	}
	for _, g := range c.Groups {
		switch of(decided.Groups[g.ID]) {
		case On:
			s.Standing, s.group = StandsGranted, g
			return s
		case Off:
			if s.Standing != StandsRefused {
				s.Standing, s.group = StandsRefused, g
			}
		}
	}
	return s
}

func (c Caller) feature(f Feature) stand {
	return c.standing(func(a Areas) State { return a.Features[f] })
}

// thing is the standing of the model, integration or tool that the action is
// about. A tool stands no better than its integration.
func (c Caller) thing(action string, r Resource) stand {
	of := func(area Area, name, provider string, groups ...string) stand {
		return c.standing(func(a Areas) State { return a.of(area, name, provider, groups...) })
	}
	switch action {
	case UseModel:
		return of(Models, r.Name, r.Provider, r.Groups...)
	case UseIntegration:
		return of(Integrations, r.Name, "")
	case UseTool:
		tool := of(Tools, r.Name, r.Provider)
		if integration := of(Integrations, r.Provider, ""); r.Provider != "" && integration.below(tool) {
			return integration
		}
		return tool
	}
	return stand{Standing: StandsOn, ceiling: On}
}

// below says whether s lets through less than t.
func (s stand) below(t stand) bool {
	order := []Standing{StandsOff, StandsRefused, StandsByGroup, StandsOn, StandsGranted}
	return slices.Index(order, s.Standing) < slices.Index(order, t.Standing)
}
