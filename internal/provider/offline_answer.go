package provider

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport/internal/llm"
)

// offlineSentence begins every built-in answer: nobody shall take it for an AI.
const offlineSentence = "This is Sallyport's offline model: a script, not an AI."

// echoMax and insertMax bound, in bytes, how much of the user's text a built-in
// answer and one {{last}} of a script repeat.
const (
	echoMax   = 2_000
	insertMax = 64 << 10
)

// offlineAnswer is what the offline model is going to say: a text, or one call
// of a tool.
type offlineAnswer struct {
	pieces    []string // the text as it is streamed
	tool      string   // "": no tool is called
	arguments string
	cut       bool // max_tokens was reached
}

// builtinAnswer is the answer where no rule of a script matches.
func builtinAnswer(t talk) offlineAnswer {
	if sound := t.req.Audio; sound != nil {
		return textAnswer(fmt.Sprintf("%s It cannot hear: the file %s has %d bytes.", offlineSentence, shorten(sound.Name.Text(), echoMax), len(sound.Data)))
	}
	if t.answered {
		return textAnswer(offlineSentence + " The tool answered: " + shorten(t.result, echoMax))
	}
	if tool, called := calledTool(t); called {
		return offlineAnswer{tool: tool.Name.Text(), arguments: sampleArguments(tool.Schema, t.last)}
	}
	if t.last == "" {
		return textAnswer(offlineSentence + " You sent no text.")
	}
	return textAnswer(offlineSentence + " You said: " + shorten(t.last, echoMax))
}

// textAnswer streams word by word.
func textAnswer(text string) offlineAnswer {
	return offlineAnswer{pieces: strings.SplitAfter(text, " ")}
}

// calledTool returns the tool that tool_choice demands or the user's text names.
func calledTool(t talk) (llm.Tool, bool) {
	choice := t.req.ToolChoice
	if len(t.req.Tools) == 0 || choice.Mode == "none" {
		return llm.Tool{}, false
	}
	for _, tool := range t.req.Tools {
		if choice.Mode == "named" && tool.Name.Text() == choice.Name.Text() {
			return tool, true
		}
	}
	for _, tool := range t.req.Tools {
		if choice.Mode != "named" && asksFor(t.last, tool.Name.Text()) {
			return tool, true
		}
	}
	return t.req.Tools[0], choice.Mode == "required"
}

// asksFor says whether "call NAME" stands in text, in any case of letters.
func asksFor(text, name string) bool {
	rest, phrase := strings.ToLower(text), "call "+strings.ToLower(name)
	for {
		_, after, found := strings.Cut(rest, phrase)
		if !found {
			return false
		}
		next, _ := utf8.DecodeRuneInString(after)
		if after == "" || !(unicode.IsLetter(next) || unicode.IsDigit(next) || next == '_' || next == '-') {
			return true
		}
		rest = after
	}
}

// sampleDepthMax bounds how deep arguments are made up.
const sampleDepthMax = 8

// sampleArguments makes up arguments that have every required property, with the
// user's text where any string will do.
func sampleArguments(schema llm.Value, text string) string {
	out, err := json.Marshal(sampleObject(schema, shorten(text, echoMax), 0))
	if err != nil {
		return "{}"
	}
	return string(out)
}

func sampleObject(schema llm.Value, text string, depth int) map[string]any {
	object := make(map[string]any)
	schema.Get("required").Items(func(_ int, name llm.Value) bool {
		object[name.Text()] = sample(schema.Get("properties").Get(name.Text()), text, depth+1)
		return true
	})
	return object
}

func sample(schema llm.Value, text string, depth int) any {
	for _, given := range []llm.Value{schema.Get("const"), schema.Get("default"), firstItem(schema.Get("enum"))} {
		if given.Exists() {
			return json.RawMessage(given.JSON())
		}
	}
	kind := schema.Get("type")
	if kind.Kind() == llm.Array {
		kind = firstItem(kind)
	}
	switch kind.Text() {
	case "integer", "number":
		if least := schema.Get("minimum"); least.Kind() == llm.Number {
			return json.RawMessage(least.JSON())
		}
		return 0
	case "boolean":
		return false
	case "null":
		return nil
	case "array":
		return []any{}
	case "object":
		if depth >= sampleDepthMax {
			return map[string]any{}
		}
		return sampleObject(schema, text, depth)
	}
	return text
}

func firstItem(v llm.Value) (first llm.Value) {
	v.Items(func(_ int, item llm.Value) bool {
		first = item
		return false
	})
	return first
}

// bound cuts the answer at the first stop sequence and at max_tokens, whichever
// comes first. Arguments know no stop sequence.
func (a *offlineAnswer) bound(req *llm.Request) {
	size := len(a.arguments)
	if a.tool == "" {
		size = stopAt(strings.Join(a.pieces, ""), req.Settings.Stop)
	}
	if most := req.OutputMax; most > 0 && most < tokensOf(size) {
		size, a.cut = int(most)*bytesPerToken, true
	}
	if a.tool != "" {
		a.arguments = cutText(a.arguments, size)
		return
	}
	var kept []string
	for _, piece := range a.pieces {
		part := cutText(piece, size)
		if size -= len(piece); part != "" {
			kept = append(kept, part)
		}
		if size <= 0 {
			break
		}
	}
	a.pieces = kept
}

// stopAt returns where text ends when it must stop before any of the sequences.
func stopAt(text string, stop llm.Value) int {
	end := len(text)
	before := func(_ int, s llm.Value) bool {
		if at := strings.Index(text, s.Text()); at >= 0 && s.Text() != "" {
			end = min(end, at)
		}
		return true
	}
	if stop.Kind() == llm.String {
		before(0, stop)
	}
	stop.Items(before)
	return end
}

// size is the length of what the answer says, in bytes.
func (a *offlineAnswer) size() int {
	size := len(a.arguments)
	for _, p := range a.pieces {
		size += len(p)
	}
	return size
}

// cutText returns the first size bytes of s, less a character that would be split.
func cutText(s string, size int) string {
	if len(s) <= size {
		return s
	}
	for size > 0 && !utf8.RuneStart(s[size]) {
		size--
	}
	return s[:max(size, 0)]
}

// shorten cuts s like cutText and shows that it did.
func shorten(s string, size int) string {
	if len(s) <= size {
		return s
	}
	return cutText(s, size) + "…"
}
