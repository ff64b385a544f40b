package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/agent"
	"github.com/sallyport-ai/sallyport/internal/config"
)

type agentCmd struct {
	Import agentImport `cmd:"" help:"Add an agent from its JSON form."`
	List   agentList   `cmd:"" help:"List agents."`
	Run    agentRun    `cmd:"" help:"Run an agent and print its result."`
}

type agentView struct {
	ID          sallyport.AgentID `json:"id"`
	DisplayName string            `json:"display_name"`
	Description string            `json:"description"`
	Model       string            `json:"model"`
	Inputs      []string          `json:"inputs"`
	Steps       int               `json:"steps"`
	OwnerID     sallyport.UserID  `json:"owner_id"`
	CreatedAt   time.Time         `json:"created_at"`
}

func viewAgent(a sallyport.Agent) agentView {
	inputs := make([]string, 0, len(a.Definition.Inputs))
	for _, input := range a.Definition.Inputs {
		inputs = append(inputs, input.Name)
	}
	return agentView{
		ID: a.ID, DisplayName: a.Definition.DisplayName, Description: a.Definition.Description, Model: a.Definition.Model,
		Inputs: inputs, Steps: len(a.Definition.Steps), OwnerID: a.Owner, CreatedAt: a.CreatedAt.UTC(),
	}
}

type agentImport struct {
	orgFlag
	jsonFlag
	User    string `help:"E-mail address of the owner. Default: the only administrator." placeholder:"EMAIL"`
	Private bool   `help:"Show it to its owner and to administrators alone."`
	File    string `arg:"" help:"The agent as JSON, see docs/agents.md; - for standard input."`
}

// agentBytesMax bounds the file of an agent.
const agentBytesMax = 4 << 20

func (c *agentImport) Run(ctx context.Context, a *app) error {
	text, err := a.read(c.File, agentBytesMax)
	if err != nil {
		return err
	}
	definition, err := agent.Parse(text)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		owner, err := i.member(ctx, org.ID, c.User)
		if err != nil {
			return err
		}
		cfg, err := a.configuration(ctx, "", true) // models of a local Ollama may be named
		if err != nil {
			return err
		}
		agents, err := i.agents(cfg)
		if err != nil {
			return err
		}
		p := sallyport.Principal{Org: org.ID, User: owner.User.ID, Role: owner.Role}
		add := agents.ImportShared
		if c.Private {
			add = agents.Import
		}
		added, err := add(byCommandLine(ctx), p, definition)
		if err != nil {
			return err
		}
		return show(a.out, c.jsonFlag, viewAgent(added), "id: "+string(added.ID))
	})
}

type agentList struct {
	orgFlag
	jsonFlag
}

func (c *agentList) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		agents, err := i.db.Agents(ctx, org.ID, agent.ListMax)
		if err != nil {
			return err
		}
		views := make([]agentView, 0, len(agents))
		for _, a := range agents {
			views = append(views, viewAgent(a))
		}
		return list(a.out, c.jsonFlag, views, "ID NAME MODEL STEPS INPUTS CREATED", func(v agentView) []any {
			return []any{v.ID, v.DisplayName, v.Model, v.Steps, strings.Join(v.Inputs, ","), when(v.CreatedAt)}
		})
	})
}

type agentRun struct {
	orgFlag
	jsonFlag
	ID     string            `arg:"" help:"The agent's id."`
	Inputs map[string]string `arg:"" optional:"" help:"Inputs, as name=value."`
	Input  string            `help:"A single text, for an agent with one input or none." placeholder:"TEXT"`
	Key    string            `help:"Id of the API key that the run acts as. Default: the organisation's newest usable one, whoever owns it." placeholder:"ID"`
}

type runView struct {
	ID      sallyport.RunID     `json:"id"`
	AgentID sallyport.AgentID   `json:"agent_id"`
	Status  sallyport.RunStatus `json:"status"`
	Result  string              `json:"result,omitempty"`
	Error   string              `json:"error,omitempty"`
}

