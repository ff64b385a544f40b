package chat

import (
	"strings"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// The objects of an answer that is built. Their fields stand in the order in
// which OpenAI writes them.
type completion struct {
	ID      string       `json:"id"`
	Object  string       `json:"object"`
	Created int64        `json:"created"`
	Model   string       `json:"model"`
	Choices []choice     `json:"choices"`
	Usage   *usageObject `json:"usage,omitempty"`
}

type choice struct {
	Index        int       `json:"index"`
	Delta        *said     `json:"delta,omitempty"`
	Message      *said     `json:"message,omitempty"`
	Logprobs     *struct{} `json:"logprobs"` // always null
	FinishReason *string   `json:"finish_reason"`
}

type said struct {
	Role      string       `json:"role,omitempty"`
	Content   *text        `json:"content,omitempty"`
	Reasoning string       `json:"reasoning_content,omitempty"`
	Details   []sealed     `json:"reasoning_details,omitempty"`
	Refusal   *text        `json:"refusal,omitempty"`
	ToolCalls []calledTool `json:"tool_calls,omitempty"`
}

// text is a string that may be null: omitted, null and "" are three answers.
type text struct{ value *string }

func (t text) MarshalJSON() ([]byte, error) {
	if t.value == nil {
		return []byte("null"), nil
	}
	return llm.Quote(*t.value), nil
}

type calledTool struct {
	Index    *int           `json:"index,omitempty"` // in a chunk
	ID       string         `json:"id,omitempty"`
	Type     string         `json:"type,omitempty"`
	Function calledFunction `json:"function"`
	Extra    *extraContent  `json:"extra_content,omitempty"`
}

// sealed is what proves the reasoning of a message, as OpenRouter tells what cannot be
// read (https://openrouter.ai/docs/use-cases/reasoning-tokens).
type sealed struct {
	Type string `json:"type"`
	Data string `json:"data"`
}

// extraContent is where Google's own OpenAI-compatible address has the signature of a
// call (https://ai.google.dev/gemini-api/docs/thought-signatures).
type extraContent struct {
	Google googleContent `json:"google"`
}

type googleContent struct {
	Signature string `json:"thought_signature"`
}

func newExtra(proof string) *extraContent {
	if proof == "" {
		return nil
	}
	return &extraContent{googleContent{proof}}
}

type calledFunction struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}

type usageObject struct {
	Prompt        int64         `json:"prompt_tokens"`
	Completion    int64         `json:"completion_tokens"`
	Total         int64         `json:"total_tokens"`
	PromptDetails promptDetails `json:"prompt_tokens_details"`
	OutputDetails outputDetails `json:"completion_tokens_details"`
}

type promptDetails struct {
	Cached int64 `json:"cached_tokens"`
}

type outputDetails struct {
	Reasoning int64 `json:"reasoning_tokens"`
}

// newUsage counts as OpenAI does: the parts within the wholes.
func newUsage(u llm.Usage) *usageObject {
	prompt := u.Input + u.CachedInput + u.CacheWrite
	return &usageObject{
		Prompt: prompt, Completion: u.Output, Total: prompt + u.Output,
		PromptDetails: promptDetails{u.CachedInput}, OutputDetails: outputDetails{u.Reasoning},
	}
}

// toolPlace is where a tool call stands among the calls of its choice: other
// dialects count content blocks of every kind.
type toolPlace struct{ choice, block, place int }

// place returns the place of the call in that block, a new one at its begin.
func (n *Encoder) place(choice, block int) int {
	next := 0
	for _, t := range n.tools {
		if t.choice == choice && t.block == block {
			return t.place
		}
		if t.choice == choice {
			next++
		}
	}
	n.tools = append(n.tools, toolPlace{choice, block, next})
	return next
}

// build adds the chunks that say what e means.
func (n *Encoder) build(e *llm.Event) {
	n.identify(e)
	n.signer.Note(e)
	if e.Usage != nil {
		usage := *e.Usage // what e points to is valid for this call alone
		n.usage = &usage
	}
	for _, d := range e.Deltas {
		if piece, ok := n.piece(d); ok {
			n.begin(d.Choice)
			n.chunk(choice{Index: d.Choice, Delta: &piece})
		}
	}
	for _, f := range e.Finishes {
		n.begin(f.Choice)
		reason := string(f.Reason)
		n.chunk(choice{Index: f.Choice, Delta: &said{}, FinishReason: &reason})
	}
	if e.Kind != llm.DoneEvent {
		return
	}
	if n.usage != nil && n.req.UsageAsked {
		n.frames = wire.AppendEvent(n.frames, "", wire.Marshal(n.object("chat.completion.chunk", []choice{}, newUsage(*n.usage))))
	}
	n.done()
}

// begin sends the chunk with the role, the first of its choice.
func (n *Encoder) begin(index int) {
	if n.begun[index] {
		return
	}
	if n.begun == nil {
		n.begun = make(map[int]bool)
	}
	n.begun[index] = true
	empty := ""
	n.chunk(choice{Index: index, Delta: &said{Role: "assistant", Content: &text{&empty}}})
}

// think remembers what a signature will cover.
func (n *Encoder) think(text string) {
	n.cut.Length += len(text)
	if n.thought.Len()+len(text) <= thoughtMax {
		n.thought.WriteString(text)
	}
}

