package messages

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// The objects of an answer that is built. Their fields stand in the order in
// which Anthropic writes them.
type message struct {
	ID           string      `json:"id"`
	Type         string      `json:"type"`
	Role         string      `json:"role"`
	Model        string      `json:"model"`
	Content      []any       `json:"content"`
	StopReason   *string     `json:"stop_reason"`
	StopSequence *string     `json:"stop_sequence"`
	Usage        usageObject `json:"usage"`
}

type usageObject struct {
	Input      int64 `json:"input_tokens"`
	CacheWrite int64 `json:"cache_creation_input_tokens"`
	CacheRead  int64 `json:"cache_read_input_tokens"`
	Output     int64 `json:"output_tokens"`
	Details    *struct {
		Thinking int64 `json:"thinking_tokens"`
	} `json:"output_tokens_details,omitempty"`
}

type textBlock struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type thinkingBlock struct {
	Type      string `json:"type"`
	Thinking  string `json:"thinking"`
	Signature string `json:"signature"`
}

type redactedBlock struct {
	Type string `json:"type"`
	Data string `json:"data"`
}

type toolBlock struct {
	Type  string          `json:"type"`
	ID    string          `json:"id"`
	Name  string          `json:"name"`
	Input json.RawMessage `json:"input"`
}

type startEvent struct {
	Type    string  `json:"type"`
	Message message `json:"message"`
}

type blockEvent struct {
	Type  string `json:"type"`
	Index int    `json:"index"`
	Block any    `json:"content_block,omitempty"`
	Delta any    `json:"delta,omitempty"`
}

type endEvent struct {
	Type  string      `json:"type"`
	Delta end         `json:"delta"`
	Usage usageObject `json:"usage"`
}

type end struct {
	StopReason   *string `json:"stop_reason"`
	StopSequence *string `json:"stop_sequence"`
}

// An outBlock is a block of a built answer. Blocks of this dialect follow each
// other; other dialects mix the pieces of several calls of tools. So the first
// block streams, and what comes of later ones meanwhile waits in them.
type outBlock struct {
	kind       llm.DeltaKind // TextDelta, ThinkingDelta, ToolCallDelta, or SignatureDelta for what is signed and not told
	from       int           // the index that it has where it came from
	index      int
	id         string // of a call
	name       string
	wait       strings.Builder // text that came while another block was the first
	proof      string          // of thinking: what it is signed with
	unreadable bool            // of thinking: proof is the thinking itself, encrypted
	said       strings.Builder // of thinking: what that covers
	ended      bool
}

// Bounds of a built answer: what waits for the blocks before it is remembered, in
// bytes, and so are the blocks. No model comes near; a broken or hostile service
// must not make us remember more.
const (
	waitMax      = 64 << 20
	openBlockMax = 4_000
)

// build adds the events that say what e means. Its error is UpstreamInvalid for an
// answer over the bounds.
func (n *Encoder) build(e *llm.Event) error {
	if n.id == "" {
		n.id = messageID(e.ID)
		n.send("message_start", startEvent{"message_start", n.message([]any{})})
	}
	n.signer.Note(e)
	if e.Usage != nil {
		n.usage = *e.Usage
	}
	for _, d := range e.Deltas {
		if n.take(d); n.waits > waitMax || len(n.blocks) > openBlockMax {
			return wire.Unusable("it is too long")
		}
	}
	for _, f := range e.Finishes {
		n.end = f
	}
	for _, b := range n.blocks {
		b.ended = b.ended || len(e.Finishes) > 0 || slices.Contains(e.Closed, b.from)
	}
	if e.Kind == llm.DoneEvent {
		for _, b := range n.blocks {
			b.ended = true
		}
	}
	n.advance()
	if e.Kind == llm.DoneEvent {
		reason, sequence := n.stop()
		n.send("message_delta", endEvent{"message_delta", end{reason, sequence}, newUsage(n.usage)})
		n.send("message_stop", struct {
			Type string `json:"type"`
		}{"message_stop"})
	}
	return nil
}

// message is the answer without its end, as a stream begins with it.
func (n *Encoder) message(content []any) message {
	return message{ID: n.id, Type: "message", Role: "assistant", Model: n.req.Model, Content: content}
}

