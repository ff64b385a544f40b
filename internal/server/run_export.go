package server

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
)

type runExport struct {
	RunChoice
	Format string `query:"format" enum:"csv,jsonl" default:"csv"`
}

// runExportPage is how many runs of an export are read at once.
const runExportPage = 500

func (s *Server) controlRunExport(api huma.API) {
	op := operation("exportRuns", "runs.export", http.MethodGet, "/runs/export", "All runs that are found, newest first, as CSV or JSON Lines")
	huma.Register(api, op, func(ctx context.Context, in *runExport) (*huma.StreamResponse, error) {
		rows, err := look(s, ctx, func(p sallyport.Principal) (iter.Seq2[RunView, error], error) { return s.exportRuns(ctx, p, in) })
		if err != nil {
			return nil, err
		}
		return downloadRuns(in.Format, rows), nil
	})
}

func (s *Server) exportRuns(ctx context.Context, p sallyport.Principal, in *runExport) (iter.Seq2[RunView, error], error) {
	filter, err := in.filter()
	if err != nil {
		return nil, err
	}
	filter.Limit = runExportPage
	page, err := s.findRuns(ctx, p, filter)
	return paged(page, func(last RunView) ([]RunView, error) {
		filter.After = runPlace(last)
		return s.findRuns(ctx, p, filter)
	}), err
}

func downloadRuns(format string, runs iter.Seq2[RunView, error]) *huma.StreamResponse {
	if format == "csv" {
		return downloadCSV("runs.csv", tableOf(runCells, runs, runRow))
	}
	return download(jsonLines, "runs.jsonl", func(w io.Writer) error {
		out := json.NewEncoder(w)
		for r, err := range runs {
			if err == nil {
				err = out.Encode(r)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

var runCells = []string{"id", "agent_id", "agent", "state", "start", "user_id", "user", "created_at", "ended_at", "credits"}

func runRow(r RunView) []string {
	ended := ""
	if r.EndedAt != nil {
		ended = r.EndedAt.Format(time.RFC3339Nano)
	}
	return []string{string(r.ID), string(r.Agent.ID), r.Agent.Name, string(r.State), string(r.Start), string(r.User.ID), r.User.Name,
		r.CreatedAt.Format(time.RFC3339Nano), ended, r.Credits}
}
