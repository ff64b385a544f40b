package server

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/agent"
)

type agentQuery struct {
	Text   string           `query:"q" maxLength:"200" doc:"In the name, in any case"`
	Owner  sallyport.UserID `query:"owner" doc:"A member's id"`
	Shared string           `query:"shared" enum:"true,false" doc:"Absent: both"`
	Model  string           `query:"model" doc:"One of its steps asks this model"`
	Cursor string           `query:"cursor" doc:"next of the page before"`
	Limit  int              `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

func (q *agentQuery) filter() (f sallyport.AgentFilter, err error) {
	f = sallyport.AgentFilter{Text: q.Text, Owner: q.Owner, Model: q.Model, Limit: q.Limit}
	if q.Shared != "" {
		shared := q.Shared == "true"
		f.Shared = &shared
	}
	f.After, err = placeOf(q.Cursor)
	return f, err
}

// memberName is a person as others see it.
type memberName struct {
	ID   sallyport.UserID `json:"id"`
	Name string           `json:"name"`
}

// AgentView is an agent in a list; see RunView for why its name begins so.
type AgentView struct {
	ID          sallyport.AgentID `json:"id"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Owner       memberName        `json:"owner"`
	Shared      bool              `json:"shared" doc:"Every member sees and runs it"`
	Models      []string          `json:"models" doc:"That its steps ask"`
	Unusable    []unusableModel   `json:"unusable,omitempty" doc:"Of these, those that you may not use now: a run would be refused"`
	Inputs      []agentInputView  `json:"inputs"`
	CreatedAt   time.Time         `json:"created_at"`
	LastRun     *lastRunView      `json:"last_run,omitempty" doc:"The newest that you may see; only in lists"`
	Rights      []string          `json:"rights" doc:"What you may do with it: view, run, edit, delete, share"`
}

// unusableModel says why somebody may not use a model.
type unusableModel struct {
	Model string `json:"model"`
	Why   string `json:"why"`
}

type agentInputView struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

type lastRunView struct {
	ID        sallyport.RunID     `json:"id"`
	State     sallyport.RunStatus `json:"state"`
	CreatedAt time.Time           `json:"created_at"`
	EndedAt   *time.Time          `json:"ended_at"`
}

type agentPage struct {
	Agents []AgentView `json:"agents"`
	Next   string      `json:"next,omitempty" doc:"Cursor of the next page; absent on the last"`
}

type agentWhole struct {
	AgentView
	SystemPrompt string          `json:"system_prompt"`
	Steps        []agentStepView `json:"steps"`
}

type agentStepView struct {
	Name      string `json:"name"`
	Model     string `json:"model"`
	Prompt    string `json:"prompt"`
	MaxTokens int64  `json:"max_tokens,omitempty"`
}

type agentPath struct {
	ID sallyport.AgentID `path:"id"`
}

type agentShare struct {
	ID   sallyport.AgentID `path:"id"`
	Body struct {
		Shared bool `json:"shared"`
	}
}

type importRequest struct {
	RawBody []byte `contentType:"application/json" doc:"The agent as JSON, as an export has it"`
}

// definitionOperation is one whose body package agent reads, which says more of
// what is wrong with it than a schema could.
func definitionOperation(id, action, method, path, summary string) huma.Operation {
	op := operation(id, action, method, path, summary)
	op.SkipValidateBody = true
	return op
}

type importView struct {
	AgentID sallyport.AgentID `json:"agent_id"`
}

// controlAgents has the library of agents. People see their own and shared ones,
// administrators all; owners and administrators change them.
func (s *Server) controlAgents(api huma.API) {
	huma.Register(api, operation("listAgents", "agents.list", http.MethodGet, "/agents", "List agents, newest first"),
		func(ctx context.Context, in *agentQuery) (*body[agentPage], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (agentPage, error) { return s.agentPage(ctx, p, in) }))
		})
	huma.Register(api, definitionOperation("importAgent", "agents.create", http.MethodPost, "/agents", "Import an agent's definition"),
		func(ctx context.Context, in *importRequest) (*body[importView], error) {
			return reply(change(s, ctx, func(p sallyport.Principal) (importView, error) { return s.importAgent(ctx, p, in.RawBody) }))
		})
	huma.Register(api, definitionOperation("previewAgent", "agents.preview", http.MethodPost, "/agents/preview", "What an import would make, and why it would be refused"),
		func(ctx context.Context, in *importRequest) (*body[previewView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (previewView, error) {
				preview, err := s.parts.Agents.PreviewImport(ctx, p, in.RawBody)
				return viewPreview(preview), err
			}))
		})
	huma.Register(api, operation("getAgent", "agents.get", http.MethodGet, "/agents/{id}", "An agent with its steps"),
		func(ctx context.Context, in *agentPath) (*body[agentWhole], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (agentWhole, error) { return s.wholeAgent(ctx, p, in.ID) }))
		})
	s.controlAgentFiles(api)
	huma.Register(api, operation("shareAgent", "agents.share", http.MethodPut, "/agents/{id}/shared", "Let every member see and run an agent, or end that"),
		func(ctx context.Context, in *agentShare) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, agentNotFound(s.parts.Agents.Share(ctx, p, in.ID, in.Body.Shared))
			})
		})
	huma.Register(api, operation("deleteAgent", "agents.delete", http.MethodDelete, "/agents/{id}", "Delete an agent; its runs stay"),
		func(ctx context.Context, in *agentPath) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, agentNotFound(s.parts.Agents.Delete(ctx, p, in.ID))
			})
		})
}

