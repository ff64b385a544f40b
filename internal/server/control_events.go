package server

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/chat"
)

// pingTime is how often a stream of events shows that it is alive.
const pingTime = 15 * time.Second

type eventsQuery struct {
	ID      sallyport.ConversationID `path:"id"`
	Message sallyport.MessageID      `path:"message"`
	After   int64                    `query:"after" minimum:"0" doc:"What comes after this number; 0: all"`
	Last    string                   `header:"Last-Event-ID" doc:"As after, which it replaces"`
}

// controlEvents: the events of an answer. Each has its place in the answer for an
// id, so that a reader can go on from where it was; the last one is the message.
func (s *Server) controlEvents(api huma.API) {
	op := operation("followMessage", "conversations.events", http.MethodGet, "/conversations/{id}/messages/{message}/events", "Follow an answer from any place on: events text, reasoning and tool, and message at its end")
	op.Responses = map[string]*huma.Response{"200": {
		Description: "Server-sent events", Content: map[string]*huma.MediaType{eventStream: {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}
	huma.Register(api, op, func(ctx context.Context, in *eventsQuery) (*huma.StreamResponse, error) {
		after := in.After
		if n, err := strconv.ParseInt(in.Last, 10, 64); in.Last != "" && err == nil && n >= 0 {
			after = n
		}
		reader, err := look(s, ctx, func(p sallyport.Principal) (*chat.Reader, error) {
			return s.parts.Chats.Follow(ctx, p, in.ID, in.Message, after)
		})
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(out huma.Context) { s.follow(out, reader) }}, nil
	})
}

// follow writes events until the answer has ended or the reader has left, which
// stops nothing.
func (s *Server) follow(out huma.Context, reader *chat.Reader) {
	r, w := humago.Unwrap(out)
	answerHeaders(w.Header(), eventStream, nil, false)
	w.WriteHeader(http.StatusOK)
	control := http.NewResponseController(w)
	var frame bytes.Buffer
	for {
		events, err := reader.Next(r.Context(), pingTime)
		frame.Reset()
		ended := err != nil || r.Context().Err() != nil
		for _, e := range events {
			writeEvent(&frame, e)
			ended = ended || e.Kind == chat.MessageEvent
		}
		if len(events) == 0 {
			frame.WriteString(": ping\n\n")
		}
		allowWrite(w)
		if _, err := w.Write(frame.Bytes()); err != nil || control.Flush() != nil || ended {
			return
		}
	}
}

func writeEvent(frame *bytes.Buffer, e chat.Event) {
	var data any
	switch e.Kind {
	case chat.ToolEvent:
		data = e.Tool
	case chat.MessageEvent:
		data = e.Message
	default:
		data = struct {
			Delta string `json:"delta"`
		}{e.Delta}
	}
	text, err := json.Marshal(data)
	if err != nil {
		return // strings and numbers have a JSON
	}
	frame.WriteString("id: " + strconv.FormatInt(e.Seq, 10) + "\nevent: " + e.Kind + "\ndata: ")
	frame.Write(text)
	frame.WriteString("\n\n")
}
