package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/catalogue"
)

type budgetCmd struct {
	Set    budgetSet    `cmd:"" help:"Set what an organisation, group, user, key, agent or model may spend in a period."`
	List   budgetList   `cmd:"" help:"List budgets and what is spent of them."`
	Remove budgetRemove `cmd:"" help:"Remove a budget."`
}

// budgetFlags name a budget.
type budgetFlags struct {
	Scope  string `help:"Whose: organisation, group, user, key, agent or model." enum:"organisation,group,user,key,agent,model" default:"organisation"`
	ID     string `name:"id" help:"Of the group, user, key, agent or model; groups also by name, users by e-mail address."`
	Period string `help:"day, month or total, in UTC." enum:"day,month,total" default:"month"`
}

func (f budgetFlags) id() (sallyport.BudgetID, error) {
	id := sallyport.BudgetID{Scope: sallyport.BudgetScope(f.Scope), Subject: f.ID, Period: sallyport.Period(f.Period)}
	if (id.Scope == sallyport.BudgetOrganisation) != (id.Subject == "") {
		return id, errors.New("--id names the group, user, key, agent or model whose budget it is, and goes with these scopes alone")
	}
	return id, nil
}

type budgetView struct {
	Scope   string    `json:"scope"`
	Subject string    `json:"subject,omitempty"`
	Name    string    `json:"name,omitempty"` // what people call the subject
	Period  string    `json:"period"`
	Since   time.Time `json:"since"` // when the period began
	Limit   string    `json:"limit"` // credits, as text
	Spent   string    `json:"spent"` // by calls that ended in the period
	Held    string    `json:"held"`  // set aside for calls under way
}

// viewBudgets are budgets with what people call their subjects.
func (i *instance) viewBudgets(ctx context.Context, org sallyport.OrgID, all ...sallyport.Budget) ([]budgetView, error) {
	of := make([]string, 0, len(all))
	for _, b := range all {
		of = append(of, string(b.Scope)+"/"+b.Subject)
	}
	n, err := i.namesOf(ctx, org, of...)
	views := make([]budgetView, 0, len(all))
	for _, b := range all {
		view := budgetView{
			Scope: string(b.Scope), Subject: b.Subject, Period: string(b.Period), Since: b.Since,
			Limit: b.Limit.String(), Spent: b.Spent.String(), Held: b.Held.String(),
		}
		if b.Subject != "" {
			view.Name = n.Of(view.Scope, b.Subject)
		}
		views = append(views, view)
	}
	return views, err
}

type budgetSet struct {
	orgFlag
	jsonFlag
	budgetFlags
	Limit string `arg:"" help:"Credits, such as 100 or 0.5."`
}

func (c *budgetSet) Run(ctx context.Context, a *app) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	limit, err := sallyport.ParseCredits(c.Limit)
	if err != nil {
		return fmt.Errorf("the limit %w", err)
	}
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		if id, err = i.budget(ctx, org.ID, id); err != nil {
			return err
		}
		b, err := i.db.SetBudget(ctx, org.ID, id, limit, i.event(org.ID, "budgets.set", id.String(), map[string]string{"limit": limit.String()}))
		if err != nil {
			return err
		}
		views, err := i.viewBudgets(ctx, org.ID, b)
		if err != nil {
			return err
		}
		return show(a.out, c.jsonFlag, views[0], "limit: "+b.Limit.String(), "spent: "+b.Spent.String(), "held: "+b.Held.String())
	})
}

// budget finds whom a budget is for, and refuses one for nobody.
func (i *instance) budget(ctx context.Context, org sallyport.OrgID, id sallyport.BudgetID) (_ sallyport.BudgetID, err error) {
	switch id.Scope {
	case sallyport.BudgetAgent:
		_, err := i.db.Agent(ctx, org, sallyport.AgentID(id.Subject))
		return id, see(err, "agent list")
	case sallyport.BudgetModel:
		models, err := catalogue.New(i.cfg.Catalogue(), i.db).All(ctx, org)
		if err == nil && !slices.ContainsFunc(models, func(m sallyport.Model) bool { return m.ID == id.Subject }) {
			err = sallyport.NewError(sallyport.NotFound, "there is no such model")
		}
		return id, see(err, "model list")
	}
	id.Subject, err = i.subject(ctx, org, string(id.Scope), id.Subject)
	return id, err
}

type budgetList struct {
	orgFlag
	jsonFlag
}

func (c *budgetList) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		all, err := i.db.Budgets(ctx, org.ID)
		if err != nil {
			return err
		}
		for at, b := range all {
			all[at] = b.At(a.now())
		}
		views, err := i.viewBudgets(ctx, org.ID, all...)
		if err != nil {
			return err
		}
		return list(a.out, c.jsonFlag, views, "SCOPE ID NAME PERIOD SINCE LIMIT SPENT HELD", func(b budgetView) []any {
			since := b.Since.Format(time.DateOnly)
			if b.Period == string(sallyport.PeriodTotal) {
				since = "" // it has no beginning
			}
			return []any{b.Scope, b.Subject, b.Name, b.Period, since, b.Limit, b.Spent, b.Held}
		})
	})
}

type budgetRemove struct {
	orgFlag
	budgetFlags
}

func (c *budgetRemove) Run(ctx context.Context, a *app) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		if named, err := i.budget(ctx, org.ID, id); err == nil {
			id = named // else whom it was for may be gone: the id counts as it is given
		}
		err := i.db.RemoveBudget(ctx, org.ID, id, i.event(org.ID, "budgets.remove", id.String(), nil))
		return a.done(see(err, "budget list"), "removed: %s", id)
	})
}

// alert tells the trail which budgets of the organisations have reached a
// percentage of their limit.
func (i *instance) alert(ctx context.Context, orgs []sallyport.OrgID) error {
	for _, org := range orgs {
		due, err := i.db.BudgetAlerts(ctx, org)
		if err != nil {
			return err
		}
		for _, a := range due {
			rec := i.audit.Event(sallyport.Principal{Org: org}, "budgets.alert", a.BudgetID.String(), map[string]any{
				"percent": a.Percent, "limit": a.Limit.String(), "spent": a.Spent.String(), "since": a.Since,
			})
			if err := i.db.TellBudgetAlert(ctx, a, rec); err != nil {
				return err
			}
		}
	}
	return nil
}
