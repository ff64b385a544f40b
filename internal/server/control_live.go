package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sallyport-ai/sallyport"
)

const (
	// livePoll is how often is looked for new records.
	livePoll = time.Second
	// livePing is how often something is sent though nothing is new.
	livePing = 15 * time.Second
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
	op := operation("followRecords", "audit.follow", http.MethodGet, "/audit/records/live", "Tell, as a stream of events, how many records of a search are new, and how verifications go on")
	huma.Register(api, op, func(ctx context.Context, in *RecordQuery) (*huma.StreamResponse, error) {
		org, err := look(s, ctx, func(p sallyport.Principal) (sallyport.OrgID, error) { return p.Org, nil })
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(out huma.Context) {
			_, w := humago.Unwrap(out)
			h := w.Header()
			h.Set("Content-Type", eventStream)
			h.Set("Cache-Control", "no-cache")
			h.Set("X-Accel-Buffering", "no") // or nginx collects the stream
			w.WriteHeader(http.StatusOK)
			l := live{s: s, w: w, org: org, filter: in.filter()}
			l.follow(ctx)
		}}, nil
	})
}

// live is one stream.
type live struct {
	s      *Server
	w      http.ResponseWriter
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
	for spoken := time.Now(); ; {
		told, err := l.look(ctx)
		if err == nil && !told && time.Since(spoken) >= livePing {
			told, err = true, l.write(": ping\n\n")
		}
		if err != nil || l.s.draining.Load() {
			return // the client asks again, and is told then what is wrong
		}
		if told {
			spoken = time.Now()
		}
		select {
		case <-ctx.Done():
			return
		case <-l.s.running.Done():
			return
		case <-tick.C:
		}
	}
}

// look tells what has changed since the last time.
func (l *live) look(ctx context.Context) (told bool, err error) {
	head, _, err := l.s.parts.Control.ChainHead(ctx, l.org)
	if err != nil {
		return false, err
	}
	if head != l.head {
		l.head, told = head, true
		if err := l.tellNew(ctx); err != nil {
			return told, err
		}
	}
	verifications, err := l.s.verifications(ctx, l.org)
	if err != nil || len(verifications) == 0 {
		return told, err
	}
	text, err := json.Marshal(verifications[0])
	if err != nil || string(text) == l.verify {
		return told, err
	}
	l.verify = string(text)
	return true, l.event("verification", text)
}

func (l *live) tellNew(ctx context.Context) error {
	f := l.filter
	f.Limit, f.Before, f.Rising = liveMax, 0, false
	found, err := l.s.parts.Control.SearchRecords(ctx, l.org, f)
	if err != nil {
		return err
	}
	text, err := json.Marshal(newRecords{len(found.Records), l.head})
	if err != nil {
		return err
	}
	return l.event("new", text)
}

func (l *live) event(name string, data []byte) error {
	return l.write(fmt.Sprintf("event: %s\ndata: %s\n\n", name, data))
}

func (l *live) write(text string) error {
	allowWrite(l.w)
	if _, err := l.w.Write([]byte(text)); err != nil {
		return err
	}
	return http.NewResponseController(l.w).Flush()
}
