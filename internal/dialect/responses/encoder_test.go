package responses_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses/responsestest"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

func text(s string) llm.Value {
	doc, err := llm.Parse(llm.Quote(s))
	if err != nil {
		panic(err)
	}
	return doc.Root()
}

func delta(kind llm.DeltaKind, index int, s string) llm.Delta {
	return llm.Delta{Kind: kind, Index: index, Text: text(s)}
}

func begin(index int, id, name string) llm.Delta {
	return llm.Delta{Kind: llm.ToolCallDelta, Index: index, ToolID: text(id), ToolName: text(name)}
}

// encoded feeds events of another dialect and returns what comes out.
func encoded(t *testing.T, events ...llm.Event) string {
	t.Helper()
	enc := responses.NewEncoder(decode(t, `{"model":"m","input":"x","tools":[{"type":"function","name":"f"}]}`), time.Unix(1, 0))
	var all strings.Builder
	for i := range events {
		if events[i].Kind == 0 {
			events[i].Kind = llm.ChunkEvent
		}
		frames, err := enc.Event(&events[i])
		if err != nil {
			t.Fatal(err)
		}
		all.Write(frames)
	}
	return all.String()
}

// built is encoded, read as a client reads it.
func built(t *testing.T, events ...llm.Event) responsestest.Stream {
	t.Helper()
	all := encoded(t, events...)
	got, err := responsestest.Read(all)
	if err != nil {
		t.Fatalf("%v\nin %s", err, all)
	}
	return got
}

func TestEncoder_builds(t *testing.T) {
	t.Parallel()
	end := func(reason llm.StopReason) llm.Event {
		return llm.Event{Finishes: []llm.Finish{{Reason: reason}}, Usage: &llm.Usage{Input: 1, Output: 2}}
	}
	done := llm.Event{Kind: llm.DoneEvent}
	say := func(d ...llm.Delta) llm.Event { return llm.Event{Deltas: d} }
	for name, tt := range map[string]struct {
		events []llm.Event
		want   string
	}{
		"nothing": {[]llm.Event{end(llm.StopEnd), done}, "completed"},
		"chat order": {[]llm.Event{
			say(delta(llm.ThinkingDelta, 0, "hm")), say(delta(llm.TextDelta, 0, "a")), say(begin(0, "c1", "f"), delta(llm.ToolArgumentsDelta, 0, "{")),
			say(begin(1, "c2", "g")), say(delta(llm.ToolArgumentsDelta, 1, "[]"), delta(llm.ToolArgumentsDelta, 0, "}")),
			say(delta(llm.TextDelta, 0, "b")), end(llm.StopTools), done,
		}, "completed rs:hm msg:ab fc:c1 f {} fc:c2 g []"},
		"blocks that close": {[]llm.Event{
			say(delta(llm.ThinkingDelta, 0, "one")), {Closed: []int{0}}, say(delta(llm.TextDelta, 1, "a")), {Closed: []int{1}}, say(delta(llm.TextDelta, 2, "b")), {Closed: []int{2}},
			say(begin(3, "c1", "f")), {Closed: []int{3}}, say(delta(llm.TextDelta, 4, "c")), {Closed: []int{4}}, say(delta(llm.ThinkingDelta, 5, "two")), {Closed: []int{5}}, end(llm.StopEnd), done,
		}, "completed rs:one msg:a|b fc:c1 f {} msg:c rs:two"},
		"a call cut off before its arguments": {[]llm.Event{
			say(begin(0, "c1", "f")), {Closed: []int{0}}, say(begin(1, "c2", "f")), end(llm.StopLength), done,
		}, "incomplete fc:c1 f {} fc:c2 f "},
		"blocks side by side": {[]llm.Event{
			say(delta(llm.ThinkingDelta, 0, "one")), say(delta(llm.ThinkingDelta, 1, "t")), {Closed: []int{0}}, say(delta(llm.ThinkingDelta, 1, "wo")), end(llm.StopEnd), done,
		}, "completed rs:one|t rs:wo"},
		"refusal":         {[]llm.Event{say(delta(llm.TextDelta, 0, "a"), delta(llm.RefusalDelta, 0, "no")), end(llm.StopEnd), done}, "completed msg:a|no"},
		"length":          {[]llm.Event{say(delta(llm.TextDelta, 0, "a")), end(llm.StopLength), done}, "incomplete msg:a"},
		"asides":          {[]llm.Event{say(delta(llm.AsideDelta, 0, "x"), delta(llm.TextDelta, 0, "")), end(llm.StopEnd), done}, "completed"},
		"other choices":   {[]llm.Event{say(llm.Delta{Choice: 1, Kind: llm.TextDelta, Text: text("x")}, delta(llm.TextDelta, 0, "a")), end(llm.StopEnd), done}, "completed msg:a"},
		"call without id": {[]llm.Event{say(delta(llm.ToolArgumentsDelta, 0, "{}")), end(llm.StopTools), done}, "completed fc:? {}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := built(t, tt.events...)
			if told := tellResponse(got.Response); told != tt.want {
				t.Errorf("got %q, want %q", told, tt.want)
			}
			if u := got.Response.Usage; u == nil || u.Total != 3 {
				t.Errorf("got usage %+v", u)
			}
		})
	}
}

