package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
)

type orgCmd struct {
	Create orgCreate `cmd:"" help:"Make an organisation with its starting credits."`
	List   orgList   `cmd:"" help:"List organisations."`
}

type orgView struct {
	ID        sallyport.OrgID `json:"id"`
	Name      string          `json:"name"`
	CreatedAt time.Time       `json:"created_at"`
}

func viewOrg(o sallyport.Organisation) orgView { return orgView{o.ID, o.Name, o.CreatedAt.UTC()} }

type orgCreate struct {
	jsonFlag
	Name string `arg:"" optional:"" help:"Its name."`
	Flag string `name:"name" placeholder:"NAME" help:"The same as a flag."`
}

func (c *orgCreate) Run(ctx context.Context, a *app) error {
	name, err := either(c.Name, c.Flag, "a name")
	if err != nil {
		return err
	}
	return a.with(ctx, func(i *instance) error {
		org, err := i.createOrg(ctx, sallyport.OrgID(newID()), name)
		if err != nil {
			return err
		}
		return show(a.out, c.jsonFlag, viewOrg(org),
			"id: "+string(org.ID), "", "Nobody is a member yet: sallyport user create EMAIL --role administrator --org "+string(org.ID))
	})
}

// createOrg makes an organisation and grants its starting credits.
func (i *instance) createOrg(ctx context.Context, id sallyport.OrgID, name string) (sallyport.Organisation, error) {
	if name = strings.TrimSpace(name); name == "" || sallyport.OrgID(name) == sallyport.InstanceOrg {
		return sallyport.Organisation{}, fmt.Errorf("%q cannot be the name of an organisation: give another", name)
	}
	org := sallyport.Organisation{ID: id, Name: name, CreatedAt: i.app.now().UTC()}
	err := i.db.CreateOrg(ctx, org, i.event(id, "organisations.create", "organisation/"+string(id), map[string]string{"name": name}))
	if err != nil {
		return org, err
	}
	return org, i.grant(ctx, id, sallyport.Credits(i.cfg.Credits.Starting), "starting credits")
}

type orgList struct{ jsonFlag }

func (c *orgList) Run(ctx context.Context, a *app) error {
	return a.with(ctx, func(i *instance) error {
		orgs, err := i.db.Orgs(ctx)
		if err != nil {
			return err
		}
		views := make([]orgView, 0, len(orgs))
		for _, o := range orgs {
			views = append(views, viewOrg(o))
		}
		return list(a.out, c.jsonFlag, views, "ID NAME CREATED", func(o orgView) []any {
			return []any{o.ID, o.Name, when(o.CreatedAt)}
		})
	})
}
