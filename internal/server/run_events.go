package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/agent"
)

type runEventsQuery struct {
	ID    sallyport.RunID `path:"id"`
	After int64           `query:"after" minimum:"0" doc:"What comes after this number; 0: all from the beginning"`
	Last  string          `header:"Last-Event-ID" doc:"As after, which it replaces"`
}

// The data of events: step {stepView}, text {textEvent}, and at the end run {runWhole}.

type textEvent struct {
	Step int    `json:"step"`
	Call int    `json:"call" doc:"The attempt's number; the text of an attempt that another follows is void"`
	From int    `json:"from" doc:"Where in the attempt's text it begins, in bytes"`
	Text string `json:"delta"`
}

func (s *Server) controlRunEvents(api huma.API) {
	op := operation("followRun", "runs.get", http.MethodGet, "/runs/{id}/events",
		"Follow a run from any place on: events step and text, and run at its end")
	op.Responses = map[string]*huma.Response{"200": {
		Description: "Server-sent events", Content: map[string]*huma.MediaType{eventStream: {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}
	huma.Register(api, op, func(ctx context.Context, in *runEventsQuery) (*huma.StreamResponse, error) {
		after := in.After
		if n, err := strconv.ParseInt(in.Last, 10, 64); in.Last != "" && err == nil && n >= 0 {
			after = n
		}
		names, err := look(s, ctx, func(p sallyport.Principal) (map[sallyport.UserID]string, error) {
			if _, err := s.parts.Agents.See(ctx, p, in.ID); err != nil {
				return nil, runNotFound(err)
			}
			return s.memberNames(ctx, p.Org)
		})
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(out huma.Context) { s.followRun(out, in.ID, after, names) }}, nil
	})
}

// errDraining ends a stream of events: its reader finds another server.
var errDraining = errors.New("the server is stopping")

// followRun writes events until the run has ended or the reader has left, which
// changes nothing about the run. A reader whose stream ends without the event run
// comes back with the number of the last event.
func (s *Server) followRun(out huma.Context, run sallyport.RunID, after int64, names map[sallyport.UserID]string) {
	r, w := humago.Unwrap(out)
	principal := CallOf(out.Context()).Principal
	answerHeaders(w.Header(), eventStream, nil, false)
	w.WriteHeader(http.StatusOK)
	stream := runStream{w: w, names: names}
	err := stream.write(": begun\n\n") // so that a reader knows at once that it is connected
	if err == nil {
		err = s.parts.Agents.Follow(r.Context(), principal, run, after, func(e *agent.Event) error {
			switch {
			case s.draining.Load():
				return errDraining
			case e == nil:
				return stream.ping()
			}
			return stream.event(e)
		})
	}
	if err != nil && r.Context().Err() == nil && !errors.Is(err, errDraining) && !errors.Is(err, errLeft) {
		s.parts.Log.Warn("the events of a run ended early", "run", run, "cause", err)
	}
}

// runPing is how often a stream of events shows that it is alive.
const runPing = 10 * time.Second

// errLeft says that a reader has left.
var errLeft = errors.New("the reader has left")

// runStream writes the events of a run.
type runStream struct {
	w       http.ResponseWriter
	names   map[sallyport.UserID]string
	written time.Time
	frame   bytes.Buffer
}

func (t *runStream) event(e *agent.Event) error {
	var data any
	switch e.Kind {
	case agent.EventText:
		data = textEvent{e.Step.Index, e.Call, e.From, e.Text}
	case agent.EventRun:
		data = viewProgress(e.Run, t.names)
	default:
		step := viewStep(e.Step)
		step.Output = "" // the texts before it said it
		data = step
	}
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	t.frame.Reset()
	t.frame.WriteString("id: " + strconv.FormatInt(e.Seq, 10) + "\nevent: " + string(e.Kind) + "\ndata: ")
	t.frame.Write(text)
	t.frame.WriteString("\n\n")
	return t.write(t.frame.String())
}

func (t *runStream) ping() error {
	if time.Since(t.written) < runPing {
		return nil
	}
	return t.write(": ping\n\n")
}

func (t *runStream) write(frame string) error {
	t.written = time.Now()
	allowWrite(t.w)
	if _, err := t.w.Write([]byte(frame)); err != nil {
		return errLeft
	}
	if err := http.NewResponseController(t.w).Flush(); err != nil {
		return errLeft
	}
	return nil
}
