package responses

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Kindo is the name of the behaviour in which an answer that calls tools ends
// incomplete, for the reason tool_use, where OpenAI says completed.
const Kindo = "kindo"

// Encoder writes one answer for a client of this dialect. What came in this
// dialect goes out as it came, with the texts that a stage changed; only where a
// stage sent an event more are the sequence numbers counted anew. What came in
// another dialect is built from its meaning. An Encoder is not safe for
// concurrent use.
type Encoder struct {
	req     *llm.Request
	created time.Time
	kindo   bool
	stored  Stored
	used    *llm.Usage // by an answer that fails; nil: it is not known
	ended   []byte     // the response as the client saw it at its end
	frames  []byte
	opened  bool  // the client has seen the stream begin
	early   bool  // by Open, before the provider was asked
	last    int64 // the sequence number that was written last, -1 at first
	shift   int64 // what is added to those of the provider
	id      string
	model   string // the provider's name for it; "": that of the request
	answer  built
	tools   map[string]clientTool // by the names of the functions that they are for the provider
}

// NewEncoder returns an Encoder for the answer to req. An answer that is built
// bears the name of the model that req asked for, and created.
func NewEncoder(req *llm.Request, created time.Time) *Encoder {
	return &Encoder{req: req, created: created, last: -1, tools: clientTools(req.Body.Root())}
}

// Stored is what the client is told of a response's place among those that are stored.
type Stored struct {
	ID       string // under which it will be stored; "": it will not
	Previous string // that it follows; "": none
	// Conversation is what it is added to; "": none.
	Conversation string
	// Background says that the answer is made whether or not anybody waits for it.
	Background bool
}

// conversation is the member of a response that tells its conversation.
func (s Stored) conversation() []byte {
	if s.Conversation == "" {
		return nil
	}
	return slices.Concat([]byte(`{"id":`), llm.Quote(s.Conversation), []byte{'}'})
}

// Store sets what is told of the response's place, before the first event.
func (n *Encoder) Store(s Stored) { n.stored, n.id = s, s.ID }

// Begun returns the JSON of the response before anything is said.
func (n *Encoder) Begun() []byte { return wire.Marshal(n.response("in_progress")) }

// Ended returns the JSON of the response as the client saw it at its end; nil
// before the end was encoded.
func (n *Encoder) Ended() []byte { return n.ended }

// Used sets what an answer has used that Failure ends.
func (n *Encoder) Used(usage llm.Usage) { n.used = &usage }

// Compat chooses another behaviour than OpenAI's by its name; unknown names
// choose none.
func (n *Encoder) Compat(name string) { n.kindo = strings.EqualFold(name, Kindo) }

// Open returns the frames that begin a stream before its provider is asked: in the
// background a client must know the id to come back to, however long the model thinks.
// Those of the provider do not go out any more.
func (n *Encoder) Open() []byte {
	n.frames = n.frames[:0]
	n.open()
	n.early = true
	return n.frames
}

// earlyLast is the number of the last event of Open.
const earlyLast = 1

// begins are the events before anything is said.
var begins = []string{"response.created", "response.queued", "response.in_progress"}

// Event returns the frames of a server-sent event stream for e, valid until the
// next call. Its error is UpstreamInvalid for an answer over every bound.
func (n *Encoder) Event(e *llm.Event) ([]byte, error) {
	n.frames = n.frames[:0]
	if e.Dialect != llm.Responses {
		return n.frames, n.build(e)
	}
	if e.Body == nil {
		return n.frames, nil
	}
	if e.ID != "" {
		n.model = strings.Clone(e.Model)
		if n.stored.ID == "" {
			n.id = e.ID
		}
		if e.Created > 0 {
			n.created = time.Unix(e.Created, 0)
		}
	}
	root := e.Body.Root()
	name := e.Name
	if name == "" {
		name = root.Get("type").Text()
	}
	if n.early && slices.Contains(begins, name) {
		return n.frames, nil
	}
	var patches []llm.Patch
	if number, ok := root.Get("sequence_number").Int(); ok {
		if number+n.shift <= n.last || n.early && n.last == earlyLast {
			n.shift = n.last + 1 - number
		}
		n.last = number + n.shift
		if n.shift != 0 {
			patches = append(patches, llm.Replace(root.Get("sequence_number"), strconv.AppendInt(nil, n.last, 10)))
		}
	}
	if response := root.Get("response"); response.Kind() == llm.Object {
		patches = append(patches, n.own(response, e)...)
	}
	body := e.Body.Encode(patches...)
	n.frames = wire.AppendEvent(n.frames, name, body)
	n.opened = true
	if e.Kind != llm.DoneEvent || n.stored.ID == "" && n.stored.Conversation == "" {
		return n.frames, nil
	}
	doc, err := llm.Parse(body)
	if err != nil {
		return nil, err
	}
	n.ended = withText(doc.Root().Get("response"))
	return n.frames, nil
}

// withText is a response with the text of its messages as output_text, as plain
// answers have it: it is read as one later.
func withText(response llm.Value) []byte {
	if response.Get("output_text").Exists() {
		return response.Raw()
	}
	var text []byte
	response.Get("output").Items(func(_ int, item llm.Value) bool {
		item.Get("content").Items(func(_ int, part llm.Value) bool {
			if part.Get("type").Text() == "output_text" {
				text = append(text, part.Get("text").Text()...)
			}
			return true
		})
		return true
	})
	return extended(response.Raw(), `"output_text":`+string(llm.Quote(string(text))), response.Len() == 0)
}