// Where the provider tells ends, an item ends before the next begins. Codex CLI keeps items in
// the order of their ends, and sends them back so; others show what has not ended as under way.
func TestEncoder_endsInOrder(t *testing.T) {
	t.Parallel()
	say := func(closed []int, d ...llm.Delta) llm.Event { return llm.Event{Deltas: d, Closed: closed} }
	end := llm.Event{Finishes: []llm.Finish{{Reason: llm.StopTools}}}
	for name, events := range map[string][]llm.Event{
		"a text closes and a call begins": {
			say(nil, delta(llm.ThinkingDelta, 0, "hm")), say([]int{0}), say(nil, delta(llm.TextDelta, 1, "a")), say([]int{1}),
			say(nil, delta(llm.TextDelta, 2, "b")), say([]int{2}), say(nil, begin(3, "c1", "f")), say([]int{3}), say(nil, delta(llm.TextDelta, 4, "c")), say([]int{4}),
		},
		"a text closes with the call that follows": {
			say(nil, delta(llm.ThinkingDelta, 0, "hm")), say([]int{0}, delta(llm.TextDelta, 1, "a")), say(nil, delta(llm.TextDelta, 1, "b")), say([]int{1, 2}, begin(2, "c1", "f"), delta(llm.ToolArgumentsDelta, 2, "{}")),
			say([]int{3}, begin(3, "c2", "f"), delta(llm.ToolArgumentsDelta, 3, "{}")), say(nil, delta(llm.TextDelta, 4, "b")),
		},
		"thinking is over": {
			say(nil, delta(llm.ThinkingDelta, 0, "h")), {Thought: true, Deltas: []llm.Delta{delta(llm.ThinkingDelta, 0, "m"), delta(llm.TextDelta, 0, "a")}},
			{Thought: true, Deltas: []llm.Delta{delta(llm.TextDelta, 0, "b")}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := encoded(t, append(events, end, llm.Event{Kind: llm.DoneEvent})...)
			if _, err := responsestest.Read(all); err != nil {
				t.Fatal(err)
			}
			items := regexp.MustCompile(`"response.output_item.(added|done)","sequence_number":\d+,"output_index":(\d+)`).FindAllStringSubmatch(all, -1)
			if len(items) < 4 {
				t.Errorf("got %d events of items", len(items))
			}
			for i, got := range items {
				if want := []string{"added", "done"}[i%2]; got[1] != want || got[2] != strconv.Itoa(i/2) {
					t.Errorf("got item %s %s, want %d %s", got[2], got[1], i/2, want)
				}
			}
		})
	}
}

func tellResponse(r responsestest.Response) string {
	s := r.Status
	for _, it := range r.Output {
		kind, _, _ := strings.Cut(it.ID, "_")
		var parts []string
		for _, p := range append(it.Content, it.Summary...) {
			parts = append(parts, p.Text+p.Refusal)
		}
		s += " " + kind + ":" + strings.Join(parts, "|")
		if it.Type == "function_call" {
			if it.Name == "" {
				it.CallID, it.Name = "", "?"
			}
			s += strings.TrimSpace(it.CallID+" "+it.Name) + " " + it.Arguments
		}
	}
	return s
}

