package dlp

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

func parse(t testing.TB, body string) *llm.Document {
	t.Helper()
	doc, err := llm.Parse([]byte(body))
	if err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return doc
}

// request screens a body and returns what is sent.
func screened(t testing.TB, s *Screen, body string) string {
	t.Helper()
	doc := parse(t, body)
	opaque := func(place []string) bool { return len(place) == 1 && (place[0] == "id" || place[0] == "model") }
	if err := s.Request(doc, opaque); err != nil {
		t.Fatalf("Request(%.200s): %v", body, err)
	}
	sent := string(doc.Encode())
	if !json.Valid([]byte(sent)) {
		t.Fatalf("not JSON: %s", sent)
	}
	return sent
}

// unmask puts types in the place of placeholders.
func unmask(s *Screen, text string) string {
	for key, token := range s.tokens.byValue {
		text = strings.ReplaceAll(text, token, "<"+types[key.id].Name+">")
	}
	return text
}

func TestRequest(t *testing.T) {
	block := strings.ReplaceAll(testKeyBlock, "\n", `\n`)
	for name, c := range map[string][2]string{
		"nothing":         {`{"a": "hello \u0041", "n": 1.50}`, `{"a": "hello \u0041", "n": 1.50}`},
		"text":            {`{"a":"I am ann@example.com."}`, `{"a":"I am <EMAIL_ADDRESS>."}`},
		"escapes stay":    {`{"a":"\u00e9 \n ann@example.com \/"}`, `{"a":"\u00e9 \n <EMAIL_ADDRESS> \/"}`},
		"key block":       {`{"a":"` + block + `"}`, `{"a":"<PRIVATE_KEY>"}`},
		"key of object":   {`{"ann@example.com":1}`, `{"<EMAIL_ADDRESS>":1}`},
		"opaque":          {`{"id":"call_4111111111111111","model":"a/b-4155550132:c"}`, `{"id":"call_4111111111111111","model":"a/b-4155550132:c"}`},
		"opaque_text":     {`{"id":"I am ann@example.com","model":"a@b.cc"}`, `{"id":"I am <EMAIL_ADDRESS>","model":"<EMAIL_ADDRESS>"}`},
		"opaque_long":     {`{"id":"` + strings.Repeat("k:", 200) + ` 4111111111111111"}`, `{"id":"` + strings.Repeat("k:", 200) + ` <CREDIT_CARD>"}`},
		"opaque_base64":   {`{"id":"` + strings.Repeat("4155550132+/", 50) + `=="}`, `{"id":"` + strings.Repeat("4155550132+/", 50) + `=="}`},
		"opaque_by_place": {`{"x":[{"id":"ann@example.com"}]}`, `{"x":[{"id":"<EMAIL_ADDRESS>"}]}`},
		"opaque_subtree":  {`{"id":{"x":["ann@example.com"]}}`, `{"id":{"x":["<EMAIL_ADDRESS>"]}}`},
		"unknown fields":  {`{"x":[{"y":{"z":["536-22-8726"]}}]}`, `{"x":[{"y":{"z":["<US_SSN>"]}}]}`},
		"twice":           {`{"a":"ann@example.com ann@example.com"}`, `{"a":"<EMAIL_ADDRESS> <EMAIL_ADDRESS>"}`},
		"member's name":   {`{"phone":"4155550132","order_id":"4155550132"}`, `{"phone":"<PHONE_NUMBER>","order_id":"4155550132"}`},
		"tool's numbers": {
			`{"c":[{"type":"tool_use","input":{"phone":4155550132,"n":[1.50],"o":{"card":4111111111111111}}}],"phone":4155550132}`,
			`{"c":[{"type":"tool_use","input":{"phone":"<PHONE_NUMBER>","n":[1.50],"o":{"card":"<CREDIT_CARD>"}}}],"phone":4155550132}`,
		},
		"arguments":      {`{"arguments":"{\"to\":\"ann@example.com\",\"s\":\"x\\ny\"}"}`, `{"arguments":"{\"to\":\"<EMAIL_ADDRESS>\",\"s\":\"x\\ny\"}"}`},
		"nested number":  {`{"a":"{\"pan\": 4111111111111111}"}`, `{"a":"{\"pan\": \"<CREDIT_CARD>\"}"}`},
		"nested twice":   {`{"a":"[\"{\\\"b\\\":\\\"ann@example.com\\\"}\"]"}`, `{"a":"[\"{\\\"b\\\":\\\"<EMAIL_ADDRESS>\\\"}\"]"}`},
		"placeholder":    {`{"a":"⟦EMAIL_ADDRESS:k7q2m9xw4tfa⟧"}`, `{"a":"⟦EMAIL_ADDRESS:k7q2m9xw4tfa⟧"}`},
		"image":          {`{"url":"data:image/png;base64,AKIAAAAA"}`, `{"url":"data:image/png;base64,AKIAAAAA"}`},
		"image as text":  {`{"content":"data:image/png;base64,AKIAQX3RZP7VTY2W` + `M6LD"}`, `{"content":"data:image/png;base64,<AWS_ACCESS_KEY_ID>"}`},
		"no image":       {`{"url":"data:image/png,ann@example.com"}`, `{"url":"data:image/png,<EMAIL_ADDRESS>"}`},
		"text parts":     {`[{"type":"text","text":"I am ann@exam"},{"type":"text","text":"ple.com."}]`, `[{"type":"text","text":"I am <EMAIL_ADDRESS>"},{"type":"text","text":"."}]`},
		"three parts":    {`[{"text":"4111 11"},{"text":"11 1111 "},{"text":"1111 ok"}]`, `[{"text":"<CREDIT_CARD>"},{"text":""},{"text":" ok"}]`},
		"whole in part":  {`[{"text":"mail me"},{"text":"ann@example.com"}]`, `[{"text":"mail me"},{"text":"<EMAIL_ADDRESS>"}]`},
		"key over parts": {`[{"text":"` + testKey + `"},{"text":"abcDEF123"}]`, `[{"text":"<GITHUB_TOKEN>"},{"text":""}]`},
		"parts apart":    {`[{"text":"ann@exam"},{"type":"image"},{"text":"ple.com"}]`, `[{"text":"ann@exam"},{"type":"image"},{"text":"ple.com"}]`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScreen(DefaultPolicy())
			if got := unmask(s, screened(t, s, c[0])); got != c[1] {
				t.Errorf("got  %s\nwant %s", got, c[1])
			}
		})
	}
}

