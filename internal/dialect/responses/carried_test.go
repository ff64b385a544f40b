package responses_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses/responsestest"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// codexTools are tools as Codex CLI offers them.
const codexTools = `"tools":[{"type":"function","name":"exec","parameters":{"type":"object"}},
	{"type":"namespace","name":"agents","description":"Of agents.","tools":[
		{"type":"function","name":"spawn","description":"Spawn.","strict":false,"parameters":{"type":"object"}},
		{"type":"custom","name":"note"}]},
	{"type":"custom","name":"patch","description":"Patch.","format":{"type":"grammar","syntax":"lark","definition":"start: \"x\""}},
	{"type":"web_search","external_web_access":true}],"tool_choice":"auto"`

// What the client calls tools that are no functions, providers know as functions,
// in the history as in the list; its screened texts go along.
func TestCarried(t *testing.T) {
	t.Parallel()
	req := decode(t, `{"model":"m","stream":true,"input":[{"role":"user","content":"secret"},
		{"type":"function_call","call_id":"c1","namespace":"agents","name":"spawn","arguments":"{}"},
		{"type":"function_call_output","call_id":"c1","output":"o1"},
		{"type":"custom_tool_call","call_id":"c2","name":"patch","input":"say \"x\""},
		{"type":"custom_tool_call_output","call_id":"c2","output":"secret"}],`+codexTools+`}`)
	req.Body.Root().Strings(func(s llm.Value, _ bool) bool {
		if s.Text() == "secret" {
			s.SetText("[hidden]")
		}
		return true
	})
	got, err := req.Carried()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tool := range got.Tools {
		names = append(names, tool.Name.Text())
	}
	if want := []string{"exec", "agents__spawn", "agents__note", "patch"}; !reflect.DeepEqual(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if about := got.Tools[1].Description.Text(); about != "Of agents.\n\nSpawn." {
		t.Errorf("got %q", about)
	}
	if about := got.Tools[3].Description.Text(); !strings.HasPrefix(about, "Patch.\n\n") || !strings.HasSuffix(about, "(lark):\nstart: \"x\"") {
		t.Errorf("got %q", about)
	}
	calls := got.Messages[1].Parts[0]
	if calls.ToolName.Text() != "agents__spawn" || calls.ToolID.Text() != "c1" {
		t.Errorf("got %q %q", calls.ToolName.Text(), calls.ToolID.Text())
	}
	if call := got.Messages[3].Parts[0]; call.ToolName.Text() != "patch" || call.Text.Text() != `{"input":"say \"x\""}` {
		t.Errorf("got %q", call.Text.Text())
	}
	if body := string(got.Body.Raw()); strings.Contains(body, "secret") || strings.Count(body, "[hidden]") != 2 || !got.Stream {
		t.Errorf("got %s", body)
	}

	plain := decode(t, `{"model":"m","input":"x","tools":[{"type":"function","name":"f"}]}`)
	if same, err := plain.Carried(); err != nil || same != plain {
		t.Errorf("a request with functions alone is made anew, %v", err)
	}
	for tools, why := range map[string]string{
		`"tools":[{"type":"web_search"}],"tool_choice":"auto"`:                                                                                  "tools[0]",
		`"tools":[{"type":"function","name":"f"},{"type":"web_search"}]`:                                                                        "tools[1]",
		`"tools":[{"type":"function","name":"f"},{"type":"local_shell"}],"tool_choice":"auto"`:                                                  "tools[1]",
		`"tools":[{"type":"function","name":"f"},{"type":"web_search"}],"tool_choice":"required"`:                                               "tools[1]",
		`"tools":[{"type":"function","name":"a__b"},{"type":"namespace","name":"a","description":"","tools":[{"type":"function","name":"b"}]}]`: "tools[1].tools[0]",
	} {
		_, err := decode(t, `{"model":"m","input":"x",`+tools+`}`).Carried()
		if sallyport.CodeOf(err) != sallyport.UnsupportedTool || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: got %v", tools, err)
		}
	}
	long := decode(t, `{"model":"m","input":"x","tools":[{"type":"namespace","name":"`+strings.Repeat("n", 60)+`","description":"","tools":[{"type":"function","name":"first"},{"type":"function","name":"second"}]}]}`)
	if got, err := long.Carried(); err != nil || len(got.Tools[0].Name.Text()) != 64 || got.Tools[0].Name.Text() == got.Tools[1].Name.Text() {
		t.Errorf("got %+v, %v", got, err)
	}
}

