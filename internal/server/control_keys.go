package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
)

type meView struct {
	OrgID        sallyport.OrgID  `json:"org_id"`
	Organisation string           `json:"organisation"`
	UserID       sallyport.UserID `json:"user_id"`
	Role         sallyport.Role   `json:"role"`
	KeyID        sallyport.KeyID  `json:"key_id"`
}

// controlIdentity tells a caller who it is.
func (s *Server) controlIdentity(api huma.API) {
	huma.Register(api, operation("me", "identity.get", http.MethodGet, "/me", "Who the key acts as", false),
		func(ctx context.Context, _ *struct{}) (*body[meView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (meView, error) {
				org, err := s.parts.Control.Org(ctx, p.Org)
				return meView{p.Org, org.Name, p.User, p.Role, p.Key}, err
			}))
		})
}

type keyView struct {
	ID        sallyport.KeyID  `json:"id"`
	Name      string           `json:"name"`
	Prefix    string           `json:"prefix" doc:"The first characters of the key"`
	UserID    sallyport.UserID `json:"user_id"`
	CreatedAt time.Time        `json:"created_at"`
	ExpiresAt *time.Time       `json:"expires_at"`
	RevokedAt *time.Time       `json:"revoked_at"`
}

type newKeyView struct {
	Key    keyView `json:"key"`
	APIKey string  `json:"api_key" doc:"The key itself. It is shown this once and kept nowhere"`
}

type keyRequest struct {
	Body struct {
		Name      string    `json:"name" minLength:"1" maxLength:"100"`
		ExpiresAt time.Time `json:"expires_at,omitempty" doc:"When the key stops working; absent: never"`
	}
}

type keyPath struct {
	ID string `path:"id"`
}

// controlKeys lists, makes and revokes API keys. People see and revoke their
// own; administrators everybody's.
func (s *Server) controlKeys(api huma.API) {
	huma.Register(api, operation("listKeys", "keys.list", http.MethodGet, "/keys", "List API keys", false),
		func(ctx context.Context, _ *struct{}) (*body[[]keyView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]keyView, error) { return s.keysOf(ctx, p) }))
		})
	huma.Register(api, operation("createKey", "keys.create", http.MethodPost, "/keys", "Make an API key for yourself", false),
		func(ctx context.Context, in *keyRequest) (*body[newKeyView], error) {
			return reply(change(s, ctx, func(p sallyport.Principal) (newKeyView, error) {
				key, plain, err := s.parts.KeyMaker.Create(ctx, p.Org, p.User, in.Body.Name, in.Body.ExpiresAt,
					s.event(ctx, "key", map[string]string{"name": in.Body.Name}))
				return newKeyView{viewKey(key), plain}, err
			}))
		})
	huma.Register(api, operation("revokeKey", "keys.revoke", http.MethodDelete, "/keys/{id}", "Revoke an API key at once", false),
		func(ctx context.Context, in *keyPath) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.revokeKey(ctx, p, sallyport.KeyID(in.ID))
			})
		})
}

func (s *Server) keysOf(ctx context.Context, p sallyport.Principal) ([]keyView, error) {
	keys, err := s.parts.Control.Keys(ctx, p.Org)
	if err != nil {
		return nil, err
	}
	views := make([]keyView, 0, len(keys))
	for _, k := range keys {
		if k.User == p.User || p.Role == sallyport.RoleAdministrator {
			views = append(views, viewKey(k))
		}
	}
	return views, nil
}

func (s *Server) revokeKey(ctx context.Context, p sallyport.Principal, id sallyport.KeyID) error {
	visible, err := s.keysOf(ctx, p)
	if err != nil {
		return err
	}
	for _, k := range visible {
		switch {
		case k.ID != id:
		case k.RevokedAt != nil: // nothing changes, but the call is told of
			return s.record(ctx, p.Org, s.event(ctx, "key/"+string(id), nil))
		default:
			return s.parts.Control.RevokeKey(ctx, p.Org, id, s.parts.Now(), s.event(ctx, "key/"+string(id), nil))
		}
	}
	return sallyport.NewError(sallyport.NotFound, "there is no such key")
}

func viewKey(k sallyport.Key) keyView {
	return keyView{k.ID, k.Name, k.Prefix, k.User, k.CreatedAt.UTC(), timeOrNil(k.ExpiresAt), timeOrNil(k.RevokedAt)}
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
