package access

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/sallyport-ai/sallyport"
)

// State is what a group or the organisation says of one thing. "" is nothing.
type State string

// The states.
const (
	On State = "on"
	// Off of a group counts unless another group of the member says On. Off of
	// the organisation is for everybody, administrators included.
	Off State = "off"
	// ByGroup is the organisation's alone: off, but a group can grant it.
	ByGroup State = "by_group"
)

// Area is one of the areas of rights that is kept apart, so that two who change
// different areas at once do not undo each other. DLP is an area too; package
// policy has it.
type Area string

// The areas.
const (
	Integrations Area = "integrations"
	Models       Area = "models"
	Tools        Area = "tools"
	Features     Area = "features"
)

// Feature is a permission that is no matter of a single thing.
type Feature string

// The features.
const (
	AgentCreation Feature = "agent_creation"
	FileUpload    Feature = "file_upload"
	APIKeyAccess  Feature = "api_key_access"
)

// AllFeatures lists the features.
func AllFeatures() []Feature { return []Feature{AgentCreation, FileUpload, APIKeyAccess} }

// Things says of the things of one area, by name, what a group or the
// organisation says of them. A name is stronger than the model groups that it is
// in, these than its provider, and that is stronger than Default.
type Things struct {
	Default   State            `json:"default,omitempty" enum:"on,off,by_group" doc:"What holds for those that are not named"`
	Names     map[string]State `json:"names,omitempty" doc:"By the id of the model, or the name of the integration or tool: on, off, or by_group, which is the organisation's alone"`
	Groups    map[string]State `json:"groups,omitempty" doc:"Of models: by the name of the model group. Of several groups that a model is in, off counts before by_group, and that before on"`
	Providers map[string]State `json:"providers,omitempty" doc:"Of models: by the name of the provider. Of tools: by the name of the integration"`
}

func (t Things) of(name, provider string, groups []string) State {
	if state := t.Names[name]; state != "" {
		return state
	}
	if state := t.ofGroups(groups); state != "" {
		return state
	}
	if state := t.Providers[provider]; state != "" {
		return state
	}
	return t.Default
}

// ofGroups is the strictest of what is said of the groups.
func (t Things) ofGroups(groups []string) State {
	for _, strictest := range []State{Off, ByGroup, On} {
		if slices.ContainsFunc(groups, func(g string) bool { return t.Groups[g] == strictest }) {
			return strictest
		}
	}
	return ""
}

// Switches are what a group or the organisation says of features.
type Switches map[Feature]State

// Areas is all that a group or the organisation has decided. An area that is
// left out says nothing.
type Areas struct {
	Integrations *Things  `json:"integrations,omitempty"`
	Models       *Things  `json:"models,omitempty"`
	Tools        *Things  `json:"tools,omitempty" doc:"Actions of integrations, each named as a model sees it"`
	Features     Switches `json:"features,omitempty" doc:"agent_creation, file_upload, api_key_access"`
}

// areas has the area of each action on a thing.
var areas = map[string]Area{UseModel: Models, UseIntegration: Integrations, UseTool: Tools}

// things returns the area of that name; nil when nothing is decided.
func (a Areas) things(area Area) *Things {
	switch area {
	case Integrations:
		return a.Integrations
	case Models:
		return a.Models
	case Tools:
		return a.Tools
	}
	return nil
}

// of returns what is said of a thing of the area.
func (a Areas) of(area Area, name, provider string, groups ...string) State {
	if things := a.things(area); things != nil {
		return things.of(name, provider, groups)
	}
	return ""
}

// Rights is what an organisation and its groups have decided.
type Rights struct {
	Organisation Areas
	Groups       map[sallyport.GroupID]Areas
}

// Bounds of what is decided of an area.
const (
	NamesMax = 1_000
	NameMax  = 200 // bytes
)

// IsName says whether a model, model group, provider, integration or tool can have
// that name.
func IsName(n string) bool { return name.MatchString(n) }

var name = regexp.MustCompile(fmt.Sprintf(`^[!-~]{1,%d}$`, NameMax))

// Set reads what is decided of an area, strictly, and puts it into a. ceiling
// says that it is the organisation's.
func (a *Areas) Set(area Area, body []byte, ceiling bool) error {
	var err error
	switch area {
	case Integrations:
		a.Integrations, err = things(area, body, ceiling)
	case Models:
		a.Models, err = things(area, body, ceiling)
	case Tools:
		a.Tools, err = things(area, body, ceiling)
	case Features:
		a.Features, err = switches(body, ceiling)
	default:
		err = fmt.Errorf("there is no such area; use integrations, models, tools or features")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", area, err)
	}
	return nil
}

func things(area Area, body []byte, ceiling bool) (*Things, error) {
	var t Things
	if err := strict(body, &t); err != nil {
		return nil, err
	}
	if len(t.Names)+len(t.Groups)+len(t.Providers) > NamesMax {
		return nil, fmt.Errorf("there are more than %d names", NamesMax)
	}
	if len(t.Providers) > 0 && area == Integrations {
		return nil, fmt.Errorf("integrations have no providers")
	}
	if len(t.Groups) > 0 && area != Models {
		return nil, fmt.Errorf("only models are in model groups")
	}
	if t.Default != "" {
		if err := check(t.Default, ceiling); err != nil {
			return nil, fmt.Errorf("default: %w", err)
		}
	}
	for _, names := range []map[string]State{t.Names, t.Groups, t.Providers} {
		for _, n := range slices.Sorted(maps.Keys(names)) {
			if !IsName(n) || n == OtherThings {
				return nil, fmt.Errorf("a name has 1 to %d characters, all of them visible ASCII, and is not %s: what is not named is the default", NameMax, OtherThings)
			}
			if err := check(names[n], ceiling); err != nil {
				return nil, fmt.Errorf("%s: %w", n, err)
			}
		}
	}
	return &t, nil
}

func switches(body []byte, ceiling bool) (Switches, error) {
	var s Switches
	if err := strict(body, &s); err != nil {
		return nil, err
	}
	for feature, state := range s {
		if !slices.Contains(AllFeatures(), feature) {
			return nil, fmt.Errorf("a feature is not known; there are agent_creation, file_upload and api_key_access")
		}
		if err := check(state, ceiling); err != nil {
			return nil, fmt.Errorf("%s: %w", feature, err)
		}
	}
	return s, nil
}

func strict(body []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

func check(state State, ceiling bool) error {
	switch {
	case state == On || state == Off || state == ByGroup && ceiling:
		return nil
	case ceiling:
		return fmt.Errorf("the organisation says on, by_group or off")
	}
	return fmt.Errorf("a group says on or off")
}
