package server

import (
	"context"
	"slices"

	"github.com/sallyport-ai/sallyport"
)

// theOne is the one of all that is meant; NotFound when there is none.
func theOne[T any](kind string, all []T, err error, meant func(T) bool) (T, error) {
	if i := slices.IndexFunc(all, meant); err == nil && i >= 0 {
		return all[i], nil
	}
	if err == nil {
		err = sallyport.NewError(sallyport.NotFound, "there is no such "+kind)
	}
	var none T
	return none, err
}

// model finds a model of the organisation, switched off or not.
func (s *Server) model(ctx context.Context, org sallyport.OrgID, id string) (sallyport.Model, error) {
	all, err := s.parts.Models.All(ctx, org)
	return theOne("model", all, err, func(m sallyport.Model) bool { return m.ID == id })
}

// modelOrNone is model, and the zero Model for "", which is no model in particular.
func (s *Server) modelOrNone(ctx context.Context, org sallyport.OrgID, id string) (sallyport.Model, error) {
	if id == "" {
		return sallyport.Model{}, nil
	}
	return s.model(ctx, org, id)
}

// group finds a group of the organisation.
func (s *Server) group(ctx context.Context, org sallyport.OrgID, id sallyport.GroupID) (sallyport.Group, error) {
	all, err := s.parts.Control.Groups(ctx, org)
	return theOne("group", all, err, func(g sallyport.Group) bool { return g.ID == id })
}

// checkSubject wants the id of a group, user, key or model of the organisation.
func (s *Server) checkSubject(ctx context.Context, org sallyport.OrgID, scope, id string) (err error) {
	switch scope {
	case "model":
		_, err = s.model(ctx, org, id)
	case "group":
		_, err = s.group(ctx, org, sallyport.GroupID(id))
	case "user":
		_, err = s.parts.Control.Member(ctx, org, sallyport.UserID(id))
	case "key":
		var all []sallyport.Key
		all, err = s.parts.Control.Keys(ctx, org)
		_, err = theOne("key", all, err, func(k sallyport.Key) bool { return string(k.ID) == id })
	default:
		err = sallyport.NewError(sallyport.NotFound, "there is no such "+scope)
	}
	return err
}
