package chat_test

import (
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// foreign is a request of another dialect, laid over the values of a document.
func foreign(t *testing.T, body string) (*llm.Request, llm.Value) {
	t.Helper()
	doc, err := llm.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return &llm.Request{
		Dialect: llm.Messages, Body: doc, Choices: 1, Portable: func() error { return nil },
	}, doc.Root()
}

// One turn with the answers of two tools, an image among them, and words of the
// user becomes a message for each answer right behind the calls, then the rest.
func TestEncodeForeignToolRoundTrip(t *testing.T) {
	t.Parallel()
	req, v := foreign(t, `{"s":"Be brief.","s2":"And kind.","text":"Let me look.","id1":"a","id2":"b","name":"f","input":{"x":1},"r1":"one","r2":"two","png":"AAAA","next":"Go on."}`)
	text := func(name string) llm.Part { return llm.Part{Kind: llm.TextPart, Raw: v.Get(name), Text: v.Get(name)} }
	call := func(id string) llm.Part {
		return llm.Part{Kind: llm.ToolCallPart, Raw: v, ToolID: v.Get(id), ToolName: v.Get("name"), Text: v.Get("input")}
	}
	req.System = []llm.Part{text("s"), text("s2")}
	req.Messages = []llm.Message{
		{Role: llm.RoleAssistant, Parts: []llm.Part{{Kind: llm.ThinkingPart, Raw: v}, text("text"), call("id1")}},
		{Role: llm.RoleAssistant, Parts: []llm.Part{call("id2")}},
		{Role: llm.RoleUser, Parts: []llm.Part{
			{Kind: llm.ToolResultPart, Raw: v, ToolID: v.Get("id1"), Parts: []llm.Part{
				text("r1"), {Kind: llm.ImagePart, Raw: v, Data: v.Get("png"), MediaType: "image/png"},
			}},
			{Kind: llm.ToolResultPart, Raw: v, ToolID: v.Get("id2"), Parts: []llm.Part{text("r2")}},
			text("next"),
		}},
	}
	req.OutputMax, req.Stream = 9, true
	got, err := chat.EncodeForeign(req, "T", chat.Flavour{})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"model":"T","messages":[{"role":"system","content":"Be brief.\n\nAnd kind."},` +
		`{"role":"assistant","content":"Let me look.","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},` +
		`{"id":"b","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]},` +
		`{"role":"tool","content":"one","tool_call_id":"a"},{"role":"tool","content":"two","tool_call_id":"b"},` +
		`{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"type":"text","text":"Go on."}]}],` +
		`"max_tokens":9,"stream":true,"stream_options":{"include_usage":true}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// What policy changed is what is sent, inside of arguments that are an object too.
func TestEncodeForeignSendsChangedTexts(t *testing.T) {
	t.Parallel()
	req, v := foreign(t, `{"text":"SECRET","input":{"x":"SECRET"},"schema":{"description":"SECRET"},"name":"f"}`)
	req.System = []llm.Part{{Kind: llm.TextPart, Text: v.Get("text")}}
	req.Messages = []llm.Message{
		{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.TextPart, Text: v.Get("text")}}},
		{Role: llm.RoleAssistant, Parts: []llm.Part{{Kind: llm.ToolCallPart, ToolName: v.Get("name"), Text: v.Get("input")}}},
	}
	req.Tools = []llm.Tool{{Raw: v, Name: v.Get("name"), Schema: v.Get("schema")}}
	v.Strings(func(s llm.Value, isKey bool) bool {
		if !isKey && s.Text() == "SECRET" {
			s.SetText("⟦token⟧")
		}
		return true
	})
	got, err := chat.EncodeForeign(req, "T", chat.Flavour{})
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(got), "⟦token⟧"); n != 4 || strings.Contains(string(got), "SECRET") {
		t.Errorf("got %d changed texts, want 4 and no other: %s", n, got)
	}
}

// A document that is a text is told as one, by its name: services that take files take PDF.
func TestEncodeForeignTellsTexts(t *testing.T) {
	t.Parallel()
	req, v := foreign(t, `{"name":"a.csv","csv":"data:text/csv;base64,YSxi","bare":"eyJhIjoxfQ==","pdf":"JVBERi0xLjQK"}`)
	req.Messages = []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{
		{Kind: llm.FilePart, Raw: v, URL: v.Get("csv"), Name: v.Get("name")},
		{Kind: llm.FilePart, Raw: v, Data: v.Get("bare"), MediaType: "application/octet-stream"},
		{Kind: llm.FilePart, Raw: v, Data: v.Get("pdf"), MediaType: "application/octet-stream"},
	}}}
	got, err := chat.EncodeForeign(req, "T", chat.Flavour{})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"model":"T","messages":[{"role":"user","content":[{"type":"text","text":"File \"a.csv\":\n\na,b"},{"type":"text","text":"File \"document\":\n\n{\"a\":1}"},` +
		`{"type":"file","file":{"file_data":"data:application/octet-stream;base64,JVBERi0xLjQK","filename":"document"}}]}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestEncodeForeignRefusals(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*llm.Request, llm.Value){
		"top_k":  func(r *llm.Request, v llm.Value) { r.Settings.TopK = v.Get("n") },
		"a part": func(r *llm.Request, v llm.Value) { r.Messages[0].Parts[0].Kind = llm.OtherPart },
		"a tool": func(r *llm.Request, v llm.Value) { r.Tools = []llm.Tool{{Raw: v.Get("tool")}} },
		"a file": func(r *llm.Request, v llm.Value) {
			r.Messages[0].Parts[0] = llm.Part{Kind: llm.FilePart, Raw: v, URL: v.Get("url")}
		},
		"a choice": func(r *llm.Request, v llm.Value) {
			r.Tools, r.ToolChoice.Mode = []llm.Tool{{Name: v.Get("url")}}, "allowed_tools"
		},
		"a format": func(r *llm.Request, _ llm.Value) { r.Settings.Format.Kind = "grammar" },
		"a foreigner": func(r *llm.Request, _ llm.Value) {
			r.Portable = func() error { return sallyport.NewError(sallyport.UnsupportedField, "x") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, v := foreign(t, `{"n":4,"tool":{"type":"web_search"},"url":"https://example.test/a.pdf","hi":"Hi"}`)
			req.Messages = []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.TextPart, Raw: v.Get("hi"), Text: v.Get("hi")}}}}
			change(req, v)
			if body, err := chat.EncodeForeign(req, "T", chat.Flavour{}); sallyport.CodeOf(err) != sallyport.UnsupportedField {
				t.Errorf("got %v and %s, want %s", err, body, sallyport.UnsupportedField)
			}
		})
	}
}