// A call is given back in the form that the client knows.
func TestEncoder_clientTools(t *testing.T) {
	t.Parallel()
	for _, stream := range []bool{true, false} {
		enc := responses.NewEncoder(decode(t, `{"model":"m","input":"x",`+codexTools+`}`), time.Unix(1, 0))
		deltas := []llm.Delta{
			begin(0, "c1", "agents__spawn"), delta(llm.ToolArgumentsDelta, 0, `{"a":1}`),
			begin(1, "c2", "patch"), delta(llm.ToolArgumentsDelta, 1, `{"input":"*** `), delta(llm.ToolArgumentsDelta, 1, `Begin\n"}`),
			begin(2, "c3", "agents__note"), delta(llm.ToolArgumentsDelta, 2, `no JSON`),
			begin(3, "c4", "exec"), delta(llm.ToolArgumentsDelta, 3, `{}`),
			begin(4, "c5", "patch"), delta(llm.ToolArgumentsDelta, 4, `{}`),
			begin(5, "c6", "patch"), delta(llm.ToolArgumentsDelta, 5, `{"text":"x"}`),
		}
		finish := []llm.Finish{{Reason: llm.StopTools}}
		var body string
		if stream {
			for _, d := range deltas {
				frames, err := enc.Event(&llm.Event{Kind: llm.ChunkEvent, Deltas: []llm.Delta{d}})
				if err != nil {
					t.Fatal(err)
				}
				body += string(frames)
			}
			frames, err := enc.Event(&llm.Event{Kind: llm.DoneEvent, Finishes: finish})
			if err != nil {
				t.Fatal(err)
			}
			if body += string(frames); !strings.Contains(body, `"type":"response.custom_tool_call_input.delta"`) || strings.Contains(body, `"delta":"{\"input\"`) {
				t.Errorf("got %s", body)
			}
			if _, err := responsestest.Read(body); err != nil {
				t.Errorf("%v in %s", err, body)
			}
			body = body[strings.LastIndex(body, `"response":`)+len(`"response":`) : strings.LastIndex(body, "}")]
		} else {
			whole, err := enc.Whole(&llm.Event{Kind: llm.WholeEvent, Deltas: []llm.Delta{
				deltas[0], deltas[1], deltas[2], delta(llm.ToolArgumentsDelta, 1, `{"input":"*** Begin\n"}`), deltas[5], deltas[6], deltas[7], deltas[8],
				deltas[9], deltas[10], deltas[11], deltas[12],
			}, Finishes: finish})
			if err != nil {
				t.Fatal(err)
			}
			body = string(whole)
		}
		var got struct {
			Output []struct{ Type, Namespace, Name, Arguments, Input string }
			Tools  []struct{ Type string }
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		want := []struct{ Type, Namespace, Name, Arguments, Input string }{
			{"function_call", "agents", "spawn", `{"a":1}`, ""},
			{"custom_tool_call", "", "patch", "", "*** Begin\n"},
			{"custom_tool_call", "agents", "note", "", "no JSON"},
			{"function_call", "", "exec", "{}", ""},
			{"custom_tool_call", "", "patch", "", ""},
			{"custom_tool_call", "", "patch", "", `{"text":"x"}`},
		}
		if !reflect.DeepEqual(got.Output, want) || len(got.Tools) != 3 {
			t.Errorf("stream %v: got %+v and %d tools", stream, got.Output, len(got.Tools))
		}
	}
}
