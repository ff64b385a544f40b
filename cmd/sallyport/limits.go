package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/agent"
	"github.com/sallyport-ai/sallyport/internal/catalogue"
	"github.com/sallyport-ai/sallyport/internal/config"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/gateway"
	"github.com/sallyport-ai/sallyport/internal/limit"
	"github.com/sallyport-ai/sallyport/internal/policy"
	"github.com/sallyport-ai/sallyport/internal/server"
)

type limitCmd struct {
	Show   limitShow   `cmd:"" help:"Show the rate limits: the defaults and what was decided."`
	Set    limitSet    `cmd:"" help:"Decide the rate limits of the organisation, a group, a user or a key. 0 decides that there is no limit."`
	Remove limitRemove `cmd:"" help:"Forget what was decided, so that the operator's limits hold again."`
}

type limitView struct {
	Subject           string `json:"subject"` // "organisation", "user", "key", "group/<id>", "user/<id>" or "key/<id>"
	RequestsPerMinute int64  `json:"requests_per_minute"`
	TokensPerMinute   int64  `json:"tokens_per_minute"`
	Concurrent        int64  `json:"concurrent"`
	Default           bool   `json:"default"` // the operator's, for whom nothing was decided
}

type limitShow struct {
	orgFlag
	jsonFlag
}

func (c *limitShow) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		views, err := i.limits(ctx, org.ID)
		if err != nil {
			return err
		}
		return list(a.out, c.jsonFlag, views, "SUBJECT REQUESTS/MIN TOKENS/MIN CONCURRENT FROM", func(l limitView) []any {
			from := "decided"
			if l.Default {
				from = "default"
			}
			return []any{l.Subject, l.RequestsPerMinute, l.TokensPerMinute, l.Concurrent, from}
		})
	})
}

func (i *instance) limits(ctx context.Context, org sallyport.OrgID) ([]limitView, error) {
	stored, err := i.db.Policies(ctx, org, policy.KindLimit)
	if err != nil {
		return nil, err
	}
	defaults := policyDefaults(i.cfg)
	var views []limitView
	for _, d := range []struct {
		subject string
		limits  policy.Limits
	}{{"organisation", defaults.Organisation}, {"user", defaults.User}, {"key", defaults.Key}} {
		if _, decided := stored[d.subject]; !decided {
			views = append(views, limitView{d.subject, d.limits.RequestsPerMinute, d.limits.TokensPerMinute, d.limits.Concurrent, true})
		}
	}
	for _, subject := range slices.Sorted(maps.Keys(stored)) {
		l, err := policy.ParseLimits(stored[subject])
		if err != nil {
			return nil, err
		}
		views = append(views, limitView{subject, l.RequestsPerMinute, l.TokensPerMinute, l.Concurrent, false})
	}
	return views, nil
}

// newLimiter counts in this process, or in Redis where the configuration names
// one. stop ends what it does beside the calls.
func newLimiter(ctx context.Context, cfg *config.Config, now func() time.Time, log *slog.Logger) (l gateway.Limiter, stop func(), err error) {
	if cfg.Redis == "" {
		return limit.New(now), func() {}, nil
	}
	shared, err := limit.NewRedis(ctx, limit.RedisOptions{URL: cfg.Redis, OnFailure: cfg.Limits.OnFailure, Log: log})
	if err != nil {
		return nil, nil, err
	}
	return shared, shared.Close, nil
}

// policyDefaults is what binds organisations that have decided nothing.
func policyDefaults(cfg *config.Config) policy.Defaults {
	rates := func(r config.Rates) policy.Limits {
		return policy.Limits{
			RequestsPerMinute: int64(r.RequestsPerMinute), TokensPerMinute: int64(r.TokensPerMinute), Concurrent: int64(r.Concurrent),
		}
	}
	d := policy.Defaults{
		Organisation: rates(cfg.Limits.Organisation), User: rates(cfg.Limits.User), Key: rates(cfg.Limits.Key),
		DLP: dlp.DefaultPolicy(),
	}
	d.DLP.Mode = cfg.DLP.Mode
	contentDays := int64(cfg.Audit.ContentDays)
	d.Audit.Retention.Days = int64(cfg.Audit.RetentionDays)
	d.Audit.Content = policy.Content{Level: sallyport.ContentLevel(cfg.Audit.Content), Days: &contentDays}
	return d
}

