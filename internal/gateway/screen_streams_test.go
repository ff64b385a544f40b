package gateway

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/internal/dialect"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dialect/converse"
	"github.com/sallyport-ai/sallyport/internal/dialect/gemini"
	"github.com/sallyport-ai/sallyport/internal/dialect/messages"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses/responsestest"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// block is a piece of an answer that a provider of any dialect can give.
type block struct {
	kind llm.DeltaKind // TextDelta, ThinkingDelta or ToolCallDelta
	tool string
	text string
}

// frame is an event of a provider's stream; without data, its end.
type frame struct{ name, data string }

// told is what a client has heard.
type told struct {
	text, thinking string
	tools          []toldCall
}

type toldCall struct{ name, arguments string }

// TestScreenStreams has providers of every dialect say what policy hides, and
// placeholders, whole and broken, cut at any place, to clients of every dialect: the
// stream keeps to the client's dialect, values come back whole where they may, and
// of what is hidden nothing comes through.
func TestScreenStreams(t *testing.T) {
	t.Parallel()
	const secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
	policy := dlp.DefaultPolicy()
	policy.TrustedTools = []string{"trusted"}
	plan := dlp.New().Plan(policy)
	placeholder := screenedRequest(t, plan, "chat").req.Messages[0].Parts[0].Text.Text()
	words := []string{"hello ", placeholder, " and ", " " + secret + " ", ` \"x `, "⟦", "⟦EMAIL", "naïve 👩‍💻 ", "\n", " 4"}
	for provider, stream := range providerStreams {
		for client := range clientReaders {
			t.Run(provider+" to "+client, func(t *testing.T) {
				t.Parallel()
				for seed := range uint64(30) {
					r := rand.New(rand.NewPCG(seed, 7))
					blocks := someBlocks(r, words)
					got, raw := listen(t, plan, provider, client, stream(r, blocks))
					if want := expected(blocks, provider, placeholder, secret); !slices.Equal(got.tools, want.tools) || got.text != want.text || got.thinking != want.thinking {
						t.Fatalf("seed %d: got %q, want %q in %s", seed, got, want, raw)
					}
				}
			})
		}
	}
}

// Reasoning that a provider of chats has told ends before the text for a client of
// Responses, unless something of it is held back, which comes at the end.
func TestScreenThought(t *testing.T) {
	t.Parallel()
	plan := dlp.New().Plan(dlp.DefaultPolicy())
	for thought, first := range map[string]bool{"Hm. ": true, "It is ghp_16C7e42F292c6912E771": false} {
		blocks := []block{{kind: llm.ThinkingDelta, text: thought}, {kind: llm.TextDelta, text: "Well."}}
		got, raw := listen(t, plan, "chat", "responses", chatFrames(rand.New(rand.NewPCG(1, 7)), blocks))
		done, text := strings.Index(raw, `"response.reasoning_summary_text.done"`), strings.Index(raw, `"response.output_text.delta"`)
		if got.thinking != thought || got.text != "Well." || done < 0 || done < text != first {
			t.Errorf("%q: got %q in %s", thought, got, raw)
		}
	}
}

func someBlocks(r *rand.Rand, words []string) []block {
	say := func() (text string) {
		for range 1 + r.IntN(4) {
			text += words[r.IntN(len(words))]
		}
		return text
	}
	blocks := []block{{kind: llm.ThinkingDelta, text: say()}, {kind: llm.TextDelta, text: say()}}
	for n := range r.IntN(3) {
		blocks = append(blocks, block{llm.ToolCallDelta, []string{"trusted", "other"}[n], `{"a":` + quote(say()) + `,"b":[` + quote(say()) + `,12]}`})
	}
	return blocks
}

// expected is what a client is to hear. Thinking of the models of Anthropic is signed:
// its placeholders stay.
func expected(blocks []block, provider, placeholder, secret string) (want told) {
	const hidden = "[REDACTED:GITHUB_TOKEN]"
	for _, b := range blocks {
		text := strings.ReplaceAll(b.text, secret, hidden)
		restored := strings.ReplaceAll(text, placeholder, secretMail)
		switch {
		case b.kind == llm.TextDelta:
			want.text += restored
		case b.kind == llm.ThinkingDelta && (provider == "messages" || provider == "converse"):
			want.thinking += text
		case b.kind == llm.ThinkingDelta:
			want.thinking += restored
		case b.tool == "trusted":
			want.tools = append(want.tools, toldCall{b.tool, restored})
		default:
			want.tools = append(want.tools, toldCall{b.tool, text})
		}
	}
	return want
}

func quote(text string) string { return string(llm.Quote(text)) }

// pieces cuts a text at random places.
func pieces(r *rand.Rand, text string) (all []string) {
	for runes := []rune(text); len(runes) > 0; {
		n := min(1+r.IntN(1+r.IntN(12)), len(runes))
		all, runes = append(all, string(runes[:n])), runes[n:]
	}
	return all
}

