package chat

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

var created = time.Unix(1767225600, 0)

func chunk(t *testing.T, text string) *llm.Event {
	t.Helper()
	var e llm.Event
	if err := DecodeEvent(document(t, text), &e); err != nil {
		t.Fatalf("DecodeEvent(%s): %v", text, err)
	}
	return &e
}

func frames(t *testing.T, n *Encoder, events ...*llm.Event) string {
	t.Helper()
	var all strings.Builder
	for _, e := range events {
		out, err := n.Event(e)
		if err != nil {
			t.Fatalf("Event: %v", err)
		}
		all.Write(out)
	}
	return all.String()
}

func TestEncoder_same_dialect(t *testing.T) {
	const text = `{"choices":[{"delta":{"content":"a\u00e9"},"x":1.50}],"model":"real"}`
	const usage = `{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}`
	done := &llm.Event{Kind: llm.DoneEvent, Dialect: llm.Chat}
	for name, row := range map[string]struct {
		asked bool
		want  string
	}{
		"asked":     {true, "data: " + text + "\n\ndata: " + usage + "\n\ndata: [DONE]\n\n"},
		"not_asked": {false, "data: " + text + "\n\ndata: [DONE]\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			n := NewEncoder(&llm.Request{Model: "public", UsageAsked: row.asked}, created)
			if got := frames(t, n, chunk(t, text), chunk(t, usage), done); got != row.want {
				t.Errorf("got  %q\nwant %q", got, row.want)
			}
		})
	}
	t.Run("edited", func(t *testing.T) {
		e := chunk(t, text)
		e.Deltas[0].Text.SetText("")
		if got, want := frames(t, NewEncoder(&llm.Request{}, created), e), "data: "+strings.Replace(text, `a\u00e9`, "", 1)+"\n\n"; got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
	t.Run("over_lines", func(t *testing.T) {
		got := frames(t, NewEncoder(&llm.Request{}, created), chunk(t, "{\"choices\":\r\n[]\n}"))
		if want := "data: {\"choices\":\ndata: \ndata: []\ndata: }\n\n"; got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
	t.Run("whole", func(t *testing.T) {
		var e llm.Event
		const whole = " {\"choices\" : [], \"model\":\"real\"}\n"
		if err := DecodeWhole(document(t, whole), &e); err != nil {
			t.Fatal(err)
		}
		if got, err := NewEncoder(&llm.Request{Model: "public"}, created).Whole(&e); string(got) != whole || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// foreign makes an event of another dialect; texts are the strings of doc.
func foreign(t *testing.T, texts ...string) func(i int) llm.Value {
	t.Helper()
	body, _ := json.Marshal(texts)
	root := document(t, string(body)).Root()
	return func(i int) (found llm.Value) {
		root.Items(func(j int, v llm.Value) bool { found = v; return j < i })
		return found
	}
}

func TestEncoder_other_dialect(t *testing.T) {
	v := foreign(t, "Hm.", "Hi <b>.", "toolu_1", "weather", `{"city":`, `"x"}`, "sig", "toolu_2", "time")
	event := func(kind llm.EventKind, deltas ...llm.Delta) *llm.Event {
		return &llm.Event{Kind: kind, Dialect: llm.Messages, Deltas: deltas}
	}
	first := event(llm.ChunkEvent)
	first.ID = "msg_1"
	last := event(llm.ChunkEvent)
	last.Finishes = []llm.Finish{{Reason: llm.StopTools}}
	last.Usage = &llm.Usage{Input: 1, CachedInput: 2, CacheWrite: 3, Output: 4}
	stream := []*llm.Event{
		first,
		event(llm.ChunkEvent, llm.Delta{Kind: llm.ThinkingDelta, Text: v(0)}),
		event(llm.ChunkEvent, llm.Delta{Kind: llm.SignatureDelta, Text: v(6)}),
		event(llm.ChunkEvent, llm.Delta{Kind: llm.TextDelta, Index: 1, Text: v(1)}),
		event(llm.ChunkEvent, llm.Delta{Kind: llm.ToolCallDelta, Index: 2, ToolID: v(2), ToolName: v(3)}),
		event(llm.ChunkEvent, llm.Delta{Kind: llm.ToolArgumentsDelta, Index: 2, Text: v(4)}),
		event(llm.ChunkEvent, llm.Delta{Kind: llm.ToolCallDelta, Index: 3, ToolID: v(7), ToolName: v(8)}),
		event(llm.ChunkEvent, llm.Delta{Kind: llm.ToolArgumentsDelta, Index: 2, Text: v(5)}),
		last,
		event(llm.DoneEvent),
	}
	const head = `data: {"id":"chatcmpl-msg_1","object":"chat.completion.chunk","created":1767225600,"model":"public","choices":[{"index":0,"delta":`
	want := head + `{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}` + "\n\n" +
		head + `{"reasoning_content":"Hm."},"logprobs":null,"finish_reason":null}]}` + "\n\n" +
		head + `{"reasoning_details":[{"type":"reasoning.encrypted","data":"` + wire.Signer{Dialect: llm.Messages, Model: ""}.CutProof("Hm.", "sig", wire.Cut{Length: 3}) + `"}]},"logprobs":null,"finish_reason":null}]}` + "\n\n" +
		head + `{"content":"Hi <b>."},"logprobs":null,"finish_reason":null}]}` + "\n\n" +
		head + `{"tool_calls":[{"index":0,"id":"toolu_1","type":"function","function":{"name":"weather","arguments":""}}]},"logprobs":null,"finish_reason":null}]}` + "\n\n" +
		head + `{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]},"logprobs":null,"finish_reason":null}]}` + "\n\n" +
		head + `{"tool_calls":[{"index":1,"id":"toolu_2","type":"function","function":{"name":"time","arguments":""}}]},"logprobs":null,"finish_reason":null}]}` + "\n\n" +
		head + `{"tool_calls":[{"index":0,"function":{"arguments":"\"x\"}"}}]},"logprobs":null,"finish_reason":null}]}` + "\n\n" +
		head + `{},"logprobs":null,"finish_reason":"tool_calls"}]}` + "\n\n"
	const usage = `data: {"id":"chatcmpl-msg_1","object":"chat.completion.chunk","created":1767225600,"model":"public","choices":[],` +
		`"usage":{"prompt_tokens":6,"completion_tokens":4,"total_tokens":10,"prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":0}}}` + "\n\n"
	if got := frames(t, NewEncoder(&llm.Request{Model: "public"}, created), stream...); got != want+"data: [DONE]\n\n" {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := frames(t, NewEncoder(&llm.Request{Model: "public", UsageAsked: true}, created), stream...); got != want+usage+"data: [DONE]\n\n" {
		t.Errorf("with usage: got  %s\nwant %s", got, want+usage)
	}
	t.Run("held_back", func(t *testing.T) { // a stage took the text away for now
		n := NewEncoder(&llm.Request{Model: "public"}, created)
		w := foreign(t, "secret", "toolu_1", "f")
		w(0).SetText("")
		w(1).SetNull()
		w(2).SetNull()
		if got := frames(t, n, event(llm.ChunkEvent, llm.Delta{Kind: llm.TextDelta, Text: w(0)}, llm.Delta{Kind: llm.ToolCallDelta, ToolID: w(1), ToolName: w(2)})); got != "" {
			t.Errorf("got %s, want nothing", got)
		}
	})
}

func TestEncoder_other_dialect_whole(t *testing.T) {
	v := foreign(t, "Hm.", "Hi.", "toolu_1", "weather", `{"city":"x"}`)
	e := &llm.Event{Kind: llm.WholeEvent, Dialect: llm.Messages, ID: "msg_1", Usage: &llm.Usage{Input: 1, Output: 2},
		Finishes: []llm.Finish{{Reason: llm.StopTools}},
		Deltas: []llm.Delta{
			{Kind: llm.ThinkingDelta, Text: v(0)}, {Kind: llm.TextDelta, Index: 1, Text: v(1)},
			{Kind: llm.ToolCallDelta, Index: 2, ToolID: v(2), ToolName: v(3)}, {Kind: llm.ToolArgumentsDelta, Index: 2, Text: v(4)},
		}}
	const want = `{"id":"chatcmpl-msg_1","object":"chat.completion","created":1767225600,"model":"public","choices":[{"index":0,` +
		`"message":{"role":"assistant","content":"Hi.","reasoning_content":"Hm.","refusal":null,"tool_calls":[{"id":"toolu_1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"x\"}"}}]},` +
		`"logprobs":null,"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}`
	if got, err := NewEncoder(&llm.Request{Model: "public"}, created).Whole(e); string(got) != want || err != nil {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	e.Deltas = e.Deltas[2:]
	got, _ := NewEncoder(&llm.Request{Model: "public"}, created).Whole(e)
	if !strings.Contains(string(got), `"content":null,"refusal":null,"tool_calls"`) {
		t.Errorf("tools alone: got %s, want null content", got)
	}
	e.Deltas, e.Finishes, e.Usage = nil, nil, nil
	got, _ = NewEncoder(&llm.Request{Model: "public"}, created).Whole(e)
	if want := `"choices":[{"index":0,"message":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]}`; !strings.HasSuffix(string(got), want) {
		t.Errorf("nothing at all: got %s, want the end %s", got, want)
	}
}

// A call begins once, also where its provider begins it again.
func TestEncoder_begins_a_call_once(t *testing.T) {
	v := foreign(t, "call_1", "f", "{}")
	begin := &llm.Event{Kind: llm.ChunkEvent, Dialect: llm.Messages, Deltas: []llm.Delta{{Kind: llm.ToolCallDelta, Index: 3, ToolID: v(0), ToolName: v(1)}}}
	arguments := &llm.Event{Kind: llm.ChunkEvent, Dialect: llm.Messages, Deltas: []llm.Delta{{Kind: llm.ToolArgumentsDelta, Index: 3, Text: v(2)}}}
	got := frames(t, NewEncoder(&llm.Request{Model: "public"}, created), begin, begin, arguments)
	if strings.Count(got, `"id":"call_1"`) != 1 || !strings.Contains(got, `"arguments":"{}"`) {
		t.Errorf("got %s", got)
	}
}
