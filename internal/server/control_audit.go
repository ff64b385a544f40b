package server

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/agent"
)

type recordQuery struct {
	Before  int64     `query:"before" doc:"Sequence number to continue before; absent: from the newest"`
	Limit   int       `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Action  string    `query:"action"`
	Outcome string    `query:"outcome"`
	Code    string    `query:"code"`
	Key     string    `query:"key"`
	Model   string    `query:"model"`
	Call    string    `query:"call"`
	Since   time.Time `query:"since"`
	Until   time.Time `query:"until"`
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
		func(ctx context.Context, in *recordQuery) (*body[recordPage], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (recordPage, error) { return s.records(ctx, p.Org, in) }))
		})
}

func (s *Server) records(ctx context.Context, org sallyport.OrgID, in *recordQuery) (recordPage, error) {
	found, err := s.parts.Control.FindRecords(ctx, org, sallyport.RecordFilter{
		Before: in.Before, Limit: in.Limit, Action: in.Action, Outcome: in.Outcome, Code: sallyport.Code(in.Code),
		Key: sallyport.KeyID(in.Key), Model: in.Model, Call: sallyport.CallID(in.Call), Since: in.Since, Until: in.Until,
	})
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
