package messages

import (
	"strings"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// blocksMax bounds the content blocks of one answer. No model writes a
// hundredth of it; a broken one must not make us remember more.
const blocksMax = 10_000

// Decoder reads the events of one streamed answer. The zero Decoder is ready.
// What the provider says of usage comes in parts: counts of the input with the
// first event, the output so far with the last. The Decoder adds them up.
type Decoder struct {
	usage llm.Usage
	told  llm.Usage // usage as an event has it
	// Whether an event has told these counts; of the output, one that is not the first.
	inputTold, outputTold bool

	calls wire.Calls
}

// DecodeEvent reads one server-sent event of that name, whose data is doc, into
// e. It overwrites all of e but keeps its slices for reuse. Event.Usage points
// into the Decoder: it is valid until the next event.
//
// A message_stop becomes a DoneEvent, all else a ChunkEvent, unknown events too.
// An error event is returned as *sallyport.Error with UpstreamError; it tells
// none of the provider's words, which may quote the request. What is not of this
// dialect is UpstreamInvalid.
func (d *Decoder) DecodeEvent(name string, doc *llm.Document, e *llm.Event) error {
	root := doc.Root()
	if root.Kind() != llm.Object {
		return wire.Unusable("an event that is not an object")
	}
	*e = llm.Event{
		Kind: llm.ChunkEvent, Dialect: llm.Messages, Name: name, Body: doc,
		Deltas: e.Deltas[:0], Finishes: e.Finishes[:0], Closed: e.Closed[:0],
	}
	kind := root.Get("type").Text()
	if kind == "" {
		kind = name
	}
	switch kind {
	case "message_start":
		message := root.Get("message")
		e.ID, e.Model = message.Get("id").Text(), message.Get("model").Text()
		d.count(message.Get("usage"), e)
		d.outputTold = false
	case "content_block_start":
		return d.start(root, e)
	case "content_block_delta":
		return d.delta(root, e)
	case "content_block_stop":
		return d.stop(root, e)
	case "message_delta":
		finish(root.Get("delta"), e)
		d.count(root.Get("usage"), e)
		return d.calls.Finish(e)
	case "message_stop":
		e.Kind = llm.DoneEvent
		return d.calls.GoOn(e) // where no reason was told, nothing says that it was cut off
	case "error":
		return failure(root.Get("error"))
	}
	return nil
}

// start reads the begin of a block. Blocks of tools that the provider runs
// itself are not calls of the client's tools and mean nothing outside this dialect.
func (d *Decoder) start(root llm.Value, e *llm.Event) error {
	index, err := blockIndex(root)
	if err != nil {
		return err
	}
	if err := d.calls.GoOn(e); err != nil {
		return err
	}
	block := root.Get("content_block")
	if block.Get("type").Text() != "tool_use" {
		text(block, index, e)
		return nil
	}
	came := block.Get("input").Len() > 0
	d.calls.Begin(index, came)
	e.Deltas = append(e.Deltas, llm.Delta{
		Kind: llm.ToolCallDelta, Index: index, ToolID: block.Get("id"), ToolName: block.Get("name"),
	})
	// The arguments follow in pieces and this is {}. Servers that only resemble
	// the original may give them here at once.
	if came {
		arguments(block.Get("input"), index, e)
	}
	return nil
}

func (d *Decoder) delta(root llm.Value, e *llm.Event) error {
	index, err := blockIndex(root)
	if err != nil {
		return err
	}
	delta := root.Get("delta")
	switch delta.Get("type").Text() {
	case "text_delta":
		piece(llm.TextDelta, index, delta.Get("text"), e)
	case "thinking_delta":
		piece(llm.ThinkingDelta, index, delta.Get("thinking"), e)
	case "signature_delta":
		piece(llm.SignatureDelta, index, delta.Get("signature"), e)
	case "input_json_delta":
		text := delta.Get("partial_json")
		if d.calls.Piece(index, text.Text()) {
			piece(llm.ToolArgumentsDelta, index, text, e)
		} else if text.Text() != "" { // of a tool that the provider runs
			e.Deltas = append(e.Deltas, llm.Delta{Kind: llm.AsideDelta, Index: index, Text: text, Unrestored: true})
		}
	}
	return nil
}

// stop ends a block.
func (d *Decoder) stop(root llm.Value, e *llm.Event) error {
	index, err := blockIndex(root)
	if err != nil {
		return err
	}
	d.calls.End(index, e)
	return nil
}

// DecodeWhole reads a whole message into e. Errors are those of
// Decoder.DecodeEvent. The arguments of a tool call are an object in this
// dialect; their delta's text is its JSON, as everywhere, and a change of it is one
// of the object.
func DecodeWhole(doc *llm.Document, e *llm.Event) error {
	root := doc.Root()
	if root.Get("type").Text() == "error" {
		return failure(root.Get("error"))
	}
	content := root.Get("content")
	if content.Kind() != llm.Array || content.Len() > blocksMax {
		return wire.Unusable("not a message")
	}
	*e = llm.Event{
		Kind: llm.WholeEvent, Dialect: llm.Messages, Body: doc,
		ID: root.Get("id").Text(), Model: root.Get("model").Text(),
	}
	content.Items(func(index int, block llm.Value) bool {
		if block.Get("type").Text() != "tool_use" {
			text(block, index, e)
			return true
		}
		e.Deltas = append(e.Deltas, llm.Delta{
			Kind: llm.ToolCallDelta, Index: index, ToolID: block.Get("id"), ToolName: block.Get("name"),
		})
		arguments(block.Get("input"), index, e)
		return true
	})
	finish(root, e)
	new(Decoder).count(root.Get("usage"), e)
	return nil
}

// DecodeTokens reads the answer to a request to count tokens into e: its Usage has
// the count as Input.
func DecodeTokens(doc *llm.Document, e *llm.Event) error {
	if doc.Root().Get("type").Text() == "error" {
		return failure(doc.Root().Get("error"))
	}
	n, ok := doc.Root().Get("input_tokens").Int()
	if !ok || n < 0 {
		return wire.Unusable("no number of tokens")
	}
	*e = llm.Event{Kind: llm.WholeEvent, Dialect: llm.Messages, Body: doc, Usage: &llm.Usage{Input: n}}
	return nil
}

// text adds the texts of a block of the kinds that have some.
func text(block llm.Value, index int, e *llm.Event) {
	switch block.Get("type").Text() {
	case "text":
		piece(llm.TextDelta, index, block.Get("text"), e)
	case "thinking":
		piece(llm.ThinkingDelta, index, block.Get("thinking"), e)
		piece(llm.SignatureDelta, index, block.Get("signature"), e)
	case "redacted_thinking":
		if data := block.Get("data"); data.Text() != "" {
			e.Deltas = append(e.Deltas, llm.Delta{Kind: llm.SignatureDelta, Index: index, Text: data, Redacted: true})
		}
	}
}

func piece(kind llm.DeltaKind, index int, text llm.Value, e *llm.Event) {
	if text.Text() != "" {
		e.Deltas = append(e.Deltas, llm.Delta{Kind: kind, Index: index, Text: text, Unrestored: kind == llm.ThinkingDelta})
	}
}

// arguments adds the JSON of an object as one text.
func arguments(input llm.Value, index int, e *llm.Event) {
	text := input.AsText()
	if input.IsNull() {
		text = literal(`"{}"`)
	}
	e.Deltas = append(e.Deltas, llm.Delta{Kind: llm.ToolArgumentsDelta, Index: index, Text: text})
}

func blockIndex(root llm.Value) (int, error) {
	n, ok := root.Get("index").Int()
	if !ok || n < 0 || n >= blocksMax {
		return 0, wire.Unusable("a content block without a proper index")
	}
	return int(n), nil
}

// finish reads how an answer ends from the object that tells it.
func finish(end llm.Value, e *llm.Event) {
	if reason := end.Get("stop_reason"); !reason.IsNull() {
		e.Finishes = append(e.Finishes, llm.Finish{
			Reason: stopReason(reason.Text()), Stop: strings.Clone(end.Get("stop_sequence").Text()),
		})
	}
}

// stopReason takes reasons that are not known yet for an ordinary end: all of
// them are ends that the provider calls a success.
func stopReason(reason string) llm.StopReason {
	switch reason {
	case "max_tokens", "model_context_window_exceeded":
		return llm.StopLength
	case "tool_use":
		return llm.StopTools
	case "refusal":
		return llm.StopFilter
	}
	return llm.StopEnd // end_turn, stop_sequence, pause_turn
}
