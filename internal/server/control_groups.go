package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
)

// GroupStore keeps groups; *store.DB is the real one.
type GroupStore interface {
	Groups(ctx context.Context, org sallyport.OrgID) ([]sallyport.Group, error)
	CreateGroup(ctx context.Context, g sallyport.Group, rec sallyport.Record) error
	RenameGroup(ctx context.Context, org sallyport.OrgID, id sallyport.GroupID, name string, rec sallyport.Record) error
	// DeleteGroup deletes its budgets and limits too.
	DeleteGroup(ctx context.Context, org sallyport.OrgID, id sallyport.GroupID, rec sallyport.Record) error
	GroupMembers(ctx context.Context, org sallyport.OrgID, id sallyport.GroupID) ([]sallyport.Membership, error)
	AddToGroup(ctx context.Context, org sallyport.OrgID, id sallyport.GroupID, users []sallyport.UserID, rec sallyport.Record) error
	RemoveFromGroup(ctx context.Context, org sallyport.OrgID, id sallyport.GroupID, users []sallyport.UserID, rec sallyport.Record) error
}

type groupView struct {
	ID        sallyport.GroupID `json:"id"`
	Name      string            `json:"name"`
	CreatedAt time.Time         `json:"created_at"`
}

type groupName struct {
	Name string `json:"name" minLength:"1" maxLength:"100" doc:"Unique in the organisation"`
}

type groupPath struct {
	ID sallyport.GroupID `path:"id"`
}

type groupRename struct {
	ID   sallyport.GroupID `path:"id"`
	Body groupName
}

type groupAdd struct {
	ID   sallyport.GroupID `path:"id"`
	Body struct {
		Members []string `json:"members" minItems:"1" maxItems:"500" doc:"Ids or e-mail addresses of members of the organisation"`
	}
}

type groupMemberPath struct {
	ID   sallyport.GroupID `path:"id"`
	User sallyport.UserID  `path:"user"`
}

type memberView struct {
	UserID sallyport.UserID `json:"user_id"`
	Email  string           `json:"email"`
	Name   string           `json:"name"`
	Role   sallyport.Role   `json:"role"`
}

// controlGroups has groups and who is in them.
func (s *Server) controlGroups(api huma.API) {
	huma.Register(api, operation("listGroups", "groups.list", http.MethodGet, "/groups", "List groups"),
		func(ctx context.Context, _ *struct{}) (*body[[]groupView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]groupView, error) {
				groups, err := s.parts.Control.Groups(ctx, p.Org)
				return viewGroups(groups), err
			}))
		})
	huma.Register(api, operation("createGroup", "groups.create", http.MethodPost, "/groups", "Make a group"),
		func(ctx context.Context, in *body[groupName]) (*body[groupView], error) {
			return reply(change(s, ctx, func(p sallyport.Principal) (groupView, error) { return s.createGroup(ctx, p, in.Body.Name) }))
		})
	huma.Register(api, operation("renameGroup", "groups.rename", http.MethodPut, "/groups/{id}", "Give a group another name"),
		func(ctx context.Context, in *groupRename) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.parts.Control.RenameGroup(ctx, p.Org, in.ID, in.Body.Name, s.groupEvent(ctx, in.ID, in.Body))
			})
		})
	huma.Register(api, operation("deleteGroup", "groups.delete", http.MethodDelete, "/groups/{id}", "Delete a group with its budgets and limits"),
		func(ctx context.Context, in *groupPath) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.parts.Control.DeleteGroup(ctx, p.Org, in.ID, s.groupEvent(ctx, in.ID, nil))
			})
		})
	huma.Register(api, operation("listGroupMembers", "groups.members", http.MethodGet, "/groups/{id}/members", "List who is in a group"),
		func(ctx context.Context, in *groupPath) (*body[[]memberView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]memberView, error) { return s.groupMembers(ctx, p, in.ID) }))
		})
	huma.Register(api, operation("addToGroup", "groups.add", http.MethodPost, "/groups/{id}/members", "Put members into a group, all or none"),
		func(ctx context.Context, in *groupAdd) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) { return nil, s.addToGroup(ctx, p, in) })
		})
	huma.Register(api, operation("previewGroupMembers", "groups.preview", http.MethodPost, "/groups/{id}/members/preview", "Whom a pasted list of addresses means"),
		func(ctx context.Context, in *groupPaste) (*body[pasteView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (pasteView, error) { return s.previewMembers(ctx, p, in) }))
		})
	huma.Register(api, operation("removeFromGroup", "groups.remove", http.MethodDelete, "/groups/{id}/members/{user}", "Take a member out of a group"),
		func(ctx context.Context, in *groupMemberPath) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				users := []sallyport.UserID{in.User}
				return nil, s.parts.Control.RemoveFromGroup(ctx, p.Org, in.ID, users, s.groupEvent(ctx, in.ID, groupChange{users}))
			})
		})
}

// groupChange is what a record tells of a change of members.
type groupChange struct {
	Users []sallyport.UserID `json:"user_ids"`
}

func (s *Server) groupEvent(ctx context.Context, id sallyport.GroupID, what any) sallyport.Record {
	return s.event(ctx, "group/"+string(id), what)
}

func (s *Server) createGroup(ctx context.Context, p sallyport.Principal, name string) (groupView, error) {
	g := sallyport.Group{Org: p.Org, ID: sallyport.GroupID(uuid.Must(uuid.NewV7()).String()), Name: name, CreatedAt: s.parts.Now()}
	err := s.parts.Control.CreateGroup(ctx, g, s.groupEvent(ctx, g.ID, groupName{name}))
	return viewGroup(g), err
}

func (s *Server) groupMembers(ctx context.Context, p sallyport.Principal, id sallyport.GroupID) ([]memberView, error) {
	members, err := s.parts.Control.GroupMembers(ctx, p.Org, id)
	views := make([]memberView, 0, len(members))
	for _, m := range members {
		views = append(views, viewMember(m))
	}
	return views, err
}

// addToGroup finds the members by id or e-mail address. Who is nobody here is
// told by place, because an address does not belong into an error.
func (s *Server) addToGroup(ctx context.Context, p sallyport.Principal, in *groupAdd) error {
	members, err := s.parts.Control.Members(ctx, p.Org)
	if err != nil {
		return err
	}
	ids := make(map[string]sallyport.UserID, 2*len(members))
	for _, m := range members {
		ids[string(m.User.ID)], ids[m.User.Email] = m.User.ID, m.User.ID
	}
	var users []sallyport.UserID
	for i, asked := range in.Body.Members {
		id, known := ids[strings.ToLower(strings.TrimSpace(asked))]
		if !known {
			return sallyport.NewError(sallyport.NotFound, fmt.Sprintf("members[%d] is no member of the organisation", i))
		}
		users = append(users, id)
	}
	return s.parts.Control.AddToGroup(ctx, p.Org, in.ID, users, s.groupEvent(ctx, in.ID, groupChange{users}))
}

func viewGroup(g sallyport.Group) groupView { return groupView{g.ID, g.Name, g.CreatedAt.UTC()} }

func viewGroups(groups []sallyport.Group) []groupView {
	views := make([]groupView, 0, len(groups))
	for _, g := range groups {
		views = append(views, viewGroup(g))
	}
	return views
}
