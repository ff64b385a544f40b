package messages

import (
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
	tools map[int]bool // the blocks that are calls of the client's tools
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
		return malformed("an event that is not an object")
	}
	*e = llm.Event{
		Kind: llm.ChunkEvent, Dialect: llm.Messages, Name: name, Body: doc,
		Deltas: e.Deltas[:0], Finishes: e.Finishes[:0],
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
	case "content_block_start":
		return d.start(root, e)
	case "content_block_delta":
		return d.delta(root, e)
	case "message_delta":
		finish(root.Get("delta").Get("stop_reason"), e)
		d.count(root.Get("usage"), e)
	case "message_stop":
		e.Kind = llm.DoneEvent
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
	block := root.Get("content_block")
	if block.Get("type").Text() != "tool_use" {
		text(block, index, e)
		return nil
	}
	if d.tools == nil {
		d.tools = make(map[int]bool)
	}
	d.tools[index] = true
	e.Deltas = append(e.Deltas, llm.Delta{
		Kind: llm.ToolCallDelta, Index: index, ToolID: block.Get("id"), ToolName: block.Get("name"),
	})
	// The arguments follow in pieces and this is {}. Servers that only resemble
	// the original may give them here at once.
	if block.Get("input").Len() == 0 {
		return nil
	}
	return arguments(block.Get("input"), index, e)
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
		if d.tools[index] {
			piece(llm.ToolArgumentsDelta, index, delta.Get("partial_json"), e)
		}
	}
	return nil
}

// DecodeWhole reads a whole message into e. Errors are those of
// Decoder.DecodeEvent. The arguments of a tool call are an object in this
// dialect; their delta's text is its JSON, as everywhere.
func DecodeWhole(doc *llm.Document, e *llm.Event) error {
	root := doc.Root()
	if root.Get("type").Text() == "error" {
		return failure(root.Get("error"))
	}
	content := root.Get("content")
	if content.Kind() != llm.Array || content.Len() > blocksMax {
		return malformed("not a message")
	}
	*e = llm.Event{
		Kind: llm.WholeEvent, Dialect: llm.Messages, Body: doc,
		ID: root.Get("id").Text(), Model: root.Get("model").Text(),
	}
	var err error
	content.Items(func(index int, block llm.Value) bool {
		if block.Get("type").Text() != "tool_use" {
			text(block, index, e)
			return true
		}
		e.Deltas = append(e.Deltas, llm.Delta{
			Kind: llm.ToolCallDelta, Index: index, ToolID: block.Get("id"), ToolName: block.Get("name"),
		})
		err = arguments(block.Get("input"), index, e)
		return err == nil
	})
	finish(root.Get("stop_reason"), e)
	new(Decoder).count(root.Get("usage"), e)
	return err
}

// text adds the texts of a block of the kinds that have some.
func text(block llm.Value, index int, e *llm.Event) {
	switch block.Get("type").Text() {
	case "text":
		piece(llm.TextDelta, index, block.Get("text"), e)
	case "thinking":
		piece(llm.ThinkingDelta, index, block.Get("thinking"), e)
		piece(llm.SignatureDelta, index, block.Get("signature"), e)
	}
}

func piece(kind llm.DeltaKind, index int, text llm.Value, e *llm.Event) {
	if text.Text() != "" {
		e.Deltas = append(e.Deltas, llm.Delta{Kind: kind, Index: index, Text: text})
	}
}

// arguments adds the JSON of an object as one text. It is a document of its own,
// so that whoever changes the text need not know that it was no string here.
func arguments(input llm.Value, index int, e *llm.Event) error {
	raw := input.JSON()
	if input.IsNull() {
		raw = []byte("{}")
	}
	doc, err := llm.Parse(llm.Quote(string(raw)))
	if err != nil {
		return malformed("arguments of a tool call that cannot be read")
	}
	e.Deltas = append(e.Deltas, llm.Delta{Kind: llm.ToolArgumentsDelta, Index: index, Text: doc.Root()})
	return nil
}

func blockIndex(root llm.Value) (int, error) {
	n, ok := root.Get("index").Int()
	if !ok || n < 0 || n >= blocksMax {
		return 0, malformed("a content block without a proper index")
	}
	return int(n), nil
}

func finish(reason llm.Value, e *llm.Event) {
	if reason.IsNull() {
		return
	}
	e.Finishes = append(e.Finishes, llm.Finish{Reason: stopReason(reason.Text())})
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
