package server

import (
	"context"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
)

// may asks whether the caller may do the action to anything at all. It stands
// before every operation, of /v1 as of the control plane. An operation on one
// thing asks allowed as soon as it knows whose that is.
func (s *Server) may(ctx context.Context, p sallyport.Principal, action string) error {
	caller, err := s.parts.Policies.Caller(ctx, p)
	if err != nil {
		return err
	}
	if err := access.Enter(caller, p.Key); err != nil {
		return err
	}
	return access.May(caller, action).Err()
}

// allowed asks whether the caller may do the action to the thing.
func (s *Server) allowed(ctx context.Context, p sallyport.Principal, action string, r access.Resource) error {
	caller, err := s.parts.Policies.Caller(ctx, p)
	if err != nil {
		return err
	}
	return access.Allowed(caller, action, r).Err()
}

// owned is a thing of a member of the caller's organisation.
func owned(p sallyport.Principal, owner sallyport.UserID) access.Resource {
	return access.Resource{Org: p.Org, Owner: owner}
}

// models are those that the caller may use, sorted by id.
func (s *Server) models(ctx context.Context, p sallyport.Principal) ([]sallyport.Model, error) {
	caller, err := s.parts.Policies.Caller(ctx, p)
	if err != nil {
		return nil, err
	}
	all, err := s.parts.Models.Models(ctx, p.Org)
	return access.Filter(caller, access.UseModel, all, func(m sallyport.Model) access.Resource { return access.Model(p.Org, m) }), err
}

// actions are the names of all that the caller may do.
func (s *Server) actions(ctx context.Context, p sallyport.Principal) ([]string, error) {
	caller, err := s.parts.Policies.Caller(ctx, p)
	if err != nil {
		return nil, err
	}
	return access.Actions(caller), nil
}
