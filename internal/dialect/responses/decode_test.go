package responses_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

func decode(t *testing.T, body string) *llm.Request {
	t.Helper()
	req, err := responses.Decode([]byte(body))
	if err != nil {
		t.Fatalf("Decode %s: %v", body, err)
	}
	return req
}

// codex is a request as Codex CLI sends it, shortened.
const codex = `{"model":"m","instructions":"You are terse.","input":[
 {"type":"message","role":"developer","content":[{"type":"input_text","text":"Rules."}]},
 {"type":"message","role":"user","content":[{"type":"input_text","text":"List files."},{"type":"input_image","image_url":"data:image/png;base64,AAAA","detail":"auto"}]},
 {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}],"content":null,"encrypted_content":"gAAAAA=="},
 {"type":"message","role":"assistant","id":"msg_1","content":[{"type":"output_text","text":"I look.","annotations":[]},{"type":"refusal","refusal":"no"}]},
 {"type":"function_call","id":"fc_1","call_id":"call_1","name":"shell","arguments":"{\"cmd\":\"ls\"}"},
 {"type":"function_call","id":"fc_2","call_id":"call_2","name":"shell","arguments":"{}"},
 {"type":"function_call_output","call_id":"call_1","output":"a.txt"},
 {"type":"function_call_output","call_id":"call_2","output":[{"type":"input_text","text":"b.txt"}]},
 {"type":"message","role":"system","content":"Later."},
 {"type":"web_search_call","id":"ws_1","status":"completed"},
 {"role":"user","content":[{"type":"input_file","filename":"A.PDF","file_data":"AAAA"},{"type":"input_file","file_id":"f"}]}],
 "tools":[{"type":"function","name":"shell","description":"d","strict":false,"parameters":{"type":"object"}},{"type":"web_search"},{"type":"namespace","name":"n"}],
 "tool_choice":"auto","parallel_tool_calls":false,"reasoning":{"effort":"low","summary":"auto"},"store":false,"stream":true,
 "include":["reasoning.encrypted_content"],"prompt_cache_key":"session-1","client_metadata":{"a":"b"},"max_output_tokens":500,
 "text":{"verbosity":"low","format":{"type":"json_schema","name":"N","strict":true,"schema":{"type":"object"}}}}`

