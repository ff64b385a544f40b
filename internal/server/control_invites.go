package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
)

// Invites makes and accepts invitations; *identity.Invites is the real one.
type Invites interface {
	Make(ctx context.Context, i sallyport.Invite, rec func(sallyport.InviteID) sallyport.Record) (sallyport.Invite, string, error)
	// Look returns NotFound for a token that opens nothing, whatever the reason.
	Look(ctx context.Context, token, address string) (i sallyport.Invite, known []sallyport.Credential, err error)
	Accept(ctx context.Context, token, name, password, address string,
		rec func(sallyport.Invite, sallyport.UserID) sallyport.Record) (sallyport.Membership, error)
}

// InviteStore keeps invitations; *store.DB is the real one.
type InviteStore interface {
	Invites(ctx context.Context, org sallyport.OrgID, now time.Time) ([]sallyport.Invite, error)
	DeleteInvite(ctx context.Context, org sallyport.OrgID, id sallyport.InviteID, rec sallyport.Record) error
}

type inviteView struct {
	ID        sallyport.InviteID  `json:"id"`
	Email     string              `json:"email"`
	Role      sallyport.Role      `json:"role"`
	Groups    []sallyport.GroupID `json:"groups"`
	CreatedBy sallyport.UserID    `json:"created_by"`
	CreatedAt time.Time           `json:"created_at"`
	ExpiresAt time.Time           `json:"expires_at"`
}

type newInviteView struct {
	Invite inviteView `json:"invite"`
	Path   string     `json:"path" doc:"Of the page that accepts it, with the token behind the #. It is shown this once and kept nowhere"`
}

type inviteRequest struct {
	Body struct {
		Email  string              `json:"email" minLength:"3" maxLength:"320"`
		Role   sallyport.Role      `json:"role,omitempty" enum:"user,agent_creator,administrator" default:"user"`
		Groups []sallyport.GroupID `json:"groups,omitempty" maxItems:"20" doc:"Ids of groups that the new member is put into"`
	}
}

type invitePath struct {
	ID sallyport.InviteID `path:"id"`
}

