package messages_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dialect/messages"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

func decodeChat(t *testing.T, body string) *llm.Request {
	t.Helper()
	req, err := chat.Decode([]byte(body))
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	return req
}

func compact(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(text)); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return out.String()
}

const tools = `[
	{"type":"function","function":{"name":"weather","description":"Says <how> it is","parameters":{"type":"object","properties":{"n":{"const":12345678901234567890}}}}},
	{"type":"function","function":{"name":"clock","strict":true},"cache_control":{"type":"ephemeral"}}]`

const toolsWant = `[
	{"name":"weather","description":"Says <how> it is","input_schema":{"type":"object","properties":{"n":{"const":12345678901234567890}}}},
	{"name":"clock","input_schema":{"type":"object","properties":{}},"strict":true,"cache_control":{"type":"ephemeral"}}]`

func TestEncode(t *testing.T) {
	t.Parallel()
	const hi = `"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}]`
	tests := []struct{ name, chat, want string }{
		{
			"plain",
			`{"model":"a","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi \u2603 <b>"}],"max_tokens":5}`,
			`{"model":"T","max_tokens":5,"system":[{"type":"text","text":"Be brief."}],"messages":[{"role":"user","content":[{"type":"text","text":"Hi ☃ <b>"}]}]}`,
		},
		{
			"stream, and a bound because the client names none",
			`{"model":"a","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"Hi"}]}`,
			`{"model":"T","max_tokens":77,"stream":true,` + hi + `}`,
		},
		{
			"settings",
			`{"model":"a","messages":[{"role":"user","content":"Hi"}],"max_completion_tokens":9,"temperature":1.0,"top_p":0.25,"top_k":40,"stop":["END","\n##"],"user":"u-1"}`,
			`{"model":"T","max_tokens":9,` + hi + `,"stop_sequences":["END","\n##"],"temperature":1.0,"top_p":0.25,"top_k":40,"metadata":{"user_id":"u-1"}}`,
		},
		{
			"one stop sequence",
			`{"model":"a","messages":[{"role":"user","content":"Hi"}],"stop":"END"}`,
			`{"model":"T","max_tokens":77,` + hi + `,"stop_sequences":["END"]}`,
		},
		{
			"a document",
			`{"model":"a","messages":[{"role":"user","content":[{"type":"file","file":{"filename":"plan.pdf","file_data":"data:application/pdf;base64,JVBE"}}]}]}`,
			`{"model":"T","max_tokens":77,"messages":[{"role":"user","content":[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBE"},"title":"plan.pdf"}]}]}`,
		},
		{
			"documents that are texts, and one that is not",
			`{"model":"a","messages":[{"role":"user","content":[{"type":"file","file":{"filename":"a.csv","file_data":"data:text/csv;base64,YSw8Yj4="}},
			  {"type":"file","file":{"filename":"a","file_data":"data:application/octet-stream;base64,U23DuHI="}},{"type":"file","file":{"filename":"b","file_data":"data:application/msword;base64,AAEC"}}]}]}`,
			`{"model":"T","max_tokens":77,"messages":[{"role":"user","content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"a,<b>"},"title":"a.csv"},
			  {"type":"document","source":{"type":"text","media_type":"text/plain","data":"Smør"},"title":"a"},{"type":"document","source":{"type":"base64","media_type":"application/msword","data":"AAEC"},"title":"b"}]}]}`,
		},
		{
			"ids of calls that Anthropic does not take",
			`{"model":"a","messages":[{"role":"user","content":"Hi"},{"role":"assistant","tool_calls":[{"id":"functions.f:0","type":"function","function":{"name":"f","arguments":"{}"}},
			  {"id":"call_1-A","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"functions.f:0","content":"x"},{"role":"tool","tool_call_id":"call_1-A","content":"y"}]}`,
			`{"model":"T","max_tokens":77,"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]},
			  {"role":"assistant","content":[{"type":"tool_use","id":"functions_f_0_d6bdd4de328a22ed","name":"f","input":{}},{"type":"tool_use","id":"call_1-A","name":"f","input":{}}]},
			  {"role":"user","content":[{"type":"tool_result","tool_use_id":"functions_f_0_d6bdd4de328a22ed","content":[{"type":"text","text":"x"}]},{"type":"tool_result","tool_use_id":"call_1-A","content":[{"type":"text","text":"y"}]}]}]}`,
		},
		{
			"schemas of arguments without a type",
			`{"model":"a","messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"function","function":{"name":"f","parameters":{}}},{"type":"function","function":{"name":"g","parameters":{"properties":{"x":{}}}}}]}`,
			`{"model":"T","max_tokens":77,` + hi + `,"tools":[{"name":"f","input_schema":{"type":"object","properties":{}}},{"name":"g","input_schema":{"type":"object","properties":{"x":{}}}}]}`,
		},
		{
			"a schema for the answer",
			`{"model":"a","messages":[{"role":"user","content":"Hi"}],"response_format":{"type":"json_schema","json_schema":{"name":"x","strict":true,"schema":{"type":"object","additionalProperties":false}}}}`,
			`{"model":"T","max_tokens":77,` + hi + `,"output_config":{"format":{"type":"json_schema","schema":{"type":"object","additionalProperties":false}}}}`,
		},
		{
			"hints, removed fields, nulls and values that ask for nothing",
			`{"model":"a","messages":[{"role":"user","name":"ann","content":"Hi"}],"seed":3,"store":true,"service_tier":"auto","metadata":{"a":"b"},"litellm_metadata":{},"proxy_server_request":{},
			  "prompt_cache_key":"k","safety_identifier":"s","prediction":{},"n":1,"logprobs":false,"top_logprobs":0,"logit_bias":{},"frequency_penalty":0,"presence_penalty":0.0,
			  "response_format":{"type":"text"},"modalities":["text"],"verbosity":"medium","reasoning_effort":"high","stop":null,"temperature":null,"tools":null,"audio":null}`,
			`{"model":"T","max_tokens":77,` + hi + `}`,
		},
		{
			"system texts keep their rank, not their place",
			`{"model":"a","messages":[{"role":"developer","content":"One."},{"role":"system","content":[{"type":"text","text":"Two.","cache_control":{"type":"ephemeral","ttl":"1h"}}]},
			  {"role":"user","content":"Hi"},{"role":"system","content":"Three."},{"role":"user","content":"there"}]}`,
			`{"model":"T","max_tokens":77,"system":[{"type":"text","text":"One."},{"type":"text","text":"Two.","cache_control":{"type":"ephemeral","ttl":"1h"}},{"type":"text","text":"Three."}],
			  "messages":[{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"text","text":"there"}]}]}`,
		},
		{
			"a tool's round trip",
			`{"model":"a","tools":` + tools + `,"messages":[{"role":"user","content":"Weather and time?"},
			  {"role":"assistant","content":null,"tool_calls":[
			    {"id":"c1","type":"function","function":{"name":"weather","arguments":"{\"town\": \"Oslo \\u2603\", \"n\": 12345678901234567890}"}},
			    {"id":"c2","type":"function","function":{"name":"clock","arguments":""}}]},
			  {"role":"tool","tool_call_id":"c1","content":"rain"},
			  {"role":"tool","tool_call_id":"c2","content":[{"type":"text","text":"12:00"}]},
			  {"role":"user","content":"And?"}]}`,
			`{"model":"T","max_tokens":77,"messages":[{"role":"user","content":[{"type":"text","text":"Weather and time?"}]},
			  {"role":"assistant","content":[
			    {"type":"tool_use","id":"c1","name":"weather","input":{"town":"Oslo \u2603","n":12345678901234567890}},
			    {"type":"tool_use","id":"c2","name":"clock","input":{}}]},
			  {"role":"user","content":[
			    {"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"rain"}]},
			    {"type":"tool_result","tool_use_id":"c2","content":[{"type":"text","text":"12:00"}]},
			    {"type":"text","text":"And?"}]}],
			  "tools":` + toolsWant + `}`,
		},
		{
			"an empty tool result, blank texts and a refusal in the history",
			`{"model":"a","messages":[{"role":"user","content":[{"type":"text","text":" \n"},{"type":"text","text":"Go"}]},
			  {"role":"assistant","content":"","refusal":"I will not."},
			  {"role":"assistant","content":"\n","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},
			  {"role":"tool","tool_call_id":"c","content":""}]}`,
			`{"model":"T","max_tokens":77,"messages":[{"role":"user","content":[{"type":"text","text":"Go"}]},
			  {"role":"assistant","content":[{"type":"text","text":"I will not."},{"type":"tool_use","id":"c","name":"f","input":{}}]},
			  {"role":"user","content":[{"type":"tool_result","tool_use_id":"c"}]}]}`,
		},
		{
			"images",
			`{"model":"a","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk=","detail":"low"}},
			  {"type":"image_url","image_url":{"url":"DATA:image/webp;name=x;BASE64,aGk="}},{"type":"image_url","image_url":{"url":"https://example.test/a.png?x=1&y=2"}}]}]}`,
			`{"model":"T","max_tokens":77,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}},
			  {"type":"image","source":{"type":"base64","media_type":"image/webp","data":"aGk="}},{"type":"image","source":{"type":"url","url":"https://example.test/a.png?x=1&y=2"}}]}]}`,
		},
	}
	for choice, want := range map[string]string{
		`"auto"`: `{"type":"auto"}`, `"none"`: `{"type":"none"}`, `"required"`: `{"type":"any"}`,
		`{"type":"function","function":{"name":"clock"}}`: `{"type":"tool","name":"clock"}`,
	} {
		tests = append(tests, struct{ name, chat, want string }{
			"tool_choice " + choice,
			`{"model":"a","messages":[{"role":"user","content":"Hi"}],"tools":` + tools + `,"tool_choice":` + choice + `}`,
			`{"model":"T","max_tokens":77,` + hi + `,"tools":` + toolsWant + `,"tool_choice":` + want + `}`,
		})
	}
	for choice, want := range map[string]string{
		`null`: `{"type":"auto","disable_parallel_tool_use":true}`, `"none"`: `{"type":"none"}`,
		`"required"`: `{"type":"any","disable_parallel_tool_use":true}`,
	} {
		tests = append(tests, struct{ name, chat, want string }{
			"one tool at a time, tool_choice " + choice,
			`{"model":"a","messages":[{"role":"user","content":"Hi"}],"tools":` + tools + `,"parallel_tool_calls":false,"tool_choice":` + choice + `}`,
			`{"model":"T","max_tokens":77,` + hi + `,"tools":` + toolsWant + `,"tool_choice":` + want + `}`,
		})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := messages.Encode(decodeChat(t, test.chat), "T", 77)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != compact(t, test.want) {
				t.Errorf("\n got %s\nwant %s", got, compact(t, test.want))
			}
		})
	}
}

