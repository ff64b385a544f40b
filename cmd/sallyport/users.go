package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/identity"
)

type userCmd struct {
	Create        userCreate        `cmd:"" help:"Make somebody a member and print the new password."`
	List          userList          `cmd:"" help:"List members."`
	ResetPassword userResetPassword `cmd:"" help:"Give a member a new password, print it, and sign the member out everywhere."`
	Invite        userInvite        `cmd:"" help:"Invite somebody and print the link, which works once."`
	Role          userRole          `cmd:"" help:"Give a member another role."`
	Deactivate    userDeactivate    `cmd:"" help:"Switch a member off: keys and sessions open nothing any more, runs end."`
	Activate      userActivate      `cmd:"" help:"Switch a member on again."`
	SignOut       userSignOut       `cmd:"" help:"End all sessions of a member in the organisation."`
}

type userView struct {
	ID        sallyport.UserID `json:"id"`
	OrgID     sallyport.OrgID  `json:"org_id"`
	Email     string           `json:"email"`
	Name      string           `json:"name"`
	Role      sallyport.Role   `json:"role"`
	State     string           `json:"state"`
	CreatedAt time.Time        `json:"created_at"`
	SeenAt    *time.Time       `json:"seen_at"` // when a session was last used; null: never
}

// newPasswordView is a member whose password was just made; it is shown this once.
type newPasswordView struct {
	userView
	Password *string `json:"password"`
}

func viewUser(m sallyport.Membership) userView {
	view := userView{m.User.ID, m.Org, m.User.Email, m.User.Name, m.Role, "active", m.CreatedAt.UTC(), nil}
	if !m.Active() {
		view.State = "deactivated"
	}
	if !m.SeenAt.IsZero() {
		view.SeenAt = &m.SeenAt
	}
	return view
}

type userCreate struct {
	orgFlag
	jsonFlag
	Email string `arg:"" optional:"" help:"E-mail address to sign in with."`
	Flag  string `name:"email" placeholder:"EMAIL" help:"The same as a flag."`
	Name  string `help:"Full name."`
	Role  string `help:"One of user, agent_creator, administrator." enum:"user,agent_creator,administrator" default:"user"`
}

func (c *userCreate) Run(ctx context.Context, a *app) error {
	email, err := either(c.Email, c.Flag, "an e-mail address")
	if err != nil {
		return err
	}
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		m, password, err := i.createUser(ctx, org.ID, email, c.Name, sallyport.Role(c.Role))
		if err != nil {
			return err
		}
		return show(a.out, c.jsonFlag, newPasswordView{viewUser(m), &password},
			"id: "+string(m.User.ID), "password: "+password, "", "The password is shown this once.")
	})
}

// createUser makes a person a member and returns the new password. It is that of
// this membership: the person may have another elsewhere.
func (i *instance) createUser(ctx context.Context, org sallyport.OrgID, email, name string, role sallyport.Role) (sallyport.Membership, string, error) {
	password := identity.NewPassword()
	hash, err := identity.HashPassword(password)
	if err != nil {
		return sallyport.Membership{}, "", err
	}
	m, err := i.addUser(ctx, org, email, name, role, hash)
	return m, password, err
}

// addUser makes a person a member with that password.
func (i *instance) addUser(ctx context.Context, org sallyport.OrgID, email, name string, role sallyport.Role, hash string) (sallyport.Membership, error) {
	email, err := cleanEmail(email)
	if err != nil {
		return sallyport.Membership{}, err
	}
	now := i.app.now().UTC()
	m := sallyport.Membership{
		Org: org, Role: role, CreatedAt: now,
		User: sallyport.User{ID: sallyport.UserID(newID()), Email: email, Name: name, CreatedAt: now},
	}
	rec := i.event(org, "users.create", "user/"+string(m.User.ID), map[string]any{"role": role})
	err = i.db.CreateUser(ctx, m, hash, rec)
	if sallyport.CodeOf(err) == sallyport.Conflict {
		err = fmt.Errorf("%s is a member already: see 'sallyport user list', or 'sallyport user reset-password' for a new password", email)
	}
	if err != nil {
		return m, err
	}
	// A person who was known before keeps the id.
	return i.db.MemberByEmail(ctx, org, email)
}

func cleanEmail(s string) (string, error) {
	clean, err := identity.CleanEmail(s)
	if err != nil {
		return "", fmt.Errorf("%q is not an e-mail address such as ann@example.com", s)
	}
	return clean, nil
}

type userList struct {
	orgFlag
	jsonFlag
}

func (c *userList) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		members, err := i.db.Members(ctx, org.ID)
		if err != nil {
			return err
		}
		return listMembers(a, c.jsonFlag, members)
	})
}

func listMembers(a *app, f jsonFlag, members []sallyport.Membership) error {
	views := make([]userView, 0, len(members))
	for _, m := range members {
		views = append(views, viewUser(m))
	}
	return list(a.out, f, views, "ID EMAIL ROLE STATE NAME CREATED", func(u userView) []any {
		return []any{u.ID, u.Email, u.Role, u.State, u.Name, when(u.CreatedAt)}
	})
}

type userResetPassword struct {
	orgFlag
	jsonFlag
	Email string `arg:"" help:"The member's e-mail address."`
}

func (c *userResetPassword) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		m, err := i.member(ctx, org.ID, c.Email)
		if err != nil {
			return err
		}
		password, err := i.resetPassword(ctx, m)
		if err != nil {
			return err
		}
		return show(a.out, c.jsonFlag, newPasswordView{viewUser(m), &password},
			"password: "+password, "", "The password is shown this once.")
	})
}

func (i *instance) resetPassword(ctx context.Context, m sallyport.Membership) (string, error) {
	password := identity.NewPassword()
	hash, err := identity.HashPassword(password)
	if err != nil {
		return "", err
	}
	rec := i.event(m.Org, "users.reset_password", "user/"+string(m.User.ID), nil)
	return password, i.db.SetPassword(ctx, m.Org, m.User.ID, hash, rec)
}
