package server

import (
	"slices"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
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
	agents, err := s.parts.Agents.List(r.Context(), r.principal)
	if err != nil {
		return nil, err
	}
	names, err := s.memberNames(r.Context(), r.principal.Org, usersOf(agents, func(a sallyport.Agent) sallyport.UserID { return a.Owner })...)
	if err != nil {
		return nil, err
	}
	caller, err := s.parts.Policies.Caller(r.Context(), r.principal)
	if err != nil {
		return nil, err
	}
	list := agentList{Items: make([]agentItem, 0, len(agents)), Total: len(agents)}
	for _, a := range agents {
		item := agentItemOf(a, names)
		item.Metadata.UserPermissions = permissionsOn(caller, a)
		list.Items = append(list.Items, item)
	}
	return list, nil
}

// getAgent answers GET /v1/agents/{agent}.
func (s *Server) getAgent(r *request) (any, error) {
	detail, err := s.parts.Agents.Get(r.Context(), r.principal, sallyport.AgentID(r.PathValue("agent")))
	if err != nil {
		return nil, agentNotFound(err)
	}
	names, err := s.memberNames(r.Context(), r.principal.Org, detail.Owner)
	if err != nil {
		return nil, err
	}
	caller, err := s.parts.Policies.Caller(r.Context(), r.principal)
	answer := agentDetailOf(detail, names)
	answer.Metadata.UserPermissions = permissionsOn(caller, detail.Agent)
	return answer, err
}

func agentItemOf(a sallyport.Agent, names map[sallyport.UserID]string) agentItem {
	return agentItem{
		AgentID: a.ID, Name: a.Definition.DisplayName, Description: a.Definition.Description,
		CreatedAt: isoTime(a.CreatedAt), CreatorName: names[a.Owner],
	}
}

func agentDetailOf(d agent.Detail, names map[sallyport.UserID]string) agentDetail {
	out := agentDetail{
		agentItem: agentItemOf(d.Agent, names),
		Inputs:    d.Inputs, HasTriggers: d.HasTriggers, ModelsInUse: d.ModelsInUse, RecentRunIDs: d.RecentRunIDs,
	}
	if !d.LastRunAt.IsZero() {
		at := isoTime(d.LastRunAt)
		out.LastRunAtUTC = &at
	}
	return out
}

// permissionsOn is rightsOn for the agents API, which has no word for running.
func permissionsOn(c access.Caller, a sallyport.Agent) []string {
	return slices.DeleteFunc(rightsOn(c, a), func(right string) bool { return right == "run" })
}

// agentRights are what may be done with an agent, and the action that it is.
var agentRights = []struct{ right, action string }{
	{"view", "agents.get"}, {"run", "runs.start"}, {"edit", "agents.update"}, {"delete", "agents.delete"}, {"share", "agents.share"},
}

// rightsOn says what c may do with a.
func rightsOn(c access.Caller, a sallyport.Agent) []string {
	rights := []string{}
	for _, r := range agentRights {
		if access.Allowed(c, r.action, agent.Resource(a)).Allowed {
			rights = append(rights, r.right)
		}
	}
	return rights
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
