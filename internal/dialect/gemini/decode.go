package gemini

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Bounds of an answer: no model comes near, and a broken one must not make us
// remember more.
const (
	blocksMax  = 10_000 // texts and calls of one choice
	choicesMax = 128
)

// Decoder reads one answer. The zero Decoder is ready.
type Decoder struct {
	id, model string
	usage     llm.Usage
	said      []choice
	blocked   bool // the prompt was refused, so that there are no choices
}

// choice is what was said so far in one choice.
type choice struct {
	block int           // the index of the last text or call
	kind  llm.DeltaKind // of it; 0: there is none yet
	calls bool          // a tool was called
	wrote bool          // something that is no thought was answered
	ended bool          // a reason of the end was told
}

// DecodeEvent reads the data of one event of a stream, a GenerateContentResponse,
// into e. It overwrites all of e but keeps its slices for reuse. Event.Usage points
// into the Decoder: it is valid until the next event.
//
// Errors: *sallyport.Error with UpstreamInvalid for what is not of this dialect, with
// UpstreamError for an error that the provider tells inside the stream and for an
// answer that it calls failed; its words are not quoted, for they may quote the
// request.
func (d *Decoder) DecodeEvent(doc *llm.Document, e *llm.Event) error {
	*e = llm.Event{
		Kind: llm.ChunkEvent, Dialect: llm.Gemini, Body: doc,
		Deltas: e.Deltas[:0], Finishes: e.Finishes[:0], Closed: e.Closed[:0],
	}
	return d.read(doc.Root(), e)
}

// Complete says whether the answer may end here: every choice that was begun has
// told why it ended, or the prompt was refused.
func (d *Decoder) Complete() bool {
	for _, c := range d.said {
		if !c.ended {
			return false
		}
	}
	return d.blocked || len(d.said) > 0
}

// DecodeWhole reads a plain answer into e. Errors are those of Decoder.DecodeEvent.
func DecodeWhole(doc *llm.Document, e *llm.Event) error {
	*e = llm.Event{Kind: llm.WholeEvent, Dialect: llm.Gemini, Body: doc}
	var d Decoder
	if err := d.read(doc.Root(), e); err != nil {
		return err
	}
	if !d.Complete() {
		return wire.Unusable("no answer in it, or no reason of its end")
	}
	return join(e)
}

func (d *Decoder) read(root llm.Value, e *llm.Event) error {
	if root.Kind() != llm.Object {
		return wire.Unusable("it is not an object")
	}
	if told := root.Get("error"); !told.IsNull() {
		return failure(told)
	}
	d.identify(root, e)
	candidates := root.Get("candidates")
	if !candidates.IsNull() && candidates.Kind() != llm.Array {
		return wire.Unusable("its candidates are not an array")
	}
	var err error
	candidates.Items(func(place int, candidate llm.Value) bool {
		err = d.candidate(place, candidate, e)
		return err == nil
	})
	if err != nil {
		return err
	}
	if candidates.Len() == 0 && root.Get("promptFeedback").Get("blockReason").Text() != "" && !d.blocked {
		d.blocked = true
		e.Finishes = append(e.Finishes, llm.Finish{Reason: llm.StopFilter})
	}
	d.count(root.Get("usageMetadata"), e)
	e.UsageOnly = e.Usage != nil && candidates.Len() == 0 && len(e.Finishes) == 0
	return nil
}

// identify keeps strings of its own: those of e are views of bytes that the next
// event overwrites.
func (d *Decoder) identify(root llm.Value, e *llm.Event) {
	if id := root.Get("responseId").Text(); id != d.id && id != "" {
		d.id = strings.Clone(id)
	}
	if model := root.Get("modelVersion").Text(); model != d.model && model != "" {
		d.model = strings.Clone(model)
	}
	e.ID, e.Model = d.id, d.model
	if created, err := time.Parse(time.RFC3339, root.Get("createTime").Text()); err == nil { // Vertex AI alone
		e.Created = created.Unix()
	}
}

