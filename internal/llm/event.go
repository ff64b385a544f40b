package llm

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// EventKind says what an event is for whoever passes it on.
type EventKind uint8

// The kinds of events. A plain answer is one WholeEvent. A streamed answer is
// ChunkEvents, then one DoneEvent. What a provider sends besides (pings,
// comments) is a ChunkEvent without deltas.
const (
	WholeEvent EventKind = iota + 1
	ChunkEvent
	DoneEvent // the provider's success end: the last thing a client may see
)

// Event is one piece of an answer: meaning laid over the JSON it came in.
// A ChunkEvent and all it points to are valid until the Sink returns; who keeps
// one clones it. A WholeEvent and a DoneEvent belong to the Sink.
type Event struct {
	Kind    EventKind
	Dialect Dialect
	Name    string    // of the SSE event; "" where the dialect has none
	Body    *Document // nil for a DoneEvent that is no JSON

	ID       string // the answer's id, in the first event of a stream and in a WholeEvent
	Model    string // the provider's name for the model, there too
	Created  int64  // Unix seconds, there too; 0: the dialect does not say
	Deltas   []Delta
	Finishes []Finish
	// Closed are the indexes of texts and calls that end with this event, in
	// dialects that say so; nothing of them may come after it.
	Closed []int
	// Thought says, in the dialect that does not tell where texts end, that the event goes on
	// from thinking to something else, and that data protection holds nothing of it back.
	Thought bool
	// Repeats are whole texts that this event tells again after their pieces, in
	// dialects that do. Kind and Index are those of the pieces. They are screened
	// as the pieces were, and count for nothing else.
	Repeats []Delta
	// Again says that the event's other strings stood in earlier events too.
	Again    bool
	Logprobs []Value // log-probabilities: their tokens repeat the text of this event
	// Cuts are lists of texts that tell again, cut up, what a text of this event says:
	// the segments of a transcript. Each list is judged as the one text that it is.
	Cuts  [][]Value
	Usage *Usage // all that is known so far; nil: this event says nothing of it
	// UsageOnly says that the event carries nothing but usage, which a client
	// that did not ask for it must not see.
	UsageOnly bool
}

// Clone returns a copy that lives on its own.
func (e *Event) Clone() *Event {
	c := *e
	if e.Body == nil {
		return &c
	}
	c.Body = e.Body.Clone()
	own := func(v Value) Value {
		switch {
		case v.doc == e.Body:
			v.doc = c.Body
		case v.doc != nil && v.doc.live != nil && v.doc.live.doc == e.Body:
			return Value{c.Body, v.doc.live.at}.AsText()
		}
		return v
	}
	deltas := func(all []Delta) []Delta {
		all = slices.Clone(all)
		for i := range all {
			d := &all[i]
			d.Text, d.ToolID, d.ToolName = own(d.Text), own(d.ToolID), own(d.ToolName)
		}
		return all
	}
	c.Deltas, c.Repeats = deltas(e.Deltas), deltas(e.Repeats)
	c.Finishes = slices.Clone(e.Finishes)
	c.Closed = slices.Clone(e.Closed)
	c.Logprobs = slices.Clone(e.Logprobs)
	for i := range c.Logprobs {
		c.Logprobs[i] = own(c.Logprobs[i])
	}
	c.Cuts = slices.Clone(e.Cuts)
	for i, texts := range c.Cuts {
		c.Cuts[i] = slices.Clone(texts)
		for j := range texts {
			c.Cuts[i][j] = own(texts[j])
		}
	}
	if e.Usage != nil {
		usage := *e.Usage
		c.Usage = &usage
	}
	return &c
}

// DeltaKind says of what a delta is a piece.
type DeltaKind uint8

// The kinds of deltas.
const (
	TextDelta      DeltaKind = iota + 1
	ThinkingDelta            // reasoning text
	SignatureDelta           // opaque, never edited
	RefusalDelta
	ToolCallDelta      // a tool call begins: ToolID, ToolName
	ToolArgumentsDelta // Text is a piece of the JSON of its arguments
	AsideDelta         // text that only its own dialect has a word for; Index tells one from another
)

