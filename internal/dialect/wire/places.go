package wire

import "slices"

// Places are members by name, each with the places where it is meant: the names of
// the members that lead to it, arrays left out. The name alone does not count, for
// anybody can send any name anywhere.
type Places map[string][][]string

// Has says whether the member at the end of place is meant there.
func (p Places) Has(place []string) bool {
	if len(place) == 0 {
		return false
	}
	last := len(place) - 1
	return slices.ContainsFunc(p[place[last]], func(above []string) bool { return slices.Equal(above, place[:last]) })
}
