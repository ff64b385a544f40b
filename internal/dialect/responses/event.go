package responses

import (
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// blocksMax bounds the items of one answer, the parts of one item and the texts
// of all. No model writes a tenth of it; a broken one must not make us remember more.
const blocksMax = 4_000

// Decoder reads the events of one streamed answer. The zero Decoder is ready.
// It gives each text of the answer an index of its own, and knows of which the
// pieces have come: what is told only as a whole is a Delta too.
type Decoder struct {
	texts map[textPlace]int
	known []knownText // by index
	calls bool        // the answer calls a tool of the client
	usage llm.Usage
}

// textPlace is where a text stands in an answer.
type textPlace struct {
	item int
	kind llm.DeltaKind
	part int
}

type knownText struct {
	item        int
	said, begun bool // a piece of it has come; the call that it is the arguments of
}

// DecodeEvent reads one server-sent event of that name, whose data is doc, into
// e. It overwrites all of e but keeps its slices for reuse. Event.Usage points
// into the Decoder: it is valid until the next event.
//
// response.completed and response.incomplete become a DoneEvent, all else a
// ChunkEvent, unknown events too. A response that failed and an error are
// returned as *sallyport.Error with UpstreamError; it tells none of the provider's
// words, which may quote the request. What is not of this dialect is UpstreamInvalid.
func (d *Decoder) DecodeEvent(name string, doc *llm.Document, e *llm.Event) error {
	root := doc.Root()
	if root.Kind() != llm.Object {
		return wire.Unusable("an event that is not an object")
	}
	*e = llm.Event{
		Kind: llm.ChunkEvent, Dialect: llm.Responses, Name: name, Body: doc,
		Deltas: e.Deltas[:0], Finishes: e.Finishes[:0], Closed: e.Closed[:0], Repeats: e.Repeats[:0], Logprobs: e.Logprobs[:0],
	}
	kind := root.Get("type").Text()
	if kind == "" {
		kind = name
	}
	switch kind {
	case "response.created", "response.queued", "response.in_progress":
		e.Again = kind != "response.created"
		identify(root.Get("response"), e)
		return nil
	case "response.completed", "response.incomplete":
		e.Kind, e.Again = llm.DoneEvent, true
		return d.response(root.Get("response"), e)
	case "response.failed":
		return failure(root.Get("response").Get("error"))
	case "error":
		if told := root.Get("error"); !told.IsNull() {
			return failure(told)
		}
		return failure(root)
	case "response.output_item.added", "response.output_item.done":
		return d.itemEvent(root, kind == "response.output_item.done", e)
	}
	if stem, ok := strings.CutSuffix(kind, ".delta"); ok {
		return d.piece(stem, root, e)
	}
	if stem, ok := strings.CutSuffix(kind, ".done"); ok {
		return d.done(stem, root, e)
	}
	if strings.HasSuffix(kind, "_part.added") {
		return d.part(kind, root, e)
	}
	return nil
}

// DecodeWhole reads a plain answer into e. Errors are those of Decoder.DecodeEvent.
func DecodeWhole(doc *llm.Document, e *llm.Event) error {
	root := doc.Root()
	if root.Kind() != llm.Object {
		return wire.Unusable("it is not an object")
	}
	if told := root.Get("error"); !told.IsNull() {
		return failure(told)
	}
	*e = llm.Event{Kind: llm.WholeEvent, Dialect: llm.Responses, Body: doc}
	d := new(Decoder)
	err := d.response(root, e)
	if text := root.Get("output_text"); text.Text() != "" {
		e.Repeats = append(e.Repeats, llm.Delta{Kind: llm.TextDelta, Text: text})
	}
	return err
}

func identify(response llm.Value, e *llm.Event) {
	// Views of bytes that the next event overwrites would change.
	e.ID, e.Model = strings.Clone(response.Get("id").Text()), strings.Clone(response.Get("model").Text())
	e.Created, _ = response.Get("created_at").Int()
}

// response reads a response that has ended.
func (d *Decoder) response(v llm.Value, e *llm.Event) error {
	output := v.Get("output")
	if v.Kind() != llm.Object || output.Kind() != llm.Array || output.Len() > blocksMax {
		return wire.Unusable("not a response")
	}
	if told := v.Get("error"); !told.IsNull() {
		return failure(told)
	}
	identify(v, e)
	var err error
	output.Items(func(i int, item llm.Value) bool {
		err = d.item(i, item, false, e)
		return err == nil
	})
	if err != nil {
		return err
	}
	reason := llm.StopEnd
	switch v.Get("status").Text() {
	case "completed", "":
		if d.calls {
			reason = llm.StopTools
		}
	case "incomplete":
		if reason = llm.StopLength; v.Get("incomplete_details").Get("reason").Text() == "content_filter" {
			reason = llm.StopFilter
		}
	case "failed":
		return failure(v.Get("error"))
	default:
		return wire.Unusable("a response that has not ended")
	}
	e.Finishes = append(e.Finishes, llm.Finish{Reason: reason})
	if readUsage(v.Get("usage"), &d.usage) {
		e.Usage = &d.usage
	}
	return nil
}

// itemEvent reads the begin or the end of an item.
func (d *Decoder) itemEvent(root llm.Value, done bool, e *llm.Event) error {
	at, _, err := placeOf(root)
	if err != nil {
		return err
	}
	if err := d.item(at, root.Get("item"), !done, e); err != nil || !done {
		return err
	}
	for index, text := range d.known {
		if text.item == at {
			e.Closed = append(e.Closed, index)
		}
	}
	return nil
}

// item reads what an item says. begins: more of its texts may follow.
func (d *Decoder) item(at int, v llm.Value, begins bool, e *llm.Event) (err error) {
	say := func(kind llm.DeltaKind, part int, text llm.Value) {
		if err == nil {
			err = d.say(textPlace{at, kind, part}, text, begins, e)
		}
	}
	switch v.Get("type").Text() {
	case "message":
		v.Get("content").Items(func(i int, part llm.Value) bool {
			d.logprobs(part, e)
			say(llm.TextDelta, i, part.Get("text"))
			say(llm.RefusalDelta, i, part.Get("refusal"))
			return err == nil
		})
	case "reasoning":
		v.Get("summary").Items(func(i int, part llm.Value) bool {
			say(llm.ThinkingDelta, summaryPart(i), part.Get("text"))
			return err == nil
		})
		v.Get("content").Items(func(i int, part llm.Value) bool {
			say(llm.ThinkingDelta, thoughtPart(i), part.Get("text"))
			return err == nil
		})
	case "function_call":
		err = d.call(at, v, e)
		say(llm.ToolArgumentsDelta, 0, v.Get("arguments"))
	case "custom_tool_call":
		err = d.call(at, v, e)
		say(llm.ToolArgumentsDelta, 0, v.Get("input"))
	case "mcp_call":
		say(llm.ToolArgumentsDelta, 0, v.Get("arguments"))
	case "code_interpreter_call":
		say(llm.ToolArgumentsDelta, 0, v.Get("code"))
	}
	return err
}

// Reasoning has two kinds of texts, each counted for itself.
func summaryPart(i int) int { return 2 * i }
func thoughtPart(i int) int { return 2*i + 1 }

// call tells once that a tool of the client is called.
func (d *Decoder) call(at int, item llm.Value, e *llm.Event) error {
	index, err := d.index(textPlace{at, llm.ToolArgumentsDelta, 0})
	if err != nil || d.known[index].begun {
		return err
	}
	d.known[index].begun, d.calls = true, true
	e.Deltas = append(e.Deltas, llm.Delta{
		Kind: llm.ToolCallDelta, Index: index, ToolID: item.Get("call_id"), ToolName: item.Get("name"),
	})
	return nil
}

// say takes a text that stands whole in an event: as a repetition of its pieces,
// or where none has come, as a piece itself. begins: pieces follow it.
func (d *Decoder) say(place textPlace, text llm.Value, begins bool, e *llm.Event) error {
	if text.Text() == "" {
		return nil
	}
	index, err := d.index(place)
	if err != nil {
		return err
	}
	delta := llm.Delta{Kind: place.kind, Index: index, Text: text}
	if d.known[index].said && !begins {
		e.Repeats = append(e.Repeats, delta)
		return nil
	}
	d.known[index].said = true
	e.Deltas = append(e.Deltas, delta)
	return nil
}

func (d *Decoder) index(place textPlace) (int, error) {
	if index, known := d.texts[place]; known {
		return index, nil
	}
	if len(d.known) == blocksMax {
		return 0, wire.Unusable("too many texts")
	}
	if d.texts == nil {
		d.texts = make(map[textPlace]int)
	}
	d.texts[place] = len(d.known)
	d.known = append(d.known, knownText{item: place.item})
	return len(d.known) - 1, nil
}

// placeOf reads the index of an event's item, and of the part in it.
func placeOf(root llm.Value) (item, part int, err error) {
	for name, into := range map[string]*int{
		"output_index": &item, "content_index": &part, "summary_index": &part, "command_index": &part,
	} {
		v := root.Get(name)
		if v.IsNull() {
			continue
		}
		n, ok := v.Int()
		if !ok || n < 0 || n >= blocksMax {
			return 0, 0, wire.Unusable("an event without a proper index")
		}
		*into = int(n)
	}
	return item, part, nil
}

// textOf says of which text the events of that stem tell.
func textOf(stem string, root llm.Value) (textPlace, error) {
	item, part, err := placeOf(root)
	place := textPlace{item, llm.AsideDelta, part}
	switch {
	case stem == "response.output_text":
		place.kind = llm.TextDelta
	case stem == "response.refusal":
		place.kind = llm.RefusalDelta
	case stem == "response.reasoning_summary_text":
		place.kind, place.part = llm.ThinkingDelta, summaryPart(part)
	case stem == "response.reasoning_text":
		place.kind, place.part = llm.ThinkingDelta, thoughtPart(part)
	case strings.Contains(stem, "_call"): // whatever goes to a tool
		place.kind = llm.ToolArgumentsDelta
	}
	return place, err
}

// piece reads a piece of a text.
func (d *Decoder) piece(stem string, root llm.Value, e *llm.Event) error {
	place, err := textOf(stem, root)
	if err != nil {
		return err
	}
	d.logprobs(root, e)
	return d.say(place, root.Get("delta"), true, e)
}

// done reads the end of a text or a part.
func (d *Decoder) done(stem string, root llm.Value, e *llm.Event) error {
	if strings.HasSuffix(stem, "_part") {
		e.Again = true
		return d.part(stem, root, e)
	}
	place, err := textOf(stem, root)
	if err != nil {
		return err
	}
	d.logprobs(root, e)
	told := false
	for _, name := range []string{"text", "refusal", "arguments", "input", "code", "command", "transcript"} {
		if text := root.Get(name); text.Kind() == llm.String && err == nil {
			told = true
			err = d.say(place, text, false, e)
		}
	}
	if index, known := d.texts[place]; known && told {
		e.Closed = append(e.Closed, index)
	}
	return err
}

// part reads the begin or the end of a part of a message or of reasoning.
func (d *Decoder) part(kind string, root llm.Value, e *llm.Event) error {
	item, at, err := placeOf(root)
	if err != nil {
		return err
	}
	part := root.Get("part")
	d.logprobs(part, e)
	place, text := textPlace{item, llm.TextDelta, at}, part.Get("text")
	switch part.Get("type").Text() {
	case "output_text":
	case "refusal":
		place.kind, text = llm.RefusalDelta, part.Get("refusal")
	case "summary_text":
		place.kind, place.part = llm.ThinkingDelta, summaryPart(at)
	case "reasoning_text":
		place.kind, place.part = llm.ThinkingDelta, thoughtPart(at)
	default:
		return nil
	}
	begins := strings.HasSuffix(kind, ".added")
	if err := d.say(place, text, begins, e); err != nil || begins {
		return err
	}
	if index, known := d.texts[place]; known {
		e.Closed = append(e.Closed, index)
	}
	return nil
}

func (d *Decoder) logprobs(v llm.Value, e *llm.Event) {
	if logprobs := v.Get("logprobs"); !logprobs.IsNull() && !slices.Contains(e.Logprobs, logprobs) {
		e.Logprobs = append(e.Logprobs, logprobs)
	}
}

// reasons are the errors of this dialect, in our words. The provider's own
// message stays out: it may quote the request.
var reasons = map[string]string{
	"rate_limit_exceeded": "its rate limit is reached",
	"server_error":        "something failed inside it",
	"invalid_prompt":      "it does not accept the request",
}

// failure is an error that came in the place of an answer or in its middle.
func failure(v llm.Value) error {
	return wire.Failed(reasons[v.Get("code").Text()], wire.ToldBy(v))
}