// controlAgentFiles makes copies of agents: a file, or another agent.
func (s *Server) controlAgentFiles(api huma.API) {
	huma.Register(api, operation("exportAgent", "agents.export", http.MethodGet, "/agents/{id}/export", "An agent's definition as JSON, which can be imported"),
		func(ctx context.Context, in *agentPath) (*huma.StreamResponse, error) {
			text, err := look(s, ctx, func(p sallyport.Principal) ([]byte, error) {
				detail, err := s.parts.Agents.Get(ctx, p, in.ID)
				if err != nil {
					return nil, agentNotFound(err)
				}
				return json.MarshalIndent(detail.Definition, "", "  ")
			})
			if err != nil {
				return nil, err
			}
			return download(jsonAnswer, "agent-"+string(in.ID)+".json", func(w io.Writer) error {
				_, err := w.Write(append(text, '\n'))
				return err
			}), nil
		})
	huma.Register(api, operation("duplicateAgent", "agents.create", http.MethodPost, "/agents/{id}/duplicate", "Make an agent of your own from one that you may see"),
		func(ctx context.Context, in *agentPath) (*body[importView], error) {
			return reply(change(s, ctx, func(p sallyport.Principal) (importView, error) {
				made, err := s.parts.Agents.Duplicate(ctx, p, in.ID)
				return importView{made.ID}, agentNotFound(err)
			}))
		})
}

func (s *Server) importAgent(ctx context.Context, p sallyport.Principal, text []byte) (importView, error) {
	definition, err := agent.Parse(text)
	if err != nil {
		return importView{}, err
	}
	made, err := s.parts.Agents.Import(ctx, p, definition)
	return importView{made.ID}, err
}

func (s *Server) agentPage(ctx context.Context, p sallyport.Principal, in *agentQuery) (agentPage, error) {
	filter, err := in.filter()
	if err != nil {
		return agentPage{}, err
	}
	found, err := s.parts.Agents.Find(ctx, p, filter)
	if err != nil {
		return agentPage{}, err
	}
	names, err := s.memberNames(ctx, p.Org, usersOf(found, func(a sallyport.AgentSummary) sallyport.UserID { return a.Owner })...)
	if err != nil {
		return agentPage{}, err
	}
	caller, err := s.parts.Policies.Caller(ctx, p)
	if err != nil {
		return agentPage{}, err
	}
	page := agentPage{Agents: make([]AgentView, 0, len(found))}
	for _, a := range found {
		view := viewAgent(a.Agent, names)
		if view.Unusable, err = s.unusable(ctx, p, view.Models); err != nil {
			return agentPage{}, err
		}
		view.Rights = rightsOn(caller, a.Agent)
		if r := a.LastRun; r != nil {
			view.LastRun = &lastRunView{r.ID, r.Status, r.CreatedAt.UTC(), timeOrNil(r.EndedAt)}
		}
		page.Agents = append(page.Agents, view)
	}
	if n := len(found); n == in.Limit {
		page.Next = cursorOf(sallyport.Place{At: found[n-1].CreatedAt, ID: string(found[n-1].ID)})
	}
	return page, nil
}

func (s *Server) wholeAgent(ctx context.Context, p sallyport.Principal, id sallyport.AgentID) (agentWhole, error) {
	detail, err := s.parts.Agents.Get(ctx, p, id)
	if err != nil {
		return agentWhole{}, agentNotFound(err)
	}
	names, err := s.memberNames(ctx, p.Org, detail.Owner)
	if err != nil {
		return agentWhole{}, err
	}
	whole := agentWhole{AgentView: viewAgent(detail.Agent, names), SystemPrompt: detail.Definition.SystemPrompt, Steps: []agentStepView{}}
	for i, step := range detail.Definition.Steps {
		whole.Steps = append(whole.Steps, agentStepView{step.Name, detail.Definition.ModelOf(i), step.LLMStep.Prompt, step.LLMStep.MaxTokens})
	}
	if whole.Unusable, err = s.unusable(ctx, p, whole.Models); err != nil {
		return agentWhole{}, err
	}
	caller, err := s.parts.Policies.Caller(ctx, p)
	whole.Rights = rightsOn(caller, detail.Agent)
	return whole, err
}

// unusable are those of the models that the caller may not use.
func (s *Server) unusable(ctx context.Context, p sallyport.Principal, models []string) (list []unusableModel, err error) {
	for _, id := range models {
		_, err := s.parts.Gateway.Model(ctx, p, id)
		switch e, _ := outside(err); {
		case err == nil:
		case e.Code == sallyport.ModelNotFound, e.Code == sallyport.ModelAccessDenied:
			list = append(list, unusableModel{id, e.Message})
		default:
			return nil, err
		}
	}
	return list, nil
}

func viewAgent(a sallyport.Agent, names map[sallyport.UserID]string) AgentView {
	view := AgentView{
		ID: a.ID, Name: a.Definition.DisplayName, Description: a.Definition.Description,
		Owner: memberName{a.Owner, names[a.Owner]}, Shared: a.Shared, Models: a.Definition.Models(),
		Inputs: []agentInputView{}, CreatedAt: a.CreatedAt.UTC(),
	}
	for _, in := range a.Definition.Inputs {
		view.Inputs = append(view.Inputs, agentInputView(in))
	}
	return view
}
