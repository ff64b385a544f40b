package store

import (
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport"
)

// groupIDs are the groups of a call's owner as the rows of the call note them:
// ",id,id," in their order, or nothing. One text, so that a call of somebody in
// groups costs no row more than another.
type groupIDs string

func joinGroups(ids []sallyport.GroupID) groupIDs {
	if len(ids) == 0 {
		return ""
	}
	var b strings.Builder
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		b.WriteString("," + string(id))
	}
	return groupIDs(b.String() + ",")
}

// each yields the ids one by one.
func (g groupIDs) each(yield func(id string) bool) {
	if g == "" {
		return
	}
	for id := range strings.SplitSeq(strings.Trim(string(g), ","), ",") {
		if !yield(id) {
			return
		}
	}
}

// all reverses joinGroups.
func (g groupIDs) all() (ids []sallyport.GroupID) {
	for id := range g.each {
		ids = append(ids, sallyport.GroupID(id))
	}
	return ids
}

// inGroup is a condition on a column of groupIDs. Ids of groups are UUIDs: there
// is nothing in them that LIKE takes for more than a letter.
func inGroup(column, id string) string { return column + ` LIKE '%,' || ` + id + ` || ',%'` }
