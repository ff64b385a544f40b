package server

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
)

// UserStore finds and changes members; *store.DB is the real one.
type UserStore interface {
	FindMembers(ctx context.Context, org sallyport.OrgID, q sallyport.MemberQuery) ([]sallyport.MemberView, error)
	// ChangeMember is Conflict for the last active administrator.
	ChangeMember(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, c sallyport.MemberChange, at time.Time, rec sallyport.Record) error
	EndSessions(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, rec sallyport.Record) error
}

// The states of a member.
const (
	stateActive      = "active"
	stateDeactivated = "deactivated"
)

type userView struct {
	ID        sallyport.UserID `json:"id"`
	Email     string           `json:"email"`
	Name      string           `json:"name"`
	Role      sallyport.Role   `json:"role" enum:"user,agent_creator,administrator"`
	State     string           `json:"state" enum:"active,deactivated"`
	Groups    []groupNameView  `json:"groups"`
	CreatedAt time.Time        `json:"created_at"`
	SeenAt    *time.Time       `json:"seen_at" doc:"When a session was last used, to the minute; null: never"`
}

type userPage struct {
	Users []userView `json:"users"`
	Next  string     `json:"next" doc:"The cursor of the next page; empty: this is the last one"`
}

// UserFilter chooses members; huma reads it from the query.
type UserFilter struct {
	Text  string            `query:"q" maxLength:"200" doc:"Somewhere in e-mail address or name"`
	Role  sallyport.Role    `query:"role" enum:"user,agent_creator,administrator"`
	State string            `query:"state" enum:"active,deactivated"`
	Group sallyport.GroupID `query:"group" maxLength:"100"`
}

func (f UserFilter) query() sallyport.MemberQuery {
	q := sallyport.MemberQuery{Text: strings.TrimSpace(f.Text), Role: f.Role, Group: f.Group}
	if f.State != "" {
		active := f.State == stateActive
		q.Active = &active
	}
	return q
}

type userList struct {
	UserFilter
	Cursor string `query:"cursor" maxLength:"320"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type userPath struct {
	ID sallyport.UserID `path:"id"`
}

type userChange struct {
	ID   sallyport.UserID `path:"id"`
	Body struct {
		Role  *sallyport.Role `json:"role,omitempty" enum:"user,agent_creator,administrator"`
		State *string         `json:"state,omitempty" enum:"active,deactivated"`
	}
}

// controlUsers has the members of the organisation.
func (s *Server) controlUsers(api huma.API) {
	huma.Register(api, operation("listUsers", "users.list", http.MethodGet, "/users", "List members by e-mail address, a page at a time"),
		func(ctx context.Context, in *userList) (*body[userPage], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (userPage, error) { return s.users(ctx, p.Org, in) }))
		})
	huma.Register(api, operation("exportUsers", "users.export", http.MethodGet, "/users/export", "Get all members that are found as CSV"),
		func(ctx context.Context, in *UserFilter) (*huma.StreamResponse, error) {
			rows, err := look(s, ctx, func(p sallyport.Principal) (tableRows, error) { return s.usersTable(ctx, p.Org, in.query()) })
			if err != nil {
				return nil, err
			}
			return downloadCSV("users.csv", rows), nil
		})
	huma.Register(api, operation("changeUser", "users.update", http.MethodPatch, "/users/{id}", "Change role or state of a member; who is deactivated is out at once"),
		func(ctx context.Context, in *userChange) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) { return nil, s.changeUser(ctx, p.Org, in) })
		})
	huma.Register(api, operation("signOutUser", "users.sign_out", http.MethodPost, "/users/{id}/sign-out", "End all sessions of a member in this organisation"),
		func(ctx context.Context, in *userPath) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.parts.Control.EndSessions(ctx, p.Org, in.ID, s.event(ctx, userResource(in.ID), nil))
			})
		})
}

func (s *Server) users(ctx context.Context, org sallyport.OrgID, in *userList) (userPage, error) {
	q := in.query()
	q.After, q.Limit = in.Cursor, in.Limit
	found, err := s.parts.Control.FindMembers(ctx, org, q)
	if err != nil {
		return userPage{}, err
	}
	page := userPage{Users: make([]userView, 0, len(found))}
	for _, m := range found {
		page.Users = append(page.Users, viewUser(m))
	}
	if len(found) == in.Limit {
		page.Next = found[len(found)-1].User.Email
	}
	return page, nil
}

func viewUser(m sallyport.MemberView) userView {
	view := userView{
		ID: m.User.ID, Email: m.User.Email, Name: m.User.Name, Role: m.Role, State: stateActive,
		Groups: refs(m.Groups, nil), CreatedAt: m.CreatedAt.UTC(), SeenAt: timeOrNil(m.SeenAt),
	}
	if !m.Active() {
		view.State = stateDeactivated
	}
	return view
}

func (s *Server) changeUser(ctx context.Context, org sallyport.OrgID, in *userChange) error {
	c := sallyport.MemberChange{Role: in.Body.Role}
	if in.Body.State != nil {
		active := *in.Body.State == stateActive
		c.Active = &active
	}
	if c == (sallyport.MemberChange{}) {
		return sallyport.NewError(sallyport.InvalidBody, "Give a role or a state.")
	}
	return s.parts.Control.ChangeMember(ctx, org, in.ID, c, s.parts.Now(), s.event(ctx, userResource(in.ID), in.Body))
}

// usersTable finds the first page at once, so that what is wrong is told with a
// status, and the others while the answer is written.
func (s *Server) usersTable(ctx context.Context, org sallyport.OrgID, q sallyport.MemberQuery) (tableRows, error) {
	q.Limit = sallyport.MembersPageMax
	page, err := s.parts.Control.FindMembers(ctx, org, q)
	if err != nil {
		return nil, err
	}
	members := paged(page, func(last sallyport.MemberView) ([]sallyport.MemberView, error) {
		q.After = last.User.Email
		return s.parts.Control.FindMembers(ctx, org, q)
	})
	return tableOf([]string{"id", "email", "name", "role", "state", "groups", "created_at", "seen_at"}, members, userCells), nil
}

func userCells(m sallyport.MemberView) []string {
	u := viewUser(m)
	groups := make([]string, len(u.Groups))
	for i, g := range u.Groups {
		groups[i] = g.Name
	}
	seen := ""
	if u.SeenAt != nil {
		seen = u.SeenAt.Format(time.RFC3339)
	}
	return []string{string(u.ID), u.Email, u.Name, string(u.Role), u.State, strings.Join(groups, "; "), u.CreatedAt.Format(time.RFC3339), seen}
}