// Delta is a piece of output. In a WholeEvent each delta is a whole text.
// Pieces with the same Choice, Kind and Index follow each other in one text.
type Delta struct {
	Choice   int
	Kind     DeltaKind
	Index    int // of the tool call or content block
	Text     Value
	ToolID   Value
	ToolName Value
	// Unrestored says that placeholders stay in the text: a signature of the provider
	// covers it, which the client must be able to send back, or it is no text of the
	// client's.
	Unrestored bool
	// Redacted says of a SignatureDelta that it is thinking itself, which its provider
	// lets nobody read.
	Redacted bool
}

// StopReason says why an answer ended.
type StopReason string

// The reasons, in the words of the chat dialect.
const (
	StopEnd    StopReason = "stop"
	StopLength StopReason = "length"
	StopTools  StopReason = "tool_calls"
	StopFilter StopReason = "content_filter"
)

// Finish ends one choice.
type Finish struct {
	Choice int
	Reason StopReason
	// Stop is the stop sequence that ended the choice, where the provider tells it.
	Stop string
}

// Sink takes the events of an answer in their order. An error ends the answer:
// the provider stops reading and returns it.
type Sink func(*Event) error

// UpstreamError is a provider's own answer that it failed. It is passed on to
// the client as it is, after DLP.
type UpstreamError struct {
	Dialect     Dialect // of Body
	Status      int
	ContentType string
	Body        []byte
	RetryAfter  string // the provider's header, "" without one
	RequestID   string // the provider's name for the call
	// RetryAfterMS and ShouldRetry are headers that the clients of OpenAI and of Anthropic
	// obey before Retry-After: a number of milliseconds, and true or false. "" without one.
	RetryAfterMS string
	ShouldRetry  string
}

// Wait is how long the provider asks to be left alone, at most most; ok is false
// when it does not say, or says no number of seconds.
func (e *UpstreamError) Wait(most time.Duration) (wait time.Duration, ok bool) {
	if ms, err := strconv.ParseUint(e.RetryAfterMS, 10, 32); err == nil && ms > 0 {
		return min(time.Duration(ms)*time.Millisecond, most), true
	}
	seconds, err := strconv.ParseFloat(e.RetryAfter, 64)
	if err != nil || !(seconds > 0) {
		return 0, false
	}
	return time.Duration(min(seconds, most.Seconds()) * float64(time.Second)), true
}

// Error tells the status, not the body: bodies may quote the request.
func (e *UpstreamError) Error() string {
	return fmt.Sprintf("the provider answered with status %d", e.Status)
}

// ToldFailure is the cause of an UpstreamError that a provider told inside of a success.
type ToldFailure struct {
	Status int    // of HTTP, that its code stands for; 0: it has none that is known
	Usage  *Usage // that came with it; nil: none did
	// TooLong says that the prompt is longer than the model takes.
	TooLong bool
	Cause   error // what the dialect knows of it besides; nil: nothing
}

// Error tells no words of the provider: they may quote the request.
func (e *ToldFailure) Error() string {
	return fmt.Sprintf("the provider told a failure inside of a success, such as status %d", e.Status)
}

// Unwrap is Cause.
func (e *ToldFailure) Unwrap() error { return e.Cause }

// FailureStatus is the HTTP status by which a provider failed, or that a failure inside
// of a success stands for; 0: err is neither, or nothing tells it.
func FailureStatus(err error) int {
	var refused *UpstreamError
	if errors.As(err, &refused) {
		return refused.Status
	}
	var told *ToldFailure
	if errors.As(err, &told) {
		return told.Status
	}
	return 0
}

// Receipt is what a provider's answer says about itself.
type Receipt struct {
	Status    int    // HTTP status; 0: no answer came
	RequestID string // the provider's name for the call, "" if it gave none
}
