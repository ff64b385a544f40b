package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-ai/sallyport"
)

const (
	// ListMax is how many agents a list shows at most.
	ListMax = 500
	// RecentRunsMax is how many runs the detail of an agent shows at most.
	RecentRunsMax = 20
)

// Import stores the definition as a new agent of the principal. Users without
// the right to create agents get sallyport.Forbidden; a model that the
// organisation does not have is sallyport.InvalidBody.
func (a *Agents) Import(ctx context.Context, p sallyport.Principal, def sallyport.AgentDefinition) (sallyport.Agent, error) {
	if p.Role != sallyport.RoleAgentCreator && p.Role != sallyport.RoleAdministrator {
		return sallyport.Agent{}, sallyport.NewError(sallyport.Forbidden, "only agent creators and administrators may import agents")
	}
	if err := validate(def); err != nil {
		return sallyport.Agent{}, err
	}
	if err := a.checkModels(ctx, p.Org, def); err != nil {
		return sallyport.Agent{}, err
	}
	agent := sallyport.Agent{
		ID: sallyport.AgentID(newID()), Org: p.Org, Owner: p.User,
		Definition: def, CreatedAt: a.o.Now(),
	}
	rec := a.o.Event(ctx, p, "agents.import", "agent/"+string(agent.ID), importChange{
		Inputs: len(def.Inputs), Steps: len(def.Steps), Models: modelsOf(def),
	})
	return agent, a.store.CreateAgent(ctx, agent, rec)
}

// importChange is what the trail tells of a new agent.
type importChange struct {
	Inputs int      `json:"inputs"`
	Steps  int      `json:"steps"`
	Models []string `json:"models"`
}

func (a *Agents) checkModels(ctx context.Context, org sallyport.OrgID, def sallyport.AgentDefinition) error {
	for _, model := range modelsOf(def) {
		err := a.o.Models(ctx, org, model)
		switch sallyport.CodeOf(err) {
		case "":
		case sallyport.ModelNotFound, sallyport.ModelAccessDenied:
			return sallyport.WrapError(sallyport.InvalidBody, fmt.Sprintf("the model %q is not available here", model), err)
		default:
			return err
		}
	}
	return nil
}

// List returns the organisation's agents, the newest first, at most ListMax.
func (a *Agents) List(ctx context.Context, org sallyport.OrgID) ([]sallyport.Agent, error) {
	return a.store.Agents(ctx, org, ListMax)
}

// Detail is what people see of an agent beside its definition.
type Detail struct {
	sallyport.Agent
	Inputs       []string // names, in the order of the definition
	HasTriggers  bool     // always false in this version: runs are started by people and programs
	ModelsInUse  []string
	RecentRunIDs []sallyport.RunID // the newest first, at most RecentRunsMax
	LastRunAt    time.Time         // zero: never
}

// Get returns an agent; sallyport.NotFound when it is deleted or not the organisation's.
func (a *Agents) Get(ctx context.Context, org sallyport.OrgID, id sallyport.AgentID) (Detail, error) {
	agent, err := a.agent(ctx, org, id)
	if err != nil {
		return Detail{}, err
	}
	runs, err := a.store.RunsOfAgent(ctx, org, id, RecentRunsMax)
	if err != nil {
		return Detail{}, err
	}
	detail := Detail{
		Agent: agent, Inputs: []string{}, ModelsInUse: modelsOf(agent.Definition),
		RecentRunIDs: []sallyport.RunID{},
	}
	for _, in := range agent.Definition.Inputs {
		detail.Inputs = append(detail.Inputs, in.Name)
	}
	for _, run := range runs {
		detail.RecentRunIDs = append(detail.RecentRunIDs, run.ID)
	}
	if len(runs) > 0 {
		detail.LastRunAt = runs[0].CreatedAt
	}
	return detail, nil
}

// agent returns one that is not deleted.
func (a *Agents) agent(ctx context.Context, org sallyport.OrgID, id sallyport.AgentID) (sallyport.Agent, error) {
	agent, err := a.store.Agent(ctx, org, id)
	if err == nil && !agent.DeletedAt.IsZero() {
		err = sallyport.NewError(sallyport.NotFound, "there is no such agent")
	}
	if err != nil {
		return sallyport.Agent{}, err
	}
	return agent, nil
}