// blockKind is the kind of the block that a delta is a piece of; 0: none.
func blockKind(kind llm.DeltaKind) llm.DeltaKind {
	switch kind {
	case llm.TextDelta, llm.RefusalDelta:
		return llm.TextDelta
	case llm.ThinkingDelta, llm.SignatureDelta:
		return llm.ThinkingDelta
	case llm.ToolCallDelta, llm.ToolArgumentsDelta:
		return llm.ToolCallDelta
	}
	return 0
}

// take adds a piece to its block. A text goes on in the last block alone: after
// something else, a new one begins.
func (n *Encoder) take(d llm.Delta) {
	kind, text := blockKind(d.Kind), d.Text.Text()
	call := d.Kind == llm.ToolCallDelta && (d.ToolID.Text() != "" || d.ToolName.Text() != "")
	if kind == 0 || d.Choice != 0 || text == "" && !call {
		return
	}
	b := n.find(kind, d.Index)
	if d.Kind == llm.SignatureDelta {
		if b = b.sign(d); b != nil {
			b.index = n.count
			n.open(b)
			b.ended = true
		}
		return
	}
	if b == nil {
		b = &outBlock{kind: kind, from: d.Index, index: n.count}
		if kind == llm.ToolCallDelta {
			n.called = true
			b.id, b.name = toolID(d.ToolID.Text()), strings.Clone(d.ToolName.Text())
		}
		n.open(b)
	}
	if text == "" {
		return
	}
	if kind == llm.ThinkingDelta {
		b.said.WriteString(text)
	}
	if n.blocks[0] == b {
		n.delta(b.index, d)
		return
	}
	b.wait.WriteString(text)
	n.waits += len(text)
}

// sign notes what proves the thinking of a block. Some providers sign what they do
// not tell: that is a block of its own, which nobody can read and which is returned.
func (b *outBlock) sign(d llm.Delta) (unread *outBlock) {
	if b == nil || d.Redacted {
		return &outBlock{kind: llm.SignatureDelta, from: d.Index, proof: strings.Clone(d.Text.Text()), unreadable: d.Redacted}
	}
	b.proof += d.Text.Text()
	return nil
}

// sealed is the proof of a block as clients see it; "": it has none.
func (n *Encoder) sealed(b *outBlock) string {
	switch {
	case b.proof == "":
		return ""
	case b.unreadable:
		return n.signer.Redacted(b.proof)
	}
	return n.signer.Proof(b.said.String(), b.proof)
}

// find returns the block that such a piece goes on.
func (n *Encoder) find(kind llm.DeltaKind, from int) *outBlock {
	if kind != llm.ToolCallDelta {
		if last := len(n.blocks) - 1; last >= 0 && n.blocks[last].kind == kind && n.blocks[last].from == from {
			return n.blocks[last]
		}
		return nil
	}
	for _, b := range n.blocks {
		if b.kind == kind && b.from == from {
			return b
		}
	}
	return nil
}

// open adds a block. A text before it has ended by that.
func (n *Encoder) open(b *outBlock) {
	if last := len(n.blocks) - 1; last >= 0 && n.blocks[last].kind != llm.ToolCallDelta {
		n.blocks[last].ended = true
	}
	n.advance()
	n.count++
	n.blocks = append(n.blocks, b)
	if len(n.blocks) == 1 {
		n.begin(b)
	}
}

// advance ends the blocks that have ended, and begins those that now are first.
func (n *Encoder) advance() {
	for len(n.blocks) > 0 && n.blocks[0].ended {
		if b := n.blocks[0]; b.kind == llm.ThinkingDelta && b.proof != "" {
			n.send("content_block_delta", blockEvent{Type: "content_block_delta", Index: b.index, Delta: struct {
				Type      string `json:"type"`
				Signature string `json:"signature"`
			}{"signature_delta", n.sealed(b)}})
		}
		n.send("content_block_stop", blockEvent{Type: "content_block_stop", Index: n.blocks[0].index})
		n.blocks = n.blocks[1:]
		if len(n.blocks) > 0 {
			n.begin(n.blocks[0])
		}
	}
}

// begin sends the begin of a block and what has waited in it.
func (n *Encoder) begin(b *outBlock) {
	var block any
	switch b.kind {
	case llm.TextDelta:
		block = textBlock{Type: "text"}
	case llm.ThinkingDelta:
		block = thinkingBlock{Type: "thinking"}
	case llm.SignatureDelta:
		block = redactedBlock{"redacted_thinking", n.sealed(b)}
	case llm.ToolCallDelta:
		block = toolBlock{"tool_use", b.id, b.name, json.RawMessage("{}")}
	}
	n.send("content_block_start", blockEvent{Type: "content_block_start", Index: b.index, Block: block})
	if b.wait.Len() > 0 {
		n.waits -= b.wait.Len()
		n.piece(b.index, b.kind, b.wait.String())
		b.wait.Reset()
	}
}

