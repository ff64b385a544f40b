package server

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport"
)

// names are what people call the things that limits, budgets and usage name by
// their ids, by "user/ID", "key/ID", "group/ID", "agent/ID" and "model/ID".
type names map[string]string

// of is the name of a thing, its id where it has none (any more).
func (n names) of(scope, id string) string { return cmp.Or(n[scope+"/"+id], id) }

// namesOf reads the names of those things; of other scopes there are none.
func (s *Server) namesOf(ctx context.Context, org sallyport.OrgID, of ...string) (names, error) {
	n := make(names, len(of))
	stored, err := s.parts.Control.Names(ctx, org, of)
	if err != nil {
		return n, err
	}
	for id, name := range stored {
		switch scope, _, _ := strings.Cut(id, "/"); scope {
		case "user":
			n[id] = name.Detail
		case "key":
			n[id] = name.Name + " (" + name.Detail + "…)"
		default:
			n[id] = name.Name
		}
	}
	return n, s.addNames(ctx, org, of, n)
}

// addNames adds those that do not come from the database alone.
func (s *Server) addNames(ctx context.Context, org sallyport.OrgID, of []string, n names) error {
	asked := func(scope string) bool {
		return slices.ContainsFunc(of, func(id string) bool { return strings.HasPrefix(id, scope) })
	}
	if asked("agent/") {
		agents, err := s.parts.Agents.All(ctx, org)
		if err != nil {
			return err
		}
		for _, a := range agents {
			n["agent/"+string(a.ID)] = a.Definition.DisplayName
		}
	}
	if asked("model/") {
		models, err := s.parts.Models.All(ctx, org)
		if err != nil {
			return err
		}
		for _, m := range models {
			n["model/"+m.ID] = m.DisplayName
		}
	}
	return nil
}

// memberNames reads what those members are called.
func (s *Server) memberNames(ctx context.Context, org sallyport.OrgID, who ...sallyport.UserID) (map[sallyport.UserID]string, error) {
	of := make([]string, len(who))
	for i, id := range who {
		of[i] = userResource(id)
	}
	stored, err := s.parts.Control.Names(ctx, org, of)
	names := make(map[sallyport.UserID]string, len(stored))
	for i, id := range who {
		names[id] = stored[of[i]].Name
	}
	return names, err
}

// usersOf lists whose things those are.
func usersOf[T any](things []T, user func(T) sallyport.UserID) []sallyport.UserID {
	who := make([]sallyport.UserID, len(things))
	for i, thing := range things {
		who[i] = user(thing)
	}
	return who
}
