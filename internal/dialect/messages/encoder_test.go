package messages_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dialect/messages"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

const asks = `{"model":"asked","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Hi"}]}`

func newEncoder(t *testing.T) *messages.Encoder {
	t.Helper()
	return messages.NewEncoder(decode(t, asks), time.Unix(1, 0))
}

// A stream of this dialect passes byte for byte, with names and pings, but for the model's name.
func TestEncoderPasses(t *testing.T) {
	t.Parallel()
	stream := []string{
		"event: message_start\ndata: {\"type\":\"message_start\", \"message\":{\"id\":\"msg_1\",\"model\":\"theirs\",\"usage\":{\"input_tokens\":1}}}\n\n",
		"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
		"event: ping\ndata: {\"type\": \"ping\"}\n\n",
		"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"\\u00e9\"}}\n\n",
		"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
		"event: novelty\ndata: {\"type\":\"novelty\",\ndata: \"x\":1}\n\n",
		"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"END\"},\"usage\":{\"output_tokens\":2}}\n\n",
		"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
	}
	var d messages.Decoder
	enc := newEncoder(t)
	for _, frame := range stream {
		head, rest, _ := strings.Cut(frame, "\n")
		data := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(rest, "data: "), "\n\n"), "\ndata: ", "\n")
		doc, err := llm.Parse([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		var e llm.Event
		if err := d.DecodeEvent(strings.TrimPrefix(head, "event: "), doc, &e); err != nil {
			t.Fatal(err)
		}
		got, err := enc.Event(&e)
		if want := strings.Replace(frame, `"model":"theirs"`, `"model":"asked"`, 1); err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}

// The rest of a text that its block began with goes out as a piece: a block begins once.
func TestEncoderBeginsABlockOnce(t *testing.T) {
	t.Parallel()
	var e llm.Event
	doc, err := llm.Parse([]byte(`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"rest"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := new(messages.Decoder).DecodeEvent("content_block_start", doc, &e); err != nil {
		t.Fatal(err)
	}
	enc := newEncoder(t)
	first, err := enc.Event(&e)
	if err != nil || !strings.HasPrefix(string(first), "event: content_block_start\n") {
		t.Fatalf("got %q, %v", first, err)
	}
	again, err := enc.Event(&e)
	want := "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"rest\"}}\n\n"
	if err != nil || string(again) != want {
		t.Errorf("got %q, %v, want %q", again, err, want)
	}
}

// fromChat streams chunks of the chat dialect to a client of this one and returns
// its events in short; the frames must be whole and their names those in the data.
func fromChat(t *testing.T, chunks ...string) []string {
	t.Helper()
	enc := newEncoder(t)
	var frames strings.Builder
	push := func(e *llm.Event) {
		got, err := enc.Event(e)
		if err != nil {
			t.Fatal(err)
		}
		frames.Write(got)
	}
	for _, chunk := range chunks {
		var doc llm.Document
		var e llm.Event
		if err := doc.Reset([]byte(chunk)); err != nil {
			t.Fatal(err)
		}
		if err := chat.DecodeEvent(&doc, &e); err != nil {
			t.Fatal(err)
		}
		push(&e)
	}
	push(&llm.Event{Kind: llm.DoneEvent, Dialect: llm.Chat})
	return eventsOf(t, frames.String())
}

// eventsOf reads a stream as this dialect's clients do, and judges its order.
func eventsOf(t *testing.T, stream string) (events []string) {
	t.Helper()
	open, next, ended := -1, 0, false
	for frame := range strings.SplitSeq(strings.TrimSuffix(stream, "\n\n"), "\n\n") {
		head, data, _ := strings.Cut(frame, "\n")
		var e struct {
			Type    string
			Index   int
			Block   json.RawMessage `json:"content_block"`
			Delta   json.RawMessage
			Message json.RawMessage
			Usage   json.RawMessage
		}
		if err := json.Unmarshal([]byte(strings.TrimPrefix(data, "data: ")), &e); err != nil || head != "event: "+e.Type {
			t.Fatalf("%q: %v", frame, err)
		}
		text := e.Type
		switch {
		case ended, (e.Type == "message_start") != (len(events) == 0):
			t.Errorf("%s is out of order", e.Type)
		case e.Type == "content_block_start" && (open >= 0 || e.Index != next):
			t.Errorf("block %d begins while %d is open and %d is next", e.Index, open, next)
		case e.Type == "content_block_start":
			open, next = e.Index, next+1
		case strings.HasPrefix(e.Type, "content_block_") && e.Index != open:
			t.Errorf("%s of block %d while %d is open", e.Type, e.Index, open)
		case e.Type == "content_block_stop":
			open = -1
		case strings.HasPrefix(e.Type, "message_") && open >= 0:
			t.Errorf("%s while block %d is open", e.Type, open)
		}
		ended = e.Type == "message_stop"
		if strings.HasPrefix(e.Type, "content_") {
			text += fmt.Sprintf(" %d", e.Index)
		}
		for _, more := range []json.RawMessage{e.Message, e.Block, e.Delta, e.Usage} {
			if more != nil {
				text += " " + string(more)
			}
		}
		events = append(events, text)
	}
	if !ended {
		t.Error("the stream has no end")
	}
	return events
}

func chunk(delta, finish string) string {
	if finish != "null" {
		finish = `"` + finish + `"`
	}
	return `{"id":"chatcmpl-7","model":"theirs","created":5,"choices":[{"index":0,"delta":` + delta + `,"finish_reason":` + finish + `}]}`
}

const (
	begins   = `message_start {"id":"msg_7","type":"message","role":"assistant","model":"asked","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}`
	usageOf  = `{"id":"chatcmpl-7","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4}}}`
	usageHas = `{"input_tokens":8,"cache_creation_input_tokens":0,"cache_read_input_tokens":4,"output_tokens":5}`
)

func endsWith(reason, usage string) []string {
	return []string{`message_delta {"stop_reason":"` + reason + `","stop_sequence":null} ` + usage, "message_stop"}
}

const noUsage = `{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}`

func TestEncoderBuilds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		chunks []string
		want   []string
	}{
		{
			"text", []string{chunk(`{"role":"assistant","content":""}`, "null"), chunk(`{"content":"Two <"}`, "null"), chunk(`{"content":"words"}`, "null"), chunk(`{}`, "stop"), usageOf},
			append([]string{
				begins, `content_block_start 0 {"type":"text","text":""}`,
				`content_block_delta 0 {"type":"text_delta","text":"Two <"}`, `content_block_delta 0 {"type":"text_delta","text":"words"}`, "content_block_stop 0",
			}, endsWith("end_turn", usageHas)...),
		},
		{"nothing", []string{chunk(`{}`, "length")}, append([]string{begins}, endsWith("max_tokens", noUsage)...)},
		{
			"a refusal", []string{chunk(`{"refusal":"No."}`, "content_filter")},
			append([]string{begins, `content_block_start 0 {"type":"text","text":""}`, `content_block_delta 0 {"type":"text_delta","text":"No."}`, "content_block_stop 0"}, endsWith("refusal", noUsage)...),
		},
		{
			"thinking, text and two tools by turns",
			[]string{
				chunk(`{"reasoning_content":"Hm."}`, "null"), chunk(`{"content":"I look."}`, "null"),
				chunk(`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}`, "null"),
				chunk(`{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]}`, "null"),
				chunk(`{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{\"y\""}}]}`, "null"),
				chunk(`{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}`, "null"),
				chunk(`{"tool_calls":[{"index":1,"function":{"arguments":":2}"}}]}`, "null"),
				chunk(`{"content":"Late."}`, "null"), chunk(`{}`, "tool_calls"),
			},
			append([]string{
				begins,
				`content_block_start 0 {"type":"thinking","thinking":"","signature":""}`, `content_block_delta 0 {"type":"thinking_delta","thinking":"Hm."}`, "content_block_stop 0",
				`content_block_start 1 {"type":"text","text":""}`, `content_block_delta 1 {"type":"text_delta","text":"I look."}`, "content_block_stop 1",
				`content_block_start 2 {"type":"tool_use","id":"a","name":"f","input":{}}`,
				`content_block_delta 2 {"type":"input_json_delta","partial_json":"{\"x\""}`, `content_block_delta 2 {"type":"input_json_delta","partial_json":":1}"}`, "content_block_stop 2",
				`content_block_start 3 {"type":"tool_use","id":"b","name":"g","input":{}}`,
				`content_block_delta 3 {"type":"input_json_delta","partial_json":"{\"y\":2}"}`, "content_block_stop 3",
				`content_block_start 4 {"type":"text","text":""}`, `content_block_delta 4 {"type":"text_delta","text":"Late."}`, "content_block_stop 4",
			}, endsWith("tool_use", noUsage)...),
		},
		{
			"a call that its provider ends as a text", []string{chunk(`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}`, "null"), chunk(`{}`, "stop")},
			append([]string{begins, `content_block_start 0 {"type":"tool_use","id":"a","name":"f","input":{}}`, `content_block_delta 0 {"type":"input_json_delta","partial_json":"{}"}`, "content_block_stop 0"}, endsWith("tool_use", noUsage)...),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := fromChat(t, tt.chunks...)
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func TestEncoderBuildsWhole(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, answer, want string }{
		{
			"everything",
			`{"id":"chatcmpl-7","model":"theirs","choices":[{"index":0,"message":{"role":"assistant","reasoning_content":"Hm.","content":"I <look>.","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\"x\": 1}"}},{"id":"b","function":{"name":"g","arguments":""}},{"id":"c","function":{"name":"h","arguments":"[1"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":12,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4}}}`,
			`{"id":"msg_7","type":"message","role":"assistant","model":"asked","content":[{"type":"thinking","thinking":"Hm.","signature":""},{"type":"text","text":"I <look>."},{"type":"tool_use","id":"a","name":"f","input":{"x":1}},{"type":"tool_use","id":"b","name":"g","input":{}},{"type":"tool_use","id":"c","name":"h","input":{"arguments":"[1"}}],"stop_reason":"tool_use","stop_sequence":null,"usage":` + usageHas + `}`,
		},
		{
			"nothing", `{"id":"msg_9","choices":[{"index":0,"message":{"content":null},"finish_reason":"length"}]}`,
			`{"id":"msg_9","type":"message","role":"assistant","model":"asked","content":[],"stop_reason":"max_tokens","stop_sequence":null,"usage":` + noUsage + `}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			doc, err := llm.Parse([]byte(tt.answer))
			if err != nil {
				t.Fatal(err)
			}
			var e llm.Event
			if err := chat.DecodeWhole(doc, &e); err != nil {
				t.Fatal(err)
			}
			got, err := newEncoder(t).Whole(&e)
			if err != nil || string(got) != tt.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, tt.want)
			}
		})
	}
}

// A stop sequence that a provider of another dialect reports is told.
func TestEncoderTellsTheStopSequence(t *testing.T) {
	t.Parallel()
	got, err := newEncoder(t).Whole(&llm.Event{Kind: llm.WholeEvent, Dialect: llm.Responses, ID: "msg_1", Finishes: []llm.Finish{{Reason: llm.StopEnd, Stop: "END"}}})
	if err != nil || !strings.Contains(string(got), `"stop_reason":"stop_sequence","stop_sequence":"END"`) {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestEncoderFailure(t *testing.T) {
	t.Parallel()
	doc, err := llm.Parse([]byte(`{"type":"error","error":{"type":"overloaded_error","message":"hunter2"}}`))
	if err != nil {
		t.Fatal(err)
	}
	overloaded, ok := new(messages.Decoder).DecodeEvent("error", doc, new(llm.Event)).(*sallyport.Error)
	if !ok {
		t.Fatal("the provider's error is none")
	}
	for kind, failed := range map[string]sallyport.Error{
		"overloaded_error": *overloaded, "api_error": {Code: sallyport.UpstreamClosed, Message: "x"}, "invalid_request_error": {Code: sallyport.DLPBlocked, Message: "x"},
	} {
		want := "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"" + kind + "\",\"message\":\"" + failed.Message + "\"}}\n\n"
		if got := newEncoder(t).Failure(failed); string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// What waits for the block before it is bounded: a stream need not end.
func TestEncoderBounds(t *testing.T) {
	t.Parallel()
	call := func(index int, arguments string) string {
		return fmt.Sprintf(`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":%d,"id":"c","function":{"name":"f","arguments":"%s"}}]}}]}`, index, arguments)
	}
	const piece = 1 << 20
	long := strings.Repeat("x", piece)
	for name, tt := range map[string]struct {
		chunk func(n int) string
		most  int // chunks
	}{
		"a text that waits": {func(n int) string { return call(min(n, 1), long) }, 66},
		"calls that wait":   {func(n int) string { return call(n, "") }, 4_001},
	} {
		enc := newEncoder(t)
		var err error
		for n := 0; err == nil && n <= tt.most; n++ {
			doc, perr := llm.Parse([]byte(tt.chunk(n)))
			if perr != nil {
				t.Fatal(perr)
			}
			var e llm.Event
			if err = chat.DecodeEvent(doc, &e); err != nil {
				t.Fatal(err)
			}
			_, err = enc.Event(&e)
		}
		if sallyport.CodeOf(err) != sallyport.UpstreamInvalid {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
	}
}
