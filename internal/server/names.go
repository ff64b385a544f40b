package server

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport"
)

// Names are what people call the things that limits, budgets and usage name by
// their ids, by "user/ID", "key/ID", "group/ID", "agent/ID" and "model/ID".
type Names map[string]string

// Of is the name of a thing, its id where it has none (any more).
func (n Names) Of(scope, id string) string { return cmp.Or(n[scope+"/"+id], id) }

// Label is the name of a thing where it has another than its id; "" of a day, too.
func (n Names) Label(scope, id string) string {
	if name := n.Of(scope, id); name != id {
		return name
	}
	return ""
}

// NameSource is where names are read.
type NameSource struct {
	Stored interface {
		Names(ctx context.Context, org sallyport.OrgID, of []string) (map[string]sallyport.Name, error)
	}
	Agents func(ctx context.Context, org sallyport.OrgID) ([]sallyport.Agent, error)
	Models func(ctx context.Context, org sallyport.OrgID) ([]sallyport.Model, error)
}

// Read reads the names of those things; of other scopes there are none.
func (f NameSource) Read(ctx context.Context, org sallyport.OrgID, of ...string) (Names, error) {
	n := make(Names, len(of))
	stored, err := f.Stored.Names(ctx, org, of)
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
	return n, f.add(ctx, org, of, n)
}

// add adds those that do not come from the database alone.
func (f NameSource) add(ctx context.Context, org sallyport.OrgID, of []string, n Names) error {
	asked := func(scope string) bool {
		return slices.ContainsFunc(of, func(id string) bool { return strings.HasPrefix(id, scope) })
	}
	if asked("agent/") {
		agents, err := f.Agents(ctx, org)
		if err != nil {
			return err
		}
		for _, a := range agents {
			n["agent/"+string(a.ID)] = a.Definition.DisplayName
		}
	}
	if asked("model/") {
		models, err := f.Models(ctx, org)
		if err != nil {
			return err
		}
		for _, m := range models {
			n["model/"+m.ID] = m.DisplayName
		}
	}
	return nil
}

func (s *Server) namesOf(ctx context.Context, org sallyport.OrgID, of ...string) (Names, error) {
	return NameSource{s.parts.Control, s.parts.Agents.All, s.parts.Models.All}.Read(ctx, org, of...)
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
