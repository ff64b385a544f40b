package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
)

// BudgetStore keeps budgets; *store.DB is the real one.
type BudgetStore interface {
	SetBudget(ctx context.Context, org sallyport.OrgID, id sallyport.BudgetID, limit sallyport.Credits, rec sallyport.Record) (sallyport.Budget, error)
	RemoveBudget(ctx context.Context, org sallyport.OrgID, id sallyport.BudgetID, rec sallyport.Record) error
	Budgets(ctx context.Context, org sallyport.OrgID) ([]sallyport.Budget, error)
}

type budgetRequest struct {
	Scope   string `query:"scope" enum:"organisation,group,user,key,agent,model" default:"organisation"`
	Subject string `query:"subject" doc:"The id of the group, user, key, agent or model"`
	Period  string `query:"period" enum:"day,month,total" default:"month" doc:"In UTC; a total never begins anew"`
	Body    struct {
		Limit string `json:"limit" doc:"Credits, a decimal number in text"`
	}
}

// The query is written out again: huma does not see what is embedded.
type budgetPath struct {
	Scope   string `query:"scope" enum:"organisation,group,user,key,agent,model" default:"organisation"`
	Subject string `query:"subject"`
	Period  string `query:"period" enum:"day,month,total" default:"month"`
}

type budgetView struct {
	Scope   string    `json:"scope"`
	Subject string    `json:"subject,omitempty"`
	Name    string    `json:"name,omitempty" doc:"What people call the subject"`
	Period  string    `json:"period"`
	Since   time.Time `json:"since" doc:"When the period began"`
	Limit   string    `json:"limit" doc:"Credits, a decimal number in text"`
	Spent   string    `json:"spent" doc:"By calls that ended in the period"`
	Held    string    `json:"held" doc:"Set aside for calls under way"`
}

// controlBudgets lists, sets and removes budgets.
func (s *Server) controlBudgets(api huma.API) {
	huma.Register(api, operation("listBudgets", "budgets.list", http.MethodGet, "/budgets", "List budgets and what is spent of them"),
		func(ctx context.Context, _ *struct{}) (*body[[]budgetView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]budgetView, error) {
				all, err := s.parts.Control.Budgets(ctx, p.Org)
				if err != nil {
					return nil, err
				}
				return s.viewBudgets(ctx, p.Org, all)
			}))
		})
	huma.Register(api, operation("setBudget", "budgets.set", http.MethodPut, "/budgets", "Set a budget; what was spent in its period already counts"),
		func(ctx context.Context, in *budgetRequest) (*body[budgetView], error) {
			return reply(change(s, ctx, func(p sallyport.Principal) (budgetView, error) { return s.setBudget(ctx, p, in) }))
		})
	huma.Register(api, operation("removeBudget", "budgets.remove", http.MethodDelete, "/budgets", "Remove a budget"),
		func(ctx context.Context, in *budgetPath) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				id := sallyport.BudgetID{Scope: sallyport.BudgetScope(in.Scope), Subject: in.Subject, Period: sallyport.Period(in.Period)}
				return nil, s.parts.Control.RemoveBudget(ctx, p.Org, id, s.event(ctx, id.String(), nil))
			})
		})
}

func (s *Server) setBudget(ctx context.Context, p sallyport.Principal, in *budgetRequest) (budgetView, error) {
	limit, err := sallyport.ParseCredits(in.Body.Limit)
	if err != nil {
		return budgetView{}, sallyport.WrapError(sallyport.InvalidBody, "limit must be a decimal number of credits", err)
	}
	id := sallyport.BudgetID{Scope: sallyport.BudgetScope(in.Scope), Subject: in.Subject, Period: sallyport.Period(in.Period)}
	if err := s.checkBudgetSubject(ctx, p, id); err != nil {
		return budgetView{}, err
	}
	n, err := s.namesOf(ctx, p.Org, budgetSubject(id))
	if err != nil {
		return budgetView{}, err
	}
	b, err := s.parts.Control.SetBudget(ctx, p.Org, id, limit, s.event(ctx, id.String(), map[string]string{"limit": limit.String()}))
	return viewBudget(b, n), err
}

// checkBudgetSubject refuses a budget for nobody: a mistyped id would look like
// a budget and be none. What the scope allows is the store's to say.
func (s *Server) checkBudgetSubject(ctx context.Context, p sallyport.Principal, id sallyport.BudgetID) error {
	if id.Subject == "" {
		return nil
	}
	switch id.Scope {
	case sallyport.BudgetOrganisation:
		return nil
	case sallyport.BudgetAgent:
		_, err := s.parts.Agents.Get(ctx, p, sallyport.AgentID(id.Subject))
		return err
	}
	return s.checkSubject(ctx, p.Org, string(id.Scope), id.Subject)
}

func budgetSubject(id sallyport.BudgetID) string { return string(id.Scope) + "/" + id.Subject }

// viewBudgets are budgets as they stand now.
func (s *Server) viewBudgets(ctx context.Context, org sallyport.OrgID, all []sallyport.Budget) ([]budgetView, error) {
	of := make([]string, 0, len(all))
	for _, b := range all {
		of = append(of, budgetSubject(b.BudgetID))
	}
	n, err := s.namesOf(ctx, org, of...)
	views := make([]budgetView, 0, len(all))
	for _, b := range all {
		views = append(views, viewBudget(b.At(s.parts.Now()), n))
	}
	return views, err
}

func viewBudget(b sallyport.Budget, n Names) budgetView {
	view := budgetView{
		Scope: string(b.Scope), Subject: b.Subject, Period: string(b.Period), Since: b.Since,
		Limit: b.Limit.String(), Spent: b.Spent.String(), Held: b.Held.String(),
	}
	if b.Subject != "" {
		view.Name = n.Of(view.Scope, b.Subject)
	}
	return view
}
