package agent

import (
	"context"
	"maps"
	"strings"

	"github.com/sallyport-ai/sallyport"
)

// Bounds of what a run is started with, in bytes.
const (
	InputValueMax  = 1 << 20
	InputsTotalMax = 4 << 20
)

// Start begins a run of the agent as the principal and returns it at once.
// inputs are by name, letter for letter; names that the agent does not declare
// are dropped. A declared one that is absent is sallyport.MissingInputs.
func (a *Agents) Start(ctx context.Context, p sallyport.Principal, id sallyport.AgentID, inputs map[string]string) (sallyport.Run, error) {
	return a.start(ctx, p, id, "", inputs)
}

// StartWithText is Start for a single text. It becomes the value of the only
// input, unless inputs has that too. Without declared inputs it is the user's
// message: it follows the prompt of the first step. An agent with several
// inputs needs all of them by name; the text alone is sallyport.MissingInputs.
// An empty text is none.
func (a *Agents) StartWithText(ctx context.Context, p sallyport.Principal, id sallyport.AgentID, text string, inputs map[string]string) (sallyport.Run, error) {
	return a.start(ctx, p, id, text, inputs)
}

func (a *Agents) start(ctx context.Context, p sallyport.Principal, id sallyport.AgentID, text string, inputs map[string]string) (sallyport.Run, error) {
	if p.Key == "" {
		return sallyport.Run{}, sallyport.NewError(sallyport.Forbidden, "a run is started with an API key, whose rights bind all its steps")
	}
	agent, err := a.agent(ctx, p.Org, id)
	if err != nil {
		return sallyport.Run{}, err
	}
	begin, err := bind(agent.Definition, text, inputs)
	if err != nil {
		return sallyport.Run{}, err
	}
	run := sallyport.Run{
		ID: sallyport.RunID(newID()), Org: p.Org, Agent: agent.ID,
		User: p.User, Key: p.Key, Conversation: newID(),
		Status: sallyport.RunInProgress, CreatedAt: a.o.Now(),
	}
	if run.Begin, err = a.seal(ctx, run, beginPart, begin); err != nil {
		return sallyport.Run{}, err
	}
	rec := a.o.Event(ctx, p, "agents.run", "run/"+string(run.ID), runChange{Agent: agent.ID})
	rec.Run = run.ID
	if err := a.store.CreateRun(ctx, run, rec); err != nil {
		return sallyport.Run{}, err
	}
	a.tell(run)
	return run, nil
}

// tell hands the run to the engine. When that fails, or this process does not
// serve, the reconciler of the one that does will find it: the run has begun.
func (a *Agents) tell(run sallyport.Run) {
	e := a.engine.Load()
	if e == nil {
		return
	}
	if err := e.start(runRef{run.Org, run.ID}); err != nil {
		a.o.Log.Warn("an agent run will start later", "run", run.ID, "error", err)
	}
}

// bind gives each declared input its value.
func bind(def sallyport.AgentDefinition, text string, given map[string]string) (runBegin, error) {
	begin := runBegin{Definition: def, Inputs: make(map[string]string, len(def.Inputs))}
	given = maps.Clone(given)
	if given == nil {
		given = make(map[string]string)
	}
	switch len(def.Inputs) {
	case 0:
		begin.Text = text
	case 1:
		name := def.Inputs[0].Name
		if _, named := given[name]; !named && text != "" {
			given[name] = text
		}
	}
	var missing []string
	total := len(begin.Text)
	for _, in := range def.Inputs {
		value, named := given[in.Name]
		if !named {
			missing = append(missing, "'"+in.Name+"'")
		}
		if len(value) > InputValueMax {
			return runBegin{}, invalid("the value of input '%s' is longer than %d bytes", in.Name, InputValueMax)
		}
		begin.Inputs[in.Name] = value
		total += len(value)
	}
	switch {
	case len(missing) > 0:
		return runBegin{}, sallyport.NewError(sallyport.MissingInputs, "Missing required inputs: "+strings.Join(missing, ", "))
	case total > InputsTotalMax:
		return runBegin{}, invalid("the inputs are longer than %d bytes together", InputsTotalMax)
	}
	return begin, nil
}

// Cancel ends a run in progress. What its current step has used is charged. A
// run that has ended is sallyport.Conflict.
func (a *Agents) Cancel(ctx context.Context, p sallyport.Principal, id sallyport.RunID) error {
	run, err := a.store.Run(ctx, p.Org, id)
	if err != nil {
		return err
	}
	end, err := a.seal(ctx, run, endPart, runEnd{})
	if err != nil {
		return err
	}
	rec := a.o.Event(ctx, p, "agents.run.cancel", "run/"+string(run.ID), runChange{Agent: run.Agent, Status: sallyport.RunCancelled})
	rec.Run = run.ID
	if err := a.store.FinishRun(ctx, run.Org, run.ID, sallyport.RunCancelled, end, a.o.Now(), rec); err != nil {
		return err
	}
	// Row first: whatever becomes of the engine now, no further step begins.
	if e := a.engine.Load(); e != nil {
		if err := e.cancel(run.ID); err != nil {
			a.o.Log.Warn("the engine holds on to a cancelled run until its step ends", "run", run.ID, "error", err)
		}
	}
	return nil
}
