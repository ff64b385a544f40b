package server

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
)

// RecordStore is the trail as it is searched; *store.DB is the real one.
type RecordStore interface {
	Records(ctx context.Context, org sallyport.OrgID, after int64, limit int) ([]sallyport.StoredRecord, error)
	FindRecords(ctx context.Context, org sallyport.OrgID, f sallyport.RecordFilter) ([]sallyport.StoredRecord, error)
	// SearchRecords ends a page early rather than to read for very long.
	SearchRecords(ctx context.Context, org sallyport.OrgID, f sallyport.RecordFilter) (sallyport.FoundRecords, error)
	RecordHistogram(ctx context.Context, org sallyport.OrgID, f sallyport.RecordFilter, bars int) (sallyport.RecordHistogram, error)
	ChainHead(ctx context.Context, org sallyport.OrgID) (seq int64, hash sallyport.Hash, err error)
	// Names tells what "user/…", "key/…" and "group/…" are called now.
	Names(ctx context.Context, org sallyport.OrgID, of []string) (map[string]sallyport.Name, error)
}

// RecordQuery chooses records.
type RecordQuery struct {
	Before   int64     `query:"before" minimum:"0" doc:"Only records with a smaller number: the page after, of older records"`
	After    int64     `query:"after" minimum:"0" doc:"Only records with a larger number"`
	Rising   bool      `query:"rising" doc:"The records that come first after the number after, instead of the newest: the page before. They are given newest first all the same"`
	Limit    int       `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Phase    string    `query:"phase" enum:"intent,outcome,refusal,event,late"`
	Action   string    `query:"action"`
	Outcome  string    `query:"outcome"`
	Code     string    `query:"code"`
	Key      string    `query:"key"`
	Model    string    `query:"model"`
	Call     string    `query:"call"`
	Event    string    `query:"event" doc:"An event's id"`
	Request  string    `query:"request" doc:"A request's id, as X-Request-Id told it"`
	Resource string    `query:"resource" doc:"What was changed, such as key/0197…"`
	Address  string    `query:"address" doc:"The caller's IP address, where it is kept. The index does not have it: pages may end early"`
	Actor    string    `query:"actor" doc:"A user's id: what was done with any of the user's keys"`
	Run      string    `query:"run" doc:"A run's id: its steps, and what was done to it"`
	Route    string    `query:"route" doc:"Such as POST /v1/chat/completions"`
	Finding  string    `query:"finding" doc:"A type that DLP found, such as EMAIL_ADDRESS"`
	Since    time.Time `query:"since"`
	Until    time.Time `query:"until"`
}

func (q *RecordQuery) filter() sallyport.RecordFilter {
	return sallyport.RecordFilter{
		Before: q.Before, After: q.After, Rising: q.Rising, Limit: q.Limit,
		Phase: sallyport.Phase(q.Phase), Action: q.Action, Outcome: q.Outcome, Code: sallyport.Code(q.Code),
		Key: sallyport.KeyID(q.Key), Model: q.Model, Call: sallyport.CallID(q.Call), Event: q.Event,
		Request: q.Request, Resource: q.Resource, Address: q.Address,
		Actor: sallyport.UserID(q.Actor), Run: sallyport.RunID(q.Run), Route: q.Route, Finding: q.Finding, Since: q.Since, Until: q.Until,
	}
}

// told is what the record of an export tells of the filter: how it restricts. An
// address stands nowhere in the chain, so that it can be erased, and neither does
// what is no name.
func (q *RecordQuery) told() map[string]any {
	told := make(map[string]any)
	add := func(name, value string) {
		if value != "" {
			told[name] = audit.Name(value)
		}
	}
	add("phase", q.Phase)
	add("action", q.Action)
	add("outcome", q.Outcome)
	add("code", q.Code)
	add("key", q.Key)
	add("model", q.Model)
	add("call", q.Call)
	add("event", q.Event)
	add("request", q.Request)
	add("resource", q.Resource)
	add("actor", q.Actor)
	add("run", q.Run)
	add("route", q.Route)
	add("finding", q.Finding)
	if q.Address != "" {
		told["address"] = true
	}
	for name, at := range map[string]time.Time{"since": q.Since, "until": q.Until} {
		if !at.IsZero() {
			told[name] = at.UTC()
		}
	}
	return told
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
	Records  []recordView        `json:"records"`
	Names    map[string]nameView `json:"names" doc:"What the users, keys and groups of the records are called now, by user/ID, key/ID and group/ID"`
	Before   int64               `json:"before,omitempty" doc:"Cursor of the page of older records; absent when there are none"`
	After    int64               `json:"after,omitempty" doc:"Cursor of the page of newer records (with rising); absent when nothing was found"`
	Searched int64               `json:"searched,omitempty" doc:"The page ended early, at this record, as very many were looked at: the cursors go on there"`
}

type nameView struct {
	Name   string `json:"name"`
	Detail string `json:"detail,omitempty" doc:"A user's e-mail address, a key's prefix"`
}

// controlAudit searches the trail.
func (s *Server) controlAudit(api huma.API) {
	huma.Register(api, operation("listRecords", "audit.list", http.MethodGet, "/audit/records", "Search the trail, newest first"),
		func(ctx context.Context, in *RecordQuery) (*body[recordPage], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (recordPage, error) { return s.records(ctx, p.Org, in) }))
		})
	huma.Register(api, operation("getRecordHistogram", "audit.histogram", http.MethodGet, "/audit/records/histogram", "Count the records of a search over time"),
		func(ctx context.Context, in *histogramQuery) (*body[histogramView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (histogramView, error) { return s.histogram(ctx, p.Org, in) }))
		})
	export := operation("exportRecords", "audit.export", http.MethodGet, "/audit/records/export", "Search the trail and get all that is found, newest first, as CSV or JSON Lines")
	huma.Register(api, export, func(ctx context.Context, in *exportQuery) (*huma.StreamResponse, error) {
		records, err := attempt(s, ctx, func(p sallyport.Principal) (foundRecords, error) { return s.export(ctx, p.Org, in) })
		if err != nil {
			return nil, err
		}
		return downloadRecords(in.Format, records), nil
	})
}

type foundRecords = iter.Seq2[sallyport.StoredRecord, error]

// exportPage is how many records of an export are read at once.
const exportPage = 500

// export finds the first page at once, so that what is wrong is told with a
// status, and the others while the answer is written. What is exported is recorded
// before anything is.
func (s *Server) export(ctx context.Context, org sallyport.OrgID, in *exportQuery) (foundRecords, error) {
	filter := in.filter()
	filter.Limit, filter.Rising = exportPage, false
	first, err := s.parts.Control.FindRecords(ctx, org, filter)
	if err != nil {
		return nil, err
	}
	told := s.event(ctx, "", map[string]any{"format": in.Format, "filter": in.told()})
	if err := s.record(ctx, org, told); err != nil {
		return nil, err
	}
	return audit.Pages(filter, func(f sallyport.RecordFilter) ([]sallyport.StoredRecord, error) {
		if f.Before == filter.Before {
			return first, nil
		}
		return s.parts.Control.FindRecords(ctx, org, f)
	}), nil
}

func downloadRecords(format string, records foundRecords) *huma.StreamResponse {
	write, kind := audit.WriteCSV, csvFile
	if format == "jsonl" {
		write, kind = audit.WriteJSONL, jsonLines
	}
	return download(kind, "audit."+format, func(w io.Writer) error {
		_, err := write(w, records)
		return err
	})
}

func (s *Server) records(ctx context.Context, org sallyport.OrgID, in *RecordQuery) (recordPage, error) {
	filter := in.filter()
	found, err := s.parts.Control.SearchRecords(ctx, org, filter)
	if err != nil {
		return recordPage{}, err
	}
	page := recordPage{Records: make([]recordView, 0, len(found.Records)), Searched: found.Searched}
	for _, r := range found.Records {
		page.Records = append(page.Records, recordView{
			Seq: r.Seq, Prev: hex.EncodeToString(r.Prev[:]), Hash: hex.EncodeToString(r.Hash[:]), Record: audit.LineOf(r),
		})
	}
	page.cursors(filter)
	page.Names, err = s.names(ctx, org, found.Records...)
	return page, err
}

// cursors sets where the pages beside this one begin.
func (p *recordPage) cursors(f sallyport.RecordFilter) {
	n := len(p.Records)
	if n > 0 {
		p.After = p.Records[0].Seq
	}
	switch {
	case f.Rising && n > 0 && f.After > 0, !f.Rising && n == f.Limit:
		p.Before = p.Records[n-1].Seq
	case !f.Rising:
		p.Before = p.Searched
	}
	if f.Rising && p.Searched > 0 {
		p.After = p.Searched
	}
}

// whoAndWhat is what of a record has a name of its own. A page reads these of each of
// its records, and nothing else.
type whoAndWhat struct {
	Actor struct {
		User sallyport.UserID `json:"user_id"`
		Key  sallyport.KeyID  `json:"key_id"`
	} `json:"actor"`
	Resource string `json:"resource"`
}

func (s *Server) names(ctx context.Context, org sallyport.OrgID, records ...sallyport.StoredRecord) (map[string]nameView, error) {
	var of []string
	for _, stored := range records {
		var r whoAndWhat
		if json.Unmarshal(stored.Body, &r) == nil {
			of = append(of, "user/"+string(r.Actor.User), "key/"+string(r.Actor.Key), r.Resource)
		}
	}
	names, err := s.parts.Control.Names(ctx, org, of)
	views := make(map[string]nameView, len(names))
	for id, name := range names {
		views[id] = nameView(name)
	}
	return views, err
}

type histogramQuery struct {
	RecordQuery
	Bars int `query:"bars" minimum:"1" maximum:"200" default:"60"`
}

type histogramView struct {
	Since     time.Time `json:"since"`
	Until     time.Time `json:"until"`
	Bars      []int64   `json:"bars" doc:"Records in equal parts of the time, the oldest first"`
	Total     int64     `json:"total"`
	Estimated bool      `json:"estimated" doc:"Not every record was counted"`
}

func (s *Server) histogram(ctx context.Context, org sallyport.OrgID, in *histogramQuery) (histogramView, error) {
	h, err := s.parts.Control.RecordHistogram(ctx, org, in.filter(), in.Bars)
	v := histogramView{Since: h.Since.UTC(), Until: h.Until.UTC(), Bars: h.Bars, Estimated: h.Estimated}
	for _, n := range h.Bars {
		v.Total += n
	}
	return v, err
}