func TestRequest_round_trip(t *testing.T) {
	s := newScreen(DefaultPolicy())
	body := `{"a":"I am ann@example.com, card 4111 1111 1111 1111, key ` + testKey + `"}`
	doc := parse(t, body)
	want := doc.Root().Get("a").Text()
	if err := s.Request(doc, nil); err != nil {
		t.Fatal(err)
	}
	sent := doc.Root().Get("a").Text()
	for _, value := range []string{"ann@", "4111", testKey} {
		if strings.Contains(sent, value) {
			t.Errorf("%q goes out", sent)
		}
	}
	if got := answer(t, s, textID, sent); got != want {
		t.Errorf("got %q want %q", got, want)
	}
}

func TestRequest_tokens(t *testing.T) {
	mint := func(key, scope, body string) string {
		return screened(t, New().Plan(DefaultPolicy()).Screen(testMAC(key), scope), body)
	}
	const body, longer = `["ann@example.com"]`, `["bob@example.com","x","ann@example.com"]`
	first := mint("k", "s", body)
	if first != mint("k", "s", body) {
		t.Error("equal values of one session have different placeholders")
	}
	if !strings.Contains(mint("k", "s", longer), strings.Trim(first, `[]`)) {
		t.Error("the placeholder depends on the rest of the request")
	}
	if first == mint("k", "other", body) || first == mint("other", "s", body) {
		t.Error("sessions or organisations share placeholders")
	}
	token := strings.Trim(first, `[]"`)
	if len(token) != len("⟦EMAIL_ADDRESS:⟧")+suffixLen {
		t.Errorf("placeholder %q", token)
	}
}

func TestRequest_redacts(t *testing.T) {
	p := DefaultPolicy()
	p.In = map[string]Action{"secret": Redact, "EMAIL_ADDRESS": Tokenize}
	s := newScreen(p)
	got := unmask(s, screened(t, s, `{"a":"`+testKey+` ann@example.com 536-22-8726"}`))
	if want := `{"a":"[REDACTED:GITHUB_TOKEN] <EMAIL_ADDRESS> 536-22-8726"}`; got != want {
		t.Errorf("got %s want %s", got, want)
	}
	if r := s.Result(); r.Action != "redact" || r.Counts["in:EMAIL_ADDRESS"] != 1 || r.Counts["in:US_SSN"] != 0 {
		t.Errorf("result %+v", r)
	}
}

