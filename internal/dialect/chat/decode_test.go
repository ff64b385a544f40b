package chat

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// with returns a good request with these members added.
func with(members string) string {
	return `{"model":"m","messages":[{"role":"user","content":"hi"}],` + members + `}`
}

// saying returns a request with this message alone.
func saying(message string) string { return `{"model":"m","messages":[` + message + `]}` }

func mustDecode(t testing.TB, body string) *llm.Request {
	t.Helper()
	req, err := Decode([]byte(body))
	if err != nil {
		t.Fatalf("Decode(%s): %v", body, err)
	}
	return req
}

func TestDecode(t *testing.T) {
	req := mustDecode(t, `{
		"model": "acme-large", "stream": true, "stream_options": {"include_usage": true},
		"max_tokens": 10, "max_completion_tokens": 20.0, "n": 2, "prompt_cache_key": "s1", "user": "ann",
		"temperature": 0.5, "stop": ["a", "b"], "parallel_tool_calls": false,
		"messages": [
			{"role": "system", "content": "S1"}, {"role": "developer", "content": [{"type": "text", "text": "S2"}]},
			{"role": "user", "content": [
				{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
				{"type": "input_audio", "input_audio": {"data": "AAAA"}}]},
			{"role": "assistant", "content": null, "reasoning_content": "hm", "tool_calls": [
				{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]},
			{"role": "tool", "tool_call_id": "c1", "content": "sunny"},
			{"role": "system", "content": "S3"},
			{"role": "assistant", "content": "ok", "refusal": "no"}
		],
		"tools": [{"type": "function", "function": {"name": "weather", "description": "d", "parameters": {"type": "object"}}}, {"type": "web_search"}],
		"tool_choice": {"type": "function", "function": {"name": "weather"}}
	}`)
	if req.Model != "acme-large" || !req.Stream || !req.UsageAsked || req.OutputMax != 20 || req.Choices != 2 || req.Session != "s1" {
		t.Errorf("got %+v", req)
	}
	if req.Settings.Temperature.Kind() != llm.Number || req.Settings.Stop.Len() != 2 || req.Settings.User.Text() != "ann" {
		t.Errorf("settings: got %+v", req.Settings)
	}
	var told []string
	tell := func(role llm.Role, parts []llm.Part) {
		for _, p := range parts {
			told = append(told, fmt.Sprintf("%s %d %s%s%s%s", role, p.Kind, p.Text.Text(), p.URL.Text(), p.ToolID.Text(), p.ToolName.Text()))
			for _, inner := range p.Parts {
				told = append(told, fmt.Sprintf("%s > %d %s", role, inner.Kind, inner.Text.Text()))
			}
		}
	}
	tell("opening", req.System)
	for _, m := range req.Messages {
		tell(m.Role, m.Parts)
	}
	want := []string{
		"opening 1 S1", "opening 1 S2", "user 1 look", "user 2 data:image/png;base64,AAAA", "user 8 ",
		"assistant 6 hm", "assistant 4 {}c1weather", "tool 5 c1", "tool > 1 sunny", "system 1 S3", "assistant 1 ok", "assistant 7 no",
	}
	if !reflect.DeepEqual(told, want) {
		t.Errorf("parts: got %q\nwant %q", told, want)
	}
	if len(req.Tools) != 2 || req.Tools[0].Name.Text() != "weather" || req.Tools[0].Schema.Kind() != llm.Object || req.Tools[1].Name.Exists() {
		t.Errorf("tools: got %+v", req.Tools)
	}
	if req.ToolChoice.Mode != "named" || req.ToolChoice.Name.Text() != "weather" {
		t.Errorf("tool choice: got %+v", req.ToolChoice)
	}
}