// What policy changed is what is sent, wherever the text stood.
func TestEncodeSendsChangedTexts(t *testing.T) {
	t.Parallel()
	req := decodeChat(t, `{"model":"a","user":"SECRET","stop":["SECRET"],"messages":[{"role":"system","content":"SECRET"},{"role":"user","content":[{"type":"text","text":"SECRET"}]},
		{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":\"SECRET\"}"}}]},
		{"role":"tool","tool_call_id":"c","content":"SECRET"}],
		"tools":[{"type":"function","function":{"name":"f","description":"SECRET","parameters":{"type":"object","description":"SECRET"}}}]}`)
	req.Body.Root().Strings(func(s llm.Value, isKey bool) bool {
		if !isKey && strings.Contains(s.Text(), "SECRET") {
			s.SetText(strings.ReplaceAll(s.Text(), "SECRET", "⟦token⟧"))
		}
		return true
	})
	got, err := messages.Encode(req, "T", 77)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(got), "⟦token⟧"); n != 8 || strings.Contains(string(got), "SECRET") {
		t.Errorf("got %d changed texts, want 8, and no other: %s", n, got)
	}
}

func TestEncodeRefusals(t *testing.T) {
	t.Parallel()
	with := func(field string) string {
		return `{"model":"a","messages":[{"role":"user","content":"Hi"}],` + field + `}`
	}
	said := func(content string) string {
		return `{"model":"a","messages":[{"role":"user","content":[` + content + `]}]}`
	}
	tests := []struct {
		name, chat string
		code       sallyport.Code
		names      string // what the message must name
	}{
		{"temperature", with(`"temperature":1.2`), sallyport.UnsupportedField, "temperature"},
		{"negative temperature", with(`"temperature":-0.1`), sallyport.UnsupportedField, "temperature"},
		{"n", with(`"n":2`), sallyport.UnsupportedField, "n:"},
		{"json_object", with(`"response_format":{"type":"json_object"}`), sallyport.UnsupportedField, "response_format"},
		{"json_schema without a schema", with(`"response_format":{"type":"json_schema","json_schema":{"name":"x"}}`), sallyport.UnsupportedField, "response_format"},
		{"frequency_penalty", with(`"frequency_penalty":0.5`), sallyport.UnsupportedField, "frequency_penalty"},
		{"presence_penalty", with(`"presence_penalty":-1`), sallyport.UnsupportedField, "presence_penalty"},
		{"logprobs", with(`"logprobs":true`), sallyport.UnsupportedField, "logprobs"},
		{"logit_bias", with(`"logit_bias":{"1":2}`), sallyport.UnsupportedField, "logit_bias"},
		{"modalities", with(`"modalities":["text","audio"]`), sallyport.UnsupportedField, "modalities"},
		{"an unknown field", with(`"enable_magic":true`), sallyport.UnsupportedField, "enable_magic"},
		{"an unknown field whose name may be a value", with(`"ann@example.test":true`), sallyport.UnsupportedField, "(key)"},
		{"blank stop sequence", with(`"stop":["END","\n"]`), sallyport.UnsupportedField, "stop[1]"},
		{"a tool required of none", with(`"tool_choice":"required"`), sallyport.InvalidBody, "tool_choice"},
		{"audio", said(`{"type":"text","text":"Hi"},{"type":"input_audio","input_audio":{"data":"aGk=","format":"wav"}}`), sallyport.UnsupportedField, "messages[0].content[1]"},
		{"a file that another provider keeps", said(`{"type":"file","file":{"file_id":"file-1"}}`), sallyport.UnsupportedField, "messages[0].content[0]"},
		{"an image that is not base64", said(`{"type":"image_url","image_url":{"url":"data:image/svg+xml,%3Csvg%3E"}}`), sallyport.UnsupportedField, "messages[0].content[0]"},
		{"an image from elsewhere", said(`{"type":"image_url","image_url":{"url":"file:///etc/passwd"}}`), sallyport.UnsupportedField, "messages[0].content[0]"},
		{"a system text alone", `{"model":"a","messages":[{"role":"system","content":"Hi"}]}`, sallyport.UnsupportedField, "the conversation"},
		{"an image from the system", `{"model":"a","messages":[{"role":"system","content":[{"type":"image_url","image_url":{"url":"https://example.test/a.png"}}]},{"role":"user","content":"Hi"}]}`, sallyport.UnsupportedField, "the conversation"},
		{"arguments that are no object", `{"model":"a","messages":[{"role":"user","content":"Hi"},{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"[hunter2"}}]},{"role":"tool","tool_call_id":"c","content":"x"}]}`, sallyport.InvalidBody, "messages[1].tool_calls[0]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			body, err := messages.Encode(decodeChat(t, test.chat), "T", 77)
			if sallyport.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.names) {
				t.Fatalf("got %v and %s, want %s that names %s", err, body, test.code, test.names)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "example.test") {
				t.Errorf("the error quotes the request: %v", err)
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	turn := `{"role":"user","content":` + string(llm.Quote(strings.Repeat("Some ordinary words of a person, with \"quotes\".\n", 40))) + `}`
	body := []byte(`{"model":"a","messages":[` + strings.Repeat(turn+`,`, 49) + turn + `]}`)
	req, err := chat.Decode(body)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := messages.Encode(req, "T", 77); err != nil {
			b.Fatal(err)
		}
	}
}

// Requests of the Responses dialect are built by the same meaning.
func TestEncodeResponses(t *testing.T) {
	t.Parallel()
	req, err := responses.Decode([]byte(`{"model":"a","instructions":"Be brief.","max_output_tokens":9,"parallel_tool_calls":false,"tool_choice":"required","input":[
		{"role":"developer","content":"And kind."},
		{"role":"user","content":[{"type":"input_text","text":"Look:"},{"type":"input_image","image_url":"data:image/png;base64,iVBO"},{"type":"input_file","filename":"plan.pdf","file_data":"data:application/pdf;base64,JVBE"}]},
		{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"x"},
		{"type":"function_call","call_id":"a","name":"f","arguments":"{\"x\":1}"},{"type":"function_call","call_id":"b","name":"f","arguments":"{}"},
		{"type":"function_call_output","call_id":"a","output":"one"},{"type":"function_call_output","call_id":"b","output":"two"}],
		"tools":[{"type":"function","name":"f","description":"Does it","parameters":{"type":"object"},"strict":true}],
		"text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := messages.Encode(req, "T", 77)
	want := compact(t, `{"model":"T","max_tokens":9,"system":[{"type":"text","text":"Be brief."},{"type":"text","text":"And kind."}],"messages":[
		{"role":"user","content":[{"type":"text","text":"Look:"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBO"}},{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBE"},"title":"plan.pdf"}]},
		{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{"x":1}},{"type":"tool_use","id":"b","name":"f","input":{}}]},
		{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"one"}]},{"type":"tool_result","tool_use_id":"b","content":[{"type":"text","text":"two"}]}]}],
		"tools":[{"name":"f","description":"Does it","input_schema":{"type":"object"},"strict":true}],"tool_choice":{"type":"any","disable_parallel_tool_use":true},
		"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}}`)
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	req, err = responses.Decode([]byte(`{"model":"a","input":"Hi","tools":[{"type":"web_search"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if body, err := messages.Encode(req, "T", 77); err == nil || !strings.Contains(err.Error(), "tools[0]") {
		t.Errorf("a tool of the provider: got %v and %s", err, body)
	}
}
