package messages_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/messages"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// show writes an event's meaning on one line.
func show(e *llm.Event) string {
	var b strings.Builder
	b.WriteString(map[llm.EventKind]string{llm.WholeEvent: "whole", llm.ChunkEvent: "chunk", llm.DoneEvent: "done"}[e.Kind])
	if e.ID != "" {
		fmt.Fprintf(&b, " id=%s model=%s", e.ID, e.Model)
	}
	kinds := map[llm.DeltaKind]string{
		llm.TextDelta: "text", llm.ThinkingDelta: "thinking", llm.SignatureDelta: "signature",
		llm.ToolCallDelta: "call", llm.ToolArgumentsDelta: "arguments", llm.AsideDelta: "aside",
	}
	for _, d := range e.Deltas {
		fmt.Fprintf(&b, " %s[%d]", kinds[d.Kind], d.Index)
		if d.Kind == llm.ToolCallDelta {
			fmt.Fprintf(&b, "=%s,%s", d.ToolID.Text(), d.ToolName.Text())
			continue
		}
		fmt.Fprintf(&b, "=%q", d.Text.Text())
	}
	for _, f := range e.Finishes {
		fmt.Fprintf(&b, " finish=%s", f.Reason)
		if f.Stop != "" {
			fmt.Fprintf(&b, ",%q", f.Stop)
		}
	}
	for _, index := range e.Closed {
		fmt.Fprintf(&b, " closed[%d]", index)
	}
	if u := e.Usage; u != nil {
		fmt.Fprintf(&b, " usage=%d,%d,%d,%d,%d", u.Input, u.CachedInput, u.CacheWrite, u.Output, u.Reasoning)
	}
	return b.String()
}

