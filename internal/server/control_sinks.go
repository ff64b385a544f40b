package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
)

// Sinks are where trails are delivered to. They are the operator's: the file
// defines them, and there is nothing to change here.
type Sinks interface {
	// List lists those that an organisation's trail goes to.
	List(ctx context.Context, org sallyport.OrgID) ([]sallyport.SinkStatus, error)
	// Try sends one record of the organisation now. refused says how that failed,
	// in words that may be told when the sink is the organisation's own; err is for
	// everything else.
	Try(ctx context.Context, org sallyport.OrgID, name string, r sallyport.StoredRecord) (refused, err error)
}

type sinkView struct {
	Name      string     `json:"name"`
	Type      string     `json:"type"`
	Format    string     `json:"format"`
	ManagedBy string     `json:"managed_by" enum:"file" doc:"Sinks are defined in the operator's file"`
	Scope     string     `json:"scope" enum:"organisation,instance" doc:"Whose trails it gets: this organisation's alone, or all"`
	Cursor    int64      `json:"cursor" doc:"Number of the last record that it has got"`
	Head      int64      `json:"head" doc:"Number of the last record that there is"`
	Waiting   int64      `json:"waiting" doc:"Records of the organisation that it has not got"`
	Behind    int64      `json:"behind_seconds" doc:"Since the oldest of them was written"`
	Delivered *time.Time `json:"delivered_at"`
	Dead      int64      `json:"dead_letters" doc:"Records that it went on without, because the receiver refuses them"`
	Failures  int        `json:"failures" doc:"Of its deliveries, in a row"`
	Error     string     `json:"error,omitempty" doc:"The last failure; told of a sink of this organisation alone"`
	Next      *time.Time `json:"next_attempt_at,omitempty"`
}

type sinkTestView struct {
	Delivered bool   `json:"delivered"`
	Seq       int64  `json:"seq" doc:"Of the record that was sent; it is delivered once more in its turn"`
	Error     string `json:"error,omitempty"`
	MS        int64  `json:"ms"`
}

// sinkPath names a sink.
type sinkPath struct {
	Name string `path:"name"`
}

// controlSinks tells of sinks and tries them.
func (s *Server) controlSinks(api huma.API) {
	huma.Register(api, operation("listSinks", "audit.sinks", http.MethodGet, "/audit/sinks", "How far the sinks are behind that the trail goes to"),
		func(ctx context.Context, _ *struct{}) (*body[[]sinkView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]sinkView, error) { return s.sinks(ctx, p.Org) }))
		})
	huma.Register(api, operation("testSink", "sink.test", http.MethodPost, "/audit/sinks/{name}/test", "Write a record and send it to a sink at once"),
		func(ctx context.Context, in *sinkPath) (*body[sinkTestView], error) {
			return reply(attempt(s, ctx, func(p sallyport.Principal) (sinkTestView, error) { return s.testSink(ctx, p.Org, in.Name) }))
		})
}

// sinks tells how far the sinks are behind the organisation's trail.
func (s *Server) sinks(ctx context.Context, org sallyport.OrgID) ([]sinkView, error) {
	sinks, err := s.parts.Sinks.List(ctx, org)
	views := make([]sinkView, 0, len(sinks))
	for _, k := range sinks {
		v := sinkView{
			Name: k.Name, Type: k.Type, Format: k.Format, ManagedBy: "file", Scope: "instance", Cursor: k.Cursor, Head: k.Head,
			Waiting: k.Lag.Records, Behind: int64(k.Lag.Behind(s.parts.Now()).Seconds()),
			Delivered: timeOrNil(k.Lag.Delivered), Dead: k.Lag.Dead, Failures: k.Failures, Next: timeOrNil(k.Next),
		}
		if k.Own {
			v.Scope, v.Error = "organisation", k.Error
		}
		views = append(views, v)
	}
	return views, err
}

// testSink appends a record of the test to the trail and sends that: the sink gets
// nothing that it would not have got anyway.
func (s *Server) testSink(ctx context.Context, org sallyport.OrgID, name string) (sinkTestView, error) {
	sinks, err := s.parts.Sinks.List(ctx, org)
	to, err := theOne("sink", sinks, err, func(k sallyport.SinkStatus) bool { return k.Name == name })
	if err != nil {
		return sinkTestView{}, err
	}
	rec := s.event(ctx, "sink/"+name, nil)
	if err := s.record(ctx, org, rec); err != nil {
		return sinkTestView{}, err
	}
	written, err := s.parts.Control.FindRecords(ctx, org, sallyport.RecordFilter{Event: rec.EventID, Limit: 1})
	if err != nil || len(written) == 0 {
		return sinkTestView{}, err
	}
	began := time.Now()
	refused, err := s.parts.Sinks.Try(ctx, org, name, written[0])
	v := sinkTestView{Delivered: err == nil && refused == nil, Seq: written[0].Seq, MS: time.Since(began).Milliseconds()}
	switch {
	case refused == nil:
	case to.Own:
		v.Error = refused.Error()
	default:
		v.Error = "The receiver did not take it. The operator's log says why."
		s.parts.Log.Warn("a test of a sink failed", "sink", name, "error", refused)
	}
	return v, err
}
