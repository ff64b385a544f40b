package server

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/policy"
)

type grantRequest struct {
	Body struct {
		Amount string `json:"amount" doc:"Credits, a decimal number in text; negative takes back what is free"`
		Note   string `json:"note,omitempty" maxLength:"200"`
	}
}

type balanceView struct {
	Balance string `json:"balance" doc:"Credits, a decimal number in text"`
	Held    string `json:"held" doc:"Set aside for calls under way"`
}

type ledgerQuery struct {
	After int64 `query:"after" doc:"Sequence number to continue after"`
	Limit int   `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

type ledgerView struct {
	Seq          int64            `json:"seq"`
	Kind         string           `json:"kind"`
	Amount       string           `json:"amount"`
	BalanceAfter string           `json:"balance_after"`
	CallID       sallyport.CallID `json:"call_id,omitempty"`
	Model        string           `json:"model,omitempty"`
	Estimated    bool             `json:"estimated,omitempty"`
	Overrun      bool             `json:"overrun,omitempty"`
	Note         string           `json:"note,omitempty"`
	At           string           `json:"at"`
}

// controlCredits has the balance, the ledger and grants.
func (s *Server) controlCredits(api huma.API) {
	huma.Register(api, operation("getCredits", "credits.get", http.MethodGet, "/credits", "The organisation's balance", false),
		func(ctx context.Context, _ *struct{}) (*body[balanceView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (balanceView, error) {
				balance, held, err := s.parts.Control.Balance(ctx, p.Org)
				return balanceView{balance.String(), held.String()}, err
			}))
		})
	huma.Register(api, operation("listLedger", "credits.ledger", http.MethodGet, "/credits/ledger", "The ledger, oldest first", true),
		func(ctx context.Context, in *ledgerQuery) (*body[[]ledgerView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]ledgerView, error) {
				return s.ledger(ctx, p.Org, in.After, in.Limit)
			}))
		})
	huma.Register(api, operation("grantCredits", "credits.grant", http.MethodPost, "/credits/grants", "Grant credits", true),
		func(ctx context.Context, in *grantRequest) (*body[balanceView], error) {
			return reply(change(s, ctx, func(p sallyport.Principal) (balanceView, error) {
				amount, err := sallyport.ParseCredits(in.Body.Amount)
				if err != nil {
					return balanceView{}, sallyport.WrapError(sallyport.InvalidBody, "amount must be a decimal number of credits", err)
				}
				_, err = s.parts.Control.Grant(ctx, p.Org, amount, in.Body.Note,
					s.event(ctx, "credits", map[string]string{"amount": amount.String()}))
				if err != nil {
					return balanceView{}, err
				}
				balance, held, err := s.parts.Control.Balance(ctx, p.Org)
				return balanceView{balance.String(), held.String()}, err
			}))
		})
}

func (s *Server) ledger(ctx context.Context, org sallyport.OrgID, after int64, limit int) ([]ledgerView, error) {
	entries, err := s.parts.Control.Ledger(ctx, org, after, limit)
	if err != nil {
		return nil, err
	}
	views := make([]ledgerView, 0, len(entries))
	for _, e := range entries {
		views = append(views, ledgerView{
			Seq: e.Seq, Kind: string(e.Kind), Amount: e.Amount.String(), BalanceAfter: e.BalanceAfter.String(),
			CallID: e.Call, Model: e.Model, Estimated: e.Estimated, Overrun: e.Overrun, Note: e.Note, At: isoTime(e.At),
		})
	}
	return views, nil
}

type dlpQuery struct {
	Model string `query:"model" doc:"A model's id; absent: the organisation's policy"`
}

// The query of a change is written out again: huma does not see what is embedded.
type dlpPolicyRequest struct {
	Model string `query:"model" doc:"A model's id; absent: the organisation's policy"`
	Body  json.RawMessage
}

type scanRequest struct {
	Body struct {
		ID   string `json:"id,omitempty"`
		Text string `json:"text"`
	}
}

type scanView struct {
	ID       string      `json:"id,omitempty"`
	Findings []dlp.Found `json:"findings"`
}

type limitRequest struct {
	Scope string `query:"scope" enum:"organisation,user,key" default:"organisation"`
	ID    string `query:"id" doc:"Of the user or key"`
	Body  policy.Limits
}

// controlPolicies has DLP and rate limits.
func (s *Server) controlPolicies(api huma.API) {
	huma.Register(api, operation("scan", "dlp.scan", http.MethodPost, "/dlp/scan", "Find sensitive values in a text", false),
		func(ctx context.Context, in *scanRequest) (*body[scanView], error) {
			return reply(look(s, ctx, func(sallyport.Principal) (scanView, error) {
				return scanView{ID: in.Body.ID, Findings: s.parts.Engine.Find(in.Body.Text)}, nil
			}))
		})
	huma.Register(api, operation("getDLPPolicy", "policies.get", http.MethodGet, "/dlp/policy", "The DLP policy in force", true),
		func(ctx context.Context, in *dlpQuery) (*body[dlp.Policy], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (dlp.Policy, error) {
				plan, err := s.parts.Policies.DLP(ctx, p.Org, sallyport.Model{ID: in.Model})
				if err != nil {
					return dlp.Policy{}, err
				}
				return plan.Policy(), nil
			}))
		})
	huma.Register(api, operation("setDLPPolicy", "policies.set", http.MethodPut, "/dlp/policy", "Decide the DLP policy", true),
		func(ctx context.Context, in *dlpPolicyRequest) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) { return nil, s.setDLPPolicy(ctx, p, in) })
		})
	huma.Register(api, operation("setLimits", "policies.set", http.MethodPut, "/limits", "Decide the rate limits of a scope; 0 means none", true),
		func(ctx context.Context, in *limitRequest) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) { return nil, s.setLimits(ctx, p, in) })
		})
}

func (s *Server) setDLPPolicy(ctx context.Context, p sallyport.Principal, in *dlpPolicyRequest) error {
	next, err := dlp.ParsePolicy(in.Body)
	if err != nil {
		return sallyport.WrapError(sallyport.InvalidBody, err.Error(), err)
	}
	if err := s.checkModel(ctx, p.Org, in.Model); err != nil {
		return err
	}
	before, err := s.parts.Policies.DLP(ctx, p.Org, sallyport.Model{ID: in.Model})
	if err != nil {
		return err
	}
	return s.parts.Control.SetPolicy(ctx, p.Org, policy.KindDLP, in.Model, in.Body,
		s.event(ctx, "policy/dlp/"+in.Model, map[string]string{"before": before.Policy().Version(), "after": next.Version()}))
}

// checkLimitSubject wants the id of a user or key of the organisation, where one is meant.
func (s *Server) checkLimitSubject(ctx context.Context, org sallyport.OrgID, scope, id string) error {
	known := scope == "organisation"
	switch scope {
	case "user":
		members, err := s.parts.Control.Members(ctx, org)
		if err != nil {
			return err
		}
		known = slices.ContainsFunc(members, func(m sallyport.Membership) bool { return string(m.User.ID) == id })
	case "key":
		keys, err := s.parts.Control.Keys(ctx, org)
		if err != nil {
			return err
		}
		known = slices.ContainsFunc(keys, func(k sallyport.Key) bool { return string(k.ID) == id })
	}
	if !known {
		return sallyport.NewError(sallyport.NotFound, "there is no such "+scope)
	}
	return nil
}

func (s *Server) setLimits(ctx context.Context, p sallyport.Principal, in *limitRequest) error {
	if err := s.checkLimitSubject(ctx, p.Org, in.Scope, in.ID); err != nil {
		return err
	}
	stored, err := json.Marshal(in.Body)
	if err != nil {
		return err
	}
	if _, err := policy.ParseLimits(stored); err != nil {
		return sallyport.WrapError(sallyport.InvalidBody, err.Error(), err)
	}
	subject := policy.LimitSubject(in.Scope, in.ID)
	return s.parts.Control.SetPolicy(ctx, p.Org, policy.KindLimit, subject, stored, s.event(ctx, "policy/limit/"+subject, in.Body))
}