// limitFlags say whose limits are meant.
type limitFlags struct {
	orgFlag
	Scope string `help:"Whose: organisation, group, user or key." enum:"organisation,group,user,key" default:"organisation"`
	ID    string `name:"id" help:"Of the group, user or key; groups also by name, users by e-mail address."`
}

func (c limitFlags) check() error {
	if (c.Scope == "organisation") != (c.ID == "") {
		return errors.New("--id names the group, user or key whose limits they are, and goes with these scopes alone")
	}
	return nil
}

type limitRemove struct{ limitFlags }

func (c *limitRemove) Run(ctx context.Context, a *app) error {
	if err := c.check(); err != nil {
		return err
	}
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		stored, err := i.db.Policies(ctx, org.ID, policy.KindLimit)
		if err != nil {
			return err
		}
		subject := policy.LimitSubject(c.Scope, c.ID)
		if _, decided := stored[subject]; !decided { // of a thing that is gone they can be removed by its id
			id, err := i.subject(ctx, org.ID, c.Scope, c.ID)
			if err != nil {
				return err
			}
			subject = policy.LimitSubject(c.Scope, id)
		}
		before, decided := stored[subject]
		if !decided {
			return fmt.Errorf("no limits were decided for %s: see 'sallyport limit show'", subject)
		}
		err = i.db.SetPolicy(ctx, org.ID, policy.KindLimit, subject, nil,
			i.event(org.ID, "policies.set", "policy/limit/"+subject, map[string]any{"removed": true, "before": json.RawMessage(before)}))
		return a.done(err, "limits of %s: the operator's", subject)
	})
}

type limitSet struct {
	limitFlags
	Requests int64 `help:"Requests per minute; 0 for no limit." required:"" placeholder:"N"`
	Tokens   int64 `help:"Tokens per minute; 0 for no limit." default:"0" placeholder:"N"`
	// Concurrent counts what a minute does not: long answers.
	Concurrent int64 `help:"Calls under way at once; 0 for no limit." default:"0" placeholder:"N"`
}

func (c *limitSet) Run(ctx context.Context, a *app) error {
	if err := c.check(); err != nil {
		return err
	}
	body, err := json.Marshal(policy.Limits{RequestsPerMinute: c.Requests, TokensPerMinute: c.Tokens, Concurrent: c.Concurrent})
	if err != nil {
		return err
	}
	if _, err := policy.ParseLimits(body); err != nil {
		return err
	}
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		id, err := i.subject(ctx, org.ID, c.Scope, c.ID)
		if err != nil {
			return err
		}
		subject := policy.LimitSubject(c.Scope, id)
		err = i.db.SetPolicy(ctx, org.ID, policy.KindLimit, subject, body,
			i.event(org.ID, "policies.set", "policy/limit/"+subject, json.RawMessage(body)))
		return a.done(err, "limits of %s: %s requests and %s tokens a minute, %s calls at once",
			subject, bound(c.Requests), bound(c.Tokens), bound(c.Concurrent))
	})
}

// bound is a limit in words.
func bound(n int64) string {
	if n == 0 {
		return "any number of"
	}
	return strconv.FormatInt(n, 10)
}

// subject is the id of whom a limit is for. It refuses one for nobody: a mistyped
// id would look like a limit and be none.
func (i *instance) subject(ctx context.Context, org sallyport.OrgID, scope, id string) (string, error) {
	switch scope {
	case "group":
		g, err := i.group(ctx, org, id)
		return string(g.ID), err
	case "user":
		m, err := i.member(ctx, org, id)
		return string(m.User.ID), err
	case "key":
		key, _, err := i.db.Key(ctx, sallyport.KeyID(id))
		if err == nil && key.Org != org {
			err = sallyport.NewError(sallyport.NotFound, "there is no such key")
		}
		return id, see(err, "key list")
	}
	return id, nil
}

// namesOf are what people call those things, by "user/ID" and so on.
func (i *instance) namesOf(ctx context.Context, org sallyport.OrgID, of ...string) (server.Names, error) {
	return server.NameSource{
		Stored: i.db,
		Agents: func(ctx context.Context, org sallyport.OrgID) ([]sallyport.Agent, error) {
			return i.db.Agents(ctx, org, agent.ListMax)
		},
		Models: catalogue.New(i.cfg.Catalogue(), i.db).All,
	}.Read(ctx, org, of...)
}