func TestEncoder_whole(t *testing.T) {
	t.Parallel()
	enc := responses.NewEncoder(decode(t, `{"model":"m","input":"x","instructions":"be é","temperature":0.50}`), time.Unix(1, 0))
	body, err := enc.Whole(&llm.Event{Kind: llm.WholeEvent, Dialect: llm.Chat, Finishes: []llm.Finish{{Reason: llm.StopEnd}}, Deltas: []llm.Delta{
		delta(llm.ThinkingDelta, 0, "hm"), delta(llm.TextDelta, 0, "a<b"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := responsestest.Whole(string(body))
	if err != nil || tellResponse(got.Response) != "completed rs:hm msg:a<b" {
		t.Errorf("got %s, %v", body, err)
	}
	for _, want := range []string{`"instructions":"be é"`, `"temperature":0.50`, `"output_text":"a<b"`, `"model":"m"`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
}

// An answer of this dialect stays as it is; an event more moves the numbers on.
func TestEncoder_passes(t *testing.T) {
	t.Parallel()
	enc := responses.NewEncoder(decode(t, `{"model":"m","input":"x"}`), time.Unix(1, 0))
	for _, tt := range []struct{ data, want string }{
		{`{"type":"x", "sequence_number":0}`, `{"type":"x", "sequence_number":0}`},
		{`{"type":"x","sequence_number":1}`, `{"type":"x","sequence_number":1}`},
		{`{"type":"x","sequence_number":1}`, `{"type":"x","sequence_number":2}`},
		{`{"type":"x","sequence_number":2}`, `{"type":"x","sequence_number":3}`},
		{`{"type":"x"}`, `{"type":"x"}`},
	} {
		doc, err := llm.Parse([]byte(tt.data))
		if err != nil {
			t.Fatal(err)
		}
		frames, err := enc.Event(&llm.Event{Kind: llm.ChunkEvent, Dialect: llm.Responses, Name: "x", Body: doc})
		if want := "event: x\ndata: " + tt.want + "\n\n"; err != nil || string(frames) != want {
			t.Errorf("got %q, %v; want %q", frames, err, want)
		}
	}
	got := string(enc.Failure(*sallyport.NewError(sallyport.DLPBlocked, "It is blocked.")))
	if !strings.Contains(got, `"sequence_number":4,"code":"dlp_blocked","message":"It is blocked."`) || !strings.Contains(got, "event: response.failed\n") {
		t.Errorf("got %s", got)
	}
}

// A stream that ends without its answer has begun once, whether or not its events are numbered.
func TestEncoder_ends(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		"": "response.created response.in_progress error response.failed",
		`{"type":"response.created","sequence_number":0,"response":{}}`: "response.created error response.failed",
		`{"type":"response.created","response":{}}`:                     "response.created error response.failed",
	} {
		enc := responses.NewEncoder(decode(t, `{"model":"m","input":"x"}`), time.Unix(1, 0))
		var all string
		if data != "" {
			doc, err := llm.Parse([]byte(data))
			if err != nil {
				t.Fatal(err)
			}
			frames, err := enc.Event(&llm.Event{Kind: llm.ChunkEvent, Dialect: llm.Responses, Body: doc})
			if err != nil {
				t.Fatal(err)
			}
			all = string(frames)
		}
		all += string(enc.Failure(*sallyport.NewError(sallyport.UpstreamError, "It failed.")))
		var got []string
		for line := range strings.Lines(all) {
			if name, ok := strings.CutPrefix(line, "event: "); ok {
				got = append(got, strings.TrimSpace(name))
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("after %q: got %s, want %s", data, got, want)
		}
	}
}

// What a provider tells several times is a delta once; what it tells only as a
// whole is one too.
func TestDecoder(t *testing.T) {
	t.Parallel()
	part := func(text string) string { return `{"type":"output_text","text":"` + text + `"}` }
	for name, tt := range map[string]struct {
		events []string
		want   string
	}{
		"pieces": {[]string{
			`{"type":"response.output_item.added","output_index":0,"item":{"type":"message","content":[]}}`,
			`{"type":"response.content_part.added","output_index":0,"content_index":0,"part":` + part("") + `}`,
			`{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"a"}`,
			`{"type":"response.output_text.done","output_index":0,"content_index":0,"text":"a"}`,
			`{"type":"response.content_part.done","output_index":0,"content_index":0,"part":` + part("a") + `}`,
			`{"type":"response.output_item.done","output_index":0,"item":{"type":"message","content":[` + part("a") + `]}}`,
			`{"type":"response.completed","response":{"status":"completed","output":[{"type":"message","content":[` + part("a") + `]}]}}`,
		}, " . . .+1#0a .~1#0a!0 .~1#0a!0 .~1#0a!0 D~1#0a=stop"},
		"whole at the end": {[]string{
			`{"type":"response.completed","response":{"status":"completed","output":[{"type":"message","content":[` + part("a") + `]},{"type":"function_call","call_id":"c","name":"n","arguments":"{}"}]}}`,
		}, " D+1#0a+5#1+6#1{}=tool_calls"},
		"calls": {[]string{
			`{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","call_id":"c","name":"n","arguments":""}}`,
			`{"type":"response.function_call_arguments.delta","output_index":0,"delta":"{}"}`,
			`{"type":"response.function_call_arguments.done","output_index":0,"arguments":"{}"}`,
			`{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","call_id":"c","name":"n","arguments":"{}"}}`,
			`{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[]}}`,
		}, " .+5#0 .+6#0{} .~6#0{}!0 .~6#0{}!0 D=length"},
		"of tools and new things": {[]string{
			`{"type":"response.custom_tool_call_input.delta","output_index":0,"delta":"x"}`,
			`{"type":"response.custom_tool_call_input.done","output_index":0,"input":"x"}`,
			`{"type":"response.new_text.delta","output_index":0,"delta":"y"}`,
			`{"type":"response.new.thing","x":"y"}`,
		}, " .+6#0x .~6#0x!0 .+7#1y ."},
	} {
		var d responses.Decoder
		var e llm.Event
		got := ""
		for _, data := range tt.events {
			doc, err := llm.Parse([]byte(data))
			if err != nil {
				t.Fatal(err)
			}
			if err := d.DecodeEvent("", doc, &e); err != nil {
				t.Fatalf("%s: %v", data, err)
			}
			got += " " + tellEvent(&e)
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func tellEvent(e *llm.Event) string {
	s := "."
	if e.Kind == llm.DoneEvent {
		s = "D"
	}
	for _, d := range e.Deltas {
		s += fmt.Sprintf("+%d#%d%s", d.Kind, d.Index, d.Text.Text())
	}
	for _, d := range e.Repeats {
		s += fmt.Sprintf("~%d#%d%s", d.Kind, d.Index, d.Text.Text())
	}
	for _, i := range e.Closed {
		s += fmt.Sprintf("!%d", i)
	}
	for _, f := range e.Finishes {
		s += "=" + string(f.Reason)
	}
	return s
}

func TestDecoder_refuses(t *testing.T) {
	t.Parallel()
	for data, code := range map[string]sallyport.Code{
		`[]`: sallyport.UpstreamInvalid,
		`{"type":"error","code":"rate_limit_exceeded","message":"quotes the request"}`:               sallyport.UpstreamError,
		`{"type":"response.failed","response":{"error":{"code":"server_error","message":"quotes"}}}`: sallyport.UpstreamError,
		`{"type":"response.completed"}`: sallyport.UpstreamInvalid,
		`{"type":"response.completed","response":{"status":"in_progress","output":[]}}`:                      sallyport.UpstreamInvalid,
		`{"type":"response.output_text.delta","output_index":-1,"delta":"x"}`:                                sallyport.UpstreamInvalid,
		`{"type":"response.output_text.delta","output_index":9999999999,"delta":"x"}`:                        sallyport.UpstreamInvalid,
		`{"type":"response.content_part.done","content_index":"x","part":{"type":"output_text","text":"x"}}`: sallyport.UpstreamInvalid,
	} {
		doc, err := llm.Parse([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		err = new(responses.Decoder).DecodeEvent("", doc, new(llm.Event))
		if sallyport.CodeOf(err) != code || strings.Contains(err.Error(), "quotes") {
			t.Errorf("%s: got %v, want %s", data, err, code)
		}
	}
}

// What a provider signed is sealed into its reasoning, and reasoning of its own
// where nothing of it is told.
func TestEncoder_signatures(t *testing.T) {
	t.Parallel()
	enc := responses.NewEncoder(decode(t, `{"model":"m","input":"x"}`), time.Unix(1, 0))
	var all string
	for _, e := range []llm.Event{
		{Model: "claude-x", Deltas: []llm.Delta{delta(llm.ThinkingDelta, 0, "Hm"), delta(llm.ThinkingDelta, 0, ".")}},
		{Deltas: []llm.Delta{delta(llm.SignatureDelta, 0, "AA==")}, Closed: []int{0}},
		{Deltas: []llm.Delta{delta(llm.SignatureDelta, 1, "BB==")}, Closed: []int{1}},
		{Deltas: []llm.Delta{begin(2, "c", "f"), delta(llm.ToolArgumentsDelta, 2, "{}")}, Closed: []int{2}, Finishes: []llm.Finish{{Reason: llm.StopTools}}},
		{Kind: llm.DoneEvent},
	} {
		if e.Dialect = llm.Messages; e.Kind == 0 {
			e.Kind = llm.ChunkEvent
		}
		frames, err := enc.Event(&e)
		if err != nil {
			t.Fatal(err)
		}
		all += string(frames)
	}
	got, err := responsestest.Read(all)
	if err != nil {
		t.Fatalf("%v in %s", err, all)
	}
	var last struct {
		Output []struct {
			Type      string
			Encrypted string `json:"encrypted_content"`
		}
	}
	if err := json.Unmarshal(enc.Ended(), &last); err != nil || len(last.Output) != 3 || got.Thinking != "Hm." {
		t.Fatalf("got %+v, %v", last, err)
	}
	for i, want := range []string{wire.Signer{Dialect: llm.Messages, Model: "claude-x"}.Proof("Hm.", "AA=="), wire.Signer{Dialect: llm.Messages, Model: "claude-x"}.Proof("", "BB=="), ""} {
		if last.Output[i].Encrypted != want {
			t.Errorf("item %d is sealed as %q, want %q", i, last.Output[i].Encrypted, want)
		}
	}
}
