package server

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dlp"
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
	Order  string `query:"order" enum:"oldest,newest" default:"oldest" doc:"Which comes first"`
	After  int64  `query:"after" doc:"oldest first: sequence number to continue after"`
	Before int64  `query:"before" doc:"newest first: sequence number to continue before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
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
	PriceVersion string           `json:"price_version,omitempty" doc:"Of a charge: the price that it was reckoned with"`
	Note         string           `json:"note,omitempty"`
	At           string           `json:"at"`
}

// controlCredits has the balance, the ledger and grants.
func (s *Server) controlCredits(api huma.API) {
	huma.Register(api, operation("getCredits", "credits.get", http.MethodGet, "/credits", "The organisation's balance"),
		func(ctx context.Context, _ *struct{}) (*body[balanceView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (balanceView, error) {
				balance, held, err := s.parts.Control.Balance(ctx, p.Org)
				return balanceView{balance.String(), held.String()}, err
			}))
		})
	huma.Register(api, operation("listLedger", "credits.ledger", http.MethodGet, "/credits/ledger", "The ledger, page by page"),
		func(ctx context.Context, in *ledgerQuery) (*body[[]ledgerView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]ledgerView, error) {
				return s.ledger(ctx, p.Org, in)
			}))
		})
	huma.Register(api, operation("grantCredits", "credits.grant", http.MethodPost, "/credits/grants", "Grant credits"),
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

func (s *Server) ledger(ctx context.Context, org sallyport.OrgID, in *ledgerQuery) (views []ledgerView, err error) {
	var entries []sallyport.LedgerEntry
	if in.Order == "newest" {
		entries, err = s.parts.Control.LedgerBefore(ctx, org, in.Before, in.Limit)
	} else {
		entries, err = s.parts.Control.Ledger(ctx, org, in.After, in.Limit)
	}
	if err != nil {
		return nil, err
	}
	views = make([]ledgerView, 0, len(entries))
	for _, e := range entries {
		views = append(views, ledgerView{
			Seq: e.Seq, Kind: string(e.Kind), Amount: e.Amount.String(), BalanceAfter: e.BalanceAfter.String(),
			CallID: e.Call, Model: e.Model, Estimated: e.Estimated, Overrun: e.Overrun,
			PriceVersion: e.PriceVersion, Note: e.Note, At: isoTime(e.At),
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

// controlPolicies has DLP policies.
func (s *Server) controlPolicies(api huma.API) {
	huma.Register(api, operation("scan", "dlp.scan", http.MethodPost, "/dlp/scan", "Find sensitive values in a text"),
		func(ctx context.Context, in *scanRequest) (*body[scanView], error) {
			return reply(look(s, ctx, func(sallyport.Principal) (scanView, error) {
				return scanView{ID: in.Body.ID, Findings: s.parts.Engine.Find(in.Body.Text)}, nil
			}))
		})
	huma.Register(api, operation("getDLPPolicy", "policies.get", http.MethodGet, "/dlp/policy", "The DLP policy in force"),
		func(ctx context.Context, in *dlpQuery) (*body[dlp.Policy], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (dlp.Policy, error) {
				return s.policyInForce(ctx, p.Org, in.Model)
			}))
		})
	huma.Register(api, operation("setDLPPolicy", "policies.set", http.MethodPut, "/dlp/policy", "Decide the DLP policy"),
		func(ctx context.Context, in *dlpPolicyRequest) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) { return nil, s.setDLPPolicy(ctx, p, in) })
		})
}