// Whole returns the body of a plain answer. It has the text of its messages as
// output_text too.
func (n *Encoder) Whole(e *llm.Event) ([]byte, error) {
	own := e.Dialect == llm.Responses && e.Body != nil
	switch {
	case n.req.Operation == llm.CountTokens && own:
		return e.Body.Encode(), nil
	case n.req.Operation == llm.CountTokens:
		return wire.Marshal(struct {
			Object string `json:"object"`
			Input  int64  `json:"input_tokens"`
		}{"response.input_tokens", e.Usage.Input}), nil
	case !own:
		return n.buildWhole(e)
	}
	root := e.Body.Root()
	patches := n.own(root, e)
	if !root.Get("output_text").Exists() {
		var text strings.Builder
		for _, d := range e.Deltas {
			if d.Kind == llm.TextDelta {
				text.WriteString(d.Text.Text())
			}
		}
		patches = append(patches, llm.Reshape(root, nil, []llm.Field{{Name: "output_text", JSON: llm.Quote(text.String())}})...)
	}
	n.ended = e.Body.Encode(patches...)
	return n.ended, nil
}

// own makes the patches for a response of this dialect: what it is called and
// follows here, for the provider does not know, and where it calls tools, Kindo's
// word for that if the client wants it.
func (n *Encoder) own(response llm.Value, e *llm.Event) []llm.Patch {
	var patches []llm.Patch
	var add []llm.Field
	set := func(name string, json []byte) {
		if v := response.Get(name); v.Exists() {
			patches = append(patches, llm.Replace(v, json))
		} else {
			add = append(add, llm.Field{Name: name, JSON: json})
		}
	}
	if n.stored.ID != "" {
		set("id", llm.Quote(n.stored.ID))
		set("store", []byte("true"))
	}
	if n.stored.Background {
		set("background", []byte("true"))
	}
	if n.stored.Previous != "" {
		set("previous_response_id", llm.Quote(n.stored.Previous))
	}
	if n.stored.Conversation != "" {
		set("conversation", n.stored.conversation())
	}
	if n.kindo && len(e.Finishes) > 0 && e.Finishes[0].Reason == llm.StopTools {
		set("status", []byte(`"incomplete"`))
		set("incomplete_details", []byte(`{"reason":"tool_use"}`))
	}
	return append(patches, llm.Reshape(response, nil, add)...)
}

// Failure returns the frames that end a stream which has begun: an event named
// error, in the form of OpenAI and with the object that other surfaces have, and
// the response in failed state.
func (n *Encoder) Failure(e sallyport.Error) []byte {
	n.beforeEnd()
	n.sendError(e)
	failed := n.response("failed")
	failed.Error = newError(e)
	failed.Output = n.answer.doneItems()
	if n.used != nil {
		failed.Usage = newUsage(*n.used)
	}
	n.send("response.failed", responseEvent{Type: "response.failed", Sequence: n.next(), Response: failed})
	return n.frames
}

// beforeEnd begins a stream that has said nothing: in the background one may end so.
func (n *Encoder) beforeEnd() {
	n.frames = n.frames[:0]
	if !n.opened {
		n.open()
	}
}

// Cancelled returns what ends a stream whose response was cancelled. This dialect
// has no event for that: it is told with that of what failed, and the response says it.
func (n *Encoder) Cancelled() []byte {
	n.beforeEnd()
	over := n.response("cancelled")
	over.Output = n.answer.doneItems()
	n.send("response.failed", responseEvent{Type: "response.failed", Sequence: n.next(), Response: over})
	return n.frames
}

// Broken returns the event of that number, which ends a stream whose response goes on.
func Broken(number int64, e sallyport.Error) []byte {
	n := Encoder{last: number - 1}
	n.sendError(e)
	return n.frames
}

// SequenceNumber is the number of one framed event; -1 where it has none.
func SequenceNumber(event []byte) int64 {
	_, data, _ := bytes.Cut(event, []byte("data: "))
	doc, err := llm.Parse(data)
	if err != nil {
		return -1
	}
	if number, ok := doc.Root().Get("sequence_number").Int(); ok {
		return number
	}
	return -1
}

func (n *Encoder) sendError(e sallyport.Error) {
	n.send("error", struct {
		Type     string         `json:"type"`
		Sequence int64          `json:"sequence_number"`
		Code     sallyport.Code `json:"code"`
		Message  string         `json:"message"`
		Param    *string        `json:"param"`
		Error    wire.Failure   `json:"error"`
	}{"error", n.next(), e.Code, e.Message, nil, wire.FailureOf(e)})
}

// next is the sequence number of an event of ours.
func (n *Encoder) next() int64 {
	n.last++
	return n.last
}

func (n *Encoder) send(name string, body any) {
	n.frames = wire.AppendEvent(n.frames, name, wire.Marshal(body))
}

// newID returns a fresh id of that kind: "resp", "msg", "fc" or "rs".
func newID(kind string) string { return kind + "_" + strings.ReplaceAll(uuid.NewString(), "-", "") }