func (d *Decoder) candidate(place int, v llm.Value, e *llm.Event) error {
	index := int64(place)
	if at := v.Get("index"); !at.IsNull() {
		n, ok := at.Int()
		if !ok {
			return wire.Unusable("a candidate without a proper index")
		}
		index = n
	}
	if v.Kind() != llm.Object || index < 0 || index >= choicesMax {
		return wire.Unusable("a candidate has not the form of this API")
	}
	for int64(len(d.said)) <= index {
		d.said = append(d.said, choice{})
	}
	c := &d.said[index]
	err := wire.Each(v.Get("content").Get("parts"), func(part llm.Value) error { return c.part(int(index), part, e) })
	if err != nil {
		return err
	}
	reason := v.Get("finishReason").Text()
	if reason == "" || c.ended {
		return nil
	}
	if why, no := failedReasons[reason]; no {
		return wire.Failed(why, llm.ToldFailure{})
	}
	c.ended = true
	e.Finishes = append(e.Finishes, llm.Finish{Choice: int(index), Reason: c.stopReason(reason)})
	return nil
}

// answers are the parts beside text that a model writes.
var answers = []string{"functionCall", "inlineData", "executableCode"}

// part reads a piece of a choice. What is neither text nor a call of a tool of the
// client has no meaning outside this dialect. Of signatures those of calls are
// needed again; they stand before the call.
func (c *choice) part(index int, part llm.Value, e *llm.Event) error {
	thought, _ := part.Get("thought").Bool()
	text := part.Get("text")
	c.wrote = c.wrote || !thought && (text.Text() != "" || slices.ContainsFunc(answers, func(name string) bool { return part.Get(name).Exists() }))
	if call := part.Get("functionCall"); call.Kind() == llm.Object {
		if err := c.sign(index, part.Get("thoughtSignature").Text(), e); err != nil {
			return err
		}
		return c.call(index, call, e)
	}
	if text.Text() == "" {
		return nil
	}
	kind := llm.TextDelta
	if thought {
		kind = llm.ThinkingDelta
	}
	if err := c.begin(kind, e); err != nil {
		return err
	}
	e.Deltas = append(e.Deltas, llm.Delta{Choice: index, Kind: kind, Index: c.block, Text: text})
	return nil
}

func (c *choice) sign(index int, signature string, e *llm.Event) error {
	if signature == "" {
		return nil
	}
	if err := c.begin(llm.SignatureDelta, e); err != nil {
		return err
	}
	text, err := owned(signature)
	e.Deltas = append(e.Deltas, llm.Delta{Choice: index, Kind: llm.SignatureDelta, Index: c.block, Text: text})
	return err
}

// begin gives each text and each call an index of its own, in their order.
func (c *choice) begin(kind llm.DeltaKind, e *llm.Event) error {
	switch {
	case c.kind == 0:
	case c.kind == kind && kind != llm.ToolCallDelta:
		return nil
	default:
		if c.kind != llm.ToolCallDelta { // calls are closed at once
			e.Closed = append(e.Closed, c.block)
		}
		c.block++
	}
	c.kind = kind
	if c.block >= blocksMax {
		return wire.Unusable("more texts and calls than any model writes")
	}
	return nil
}