func TestDecode(t *testing.T) {
	t.Parallel()
	req := decode(t, codex)
	var told []string
	var tell func(p llm.Part) string
	tell = func(p llm.Part) string {
		s := fmt.Sprintf("%d:%s%s%s", p.Kind, p.Text.Text(), p.ToolID.Text(), p.ToolName.Text())
		for _, inner := range p.Parts {
			s += "(" + tell(inner) + ")"
		}
		return s
	}
	for _, m := range append([]llm.Message{{Role: "first", Parts: req.System}}, req.Messages...) {
		s := string(m.Role)
		for _, p := range m.Parts {
			s += " " + tell(p)
		}
		told = append(told, s)
	}
	want := []string{
		"first 1:You are terse. 1:Rules.",
		"user 1:List files. 2:",
		`assistant 6: 1:I look. 7:no 4:{"cmd":"ls"}call_1shell 4:{}call_2shell`,
		"tool 5:call_1(1:a.txt)", "tool 5:call_2(1:b.txt)",
		"system 1:Later.", "assistant 8:", "user 3: 8:",
	}
	if strings.Join(told, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
	if req.Session != "session-1" || req.OutputMax != 500 || !req.Stream || len(req.Tools) != 3 || req.Tools[0].Name.Text() != "shell" ||
		req.ToolChoice.Mode != "auto" || req.Settings.Effort.Text() != "low" || req.Settings.Format.Kind != "json_schema" {
		t.Errorf("got %+v", req)
	}
}

func TestDecode_toolChoice(t *testing.T) {
	t.Parallel()
	const tools = `{"model":"m","input":"x","tools":[{"type":"function","name":"a"},{"type":"function","name":"b"}],"tool_choice":`
	for choice, want := range map[string]string{
		`"none"`:                         "none  a,b",
		`{"type":"function","name":"b"}`: "named b a,b",
		`{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"b"}]}`: "required  b",
		`{"type":"allowed_tools","mode":"auto","tools":[{"type":"mcp"}]}`:                     "allowed_tools  a,b",
		`{"type":"web_search"}`: "web_search  a,b",
	} {
		req := decode(t, tools+choice+"}")
		var names []string
		for _, tool := range req.Tools {
			names = append(names, tool.Name.Text())
		}
		if got := req.ToolChoice.Mode + " " + req.ToolChoice.Name.Text() + " " + strings.Join(names, ","); got != want {
			t.Errorf("%s: got %q, want %q", choice, got, want)
		}
	}
}

func TestDecode_refused(t *testing.T) {
	t.Parallel()
	for body, code := range map[string]sallyport.Code{
		`[]`:                                                                         sallyport.InvalidBody,
		`{"input":"x"}`:                                                              sallyport.InvalidBody,
		`{"model":"m"}`:                                                              sallyport.InvalidBody,
		`{"model":"m","input":[]}`:                                                   sallyport.InvalidBody,
		`{"model":"m","input":[1]}`:                                                  sallyport.InvalidBody,
		`{"model":"m","input":"x","Store":true}`:                                     sallyport.InvalidBody,
		`{"model":"m","input":"x","api_base":"y"}`:                                   sallyport.InvalidBody,
		`{"model":"m","input":"x","stream":1}`:                                       sallyport.InvalidBody,
		`{"model":"m","input":"x","max_output_tokens":0}`:                            sallyport.InvalidBody,
		`{"model":"m","input":"x","instructions":["x"]}`:                             sallyport.InvalidBody,
		`{"model":"m","input":"x","text":{"format":{}}}`:                             sallyport.InvalidBody,
		`{"model":"m","input":"x","tools":[{"type":"function"}]}`:                    sallyport.InvalidBody,
		`{"model":"m","input":"x","tools":[{"name":"x"}]}`:                           sallyport.InvalidBody,
		`{"model":"m","input":"x","tool_choice":"any"}`:                              sallyport.InvalidBody,
		`{"model":"m","input":[{"role":"boss","content":"x"}]}`:                      sallyport.InvalidBody,
		`{"model":"m","input":[{"role":"user"}]}`:                                    sallyport.InvalidBody,
		`{"model":"m","input":[{"role":"user","content":[{"text":"x"}]}]}`:           sallyport.InvalidBody,
		`{"model":"m","input":[{"type":"function_call","name":"x","arguments":""}]}`: sallyport.InvalidBody,
		`{"model":"m","input":[{"type":"function_call_output","output":"x"}]}`:       sallyport.InvalidBody,
		`{"model":"m","input":"x","kindo":{"system_prompt":"on"}}`:                   sallyport.UnsupportedField,
		`{"model":"m","input":"x","tools":[{"type":"kindo_shell"}]}`:                 sallyport.UnsupportedTool,
		`{"model":"m","input":"x","previous_response_id":"a","conversation":"b"}`:    sallyport.ExclusiveFields,
	} {
		if _, err := responses.Decode([]byte(body)); sallyport.CodeOf(err) != code {
			t.Errorf("%s: got %v, want %s", body, err, code)
		}
	}
	for _, body := range []string{
		`{"model":"m","input":"x","background":false,"kindo":{"system_prompt":"off"},"previous_response_id":null,"conversation":"c","tools":null}`,
		`{"model":"m","input":[{"type":"item_reference","id":"x"},{"id":"y"}]}`,
	} {
		decode(t, body)
	}
}

func TestPortable(t *testing.T) {
	t.Parallel()
	for more, code := range map[string]sallyport.Code{
		``: "", `,"text":{"format":{"type":"text"},"verbosity":"medium"}`: "", `,"top_logprobs":0,"store":true,"truncation":"auto"`: "",
		`,"include":["reasoning.encrypted_content"],"metadata":{"a":"b"},"client_metadata":{}`: "",
		`,"include":["message.output_text.logprobs"]`:                                          sallyport.UnsupportedField,
		`,"text":{"verbosity":"low"}`:                                                          sallyport.UnsupportedField,
		`,"prompt":{"id":"x"}`:                                                                 sallyport.UnsupportedField,
		`,"something_new":1`:                                                                   sallyport.UnsupportedField,
		`,"tools":[{"type":"web_search"}]`:                                                     sallyport.UnsupportedTool,
		`,"context_management":[{"type":"x"}]`:                                                 sallyport.UnsupportedField,
	} {
		req := decode(t, `{"model":"m","input":"x"`+more+`}`)
		if _, err := req.Carried(); sallyport.CodeOf(err) != code {
			t.Errorf("%s: got %v, want %q", more, err, code)
		}
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ body, want string }{
		{`{"model":"m","input":"x"}`, `{"model":"real","input":"x","store":false}`},
		{`{ "store" : true , "model":"m", "input":"x"}`, `{ "store" : false , "model":"real", "input":"x"}`},
		{`{"store":null,"model":"m","kindo":{"system_prompt":"off"},"input":"\u00e9"}`, `{"store":false,"model":"real","input":"\u00e9"}`},
		{`{"model":"real","proxy_server_request":{},"store":false,"metadata":{"a":"b"},"input":"x","litellm_metadata":1}`,
			`{"model":"real","store":false,"metadata":{"a":"b"},"input":"x"}`},
	} {
		if got := responses.Encode(decode(t, tt.body), "real"); string(got) != tt.want {
			t.Errorf("%s: got %s, want %s", tt.body, got, tt.want)
		}
	}
	req := decode(t, codex)
	req.Messages[0].Parts[0].Text.SetText("List ⟦x⟧.")
	got := responses.Encode(req, "m")
	if want := strings.Replace(codex, "List files.", "List ⟦x⟧.", 1); string(got) != want {
		t.Errorf("got %s", got)
	}
}

func TestOpaque(t *testing.T) {
	t.Parallel()
	for _, place := range []string{
		"model", "input.id", "input.encrypted_content", "input.content.type", "output.id", "item.encrypted_content", "response.id",
		"response.output.call_id", "response.output.content.type", "part.type", "item_id", "response.status", "tools.type", "obfuscation", "previous_response_id",
	} {
		if !responses.Opaque(strings.Split(place, ".")) {
			t.Errorf("%s is not opaque", place)
		}
	}
	for _, place := range []string{
		"instructions", "input", "input.content", "input.content.text", "input.output", "output.arguments", "delta", "text", "tools.description",
		"tools.parameters.id", "metadata.id", "id.model", "input.content.id", "item.name", "response.instructions", "output.content.annotations.url",
	} {
		if responses.Opaque(strings.Split(place, ".")) {
			t.Errorf("%s is opaque", place)
		}
	}
}

// Every example is JSON: a slip in a test would test nothing.
func TestExamples(t *testing.T) {
	if !json.Valid([]byte(codex)) {
		t.Error("codex is no JSON")
	}
}
