package server

import (
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/agent"
)

// permissions are what the caller may do with an agent.
type permissions struct {
	UserPermissions []string `json:"userPermissions"`
}

type agentItem struct {
	AgentID     sallyport.AgentID `json:"agentId"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	CreatedAt   string            `json:"createdAt"`
	CreatorName string            `json:"creatorName"`
	Metadata    permissions       `json:"metadata"`
}

type agentList struct {
	Items []agentItem `json:"items"`
	Total int         `json:"total"`
}

type agentDetail struct {
	agentItem
	Inputs       []string          `json:"inputs"`
	HasTriggers  bool              `json:"hasTriggers"`
	ModelsInUse  []string          `json:"modelsInUse"`
	RecentRunIDs []sallyport.RunID `json:"recentRunIds"`
	LastRunAtUTC *string           `json:"lastRunAtUtc"`
}

// listAgents answers GET /v1/agents/list. Total is the length of this page.
func (s *Server) listAgents(r *request) (any, error) {
	agents, err := s.parts.Agents.List(r.Context(), r.principal.Org)
	if err != nil {
		return nil, err
	}
	names, err := s.memberNames(r)
	if err != nil {
		return nil, err
	}
	list := agentList{Items: make([]agentItem, 0, len(agents)), Total: len(agents)}
	for _, a := range agents {
		list.Items = append(list.Items, agentItemOf(a, r.principal, names))
	}
	return list, nil
}

// getAgent answers GET /v1/agents/{agent}.
func (s *Server) getAgent(r *request) (any, error) {
	detail, err := s.parts.Agents.Get(r.Context(), r.principal.Org, sallyport.AgentID(r.PathValue("agent")))
	if err != nil {
		return nil, agentNotFound(err)
	}
	names, err := s.memberNames(r)
	if err != nil {
		return nil, err
	}
	return agentDetailOf(detail, r.principal, names), nil
}

func agentItemOf(a sallyport.Agent, p sallyport.Principal, names map[sallyport.UserID]string) agentItem {
	return agentItem{
		AgentID: a.ID, Name: a.Definition.DisplayName, Description: a.Definition.Description,
		CreatedAt: isoTime(a.CreatedAt), CreatorName: names[a.Owner],
		Metadata: permissions{permissionsOn(a, p)},
	}
}

func agentDetailOf(d agent.Detail, p sallyport.Principal, names map[sallyport.UserID]string) agentDetail {
	out := agentDetail{
		agentItem: agentItemOf(d.Agent, p, names),
		Inputs:    d.Inputs, HasTriggers: d.HasTriggers, ModelsInUse: d.ModelsInUse, RecentRunIDs: d.RecentRunIDs,
	}
	if !d.LastRunAt.IsZero() {
		at := isoTime(d.LastRunAt)
		out.LastRunAtUTC = &at
	}
	return out
}

// permissionsOn says what p may do with a: everything with its own, and an
// administrator with any.
func permissionsOn(a sallyport.Agent, p sallyport.Principal) []string {
	if a.Owner == p.User || p.Role == sallyport.RoleAdministrator {
		return []string{"view", "edit", "delete", "share"}
	}
	return []string{"view"}
}

func (s *Server) memberNames(r *request) (map[sallyport.UserID]string, error) {
	members, err := s.parts.Control.Members(r.Context(), r.principal.Org)
	if err != nil {
		return nil, err
	}
	names := make(map[sallyport.UserID]string, len(members))
	for _, m := range members {
		names[m.User.ID] = m.User.Name
	}
	return names, nil
}

// isoTime writes a time as the agents API does: UTC with milliseconds.
func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// agentNotFound says the same of what does not exist and what is not visible.
func agentNotFound(err error) error {
	if sallyport.CodeOf(err) == sallyport.NotFound {
		return sallyport.NewError(sallyport.NotFound, "Agent not found")
	}
	return err
}
