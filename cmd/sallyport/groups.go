package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
)

type groupCmd struct {
	Create  groupCreate  `cmd:"" help:"Make a group of members."`
	List    groupList    `cmd:"" help:"List groups."`
	Rename  groupRename  `cmd:"" help:"Give a group another name."`
	Delete  groupDelete  `cmd:"" help:"Delete a group with its budgets and limits; its members stay in the organisation."`
	Add     groupAdd     `cmd:"" help:"Put members into a group, all or none."`
	Remove  groupRemove  `cmd:"" help:"Take members out of a group, all or none."`
	Members groupMembers `cmd:"" help:"List the members of a group."`

	Policy    groupPolicyCmd `cmd:"" help:"What groups grant and refuse, and the organisation's ceiling over all of them."`
	Effective groupEffective `cmd:"" help:"Show what a member may do, and where it comes from."`
}

type groupView struct {
	ID        sallyport.GroupID `json:"id"`
	OrgID     sallyport.OrgID   `json:"org_id"`
	Name      string            `json:"name"`
	CreatedAt time.Time         `json:"created_at"`
}

func viewGroup(g sallyport.Group) groupView {
	return groupView{g.ID, g.Org, g.Name, g.CreatedAt.UTC()}
}

type groupCreate struct {
	orgFlag
	jsonFlag
	Name string `arg:"" help:"Its name, unique in the organisation."`
}

func (c *groupCreate) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		g := sallyport.Group{Org: org.ID, ID: sallyport.GroupID(newID()), Name: c.Name, CreatedAt: a.now().UTC()}
		err := i.db.CreateGroup(ctx, g, i.groupEvent(g, "groups.create", map[string]string{"name": g.Name}))
		if err != nil {
			return nameTaken(err, c.Name)
		}
		return show(a.out, c.jsonFlag, viewGroup(g), "id: "+string(g.ID))
	})
}

// nameTaken says which conflict of groups there can be.
func nameTaken(err error, name string) error {
	if sallyport.CodeOf(err) == sallyport.Conflict {
		return fmt.Errorf("there is a group %q already: see 'sallyport group list'", name)
	}
	return err
}

type groupList struct {
	orgFlag
	jsonFlag
}

func (c *groupList) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		groups, err := i.db.Groups(ctx, org.ID)
		if err != nil {
			return err
		}
		views := make([]groupView, 0, len(groups))
		for _, g := range groups {
			views = append(views, viewGroup(g))
		}
		return list(a.out, c.jsonFlag, views, "ID NAME CREATED", func(g groupView) []any {
			return []any{g.ID, g.Name, when(g.CreatedAt)}
		})
	})
}

// groupArg names the group that a command is about.
type groupArg struct {
	orgFlag
	Group string `arg:"" help:"The group, by id or name."`
}

// with opens the installation and finds the group for f.
func (c groupArg) with(ctx context.Context, a *app, f func(i *instance, g sallyport.Group) error) error {
	return c.orgFlag.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		g, err := i.group(ctx, org.ID, c.Group)
		if err != nil {
			return err
		}
		return f(i, g)
	})
}

// group finds a group by id, else by name.
func (i *instance) group(ctx context.Context, org sallyport.OrgID, name string) (found sallyport.Group, err error) {
	groups, err := i.db.Groups(ctx, org)
	if err != nil {
		return found, err
	}
	for _, g := range groups {
		if string(g.ID) == name {
			return g, nil
		}
		if g.Name == name {
			found = g
		}
	}
	if found.ID == "" {
		err = fmt.Errorf("there is no group %q in the organisation: see 'sallyport group list'", name)
	}
	return found, err
}

func (i *instance) groupEvent(g sallyport.Group, action string, change any) sallyport.Record {
	return i.event(g.Org, action, "group/"+string(g.ID), change)
}

type groupRename struct {
	groupArg
	Name string `arg:"" help:"The new name."`
}

func (c *groupRename) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, g sallyport.Group) error {
		rec := i.groupEvent(g, "groups.rename", map[string]string{"name": c.Name})
		return a.done(nameTaken(i.db.RenameGroup(ctx, g.Org, g.ID, c.Name, rec), c.Name), "renamed: %s is now %s", g.Name, c.Name)
	})
}

type groupDelete struct{ groupArg }

func (c *groupDelete) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, g sallyport.Group) error {
		return a.done(i.db.DeleteGroup(ctx, g.Org, g.ID, i.groupEvent(g, "groups.delete", nil)), "deleted: %s", g.Name)
	})
}

// membersArg names members besides their group.
type membersArg struct {
	groupArg
	Members []string `arg:"" help:"Members, by id or e-mail address."`
}

// change lets f move the members in or out.
func (c membersArg) change(ctx context.Context, a *app, action string, f func(i *instance, g sallyport.Group, users []sallyport.UserID, rec sallyport.Record) error) error {
	return c.with(ctx, a, func(i *instance, g sallyport.Group) error {
		var users []sallyport.UserID
		for _, name := range c.Members {
			m, err := i.member(ctx, g.Org, name)
			if err != nil {
				return err
			}
			users = append(users, m.User.ID)
		}
		return f(i, g, users, i.groupEvent(g, action, map[string]any{"user_ids": users}))
	})
}

type groupAdd struct{ membersArg }

func (c *groupAdd) Run(ctx context.Context, a *app) error {
	return c.change(ctx, a, "groups.add", func(i *instance, g sallyport.Group, users []sallyport.UserID, rec sallyport.Record) error {
		return a.done(i.db.AddToGroup(ctx, g.Org, g.ID, users, rec), "in %s now: %s", g.Name, strings.Join(c.Members, ", "))
	})
}

type groupRemove struct{ membersArg }

func (c *groupRemove) Run(ctx context.Context, a *app) error {
	return c.change(ctx, a, "groups.remove", func(i *instance, g sallyport.Group, users []sallyport.UserID, rec sallyport.Record) error {
		err := see(i.db.RemoveFromGroup(ctx, g.Org, g.ID, users, rec), "group members")
		return a.done(err, "no longer in %s: %s", g.Name, strings.Join(c.Members, ", "))
	})
}

type groupMembers struct {
	groupArg
	jsonFlag
}

func (c *groupMembers) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, g sallyport.Group) error {
		members, err := i.db.GroupMembers(ctx, g.Org, g.ID)
		if err != nil {
			return err
		}
		return listMembers(a, c.jsonFlag, members)
	})
}
