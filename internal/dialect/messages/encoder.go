package messages

import (
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Encoder writes one answer for a client of this dialect. What came in this
// dialect goes out as it came, with the texts that a stage changed and the name of
// the model that the client asked for. What came in another is built from its meaning. An Encoder is not safe for concurrent use.
type Encoder struct {
	req    *llm.Request
	frames []byte
	begun  map[int]bool // blocks of a passed answer whose begin has gone

	// Of an answer that is built.
	id     string
	blocks []*outBlock // those that have begun and not ended, in their order
	count  int         // of blocks that have begun or wait
	waits  int         // bytes of text that wait in blocks
	called bool        // one of them is a call of a tool
	end    llm.Finish
	usage  llm.Usage
	signer wire.Signer
}

// NewEncoder returns an Encoder for the answer to req. An answer that is built
// bears the name of the model that req asked for; this dialect tells no time.
func NewEncoder(req *llm.Request, _ time.Time) *Encoder {
	return &Encoder{req: req}
}

// Event returns the frames of a server-sent event stream for e, valid until the
// next call; none when the client is to see nothing of it. Its error is
// UpstreamInvalid for an answer over every bound.
func (n *Encoder) Event(e *llm.Event) ([]byte, error) {
	n.frames = n.frames[:0]
	switch {
	case e.Dialect != llm.Messages:
		return n.frames, n.build(e)
	case e.Body != nil:
		n.pass(e)
	}
	return n.frames, nil
}

// pass adds an event of this dialect. A block begins once: what was held back of
// the text that a block began with comes as a second begin and leaves as a piece.
func (n *Encoder) pass(e *llm.Event) {
	if e.Name == "content_block_start" {
		index, _ := e.Body.Root().Get("index").Int()
		if n.begun[int(index)] {
			for _, d := range e.Deltas {
				n.delta(d.Index, d)
			}
			return
		}
		if n.begun == nil {
			n.begun = make(map[int]bool)
		}
		n.begun[int(index)] = true
	}
	n.frames = wire.AppendEvent(n.frames, e.Name, n.named(e.Body, e.Body.Root().Get("message").Get("model")))
}

// named is an answer of this dialect with the name that the client has for the
// model: Claude Code sends signed thinking back only to the model that it came from.
func (n *Encoder) named(body *llm.Document, model llm.Value) []byte {
	if model.Kind() != llm.String || model.Text() == n.req.Model {
		return body.Encode()
	}
	return body.Encode(llm.Replace(model, llm.Quote(n.req.Model)))
}

// Whole returns the body of a plain answer.
func (n *Encoder) Whole(e *llm.Event) ([]byte, error) {
	switch {
	case e.Dialect == llm.Messages && e.Body != nil:
		return n.named(e.Body, e.Body.Root().Get("model")), nil
	case n.req.Operation == llm.CountTokens:
		return wire.Marshal(struct {
			Input int64 `json:"input_tokens"`
		}{e.Usage.Input}), nil
	}
	return n.buildWhole(e)
}

// Failure returns the frame that ends a stream which has begun: an event with a
// typed error, and nothing after it.
func (n *Encoder) Failure(e sallyport.Error) []byte {
	n.frames = n.frames[:0]
	kind := failureKind("api_error")
	if e.Code == sallyport.DLPBlocked || e.Code == sallyport.PromptTooLong {
		kind = "invalid_request_error"
	}
	errors.As(e.Cause, &kind)
	n.send("error", struct {
		Type  string    `json:"type"`
		Error ErrorBody `json:"error"`
	}{"error", ErrorBody{Type: string(kind), Message: e.Message}})
	return n.frames
}

// ErrorBody is the inside of an error in this dialect.
type ErrorBody struct {
	Type    string `json:"type"`
	Message string `json:"message"`
	Details any    `json:"details,omitempty"` // see Details
}

// send adds an event that is built.
func (n *Encoder) send(name string, v any) {
	n.frames = wire.AppendEvent(n.frames, name, wire.Marshal(v))
}

// messageID is the id of a built answer.
func messageID(id string) string {
	switch {
	case id == "":
		return "msg_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	case strings.HasPrefix(id, "msg_"):
		return strings.Clone(id)
	}
	return "msg_" + strings.TrimPrefix(id, "chatcmpl-")
}

// toolID is the id of a call: as it came, since the tool's answer will name it.
func toolID(id string) string {
	if id == "" {
		return "toolu_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	}
	return strings.Clone(id)
}