// TestDecode_taken is what clients send although it is not of the first page of
// the API's reference.
func TestDecode_taken(t *testing.T) {
	for name, body := range map[string]string{
		"unknown_fields":    with(`"banana":{"Model":[1.50]},"x":null`),
		"nulls":             with(`"stream":null,"stream_options":null,"tools":null,"tool_choice":null,"n":null,"max_tokens":null,"stop":null,"user":null,"temperature":null,"response_format":null`),
		"empty_tools":       with(`"tools":[],"tool_choice":"auto"`),
		"any":               with(`"tool_choice":"any"`),
		"allowed_tools":     with(`"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[]}`),
		"metadata":          with(`"metadata":{"a":"b"},"litellm_metadata":1,"proxy_server_request":[]`),
		"bare_image":        saying(`{"role":"user","content":[{"type":"image_url","image_url":"https://x.test/a.png"}]}`),
		"no_content":        saying(`{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":""}}]}`),
		"custom_tool_call":  saying(`{"role":"assistant","tool_calls":[{"id":"c","type":"custom","custom":{"name":"f","input":"x"}}]}`),
		"function_call":     saying(`{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}}`),
		"function_result":   saying(`{"role":"function","name":"f","content":"x"}`),
		"audio":             saying(`{"role":"assistant","content":null,"audio":{"id":"a1"}}`),
		"null_tool_calls":   saying(`{"role":"assistant","content":"x","tool_calls":null,"refusal":null}`),
		"empty_blocks":      saying(`{"role":"user","content":[]}`),
		"name_and_cache":    saying(`{"role":"user","name":"ann","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}`),
		"only_system":       saying(`{"role":"system","content":"x"}`),
		"twin_in_arguments": saying(`{"role":"user","content":[{"type":"file","file":{"Role":1,"role":2}}]}`),
	} {
		t.Run(name, func(t *testing.T) { mustDecode(t, body) })
	}
}

