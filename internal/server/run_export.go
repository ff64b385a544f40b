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

// exportRuns finds the first page at once, so that what is wrong is told with a
// status, and the others while the answer is written.
func (s *Server) exportRuns(ctx context.Context, p sallyport.Principal, in *runExport) (iter.Seq2[RunView, error], error) {
	filter, err := in.filter()
	if err != nil {
		return nil, err
	}
	filter.Limit = runExportPage
	page, err := s.parts.Agents.FindRuns(ctx, p, filter)
	if err != nil {
		return nil, err
	}
	names, err := s.memberNames(ctx, p.Org)
	return func(yield func(RunView, error) bool) {
		for {
			for _, r := range page {
				if !yield(viewRunSummary(r, names), nil) {
					return
				}
			}
			if len(page) < runExportPage {
				return
			}
			filter.After = runPlace(page[len(page)-1])
			if page, err = s.parts.Agents.FindRuns(ctx, p, filter); err != nil {
				yield(RunView{}, err)
				return
			}
		}
	}, err
}

func downloadRuns(format string, runs iter.Seq2[RunView, error]) *huma.StreamResponse {
	if format == "csv" {
		return downloadCSV("runs.csv", runsTable(runs))
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

func runsTable(runs iter.Seq2[RunView, error]) tableRows {
	return func(yield func([]string, error) bool) {
		if !yield([]string{"id", "agent_id", "agent", "state", "start", "user_id", "user", "created_at", "ended_at", "credits"}, nil) {
			return
		}
		for r, err := range runs {
			ended := ""
			if r.EndedAt != nil {
				ended = r.EndedAt.Format(time.RFC3339Nano)
			}
			if !yield([]string{string(r.ID), string(r.Agent.ID), r.Agent.Name, string(r.State), string(r.Start), string(r.User.ID), r.User.Name,
				r.CreatedAt.Format(time.RFC3339Nano), ended, r.Credits}, err) {
				return
			}
		}
	}
}