func TestDecodeEvent(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		stream []string // "event name|data"
		want   []string
	}{
		{"text", []string{
			`message_start|{"type":"message_start","message":{"id":"msg_1","model":"m-1","content":[],"stop_reason":null,"usage":{"input_tokens":12,"cache_read_input_tokens":5,"cache_creation_input_tokens":3,"output_tokens":1}}}`,
			`content_block_start|{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
			`ping|{"type":"ping"}`,
			`content_block_delta|{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}`,
			`content_block_delta|{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"lo \u2603"}}`,
			`content_block_stop|{"type":"content_block_stop","index":0}`,
			`message_delta|{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":7}}`,
			`message_stop|{"type":"message_stop"}`,
		}, []string{
			`chunk id=msg_1 model=m-1 usage=12,5,3,1,0`,
			`chunk`,
			`chunk`,
			`chunk text[0]="Hel"`,
			`chunk text[0]="lo ☃"`,
			`chunk closed[0]`,
			`chunk finish=stop usage=12,5,3,7,0`,
			`done`,
		}},
		{"thinking and two tools", []string{
			`content_block_start|{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`,
			`content_block_delta|{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Which town?"}}`,
			`content_block_delta|{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}`,
			`content_block_start|{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_1","name":"weather","input":{}}}`,
			`content_block_delta|{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""}}`,
			`content_block_delta|{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"town\":"}}`,
			`content_block_delta|{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"\"Oslo\"}"}}`,
			`content_block_start|{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_2","name":"clock","input":{}}}`,
			`message_delta|{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"input_tokens":20,"output_tokens":30,"output_tokens_details":{"thinking_tokens":11}}}`,
		}, []string{
			`chunk`,
			`chunk thinking[0]="Which town?"`,
			`chunk signature[0]="c2ln"`,
			`chunk call[1]=toolu_1,weather`,
			`chunk`,
			`chunk arguments[1]="{\"town\":"`,
			`chunk arguments[1]="\"Oslo\"}"`,
			`chunk call[2]=toolu_2,clock`,
			`chunk finish=tool_calls usage=20,0,0,30,11`,
		}},
		{"arguments with the start of the call", []string{
			`|{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{"x":"\"é"}}}`,
		}, []string{
			`chunk call[0]=a,f arguments[0]="{\"x\":\"\\\"é\"}"`,
		}},
		{"a call without arguments has those of nothing", []string{
			`|{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}`,
			`|{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":""}}`,
			`|{"type":"content_block_stop","index":0}`,
			`|{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"b","name":"f","input":{"x":1}}}`,
			`|{"type":"content_block_stop","index":1}`,
		}, []string{
			`chunk call[0]=a,f`,
			`chunk`,
			`chunk`,
			`chunk arguments[0]="{}" call[1]=b,f arguments[1]="{\"x\":1}" closed[0]`,
			`chunk closed[1]`,
		}},
		{"also as the last", []string{
			`|{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}`,
			`|{"type":"content_block_stop","index":0}`,
			`ping|{"type":"ping"}`,
			`|{"type":"message_delta","delta":{"stop_reason":null}}`,
			`|{"type":"message_delta","delta":{"stop_reason":"tool_use"}}`,
			`|{"type":"message_stop"}`,
		}, []string{`chunk call[0]=a,f`, `chunk`, `chunk`, `chunk`, `chunk arguments[0]="{}" finish=tool_calls closed[0]`, `done`}},
		{"also where no reason is told", []string{
			`|{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}`,
			`|{"type":"content_block_stop","index":0}`,
			`|{"type":"message_stop"}`,
		}, []string{`chunk call[0]=a,f`, `chunk`, `done arguments[0]="{}" closed[0]`}},
		{"but not one that was cut off before them", []string{
			`|{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}`,
			`|{"type":"content_block_stop","index":0}`,
			`|{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"b","name":"f","input":{}}}`,
			`|{"type":"content_block_stop","index":1}`,
			`|{"type":"message_delta","delta":{"stop_reason":"max_tokens"}}`,
			`|{"type":"message_stop"}`,
		}, []string{`chunk call[0]=a,f`, `chunk`, `chunk arguments[0]="{}" call[1]=b,f closed[0]`, `chunk`, `chunk finish=length`, `done`}},
		{"a tool that the provider runs is no call of the client's", []string{
			`|{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}`,
			`|{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"query\":1}"}}`,
		}, []string{`chunk`, `chunk aside[0]="{\"query\":1}"`}},
		{"the name stands for a missing type", []string{`message_stop|{}`}, []string{`done`}},
		{"unknown events and deltas pass", []string{
			`weather_report|{"type":"weather_report","index":-1}`,
			`content_block_delta|{"type":"content_block_delta","index":0,"delta":{"type":"smell_delta","smell":"tar"}}`,
		}, []string{`chunk`, `chunk`}},
		{"counts that nothing tells are none", []string{
			`|{"type":"message_start","message":{"id":"i","model":"m","usage":{"cache_read_input_tokens":3,"output_tokens":1}}}`,
			`|{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}`,
			`|{"type":"message_start","message":{"id":"i","model":"m","usage":{"input_tokens":4,"output_tokens":1}}}`,
			`|{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{}}`,
		}, []string{`chunk id=i model=m usage=-4,3,0,1,0`, `chunk finish=stop usage=-4,3,0,2,0`, `chunk id=i model=m usage=4,3,0,1,0`, `chunk finish=stop usage=4,3,0,-1,0`}},
		{"an end without usage tells no output", []string{
			`|{"type":"message_start","message":{"id":"i","model":"m","usage":{"input_tokens":4,"output_tokens":1}}}`,
			`|{"type":"message_delta","delta":{"stop_reason":"end_turn"}}`,
		}, []string{`chunk id=i model=m usage=4,0,0,1,0`, `chunk finish=stop usage=4,0,0,-1,0`}},
		{"usage before the end", []string{
			`|{"type":"message_delta","delta":{},"usage":{"input_tokens":4,"output_tokens":2}}`,
			`|{"type":"message_delta","delta":{"stop_reason":"end_turn"}}`,
		}, []string{`chunk usage=4,0,0,2,0`, `chunk finish=stop usage=4,0,0,2,0`}},
		{"no usage at all", []string{
			`|{"type":"message_start","message":{"id":"i","model":"m","usage":{}}}`,
			`|{"type":"message_delta","delta":{"stop_reason":"end_turn"}}`,
		}, []string{`chunk id=i model=m`, `chunk finish=stop`}},
		{"usage that is null leaves what is known", []string{
			`|{"type":"message_start","message":{"id":"i","model":"m","usage":{"input_tokens":4,"output_tokens":1}}}`,
			`|{"type":"message_delta","delta":{},"usage":{"input_tokens":null,"output_tokens":2}}`,
			`|{"type":"message_delta","delta":{},"usage":null}`,
		}, []string{`chunk id=i model=m usage=4,0,0,1,0`, `chunk usage=4,0,0,2,0`, `chunk`}},
		{"impossible counts stay impossible", []string{
			`|{"type":"message_delta","delta":{},"usage":{"input_tokens":-3,"output_tokens":1e300,"cache_read_input_tokens":"many","cache_creation_input_tokens":9223372036854775807}}`,
		}, []string{`chunk usage=-3,-1,1099511627776,1099511627776,0`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var d messages.Decoder
			var doc llm.Document
			var e llm.Event
			for i, line := range test.stream {
				name, data, _ := strings.Cut(line, "|")
				if err := doc.Reset([]byte(data)); err != nil {
					t.Fatal(err)
				}
				if err := d.DecodeEvent(name, &doc, &e); err != nil {
					t.Fatalf("event %d: %v", i, err)
				}
				if e.Dialect != llm.Messages || e.Name != name || e.Body != &doc {
					t.Errorf("event %d: dialect %q, name %q or body is not what was read", i, e.Dialect, e.Name)
				}
				if got := show(&e); got != test.want[i] {
					t.Errorf("event %d\n got %s\nwant %s", i, got, test.want[i])
				}
			}
		})
	}
}