// providerStreams write blocks in the dialects of providers.
var providerStreams = map[string]func(*rand.Rand, []block) []frame{
	"chat": chatFrames, "messages": messagesFrames, "responses": responsesFrames, "gemini": geminiFrames, "converse": converseFrames,
}

// chatFrames mixes the pieces of calls.
func chatFrames(r *rand.Rand, blocks []block) (all []frame) {
	say := func(delta, finish string) {
		all = append(all, frame{"", `{"id":"c1","choices":[{"index":0,"delta":` + delta + `,"finish_reason":` + finish + `}]}`})
	}
	var calls [][]string
	for _, b := range blocks {
		if b.kind == llm.ToolCallDelta {
			say(fmt.Sprintf(`{"tool_calls":[{"index":%d,"id":"call_%[1]d","type":"function","function":{"name":%q,"arguments":""}}]}`, len(calls), b.tool), "null")
			calls = append(calls, pieces(r, b.text))
			continue
		}
		name := map[llm.DeltaKind]string{llm.TextDelta: "content", llm.ThinkingDelta: "reasoning_content"}[b.kind]
		for _, p := range pieces(r, b.text) {
			say(`{"`+name+`":`+quote(p)+`}`, "null")
		}
	}
	for slices.ContainsFunc(calls, func(c []string) bool { return len(c) > 0 }) {
		if i := r.IntN(len(calls)); len(calls[i]) > 0 {
			say(fmt.Sprintf(`{"tool_calls":[{"index":%d,"function":{"arguments":%s}}]}`, i, quote(calls[i][0])), "null")
			calls[i] = calls[i][1:]
		}
	}
	say("{}", `"stop"`)
	return append(all, frame{})
}

func messagesFrames(r *rand.Rand, blocks []block) (all []frame) {
	say := func(name, rest string) {
		all = append(all, frame{name, `{"type":"` + name + `"` + rest + `}`})
	}
	say("message_start", `,"message":{"id":"msg_1","model":"m","content":[],"usage":{"input_tokens":1,"output_tokens":1}}`)
	for i, b := range blocks {
		start, kind, member := `{"type":"text","text":""}`, "text_delta", "text"
		switch b.kind {
		case llm.ThinkingDelta:
			start, kind, member = `{"type":"thinking","thinking":"","signature":""}`, "thinking_delta", "thinking"
		case llm.ToolCallDelta:
			start, kind, member = fmt.Sprintf(`{"type":"tool_use","id":"call_%d","name":%q,"input":{}}`, i, b.tool), "input_json_delta", "partial_json"
		}
		say("content_block_start", fmt.Sprintf(`,"index":%d,"content_block":%s`, i, start))
		for _, p := range pieces(r, b.text) {
			say("content_block_delta", fmt.Sprintf(`,"index":%d,"delta":{"type":%q,%q:%s}`, i, kind, member, quote(p)))
		}
		say("content_block_stop", fmt.Sprintf(`,"index":%d`, i))
	}
	say("message_delta", `,"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":7}`)
	say("message_stop", "")
	return all
}

// responsesFrames tells each text in pieces and then three times as a whole.
func responsesFrames(r *rand.Rand, blocks []block) (all []frame) {
	say := func(name, rest string) {
		all = append(all, frame{name, fmt.Sprintf(`{"type":%q,"sequence_number":%d%s}`, name, len(all), rest)})
	}
	response := func(status, output string) string {
		return `,"response":{"id":"resp_1","object":"response","status":"` + status + `","model":"m","output":[` + output + `]}`
	}
	say("response.created", response("in_progress", ""))
	var items []string
	for i, b := range blocks {
		at := fmt.Sprintf(`,"output_index":%d,"item_id":"i%[1]d"`, i)
		head := fmt.Sprintf(`{"id":"i%d","type":"function_call","call_id":"call_%[1]d","name":%q,"arguments":`, i, b.tool)
		added, item, stem, whole := head+`""}`, head+quote(b.text)+`}`, "response.function_call_arguments", "arguments"
		part, place, kind := "", "", "output_text"
		switch b.kind {
		case llm.TextDelta:
			head = fmt.Sprintf(`{"id":"i%d","type":"message","role":"assistant","content":[`, i)
			stem, whole, part, place = "response.output_text", "text", "response.content_part", `,"content_index":0`
		case llm.ThinkingDelta:
			head = fmt.Sprintf(`{"id":"i%d","type":"reasoning","summary":[`, i)
			stem, whole, part, place, kind = "response.reasoning_summary_text", "text", "response.reasoning_summary_part", `,"summary_index":0`, "summary_text"
		}
		if part != "" {
			added, item = head+`]}`, head+`{"type":"`+kind+`","text":`+quote(b.text)+`}]}`
		}
		say("response.output_item.added", fmt.Sprintf(`,"output_index":%d,"item":%s`, i, added))
		if part != "" {
			say(part+".added", at+place+`,"part":{"type":"`+kind+`","text":""}`)
		}
		for _, p := range pieces(r, b.text) {
			say(stem+".delta", at+place+`,"delta":`+quote(p))
		}
		say(stem+".done", at+place+`,"`+whole+`":`+quote(b.text))
		if part != "" {
			say(part+".done", at+place+`,"part":{"type":"`+kind+`","text":`+quote(b.text)+`}`)
		}
		say("response.output_item.done", fmt.Sprintf(`,"output_index":%d,"item":%s`, i, item))
		items = append(items, item)
	}
	say("response.completed", response("completed", strings.Join(items, ",")))
	return all
}

