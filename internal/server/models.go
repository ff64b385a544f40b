package server

import (
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport"
)

// modelObject is one entry of the models list. Created and OwnedBy are fixed
// for catalogue models; clients of the API we serve rely on it.
type modelObject struct {
	ID          string `json:"id"`
	Object      string `json:"object"`
	Created     int64  `json:"created"`
	OwnedBy     string `json:"owned_by"`
	DisplayName string `json:"display_name,omitempty"`
}

// catalogueOwner is the owned_by of every catalogue model.
const catalogueOwner = "kindo"

// agentModelPrefix marks an agent among the models.
const agentModelPrefix = "agent/"

type modelList struct {
	Object string        `json:"object"`
	Data   []modelObject `json:"data"`
}

// listModels answers GET /v1/models: what the caller may use, by each name that it is
// listed by, and its agents too with include_agents=true. Anthropic's clients get
// their own list, without agents, which have no Messages.
func (s *Server) listModels(r *request) (any, error) {
	models, err := s.models(r.Context(), r.principal)
	if err != nil {
		return nil, err
	}
	if speaksAnthropic(r.Request) {
		return anthropicModels(r, models)
	}
	list := modelList{Object: "list", Data: make([]modelObject, 0, len(models))}
	for _, m := range models {
		for _, name := range m.Names() {
			list.Data = append(list.Data, modelOf(m, name))
		}
	}
	if r.URL.Query().Get("include_agents") != "true" {
		return list, nil
	}
	agents, err := s.agentModels(r, models)
	if err != nil {
		return nil, err
	}
	list.Data = append(list.Data, agents...)
	return list, nil
}

// modelOf is the model under one of its names.
func modelOf(m sallyport.Model, name string) modelObject {
	return modelObject{ID: name, Object: "model", OwnedBy: catalogueOwner, DisplayName: m.DisplayName}
}

// agentModels are the agents that the caller may see, that take one text, and that
// ask none but the models that the caller may use: others could not answer.
func (s *Server) agentModels(r *request, models []sallyport.Model) ([]modelObject, error) {
	org, err := s.parts.Control.Org(r.Context(), r.principal.Org)
	if err != nil {
		return nil, err
	}
	agents, err := s.parts.Agents.List(r.Context(), r.principal)
	if err != nil {
		return nil, err
	}
	var list []modelObject
	unusable := func(name string) bool {
		return !slices.ContainsFunc(models, func(m sallyport.Model) bool { return m.Called(name) })
	}
	for _, a := range agents {
		if len(a.Definition.Inputs) > 1 || slices.ContainsFunc(a.Definition.Models(), unusable) {
			continue
		}
		list = append(list, modelObject{
			ID: agentModelPrefix + string(a.ID), Object: "model",
			Created: a.CreatedAt.Unix(), OwnedBy: org.Name,
		})
	}
	return list, nil
}

// getModel answers GET /v1/models/{model}, by any name that the model has. A model
// that is switched off looks like one that does not exist.
func (s *Server) getModel(r *request) (any, error) {
	id := r.PathValue("model")
	r.call.Requested = id
	if strings.HasPrefix(id, agentModelPrefix) {
		return s.getAgentModel(r, id)
	}
	models, err := s.models(r.Context(), r.principal)
	m, err := theOne("model, or you may not use it", models, err, func(m sallyport.Model) bool { return m.Called(id) })
	if speaksAnthropic(r.Request) {
		return anthropicModelOf(m, id), err
	}
	return modelOf(m, id), err
}

func (s *Server) getAgentModel(r *request, id string) (any, error) {
	models, err := s.models(r.Context(), r.principal)
	if err != nil {
		return nil, err
	}
	agents, err := s.agentModels(r, models)
	return theOne("model, or you may not use it", agents, err, func(m modelObject) bool { return m.ID == id })
}
