package converse

import (
	"encoding/base64"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// blocksMax bounds the content blocks of one answer. No model writes a hundredth of
// it; a broken one must not make us remember more.
const blocksMax = 10_000

// redactedMax bounds, in bytes, the thinking of one answer that nobody may read.
const redactedMax = 16 << 20

// ownTool is the type of a call of a tool that the provider runs itself: it is no call
// of the client's tools and means nothing outside this dialect.
const ownTool = "server_tool_use"

// Decoder reads the events of one streamed answer. The zero Decoder is ready.
type Decoder struct {
	usage   llm.Usage
	stopped bool // messageStop was there
	calls   wire.Calls

	// redacted is the thinking of the block under way that nobody may read: its pieces are
	// base64 each for itself.
	redacted []byte
}

// DecodeEvent reads one event of that type, whose payload is doc, into e. It
// overwrites all of e but keeps its slices for reuse. Event.Usage points into the
// Decoder: it is valid until the next event.
//
// An exception is returned as *sallyport.Error with UpstreamError or UpstreamAuth; it
// tells none of the provider's words, which may quote the request. What is not of
// this dialect is UpstreamInvalid. Events of other types are ChunkEvents that mean
// nothing.
func (d *Decoder) DecodeEvent(name string, doc *llm.Document, e *llm.Event) error {
	root := doc.Root()
	if isFailure(name) {
		return failure(name)
	}
	if root.Kind() != llm.Object {
		return wire.Unusable("an event that is not an object")
	}
	*e = llm.Event{
		Kind: llm.ChunkEvent, Dialect: llm.Converse, Name: name, Body: doc,
		Deltas: e.Deltas[:0], Finishes: e.Finishes[:0], Closed: e.Closed[:0],
	}
	switch name {
	case "contentBlockStart":
		return d.start(root, e)
	case "contentBlockDelta":
		return d.delta(root, e)
	case "contentBlockStop":
		return d.stop(root, e)
	case "messageStop":
		d.stopped = true
		if err := finish(root.Get("stopReason").Text(), e); err != nil {
			return err
		}
		return d.calls.Finish(e)
	case "metadata":
		count(root.Get("usage"), &d.usage, e)
		e.UsageOnly = e.Usage != nil
	}
	return nil
}

// Complete says whether the answer may end here. Usage follows the end of the message,
// and after it nothing does.
func (d *Decoder) Complete() bool { return d.stopped }

func (d *Decoder) start(root llm.Value, e *llm.Event) error {
	index, err := blockIndex(root)
	if err != nil {
		return err
	}
	if err := d.calls.GoOn(e); err != nil {
		return err
	}
	call := root.Get("start").Get("toolUse")
	if call.IsNull() || call.Get("type").Text() == ownTool {
		return nil
	}
	d.calls.Begin(index, false)
	return begin(call, index, e)
}

func begin(call llm.Value, index int, e *llm.Event) error {
	if call.Get("toolUseId").Text() == "" || call.Get("name").Text() == "" {
		return wire.Unusable("a call of a tool without id or name")
	}
	e.Deltas = append(e.Deltas, llm.Delta{
		Kind: llm.ToolCallDelta, Index: index, ToolID: call.Get("toolUseId"), ToolName: call.Get("name"),
	})
	return nil
}

func (d *Decoder) delta(root llm.Value, e *llm.Event) error {
	index, err := blockIndex(root)
	if err != nil {
		return err
	}
	if err := d.calls.GoOn(e); err != nil { // blocks of other kinds need not be told to begin
		return err
	}
	delta := root.Get("delta")
	piece(llm.TextDelta, index, delta.Get("text"), e)
	reasoning := delta.Get("reasoningContent")
	piece(llm.ThinkingDelta, index, reasoning.Get("text"), e)
	piece(llm.SignatureDelta, index, reasoning.Get("signature"), e)
	if input := delta.Get("toolUse").Get("input"); d.calls.Piece(index, input.Text()) {
		piece(llm.ToolArgumentsDelta, index, input, e)
	}
	if redacted := reasoning.Get("redactedContent").Text(); redacted != "" {
		d.redacted, err = base64.StdEncoding.AppendDecode(d.redacted, []byte(redacted))
		if err != nil || len(d.redacted) > redactedMax {
			return wire.Unusable("thinking that cannot be read, nor kept")
		}
	}
	return nil
}

// stop ends a block. What nobody may read of it is told as a whole, for so it is sent back.
func (d *Decoder) stop(root llm.Value, e *llm.Event) error {
	index, err := blockIndex(root)
	if err != nil {
		return err
	}
	if len(d.redacted) > 0 {
		doc, err := llm.Parse(llm.Quote(base64.StdEncoding.EncodeToString(d.redacted)))
		if err != nil {
			return wire.Unusable("thinking that cannot be kept")
		}
		redacted(index, doc.Root(), e)
		d.redacted = nil
	}
	d.calls.End(index, e)
	return nil
}

// redacted adds thinking that nobody may read.
func redacted(index int, data llm.Value, e *llm.Event) {
	if data.Text() != "" {
		e.Deltas = append(e.Deltas, llm.Delta{Kind: llm.SignatureDelta, Index: index, Text: data, Redacted: true})
	}
}

// DecodeWhole reads a plain answer into e. Errors are those of Decoder.DecodeEvent.
// The arguments of a tool call are an object here; their delta's text is its JSON, as
// everywhere.
func DecodeWhole(doc *llm.Document, e *llm.Event) error {
	root := doc.Root()
	content := root.Get("output").Get("message").Get("content")
	if content.Kind() != llm.Array || content.Len() > blocksMax {
		if kind := root.Get("__type").Text(); kind != "" {
			return failure(kind)
		}
		return wire.Unusable("not a message")
	}
	*e = llm.Event{Kind: llm.WholeEvent, Dialect: llm.Converse, Body: doc}
	var err error
	content.Items(func(index int, block llm.Value) bool {
		err = whole(block, index, e)
		return err == nil
	})
	if err != nil {
		return err
	}
	count(root.Get("usage"), new(llm.Usage), e)
	return finish(root.Get("stopReason").Text(), e)
}

func whole(block llm.Value, index int, e *llm.Event) error {
	piece(llm.TextDelta, index, block.Get("text"), e)
	reasoning := block.Get("reasoningContent")
	piece(llm.ThinkingDelta, index, reasoning.Get("reasoningText").Get("text"), e)
	piece(llm.SignatureDelta, index, reasoning.Get("reasoningText").Get("signature"), e)
	redacted(index, reasoning.Get("redactedContent"), e)
	call := block.Get("toolUse")
	if call.IsNull() || call.Get("type").Text() == ownTool {
		return nil
	}
	if err := begin(call, index, e); err != nil {
		return err
	}
	input := call.Get("input")
	raw := input.JSON()
	if input.IsNull() {
		raw = []byte("{}")
	}
	// A document of its own, so that who changes the text need not know that it was
	// no string here.
	doc, err := llm.Parse(llm.Quote(string(raw)))
	if err != nil {
		return wire.Unusable("arguments of a tool call that cannot be read")
	}
	e.Deltas = append(e.Deltas, llm.Delta{Kind: llm.ToolArgumentsDelta, Index: index, Text: doc.Root()})
	return nil
}

func piece(kind llm.DeltaKind, index int, text llm.Value, e *llm.Event) {
	if text.Text() != "" {
		// What is signed stays as it is, or it could not be sent back.
		e.Deltas = append(e.Deltas, llm.Delta{Kind: kind, Index: index, Text: text, Unrestored: kind == llm.ThinkingDelta})
	}
}

func blockIndex(root llm.Value) (int, error) {
	n, ok := root.Get("contentBlockIndex").Int()
	if !ok || n < 0 || n >= blocksMax {
		return 0, wire.Unusable("a content block without a proper index")
	}
	return int(n), nil
}

// finish takes reasons that are not known yet for an ordinary end, and for a failure
// those that say that the answer is none.
func finish(reason string, e *llm.Event) error {
	stop := llm.StopEnd // end_turn, stop_sequence
	switch reason {
	case "":
		return wire.Unusable("no reason of its end")
	case "malformed_model_output", "malformed_tool_use":
		return wire.Failed("the model wrote what cannot be read", llm.ToldFailure{})
	case "max_tokens", "model_context_window_exceeded":
		stop = llm.StopLength
	case "tool_use":
		stop = llm.StopTools
	case "content_filtered", "guardrail_intervened", "refusal":
		stop = llm.StopFilter
	}
	e.Finishes = append(e.Finishes, llm.Finish{Reason: stop})
	return nil
}

// count takes over the counts, which are disjoint here as in llm.Usage. What was
// thought is counted within the output and not told apart. Input and output are told by
// every answer of this API, of others at most by the total, which counts caches too.
func count(usage llm.Value, into *llm.Usage, e *llm.Event) {
	if usage.Kind() != llm.Object || usage.Get("inputTokens").IsNull() && usage.Get("outputTokens").IsNull() {
		return
	}
	*into = llm.Usage{
		Input: wire.Tokens(usage.Get("inputTokens")), Output: wire.Tokens(usage.Get("outputTokens")),
		CachedInput: wire.Tokens(usage.Get("cacheReadInputTokens")), CacheWrite: wire.Tokens(usage.Get("cacheWriteInputTokens")),
	}
	total, caches := usage.Get("totalTokens"), max(into.CachedInput, 0)+max(into.CacheWrite, 0)
	switch {
	case usage.Get("inputTokens").IsNull():
		into.Input = wire.TokensLeft(wire.Tokens(total), into.Output) - caches
	case usage.Get("outputTokens").IsNull() && into.Input >= 0:
		into.Output = wire.OutputLeft(total, into.Input+caches)
	case usage.Get("outputTokens").IsNull():
		into.Output = wire.NoTokens
	}
	e.Usage = into
}
