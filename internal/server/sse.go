package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// sse is a stream of server-sent events of the control plane. Those of models'
// answers have a form of their own; see answer.
type sse struct {
	w       http.ResponseWriter
	written time.Time
	frame   bytes.Buffer // added, and not sent yet
}

// pingTime is how long a stream may be silent before it shows that it is alive.
const pingTime = 10 * time.Second

// errLeft says that a reader has left.
var errLeft = errors.New("the reader has left")

// EventPlace is where a reader goes on. It has a name that others see, or its
// members would not be read from the query.
type EventPlace struct {
	After int64  `query:"after" minimum:"0" doc:"What comes after this number; 0: all from the beginning"`
	Last  string `header:"Last-Event-ID" doc:"As after, which it replaces"`
}

// from is the number of the last event that the reader has.
func (p EventPlace) from() int64 {
	if n, err := strconv.ParseInt(p.Last, 10, 64); err == nil && n >= 0 {
		return n
	}
	return p.After
}

// ofEvents is an operation that answers with a stream.
func ofEvents(op huma.Operation) huma.Operation {
	op.Responses = map[string]*huma.Response{"200": {
		Description: "Server-sent events", Content: map[string]*huma.MediaType{eventStream: {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}
	return op
}

// streamed is an answer that write sends; it ends when write returns.
func streamed(write func(events *sse)) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(out huma.Context) {
		_, w := humago.Unwrap(out)
		answerHeaders(w.Header(), eventStream, false)
		w.WriteHeader(http.StatusOK)
		events := &sse{w: w}
		events.frame.WriteString(": begun\n\n") // so that a reader knows at once that it is connected
		if events.send() == nil {
			write(events)
		}
	}}
}

// add puts an event behind those that are not sent yet. An id of 0 is none.
func (s *sse) add(id int64, kind string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	if id != 0 {
		fmt.Fprintf(&s.frame, "id: %d\n", id)
	}
	fmt.Fprintf(&s.frame, "event: %s\ndata: %s\n\n", kind, text)
	return nil
}

// send sends what was added, or a ping when it is time for one. Its error is errLeft.
func (s *sse) send() error {
	if s.frame.Len() == 0 {
		if time.Since(s.written) < pingTime {
			return nil
		}
		s.frame.WriteString(": ping\n\n")
	}
	s.written = time.Now()
	allowWrite(s.w)
	if _, err := s.frame.WriteTo(s.w); err != nil || http.NewResponseController(s.w).Flush() != nil {
		return errLeft
	}
	return nil
}