type inviteToken struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"200"`
	}
}

type invitedView struct {
	Organisation string         `json:"organisation"`
	Email        string         `json:"email"`
	Role         sallyport.Role `json:"role"`
	Known        bool           `json:"known" doc:"The person has an account here and accepts with its password"`
	ExpiresAt    time.Time      `json:"expires_at"`
}

type inviteAcceptance struct {
	Body struct {
		Token    string `json:"token" minLength:"1" maxLength:"200"`
		Name     string `json:"name,omitempty" maxLength:"200" doc:"Of a new person"`
		Password string `json:"password" minLength:"1" maxLength:"1024" doc:"A new one, or that of the account"`
	}
}

// controlInvites has invitations, and what the page behind their links asks.
func (s *Server) controlInvites(api huma.API) {
	huma.Register(api, operation("listInvites", "invites.list", http.MethodGet, "/invites", "List open invitations"),
		func(ctx context.Context, _ *struct{}) (*body[[]inviteView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]inviteView, error) { return s.openInvites(ctx, p.Org) }))
		})
	huma.Register(api, operation("createInvite", "invites.create", http.MethodPost, "/invites", "Invite somebody, in the place of an earlier invitation"),
		func(ctx context.Context, in *inviteRequest) (*body[newInviteView], error) {
			return reply(change(s, ctx, func(p sallyport.Principal) (newInviteView, error) { return s.invite(ctx, p, in) }))
		})
	huma.Register(api, operation("deleteInvite", "invites.delete", http.MethodDelete, "/invites/{id}", "Take an invitation back"),
		func(ctx context.Context, in *invitePath) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.parts.Control.DeleteInvite(ctx, p.Org, in.ID, s.event(ctx, inviteResource(in.ID), nil))
			})
		})
	huma.Register(api, ofAnybody(operation("lookAtInvite", "invites.look", http.MethodPost, "/invites/look", "What an invitation is for")),
		func(ctx context.Context, in *inviteToken) (*body[invitedView], error) {
			return reply(enter(s, ctx, func(e *entrance) (invitedView, error) { return s.invited(ctx, e, in.Body.Token) }))
		})
	huma.Register(api, ofAnybody(operation("acceptInvite", "invites.accept", http.MethodPost, "/invites/accept", "Become a member and sign in")),
		func(ctx context.Context, in *inviteAcceptance) (*sessionAnswer, error) {
			return enter(s, ctx, func(e *entrance) (*sessionAnswer, error) { return s.acceptInvite(ctx, e, in) })
		})
}

func inviteResource(id sallyport.InviteID) string { return "invite/" + string(id) }

func (s *Server) openInvites(ctx context.Context, org sallyport.OrgID) ([]inviteView, error) {
	invites, err := s.parts.Control.Invites(ctx, org, s.parts.Now())
	views := make([]inviteView, 0, len(invites))
	for _, i := range invites {
		views = append(views, viewInvite(i))
	}
	return views, err
}

func viewInvite(i sallyport.Invite) inviteView {
	if i.Groups == nil {
		i.Groups = []sallyport.GroupID{}
	}
	return inviteView{i.ID, i.Email, i.Role, i.Groups, i.By, i.CreatedAt.UTC(), i.ExpiresAt.UTC()}
}

// inviteChange is what a record tells of an invitation: not the address, which
// could not be erased from the trail.
type inviteChange struct {
	Role   sallyport.Role      `json:"role"`
	Groups []sallyport.GroupID `json:"group_ids,omitempty"`
}

func (s *Server) invite(ctx context.Context, p sallyport.Principal, in *inviteRequest) (newInviteView, error) {
	i := sallyport.Invite{Org: p.Org, Email: in.Body.Email, Role: in.Body.Role, Groups: in.Body.Groups, By: p.User}
	i, token, err := s.parts.Invites.Make(ctx, i, func(id sallyport.InviteID) sallyport.Record {
		return s.event(ctx, inviteResource(id), inviteChange{i.Role, i.Groups})
	})
	return newInviteView{viewInvite(i), InvitePath(token)}, err
}

// InvitePath is the page that accepts the invitation of a token. What is behind
// the # stays in the browser: no log of a server has it.
func InvitePath(token string) string { return "/invite#" + token }

// invited tells who holds the link what it is for. That is told in the trail of
// the organisation.
func (s *Server) invited(ctx context.Context, e *entrance, token string) (invitedView, error) {
	i, known, err := s.parts.Invites.Look(ctx, token, e.Source.IP)
	if err != nil {
		return invitedView{}, err
	}
	e.Principal.Org, e.resource = i.Org, inviteResource(i.ID)
	org, err := s.parts.Control.Org(ctx, i.Org)
	if err != nil {
		return invitedView{}, err
	}
	rec := s.parts.Audit.Read(e.Call, http.StatusOK)
	rec.Resource = e.resource
	if err := s.record(ctx, i.Org, rec); err != nil {
		return invitedView{}, err
	}
	return invitedView{org.Name, i.Email, i.Role, len(known) > 0, i.ExpiresAt.UTC()}, nil
}

func (s *Server) acceptInvite(ctx context.Context, e *entrance, in *inviteAcceptance) (*sessionAnswer, error) {
	m, err := s.parts.Invites.Accept(ctx, in.Body.Token, in.Body.Name, in.Body.Password, e.Source.IP,
		func(i sallyport.Invite, user sallyport.UserID) sallyport.Record {
			e.resource = inviteResource(i.ID)
			e.Principal = sallyport.Principal{Org: i.Org, User: user, Role: i.Role}
			return s.parts.Audit.Change(e.Call, userResource(user), inviteChange{i.Role, i.Groups})
		})
	if err != nil {
		return nil, err
	}
	s.parts.Forget()
	after := *e.Call
	after.Principal, after.Action = sallyport.Principal{Org: m.Org, User: m.User.ID, Role: m.Role}, "session.create"
	return s.begin(ctx, &after)
}