func TestRequest_allows(t *testing.T) {
	p := DefaultPolicy()
	p.Allow = []string{"support@example.com"}
	s := newScreen(p)
	got := unmask(s, screened(t, s, `["support@example.com ann@example.com"]`))
	if want := `["support@example.com <EMAIL_ADDRESS>"]`; got != want {
		t.Errorf("got %s want %s", got, want)
	}
}

func TestRequest_observe(t *testing.T) {
	p := DefaultPolicy()
	p.Mode, p.In = Observe, map[string]Action{"*": Block}
	s := newScreen(p)
	body := `{"a":"ann@example.com","n":4111111111111111,"file_data":"AAAA"}`
	if got := screened(t, s, body); got != body {
		t.Errorf("got %s", got)
	}
	if r := s.Result(); r.Counts["in:EMAIL_ADDRESS"] != 1 || r.Counts["in:CREDIT_CARD"] != 1 || r.Action != "" {
		t.Errorf("result %+v", r)
	}
}

func TestRequest_off(t *testing.T) {
	p := DefaultPolicy()
	p.Mode = Off
	s := newScreen(p)
	if got := screened(t, s, `["ann@example.com"]`); got != `["ann@example.com"]` || s.Result().Counts != nil {
		t.Errorf("got %s", got)
	}
}

func TestRequest_blocks(t *testing.T) {
	blockCards := DefaultPolicy()
	blockCards.In = map[string]Action{"CREDIT_CARD": Block, "*": Tokenize}
	many := `["` + strings.Repeat("ann@example.com ", FindingsMax+1) + `"]`
	for name, c := range map[string]struct {
		policy Policy
		body   string
		says   string
	}{
		"type":      {blockCards, `["4111111111111111","5555 5555 5555 4444","ann@example.com"]`, "2 CREDIT_CARD"},
		"number":    {DefaultPolicy(), `{"pan":4111111111111111}`, "1 CREDIT_CARD"},
		"exponent":  {DefaultPolicy(), `{"pan":4111111111111111.0}`, "1 CREDIT_CARD"},
		"file":      {DefaultPolicy(), `{"file":{"file_data":"JVBERi0xLjQ="}}`, "file.file_data"},
		"no image":  {DefaultPolicy(), `{"filename":"a.pdf","file_data":"data:image/png;base64,JVBERi0xLjQ="}`, "file_data"},
		"data URI":  {DefaultPolicy(), `{"url":"data:application/pdf;base64,JVBERi0xLjQ="}`, "url"},
		"findings":  {DefaultPolicy(), many, "10000 findings"},
		"text":      {DefaultPolicy(), `["` + strings.Repeat("plain text ", TextMax/11+1) + `"]`, "32 MiB"},
		"texts":     {DefaultPolicy(), `[` + strings.Repeat(`"`+strings.Repeat("x ", 1<<19)+`",`, 33) + `1]`, "32 MiB"},
		"all parts": {DefaultPolicy(), `[` + strings.Repeat(`{"text":"`+strings.Repeat("x ", 1<<19)+`"},`, 33) + `1]`, "32 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScreen(c.policy)
			err := s.Request(parse(t, c.body), nil)
			if sallyport.CodeOf(err) != sallyport.DLPBlocked || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v", err)
			}
			for _, value := range []string{"4111", "5555", "ann@", "JVBE"} {
				if strings.Contains(err.Error(), value) {
					t.Errorf("the message quotes the request: %v", err)
				}
			}
			if s.Result().Action != "block" {
				t.Errorf("action %q", s.Result().Action)
			}
		})
	}
}

func TestRequest_unreadable_allowed(t *testing.T) {
	p := DefaultPolicy()
	p.Unreadable = UnreadableAllow
	body := `{"file_data":"JVBERi0xLjQ=","url":"data:application/pdf;base64,JVBERi0xLjQ="}`
	if got := screened(t, newScreen(p), body); got != body {
		t.Errorf("got %s", got)
	}
}

func TestRequest_key_fails(t *testing.T) {
	broken := errors.New("no key")
	s := New().Plan(DefaultPolicy()).Screen(func([]byte) ([]byte, error) { return nil, broken }, "")
	if err := s.Request(parse(t, `["ann@example.com"]`), nil); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	short := New().Plan(DefaultPolicy()).Screen(func([]byte) ([]byte, error) { return []byte{1, 2, 3}, nil }, "")
	if err := short.Request(parse(t, `["ann@example.com"]`), nil); !errors.Is(err, errMACShort) {
		t.Errorf("got %v", err)
	}
}

