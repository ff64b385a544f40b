package server

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
)

type usageExportQuery struct {
	By   string `query:"by" enum:"model,user,key,agent,group" default:"model"`
	From string `query:"from" format:"date" doc:"First day, UTC; absent: 30 days in all"`
	To   string `query:"to" format:"date" doc:"Last day, included; absent: today"`
}

// controlUsageExports has usage and ledger as CSV.
func (s *Server) controlUsageExports(api huma.API) {
	usage := operation("exportUsage", "usage.export", http.MethodGet, "/usage/export", "Usage day by day, as CSV")
	huma.Register(api, usage, func(ctx context.Context, in *usageExportQuery) (*huma.StreamResponse, error) {
		rows, err := look(s, ctx, func(p sallyport.Principal) (tableRows, error) { return s.usageTable(ctx, p.Org, in) })
		if err != nil {
			return nil, err
		}
		return downloadCSV("usage.csv", rows), nil
	})
	ledger := operation("exportLedger", "credits.export", http.MethodGet, "/credits/ledger/export", "The whole ledger, oldest first, as CSV")
	huma.Register(api, ledger, func(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
		rows, err := look(s, ctx, func(p sallyport.Principal) (tableRows, error) { return s.ledgerTable(ctx, p.Org) })
		if err != nil {
			return nil, err
		}
		return downloadCSV("ledger.csv", rows), nil
	})
}

func (s *Server) usageTable(ctx context.Context, org sallyport.OrgID, in *usageExportQuery) (tableRows, error) {
	q, _, err := s.seriesDays(in.By, in.From, in.To)
	if err != nil {
		return nil, err
	}
	points, err := s.parts.Control.UsageSeries(ctx, org, q)
	if err != nil {
		return nil, err
	}
	shown := make(map[string]bool)
	for _, p := range points {
		shown[in.By+"/"+p.Name] = true
	}
	n, err := s.namesOf(ctx, org, slices.Collect(maps.Keys(shown))...)
	if err != nil {
		return nil, err
	}
	return func(yield func([]string, error) bool) {
		if !yield([]string{"day", in.By, "name", "calls", "input_tokens", "cached_input_tokens", "cache_write_tokens",
			"output_tokens", "reasoning_tokens", "credits", "estimated", "overruns"}, nil) {
			return
		}
		for _, p := range points {
			row := []string{p.Day.Format(time.DateOnly), p.Name, n.Of(in.By, p.Name)}
			for _, number := range []int64{p.Calls, p.Usage.Input, p.Usage.CachedInput, p.Usage.CacheWrite, p.Usage.Output, p.Usage.Reasoning} {
				row = append(row, strconv.FormatInt(number, 10))
			}
			if !yield(append(row, p.Charge.String(), strconv.FormatInt(p.Estimated, 10), strconv.FormatInt(p.Overruns, 10)), nil) {
				return
			}
		}
	}, nil
}

// ledgerPage is how many lines of an export are read at once.
const ledgerPage = 500

// ledgerTable finds the first page at once, so that what is wrong is told with a
// status, and the others while the answer is written.
func (s *Server) ledgerTable(ctx context.Context, org sallyport.OrgID) (tableRows, error) {
	page, err := s.parts.Control.Ledger(ctx, org, 0, ledgerPage)
	if err != nil {
		return nil, err
	}
	entries := paged(page, func(last sallyport.LedgerEntry) ([]sallyport.LedgerEntry, error) {
		return s.parts.Control.Ledger(ctx, org, last.Seq, ledgerPage)
	})
	return tableOf([]string{"seq", "at", "kind", "credits", "balance_after", "call", "user", "key", "agent", "model", "estimated", "overrun", "price_version", "note"},
		entries, ledgerRow), nil
}

func ledgerRow(e sallyport.LedgerEntry) []string {
	return []string{
		strconv.FormatInt(e.Seq, 10), isoTime(e.At), string(e.Kind), e.Amount.String(), e.BalanceAfter.String(),
		string(e.Call), string(e.User), string(e.Key), string(e.Agent), e.Model,
		strconv.FormatBool(e.Estimated), strconv.FormatBool(e.Overrun), e.PriceVersion, e.Note,
	}
}
