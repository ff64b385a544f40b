package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
)

// retention removes what organisations do not want to keep any longer.
func (i *instance) retention(log *slog.Logger) *audit.Retention {
	return &audit.Retention{
		Store: i.db, Content: i.db, Keeping: i.keepings, Key: i.checkpointKey, Audit: i.audit, Now: i.app.now, Log: log,
	}
}

// keepings is for how long the trails are kept. Where that cannot be read,
// nothing is removed.
func (i *instance) keepings(ctx context.Context) (all []audit.Keeping, err error) {
	orgs, err := i.db.Orgs(ctx)
	errs := []error{err}
	for _, org := range orgs {
		k, err := i.keeping(ctx, org.ID)
		if err != nil {
			errs = append(errs, fmt.Errorf("trail of %s: %w", org.ID, err))
			continue
		}
		all = append(all, k)
	}
	return all, errors.Join(errs...)
}

func (i *instance) keeping(ctx context.Context, org sallyport.OrgID) (audit.Keeping, error) {
	p, err := i.auditPolicy(ctx, org)
	k := audit.Keeping{Org: org, Days: p.Retention.Days, Held: p.Hold != nil}
	if p.Content.Days != nil {
		k.ContentDays = *p.Content.Days
	}
	for _, s := range i.cfg.Sinks {
		cfg, serr := i.sink(ctx, s)
		if serr != nil || cfg.Org == "" || cfg.Org == org {
			// One whose organisation is not known yet may be this one's.
			k.Sinks = append(k.Sinks, s.Name)
		}
	}
	return k, err
}

type auditPrune struct {
	orgFlag
	jsonFlag
}

type pruneView struct {
	Removed int64  `json:"removed"`
	Waits   string `json:"waits_for,omitempty"` // what needs the records that are next
	Held    bool   `json:"legal_hold"`
}

// Help tells when it is needed.
func (c *auditPrune) Help() string {
	return "A running server does so by itself, once an hour."
}

func (c *auditPrune) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		if org.ID == sallyport.InstanceOrg {
			return errNoInstanceTree
		}
		k, err := i.keeping(ctx, org.ID)
		if err != nil {
			return err
		}
		view := pruneView{Held: k.Held}
		if view.Removed, err = i.retention(slog.New(slog.DiscardHandler)).Keep(ctx, k); err != nil {
			return err
		}
		if _, view.Waits, err = i.db.RemovableTo(ctx, org.ID, k.Sinks); err != nil {
			return err
		}
		lines := []string{fmt.Sprintf("removed: %d records", view.Removed)}
		if view.Held {
			lines = append(lines, "a legal hold keeps everything")
		} else if view.Waits != "" {
			lines = append(lines, "not beyond what is needed by "+view.Waits)
		}
		return show(a.out, c.jsonFlag, view, lines...)
	})
}

type auditTombstones struct {
	orgFlag
	jsonFlag
}

type tombstoneView struct {
	First   int64     `json:"first_seq"`
	Last    int64     `json:"last_seq"`
	Records int64     `json:"records"`
	FirstAt time.Time `json:"first_time"`
	LastAt  time.Time `json:"last_time"`
}

func (c *auditTombstones) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		stones, err := i.db.Tombstones(ctx, org.ID)
		if err != nil {
			return err
		}
		key, err := i.checkpointKey(ctx, org.ID)
		if err != nil {
			return err
		}
		views := make([]tombstoneView, 0, len(stones))
		for _, stone := range stones {
			r, err := audit.ReadRemoval(stone.Body, key.Public)
			if err != nil {
				return fmt.Errorf("the tombstone of records %d to %d: %w: run 'sallyport audit verify'", stone.First, stone.Last, err)
			}
			views = append(views, tombstoneView{r.First, r.Last, r.Records, r.FirstAt, r.LastAt})
		}
		return list(a.out, c.jsonFlag, views, "FIRST LAST RECORDS FROM TO", func(v tombstoneView) []any {
			return []any{v.First, v.Last, v.Records, when(v.FirstAt), when(v.LastAt)}
		})
	})
}