// delta sends a piece of a block.
func (n *Encoder) delta(index int, d llm.Delta) {
	n.piece(index, blockKind(d.Kind), d.Text.Text())
}

func (n *Encoder) piece(index int, kind llm.DeltaKind, text string) {
	if text == "" {
		return
	}
	var delta any
	switch kind {
	case llm.TextDelta:
		delta = textBlock{"text_delta", text}
	case llm.ThinkingDelta:
		delta = struct {
			Type     string `json:"type"`
			Thinking string `json:"thinking"`
		}{"thinking_delta", text}
	case llm.ToolCallDelta:
		delta = struct {
			Type string `json:"type"`
			JSON string `json:"partial_json"`
		}{"input_json_delta", text}
	}
	n.send("content_block_delta", blockEvent{Type: "content_block_delta", Index: index, Delta: delta})
}

// stop tells how the answer has ended. Some providers end calls of tools as they
// end a text; clients of this dialect go by this word.
func (n *Encoder) stop() (reason, sequence *string) {
	word := "end_turn"
	if n.called {
		word = "tool_use"
	}
	switch n.end.Reason {
	case llm.StopLength:
		word = "max_tokens"
	case llm.StopTools:
		word = "tool_use"
	case llm.StopFilter:
		word = "refusal"
	}
	if n.end.Stop != "" {
		word, sequence = "stop_sequence", &n.end.Stop
	}
	return &word, sequence
}

// buildWhole returns a plain answer that says what e means.
func (n *Encoder) buildWhole(e *llm.Event) ([]byte, error) {
	n.id = messageID(e.ID)
	n.signer.Note(e)
	for _, d := range e.Deltas {
		kind, text := blockKind(d.Kind), d.Text.Text()
		if kind == 0 || d.Choice != 0 || text == "" && kind != llm.ToolCallDelta {
			continue
		}
		b := n.find(kind, d.Index)
		if d.Kind == llm.SignatureDelta {
			if unread := b.sign(d); unread != nil {
				n.blocks = append(n.blocks, unread)
			}
			continue
		}
		if b == nil {
			b = &outBlock{kind: kind, from: d.Index, id: d.ToolID.Text(), name: d.ToolName.Text()}
			n.called = n.called || kind == llm.ToolCallDelta
			if n.blocks = append(n.blocks, b); len(n.blocks) > openBlockMax {
				return nil, wire.Unusable("it is too long")
			}
		}
		b.wait.WriteString(text)
		if kind == llm.ThinkingDelta {
			b.said.WriteString(text)
		}
	}
	content := []any{}
	for _, b := range n.blocks {
		content = append(content, b.whole(n.sealed(b)))
	}
	for _, f := range e.Finishes {
		n.end = f
	}
	answer := n.message(content)
	answer.StopReason, answer.StopSequence = n.stop()
	if e.Usage != nil {
		answer.Usage = newUsage(*e.Usage)
	}
	return wire.Marshal(answer), nil
}

// whole is the block with all of its text. A model of another provider may write
// arguments that are no JSON of an object: they become the one member of one.
func (b *outBlock) whole(proof string) any {
	text := b.wait.String()
	switch b.kind {
	case llm.TextDelta:
		return textBlock{"text", text}
	case llm.ThinkingDelta:
		return thinkingBlock{"thinking", text, proof}
	case llm.SignatureDelta:
		return redactedBlock{"redacted_thinking", proof}
	}
	if blank(text) {
		text = "{}"
	}
	input := json.RawMessage(text)
	if doc, err := llm.Parse(input); err != nil || doc.Root().Kind() != llm.Object {
		input = slices.Concat([]byte(`{"arguments":`), llm.Quote(text), []byte("}"))
	}
	return toolBlock{"tool_use", toolID(b.id), b.name, input}
}

func newUsage(u llm.Usage) usageObject {
	made := usageObject{Input: u.Input, CacheWrite: u.CacheWrite, CacheRead: u.CachedInput, Output: u.Output}
	if u.Reasoning > 0 {
		made.Details = &struct {
			Thinking int64 `json:"thinking_tokens"`
		}{u.Reasoning}
	}
	return made
}
