package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// encoder writes events as a client's dialect has them.
type encoder interface {
	// Event returns the bytes of a streamed event, framed; none for an event
	// that the client must not see.
	Event(e *llm.Event) ([]byte, error)
	// Whole returns the body of a plain answer.
	Whole(e *llm.Event) ([]byte, error)
}

// answer is the last sink: it writes events to the client, each at once.
type answer struct {
	w       http.ResponseWriter
	control *http.ResponseController
	r       *request
	enc     encoder
	once    *once // nil: the client sent no Idempotency-Key
}

func newAnswer(w http.ResponseWriter, r *request, enc encoder) *answer {
	return &answer{w: w, control: http.NewResponseController(w), r: r, enc: enc}
}

// push writes one event. Its error means that the client has left, or that the
// event has no form in the client's dialect.
func (a *answer) push(e *llm.Event) error {
	if e.Kind == llm.WholeEvent {
		return a.whole(e)
	}
	frame, err := a.enc.Event(e)
	if err != nil {
		return err
	}
	if !a.r.begun {
		a.begin(eventStream)
		a.w.WriteHeader(http.StatusOK)
	}
	a.once.saw(frame)
	if e.Kind == llm.DoneEvent {
		a.once.keep(http.StatusOK, eventStream)
	}
	if len(frame) == 0 {
		return nil
	}
	return a.write(frame)
}

func (a *answer) whole(e *llm.Event) error {
	body, err := a.enc.Whole(e)
	if err != nil {
		return err
	}
	a.once.saw(body)
	a.once.keep(http.StatusOK, "application/json")
	a.begin("application/json")
	a.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	a.w.WriteHeader(http.StatusOK)
	return a.write(body)
}

func (a *answer) begin(contentType string) {
	a.r.begun = true
	answerHeaders(a.w.Header(), contentType, a.r.call.Limits, a.r.call.Model.Offline)
}

const eventStream = "text/event-stream"

// answerHeaders are the headers of a model's answer.
func answerHeaders(h http.Header, contentType string, limits []sallyport.LimitState, offline bool) {
	h.Set("Content-Type", contentType)
	setLimitHeaders(h, limits)
	if offline {
		h.Set("X-Sallyport-Offline", "true") // no AI answered this
	}
	if contentType == eventStream {
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Accel-Buffering", "no") // or nginx collects the stream
	}
}

// write sends bytes at once. A client that does not take them for stallTime has left.
func (a *answer) write(frame []byte) error {
	err := a.control.SetWriteDeadline(time.Now().Add(stallTime))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := a.w.Write(frame); err != nil {
		return err
	}
	return a.control.Flush()
}

// fail ends a stream that has begun with a typed error. HTTP's status is 200 by
// then. [DONE] follows as in any stream, but not when the end of the answer
// could not be made durable: then there is no success to speak of.
func (a *answer) fail(err error) {
	if !a.r.begun || !a.r.call.Stream || sallyport.CodeOf(err) == sallyport.ClientClosed {
		return
	}
	e, _ := outside(err)
	code, message := "stream_error", e.Message
	switch e.Code {
	case sallyport.DLPBlocked, sallyport.AuditUnavailable, sallyport.ServerStopping:
		code = string(e.Code)
	}
	var body struct {
		Error struct {
			Message string `json:"message"`
			Type    string `json:"type"`
			Code    string `json:"code"`
		} `json:"error"`
	}
	body.Error.Message, body.Error.Type, body.Error.Code = message, "server_error", code
	text, merr := json.Marshal(body)
	if merr != nil {
		return
	}
	frame := fmt.Appendf(nil, "event: error\ndata: %s\n\n", text)
	if e.Code != sallyport.AuditUnavailable {
		frame = append(frame, "data: [DONE]\n\n"...)
	}
	_ = a.write(frame) // fails only when the client has left
}
