package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
	"github.com/sallyport-ai/sallyport/internal/policy"
)

type meView struct {
	OrgID        sallyport.OrgID  `json:"org_id"`
	Organisation string           `json:"organisation"`
	UserID       sallyport.UserID `json:"user_id"`
	Role         sallyport.Role   `json:"role"`
	Groups       []groupView      `json:"groups" doc:"Those of the membership"`
	KeyID        sallyport.KeyID  `json:"key_id"`
}

// controlIdentity tells a caller who it is.
func (s *Server) controlIdentity(api huma.API) {
	huma.Register(api, operation("me", "identity.get", http.MethodGet, "/me", "Who the key acts as"),
		func(ctx context.Context, _ *struct{}) (*body[meView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (meView, error) {
				org, err := s.parts.Control.Org(ctx, p.Org)
				return meView{p.Org, org.Name, p.User, p.Role, viewGroups(p.Groups), p.Key}, err
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
	UsedAt    *time.Time       `json:"used_at" doc:"Last use, give or take a minute; null: never"`
}

type newKeyView struct {
	Key    keyView `json:"key"`
	APIKey string  `json:"api_key" doc:"The key itself. It is shown this once and kept nowhere"`
}

type keyRequest struct {
	Body struct {
		Name      string           `json:"name" minLength:"1" maxLength:"100"`
		ExpiresAt time.Time        `json:"expires_at,omitzero" doc:"When the key stops working; absent: never"`
		Limits    *policy.Limits   `json:"limits,omitempty" doc:"Absent: those that every key has"`
		Budgets   []keyBudgetInput `json:"budgets,omitempty" maxItems:"3" doc:"What may be spent with the key"`
	}
}

type keyBudgetInput struct {
	Period string `json:"period" enum:"day,month,total"`
	Limit  string `json:"limit" doc:"Credits, a decimal number in text"`
}

type keyPath struct {
	ID string `path:"id"`
}

// controlKeys lists, makes and revokes API keys. People see and revoke their
// own; administrators everybody's.
func (s *Server) controlKeys(api huma.API) {
	huma.Register(api, operation("listKeys", "keys.list", http.MethodGet, "/keys", "List API keys"),
		func(ctx context.Context, _ *struct{}) (*body[[]keyView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]keyView, error) { return s.keysOf(ctx, p) }))
		})
	huma.Register(api, operation("createKey", "keys.create", http.MethodPost, "/keys", "Make an API key for yourself"),
		func(ctx context.Context, in *keyRequest) (*body[newKeyView], error) {
			return reply(change(s, ctx, func(p sallyport.Principal) (newKeyView, error) { return s.createKey(ctx, p, in) }))
		})
	huma.Register(api, operation("revokeKey", "keys.revoke", http.MethodDelete, "/keys/{id}", "Revoke an API key at once"),
		func(ctx context.Context, in *keyPath) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.revokeKey(ctx, p, sallyport.KeyID(in.ID))
			})
		})
}

// createKey makes a key with its limits and budgets in one transaction: there is
// no moment in which it is not bound.
func (s *Server) createKey(ctx context.Context, p sallyport.Principal, in *keyRequest) (newKeyView, error) {
	if at := in.Body.ExpiresAt; !at.IsZero() && !at.After(s.parts.Now()) {
		return newKeyView{}, sallyport.NewError(sallyport.InvalidBody, "expires_at is over already")
	}
	bounds, err := s.keyBounds(ctx, p, in)
	if err != nil {
		return newKeyView{}, err
	}
	key, plain, err := s.parts.KeyMaker.CreateBound(ctx, p.Org, p.User, in.Body.Name, in.Body.ExpiresAt, bounds, s.event(ctx, "key", in.Body))
	return newKeyView{viewKey(key), plain}, err
}

func (s *Server) keyBounds(ctx context.Context, p sallyport.Principal, in *keyRequest) (bounds sallyport.KeyBounds, err error) {
	if in.Body.Limits != nil {
		if err := s.checkKeyLimits(ctx, p, *in.Body.Limits); err != nil {
			return bounds, err
		}
		if bounds.Limits, err = json.Marshal(in.Body.Limits); err != nil {
			return bounds, err
		}
	}
	for _, b := range in.Body.Budgets {
		limit, err := sallyport.ParseCredits(b.Limit)
		if err != nil {
			return bounds, sallyport.WrapError(sallyport.InvalidBody, "limit must be a decimal number of credits", err)
		}
		if _, twice := bounds.Budgets[sallyport.Period(b.Period)]; twice {
			return bounds, sallyport.NewError(sallyport.InvalidBody, "there are two budgets for one period")
		}
		if bounds.Budgets == nil {
			bounds.Budgets = make(map[sallyport.Period]sallyport.Credits)
		}
		bounds.Budgets[sallyport.Period(b.Period)] = limit
	}
	return bounds, nil
}

// checkKeyLimits refuses limits that would lift those that every key has: a
// decision takes their place as a whole, and that is for who may decide on limits.
func (s *Server) checkKeyLimits(ctx context.Context, p sallyport.Principal, l policy.Limits) error {
	if min(l.RequestsPerMinute, l.TokensPerMinute, l.Concurrent) < 0 {
		return sallyport.NewError(sallyport.InvalidBody, "limits: a number is negative")
	}
	if s.may(ctx, p, "policies.set") == nil {
		return nil
	}
	rules, err := s.parts.Policies.LimitRules(ctx, p.Org)
	if err != nil {
		return err
	}
	most, _ := rules.Of("key", "")
	for _, of := range []struct {
		name        string
		asked, most int64
	}{
		{"requests_per_minute", l.RequestsPerMinute, most.RequestsPerMinute},
		{"tokens_per_minute", l.TokensPerMinute, most.TokensPerMinute},
		{"concurrent", l.Concurrent, most.Concurrent},
	} {
		if of.most > 0 && (of.asked == 0 || of.asked > of.most) {
			return sallyport.NewError(sallyport.InvalidBody, fmt.Sprintf("%s must be between 1 and %d, which every key has", of.name, of.most))
		}
	}
	return nil
}

func (s *Server) keysOf(ctx context.Context, p sallyport.Principal) ([]keyView, error) {
	keys, err := s.parts.Control.Keys(ctx, p.Org)
	if err != nil {
		return nil, err
	}
	caller, err := s.parts.Policies.Caller(ctx, p)
	if err != nil {
		return nil, err
	}
	views := make([]keyView, 0, len(keys))
	for _, k := range keys {
		if access.Allowed(caller, "keys.list", owned(p, k.User)).Allowed {
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
	return keyView{k.ID, k.Name, k.Prefix, k.User, k.CreatedAt.UTC(), timeOrNil(k.ExpiresAt), timeOrNil(k.RevokedAt), timeOrNil(k.UsedAt)}
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