// geminiFrames has several parts in one event, also of one text.
func geminiFrames(r *rand.Rand, blocks []block) (all []frame) {
	var parts []string
	for _, b := range blocks {
		if b.kind == llm.ToolCallDelta {
			parts = append(parts, fmt.Sprintf(`{"functionCall":{"name":%q,"args":%s}}`, b.tool, b.text))
			continue
		}
		for _, p := range pieces(r, b.text) {
			parts = append(parts, fmt.Sprintf(`{"thought":%t,"text":%s}`, b.kind == llm.ThinkingDelta, quote(p)))
		}
	}
	for len(parts) > 0 {
		n, finish := min(1+r.IntN(3), len(parts)), ""
		if n == len(parts) {
			finish = `,"finishReason":"STOP"`
		}
		all = append(all, frame{"", `{"candidates":[{"content":{"role":"model","parts":[` + strings.Join(parts[:n], ",") + `]}` + finish + `}],"responseId":"r1"}`})
		parts = parts[n:]
	}
	return append(all, frame{})
}

func converseFrames(r *rand.Rand, blocks []block) (all []frame) {
	for i, b := range blocks {
		form := `{"text":%s}`
		switch b.kind {
		case llm.ThinkingDelta:
			form = `{"reasoningContent":{"text":%s}}`
		case llm.ToolCallDelta:
			form = `{"toolUse":{"input":%s}}`
			all = append(all, frame{"contentBlockStart", fmt.Sprintf(`{"contentBlockIndex":%d,"start":{"toolUse":{"toolUseId":"call_%[1]d","name":%q}}}`, i, b.tool)})
		}
		for _, p := range pieces(r, b.text) {
			all = append(all, frame{"contentBlockDelta", fmt.Sprintf(`{"contentBlockIndex":%d,"delta":`+form+`}`, i, quote(p))})
		}
		all = append(all, frame{"contentBlockStop", fmt.Sprintf(`{"contentBlockIndex":%d}`, i)})
	}
	return append(all, frame{"messageStop", `{"stopReason":"end_turn"}`}, frame{})
}

type asked struct {
	req     *llm.Request
	screen  *dlp.Screen
	encoder interface {
		Event(e *llm.Event) ([]byte, error)
	}
}