func TestRequest_findings(t *testing.T) {
	s := newScreen(DefaultPolicy())
	screened(t, s, `{"messages":[{"content":"I am ann@example.com"},{"content":"{\"to\":\"ann@example.com\"}"}]}`)
	f := s.Result().Findings
	if len(f) != 2 {
		t.Fatalf("findings %+v", f)
	}
	want := sallyport.Finding{Type: "EMAIL_ADDRESS", Direction: "in", Field: "messages[0].content", Start: 5, End: 20, Operator: "tokenize", ValueHMAC: f[0].ValueHMAC}
	if f[0] != want || len(f[0].ValueHMAC) != 2*findingHMACLen {
		t.Errorf("got %+v", f[0])
	}
	if f[1].Field != "messages[1].content.to" || f[1].ValueHMAC != f[0].ValueHMAC {
		t.Errorf("got %+v", f[1])
	}
	if text := fmt.Sprintf("%+v", s.Result()); strings.Contains(text, "ann@") {
		t.Errorf("the result quotes the request: %s", text)
	}
}

// A client that sends the placeholder of a value beside the value gets the value
// for both: the model sees one text, and the client knew both.
func TestRequest_typed_placeholder(t *testing.T) {
	s := newScreen(DefaultPolicy())
	token := strings.Trim(screened(t, s, `["ann@example.com"]`), `[]"`)
	s = newScreen(DefaultPolicy())
	sent := screened(t, s, `["`+token+` is ann@example.com"]`)
	if sent != `["`+token+` is `+token+`"]` {
		t.Fatalf("sent %s", sent)
	}
	s = newScreen(DefaultPolicy())
	screened(t, s, `["`+token+`"]`)
	if got := answer(t, s, textID, token); got != token {
		t.Errorf("a placeholder without its value became %q", got)
	}
}

// The bytes of a file beside its type are no text, unless they say that they are.
func TestRequestFiles(t *testing.T) {
	const key = "AKIAQX3RZP7VTY2W" + "M6LD"
	for source, want := range map[string]string{
		`{"type":"base64","media_type":"image/png","data":"` + key + `"}`: key,
		`{"mimeType":"IMAGE/JPEG","data":"` + key + `"}`:                  key,
		`{"type":"text","media_type":"text/plain","data":"` + key + `"}`:  "<AWS_ACCESS_KEY_ID>",
		`{"media_type":"image/png","data":"it is ` + key + `"}`:           "it is <AWS_ACCESS_KEY_ID>",
		`{"media_type":"image/png","text":"` + key + `"}`:                 "<AWS_ACCESS_KEY_ID>",
		`{"data":"` + key + `"}`:                                          "<AWS_ACCESS_KEY_ID>",
	} {
		s := newScreen(DefaultPolicy())
		if got := unmask(s, screened(t, s, `{"source":`+source+`}`)); !strings.Contains(got, `"`+want+`"`) {
			t.Errorf("%s: got %s", source, got)
		}
	}
	doc := parse(t, `{"source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0x"}}`)
	if err := newScreen(DefaultPolicy()).Request(doc, nil); sallyport.CodeOf(err) != sallyport.DLPBlocked {
		t.Errorf("a document: got %v", err)
	}
}

// What nobody may edit is blocked where it would have to be, in JSON within it too.
func TestRequestSigned(t *testing.T) {
	for text, code := range map[string]sallyport.Code{
		"nothing to see": "", "ann@example.com": sallyport.DLPBlocked, `{\"to\":\"ann@example.com\"}`: sallyport.DLPBlocked,
	} {
		body := `{"a":"bob@example.com","signed":"` + text + `"}`
		doc := parse(t, body)
		err := newScreen(DefaultPolicy()).Request(doc, nil, parse(t, body).Root().Get("signed"))
		if sallyport.CodeOf(err) != code {
			t.Errorf("%s: got %v, want %s", text, err, code)
		}
		if raw := doc.Root().Get("signed"); string(raw.JSON()) != string(raw.Raw()) || err == nil && strings.Contains(string(doc.Encode()), "bob") {
			t.Errorf("%s: got %s", text, doc.Encode())
		}
	}
	policy := DefaultPolicy()
	policy.Mode = Observe
	if err := newScreen(policy).Request(parse(t, `{"a":"ann@example.com"}`), nil, parse(t, `{"a":"x"}`).Root().Get("a")); err != nil {
		t.Errorf("observing: got %v", err)
	}
}
