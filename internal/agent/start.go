package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"

	"github.com/sallyport-ai/sallyport"
)

// Bounds of what a run is started with, in bytes.
const (
	InputValueMax  = 1 << 20
	InputsTotalMax = 4 << 20
)

// Order is what a run is asked for with.
type Order struct {
	Agent sallyport.AgentID
	// Inputs are by name, letter for letter; names that the agent does not declare
	// are dropped. A declared one that is absent is sallyport.MissingInputs.
	Inputs map[string]string
	// Text is a single text instead. It becomes the value of the only input, unless
	// Inputs has that too. Without declared inputs it is the user's message: it
	// follows the prompt of the first step. An agent with several inputs needs all
	// of them by name; the text alone is sallyport.MissingInputs. Empty is none.
	Text string
	// Instructions follow the agent's system prompt as they are, in every step.
	Instructions string
	// Metadata is JSON that is kept with the run and means nothing here.
	Metadata json.RawMessage
	// Kind is what begins the run; empty: a program, or the Terminal when the
	// principal has no key.
	Kind sallyport.StartKind
	// ID names the run, so that it begins once: when it has begun before, that one
	// is returned. Empty: it is a new run.
	ID sallyport.RunID
	// End makes of the run what a request with an Idempotency-Key ends with, in the
	// transaction that adds the run; nil: there is no such request.
	End func(sallyport.Run) (*sallyport.FirstRequest, error)
}

// Start begins a run of the agent as the principal and returns it at once.
func (a *Agents) Start(ctx context.Context, p sallyport.Principal, id sallyport.AgentID, inputs map[string]string) (sallyport.Run, error) {
	return a.Begin(ctx, p, Order{Agent: id, Inputs: inputs})
}

// Begin begins a run as the principal and returns it at once.
func (a *Agents) Begin(ctx context.Context, p sallyport.Principal, o Order) (sallyport.Run, error) {
	if p.Key == "" && a.o.Member == nil {
		return sallyport.Run{}, sallyport.NewError(sallyport.Forbidden, "a run is started with an API key, whose rights bind all its steps")
	}
	agent, err := a.agent(ctx, p, o.Agent)
	if err != nil {
		return sallyport.Run{}, err
	}
	if err := a.allowed(ctx, p, "runs.start", Resource(agent)); err != nil {
		return sallyport.Run{}, err
	}
	begin, err := bind(agent.Definition, o)
	if err != nil {
		return sallyport.Run{}, err
	}
	if err := a.usable(ctx, p, agent.Definition); err != nil {
		return sallyport.Run{}, err
	}
	return a.begin(ctx, p, agent, begin, o)
}

// Again begins a run with the inputs of an earlier one, which the principal was
// allowed to see, of its agent as it is now.
func (a *Agents) Again(ctx context.Context, p sallyport.Principal, earlier sallyport.Run, o Order) (sallyport.Run, error) {
	var begun runBegin
	if err := a.unseal(ctx, earlier, beginPart, earlier.Begin, &begun); err != nil {
		return sallyport.Run{}, err
	}
	o.Agent, o.Inputs, o.Text, o.Instructions = earlier.Agent, begun.Inputs, begun.Text, begun.Instructions
	return a.Begin(ctx, p, o)
}

func (a *Agents) begin(ctx context.Context, p sallyport.Principal, agent sallyport.Agent, begin runBegin, o Order) (run sallyport.Run, err error) {
	run = sallyport.Run{
		ID: cmp.Or(o.ID, sallyport.RunID(newID())), Org: p.Org, Agent: agent.ID, AgentName: agent.Definition.DisplayName,
		User: p.User, Key: p.Key, Start: startKind(p, o.Kind), Conversation: newID(),
		Status: sallyport.RunInProgress, CreatedAt: a.o.Now(),
	}
	if run.Begin, err = a.seal(ctx, run, beginPart, begin); err != nil {
		return sallyport.Run{}, err
	}
	var first *sallyport.FirstRequest
	if o.End != nil {
		if first, err = o.End(run); err != nil {
			return sallyport.Run{}, err
		}
	}
	rec := a.o.Event(ctx, p, "runs.start", "run/"+string(run.ID), runChange{Agent: agent.ID})
	rec.Run = run.ID
	if err := a.store.CreateRun(ctx, run, first, rec); err != nil {
		if o.ID != "" && sallyport.CodeOf(err) == sallyport.Conflict {
			return a.store.Run(ctx, p.Org, o.ID)
		}
		return sallyport.Run{}, err
	}
	a.tell(run)
	return run, nil
}

// usable refuses a run one of whose steps could not ask its model, before the
// steps ahead of it cost anything. Rights change: each step asks again.
func (a *Agents) usable(ctx context.Context, p sallyport.Principal, def sallyport.AgentDefinition) error {
	if a.o.Usable == nil {
		return nil
	}
	for _, model := range def.Models() {
		err := a.o.Usable(ctx, p, model)
		var known *sallyport.Error
		switch {
		case errors.As(err, &known) && known.Code == sallyport.ModelNotFound:
			return sallyport.WrapError(known.Code, "The agent asks the model "+model+", which does not exist.", err)
		case err != nil:
			return err
		}
	}
	return nil
}

func startKind(p sallyport.Principal, kind sallyport.StartKind) sallyport.StartKind {
	switch {
	case kind != "":
		return kind
	case p.Key == "":
		return sallyport.StartTerminal
	}
	return sallyport.StartAPI
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
func bind(def sallyport.AgentDefinition, o Order) (runBegin, error) {
	begin := runBegin{
		Definition: def, Inputs: make(map[string]string, len(def.Inputs)), Instructions: o.Instructions, Metadata: o.Metadata,
	}
	given := maps.Clone(o.Inputs)
	if given == nil {
		given = make(map[string]string)
	}
	switch len(def.Inputs) {
	case 0:
		begin.Text = o.Text
	case 1:
		name := def.Inputs[0].Name
		if _, named := given[name]; !named && o.Text != "" {
			given[name] = o.Text
		}
	}
	var missing []string
	total := len(begin.Text) + len(begin.Instructions) + len(begin.Metadata)
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

// Cancel ends a run in progress that the principal may see. What its current step
// has used is charged; a process that is in the step lets go of it within
// cancelPoll. A run that has ended is sallyport.Conflict.
func (a *Agents) Cancel(ctx context.Context, p sallyport.Principal, id sallyport.RunID) error {
	run, err := a.runFor(ctx, p, id, "runs.cancel")
	if err != nil {
		return err
	}
	end, err := a.seal(ctx, run, endPart, runEnd{})
	if err != nil {
		return err
	}
	rec := a.o.Event(ctx, p, "runs.cancel", "run/"+string(run.ID), runChange{Agent: run.Agent, Status: sallyport.RunCancelled})
	rec.Run = run.ID
	if err := a.store.FinishRun(ctx, run.Org, run.ID, sallyport.RunCancelled, end, a.o.Now(), rec); err != nil {
		return err
	}
	// Row first: whatever becomes of the engine now, no further step begins.
	defer a.live.moved(run.ID)
	if e := a.engine.Load(); e != nil {
		if err := e.cancel(runRef{run.Org, run.ID}); err != nil {
			a.o.Log.Warn("the engine holds on to a cancelled run until its step ends", "run", run.ID, "error", err)
		}
	}
	return nil
}