// call reads a call of a tool, which comes whole. The texts are documents of their
// own: the arguments are an object here and text elsewhere.
func (c *choice) call(index int, call llm.Value, e *llm.Event) error {
	if call.Get("name").Text() == "" {
		return wire.Unusable("a call of a tool without a name")
	}
	if err := c.begin(llm.ToolCallDelta, e); err != nil {
		return err
	}
	c.calls = true
	id := call.Get("id")
	if id.Text() == "" {
		var err error
		if id, err = owned("call_" + strings.ReplaceAll(uuid.NewString(), "-", "")); err != nil {
			return err
		}
	}
	raw := call.Get("args").JSON()
	if call.Get("args").Kind() != llm.Object {
		raw = []byte("{}")
	}
	args, err := owned(string(raw))
	if err != nil {
		return err
	}
	e.Deltas = append(e.Deltas,
		llm.Delta{Choice: index, Kind: llm.ToolCallDelta, Index: c.block, ToolID: id, ToolName: call.Get("name")},
		llm.Delta{Choice: index, Kind: llm.ToolArgumentsDelta, Index: c.block, Text: args})
	e.Closed = append(e.Closed, c.block)
	return nil
}

// owned makes a string value that belongs to no answer.
func owned(text string) (llm.Value, error) {
	doc, err := llm.Parse(llm.Quote(text))
	if err != nil {
		return llm.Value{}, wire.Unusable("a text that cannot be read")
	}
	return doc.Root(), nil
}

// join makes one text of the pieces of each, as a whole answer promises.
func join(e *llm.Event) error {
	deltas := e.Deltas[:0:0]
	for i := 0; i < len(e.Deltas); {
		d, end := e.Deltas[i], i+1
		for end < len(e.Deltas) && same(e.Deltas[end], d) {
			end++
		}
		if end > i+1 {
			var all strings.Builder
			for _, piece := range e.Deltas[i:end] {
				all.WriteString(piece.Text.Text())
			}
			var err error
			if d.Text, err = owned(all.String()); err != nil {
				return err
			}
		}
		deltas, i = append(deltas, d), end
	}
	e.Deltas = deltas
	return nil
}

func same(a, b llm.Delta) bool { return a.Choice == b.Choice && a.Kind == b.Kind && a.Index == b.Index }

// stopReason takes reasons that are not known yet for an ordinary end.
func (c *choice) stopReason(reason string) llm.StopReason {
	switch reason {
	case "MAX_TOKENS":
		return llm.StopLength
	case "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR",
		"IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION":
		return llm.StopFilter
	}
	if c.calls {
		return llm.StopTools // the API says STOP for it
	}
	return llm.StopEnd
}

// count takes over the counts of what is all that is known so far. What was read from
// a cache is counted within the prompt here; what a tool of the provider's own put in
// and what was thought are counted beside prompt and answer. This API leaves out counts
// that are zero, which those of the prompt and of an answer that says something are not.
func (d *Decoder) count(usage llm.Value, e *llm.Event) {
	prompt, answer := usage.Get("promptTokenCount"), usage.Get("candidatesTokenCount")
	if prompt.IsNull() && answer.IsNull() { // in streams of Vertex AI it may tell other things alone
		return
	}
	cached, thoughts := wire.TokensWithin(usage.Get("cachedContentTokenCount")), wire.Tokens(usage.Get("thoughtsTokenCount"))
	input := sum(wire.Tokens(prompt), wire.Tokens(usage.Get("toolUsePromptTokenCount")))
	output := sum(wire.Tokens(answer), thoughts)
	switch {
	case prompt.IsNull():
		input = wire.TokensLeft(wire.Tokens(usage.Get("totalTokenCount")), output)
	case answer.IsNull() && d.Complete() && d.wrote():
		if output = wire.OutputLeft(usage.Get("totalTokenCount"), input); output <= max(thoughts, 0) {
			output = wire.NoTokens
		}
	}
	d.usage = llm.Usage{Input: input - cached, CachedInput: cached, Output: output, Reasoning: thoughts}
	e.Usage = &d.usage
}

// wrote says whether a choice has something that is no thought.
func (d *Decoder) wrote() bool {
	return slices.ContainsFunc(d.said, func(c choice) bool { return c.wrote })
}

// sum adds what is counted apart. Where one count is none, so is their sum.
func sum(a, b int64) int64 {
	if a < 0 || b < 0 {
		return min(a, b)
	}
	return a + b
}
