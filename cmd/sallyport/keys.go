package main

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-ai/sallyport"
)

type keyCmd struct {
	Create keyCreate `cmd:"" help:"Make an API key and print it."`
	List   keyList   `cmd:"" help:"List API keys."`
	Revoke keyRevoke `cmd:"" help:"Make an API key useless, on a running server within a second."`
}

type keyView struct {
	ID        sallyport.KeyID  `json:"id"`
	OrgID     sallyport.OrgID  `json:"org_id"`
	Name      string           `json:"name"`
	Prefix    string           `json:"prefix"`
	UserID    sallyport.UserID `json:"user_id"`
	CreatedAt time.Time        `json:"created_at"`
	ExpiresAt *time.Time       `json:"expires_at"`
	RevokedAt *time.Time       `json:"revoked_at"`
}

type newKeyView struct {
	keyView
	APIKey string `json:"api_key"` // shown this once
}

func viewKey(k sallyport.Key) keyView {
	return keyView{k.ID, k.Org, k.Name, k.Prefix, k.User, k.CreatedAt.UTC(), timeOrNil(k.ExpiresAt), timeOrNil(k.RevokedAt)}
}

type keyCreate struct {
	orgFlag
	jsonFlag
	User      string        `help:"E-mail address of the member it acts as. Default: the only administrator." placeholder:"EMAIL"`
	Name      string        `help:"What it is for." default:"command line"`
	ExpiresIn time.Duration `help:"How long it works, such as 720h. Default: for ever." placeholder:"DURATION"`
}

func (c *keyCreate) Run(ctx context.Context, a *app) error {
	if c.ExpiresIn < 0 {
		return errors.New("--expires-in is negative: give a time such as 720h")
	}
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		m, err := i.member(ctx, org.ID, c.User)
		if err != nil {
			return err
		}
		var expires time.Time
		if c.ExpiresIn > 0 {
			expires = a.now().Add(c.ExpiresIn).UTC()
		}
		key, plain, err := i.createKey(ctx, m, c.Name, expires)
		if err != nil {
			return err
		}
		return show(a.out, c.jsonFlag, newKeyView{viewKey(key), plain},
			"id: "+string(key.ID), "api_key: "+plain, "", "The key is shown this once and kept nowhere.")
	})
}

func (i *instance) createKey(ctx context.Context, m sallyport.Membership, name string, expires time.Time) (sallyport.Key, string, error) {
	rec := i.event(m.Org, "keys.create", "key", map[string]any{"name": name, "user_id": m.User.ID, "expires_at": timeOrNil(expires)})
	return i.keys.Create(ctx, m.Org, m.User.ID, name, expires, rec)
}

type keyList struct {
	orgFlag
	jsonFlag
}

func (c *keyList) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		keys, err := i.db.Keys(ctx, org.ID)
		if err != nil {
			return err
		}
		views := make([]keyView, 0, len(keys))
		for _, k := range keys {
			views = append(views, viewKey(k))
		}
		return list(a.out, c.jsonFlag, views, "ID PREFIX NAME USER CREATED STATE", func(k keyView) []any {
			return []any{k.ID, k.Prefix, k.Name, k.UserID, when(k.CreatedAt), k.state(a.now())}
		})
	})
}

func (k keyView) state(now time.Time) string {
	switch {
	case k.RevokedAt != nil:
		return "revoked " + when(*k.RevokedAt)
	case k.ExpiresAt != nil && !now.Before(*k.ExpiresAt):
		return "expired " + when(*k.ExpiresAt)
	case k.ExpiresAt != nil:
		return "until " + when(*k.ExpiresAt)
	}
	return "usable"
}

type keyRevoke struct {
	orgFlag
	ID string `arg:"" help:"The key's id, see 'sallyport key list'."`
}

func (c *keyRevoke) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		rec := i.event(org.ID, "keys.revoke", "key/"+c.ID, nil)
		return a.done(see(i.db.RevokeKey(ctx, org.ID, sallyport.KeyID(c.ID), a.now().UTC(), rec), "key list"), "revoked: %s", c.ID)
	})
}

// keyUseEvery is how often it is written down when keys were last used.
const keyUseEvery = 30 * time.Second

// writeKeyUse writes down when keys were last used, until ctx ends, and then
// what is left.
func (s *services) writeKeyUse(ctx context.Context) {
	for more := true; more; {
		more = pause(ctx, keyUseEvery)
		writing, done := context.WithTimeout(context.WithoutCancel(ctx), keyUseEvery)
		if err := s.instance.keys.WriteUse(writing); err != nil {
			s.log.Warn("when keys were last used is not written down", "error", err)
		}
		done()
	}
}