// sign returns the proof that a signature is. That of a call, which Gemini gives,
// waits for the call.
func (n *Encoder) sign(d llm.Delta) (proof string) {
	if n.signer.Dialect == llm.Gemini {
		n.callProof = n.signer.Proof("", d.Text.Text())
		return ""
	}
	if d.Redacted {
		return n.signer.Redacted(d.Text.Text())
	}
	proof = n.signer.CutProof(n.thought.String(), d.Text.Text(), n.cut)
	n.cut = wire.Cut{From: n.cut.From + n.cut.Length}
	n.thought.Reset()
	return proof
}

// takeCallProof returns the proof of the call that begins.
func (n *Encoder) takeCallProof() (proof string) {
	proof, n.callProof = n.callProof, ""
	return proof
}

// piece turns a delta into a chunk's. Text that a stage took away leaves nothing to
// send.
func (n *Encoder) piece(d llm.Delta) (said, bool) {
	value := d.Text.Text()
	switch d.Kind {
	case llm.TextDelta:
		return said{Content: &text{&value}}, value != ""
	case llm.ThinkingDelta:
		n.think(value)
		return said{Reasoning: value}, value != ""
	case llm.SignatureDelta:
		proof := n.sign(d)
		return said{Details: []sealed{{"reasoning.encrypted", proof}}}, proof != ""
	case llm.RefusalDelta:
		return said{Refusal: &text{&value}}, value != ""
	case llm.ToolCallDelta:
		id, name := d.ToolID.Text(), d.ToolName.Text()
		begun := len(n.tools)
		place := n.place(d.Choice, d.Index)
		if begun == len(n.tools) { // a call begins once
			return said{}, false
		}
		return said{ToolCalls: []calledTool{{
			Index: &place, ID: id, Type: "function", Function: calledFunction{Name: name}, Extra: newExtra(n.takeCallProof()),
		}}}, id != "" || name != ""
	case llm.ToolArgumentsDelta:
		place := n.place(d.Choice, d.Index)
		return said{ToolCalls: []calledTool{{Index: &place, Function: calledFunction{Arguments: value}}}}, value != ""
	}
	return said{}, false
}

func (n *Encoder) chunk(c choice) {
	n.frames = wire.AppendEvent(n.frames, "", wire.Marshal(n.object("chat.completion.chunk", []choice{c}, nil)))
}

func (n *Encoder) object(kind string, choices []choice, usage *usageObject) completion {
	return completion{ID: n.id, Object: kind, Created: n.created.Unix(), Model: n.req.Model, Choices: choices, Usage: usage}
}

// buildWhole returns a plain answer that says what e means.
func (n *Encoder) buildWhole(e *llm.Event) []byte {
	n.identify(e)
	n.signer.Note(e)
	var choices []choice
	for _, f := range e.Finishes {
		reason := string(f.Reason)
		choices = append(choices, choice{Index: f.Choice, FinishReason: &reason})
	}
	if len(choices) == 0 {
		choices = []choice{{}}
	}
	for i := range choices {
		choices[i].Message = n.message(e, choices[i].Index)
	}
	var usage *usageObject
	if e.Usage != nil {
		usage = newUsage(*e.Usage)
	}
	return wire.Marshal(n.object("chat.completion", choices, usage))
}

// message gathers what one choice says. Its content is null when it says nothing
// but calls of tools.
func (n *Encoder) message(e *llm.Event, index int) *said {
	m := &said{Role: "assistant", Content: &text{}}
	var content, reasoning, refusal strings.Builder
	for _, d := range e.Deltas {
		if d.Choice != index {
			continue
		}
		switch d.Kind {
		case llm.TextDelta:
			content.WriteString(d.Text.Text())
		case llm.ThinkingDelta:
			reasoning.WriteString(d.Text.Text())
			n.think(d.Text.Text())
		case llm.SignatureDelta:
			if proof := n.sign(d); proof != "" {
				m.Details = append(m.Details, sealed{"reasoning.encrypted", proof})
			}
		case llm.RefusalDelta:
			refusal.WriteString(d.Text.Text())
		case llm.ToolCallDelta, llm.ToolArgumentsDelta:
			call := m.addCall(n.place(index, d.Index), d)
			if d.Kind == llm.ToolCallDelta {
				call.Extra = newExtra(n.takeCallProof())
			}
		}
	}
	if content.Len() > 0 || len(m.ToolCalls) == 0 {
		value := content.String()
		m.Content = &text{&value}
	}
	m.Reasoning, m.Refusal = reasoning.String(), &text{}
	if refusal.Len() > 0 {
		value := refusal.String()
		m.Refusal.value = &value
	}
	return m
}

func (m *said) addCall(place int, d llm.Delta) *calledTool {
	for len(m.ToolCalls) <= place {
		m.ToolCalls = append(m.ToolCalls, calledTool{Type: "function"})
	}
	call := &m.ToolCalls[place]
	if d.Kind == llm.ToolCallDelta {
		call.ID, call.Function.Name = d.ToolID.Text(), d.ToolName.Text()
		return call
	}
	call.Function.Arguments += d.Text.Text()
	return call
}
