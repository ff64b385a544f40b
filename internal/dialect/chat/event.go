package chat

import (
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// DecodeEvent reads the data of one event of a stream, a chat.completion.chunk,
// into e. It overwrites all of e but keeps its slices for reuse, so that a stream
// costs no allocations per event. What it does not know stays in the body.
//
// Errors: *sallyport.Error with UpstreamInvalid for what is not of this dialect,
// and with UpstreamError for an error that the provider tells inside the stream;
// its words are not quoted, for they may quote the request.
func DecodeEvent(doc *llm.Document, e *llm.Event) error {
	return decode(doc, e, llm.ChunkEvent, "delta")
}

// DecodeWhole reads a plain answer, a chat.completion, into e. Errors are those
// of DecodeEvent.
func DecodeWhole(doc *llm.Document, e *llm.Event) error {
	if err := decode(doc, e, llm.WholeEvent, "message"); err != nil {
		return err
	}
	if doc.Root().Get("choices").Kind() != llm.Array {
		return wire.Unusable("it has no choices")
	}
	return nil
}

// Decoder reads the events of one stream, as DecodeEvent does, and knows when it may
// end. The zero Decoder is ready.
type Decoder struct {
	ended []bool // by the index of a choice: it has told why it ended
}

// DecodeEvent is the function of that name.
func (d *Decoder) DecodeEvent(doc *llm.Document, e *llm.Event) error {
	if err := DecodeEvent(doc, e); err != nil {
		return err
	}
	doc.Root().Get("choices").Items(func(place int, choice llm.Value) bool {
		for index, _ := position(choice, place); len(d.ended) <= index; {
			d.ended = append(d.ended, false)
		}
		return true
	})
	for _, f := range e.Finishes {
		d.ended[f.Choice] = true
	}
	return nil
}

// Complete says whether the answer may end here although nothing marks its end, as
// services do that leave [DONE] out: every choice has told why it ended.
func (d *Decoder) Complete() bool { return len(d.ended) > 0 && !slices.Contains(d.ended, false) }

func failed(failure llm.Value, usage *llm.Usage) error {
	told := wire.ToldBy(failure)
	told.Usage = usage
	return wire.Told("The provider ended its answer with an error.", told)
}

// otherFailure knows the errors that have no member error: Mistral's and those of
// older servers of vLLM are objects of their own, and those of Google's compatible
// address stand in an array.
func otherFailure(root llm.Value) (failure llm.Value, told bool) {
	if root.Get("object").Text() == "error" {
		return root, true
	}
	root.Items(func(_ int, item llm.Value) bool {
		failure = item.Get("error")
		return false
	})
	return failure, failure.Kind() == llm.Object
}

func decode(doc *llm.Document, e *llm.Event, kind llm.EventKind, said string) error {
	root := doc.Root()
	failure, told := otherFailure(root)
	switch {
	case told:
		return failed(failure, nil)
	case root.Kind() != llm.Object:
		return wire.Unusable("it is not an object")
	}
	*e = llm.Event{
		Kind: kind, Dialect: llm.Chat, Body: doc,
		ID: e.ID, Model: e.Model,
		Deltas: e.Deltas[:0], Finishes: e.Finishes[:0], Logprobs: e.Logprobs[:0],
	}
	var choices, usage, groq llm.Value
	var id, model string
	root.Members(func(key, v llm.Value) bool {
		switch key.Text() {
		case "id":
			id = v.Text()
		case "model":
			model = v.Text()
		case "created":
			e.Created, _ = v.Int()
		case "choices":
			choices = v
		case "usage":
			usage = v
		case "x_groq":
			groq = v.Get("usage")
		case "error":
			failure = v
		}
		return true
	})
	if e.Usage = readUsage(usage); e.Usage == nil {
		e.Usage = readUsage(groq)
	}
	if !failure.IsNull() {
		return failed(failure, e.Usage)
	}
	keep(&e.ID, id)
	keep(&e.Model, model)
	e.UsageOnly = e.Usage != nil && choices.Len() == 0
	return readChoices(choices, e, said)
}

// keep sets a string of its own, not a view of bytes that the next event
// overwrites; through a stream the string stays the same and is made once.
func keep(kept *string, now string) {
	if *kept != now {
		*kept = strings.Clone(now)
	}
}

func readChoices(choices llm.Value, e *llm.Event, said string) error {
	if !choices.IsNull() && choices.Kind() != llm.Array {
		return wire.Unusable("its choices are not an array")
	}
	ok := true
	choices.Items(func(i int, choice llm.Value) bool {
		ok = readChoice(i, choice, e, said)
		return ok
	})
	if !ok {
		return wire.Unusable("a choice has not the form of this API")
	}
	return nil
}

func readChoice(place int, choice llm.Value, e *llm.Event, said string) (ok bool) {
	if choice.Kind() != llm.Object {
		return false
	}
	index, ok := position(choice, place)
	if !ok {
		return false
	}
	choice.Members(func(key, v llm.Value) bool {
		switch key.Text() {
		case said:
			ok = v.IsNull() || v.Kind() == llm.Object
			readSaid(index, v, e)
		case "logprobs":
			if !v.IsNull() {
				e.Logprobs = append(e.Logprobs, v)
			}
		case "finish_reason":
			if v.Text() != "" {
				e.Finishes = append(e.Finishes, llm.Finish{Choice: index, Reason: stopReason(v.Text())})
			}
		}
		return ok
	})
	return ok
}

// position reads an index, which some providers leave out.
func position(v llm.Value, place int) (int, bool) {
	const positionMax = 1 << 20
	index := v.Get("index")
	if index.IsNull() {
		return place, true
	}
	n, ok := index.Int()
	return int(n), ok && n >= 0 && n < positionMax
}

// stopReason reads also the words of providers that are not quite compatible.
func stopReason(word string) llm.StopReason {
	switch word {
	case "length", "max_tokens", "model_length":
		return llm.StopLength
	case "tool_calls", "function_call", "tool_use":
		return llm.StopTools
	case "content_filter", "safety":
		return llm.StopFilter
	}
	return llm.StopEnd
}

// readSaid reads a delta or a message. Its members stand in no order: many services write the
// reasoning last, Mistral the calls first. What was thought was thought before it was said,
// and what was said before calls.
func readSaid(choice int, said llm.Value, e *llm.Event) {
	before := len(e.Deltas)
	said.Members(func(key, v llm.Value) bool {
		switch key.Text() {
		case "content":
			readContent(choice, v, e)
		case "reasoning_content":
			addText(choice, llm.ThinkingDelta, v, e)
		case "reasoning":
			// Some providers say the same under both names.
			if said.Get("reasoning_content").Kind() != llm.String {
				addText(choice, llm.ThinkingDelta, v, e)
			} else {
				addAside(choice, asideReasoning, v, e)
			}
		case "reasoning_details":
			readDetails(choice, v, e)
		case "refusal":
			addText(choice, llm.RefusalDelta, v, e)
		case "tool_calls":
			v.Items(func(i int, call llm.Value) bool {
				if index, ok := position(call, i); ok {
					addCall(choice, index, call.Get("id"), call.Get("function"), e)
					addArguments(choice, index, call.Get("custom").Get("input"), e)
				}
				return true
			})
		case "function_call":
			addCall(choice, 0, llm.Value{}, v, e)
		}
		return true
	})
	slices.SortStableFunc(e.Deltas[before:], func(a, b llm.Delta) int { return rank(a.Kind) - rank(b.Kind) })
}

func rank(kind llm.DeltaKind) int {
	switch kind {
	case llm.ThinkingDelta:
		return 0
	case llm.ToolCallDelta, llm.ToolArgumentsDelta:
		return 2
	}
	return 1
}

func addText(choice int, kind llm.DeltaKind, text llm.Value, e *llm.Event) {
	if text.Text() != "" {
		e.Deltas = append(e.Deltas, llm.Delta{Choice: choice, Kind: kind, Text: text})
	}
}

// readContent reads a text, or the blocks that some providers answer with.
func readContent(choice int, content llm.Value, e *llm.Event) {
	addText(choice, llm.TextDelta, content, e)
	content.Items(func(_ int, block llm.Value) bool {
		addText(choice, llm.TextDelta, block.Get("text"), e)
		block.Get("thinking").Items(func(_ int, thought llm.Value) bool {
			addText(choice, llm.ThinkingDelta, thought.Get("text"), e)
			return true
		})
		return true
	})
}

func addCall(choice, index int, id, function llm.Value, e *llm.Event) {
	name, arguments := function.Get("name"), function.Get("arguments")
	if id.Text() != "" || name.Text() != "" {
		e.Deltas = append(e.Deltas, llm.Delta{
			Choice: choice, Kind: llm.ToolCallDelta, Index: index, ToolID: id, ToolName: name,
		})
	}
	addArguments(choice, index, arguments, e)
}

func addArguments(choice, index int, arguments llm.Value, e *llm.Event) {
	if arguments.Text() != "" {
		e.Deltas = append(e.Deltas, llm.Delta{
			Choice: choice, Kind: llm.ToolArgumentsDelta, Index: index, Text: arguments,
		})
	}
}

// The asides of this dialect: reasoning that is said a second time, and from
// asideDetails on the texts and summaries of reasoning_details, by their index.
const (
	asideReasoning = iota
	asideDetails
)

func readDetails(choice int, details llm.Value, e *llm.Event) {
	details.Items(func(i int, detail llm.Value) bool {
		if index, ok := position(detail, i); ok {
			addAside(choice, asideDetails+2*index, detail.Get("text"), e)
			addAside(choice, asideDetails+2*index+1, detail.Get("summary"), e)
		}
		return true
	})
}

func addAside(choice, index int, text llm.Value, e *llm.Event) {
	if text.Text() != "" {
		e.Deltas = append(e.Deltas, llm.Delta{Choice: choice, Kind: llm.AsideDelta, Index: index, Text: text})
	}
}
