package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/agent"
)

type runEventsQuery struct {
	ID sallyport.RunID `path:"id"`
	EventPlace
}

// The data of events: step {stepView}, text {textEvent}, and at the end run {runWhole}.

type textEvent struct {
	Step int    `json:"step"`
	Call int    `json:"call" doc:"The attempt's number; the text of an attempt that another follows is void"`
	From int    `json:"from" doc:"Where in the attempt's text it begins, in bytes"`
	Text string `json:"delta"`
}

func (s *Server) controlRunEvents(api huma.API) {
	op := ofEvents(operation("followRun", "runs.get", http.MethodGet, "/runs/{id}/events",
		"Follow a run from any place on: events step and text, and run at its end"))
	huma.Register(api, op, func(ctx context.Context, in *runEventsQuery) (*huma.StreamResponse, error) {
		names, err := look(s, ctx, func(p sallyport.Principal) (map[sallyport.UserID]string, error) {
			run, err := s.parts.Agents.See(ctx, p, in.ID)
			if err != nil {
				return nil, runNotFound(err)
			}
			return s.memberNames(ctx, p.Org, run.User)
		})
		if err != nil {
			return nil, err
		}
		return streamed(func(events *sse) { s.followRun(ctx, events, in, names) }), nil
	})
}

// errDraining ends a stream of events: its reader finds another server.
var errDraining = errors.New("the server is stopping")

// followRun writes events until the run has ended or the reader has left, which
// changes nothing about the run. A reader whose stream ends without the event run
// comes back with the number of the last event.
func (s *Server) followRun(ctx context.Context, events *sse, in *runEventsQuery, names map[sallyport.UserID]string) {
	err := s.parts.Agents.Follow(ctx, CallOf(ctx).Principal, in.ID, in.from(), func(e *agent.Event) error {
		if s.draining.Load() {
			return errDraining
		}
		if e != nil {
			if err := events.add(e.Seq, string(e.Kind), runEvent(e, names)); err != nil {
				return err
			}
		}
		return events.send()
	})
	if err != nil && ctx.Err() == nil && !errors.Is(err, errDraining) && !errors.Is(err, errLeft) {
		s.parts.Log.Warn("the events of a run ended early", "run", in.ID, "cause", err)
	}
}

// runEvent is the data of an event.
func runEvent(e *agent.Event, names map[sallyport.UserID]string) any {
	switch e.Kind {
	case agent.EventText:
		return textEvent{e.Step.Index, e.Call, e.From, e.Text}
	case agent.EventRun:
		return viewProgress(e.Run, names)
	}
	step := viewStep(e.Step)
	step.Output = "" // the texts before it said it
	return step
}
