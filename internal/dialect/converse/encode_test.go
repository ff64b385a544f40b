package converse_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dialect/completions"
	"github.com/sallyport-ai/sallyport/internal/dialect/converse"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// asked is a chat request with these fields.
func asked(t *testing.T, fields string) *llm.Request {
	t.Helper()
	req, err := chat.Decode([]byte(`{"model":"m",` + fields + `}`))
	if err != nil {
		t.Fatalf("the test's own request: %v", err)
	}
	return req
}

func encoded(t *testing.T, req *llm.Request, target string) string {
	t.Helper()
	body, err := converse.Encode(req, target)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func sameJSON(t *testing.T, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("not JSON: %v: %s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("the test's own JSON: %v", err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

const (
	hello  = `"messages":[{"role":"user","content":"hello"}]`
	claude = "eu.anthropic.claude-sonnet-4-5-v1:0"
	tool   = `,"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","additionalProperties":false}}}]`
)

func TestEncode(t *testing.T) {
	t.Parallel()
	const messages = `"messages":[{"role":"user","content":[{"text":"hello"}]}]`
	const specs = `"tools":[{"toolSpec":{"name":"f","description":"d","inputSchema":{"json":{"type":"object","additionalProperties":false}}}}]`
	for name, row := range map[string]struct{ fields, want string }{
		"text":   {hello, messages},
		"system": {`"messages":[{"role":"system","content":"a"},{"role":"user","content":"hello"},{"role":"developer","content":"b"},{"role":"system","content":" "}]`, `"system":[{"text":"a"},{"text":"b"}],` + messages},
		"sampling": {hello + `,"temperature":0.5,"top_p":0.7,"max_tokens":9,"stop":["a","b"],"user":"u","reasoning_effort":"high"`,
			messages + `,"inferenceConfig":{"temperature":0.5,"topP":0.7,"maxTokens":9,"stopSequences":["a","b"]}`},
		"one stop": {hello + `,"stop":"a"`, messages + `,"inferenceConfig":{"stopSequences":["a"]}`},
		"top k":    {hello + `,"top_k":7`, messages + `,"additionalModelRequestFields":{"top_k":7}`},
		"schema": {hello + `,"response_format":{"type":"json_schema","json_schema":{"name":"n","description":"d","schema":{"type": "object"}}}`,
			messages + `,"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{\"type\": \"object\"}","name":"n","description":"d"}}}}`},
		"tool":            {hello + tool, messages + `,"toolConfig":{` + specs + `}`},
		"tool of nothing": {hello + `,"tools":[{"type":"function","function":{"name":"f"}}]`, messages + `,"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object","properties":{}}}}}]}`},
		"tools without a type": {hello + `,"tools":[{"type":"function","function":{"name":"f","parameters":{}}},{"type":"function","function":{"name":"g","parameters":{"properties":{"x":{}}}}}]`,
			messages + `,"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object","properties":{}}}}},{"toolSpec":{"name":"g","inputSchema":{"json":{"type":"object","properties":{"x":{}}}}}}]}`},
		"a text of a type that is not known": {`"messages":[{"role":"user","content":[{"type":"file","file":{"filename":"a.json","file_data":"data:application/json;base64,e30="}}]}]`,
			`"messages":[{"role":"user","content":[{"document":{"format":"txt","name":"a (1)","source":{"bytes":"e30="}}}]}]`},
		"auto":     {hello + tool + `,"tool_choice":"auto","parallel_tool_calls":true`, messages + `,"toolConfig":{` + specs + `,"toolChoice":{"auto":{}}}`},
		"none":     {hello + tool + `,"tool_choice":"none"`, messages},
		"required": {hello + tool + `,"tool_choice":"required"`, messages + `,"toolConfig":{` + specs + `,"toolChoice":{"any":{}}}`},
		"named":    {hello + tool + `,"tool_choice":{"type":"function","function":{"name":"f"}}`, messages + `,"toolConfig":{` + specs + `,"toolChoice":{"tool":{"name":"f"}}}`},
		"image":    {`"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,AAAA"}}]}]`, `"messages":[{"role":"user","content":[{"image":{"format":"jpeg","source":{"bytes":"AAAA"}}}]}]`},
		"tools called": {`"messages":[{"role":"user","content":"Go."},
			{"role":"assistant","content":"I look.","tool_calls":[
				{"id":"functions.f:0","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},
				{"id":"b","type":"function","function":{"name":"f","arguments":""}}]},
			{"role":"tool","tool_call_id":"functions.f:0","content":"one"},
			{"role":"tool","tool_call_id":"b","content":""},
			{"role":"user","content":"Go on."}]`,
			`"messages":[{"role":"user","content":[{"text":"Go."}]},
			{"role":"assistant","content":[{"text":"I look."},{"toolUse":{"toolUseId":"functions_f_0_d6bdd4de328a22ed","name":"f","input":{"x":1}}},{"toolUse":{"toolUseId":"b","name":"f","input":{}}}]},
			{"role":"user","content":[{"toolResult":{"toolUseId":"functions_f_0_d6bdd4de328a22ed","content":[{"text":"one"}]}},{"toolResult":{"toolUseId":"b","content":[]}},{"text":"Go on."}]}]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sameJSON(t, encoded(t, asked(t, row.fields), claude), "{"+row.want+"}")
		})
	}
}

// What policy changed is what is sent, in objects and in schemas that are text here
// too; reasoning of another model is left out; documents get names that differ.
func TestEncodeForeign(t *testing.T) {
	t.Parallel()
	doc, err := llm.Parse([]byte(`{"text":"SECRET","input":{"x":"SECRET"},"schema":{"description":"SECRET"},"name":"f","id":"1","png":"AAAA","pdf":"BBBB","file":"my  report_1.v2.pdf","thought":"hm"}`))
	if err != nil {
		t.Fatal(err)
	}
	v := doc.Root()
	pdf := llm.Part{Kind: llm.FilePart, Data: v.Get("pdf"), MediaType: "application/pdf; x=y", Name: v.Get("file")}
	unnamed := llm.Part{Kind: llm.FilePart, Data: v.Get("pdf"), MediaType: "text/plain"}
	req := &llm.Request{
		Dialect: llm.Messages, Body: doc, Choices: 1, Portable: func() error { return nil },
		Messages: []llm.Message{
			{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.TextPart, Text: v.Get("text")}, pdf, unnamed}},
			{Role: llm.RoleAssistant, Parts: []llm.Part{
				{Kind: llm.ThinkingPart, Text: v.Get("thought")},
				{Kind: llm.ToolCallPart, ToolID: v.Get("id"), ToolName: v.Get("name"), Text: v.Get("input")},
			}},
			{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.ToolResultPart, ToolID: v.Get("id"), IsError: true, Parts: []llm.Part{
				{Kind: llm.TextPart, Text: v.Get("text")}, {Kind: llm.ImagePart, Data: v.Get("png"), MediaType: "image/png"},
			}}}},
		},
		Tools:    []llm.Tool{{Raw: v, Name: v.Get("name"), Schema: v.Get("schema")}},
		Settings: llm.Settings{Format: llm.Format{Kind: "json_schema", Schema: v.Get("schema")}},
	}
	v.Strings(func(s llm.Value, isKey bool) bool {
		if !isKey && s.Text() == "SECRET" {
			s.SetText("⟦token⟧")
		}
		return true
	})
	sameJSON(t, encoded(t, req, claude), `{"messages":[
		{"role":"user","content":[{"text":"⟦token⟧"},
			{"document":{"format":"pdf","name":"my report 1 v2 (1)","source":{"bytes":"BBBB"}}},
			{"document":{"format":"txt","name":"document (2)","source":{"bytes":"BBBB"}}}]},
		{"role":"assistant","content":[{"toolUse":{"toolUseId":"1","name":"f","input":{"x":"⟦token⟧"}}}]},
		{"role":"user","content":[{"toolResult":{"toolUseId":"1","status":"error","content":[{"text":"⟦token⟧"},{"image":{"format":"png","source":{"bytes":"AAAA"}}}]}}]}],
		"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object","description":"⟦token⟧"}}}}]},
		"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{\"description\":\"⟦token⟧\"}"}}}}}`)
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	user := func(content string) string { return `"messages":[{"role":"user","content":[` + content + `]}]` }
	const called = `"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":"x"}]`
	for name, row := range map[string]struct {
		target, fields string
		code           sallyport.Code
		says           string
	}{
		"another field":    {claude, hello + `,"logprobs":true`, sallyport.UnsupportedField, "logprobs"},
		"top k elsewhere":  {"amazon.nova-pro-v1:0", hello + `,"top_k":7`, sallyport.UnsupportedField, "top_k"},
		"not parallel":     {claude, hello + tool + `,"parallel_tool_calls":false`, sallyport.UnsupportedField, "parallel_tool_calls"},
		"none after calls": {claude, called + tool + `,"tool_choice":"none"`, sallyport.UnsupportedField, "tool_choice"},
		"no messages":      {claude, `"messages":[{"role":"system","content":"a"}]`, sallyport.UnsupportedField, "message"},
		"image elsewhere":  {claude, user(`{"type":"image_url","image_url":{"url":"https://a.example/b.png"}}`), sallyport.UnsupportedField, "messages[0].content[0]"},
		"odd image":        {claude, user(`{"type":"image_url","image_url":{"url":"data:image/tiff;base64,AAAA"}}`), sallyport.UnsupportedField, "messages[0].content[0]"},
		"audio":            {claude, user(`{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}`), sallyport.UnsupportedField, "messages[0].content[0]"},
		"hosted tool":      {claude, hello + `,"tools":[{"type":"web_search"}]`, sallyport.UnsupportedField, "tools[0]"},
		"unknown choice":   {claude, hello + tool + `,"tool_choice":{"type":"allowed_tools"}`, sallyport.UnsupportedField, "tool_choice"},
		"json":             {claude, hello + `,"response_format":{"type":"json_object"}`, sallyport.UnsupportedField, "form"},
		"required of none": {claude, hello + `,"tool_choice":"required"`, sallyport.InvalidBody, "tool_choice"},
		"arguments":        {claude, `"messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"[1]"}}]}]`, sallyport.InvalidBody, "messages[0].tool_calls[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := converse.Encode(asked(t, row.fields), row.target)
			if sallyport.CodeOf(err) != row.code || !strings.Contains(err.Error(), row.says) {
				t.Errorf("got %v, want %s that names %s", err, row.code, row.says)
			}
		})
	}
}

// A request for several answers is not answered by one.
func TestEncodeChoices(t *testing.T) {
	t.Parallel()
	req, err := completions.Decode([]byte(`{"model":"m","prompt":"Hi","n":2}`))
	if err != nil {
		t.Fatal(err)
	}
	if body, err := converse.Encode(req, "target"); sallyport.CodeOf(err) != sallyport.UnsupportedField {
		t.Errorf("got %s, %v", body, err)
	}
}
