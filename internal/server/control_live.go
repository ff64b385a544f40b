package server

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
)

const (
	// livePoll is how often is looked for new records.
	livePoll = time.Second
	// liveMax bounds what is counted.
	liveMax = 100
)

// newRecords is what an event of the stream tells.
type newRecords struct {
	Count int   `json:"count" doc:"Records of the search after the number that the stream was asked for; at most 100, which then are more"`
	Head  int64 `json:"head" doc:"Number of the newest record"`
}

// controlLive tells of what is new, so that nobody needs to ask again and again,
// which would be recorded each time.
func (s *Server) controlLive(api huma.API) {
	op := ofEvents(operation("followRecords", "audit.follow", http.MethodGet, "/audit/records/live", "Tell, as a stream of events, how many records of a search are new, and how verifications go on"))
	huma.Register(api, op, func(ctx context.Context, in *RecordQuery) (*huma.StreamResponse, error) {
		org, err := look(s, ctx, func(p sallyport.Principal) (sallyport.OrgID, error) { return p.Org, nil })
		if err != nil {
			return nil, err
		}
		return streamed(func(events *sse) {
			l := live{s: s, events: events, org: org, filter: in.filter()}
			l.follow(ctx)
		}), nil
	})
}

// live is one stream.
type live struct {
	s      *Server
	events *sse
	org    sallyport.OrgID
	filter sallyport.RecordFilter
	head   int64  // told last
	verify string // told last
}

// follow tells until the client leaves, the server stops or the time is over.
func (l *live) follow(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, l.s.parts.LiveTime)
	defer cancel()
	tick := time.NewTicker(livePoll)
	defer tick.Stop()
	for !l.s.draining.Load() && l.look(ctx) == nil && l.events.send() == nil {
		select {
		case <-ctx.Done():
			return
		case <-l.s.running.Done():
			return
		case <-tick.C:
		}
	}
}

// look adds what has changed since the last time. After an error the client asks
// again, and is told then what is wrong.
func (l *live) look(ctx context.Context) error {
	head, _, err := l.s.parts.Control.ChainHead(ctx, l.org)
	if err != nil {
		return err
	}
	if head != l.head {
		l.head = head
		if err := l.addNew(ctx); err != nil {
			return err
		}
	}
	verifications, err := l.s.verifications(ctx, l.org)
	if err != nil || len(verifications) == 0 {
		return err
	}
	text, err := json.Marshal(verifications[0])
	if err != nil || string(text) == l.verify {
		return err
	}
	l.verify = string(text)
	return l.events.add(0, "verification", json.RawMessage(text))
}

func (l *live) addNew(ctx context.Context) error {
	f := l.filter
	f.Limit, f.Before, f.Rising = liveMax, 0, false
	found, err := l.s.parts.Control.SearchRecords(ctx, l.org, f)
	if err != nil {
		return err
	}
	return l.events.add(0, "new", newRecords{len(found.Records), l.head})
}
