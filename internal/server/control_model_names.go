package server

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
	"github.com/sallyport-ai/sallyport/internal/policy"
)

// ModelNameStore keeps what an organisation calls models and how it groups them;
// *store.DB is the real one.
type ModelNameStore interface {
	// AddModelAlias and RenameModel are Conflict for a name that is taken;
	// RemoveModelAlias is NotFound for one that is none of the model's.
	AddModelAlias(ctx context.Context, org sallyport.OrgID, a sallyport.ModelAlias, rec sallyport.Record) error
	RenameModel(ctx context.Context, org sallyport.OrgID, model, name string, rec sallyport.Record) error
	RemoveModelAlias(ctx context.Context, org sallyport.OrgID, model, name string, rec sallyport.Record) error
	ModelGroups(ctx context.Context, org sallyport.OrgID) ([]sallyport.ModelGroup, error)
	SaveModelGroup(ctx context.Context, org sallyport.OrgID, g sallyport.ModelGroup, rec sallyport.Record) error
	// DeleteModelGroup deletes unless check, which sees the rights that are decided, fails.
	DeleteModelGroup(ctx context.Context, org sallyport.OrgID, name string,
		check func(rights map[string][]byte) error, rec sallyport.Record) error
}

type modelNameRequest struct {
	ID   string `query:"model" required:"true" doc:"The model's id"`
	Body struct {
		Name string `json:"name" doc:"1 to 200 characters, all of them visible ASCII; unique in the organisation, among ids too"`
	}
}

type modelAliasQuery struct {
	ID   string `query:"model" required:"true" doc:"The model's id"`
	Name string `query:"name" required:"true"`
}

type modelGroupView struct {
	Name        string   `json:"name" readOnly:"true"`
	Description string   `json:"description" maxLength:"500" required:"false"`
	Models      []string `json:"models" maxItems:"1000" doc:"Ids of models"`
}

type modelGroupRequest struct {
	Name string `path:"name" pattern:"^[a-z0-9][a-z0-9-]{0,62}$"`
	Body modelGroupView
}

// controlModelNames has the names that an organisation gives models, and its model groups.
func (s *Server) controlModelNames(api huma.API) {
	huma.Register(api, operation("addModelAlias", "models.add_alias", http.MethodPost, "/models/aliases", "Give a model one more name"),
		func(ctx context.Context, in *modelNameRequest) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.addModelAlias(ctx, p, in.ID, in.Body.Name)
			})
		})
	huma.Register(api, operation("removeModelAlias", "models.remove_alias", http.MethodDelete, "/models/aliases", "Take a name from a model"),
		func(ctx context.Context, in *modelAliasQuery) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.parts.Control.RemoveModelAlias(ctx, p.Org, in.ID, in.Name, s.nameEvent(ctx, in.ID, in.Name))
			})
		})
	huma.Register(api, operation("renameModel", "models.rename", http.MethodPut, "/models/name",
		"List a model by another name; the names that it had go on working, and its id stays what rights, limits and records go by"),
		func(ctx context.Context, in *modelNameRequest) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.renameModel(ctx, p, in.ID, in.Body.Name)
			})
		})
	huma.Register(api, operation("listModelGroups", "model_groups.list", http.MethodGet, "/model-groups", "List the sets of models that rights can speak of"),
		func(ctx context.Context, _ *struct{}) (*body[[]modelGroupView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]modelGroupView, error) { return s.modelGroups(ctx, p.Org) }))
		})
	huma.Register(api, operation("saveModelGroup", "model_groups.save", http.MethodPut, "/model-groups/{name}", "Add a model group, or change it"),
		func(ctx context.Context, in *modelGroupRequest) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.saveModelGroup(ctx, p, in.Name, in.Body)
			})
		})
	huma.Register(api, operation("deleteModelGroup", "model_groups.delete", http.MethodDelete, "/model-groups/{name}", "Delete a model group of which no rights speak"),
		func(ctx context.Context, in *namePath) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				unused := func(rights map[string][]byte) error { return policy.CheckModelGroupUnused(in.Name, rights) }
				return nil, s.parts.Control.DeleteModelGroup(ctx, p.Org, in.Name, unused, s.event(ctx, "model_group/"+in.Name, nil))
			})
		})
}

func (s *Server) addModelAlias(ctx context.Context, p sallyport.Principal, id, name string) error {
	if _, err := s.model(ctx, p.Org, id); err != nil {
		return err
	}
	if err := s.checkModelName(ctx, p.Org, name); err != nil {
		return err
	}
	return s.parts.Control.AddModelAlias(ctx, p.Org, sallyport.ModelAlias{Name: name, Model: id, Kind: sallyport.Alias}, s.nameEvent(ctx, id, name))
}

func (s *Server) renameModel(ctx context.Context, p sallyport.Principal, id, name string) error {
	m, err := s.model(ctx, p.Org, id)
	if err != nil {
		return err
	}
	if !m.Called(name) {
		if err := s.checkModelName(ctx, p.Org, name); err != nil {
			return err
		}
	}
	return s.parts.Control.RenameModel(ctx, p.Org, id, name, s.nameEvent(ctx, id, name))
}

func (s *Server) nameEvent(ctx context.Context, model, name string) sallyport.Record {
	return s.event(ctx, "model/"+model, map[string]string{"name": name})
}

// checkModelName refuses a name that no rights could speak of, or that another model
// has; ids of the operator's file may be others. The store looks once more at what is its own.
func (s *Server) checkModelName(ctx context.Context, org sallyport.OrgID, name string) error {
	if !access.IsName(name) || strings.HasPrefix(name, agentModelPrefix) {
		return sallyport.NewError(sallyport.InvalidBody, "a name has 1 to 200 characters, all of them visible ASCII, and does not begin with "+agentModelPrefix)
	}
	all, err := s.parts.Models.All(ctx, org)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(m sallyport.Model) bool { return m.Called(name) }) {
		return sallyport.NewError(sallyport.Conflict, "another model has that name")
	}
	return nil
}

func (s *Server) modelGroups(ctx context.Context, org sallyport.OrgID) ([]modelGroupView, error) {
	groups, err := s.parts.Control.ModelGroups(ctx, org)
	views := make([]modelGroupView, 0, len(groups))
	for _, g := range groups {
		views = append(views, modelGroupView{Name: g.Name, Description: g.Description, Models: notNil(g.Models)})
	}
	return views, err
}

// saveModelGroup lets a group keep a model that has gone since: what is decided on
// the group binds it when it comes back.
func (s *Server) saveModelGroup(ctx context.Context, p sallyport.Principal, name string, v modelGroupView) error {
	all, err := s.parts.Models.All(ctx, p.Org)
	if err != nil {
		return err
	}
	groups, err := s.parts.Control.ModelGroups(ctx, p.Org)
	if err != nil {
		return err
	}
	before, _ := theOne("model group", groups, nil, func(g sallyport.ModelGroup) bool { return g.Name == name })
	for _, id := range v.Models {
		there := slices.ContainsFunc(all, func(m sallyport.Model) bool { return m.ID == id })
		if !there && !slices.Contains(before.Models, id) {
			return sallyport.NewError(sallyport.InvalidBody, "models names one that there is not: use ids")
		}
	}
	g := sallyport.ModelGroup{Name: name, Description: v.Description, Models: v.Models}
	return s.parts.Control.SaveModelGroup(ctx, p.Org, g, s.event(ctx, "model_group/"+name, v))
}

// notNil makes an empty list of none, for JSON.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
