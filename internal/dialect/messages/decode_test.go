package messages_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dialect/messages"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

func decode(t *testing.T, body string) *llm.Request {
	t.Helper()
	req, err := messages.Decode([]byte(body))
	if err != nil {
		t.Fatalf("decode %s: %v", body, err)
	}
	return req
}

// partsOf writes parts in short.
func partsOf(parts []llm.Part) string {
	var all []string
	for _, p := range parts {
		text := map[llm.PartKind]string{
			llm.TextPart: "text", llm.ImagePart: "image", llm.FilePart: "file", llm.ToolCallPart: "call",
			llm.ToolResultPart: "result", llm.ThinkingPart: "thinking", llm.OtherPart: "other",
		}[p.Kind]
		for _, field := range []string{p.Text.Text(), p.URL.Text(), p.MediaType, p.Data.Text(), p.Name.Text(), p.ToolID.Text(), p.ToolName.Text()} {
			if field != "" {
				text += " " + field
			}
		}
		if p.IsError {
			text += " failed"
		}
		if p.Kind == llm.ToolResultPart {
			text += " (" + partsOf(p.Parts) + ")"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// everything is a request with all that this dialect has a word for here.
const everything = `{"model":"claude-x","max_tokens":1024,"stream":true,"temperature":0.5,"top_p":0.9,"top_k":40,"stop_sequences":["END"],
 "metadata":{"user_id":"{\"device_id\":\"d\",\"session_id\":\"s-1\"}"},"litellm_metadata":{"a":1},
 "system":[{"type":"text","text":"x-anthropic-billing-header: cc_version=2"},{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral","ttl":"1h"}}],
 "thinking":{"type":"adaptive","display":"omitted"},"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},
 "output_config":{"effort":"high","format":{"type":"json_schema","schema":{"type":"object"}}},
 "tools":[{"name":"weather","description":"Says how it is","input_schema":{"type":"object"},"defer_loading":true},{"type":"custom","name":"clock","input_schema":{}},{"type":"web_search_20250305","name":"web_search","max_uses":5}],
 "tool_choice":{"type":"any","disable_parallel_tool_use":true},
 "messages":[{"role":"user","content":"Hi \u2603"},{"role":"user","content":[{"type":"text","text":"Look:"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBO"}},
   {"type":"image","source":{"type":"url","url":"https://x.test/a.png"}},{"type":"document","title":"Plan","source":{"type":"base64","media_type":"application/pdf","data":"JVBE"}},
   {"type":"document","source":{"type":"text","media_type":"text/plain","data":"plain"}},{"type":"image","source":{"type":"file","file_id":"file_1"}},{"type":"search_result","source":"s","title":"t","content":[]}]},
  {"role":"assistant","content":[{"type":"thinking","thinking":"Hm.","signature":"c2ln"},{"type":"redacted_thinking","data":"b3A="},{"type":"text","text":"Two."},
   {"type":"tool_use","id":"toolu_1","name":"weather","input":{"city": "Oslo"}},{"type":"tool_use","id":"toolu_2","name":"clock","input":{}},{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}}]},
  {"role":"system","content":[{"type":"text","text":"Mind the step.","cache_control":{"type":"ephemeral"}}]},
  {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"rain","is_error":true},{"type":"tool_result","tool_use_id":"toolu_2","content":[{"type":"text","text":"noon"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBP"}}]},{"type":"text","text":"So?"}]}],
 "what_comes_next":{"deep":[1.50,null]}}`

func TestDecode(t *testing.T) {
	t.Parallel()
	req := decode(t, everything)
	var got []string
	got = append(got, "system: "+partsOf(req.System))
	for _, m := range req.Messages {
		got = append(got, string(m.Role)+": "+partsOf(m.Parts))
	}
	want := []string{
		"system: text x-anthropic-billing-header: cc_version=2, text Be brief.",
		"user: text Hi ☃",
		"user: text Look:, image image/png iVBO, image https://x.test/a.png, file application/pdf JVBE Plan, text plain, other, other",
		`assistant: thinking Hm., thinking, text Two., call {"city": "Oslo"} toolu_1 weather, call {} toolu_2 clock, other`,
		"system: text Mind the step.",
		"tool: result toolu_1 failed (text rain), result toolu_2 (text noon, image image/png iVBP)",
		"user: text So?",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if req.Dialect != llm.Messages || req.Model != "claude-x" || !req.Stream || req.OutputMax != 1024 || req.Choices != 1 || req.Session != "s-1" || !req.UsageAsked {
		t.Errorf("got %+v", req)
	}
	s := req.Settings
	for name, pair := range map[string][2]string{
		"temperature": {string(s.Temperature.Raw()), "0.5"}, "top_p": {string(s.TopP.Raw()), "0.9"}, "top_k": {string(s.TopK.Raw()), "40"},
		"stop": {string(s.Stop.Raw()), `["END"]`}, "parallel": {string(s.ParallelTools.Raw()), "false"}, "effort": {s.Effort.Text(), "high"},
		"format": {s.Format.Kind + string(s.Format.Schema.Raw()), `json_schema{"type":"object"}`}, "choice": {req.ToolChoice.Mode, "required"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %s, want %s", name, pair[0], pair[1])
		}
	}
	var tools []string
	for _, tool := range req.Tools {
		tools = append(tools, tool.Name.Text()+" "+tool.Description.Text()+" "+string(tool.Schema.Raw()))
	}
	if want := []string{`weather Says how it is {"type":"object"}`, "clock  {}", "  "}; fmt.Sprint(tools) != fmt.Sprint(want) {
		t.Errorf("tools: got %q, want %q", tools, want)
	}
	if len(req.Signed) != 1 || req.Signed[0].Text() != "Hm." {
		t.Errorf("signed are %v", req.Signed)
	}
}

func TestDecodeToolChoice(t *testing.T) {
	t.Parallel()
	for choice, want := range map[string]string{
		`null`: "", `{"type":"auto"}`: "auto", `{"type":"none"}`: "none", `{"type":"any"}`: "required",
		`{"type":"tool","name":"f"}`: "named f", `{"type":"novel"}`: "novel",
	} {
		req := decode(t, `{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"Hi"}],"tool_choice":`+choice+`}`)
		if got := strings.TrimSpace(req.ToolChoice.Mode + " " + req.ToolChoice.Name.Text()); got != want {
			t.Errorf("%s: got %q, want %q", choice, got, want)
		}
	}
}

func TestDecodeRefusals(t *testing.T) {
	t.Parallel()
	hi := `"messages":[{"role":"user","content":"Hi"}]`
	said := func(block string) string {
		return `{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[` + block + `]}]}`
	}
	with := func(field string) string { return `{"model":"m","max_tokens":1,` + hi + `,` + field + `}` }
	for _, tt := range []struct{ name, body, names string }{
		{"not JSON", `{"model":`, "byte 9"},
		{"no object", `[]`, "object"},
		{"no model", `{"max_tokens":1,` + hi + `}`, "model"},
		{"no bound", `{"model":"m",` + hi + `}`, "max_tokens"},
		{"a bound of none", `{"model":"m","max_tokens":0,` + hi + `}`, "max_tokens"},
		{"a bound that is no number", `{"model":"m","max_tokens":"9",` + hi + `}`, "max_tokens"},
		{"no messages", `{"model":"m","max_tokens":1}`, "messages"},
		{"empty messages", `{"model":"m","max_tokens":1,"messages":[]}`, "messages"},
		{"a strange role", `{"model":"m","max_tokens":1,"messages":[{"role":"tool","content":"x"}]}`, "messages[0].role"},
		{"no content", `{"model":"m","max_tokens":1,"messages":[{"role":"user"}]}`, "messages[0].content"},
		{"a twin", with(`"Model":"hunter2"`), "model"},
		{"a twin of a block's field", said(`{"type":"text","text":"a","TEXT":"hunter2"}`), "text"},
		{"a twin of a source's field", said(`{"type":"image","source":{"type":"base64","media_type":"image/png","data":"a","DATA":"hunter2"}}`), "data"},
		{"a redirect", with(`"api_base":"https://hunter2"`), "api_base"},
		{"a block without type", said(`{"text":"hunter2"}`), "messages[0].content[0].type"},
		{"a text that is none", said(`{"type":"text","text":1}`), "messages[0].content[0].text"},
		{"an image without source", said(`{"type":"image"}`), "messages[0].content[0].source"},
		{"an image without type", said(`{"type":"image","source":{"type":"base64","data":"a"}}`), "source.media_type"},
		{"arguments that are text", said(`{"type":"tool_use","id":"a","name":"f","input":"{}"}`), "input"},
		{"a call without id", said(`{"type":"tool_use","name":"f","input":{}}`), "id"},
		{"a result of nothing", said(`{"type":"tool_result","content":"x"}`), "tool_use_id"},
		{"a tool without schema", with(`"tools":[{"name":"f"}]`), "tools[0].input_schema"},
		{"a tool without name", with(`"tools":[{"input_schema":{}}]`), "tools[0].name"},
		{"a choice that is a word", with(`"tool_choice":"auto"`), "tool_choice"},
		{"stops that are no texts", with(`"stop_sequences":[1]`), "stop_sequences"},
		{"a stream of maybe", with(`"stream":"yes"`), "stream"},
		{"a temperature in words", with(`"temperature":"hot"`), "temperature"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := messages.Decode([]byte(tt.body))
			if sallyport.CodeOf(err) != sallyport.InvalidBody || !strings.Contains(err.Error(), tt.names) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %s that names %s", err, sallyport.InvalidBody, tt.names)
			}
		})
	}
}

func TestDecodeCount(t *testing.T) {
	t.Parallel()
	req, err := messages.DecodeCount([]byte(`{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}`))
	if err != nil || req.Operation != llm.CountTokens || req.Stream || req.OutputMax != 0 {
		t.Errorf("got %+v, %v", req, err)
	}
}

func TestPortable(t *testing.T) {
	t.Parallel()
	for field, portable := range map[string]bool{
		`"thinking":{"type":"enabled","budget_tokens":1024}`: true, `"context_management":{"edits":[]}`: true, `"metadata":{"user_id":"u"}`: true,
		`"mcp_servers":[]`: true, `"container":null`: true, `"service_tier":"auto"`: true, `"output_config":{"effort":"low"}`: true,
		`"mcp_servers":[{"type":"url","url":"https://x.test"}]`: false, `"container":"c"`: false, `"inference_geo":"eu"`: false,
		`"output_config":{"task_budget":{}}`: false, `"novelty":1`: false, `"thread":{"type":"create"}`: false,
	} {
		err := decode(t, `{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"Hi"}],`+field+`}`).Portable()
		if (err == nil) != portable || err != nil && sallyport.CodeOf(err) != sallyport.UnsupportedField {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

func TestEncodeSameDialect(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, body, want string }{
		{"the model", `{ "model" : "a", "max_tokens":1e1, "messages" : [ {"role":"user","content":"\u00e9 \/"} ] }`, `{ "model" : "T", "max_tokens":1e1, "messages" : [ {"role":"user","content":"\u00e9 \/"} ] }`},
		{"removed", `{"metadata":{"user_id":"u"},"model":"T","litellm_metadata":1,"max_tokens":1,"messages":[{"role":"user","content":"a"}],"proxy_server_request":{}}`, `{"model":"T","max_tokens":1,"messages":[{"role":"user","content":"a"}]}`},
	} {
		got, err := messages.Encode(decode(t, tt.body), "T", 1)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s:\n got %s, %v\nwant %s", tt.name, got, err, tt.want)
		}
	}
	got, err := messages.Encode(decode(t, everything), "claude-x", 1)
	want := strings.Replace(everything, ` "metadata":{"user_id":"{\"device_id\":\"d\",\"session_id\":\"s-1\"}"},"litellm_metadata":{"a":1},`+"\n", "", 1)
	squeeze := strings.NewReplacer(" ", "", "\n", "")
	if err != nil || squeeze.Replace(string(got)) != squeeze.Replace(want) {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}

// What policy changed inside of arguments is what is sent, in every dialect.
func TestArgumentsAreSentAsChanged(t *testing.T) {
	t.Parallel()
	body := `{"model":"T","max_tokens":1,"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{"to":["SECRET"]}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"ok"}]}]}`
	req := decode(t, body)
	req.Body.Root().Strings(func(s llm.Value, _ bool) bool {
		if s.Text() == "SECRET" {
			s.SetText("token")
		}
		return true
	})
	same, err := messages.Encode(req, "T", 1)
	if want := strings.Replace(body, "SECRET", "token", 1); err != nil || string(same) != want {
		t.Errorf("got %s, %v\nwant %s", same, err, want)
	}
	other, err := chat.EncodeForeign(req, "T", chat.Flavour{})
	if err != nil || strings.Contains(string(other), "SECRET") || !strings.Contains(string(other), `"arguments":"{\"to\":[\"token\"]}"`) {
		t.Errorf("got %s, %v", other, err)
	}
}

func TestOpaque(t *testing.T) {
	t.Parallel()
	for place, want := range map[string]bool{
		"model": true, "messages.role": true, "messages.content.signature": true, "messages.content.id": true, "content.id": true, "content.signature": true,
		"messages.content.data": true, "messages.content.content.tool_use_id": true, "messages.content.content.encrypted_content": true,
		"content.content.encrypted_content": true, "content_block.id": true, "delta.signature": true, "message.id": true,
		"messages.content.source.media_type": true, "messages.content.cache_control.type": true, "tools.type": true,
		"messages.content.source.data": false, "messages.content.text": false, "messages.content.thinking": false, "messages.content.input.id": false,
		"messages.content.name": false, "delta.text": false, "delta.partial_json": false, "content.input.signature": false, "system.text": false,
		"x.signature": false, "messages.content.x.id": false, "metadata.user_id": false, "tools.name": false, "signature": false, "data": false,
	} {
		if got := messages.Opaque(strings.Split(place, ".")); got != want {
			t.Errorf("%s: got %v", place, got)
		}
	}
}
