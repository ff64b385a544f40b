package responses

import (
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// textMax bounds, in bytes, what is remembered of an answer that is built: its
// end repeats all of it.
const textMax = 64 << 20

// built is an answer on its way from another dialect. Items begin in the order in
// which the provider begins them, and grow side by side: what data protection
// holds back of a text may come when the next item has begun.
type built struct {
	ended  bool // all items are done
	items  []*builtItem
	open   map[itemKey]*builtItem
	size   int
	finish llm.StopReason
	usage  *llm.Usage
	signer wire.Signer
}

// itemKey is what the pieces of one text have in common.
type itemKey struct {
	kind  llm.DeltaKind
	block int
}

// builtItem is one item of the output: a message, reasoning or a call.
type builtItem struct {
	kind  llm.DeltaKind // TextDelta, ThinkingDelta or ToolCallDelta
	index int           // of the output
	id    string
	parts []*builtPart // of a call, one: its arguments
	done  bool

	proof  string // of reasoning: what it is signed with
	sealed string // and how clients see that, at its end
	// redacted says that proof is the reasoning itself.
	redacted bool
	callID   string
	tool     clientTool // that is called
	short    bool       // it was cut off
	void     bool       // another was said in its place
}

// builtPart is a text of an item.
type builtPart struct {
	kind llm.DeltaKind
	key  itemKey
	text strings.Builder
	done bool
}

// build adds the events that say what e means.
func (n *Encoder) build(e *llm.Event) error {
	b := &n.answer
	if !n.opened {
		n.open()
	}
	if err := n.take(e); err != nil {
		return err
	}
	if e.Kind != llm.DoneEvent {
		return nil
	}
	n.endItems()
	last := n.end()
	name := "response.completed"
	if last.Status == "incomplete" && b.finish != llm.StopTools {
		name = "response.incomplete"
	}
	n.ended = wire.Marshal(last)
	n.send(name, responseEvent{Type: name, Sequence: n.next(), Response: last})
	return nil
}

// open adds the events that begin a stream.
func (n *Encoder) open() {
	n.opened = true
	for _, name := range []string{"response.created", "response.in_progress"} {
		n.send(name, responseEvent{Type: name, Sequence: n.next(), Response: n.response("in_progress")})
	}
}

// buildWhole returns a plain answer that says what e means.
func (n *Encoder) buildWhole(e *llm.Event) ([]byte, error) {
	if err := n.take(e); err != nil {
		return nil, err
	}
	n.endItems()
	n.frames = n.frames[:0]
	n.ended = wire.Marshal(n.end())
	return n.ended, nil
}

// take adds what e says to the answer, and the events that tell it.
func (n *Encoder) take(e *llm.Event) error {
	b := &n.answer
	b.signer.Note(e)
	if e.Usage != nil {
		usage := *e.Usage // what e points to is valid for this call alone
		b.usage = &usage
	}
	n.closeBlocks(e, false)
	for _, d := range e.Deltas {
		if d.Choice != 0 {
			continue // this dialect knows one answer
		}
		if b.size += len(d.Text.Text()); b.size > textMax || len(b.items) > blocksMax {
			return wire.Unusable("it is too long")
		}
		if key := (itemKey{llm.ThinkingDelta, 0}); e.Thought && d.Kind != llm.ThinkingDelta && b.open[key] != nil {
			n.closeBlock(b.open[key], key)
		}
		n.delta(d)
	}
	n.closeBlocks(e, true)
	for _, f := range e.Finishes {
		if f.Choice == 0 {
			b.finish = f.Reason
		}
	}
	return nil
}

func (n *Encoder) delta(d llm.Delta) {
	text := d.Text.Text()
	switch d.Kind {
	case llm.TextDelta, llm.RefusalDelta, llm.ThinkingDelta:
		if text == "" {
			return // data protection holds it back
		}
	case llm.SignatureDelta:
		n.sign(d)
		return
	case llm.ToolCallDelta:
		// The name is not told again when the rest of the arguments comes.
		if d.ToolID.Text() != "" || d.ToolName.Text() != "" {
			n.call(d)
		}
		return
	case llm.ToolArgumentsDelta:
		if text == "" {
			return
		}
		it := n.call(d)
		n.piece(it, it.parts[0], text)
		return
	default:
		return // asides have no place here
	}
	key := itemKey{d.Kind, d.Index}
	it := n.answer.open[key]
	if it == nil || it.done { // a block that another's end has ended goes on in a new item
		it = n.place(d.Kind)
		n.hold(key, it)
	}
	n.piece(it, n.partOf(it, key), text)
}

// sign notes what proves the reasoning of a block. Some providers sign what they do
// not tell: that is reasoning without a text.
func (n *Encoder) sign(d llm.Delta) {
	if d.Redacted { // is told at once: what is thought next is no part of it
		n.endItem(n.begin(&builtItem{kind: llm.ThinkingDelta, proof: d.Text.Text(), redacted: true}))
		return
	}
	key := itemKey{llm.ThinkingDelta, d.Index}
	it := n.answer.open[key]
	if it == nil || it.done {
		it = n.begin(&builtItem{kind: llm.ThinkingDelta})
		n.hold(key, it)
	}
	it.proof += d.Text.Text()
}

// place finds or begins the item for a new text: another part of the message, or
// of the reasoning, that was begun last, else a new item.
func (n *Encoder) place(kind llm.DeltaKind) *builtItem {
	if kind == llm.RefusalDelta {
		kind = llm.TextDelta
	}
	b := &n.answer
	if last := len(b.items) - 1; last >= 0 && b.items[last].kind == kind && !b.items[last].done {
		return b.items[last]
	}
	return n.begin(&builtItem{kind: kind})
}

func (n *Encoder) hold(key itemKey, it *builtItem) {
	if n.answer.open == nil {
		n.answer.open = make(map[itemKey]*builtItem)
	}
	n.answer.open[key] = it
}

// call returns the item of a call of a tool, a new one at its begin.
func (n *Encoder) call(d llm.Delta) *builtItem {
	key := itemKey{llm.ToolCallDelta, d.Index}
	if it := n.answer.open[key]; it != nil {
		return it
	}
	tool, known := n.tools[d.ToolName.Text()]
	if !known {
		tool.name = strings.Clone(d.ToolName.Text())
	}
	it := &builtItem{
		kind: llm.ToolCallDelta, callID: strings.Clone(d.ToolID.Text()), tool: tool,
		parts: []*builtPart{{kind: llm.ToolArgumentsDelta, key: key}},
	}
	if it.callID == "" {
		it.callID = newID("call")
	}
	n.hold(key, it)
	return n.begin(it)
}

func (n *Encoder) begin(it *builtItem) *builtItem {
	if last := len(n.answer.items) - 1; last >= 0 && n.answer.items[last].closed() {
		n.endItem(n.answer.items[last])
	}
	it.index = len(n.answer.items)
	n.answer.items = append(n.answer.items, it)
	switch {
	case it.id != "":
	case it.tool.custom:
		it.id = newID("ctc")
	default:
		it.id = newID(map[llm.DeltaKind]string{llm.TextDelta: "msg", llm.ThinkingDelta: "rs", llm.ToolCallDelta: "fc"}[it.kind])
	}
	n.send("response.output_item.added", itemEvent{"response.output_item.added", n.next(), it.index, it.object("in_progress")})
	return it
}

func (n *Encoder) partOf(it *builtItem, key itemKey) *builtPart {
	for _, p := range it.parts {
		if p.key == key && !p.done {
			return p
		}
	}
	p := &builtPart{kind: key.kind, key: key}
	it.parts = append(it.parts, p)
	name := "response.content_part.added"
	if p.kind == llm.ThinkingDelta {
		name = "response.reasoning_summary_part.added"
	}
	ev := n.partEvent(name, it, p)
	ev.Part = p.object()
	n.send(name, ev)
	return p
}

// partEvent begins an event about a part.
func (n *Encoder) partEvent(name string, it *builtItem, p *builtPart) partEvent {
	ev := partEvent{Type: name, Sequence: n.next(), ItemID: it.id, OutputIndex: it.index}
	at := slices.Index(it.parts, p)
	switch p.kind {
	case llm.ThinkingDelta:
		ev.SummaryIndex = &at
	case llm.TextDelta, llm.RefusalDelta:
		ev.ContentIndex = &at
	}
	return ev
}

// stems name the events about each kind of text.
var stems = map[llm.DeltaKind]string{
	llm.TextDelta: "response.output_text", llm.RefusalDelta: "response.refusal",
	llm.ThinkingDelta: "response.reasoning_summary_text", llm.ToolArgumentsDelta: "response.function_call_arguments",
}

func (n *Encoder) piece(it *builtItem, p *builtPart, text string) {
	p.text.WriteString(text)
	if it.tool.custom {
		return // what is said of it is known when all is there
	}
	name := stems[p.kind] + ".delta"
	ev := n.partEvent(name, it, p)
	ev.Delta = &text
	if p.kind == llm.TextDelta {
		ev.Logprobs = []any{}
	}
	n.send(name, ev)
}

// closeBlocks ends the blocks that e closes, those of which it says more itself, or the
// others: with these a provider ends one by what it begins next.
func (n *Encoder) closeBlocks(e *llm.Event, said bool) {
	for _, block := range e.Closed {
		if said != slices.ContainsFunc(e.Deltas, func(d llm.Delta) bool { return d.Index == block }) {
			continue
		}
		for _, kind := range []llm.DeltaKind{llm.TextDelta, llm.RefusalDelta, llm.ThinkingDelta, llm.ToolCallDelta} {
			if it := n.answer.open[itemKey{kind, block}]; it != nil {
				n.closeBlock(it, itemKey{kind, block})
			}
		}
	}
}

// closeBlock ends the text of a block, and its item unless more may be said in it.
func (n *Encoder) closeBlock(it *builtItem, key itemKey) {
	delete(n.answer.open, key)
	for _, p := range it.parts {
		if p.key == key {
			n.endPart(it, p)
		}
	}
	// A text block more is a part more of the message, until another item has begun: clients
	// keep items in the order of their ends, and send them back so.
	if it.kind != llm.TextDelta || it.index < len(n.answer.items)-1 && it.closed() {
		n.endItem(it)
	}
}

// closed says that all that was said of the item has ended.
func (it *builtItem) closed() bool {
	return len(it.parts) > 0 && !slices.ContainsFunc(it.parts, func(p *builtPart) bool { return !p.done })
}

func (n *Encoder) endPart(it *builtItem, p *builtPart) {
	if p.done {
		return
	}
	p.done = true
	if it.tool.custom {
		n.customDone(it, p)
		return
	}
	if p.kind == llm.ToolArgumentsDelta && p.text.Len() == 0 && !it.short {
		n.piece(it, p, "{}") // clients read them as an object also where a tool takes nothing
	}
	name := stems[p.kind] + ".done"
	ev := n.partEvent(name, it, p)
	text := p.text.String()
	switch p.kind {
	case llm.TextDelta:
		ev.Text, ev.Logprobs = &text, []any{}
	case llm.ThinkingDelta:
		ev.Text = &text
	case llm.RefusalDelta:
		ev.Refusal = &text
	case llm.ToolArgumentsDelta:
		ev.Arguments, ev.Name = &text, it.tool.name
		n.send(name, ev)
		return // arguments are no part of their own
	}
	n.send(name, ev)
	name = "response.content_part.done"
	if p.kind == llm.ThinkingDelta {
		name = "response.reasoning_summary_part.done"
	}
	ev = n.partEvent(name, it, p)
	ev.Part = p.object()
	n.send(name, ev)
}

func (n *Encoder) endItem(it *builtItem) {
	if it.done {
		return
	}
	for _, p := range it.parts {
		n.endPart(it, p)
	}
	it.done = true
	switch {
	case it.redacted:
		it.sealed = n.answer.signer.Redacted(it.proof)
	case it.proof != "" && len(it.parts) <= 1:
		thought := ""
		for _, p := range it.parts {
			thought = p.text.String()
		}
		it.sealed = n.answer.signer.Proof(thought, it.proof)
	}
	n.send("response.output_item.done", itemEvent{"response.output_item.done", n.next(), it.index, it.object(it.status())})
}

// customDone tells the text for a custom tool, in one piece.
func (n *Encoder) customDone(it *builtItem, p *builtPart) {
	const stem = "response.custom_tool_call_input"
	input := customInput(p.text.String())
	ev := n.partEvent(stem+".delta", it, p)
	ev.Delta = &input
	n.send(ev.Type, ev)
	ev = n.partEvent(stem+".done", it, p)
	ev.Input = &input
	n.send(ev.Type, ev)
}

// endItems ends all that is open. Of an answer that was cut off the last item is
// the one that is not complete.
func (n *Encoder) endItems() {
	b := &n.answer
	if last := len(b.items) - 1; last >= 0 && (b.finish == llm.StopLength || b.finish == llm.StopFilter) {
		b.items[last].short = true
	}
	for _, it := range b.items {
		n.endItem(it)
	}
	b.ended = true
}

func (it *builtItem) status() string {
	if it.short {
		return "incomplete"
	}
	return "completed"
}

// object is the item as events and the response tell it.
func (it *builtItem) object(status string) any {
	parts := []any{}
	for _, p := range it.parts {
		parts = append(parts, p.object())
	}
	switch it.kind {
	case llm.ThinkingDelta:
		return reasoningItem{ID: it.id, Type: "reasoning", Summary: parts, Encrypted: it.sealed}
	case llm.ToolCallDelta:
		arguments := it.parts[0].text.String()
		if it.tool.custom {
			return customItem{it.id, "custom_tool_call", status, it.callID, it.tool.namespace, it.tool.name, customInput(arguments)}
		}
		return callItem{it.id, "function_call", status, it.callID, it.tool.namespace, it.tool.name, arguments}
	}
	return messageItem{it.id, "message", status, "assistant", parts}
}

func (p *builtPart) object() any {
	switch p.kind {
	case llm.ThinkingDelta:
		return summaryText{"summary_text", p.text.String()}
	case llm.RefusalDelta:
		return refusalPart{"refusal", p.text.String()}
	}
	return textPart{"output_text", p.text.String(), []any{}, []any{}}
}

// doneItems are the items that the client has seen the end of.
func (b *built) doneItems() []any {
	items := []any{}
	for _, it := range b.items {
		if it.done {
			items = append(items, it.object(it.status()))
		}
	}
	return items
}

// end returns the response as it is at the end.
func (n *Encoder) end() *response {
	b := &n.answer
	status, reason := "completed", ""
	switch b.finish {
	case llm.StopLength:
		status, reason = "incomplete", "max_output_tokens"
	case llm.StopFilter:
		status, reason = "incomplete", "content_filter"
	case llm.StopTools:
		if n.kindo {
			status, reason = "incomplete", "tool_use"
		}
	}
	r := n.response(status)
	if reason != "" {
		r.IncompleteDetails = &incompleteDetails{reason}
	}
	n.fill(r)
	if b.usage != nil {
		r.Usage = newUsage(*b.usage)
	}
	return r
}

// fill adds to a response what was said so far.
func (n *Encoder) fill(r *response) {
	r.Output = n.answer.doneItems()
	var text strings.Builder
	for _, it := range n.answer.items {
		for _, p := range it.parts {
			if p.kind == llm.TextDelta && !it.void {
				text.WriteString(p.text.String())
			}
		}
	}
	said := text.String()
	r.OutputText = &said
}
