package chat

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Encoder writes one answer for a client of this dialect. What came in this
// dialect goes out as it came, with the texts that a stage changed. What came in
// another is built from its meaning. An Encoder is not safe for concurrent use.
type Encoder struct {
	req    *llm.Request
	frames []byte

	// Of an answer that is built.
	id      string
	created time.Time
	begun   map[int]bool // choices whose first chunk, with the role, has gone
	tools   []toolPlace
	usage   *llm.Usage
	// Whose answer it is, what was thought since the last signature, as far as thoughtMax, where
	// that stands in all reasoning, and the proof of the call that begins next.
	signer    wire.Signer
	thought   strings.Builder
	cut       wire.Cut
	callProof string
}

// thoughtMax bounds, in bytes, what is remembered of thinking until it is signed.
// Beyond it the proof covers something else, and nobody gets it.
const thoughtMax = 4 << 20

// NewEncoder returns an Encoder for the answer to req. An answer that is built
// bears the name of the model that req asked for, and created where its own
// dialect has no time.
func NewEncoder(req *llm.Request, created time.Time) *Encoder {
	return &Encoder{req: req, created: created}
}

// Event returns the frames of a server-sent event stream for e, valid until the
// next call; none when the client is to see nothing of it.
func (n *Encoder) Event(e *llm.Event) ([]byte, error) {
	n.frames = n.frames[:0]
	switch {
	case e.Dialect != llm.Chat:
		n.build(e)
	case e.Kind == llm.DoneEvent:
		n.done()
	case e.UsageOnly && !n.req.UsageAsked:
	case e.Body != nil:
		n.frames = wire.AppendEvent(n.frames, "", e.Body.Encode())
	}
	return n.frames, nil
}

// Whole returns the body of a plain answer.
func (n *Encoder) Whole(e *llm.Event) ([]byte, error) {
	if e.Dialect == llm.Chat && e.Body != nil {
		return e.Body.Encode(), nil
	}
	return n.buildWhole(e), nil
}

// Failure returns the frames that end a stream which has begun.
func (n *Encoder) Failure(e sallyport.Error) []byte {
	n.frames = wire.AppendFailure(n.frames[:0], e)
	return n.frames
}

func (n *Encoder) done() { n.frames = append(n.frames, wire.Done...) }

// identify gives a built answer its id and time, once.
func (n *Encoder) identify(e *llm.Event) {
	if n.id != "" {
		return
	}
	n.id = "chatcmpl-" + e.ID
	if e.ID == "" {
		n.id = "chatcmpl-" + uuid.NewString()
	}
	if e.Created > 0 {
		n.created = time.Unix(e.Created, 0)
	}
}
