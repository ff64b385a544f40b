package server

import (
	"context"

	"github.com/sallyport-ai/sallyport"
)

// names are what people call the things that limits, budgets and usage name by
// their ids.
type names struct {
	users, groups, keys, agents, models map[string]string
}

// of is the name of a thing, its id where it has none (any more).
func (n names) of(scope, id string) string {
	var all map[string]string
	switch scope {
	case "user":
		all = n.users
	case "group":
		all = n.groups
	case "key":
		all = n.keys
	case "agent":
		all = n.agents
	case "model":
		all = n.models
	}
	if name := all[id]; name != "" {
		return name
	}
	return id
}

// allNames reads the names of everything that the organisation has.
func (s *Server) allNames(ctx context.Context, org sallyport.OrgID) (names, error) {
	n := names{
		users: make(map[string]string), groups: make(map[string]string), keys: make(map[string]string),
		agents: make(map[string]string), models: make(map[string]string),
	}
	members, err := s.parts.Control.Members(ctx, org)
	if err != nil {
		return n, err
	}
	for _, m := range members {
		n.users[string(m.User.ID)] = m.User.Email
	}
	groups, err := s.parts.Control.Groups(ctx, org)
	if err != nil {
		return n, err
	}
	for _, g := range groups {
		n.groups[string(g.ID)] = g.Name
	}
	keys, err := s.parts.Control.Keys(ctx, org)
	if err != nil {
		return n, err
	}
	for _, k := range keys {
		n.keys[string(k.ID)] = k.Name + " (" + k.Prefix + "…)"
	}
	return n, s.addNames(ctx, org, n)
}

// addNames adds those that do not come from the database alone.
func (s *Server) addNames(ctx context.Context, org sallyport.OrgID, n names) error {
	agents, err := s.parts.Agents.All(ctx, org)
	if err != nil {
		return err
	}
	for _, a := range agents {
		n.agents[string(a.ID)] = a.Definition.DisplayName
	}
	models, err := s.parts.Models.All(ctx, org)
	for _, m := range models {
		n.models[m.ID] = m.DisplayName
	}
	return err
}
