package gemini_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dialect/completions"
	"github.com/sallyport-ai/sallyport/internal/dialect/gemini"
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
	body, err := gemini.Encode(req, target)
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

const hello = `"messages":[{"role":"user","content":"hello"}]`

func TestEncode(t *testing.T) {
	t.Parallel()
	const contents = `"contents":[{"role":"user","parts":[{"text":"hello"}]}]`
	const tool = `"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","additionalProperties":false}}}]`
	const declared = `"tools":[{"functionDeclarations":[{"name":"f","description":"d","parametersJsonSchema":{"type":"object","additionalProperties":false}}]}]`
	for name, row := range map[string]struct{ target, fields, want string }{
		"text":   {"gemini-2.5-pro", hello, contents},
		"system": {"x", `"messages":[{"role":"system","content":"a"},{"role":"user","content":"hello"},{"role":"developer","content":"b"}]`, `"systemInstruction":{"parts":[{"text":"a"},{"text":"b"}]},` + contents},
		"sampling": {"x", hello + `,"temperature":1.50,"top_p":0.5,"top_k":7,"max_tokens":9,"stop":["a","b"],"user":"u"`,
			contents + `,"generationConfig":{"temperature":1.5,"topP":0.5,"topK":7,"maxOutputTokens":9,"stopSequences":["a","b"]}`},
		"one stop":    {"x", hello + `,"stop":"a"`, contents + `,"generationConfig":{"stopSequences":["a"]}`},
		"json":        {"x", hello + `,"response_format":{"type":"json_object"}`, contents + `,"generationConfig":{"responseMimeType":"application/json"}`},
		"schema":      {"x", hello + `,"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}`, contents + `,"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{"type":"object"}}`},
		"tool":        {"x", hello + "," + tool, contents + "," + declared},
		"auto":        {"x", hello + "," + tool + `,"tool_choice":"auto","parallel_tool_calls":true`, contents + "," + declared + `,"toolConfig":{"functionCallingConfig":{"mode":"AUTO"}}`},
		"none":        {"x", hello + "," + tool + `,"tool_choice":"none","parallel_tool_calls":false`, contents + "," + declared + `,"toolConfig":{"functionCallingConfig":{"mode":"NONE"}}`},
		"required":    {"x", hello + "," + tool + `,"tool_choice":"required"`, contents + "," + declared + `,"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}`},
		"named":       {"x", hello + "," + tool + `,"tool_choice":{"type":"function","function":{"name":"f"}}`, contents + "," + declared + `,"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}}`},
		"image bytes": {"x", `"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]`, `"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}]`},
		"image link":  {"x", `"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://a.example/b.JPG?x=1"}}]}]`, `"contents":[{"role":"user","parts":[{"fileData":{"mimeType":"image/jpeg","fileUri":"https://a.example/b.JPG?x=1"}}]}]`},
		"budget":      {"gemini-2.5-flash", hello + `,"reasoning_effort":"medium"`, contents + `,"generationConfig":{"thinkingConfig":{"thinkingBudget":8192,"includeThoughts":true}}`},
		"no budget":   {"models/gemini-2.5-flash", hello + `,"reasoning_effort":"none"`, contents + `,"generationConfig":{"thinkingConfig":{"thinkingBudget":0}}`},
		"least":       {"gemini-2.5-pro", hello + `,"reasoning_effort":"none"`, contents + `,"generationConfig":{"thinkingConfig":{"thinkingBudget":128}}`},
		"level":       {"gemini-3-pro-preview", hello + `,"reasoning_effort":"xhigh"`, contents + `,"generationConfig":{"thinkingConfig":{"thinkingLevel":"high","includeThoughts":true}}`},
		"flash level": {"gemini-flash-latest", hello + `,"reasoning_effort":"minimal"`, contents + `,"generationConfig":{"thinkingConfig":{"thinkingLevel":"minimal","includeThoughts":true}}`},
		"no thinking": {"gemini-2.0-flash", hello + `,"reasoning_effort":"high"`, contents},
		"odd effort":  {"gemini-3-pro", hello + `,"reasoning_effort":"some"`, contents},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sameJSON(t, encoded(t, asked(t, row.fields), row.target), "{"+row.want+"}")
		})
	}
}

// Answers of tools name the tool, stand in the order of their calls before all else,
// and turns of one side become one.
func TestEncodeToolRoundTrip(t *testing.T) {
	t.Parallel()
	req := asked(t, `"messages":[{"role":"user","content":"Go."},
		{"role":"assistant","content":"I look.","tool_calls":[
			{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},
			{"id":"b","type":"function","function":{"name":"f","arguments":""}}]},
		{"role":"user","content":"Meanwhile."},
		{"role":"tool","tool_call_id":"b","content":"two"},
		{"role":"tool","tool_call_id":"a","content":"one"},
		{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"g","arguments":"{}"}}]},
		{"role":"tool","tool_call_id":"a","content":"three"}]`)
	const want = `{"contents":[{"role":"user","parts":[{"text":"Go."}]},
		{"role":"model","parts":[{"text":"I look."},{"functionCall":{"name":"f","args":{"x":1}}SIGNED},{"functionCall":{"name":"f","args":{}}}]},
		{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"one"}}},{"functionResponse":{"name":"f","response":{"output":"two"}}},{"text":"Meanwhile."}]},
		{"role":"model","parts":[{"functionCall":{"name":"g","args":{}}SIGNED}]},
		{"role":"user","parts":[{"functionResponse":{"name":"g","response":{"output":"three"}}}]}]}`
	sameJSON(t, encoded(t, req, "gemini-2.5-pro"), strings.ReplaceAll(want, "SIGNED", ""))
	sameJSON(t, encoded(t, req, "gemini-3.1-pro"), strings.ReplaceAll(want, "SIGNED", `,"thoughtSignature":"skip_thought_signature_validator"`))
}

