package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
)

// UsageStore adds up the ledger's charges; *store.DB is the real one.
type UsageStore interface {
	Usage(ctx context.Context, org sallyport.OrgID, q sallyport.UsageQuery) ([]sallyport.UsageRow, error)
	UsageSeries(ctx context.Context, org sallyport.OrgID, q sallyport.UsageQuery) ([]sallyport.UsagePoint, error)
	LedgerBefore(ctx context.Context, org sallyport.OrgID, before int64, limit int) ([]sallyport.LedgerEntry, error)
}

type usageQuery struct {
	By    string `query:"by" enum:"day,model,user,key,agent,group" default:"day"`
	From  string `query:"from" format:"date" doc:"First day, UTC; absent: since the beginning"`
	To    string `query:"to" format:"date" doc:"Last day, included; absent: until now"`
	Limit int    `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"At most so many rows; total counts all"`
}

type usageView struct {
	Name        string `json:"name" doc:"The day, or the id of the model, user, key, agent or group; empty: calls of no agent"`
	Label       string `json:"label,omitempty" doc:"What people call it"`
	Calls       int64  `json:"calls"`
	Input       int64  `json:"input_tokens" doc:"Neither read from nor written to a cache"`
	CachedInput int64  `json:"cached_input_tokens"`
	CacheWrite  int64  `json:"cache_write_tokens"`
	Output      int64  `json:"output_tokens"`
	Reasoning   int64  `json:"reasoning_tokens" doc:"A part of the output"`
	Charge      string `json:"charge" doc:"Credits, a decimal number in text"`
	Estimated   int64  `json:"estimated" doc:"Calls whose usage the provider did not tell"`
	Overruns    int64  `json:"overruns" doc:"Calls that cost more than was held for them"`
}

type usageReport struct {
	By    string      `json:"by"`
	Rows  []usageView `json:"rows" doc:"Days in their order, all else dearest first"`
	Total usageView   `json:"total" doc:"Of all rows; a call counts in each of its owner's groups"`
	More  bool        `json:"more" doc:"There are more rows than limit"`
}

// controlUsage reports usage. Administrators see everybody's, others their own.
func (s *Server) controlUsage(api huma.API) {
	huma.Register(api, operation("getUsage", "usage.get", http.MethodGet, "/usage", "What calls used and cost, by day, model, user, key, agent or group"),
		func(ctx context.Context, in *usageQuery) (*body[usageReport], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (usageReport, error) {
				if s.allowed(ctx, p, "usage.get", access.Resource{Org: p.Org}) != nil { // not that of everybody
					return s.usage(ctx, p.Org, p.User, in)
				}
				return s.usage(ctx, p.Org, "", in)
			}))
		})
	huma.Register(api, operation("getOwnUsage", "usage.mine", http.MethodGet, "/usage/mine", "What your own calls used and cost"),
		func(ctx context.Context, in *usageQuery) (*body[usageReport], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (usageReport, error) { return s.usage(ctx, p.Org, p.User, in) }))
		})
	s.controlUsageSeries(api)
	s.controlUsageExports(api)
}

// usage reports what the user's calls used; "" is everybody's.
func (s *Server) usage(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, in *usageQuery) (usageReport, error) {
	q, err := usageRange(in.By, in.From, in.To)
	if err != nil {
		return usageReport{}, err
	}
	q.User = user
	rows, err := s.parts.Control.Usage(ctx, org, q)
	if err != nil {
		return usageReport{}, err
	}
	shown := make([]string, 0, in.Limit)
	for _, r := range rows[:min(len(rows), in.Limit)] {
		shown = append(shown, in.By+"/"+r.Name)
	}
	n, err := s.namesOf(ctx, org, shown...)
	if err != nil {
		return usageReport{}, err
	}
	report := usageReport{By: in.By, Rows: []usageView{}, More: len(rows) > in.Limit}
	var total sallyport.UsageRow
	for i, r := range rows {
		total.Add(r)
		if i < in.Limit {
			view := viewUsage(r)
			view.Label = n.Label(in.By, r.Name)
			report.Rows = append(report.Rows, view)
		}
	}
	report.Total = viewUsage(total)
	return report, nil
}

// usageRange reads the days of a query; empty ones are without end.
func usageRange(by, from, to string) (sallyport.UsageQuery, error) {
	q := sallyport.UsageQuery{By: sallyport.UsageBy(by)}
	for _, d := range []struct {
		name, text string
		day        *time.Time
	}{{"from", from, &q.From}, {"to", to, &q.To}} {
		if d.text == "" {
			continue
		}
		var err error
		if *d.day, err = time.Parse(time.DateOnly, d.text); err != nil {
			return q, sallyport.WrapError(sallyport.InvalidBody, d.name+" must be a day such as 2006-01-02", err)
		}
	}
	return q, nil
}

func viewUsage(r sallyport.UsageRow) usageView {
	return usageView{
		Name: r.Name, Calls: r.Calls,
		Input: r.Usage.Input, CachedInput: r.Usage.CachedInput, CacheWrite: r.Usage.CacheWrite,
		Output: r.Usage.Output, Reasoning: r.Usage.Reasoning,
		Charge: r.Charge.String(), Estimated: r.Estimated, Overruns: r.Overruns,
	}
}
