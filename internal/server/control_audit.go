package server

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"iter"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/agent"
	"github.com/sallyport-ai/sallyport/internal/audit"
)

// RecordQuery chooses records.
type RecordQuery struct {
	Before  int64     `query:"before" doc:"Sequence number to continue before; absent: from the newest"`
	Limit   int       `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Action  string    `query:"action"`
	Outcome string    `query:"outcome"`
	Code    string    `query:"code"`
	Key     string    `query:"key"`
	Model   string    `query:"model"`
	Call    string    `query:"call"`
	Event   string    `query:"event" doc:"An event's id"`
	Actor   string    `query:"actor" doc:"A user's id: what was done with any of the user's keys"`
	Route   string    `query:"route" doc:"Such as POST /v1/chat/completions"`
	Finding string    `query:"finding" doc:"A type that DLP found, such as EMAIL_ADDRESS"`
	Since   time.Time `query:"since"`
	Until   time.Time `query:"until"`
}

func (q *RecordQuery) filter() sallyport.RecordFilter {
	return sallyport.RecordFilter{
		Before: q.Before, Limit: q.Limit, Action: q.Action, Outcome: q.Outcome, Code: sallyport.Code(q.Code),
		Key: sallyport.KeyID(q.Key), Model: q.Model, Call: sallyport.CallID(q.Call), Event: q.Event,
		Actor: sallyport.UserID(q.Actor), Route: q.Route, Finding: q.Finding, Since: q.Since, Until: q.Until,
	}
}

type exportQuery struct {
	RecordQuery
	Format string `query:"format" enum:"csv,jsonl" default:"csv"`
}

type recordView struct {
	Seq    int64           `json:"seq"`
	Prev   string          `json:"prev_hash"`
	Hash   string          `json:"hash"`
	Record json.RawMessage `json:"record" doc:"The record as it is stored and hashed"`
}

type recordPage struct {
	Records []recordView `json:"records"`
	Before  int64        `json:"before,omitempty" doc:"Cursor of the next page; absent on the last"`
}

// controlAudit searches the trail.
func (s *Server) controlAudit(api huma.API) {
	huma.Register(api, operation("listRecords", "audit.list", http.MethodGet, "/audit/records", "Search the trail, newest first", true),
		func(ctx context.Context, in *RecordQuery) (*body[recordPage], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (recordPage, error) { return s.records(ctx, p.Org, in) }))
		})
	export := operation("exportRecords", "audit.export", http.MethodGet, "/audit/records/export", "Search the trail and get all that is found, newest first, as CSV or JSON Lines", true)
	huma.Register(api, export, func(ctx context.Context, in *exportQuery) (*huma.StreamResponse, error) {
		records, err := look(s, ctx, func(p sallyport.Principal) (foundRecords, error) { return s.export(ctx, p.Org, in) })
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(out huma.Context) { writeExport(out, in.Format, records) }}, nil
	})
}

type foundRecords = iter.Seq2[sallyport.StoredRecord, error]

// exportPage is how many records of an export are read at once.
const exportPage = 500

// export finds the first page at once, so that what is wrong is told with a
// status, and the others while the answer is written.
func (s *Server) export(ctx context.Context, org sallyport.OrgID, in *exportQuery) (foundRecords, error) {
	filter := in.filter()
	filter.Limit = exportPage
	first, err := s.parts.Control.FindRecords(ctx, org, filter)
	if err != nil {
		return nil, err
	}
	return audit.Pages(filter, func(f sallyport.RecordFilter) ([]sallyport.StoredRecord, error) {
		if f.Before == filter.Before {
			return first, nil
		}
		return s.parts.Control.FindRecords(ctx, org, f)
	}), nil
}

// writeExport writes the records. When it cannot go on it ends the connection,
// so that nobody takes a part for the whole.
func writeExport(out huma.Context, format string, records foundRecords) {
	write, kind := audit.WriteCSV, "text/csv; charset=utf-8"
	if format == "jsonl" {
		write, kind = audit.WriteJSONL, "application/x-ndjson"
	}
	out.SetHeader("Content-Type", kind)
	out.SetHeader("Content-Disposition", `attachment; filename="audit.`+format+`"`)
	out.SetStatus(http.StatusOK)
	if _, err := write(out.BodyWriter(), records); err != nil {
		panic(http.ErrAbortHandler)
	}
}

func (s *Server) records(ctx context.Context, org sallyport.OrgID, in *RecordQuery) (recordPage, error) {
	found, err := s.parts.Control.FindRecords(ctx, org, in.filter())
	if err != nil {
		return recordPage{}, err
	}
	page := recordPage{Records: make([]recordView, 0, len(found))}
	for _, r := range found {
		page.Records = append(page.Records, recordView{
			Seq: r.Seq, Prev: hex.EncodeToString(r.Prev[:]), Hash: hex.EncodeToString(r.Hash[:]), Record: r.Body,
		})
	}
	if len(found) == in.Limit {
		page.Before = found[len(found)-1].Seq
	}
	return page, nil
}

type importRequest struct {
	RawBody []byte
}

type importView struct {
	AgentID sallyport.AgentID `json:"agent_id"`
}

// controlAgents imports agents. What they do is at /v1/agents.
func (s *Server) controlAgents(api huma.API) {
	huma.Register(api, operation("importAgent", "agents.import", http.MethodPost, "/agents", "Import an agent's definition", false),
		func(ctx context.Context, in *importRequest) (*body[importView], error) {
			return reply(change(s, ctx, func(p sallyport.Principal) (importView, error) {
				if p.Role == sallyport.RoleUser {
					return importView{}, sallyport.NewError(sallyport.Forbidden, "this needs the role agent_creator or administrator")
				}
				definition, err := agent.Parse(in.RawBody)
				if err != nil {
					return importView{}, err
				}
				made, err := s.parts.Agents.Import(ctx, p, definition)
				return importView{made.ID}, err
			}))
		})
}