// foreign is a request of a dialect whose arguments are objects.
func foreign(t *testing.T, body string) (*llm.Request, llm.Value) {
	t.Helper()
	doc, err := llm.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return &llm.Request{Dialect: llm.Messages, Body: doc, Choices: 1, Portable: func() error { return nil }}, doc.Root()
}

// What policy changed is what is sent, in objects too; reasoning of another model is
// left out; a failed tool and an image from a tool keep their meaning.
func TestEncodeForeign(t *testing.T) {
	t.Parallel()
	req, v := foreign(t, `{"text":"SECRET","input":{"x":"SECRET"},"schema":{"description":"SECRET"},"name":"f","id":"1","png":"AAAA","pdf":"BBBB","thought":"hm"}`)
	req.Messages = []llm.Message{
		{Role: llm.RoleUser, Parts: []llm.Part{
			{Kind: llm.TextPart, Text: v.Get("text")},
			{Kind: llm.FilePart, Data: v.Get("pdf"), MediaType: "application/pdf"},
		}},
		{Role: llm.RoleAssistant, Parts: []llm.Part{
			{Kind: llm.ThinkingPart, Text: v.Get("thought")},
			{Kind: llm.ToolCallPart, ToolID: v.Get("id"), ToolName: v.Get("name"), Text: v.Get("input")},
		}},
		{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.ToolResultPart, ToolID: v.Get("id"), IsError: true, Parts: []llm.Part{
			{Kind: llm.TextPart, Text: v.Get("text")}, {Kind: llm.ImagePart, Data: v.Get("png"), MediaType: "image/png"},
		}}}},
	}
	req.Tools = []llm.Tool{{Raw: v, Name: v.Get("name"), Schema: v.Get("schema")}}
	v.Strings(func(s llm.Value, isKey bool) bool {
		if !isKey && s.Text() == "SECRET" {
			s.SetText("⟦token⟧")
		}
		return true
	})
	sameJSON(t, encoded(t, req, "gemini-2.5-pro"), `{"contents":[
		{"role":"user","parts":[{"text":"⟦token⟧"},{"inlineData":{"mimeType":"application/pdf","data":"BBBB"}}]},
		{"role":"model","parts":[{"functionCall":{"name":"f","args":{"x":"⟦token⟧"}}}]},
		{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"error":"⟦token⟧"}}},{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}],
		"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":{"type":"object","description":"⟦token⟧"}}]}]}`)
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	const tool = `,"tools":[{"type":"function","function":{"name":"f"}}]`
	user := func(content string) string { return `"messages":[{"role":"user","content":[` + content + `]}]` }
	for name, row := range map[string]struct {
		fields string
		code   sallyport.Code
		says   string
	}{
		"another field":    {hello + `,"logprobs":true`, sallyport.UnsupportedField, "logprobs"},
		"not parallel":     {hello + tool + `,"parallel_tool_calls":false`, sallyport.UnsupportedField, "parallel_tool_calls"},
		"no messages":      {`"messages":[{"role":"system","content":"a"}]`, sallyport.UnsupportedField, "message"},
		"http image":       {user(`{"type":"image_url","image_url":{"url":"http://a.example/b.png"}}`), sallyport.UnsupportedField, "messages[0].content[0]"},
		"unknown image":    {user(`{"type":"image_url","image_url":{"url":"https://a.example/b"}}`), sallyport.UnsupportedField, "messages[0].content[0]"},
		"not base64":       {user(`{"type":"image_url","image_url":{"url":"data:image/png,x"}}`), sallyport.UnsupportedField, "messages[0].content[0]"},
		"audio":            {user(`{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}`), sallyport.UnsupportedField, "messages[0].content[0]"},
		"hosted tool":      {hello + `,"tools":[{"type":"web_search"}]`, sallyport.UnsupportedField, "tools[0]"},
		"unknown choice":   {hello + tool + `,"tool_choice":{"type":"allowed_tools"}`, sallyport.UnsupportedField, "tool_choice"},
		"unknown format":   {hello + `,"response_format":{"type":"grammar"}`, sallyport.UnsupportedField, "form"},
		"required of none": {hello + `,"tool_choice":"required"`, sallyport.InvalidBody, "tool_choice"},
		"arguments":        {`"messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"[1]"}}]}]`, sallyport.InvalidBody, "messages[0].tool_calls[0]"},
		"answer alone":     {`"messages":[{"role":"tool","tool_call_id":"a","content":"x"}]`, sallyport.InvalidBody, "messages[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := gemini.Encode(asked(t, row.fields), "gemini-2.5-pro")
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
	if body, err := gemini.Encode(req, "target"); sallyport.CodeOf(err) != sallyport.UnsupportedField {
		t.Errorf("got %s, %v", body, err)
	}
}
