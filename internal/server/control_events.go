package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/chat"
)

type eventsQuery struct {
	ID      sallyport.ConversationID `path:"id"`
	Message sallyport.MessageID      `path:"message"`
	EventPlace
}

// controlEvents: the events of an answer. Each has its place in the answer for an
// id, so that a reader can go on from where it was; the last one is the message.
func (s *Server) controlEvents(api huma.API) {
	op := ofEvents(operation("followMessage", "conversations.events", http.MethodGet, "/conversations/{id}/messages/{message}/events", "Follow an answer from any place on: events text, reasoning and tool, and message at its end"))
	huma.Register(api, op, func(ctx context.Context, in *eventsQuery) (*huma.StreamResponse, error) {
		reader, err := look(s, ctx, func(p sallyport.Principal) (*chat.Reader, error) {
			return s.parts.Chats.Follow(ctx, p, in.ID, in.Message, in.from())
		})
		if err != nil {
			return nil, err
		}
		return streamed(func(events *sse) { followAnswer(ctx, events, reader) }), nil
	})
}

// followAnswer writes events until the answer has ended or the reader has left,
// which stops nothing.
func followAnswer(ctx context.Context, events *sse, reader *chat.Reader) {
	for {
		news, err := reader.Next(ctx, pingTime)
		ended := err != nil || ctx.Err() != nil
		for _, e := range news {
			_ = events.add(e.Seq, e.Kind, answerEvent(e)) // strings and numbers have a JSON
			ended = ended || e.Kind == chat.MessageEvent
		}
		if events.send() != nil || ended {
			return
		}
	}
}

// answerEvent is the data of an event.
func answerEvent(e chat.Event) any {
	switch e.Kind {
	case chat.ToolEvent:
		return e.Tool
	case chat.MessageEvent:
		return e.Message
	}
	return struct {
		Delta string `json:"delta"`
	}{e.Delta}
}
