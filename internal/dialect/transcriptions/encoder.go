package transcriptions

import (
	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Encoder writes an answer for a client of this dialect. It is not safe for
// concurrent use.
type Encoder struct {
	format string
	frames []byte
}

// NewEncoder returns an Encoder for the answer to req.
func NewEncoder(req *llm.Request) *Encoder { return &Encoder{format: Format(req)} }

// WholeType is the content type of a plain answer.
func (n *Encoder) WholeType() string {
	if isJSON(n.format) {
		return "application/json"
	}
	return "text/plain; charset=utf-8"
}

// Whole returns the answer as it came, with the changes made since.
func (n *Encoder) Whole(e *llm.Event) ([]byte, error) {
	if e.Dialect != llm.Transcriptions || e.Body == nil {
		return nil, wire.Unusable("it is no transcript")
	}
	if isJSON(n.format) {
		return e.Body.Encode(), nil
	}
	root := e.Body.Root()
	if n.format == formatText {
		return []byte(root.Get("text").Text()), nil
	}
	var body []byte
	root.Get("cues").Items(func(_ int, c llm.Value) bool {
		body = append(append(body, c.Get("frame").Text()...), c.Get("text").Text()...)
		return true
	})
	return body, nil
}

// Event returns the frame of e, valid until the next call.
func (n *Encoder) Event(e *llm.Event) ([]byte, error) {
	if e.Dialect != llm.Transcriptions || e.Body == nil {
		return nil, wire.Unusable("it is no transcript")
	}
	n.frames = wire.AppendEvent(n.frames[:0], e.Name, e.Body.Encode())
	return n.frames, nil
}

// Failure returns the frames that end a stream which has begun, as in chat.
func (n *Encoder) Failure(e sallyport.Error) []byte {
	n.frames = wire.AppendFailure(n.frames[:0], e)
	return n.frames
}
