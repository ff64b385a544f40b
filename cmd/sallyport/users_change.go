package main

import (
	"context"
	"fmt"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/identity"
	"github.com/sallyport-ai/sallyport/internal/server"
)

// aMember is what commands have that change one member.
type aMember struct {
	orgFlag
	jsonFlag
	Email string `arg:"" help:"The member's e-mail address or id."`
}

// change changes the member, and shows how it is then.
func (c *aMember) change(ctx context.Context, a *app, to sallyport.MemberChange, told any) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		m, err := i.member(ctx, org.ID, c.Email)
		if err != nil {
			return err
		}
		rec := i.event(org.ID, "users.update", "user/"+string(m.User.ID), told)
		if err := i.db.ChangeMember(ctx, org.ID, m.User.ID, to, a.now().UTC(), rec); err != nil {
			return err
		}
		if m, err = i.db.Member(ctx, org.ID, m.User.ID); err != nil {
			return err
		}
		view := viewUser(m)
		return show(a.out, c.jsonFlag, view, fmt.Sprintf("%s: %s, %s", view.Email, view.Role, view.State))
	})
}

type userRole struct {
	aMember
	Role string `arg:"" help:"One of user, agent_creator, administrator." enum:"user,agent_creator,administrator"`
}

func (c *userRole) Run(ctx context.Context, a *app) error {
	role := sallyport.Role(c.Role)
	return c.change(ctx, a, sallyport.MemberChange{Role: &role}, map[string]string{"role": c.Role})
}

type userDeactivate struct{ aMember }

func (c *userDeactivate) Run(ctx context.Context, a *app) error { return c.turn(ctx, a, false) }

type userActivate struct{ aMember }

func (c *userActivate) Run(ctx context.Context, a *app) error { return c.turn(ctx, a, true) }

// turn switches the member on or off.
func (c *aMember) turn(ctx context.Context, a *app, active bool) error {
	state := map[bool]string{true: "active", false: "deactivated"}[active]
	return c.change(ctx, a, sallyport.MemberChange{Active: &active}, map[string]string{"state": state})
}

type userSignOut struct{ aMember }

func (c *userSignOut) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		m, err := i.member(ctx, org.ID, c.Email)
		if err != nil {
			return err
		}
		rec := i.event(org.ID, "users.sign_out", "user/"+string(m.User.ID), nil)
		if err := i.db.EndSessions(ctx, org.ID, m.User.ID, rec); err != nil {
			return err
		}
		return show(a.out, c.jsonFlag, viewUser(m), m.User.Email+" is signed out everywhere.")
	})
}

type userInvite struct {
	orgFlag
	jsonFlag
	Email  string   `arg:"" help:"E-mail address of the new member."`
	Role   string   `help:"One of user, agent_creator, administrator." enum:"user,agent_creator,administrator" default:"user"`
	Groups []string `name:"group" help:"Group that the new member is put into, by id or name; may be given again." placeholder:"GROUP"`
}

// invitedView is an invitation with its link, which is shown this once.
type invitedView struct {
	ID    sallyport.InviteID `json:"id"`
	OrgID sallyport.OrgID    `json:"org_id"`
	Email string             `json:"email"`
	Role  sallyport.Role     `json:"role"`
	URL   string             `json:"url"`
}

func (c *userInvite) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		invite := sallyport.Invite{Org: org.ID, Email: c.Email, Role: sallyport.Role(c.Role)}
		for _, name := range c.Groups {
			g, err := i.group(ctx, org.ID, name)
			if err != nil {
				return err
			}
			invite.Groups = append(invite.Groups, g.ID)
		}
		invites := identity.NewInvites(i.db, i.ring, identity.NewDoor(i.db, a.now), a.now)
		made, token, err := invites.Make(ctx, invite, func(id sallyport.InviteID) sallyport.Record {
			return i.event(org.ID, "invites.create", "invite/"+string(id), map[string]any{"role": invite.Role, "group_ids": invite.Groups})
		})
		if err != nil {
			return err
		}
		url := publicURL(i.cfg, i.cfg.Addr) + server.InvitePath(token)
		return show(a.out, c.jsonFlag, invitedView{made.ID, org.ID, made.Email, made.Role, url},
			"url: "+url, "", "The link is shown this once, works once, and stops on "+made.ExpiresAt.Format("2 January 2006")+".")
	})
}
