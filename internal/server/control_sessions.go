package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/identity"
)

type ownSessionView struct {
	ID        sallyport.SessionID `json:"id"`
	Current   bool                `json:"current" doc:"The one that asks"`
	CreatedAt time.Time           `json:"created_at"`
	SeenAt    time.Time           `json:"seen_at"`
	ExpiresAt time.Time           `json:"expires_at" doc:"Unless it is used before"`
	Address   string              `json:"address" doc:"From where it was begun"`
	UserAgent string              `json:"user_agent"`
}

type sessionPath struct {
	ID sallyport.SessionID `path:"id"`
}

// controlSessions shows people their own sessions.
func (s *Server) controlSessions(api huma.API) {
	huma.Register(api, ofPeople(operation("listSessions", "sessions.list", http.MethodGet, "/sessions", "List your sessions in this organisation")),
		func(ctx context.Context, _ *struct{}) (*body[[]ownSessionView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]ownSessionView, error) { return s.ownSessions(ctx, p) }))
		})
	huma.Register(api, ofPeople(operation("endSession", "sessions.end", http.MethodDelete, "/sessions/{id}", "End one of your sessions at once")),
		func(ctx context.Context, in *sessionPath) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.parts.Control.EndSession(ctx, p.Org, p.User, in.ID, s.event(ctx, sessionResource(in.ID), nil))
			})
		})
}

func (s *Server) ownSessions(ctx context.Context, p sallyport.Principal) ([]ownSessionView, error) {
	sessions, err := s.parts.Control.Sessions(ctx, p.Org, p.User)
	if err != nil {
		return nil, err
	}
	now := s.parts.Now()
	views := make([]ownSessionView, 0, len(sessions))
	for _, one := range sessions {
		if one.LiveAt(now) {
			views = append(views, ownSessionView{
				one.ID, one.ID == p.Session, one.CreatedAt.UTC(), one.SeenAt.UTC(), one.EndsAt().UTC(), one.Source.IP, one.Source.UserAgent,
			})
		}
	}
	return views, nil
}

type passwordChange struct {
	Body struct {
		Current string `json:"current" minLength:"1" maxLength:"1024"`
		New     string `json:"new" minLength:"1" maxLength:"1024"`
	}
}

// controlPassword lets people change their password.
func (s *Server) controlPassword(api huma.API) {
	huma.Register(api, ofPeople(operation("changePassword", "password.change", http.MethodPut, "/password",
		"Change your password in all organisations where it is the present one; all your sessions there end, and the answer begins a new one")),
		func(ctx context.Context, in *passwordChange) (*sessionAnswer, error) {
			return change(s, ctx, func(p sallyport.Principal) (*sessionAnswer, error) {
				return s.changePassword(ctx, p, in.Body.Current, in.Body.New)
			})
		})
}

func (s *Server) changePassword(ctx context.Context, p sallyport.Principal, current, chosen string) (*sessionAnswer, error) {
	m, err := s.parts.Control.Member(ctx, p.Org, p.User)
	if err != nil {
		return nil, err
	}
	if err := identity.CheckChosen(chosen, m.User.Email); err != nil {
		return nil, err
	}
	old, err := s.parts.Control.PasswordHash(ctx, p.Org, p.User)
	if err != nil {
		return nil, err
	}
	if err := s.parts.Door.Check(ctx, p.User, old, current); err != nil {
		return nil, err
	}
	hash, err := identity.HashPassword(chosen)
	if err != nil {
		return nil, err
	}
	err = s.parts.Control.ChangePassword(ctx, p.Org, p.User, old, hash, func(sallyport.OrgID) sallyport.Record {
		return s.event(ctx, userResource(p.User), nil)
	})
	if err != nil {
		return nil, err
	}
	s.parts.Forget()
	after := *CallOf(ctx)
	after.Principal = sallyport.Principal{Org: p.Org, User: p.User, Role: p.Role}
	after.Action = "session.create"
	return s.begin(ctx, &after)
}
