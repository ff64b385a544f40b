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

// listModels answers GET /v1/models: what the caller may use, its agents too
// with include_agents=true.
func (s *Server) listModels(r *request) (any, error) {
	models, err := s.models(r.Context(), r.principal)
	if err != nil {
		return nil, err
	}
	list := modelList{Object: "list", Data: make([]modelObject, 0, len(models))}
	for _, m := range models {
		list.Data = append(list.Data, modelOf(m))
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

func modelOf(m sallyport.Model) modelObject {
	return modelObject{ID: m.ID, Object: "model", OwnedBy: catalogueOwner, DisplayName: m.DisplayName}
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
	usable := make(map[string]bool, len(models))
	for _, m := range models {
		usable[m.ID] = true
	}
	for _, a := range agents {
		if len(a.Definition.Inputs) > 1 || slices.ContainsFunc(a.Definition.Models(), func(id string) bool { return !usable[id] }) {
			continue
		}
		list = append(list, modelObject{
			ID: agentModelPrefix + string(a.ID), Object: "model",
			Created: a.CreatedAt.Unix(), OwnedBy: org.Name,
		})
	}
	return list, nil
}

// getModel answers GET /v1/models/{model}. A model that is switched off looks
// like one that does not exist.
func (s *Server) getModel(r *request) (any, error) {
	id := r.PathValue("model")
	r.call.Requested = id
	if strings.HasPrefix(id, agentModelPrefix) {
		return s.getAgentModel(r, id)
	}
	models, err := s.models(r.Context(), r.principal)
	m, err := theOne("model, or you may not use it", models, err, func(m sallyport.Model) bool { return m.ID == id })
	return modelOf(m), err
}

func (s *Server) getAgentModel(r *request, id string) (any, error) {
	models, err := s.models(r.Context(), r.principal)
	if err != nil {
		return nil, err
	}
	agents, err := s.agentModels(r, models)
	return theOne("model, or you may not use it", agents, err, func(m modelObject) bool { return m.ID == id })
}