func TestDecodeWhole(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, body, want string }{
		{
			"text",
			`{"id":"msg_1","type":"message","role":"assistant","model":"m-1","content":[{"type":"text","text":"Hello"}],"stop_reason":"stop_sequence","stop_sequence":"!","usage":{"input_tokens":3,"output_tokens":2}}`,
			`whole id=msg_1 model=m-1 text[0]="Hello" finish=stop,"!" usage=3,0,0,2,0`,
		},
		{
			"everything",
			`{"id":"m","type":"message","model":"x","content":[{"type":"thinking","thinking":"Hm.","signature":"c2ln"},{"type":"redacted_thinking","data":"b3BhcXVl"},{"type":"text","text":"Wait."},{"type":"tool_use","id":"toolu_1","name":"f","input":{"big":12345678901234567890, "s":"a\nb"}}],"stop_reason":"tool_use"}`,
			`whole id=m model=x thinking[0]="Hm." signature[0]="c2ln" signature[1]="b3BhcXVl" text[2]="Wait." call[3]=toolu_1,f arguments[3]="{\"big\":12345678901234567890, \"s\":\"a\\nb\"}" finish=tool_calls`,
		},
		{
			"a call without arguments",
			`{"id":"m","model":"x","content":[{"type":"tool_use","id":"a","name":"f"}],"stop_reason":"tool_use"}`,
			`whole id=m model=x call[0]=a,f arguments[0]="{}" finish=tool_calls`,
		},
		{"nothing said", `{"id":"m","model":"x","content":[],"stop_reason":"refusal"}`, `whole id=m model=x finish=content_filter`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			doc, err := llm.Parse([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			var e llm.Event
			if err := messages.DecodeWhole(doc, &e); err != nil {
				t.Fatal(err)
			}
			if got := show(&e); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestStopReasons(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]llm.StopReason{
		"end_turn": llm.StopEnd, "stop_sequence": llm.StopEnd, "pause_turn": llm.StopEnd,
		"max_tokens": llm.StopLength, "model_context_window_exceeded": llm.StopLength,
		"tool_use": llm.StopTools, "refusal": llm.StopFilter, "something_new": llm.StopEnd,
	} {
		doc, err := llm.Parse([]byte(`{"content":[],"stop_reason":"` + reason + `"}`))
		if err != nil {
			t.Fatal(err)
		}
		var e llm.Event
		if err := messages.DecodeWhole(doc, &e); err != nil {
			t.Fatal(err)
		}
		if len(e.Finishes) != 1 || e.Finishes[0].Reason != want {
			t.Errorf("%s: got %v, want %s", reason, e.Finishes, want)
		}
	}
}

// A changed text of arguments reaches whoever reads the delta, although it is
// an object in the answer itself.
func TestArgumentsCanBeChanged(t *testing.T) {
	t.Parallel()
	doc, err := llm.Parse([]byte(`{"content":[{"type":"tool_use","id":"a","name":"f","input":{"to":"TOKEN"}}],"stop_reason":"tool_use"}`))
	if err != nil {
		t.Fatal(err)
	}
	var e llm.Event
	if err := messages.DecodeWhole(doc, &e); err != nil {
		t.Fatal(err)
	}
	arguments := e.Deltas[1].Text
	arguments.SetText(strings.Replace(arguments.Text(), "TOKEN", "ann", 1))
	clone := e.Clone()
	if got, want := clone.Deltas[1].Text.Text(), `{"to":"ann"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	clone.Deltas[1].Text.SetText(`{"to":"bob"}`)
	for body, to := range map[*llm.Document]string{e.Body: "ann", clone.Body: "bob"} {
		if want := `{"content":[{"type":"tool_use","id":"a","name":"f","input":{"to":"` + to + `"}}],"stop_reason":"tool_use"}`; string(body.Encode()) != want {
			t.Errorf("the body is %s, want %s", body.Encode(), want)
		}
	}
}

func TestDecodeFailures(t *testing.T) {
	t.Parallel()
	const secret = "the prompt said hunter2"
	tests := []struct {
		name, event string
		whole       bool
		code        sallyport.Code
		words       string
	}{
		{"overloaded", `{"type":"error","error":{"type":"overloaded_error","message":"` + secret + `"}}`, false, sallyport.UpstreamError, "overloaded"},
		{"unknown error", `{"type":"error","error":{"type":"` + secret + `"}}`, false, sallyport.UpstreamError, "with an error."},
		{"error without a body", `{"type":"error"}`, false, sallyport.UpstreamError, "with an error."},
		{"our credential", `{"type":"error","error":{"type":"authentication_error","message":"` + secret + `"}}`, false, sallyport.UpstreamAuth, "credential"},
		{"an array", `["` + secret + `"]`, false, sallyport.UpstreamInvalid, "not an object"},
		{"no index", `{"type":"content_block_delta","delta":{"type":"text_delta","text":"` + secret + `"}}`, false, sallyport.UpstreamInvalid, "index"},
		{"negative index", `{"type":"content_block_start","index":-1,"content_block":{"type":"text"}}`, false, sallyport.UpstreamInvalid, "index"},
		{"huge index", `{"type":"content_block_start","index":4000000000,"content_block":{"type":"tool_use"}}`, false, sallyport.UpstreamInvalid, "index"},
		{"whole: error", `{"type":"error","error":{"type":"api_error","message":"` + secret + `"}}`, true, sallyport.UpstreamError, "inside it"},
		{"whole: no content", `{"type":"message","text":"` + secret + `"}`, true, sallyport.UpstreamInvalid, "not a message"},
		{"whole: a string", `"` + secret + `"`, true, sallyport.UpstreamInvalid, "not a message"},
		{"whole: too many blocks", `{"content":[` + strings.Repeat("{},", 10_000) + `{}]}`, true, sallyport.UpstreamInvalid, "not a message"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			doc, err := llm.Parse([]byte(test.event))
			if err != nil {
				t.Fatal(err)
			}
			var e llm.Event
			if test.whole {
				err = messages.DecodeWhole(doc, &e)
			} else {
				err = new(messages.Decoder).DecodeEvent("", doc, &e)
			}
			if sallyport.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.words) {
				t.Fatalf("got %v, want %s with %q", err, test.code, test.words)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error quotes the provider: %v", err)
			}
		})
	}
}

// FuzzDecode: no input makes the decoder panic, and what it accepts has indexes
// and counts within their bounds.
func FuzzDecode(f *testing.F) {
	f.Add("message_start", `{"type":"message_start","message":{"id":"m","model":"x","usage":{"input_tokens":1}}}`)
	f.Add("content_block_start", `{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"a","name":"f","input":{"x":1}}}`)
	f.Add("content_block_delta", `{"index":0,"delta":{"type":"text_delta","text":"\ud800"}}`)
	f.Add("", `{"content":[{"type":"tool_use","input":[1]},{"type":"thinking","thinking":"a","signature":"b"}],"stop_reason":"end_turn","usage":{"output_tokens":-1e9}}`)
	f.Add("error", `{"error":null}`)
	f.Fuzz(func(t *testing.T, name, data string) {
		doc, err := llm.Parse([]byte(data))
		if err != nil {
			return
		}
		var event, whole llm.Event
		events := []*llm.Event{}
		if new(messages.Decoder).DecodeEvent(name, doc, &event) == nil {
			events = append(events, &event)
		}
		if messages.DecodeWhole(doc, &whole) == nil {
			events = append(events, &whole)
		}
		const bound = 1 << 40
		for _, e := range events {
			for _, d := range e.Deltas {
				if d.Index < 0 || d.Index >= 10_000 {
					t.Errorf("index %d", d.Index)
				}
			}
			if u := e.Usage; u != nil && max(u.Input, u.CachedInput, u.CacheWrite, u.Output, -u.Input, -u.Output) > bound {
				t.Errorf("usage %+v", *u)
			}
		}
	})
}

func BenchmarkDecodeEvent(b *testing.B) {
	data := []byte(`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a piece of an answer, as long as they are"}}`)
	var d messages.Decoder
	var doc llm.Document
	var e llm.Event
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := doc.Reset(data); err != nil {
			b.Fatal(err)
		}
		if err := d.DecodeEvent("content_block_delta", &doc, &e); err != nil {
			b.Fatal(err)
		}
	}
}