// screenedRequest is a request of that dialect, which names secretMail.
func screenedRequest(t *testing.T, plan *dlp.Plan, client string) (a asked) {
	t.Helper()
	var err error
	const head = `{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"` + secretMail + `"}]}`
	switch client {
	case "chat":
		if a.req, err = chat.Decode([]byte(head)); err == nil {
			a.encoder = chat.NewEncoder(a.req, time.Unix(1, 0))
		}
	case "messages":
		if a.req, err = messages.Decode([]byte(head)); err == nil {
			a.encoder = messages.NewEncoder(a.req, time.Unix(1, 0))
		}
	case "responses":
		if a.req, err = responses.Decode([]byte(`{"model":"m","stream":true,"input":"` + secretMail + `"}`)); err == nil {
			a.encoder = responses.NewEncoder(a.req, time.Unix(1, 0))
		}
	}
	a.screen = plan.Screen(testMAC, "user/ann")
	if err == nil {
		err = a.screen.Request(a.req.Body, dialect.Opaque(a.req.Dialect), a.req.Signed...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// listen is the way of a stream to a client, who reads it strictly.
func listen(t *testing.T, plan *dlp.Plan, provider, client string, frames []frame) (told, string) {
	t.Helper()
	a := screenedRequest(t, plan, client)
	var heard strings.Builder
	s := screened{call: &Call{Request: a.req}, screen: a.screen, out: func(e *llm.Event) error {
		text, err := a.encoder.Event(e)
		heard.Write(text)
		return err
	}}
	var (
		m   messages.Decoder
		o   responses.Decoder
		g   gemini.Decoder
		c   converse.Decoder
		doc llm.Document
		e   llm.Event
		buf []byte
	)
	decode := map[string]func(name string) error{
		"chat":      func(string) error { return chat.DecodeEvent(&doc, &e) },
		"messages":  func(name string) error { return m.DecodeEvent(name, &doc, &e) },
		"responses": func(name string) error { return o.DecodeEvent(name, &doc, &e) },
		"gemini":    func(string) error { return g.DecodeEvent(&doc, &e) },
		"converse":  func(name string) error { return c.DecodeEvent(name, &doc, &e) },
	}[provider]
	for _, f := range frames {
		var err error
		if f.data == "" {
			e = llm.Event{Kind: llm.DoneEvent, Dialect: llm.Dialect(provider)}
		} else {
			clear(buf) // who keeps a view of the last event finds nothing
			buf = append(buf[:0], f.data...)
			if err = doc.Reset(buf); err == nil {
				err = decode(f.name)
			}
		}
		if err == nil {
			err = s.push(&e)
		}
		if err != nil {
			t.Fatalf("%v at %s", err, f.data)
		}
	}
	got, err := clientReaders[client](heard.String())
	if err != nil {
		t.Fatalf("%v in %s", err, heard.String())
	}
	return got, heard.String()
}

// clientReaders read streams as strict clients do.
var clientReaders = map[string]func(string) (told, error){
	"chat": readChat, "messages": readMessages, "responses": readResponses,
}

func readResponses(stream string) (got told, err error) {
	s, err := responsestest.Read(stream)
	got.text, got.thinking = s.Text, s.Thinking
	for _, c := range s.Calls {
		got.tools = append(got.tools, toldCall{c.Name, c.Arguments})
	}
	return got, err
}

func readChat(stream string) (got told, err error) {
	all, done := strings.CutSuffix(stream, "data: [DONE]\n\n")
	if !done {
		return got, fmt.Errorf("it has no end")
	}
	for f := range strings.SplitSeq(strings.TrimSuffix(all, "\n\n"), "\n\n") {
		var c struct {
			Choices []struct {
				Delta struct {
					Content   string
					Reasoning string `json:"reasoning_content"`
					ToolCalls []struct {
						Index    int
						ID       string
						Function struct{ Name, Arguments string }
					} `json:"tool_calls"`
				}
			}
		}
		if err := json.Unmarshal([]byte(strings.TrimPrefix(f, "data: ")), &c); err != nil {
			return got, err
		}
		for _, choice := range c.Choices {
			got.text += choice.Delta.Content
			got.thinking += choice.Delta.Reasoning
			for _, call := range choice.Delta.ToolCalls {
				begins := call.Index == len(got.tools)
				if begins != (call.ID != "") || begins != (call.Function.Name != "") || call.Index > len(got.tools) {
					return got, fmt.Errorf("a call begins twice or not at all: %s", f)
				}
				if begins {
					got.tools = append(got.tools, toldCall{name: call.Function.Name})
				}
				got.tools[call.Index].arguments += call.Function.Arguments
			}
		}
	}
	return got, nil
}

// readMessages knows that blocks follow each other and what stands in each.
func readMessages(stream string) (got told, err error) {
	open, next, last := "", 0, ""
	for f := range strings.SplitSeq(strings.TrimSuffix(stream, "\n\n"), "\n\n") {
		name, data, _ := strings.Cut(strings.TrimPrefix(f, "event: "), "\n")
		var e struct {
			Type  string
			Index int
			Block struct{ Type, ID, Name string } `json:"content_block"`
			Delta struct {
				Type, Text, Thinking string
				JSON                 string `json:"partial_json"`
			}
		}
		if err := json.Unmarshal([]byte(strings.TrimPrefix(data, "data: ")), &e); err != nil || e.Type != name {
			return got, fmt.Errorf("%q: %v", f, err)
		}
		fits := false
		switch name {
		case "message_start":
			fits = last == ""
		case "content_block_start":
			fits = open == "" && e.Index == next && last != ""
			if open, next = e.Block.Type, next+1; open == "tool_use" {
				got.tools = append(got.tools, toldCall{name: e.Block.Name})
			}
		case "content_block_delta":
			of := map[string]string{"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "tool_use"}[e.Delta.Type]
			fits = open == of && e.Index == next-1
			got.text += e.Delta.Text
			got.thinking += e.Delta.Thinking
			if of == "tool_use" && len(got.tools) > 0 {
				got.tools[len(got.tools)-1].arguments += e.Delta.JSON
			}
		case "content_block_stop":
			fits = open != "" && e.Index == next-1
			open = ""
		case "message_delta":
			fits = open == "" && last != ""
		case "message_stop":
			fits = last == "message_delta"
		}
		if !fits {
			return got, fmt.Errorf("it does not belong there: %s", f)
		}
		last = name
	}
	if last != "message_stop" {
		err = fmt.Errorf("it has no end")
	}
	return got, err
}