// Run starts the run and waits for its end. A running server works on it; when
// none is running, this process does.
func (c *agentRun) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		principal, err := i.runner(ctx, org.ID, sallyport.KeyID(c.Key))
		if err != nil {
			return err
		}
		cfg, err := a.configuration(ctx, "", true)
		if err != nil {
			return err
		}
		return i.withAgents(ctx, cfg, func(agents *agent.Agents) error {
			run, err := agents.Begin(byCommandLine(ctx), principal, agent.Order{
				Agent: sallyport.AgentID(c.ID), Text: c.Input, Inputs: c.Inputs, Kind: sallyport.StartCommandLine,
			})
			if sallyport.CodeOf(err) == sallyport.MissingInputs {
				return fmt.Errorf("%w: give each as NAME=VALUE after the agent's id", err)
			}
			if err != nil {
				return see(err, "agent list")
			}
			return i.follow(ctx, agents, run, c.jsonFlag)
		})
	})
}

// runner is who a run acts as: a key, for its rights and limits bind each step.
func (i *instance) runner(ctx context.Context, org sallyport.OrgID, id sallyport.KeyID) (sallyport.Principal, error) {
	if id != "" {
		return i.keys.Principal(ctx, org, id)
	}
	keys, err := i.db.Keys(ctx, org)
	if err != nil {
		return sallyport.Principal{}, err
	}
	var newest sallyport.Key
	for _, k := range keys {
		if k.UsableAt(i.app.now()) && !k.CreatedAt.Before(newest.CreatedAt) {
			newest = k
		}
	}
	if newest.ID == "" {
		return sallyport.Principal{}, errors.New("the organisation has no usable API key, and a run acts as one: make one with 'sallyport key create'")
	}
	return i.keys.Principal(ctx, org, newest.ID)
}

// withAgents calls f with agents whose runs are being worked on.
func (i *instance) withAgents(ctx context.Context, cfg *config.Config, f func(*agent.Agents) error) (err error) {
	lock, err := i.app.lock()
	if err != nil { // a server is running: it finds the run within seconds
		agents, err := i.agents(cfg)
		if err != nil {
			return err
		}
		return f(agents)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	s, err := i.start(ctx, cfg, slog.New(slog.NewTextHandler(i.app.log, &slog.HandlerOptions{Level: slog.LevelError})))
	if err != nil {
		return err
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		err = errors.Join(err, s.stop(stopping))
	}()
	return f(s.agents)
}

// followPoll is how often the command line looks whether a run has ended.
const followPoll = 100 * time.Millisecond

func (i *instance) follow(ctx context.Context, agents *agent.Agents, run sallyport.Run, f jsonFlag) error {
	fmt.Fprintf(i.app.log, "run %s\n", run.ID)
	tick := time.NewTicker(followPoll)
	defer tick.Stop()
	for run.Status == sallyport.RunInProgress {
		select {
		case <-ctx.Done():
			return fmt.Errorf("stopped waiting; run %s goes on wherever a server runs", run.ID)
		case <-tick.C:
		}
		var err error
		if run, err = agents.Run(ctx, run.Org, run.ID); err != nil {
			return err
		}
	}
	return i.tellRun(ctx, agents, run, f)
}

func (i *instance) tellRun(ctx context.Context, agents *agent.Agents, run sallyport.Run, f jsonFlag) error {
	view := runView{ID: run.ID, AgentID: run.Agent, Status: run.Status}
	message, err := agents.Result(ctx, run)
	if err != nil {
		return err
	}
	if view.Result, err = messageText(message); err != nil {
		return err
	}
	failure, err := agents.Failure(ctx, run)
	if err != nil {
		return err
	}
	if failure != nil {
		view.Error = failure.Error()
	}
	if f.JSON {
		err = printJSON(i.app.out, view)
	} else if view.Result != "" {
		_, err = io.WriteString(i.app.out, view.Result+"\n")
	}
	if err == nil && run.Status != sallyport.RunSuccess {
		err = fmt.Errorf("run %s ended with status %s%s", run.ID, run.Status, because(view.Error))
	}
	return err
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// messageText is the text of a run's last message, which is JSON; "" for none.
func messageText(message string) (string, error) {
	if message == "" {
		return "", nil
	}
	var m struct {
		Parts []struct {
			Type string `json:"type"`
			Text string `json:"text"`
		} `json:"parts"`
	}
	if err := json.Unmarshal([]byte(message), &m); err != nil {
		return "", fmt.Errorf("read the result: %w", err)
	}
	var b strings.Builder
	for _, p := range m.Parts {
		if p.Type == "text" {
			b.WriteString(p.Text)
		}
	}
	return b.String(), nil
}
