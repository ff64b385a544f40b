package sallyport

import "slices"

// AliasKind says what an organisation made a name for.
type AliasKind string

// The kinds.
const (
	Alias  AliasKind = "alias"  // one more name that is listed
	Rename AliasKind = "name"   // the model is listed by it in place of its id; at most one
	Former AliasKind = "former" // a name from before a change: it works, and is listed nowhere
)

// ModelAlias is a name that an organisation gave a model. What is decided, counted
// and written down of a model goes by its id, whatever it is called.
type ModelAlias struct {
	Name  string // unique in the organisation, among ids too
	Model string // its id
	Kind  AliasKind
}

// ModelGroup is a set of models that rights can speak of as one.
type ModelGroup struct {
	Name        string // unique in the organisation
	Description string
	Models      []string // ids, sorted
}

// Bounds of what an organisation makes of names.
const (
	ModelAliasesMax     = 1_000
	ModelGroupsMax      = 100
	ModelGroupModelsMax = 1_000
)

// Names are the names by which the model is listed: the one in place of its id, or
// the id, and then its aliases.
func (m Model) Names() []string {
	var names []string
	for _, kind := range []AliasKind{Rename, Alias} {
		for _, a := range m.Aliases {
			if a.Kind == kind {
				names = append(names, a.Name)
			}
		}
		if kind == Rename && len(names) == 0 {
			names = append(names, m.ID)
		}
	}
	return names
}

// Called says whether a request by that name means the model.
func (m Model) Called(name string) bool {
	return m.ID == name || slices.ContainsFunc(m.Aliases, func(a ModelAlias) bool { return a.Name == name })
}
