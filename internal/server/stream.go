package server

import (
	"errors"
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
	// Failure returns what ends a stream that has begun: a typed error, and the
	// end that the dialect has for it. After AuditUnavailable there is no success
	// to speak of: no mark of a complete stream may follow.
	Failure(e sallyport.Error) []byte
}

// answer is the last sink: it writes events to the client, each at once.
type answer struct {
	w       http.ResponseWriter
	control *http.ResponseController
	r       *request
	enc     encoder
	once    *once      // nil: the client sent no Idempotency-Key
	turn    *turn      // nil: the answer is not stored
	allowed time.Time  // when the client was last given stallTime
	end     *llm.Event // was rendered before it is pushed, as endText
	endText []byte
}

func newAnswer(w http.ResponseWriter, r *request, enc encoder) *answer {
	a := &answer{w: w, control: http.NewResponseController(w), r: r, enc: enc}
	if r.ProtoMajor == 1 {
		a.allowed = r.call.StartedAt // see outermost
	}
	return a
}

// push writes one event. Its error means that the client has left, or that the
// event has no form in the client's dialect.
func (a *answer) push(e *llm.Event) error {
	text := a.endText
	if e != a.end {
		var err error
		if text, err = a.encode(e); err != nil {
			return err
		}
		a.once.saw(text)
	}
	if e.Kind != llm.ChunkEvent {
		if err := a.turn.store(a.r.Context()); err != nil {
			return err
		}
	}
	if e.Kind == llm.WholeEvent {
		a.begin(a.wholeType())
		a.w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		a.w.WriteHeader(http.StatusOK)
		return a.write(text)
	}
	if !a.r.begun {
		a.begin(eventStream)
		a.w.WriteHeader(http.StatusOK)
	}
	if len(text) == 0 {
		return nil
	}
	return a.write(text)
}

// open begins a stream before anything of the answer is there.
func (a *answer) open(text []byte) error {
	a.once.saw(text)
	return a.write(text)
}

func (a *answer) encode(e *llm.Event) ([]byte, error) {
	if e.Kind == llm.WholeEvent {
		return a.enc.Whole(e)
	}
	return a.enc.Event(e)
}

// render encodes the end of the answer, which is to be kept before it is pushed,
// and so is the response that it names: the other way round a repeat could be told of
// one that is not there. A crash before the outcome is durable, or one that cannot be
// written, leaves the response, and its turn in a conversation, of an answer that
// nobody got: to write them in the outcome's own batch, a thread would have to be
// added to without a look at its room.
func (a *answer) render(end *llm.Event) (contentType string, err error) {
	if a.endText, err = a.encode(end); err != nil {
		return "", err
	}
	a.end = end
	if err := a.turn.store(a.r.Context()); err != nil {
		return "", err
	}
	a.once.saw(a.endText)
	if end.Kind == llm.WholeEvent {
		return a.wholeType(), nil
	}
	return eventStream, nil
}

// typed is an encoder whose plain answers need not be JSON.
type typed interface{ WholeType() string }

func (a *answer) wholeType() string {
	if own, can := a.enc.(typed); can {
		return own.WholeType()
	}
	return jsonAnswer
}

func (a *answer) begin(contentType string) {
	a.r.begun = true
	a.r.tellLimits(a.w.Header())
	answerHeaders(a.w.Header(), contentType, a.r.call.Model.Offline)
}

// The content types of answers.
const (
	jsonAnswer  = "application/json"
	eventStream = "text/event-stream"
)

// answerHeaders are the headers of a model's answer.
func answerHeaders(h http.Header, contentType string, offline bool) {
	h.Set("Content-Type", contentType)
	if offline {
		h.Set("X-Sallyport-Offline", "true") // no AI answered this
	}
	if contentType == eventStream {
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Accel-Buffering", "no") // or nginx collects the stream
	}
}

// stallSlack is how much earlier than stallTime a client may be given up: to set
// a deadline for each piece of a stream would cost a twentieth of the piece.
const stallSlack = time.Second

// write sends bytes at once. A client that does not take them for stallTime has left.
func (a *answer) write(frame []byte) error {
	if now := time.Now(); now.Sub(a.allowed) >= stallSlack {
		err := a.control.SetWriteDeadline(now.Add(stallTime))
		if err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		a.allowed = now
	}
	if _, err := a.w.Write(frame); err != nil {
		return err
	}
	return a.control.Flush()
}

// fail ends a stream that has begun with a typed error. HTTP's status is 200 by then.
func (a *answer) fail(err error) {
	if !a.r.call.Stream || sallyport.CodeOf(err) == sallyport.ClientClosed || !a.r.begun && !a.failsAsStream(err) {
		return
	}
	if !a.r.begun {
		a.begin(eventStream)
		a.w.WriteHeader(http.StatusOK)
	}
	_ = a.write(a.enc.Failure(a.failure(err))) // fails only when the client has left
}

// failsAsStream says whether err is told in a stream that begins with it. OpenAI tells so in
// streams of Responses that the prompt is too long, and Codex CLI heeds it nowhere else.
func (a *answer) failsAsStream(err error) bool {
	var refused *llm.UpstreamError
	if a.r.surface.dialect != llm.Responses || a.turn.background() || !isTooLong(err) {
		return false
	}
	return !errors.As(err, &refused) || !a.r.surface.passes(refused)
}

// failure is what the end of a stream tells of err. In the background that is what the
// stored response tells, which knows already what was used.
func (a *answer) failure(err error) sallyport.Error {
	if a.turn.background() {
		return toldOf(err)
	}
	a.turn.used(a.r)
	e, _ := outside(err)
	switch e.Code {
	case sallyport.DLPBlocked, sallyport.AuditUnavailable, sallyport.ServerStopping, sallyport.Unauthorized:
	case sallyport.PromptTooLong:
		return toldOf(err) // of a refusal, too, which stands in the place of a stream
	default:
		e.Code = streamError
	}
	return e
}

// streamError is the code of what broke a stream, where it is none of ours.
const streamError sallyport.Code = "stream_error"
