package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
)

type usageCmd struct {
	orgFlag
	jsonFlag
	CSV  bool   `name:"csv" help:"Print CSV."`
	By   string `help:"Group by day, model, user, key, agent or group." enum:"day,model,user,key,agent,group" default:"day"`
	From string `help:"First day, UTC, such as 2026-03-01." placeholder:"DAY"`
	To   string `help:"Last day, included." placeholder:"DAY"`
}

type usageView struct {
	Name        string `json:"name"`            // the day, or an id; empty: calls of no agent
	Label       string `json:"label,omitempty"` // what people call it
	Calls       int64  `json:"calls"`
	Input       int64  `json:"input_tokens"`
	CachedInput int64  `json:"cached_input_tokens"`
	CacheWrite  int64  `json:"cache_write_tokens"`
	Output      int64  `json:"output_tokens"`
	Reasoning   int64  `json:"reasoning_tokens"` // a part of the output
	Charge      string `json:"charge"`           // credits, as text
	Estimated   int64  `json:"estimated"`
	Overruns    int64  `json:"overruns"`
}

// Help tells what the columns mean.
func (c *usageCmd) Help() string {
	return "A charge belongs to the day on which its call ended. The charges add up to those of the ledger; " +
		"by group, a call counts for each group that its owner was in."
}

func (c *usageCmd) Run(ctx context.Context, a *app) error {
	q := sallyport.UsageQuery{By: sallyport.UsageBy(c.By)}
	var err error
	if q.From, err = day("--from", c.From); err != nil {
		return err
	}
	if q.To, err = day("--to", c.To); err != nil {
		return err
	}
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		rows, err := i.db.Usage(ctx, org.ID, q)
		if err != nil {
			return err
		}
		of := make([]string, 0, len(rows))
		for _, r := range rows {
			of = append(of, c.By+"/"+r.Name)
		}
		n, err := i.namesOf(ctx, org.ID, of...)
		if err != nil {
			return err
		}
		views := make([]usageView, 0, len(rows))
		for _, r := range rows {
			views = append(views, usageView{
				r.Name, n.Label(c.By, r.Name), r.Calls, r.Usage.Input, r.Usage.CachedInput, r.Usage.CacheWrite, r.Usage.Output, r.Usage.Reasoning,
				r.Charge.String(), r.Estimated, r.Overruns,
			})
		}
		if c.CSV {
			return writeUsage(a.out, c.By, views)
		}
		header, named := strings.ToUpper(c.By), c.By != string(sallyport.UsageByDay)
		if named {
			header += " NAME"
		}
		return list(a.out, c.jsonFlag, views, header+" CALLS INPUT CACHED CACHE-WRITE OUTPUT REASONING CHARGE ESTIMATED OVERRUNS", func(u usageView) []any {
			cells := []any{u.Name}
			if named {
				cells = append(cells, u.Label)
			}
			return append(cells, u.Calls, u.Input, u.CachedInput, u.CacheWrite, u.Output, u.Reasoning, u.Charge, u.Estimated, u.Overruns)
		})
	})
}

// day reads a flag that names a day; "" is the zero time.
func day(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s must be a day such as 2026-03-01", flag)
	}
	return t, nil
}

func writeUsage(w io.Writer, by string, rows []usageView) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{by, "name", "calls", "input_tokens", "cached_input_tokens", "cache_write_tokens",
		"output_tokens", "reasoning_tokens", "charge", "estimated", "overruns"})
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	for _, u := range rows {
		_ = out.Write([]string{audit.PlainCell(u.Name), audit.PlainCell(cmp.Or(u.Label, u.Name)), number(u.Calls), number(u.Input), number(u.CachedInput), number(u.CacheWrite),
			number(u.Output), number(u.Reasoning), u.Charge, number(u.Estimated), number(u.Overruns)})
	}
	out.Flush()
	return out.Error() // of every line
}

// usageFollow is how often the ledger's new lines are looked for.
const usageFollow = 2 * time.Second

// followUsage keeps the roll-ups of usage behind the ledger and tells the trail
// which budgets have reached their alerts, until ctx ends. A failure is told
// once, and tried again: reports are exact without roll-ups, only slower.
func (s *services) followUsage(ctx context.Context) {
	failing, seen := false, int64(-1)
	for {
		err := s.instance.rollUp(ctx, &seen)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			s.log.Warn("usage is not rolled up", "error", err)
		}
		failing = err != nil
		if !pause(ctx, usageFollow) {
			return
		}
	}
}

// rollUp catches up with every ledger. Alerts come first: a crash in between
// looks for them again. Budgets reach them by spending, or by being set, which
// moves the counter of changes: seen is its last value, -1 at first.
func (i *instance) rollUp(ctx context.Context, seen *int64) error {
	changes, err := i.db.Changes(ctx)
	if err != nil {
		return err
	}
	if changes != *seen {
		set, err := i.db.BudgetOrgs(ctx)
		if err != nil {
			return err
		}
		if err := i.alert(ctx, set); err != nil {
			return err
		}
		*seen = changes
	}
	orgs, err := i.db.UsageBehind(ctx)
	if err != nil {
		return err
	}
	if err := i.alert(ctx, orgs); err != nil {
		return err
	}
	for _, org := range orgs {
		for more := true; more && ctx.Err() == nil; {
			if more, err = i.db.RollUpUsage(ctx, org); err != nil {
				return err
			}
		}
	}
	return nil
}