func TestDecode_refused(t *testing.T) {
	const marker = "s3cr3t-value"
	user := func(content string) string { return saying(`{"role":"user","content":` + content + `}`) }
	calls := func(calls string) string { return saying(`{"role":"assistant","tool_calls":` + calls + `}`) }
	for name, row := range map[string]struct{ body, names string }{
		"nothing":             {"", "JSON"},
		"not_json":            {`{"model":s3cr3t-value}`, "JSON"},
		"not_object":          {`["s3cr3t-value"]`, "object"},
		"trailing":            {with(`"a":1`) + "{}", "JSON"},
		"duplicate":           {with(`"model":"s3cr3t-value"`), "twice"},
		"duplicate_unknown":   {with(`"x":{"a":1,"a":2}`), "twice"},
		"bom":                 {"\ufeff" + with(`"a":1`), "JSON"},
		"not_utf8":            {with("\"a\":\"\xff\""), "UTF-8"},
		"deep":                {with(`"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64)), "deep"},
		"no_model":            {`{"messages":[{"role":"user","content":"x"}]}`, "model"},
		"model_number":        {`{"model":7,"messages":[{"role":"user","content":"x"}]}`, "model"},
		"model_empty":         {`{"model":"","messages":[{"role":"user","content":"x"}]}`, "model"},
		"no_messages":         {`{"model":"m"}`, "messages"},
		"messages_empty":      {`{"model":"m","messages":[]}`, "messages"},
		"messages_string":     {`{"model":"m","messages":"s3cr3t-value"}`, "messages"},
		"message_string":      {saying(`"s3cr3t-value"`), "messages[0]"},
		"no_role":             {saying(`{"content":"s3cr3t-value"}`), "messages[0].role"},
		"role":                {saying(`{"role":"s3cr3t-value","content":"x"}`), "messages[0].role"},
		"role_function":       {saying(`{"role":"function","content":"s3cr3t-value"}`), "messages[0].name"},
		"content_number":      {user(`7`), "messages[0].content"},
		"content_object":      {user(`{"s3cr3t-value":1}`), "messages[0].content"},
		"block_string":        {user(`["s3cr3t-value"]`), "messages[0].content[0]"},
		"block_no_type":       {user(`[{"text":"s3cr3t-value"}]`), "messages[0].content[0].type"},
		"text_missing":        {user(`[{"type":"text"}]`), "messages[0].content[0].text"},
		"text_number":         {user(`[{"type":"text","text":7}]`), "messages[0].content[0].text"},
		"image_missing":       {user(`[{"type":"image_url"}]`), "messages[0].content[0].image_url.url"},
		"image_number":        {user(`[{"type":"image_url","image_url":{"url":7}}]`), "messages[0].content[0].image_url.url"},
		"tool_no_id":          {saying(`{"role":"tool","content":"s3cr3t-value"}`), "messages[0].tool_call_id"},
		"tool_calls_object":   {calls(`{}`), "messages[0].tool_calls"},
		"tool_call_string":    {calls(`["s3cr3t-value"]`), "messages[0].tool_calls[0]"},
		"tool_call_no_id":     {calls(`[{"type":"function","function":{"name":"f","arguments":""}}]`), "messages[0].tool_calls[0].id"},
		"tool_call_no_func":   {calls(`[{"id":"c","type":"function"}]`), "messages[0].tool_calls[0].function"},
		"tool_call_no_name":   {calls(`[{"id":"c","function":{"arguments":""}}]`), "messages[0].tool_calls[0].function.name"},
		"tool_call_arguments": {calls(`[{"id":"c","function":{"name":"f","arguments":{"s3cr3t-value":1}}}]`), "messages[0].tool_calls[0].function.arguments"},
		"refusal":             {saying(`{"role":"assistant","content":"x","refusal":1}`), "messages[0].refusal"},
		"tools_object":        {with(`"tools":{}`), "tools"},
		"tool_string":         {with(`"tools":["s3cr3t-value"]`), "tools[0]"},
		"tool_no_function":    {with(`"tools":[{"type":"function"}]`), "tools[0].function"},
		"tool_no_name":        {with(`"tools":[{"type":"function","function":{}}]`), "tools[0].function.name"},
		"tool_type":           {with(`"tools":[{"type":7}]`), "tools[0].type"},
		"tool_description":    {with(`"tools":[{"type":"function","function":{"name":"f","description":7}}]`), "tools[0].function.description"},
		"tool_parameters":     {with(`"tools":[{"type":"function","function":{"name":"f","parameters":"s3cr3t-value"}}]`), "tools[0].function.parameters"},
		"choice_word":         {with(`"tool_choice":"s3cr3t-value"`), "tool_choice"},
		"choice_number":       {with(`"tool_choice":7`), "tool_choice"},
		"choice_no_name":      {with(`"tool_choice":{"type":"function"}`), "tool_choice.function.name"},
		"choice_no_type":      {with(`"tool_choice":{}`), "tool_choice.type"},
		"stream":              {with(`"stream":"true"`), "stream"},
		"stream_number":       {with(`"stream":1`), "stream"},
		"stream_options":      {with(`"stream_options":[]`), "stream_options"},
		"include_usage":       {with(`"stream_options":{"include_usage":"s3cr3t-value"}`), "stream_options.include_usage"},
		"max_tokens_zero":     {with(`"max_tokens":0`), "max_tokens"},
		"max_tokens_negative": {with(`"max_tokens":-1`), "max_tokens"},
		"max_tokens_half":     {with(`"max_tokens":1.5`), "max_tokens"},
		"max_tokens_huge":     {with(`"max_tokens":1e30`), "max_tokens"},
		"max_completion":      {with(`"max_completion_tokens":"10"`), "max_completion_tokens"},
		"n_zero":              {with(`"n":0`), "n "},
		"n_many":              {with(`"n":129`), "n "},
		"temperature":         {with(`"temperature":"hot"`), "temperature"},
		"top_p":               {with(`"top_p":true`), "top_p"},
		"seed":                {with(`"seed":"s3cr3t-value"`), "seed"},
		"stop":                {with(`"stop":7`), "stop"},
		"stop_mixed":          {with(`"stop":["a",7]`), "stop"},
		"user":                {with(`"user":7`), "user"},
		"cache_key":           {with(`"prompt_cache_key":7`), "prompt_cache_key"},
		"response_format":     {with(`"response_format":"json"`), "response_format"},
		"parallel":            {with(`"parallel_tool_calls":"no"`), "parallel_tool_calls"},
		"api_base":            {with(`"api_base":"https://s3cr3t-value.test"`), "api_base"},
		"base_url":            {with(`"base_url":null`), "base_url"},
		"api_key":             {with(`"API_KEY":"s3cr3t-value"`), "api_key"},
		"extra_headers":       {with(`"extra_headers":{}`), "extra_headers"},
		"twin":                {with(`"Model":"s3cr3t-value"`), "model"},
		"twin_escaped":        {with(`"\u004dax_tokens":5`), "max_tokens"},
		"twin_long_s":         {with(`"\u017ftream":true`), "stream"},
		"twin_metadata":       {with(`"METADATA":{}`), "metadata"},
		"twin_message":        {saying(`{"role":"user","content":"a","Content":"s3cr3t-value"}`), "content"},
		"twin_block":          {user(`[{"type":"text","text":"a","TEXT":"s3cr3t-value"}]`), "text"},
		"twin_image":          {user(`[{"type":"image_url","image_url":{"url":"a","URL":"s3cr3t-value"}}]`), "url"},
		"twin_call":           {calls(`[{"id":"c","function":{"name":"f","arguments":"","Arguments":"s3cr3t-value"}}]`), "arguments"},
		"twin_tool":           {with(`"tools":[{"type":"function","function":{"name":"f","Description":"s3cr3t-value"}}]`), "description"},
		"twin_options":        {with(`"stream_options":{"Include_Usage":true}`), "include_usage"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode([]byte(row.body))
			if sallyport.CodeOf(err) != sallyport.InvalidBody {
				t.Fatalf("Decode(%.200s): got %v, want %s", row.body, err, sallyport.InvalidBody)
			}
			if !strings.Contains(err.Error(), row.names) {
				t.Errorf("the message does not name %q: %v", row.names, err)
			}
			if strings.Contains(err.Error(), marker) {
				t.Errorf("the message quotes the request: %v", err)
			}
		})
	}
}

func TestOpaque(t *testing.T) {
	for _, place := range []string{
		"model", "id", "object", "messages.role", "messages.tool_call_id", "messages.content.type", "messages.tool_calls.id",
		"messages.content.image_url.detail", "messages.content.input_audio.data", "tools.type", "choices.finish_reason",
		"choices.message.role", "choices.delta.tool_calls.id", "choices.delta.reasoning_details.signature",
	} {
		if !Opaque(strings.Split(place, ".")) {
			t.Errorf("%s must be opaque", place)
		}
	}
	for _, place := range []string{
		"messages.content", "messages.content.text", "messages.name", "tools.function.description", "user", "stop", "Model", "",
		"messages.model", "messages.unknown.detail", "messages.format", "unknown.id", "tools.function.parameters.properties.id",
		"messages.tool_calls.function.id", "choices.message.unknown.type", "choices.id", "messages", "choices.message",
	} {
		if Opaque(strings.Split(place, ".")) {
			t.Errorf("%s must not be opaque", place)
		}
	}
}

func TestEncode(t *testing.T) {
	const messages = `"messages":[{"role":"user","content":"hi"}]`
	for name, row := range map[string]struct{ in, want string }{
		"model":           {`{"model":"m",` + messages + `}`, `{"model":"real",` + messages + `}`},
		"spaces":          {"\n{ \"model\" : \"m\" , " + messages + " }\n", "\n{ \"model\" : \"real\" , " + messages + " }\n"},
		"removed":         {`{"metadata":{},"model":"real",` + messages + `,"litellm_metadata":1, "proxy_server_request":{"a":1}}`, `{"model":"real",` + messages + `}`},
		"metadata_inside": {`{"model":"real",` + messages + `,"x":{"metadata":1}}`, `{"model":"real",` + messages + `,"x":{"metadata":1}}`},
		"usage":           {`{"model":"real",` + messages + `,"stream":true}`, `{"model":"real",` + messages + `,"stream":true,"stream_options":{"include_usage":true}}`},
		"usage_null":      {`{"stream_options":null,"model":"real",` + messages + `,"stream":true}`, `{"stream_options":{"include_usage":true},"model":"real",` + messages + `,"stream":true}`},
		"usage_other":     {`{"stream_options":{"x":1},"model":"real",` + messages + `,"stream":true}`, `{"stream_options":{"x":1,"include_usage":true},"model":"real",` + messages + `,"stream":true}`},
		"usage_false":     {`{"stream_options":{"include_usage":false},"model":"real",` + messages + `,"stream":true}`, `{"stream_options":{"include_usage":true},"model":"real",` + messages + `,"stream":true}`},
		"usage_true":      {`{"stream_options":{"include_usage" :true},"model":"real",` + messages + `,"stream":true}`, `{"stream_options":{"include_usage" :true},"model":"real",` + messages + `,"stream":true}`},
		"not_streaming":   {`{"stream_options":{"include_usage":false},"model":"real",` + messages + `,"stream":false}`, `{"stream_options":{"include_usage":false},"model":"real",` + messages + `,"stream":false}`},
		"all_at_once":     {`{"model":"m",` + messages + `,"stream":true,"metadata":{}}`, `{"model":"real",` + messages + `,"stream":true,"stream_options":{"include_usage":true}}`},
	} {
		t.Run(name, func(t *testing.T) {
			req := mustDecode(t, row.in)
			if got := string(Encode(req, "real")); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
			if got := string(req.Body.Encode()); got != row.in {
				t.Errorf("Encode changed the request: %s", got)
			}
		})
	}
}

func TestEncode_carries_edits(t *testing.T) {
	req := mustDecode(t, `{"model":"m","messages":[{"role":"user","content":"my key: abc"}],"metadata":{"a":"secret"},"x":"y"}`)
	req.Messages[0].Parts[0].Text.SetText("my key: [1]")
	req.Body.Root().Get("metadata").Get("a").SetText("[2]")
	req.Body.Root().Get("x").SetText("[3]")
	if got, want := string(Encode(req, "a\"b")), `{"model":"a\"b","messages":[{"role":"user","content":"my key: [1]"}],"x":"[3]"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestNewRequest(t *testing.T) {
	req := mustDecode(t, string(NewRequest("m\"", []Message{{llm.RoleSystem, "<S>"}, {llm.RoleUser, "U\n"}}, 7)))
	if req.Model != "m\"" || req.OutputMax != 7 || req.System[0].Text.Text() != "<S>" || req.Messages[0].Parts[0].Text.Text() != "U\n" {
		t.Errorf("got %s", req.Body.Raw())
	}
	if got := string(NewRequest("m", nil, 0)); got != `{"model":"m","messages":[],"stream":true}` {
		t.Errorf("without messages: got %s", got)
	}
}

// FuzzDecode: no panic; errors of one code that are text; what is taken can be
// sent, as JSON with the provider's model, usage asked for and no governance
// fields, and reads again as the same request.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		with(`"stream":true,"metadata":{"a":1}`), with(`"stream":true,"stream_options":{"include_usage":false}`),
		with(`"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required"`),
		saying(`{"role":"tool","tool_call_id":"c","content":[{"type":"text","text":"\u00e9"}]}`),
		saying(`{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]}`),
		`{"metadata":1,"model":"m","messages":[{"role":"user"}],"metadatb":2}`, with(`"Model":1`), `{}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := Decode(body)
		if err != nil {
			if sallyport.CodeOf(err) != sallyport.InvalidBody || !utf8.ValidString(err.Error()) {
				t.Fatalf("Decode(%q): got %v", body, err)
			}
			return
		}
		sent := Encode(req, "target")
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(sent, &fields); err != nil {
			t.Fatalf("Encode of %q is not JSON: %v: %q", body, err, sent)
		}
		again, err := Decode(sent)
		if err != nil {
			t.Fatalf("Encode of %q cannot be read: %v: %q", body, err, sent)
		}
		if again.Model != "target" || again.Stream != req.Stream || req.Stream && !again.UsageAsked || len(again.Messages) != len(req.Messages) {
			t.Fatalf("Encode of %q reads as something else: %q", body, sent)
		}
		for _, name := range wire.Removed {
			if _, there := fields[name]; there {
				t.Fatalf("%s was sent: %q", name, sent)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	message := `{"role":"user","content":"` + strings.Repeat("The quick brown fox jumps over the lazy dog. ", 44) + `"}`
	body := []byte(strings.Replace(saying(strings.TrimSuffix(strings.Repeat(message+",", 50), ",")), "{", `{"stream":true,"temperature":1,`, 1))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(body); err != nil {
			b.Fatal(err)
		}
	}
}
