package agent

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
)

const (
	// ListMax is how many agents a list shows at most.
	ListMax = 500
	// RecentRunsMax is how many runs the detail of an agent shows at most.
	RecentRunsMax = 20
)

// Import stores the definition as a new agent of the principal, which is not
// shared. That the principal may create agents is the surface's to ask. A model
// that the organisation does not have is sallyport.InvalidBody.
func (a *Agents) Import(ctx context.Context, p sallyport.Principal, def sallyport.AgentDefinition) (sallyport.Agent, error) {
	return a.create(ctx, p, sallyport.Agent{Definition: def})
}

// ImportShared is Import for an agent that every member sees from the start.
func (a *Agents) ImportShared(ctx context.Context, p sallyport.Principal, def sallyport.AgentDefinition) (sallyport.Agent, error) {
	return a.create(ctx, p, sallyport.Agent{Definition: def, Shared: true})
}

func (a *Agents) create(ctx context.Context, p sallyport.Principal, agent sallyport.Agent) (sallyport.Agent, error) {
	def := agent.Definition
	if err := validate(def); err != nil {
		return sallyport.Agent{}, err
	}
	if err := a.checkModels(ctx, p.Org, def); err != nil {
		return sallyport.Agent{}, err
	}
	agent.ID, agent.Org, agent.Owner, agent.CreatedAt = sallyport.AgentID(newID()), p.Org, p.User, a.o.Now()
	rec := a.o.Event(ctx, p, "agents.create", resource(agent.ID), createChange{
		Inputs: len(def.Inputs), Steps: len(def.Steps), Models: def.Models(), Shared: agent.Shared,
	})
	return agent, a.store.CreateAgent(ctx, agent, rec)
}

// createChange is what the trail tells of a new agent.
type createChange struct {
	Inputs int      `json:"inputs"`
	Steps  int      `json:"steps"`
	Models []string `json:"models"`
	Shared bool     `json:"shared,omitempty"`
}

func resource(id sallyport.AgentID) string { return "agent/" + string(id) }

// Duplicate makes an agent of the principal from one that it may see: with the
// same definition, not shared, named as a copy.
func (a *Agents) Duplicate(ctx context.Context, p sallyport.Principal, id sallyport.AgentID) (sallyport.Agent, error) {
	original, err := a.agent(ctx, p, id)
	if err != nil {
		return sallyport.Agent{}, err
	}
	def := original.Definition
	def.DisplayName = copyName(def.DisplayName)
	return a.create(ctx, p, sallyport.Agent{Definition: def})
}

// copySuffix ends the name of a copy.
const copySuffix = " (copy)"

func copyName(name string) string {
	if len(name)+len(copySuffix) > NameMax {
		name = strings.ToValidUTF8(name[:NameMax-len(copySuffix)], "")
	}
	return name + copySuffix
}

// Share lets every member of the organisation see and run the agent, or ends that.
func (a *Agents) Share(ctx context.Context, p sallyport.Principal, id sallyport.AgentID, shared bool) error {
	const action = "agents.share"
	if err := a.mayChange(ctx, p, id, action); err != nil {
		return err
	}
	return a.store.ShareAgent(ctx, p.Org, id, shared, a.o.Event(ctx, p, action, resource(id), shareChange{shared}))
}

type shareChange struct {
	Shared bool `json:"shared"`
}

// Delete hides the agent for good. Its runs stay, and those in progress go on.
func (a *Agents) Delete(ctx context.Context, p sallyport.Principal, id sallyport.AgentID) error {
	const action = "agents.delete"
	if err := a.mayChange(ctx, p, id, action); err != nil {
		return err
	}
	return a.store.DeleteAgent(ctx, p.Org, id, a.o.Now(), a.o.Event(ctx, p, action, resource(id), nil))
}

func (a *Agents) mayChange(ctx context.Context, p sallyport.Principal, id sallyport.AgentID, action string) error {
	agent, err := a.agent(ctx, p, id)
	if err != nil {
		return err
	}
	return a.allowed(ctx, p, action, Resource(agent))
}

func (a *Agents) checkModels(ctx context.Context, org sallyport.OrgID, def sallyport.AgentDefinition) error {
	for _, model := range def.Models() {
		if err := a.checkModel(ctx, org, model); err != nil {
			return err
		}
	}
	return nil
}

// checkModel is sallyport.InvalidBody for one that the organisation does not have.
func (a *Agents) checkModel(ctx context.Context, org sallyport.OrgID, model string) error {
	err := a.o.Models(ctx, org, model)
	switch sallyport.CodeOf(err) {
	case sallyport.ModelNotFound, sallyport.ModelAccessDenied:
		return sallyport.WrapError(sallyport.InvalidBody, fmt.Sprintf("the model %q is not available here", model), err)
	}
	return err
}

// List returns the agents that the principal may see, the newest first, at most ListMax.
func (a *Agents) List(ctx context.Context, p sallyport.Principal) ([]sallyport.Agent, error) {
	return agentsOf(a.Find(ctx, p, sallyport.AgentFilter{Limit: ListMax}))
}

// Find lists those agents that f chooses of the ones that the principal may see.
func (a *Agents) Find(ctx context.Context, p sallyport.Principal, f sallyport.AgentFilter) ([]sallyport.AgentSummary, error) {
	var err error
	if f.Viewer, err = a.viewer(ctx, p, "agents.get"); err != nil {
		return nil, err
	}
	return a.store.FindAgents(ctx, p.Org, f)
}

// All lists all agents of an organisation, at most ListMax, for those who manage it.
func (a *Agents) All(ctx context.Context, org sallyport.OrgID) ([]sallyport.Agent, error) {
	return agentsOf(a.store.FindAgents(ctx, org, sallyport.AgentFilter{Limit: ListMax}))
}

func agentsOf(found []sallyport.AgentSummary, err error) ([]sallyport.Agent, error) {
	agents := make([]sallyport.Agent, 0, len(found))
	for _, f := range found {
		agents = append(agents, f.Agent)
	}
	return agents, err
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

// Get returns an agent; sallyport.NotFound when it is deleted or the principal
// may not see it. Its runs are those that the principal may see.
func (a *Agents) Get(ctx context.Context, p sallyport.Principal, id sallyport.AgentID) (Detail, error) {
	agent, err := a.agent(ctx, p, id)
	if err != nil {
		return Detail{}, err
	}
	runs, err := a.FindRuns(ctx, p, sallyport.RunFilter{Agent: id, Limit: RecentRunsMax})
	if err != nil {
		return Detail{}, err
	}
	detail := Detail{
		Agent: agent, Inputs: []string{}, ModelsInUse: agent.Definition.Models(),
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

// agent returns one that is not deleted and that the principal may see.
func (a *Agents) agent(ctx context.Context, p sallyport.Principal, id sallyport.AgentID) (sallyport.Agent, error) {
	agent, err := a.store.Agent(ctx, p.Org, id)
	if err == nil && !agent.DeletedAt.IsZero() {
		err = sallyport.NewError(sallyport.NotFound, "there is no such agent")
	}
	if err == nil {
		err = hidden(a.allowed(ctx, p, "agents.get", Resource(agent)), "agent")
	}
	if err != nil {
		return sallyport.Agent{}, err
	}
	return agent, nil
}
