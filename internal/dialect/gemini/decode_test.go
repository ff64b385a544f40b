package gemini_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/gemini"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// read decodes the events of a stream and writes down what they mean.
func read(t *testing.T, events ...string) (said []string, complete bool, err error) {
	t.Helper()
	var (
		decoder gemini.Decoder
		doc     llm.Document
		e       llm.Event
	)
	for _, event := range events {
		if err := doc.Reset([]byte(event)); err != nil {
			t.Fatalf("the test's own event: %v", err)
		}
		if err := decoder.DecodeEvent(&doc, &e); err != nil {
			return said, false, err
		}
		said = append(said, meaning(&e))
	}
	return said, decoder.Complete(), nil
}

func meaning(e *llm.Event) string {
	var b strings.Builder
	names := map[llm.DeltaKind]string{llm.TextDelta: "text", llm.ThinkingDelta: "thinking", llm.ToolCallDelta: "call", llm.ToolArgumentsDelta: "args"}
	for _, d := range e.Deltas {
		id := d.ToolID.Text()
		if strings.HasPrefix(id, "call_") && len(id) == len("call_")+32 {
			id = "MADE"
		}
		fmt.Fprintf(&b, "%s%d(%s%s%s) ", names[d.Kind], d.Index, id, d.ToolName.Text(), d.Text.Text())
	}
	if len(e.Closed) > 0 {
		fmt.Fprintf(&b, "closed%v ", e.Closed)
	}
	for _, f := range e.Finishes {
		fmt.Fprintf(&b, "%s ", f.Reason)
	}
	if e.Usage != nil {
		fmt.Fprintf(&b, "%v", *e.Usage)
	}
	return strings.TrimSpace(b.String())
}

func candidate(parts, more string) string {
	return `{"responseId":"r","modelVersion":"v","candidates":[{"content":{"role":"model","parts":[` + parts + `]}` + more + `}]}`
}

func withUsage(event, usage string) string {
	return strings.TrimSuffix(event, "}") + `,"usageMetadata":` + usage + `}`
}

func TestDecodeStream(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		events   []string
		want     []string
		complete bool
	}{
		"thinking, text, two calls of one tool": {
			[]string{
				candidate(`{"text":"hm","thought":true}`, ""), candidate(`{"text":"I "}`, ""), candidate(`{"text":"look."}`, ""),
				candidate(`{"functionCall":{"name":"f","args":{"x":1}},"thoughtSignature":"AA=="},{"functionCall":{"name":"f"}}`, ""),
				candidate(`{"text":""}`, `,"finishReason":"STOP"`),
			},
			[]string{
				"thinking0(hm)", "text1(I ) closed[0]", "text1(look.)",
				`2(AA==) call3(MADEf) args3({"x":1}) call4(MADEf) args4({}) closed[1 2 3 4]`, "tool_calls",
			}, true,
		},
		"its own id":      {[]string{candidate(`{"functionCall":{"id":"k","name":"f","args":{}}}`, `,"finishReason":"STOP"`)}, []string{"call0(kf) args0({}) closed[0] tool_calls"}, true},
		"no end":          {[]string{candidate(`{"text":"a"}`, "")}, []string{"text0(a)"}, false},
		"length":          {[]string{candidate(`{"text":"a"}`, `,"finishReason":"MAX_TOKENS"`)}, []string{"text0(a) length"}, true},
		"safety":          {[]string{candidate(``, `,"finishReason":"SAFETY"`)}, []string{"content_filter"}, true},
		"recitation":      {[]string{candidate(``, `,"finishReason":"RECITATION"`)}, []string{"content_filter"}, true},
		"unknown reason":  {[]string{candidate(``, `,"finishReason":"NEW"`)}, []string{"stop"}, true},
		"reason repeated": {[]string{candidate(`{"text":"a"}`, `,"finishReason":"STOP"`), candidate(`{"text":"b"}`, `,"finishReason":"STOP"`)}, []string{"text0(a) stop", "text0(b)"}, true},
		"blocked prompt":  {[]string{`{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":4}}`}, []string{"content_filter{4 0 0 0 0 0}"}, true},
		"usage": {[]string{
			`{"usageMetadata":{"promptTokenCount":20,"cachedContentTokenCount":5,"candidatesTokenCount":7,"thoughtsTokenCount":3,"toolUsePromptTokenCount":2,"totalTokenCount":32}}`,
			`{"usageMetadata":{"promptTokenCount":1.5}}`,
			`{"usageMetadata":{"promptTokenCount":20,"cachedContentTokenCount":"many","candidatesTokenCount":7,"thoughtsTokenCount":0.5}}`,
			`{"usageMetadata":{"promptTokenCount":20,"candidatesTokenCount":7,"toolUsePromptTokenCount":true}}`,
			`{"usageMetadata":{"promptTokenCount":1e30}}`,
		}, []string{
			"{17 5 0 10 3 0}", fmt.Sprint(llm.Usage{Input: wire.NoTokens}), "{20 0 0 -1 -1 0}", "{-1 0 0 7 0 0}",
			fmt.Sprint(llm.Usage{Input: wire.TokensMax}),
		}, false},
		// Counts of zero are left out; those of what is there are not told then.
		"usage without the prompt":       {[]string{`{"usageMetadata":{"candidatesTokenCount":7,"thoughtsTokenCount":3}}`}, []string{"{-1 0 0 10 3 0}"}, false},
		"the prompt by the total":        {[]string{`{"usageMetadata":{"candidatesTokenCount":7,"thoughtsTokenCount":3,"totalTokenCount":30,"cachedContentTokenCount":5}}`}, []string{"{15 5 0 10 3 0}"}, false},
		"usage of other things alone":    {[]string{`{"usageMetadata":{"trafficType":"ON_DEMAND"}}`}, []string{""}, false},
		"usage without an answer so far": {[]string{withUsage(candidate(`{"text":"a"}`, ""), `{"promptTokenCount":4,"totalTokenCount":4}`)}, []string{"text0(a){4 0 0 0 0 0}"}, false},
		"usage of no answer":             {[]string{withUsage(candidate(`{"text":"hm","thought":true},{"text":"","thoughtSignature":"AA=="},{"thoughtSignature":"AA=="}`, `,"finishReason":"MAX_TOKENS"`), `{"promptTokenCount":4,"thoughtsTokenCount":9}`)}, []string{"thinking0(hm) length{4 0 0 9 9 0}"}, true},
		"usage without the answer":       {[]string{candidate(`{"text":"a"}`, ""), withUsage(candidate(``, `,"finishReason":"STOP"`), `{"promptTokenCount":4,"thoughtsTokenCount":9,"totalTokenCount":13}`)}, []string{"text0(a)", "stop{4 0 0 -1 9 0}"}, true},
		"the answer by the total":        {[]string{withUsage(candidate(`{"functionCall":{"id":"k","name":"f"}}`, `,"finishReason":"STOP"`), `{"promptTokenCount":4,"thoughtsTokenCount":9,"totalTokenCount":20}`)}, []string{"call0(kf) args0({}) closed[0] tool_calls{4 0 0 16 9 0}"}, true},
		"usage without an image":         {[]string{withUsage(candidate(`{"inlineData":{"mimeType":"image/png","data":"AA"}}`, `,"finishReason":"STOP"`), `{"promptTokenCount":4}`)}, []string{"stop{4 0 0 -1 0 0}"}, true},
		"other parts":                    {[]string{candidate(`{"inlineData":{"mimeType":"image/png","data":"AA"}},{"executableCode":{"code":"x"}}`, `,"finishReason":"STOP"`)}, []string{"stop"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said, complete, err := read(t, row.events...)
			if err != nil {
				t.Fatal(err)
			}
			for i := range said {
				said[i] = strings.ReplaceAll(said[i], " {", "{")
			}
			if fmt.Sprint(said) != fmt.Sprint(row.want) || complete != row.complete {
				t.Errorf("got  %q, complete %v\nwant %q, %v", said, complete, row.want, row.complete)
			}
		})
	}
}

// The ids that are made are nobody else's, and texts of an answer outlive its events.
func TestDecodeMakesIDs(t *testing.T) {
	t.Parallel()
	doc, err := llm.Parse([]byte(candidate(`{"functionCall":{"name":"f"}},{"functionCall":{"name":"f"}}`, `,"finishReason":"STOP"`)))
	if err != nil {
		t.Fatal(err)
	}
	var e llm.Event
	if err := gemini.DecodeWhole(doc, &e); err != nil {
		t.Fatal(err)
	}
	if a, b := e.Deltas[0].ToolID.Text(), e.Deltas[2].ToolID.Text(); a == "" || a == b {
		t.Errorf("ids are %q and %q", a, b)
	}
}

func TestDecodeWhole(t *testing.T) {
	t.Parallel()
	doc, err := llm.Parse([]byte(candidate(`{"text":"a","thought":true},{"text":"b"},{"text":"c"},{"functionCall":{"id":"i","name":"f","args":{"q":"z"}}}`, `,"finishReason":"STOP"`)))
	if err != nil {
		t.Fatal(err)
	}
	var e llm.Event
	if err := gemini.DecodeWhole(doc, &e); err != nil {
		t.Fatal(err)
	}
	const want = `thinking0(a) text1(bc) call2(if) args2({"q":"z"}) closed[0 1 2] tool_calls`
	if got := meaning(&e); got != want || e.ID != "r" || e.Model != "v" || e.Kind != llm.WholeEvent {
		t.Errorf("got %s of %s %s, want %s", got, e.ID, e.Model, want)
	}
}

func TestDecodeFailures(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		event string
		code  sallyport.Code
	}{
		"error":             {`{"error":{"code":503,"message":"SECRET","status":"UNAVAILABLE"}}`, sallyport.UpstreamError},
		"credential":        {`{"error":{"code":403,"message":"SECRET","status":"PERMISSION_DENIED"}}`, sallyport.UpstreamAuth},
		"malformed call":    {candidate(``, `,"finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"SECRET"`), sallyport.UpstreamError},
		"no object":         {`[{"error":{}}]`, sallyport.UpstreamInvalid},
		"candidates":        {`{"candidates":{}}`, sallyport.UpstreamInvalid},
		"index":             {`{"candidates":[{"index":-1}]}`, sallyport.UpstreamInvalid},
		"huge index":        {`{"candidates":[{"index":100000000}]}`, sallyport.UpstreamInvalid},
		"call without name": {candidate(`{"functionCall":{"args":{}}}`, ""), sallyport.UpstreamInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := read(t, row.event)
			if sallyport.CodeOf(err) != row.code || strings.Contains(err.Error(), "SECRET") {
				t.Errorf("got %v, want %s without a quote", err, row.code)
			}
		})
	}
	for name, body := range map[string]string{"nothing": `{}`, "no end": candidate(`{"text":"a"}`, "")} {
		t.Run("whole "+name, func(t *testing.T) {
			t.Parallel()
			doc, err := llm.Parse([]byte(body))
			if err != nil {
				t.Fatal(err)
			}
			if err := gemini.DecodeWhole(doc, new(llm.Event)); sallyport.CodeOf(err) != sallyport.UpstreamInvalid {
				t.Errorf("got %v, want %s", err, sallyport.UpstreamInvalid)
			}
		})
	}
}

func TestRefusesKey(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}`: true,
		`{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"reason":"OTHER"}]}}`:           false,
		`{"error":{"code":400}}`: false,
		`<html>`:                 false,
	} {
		if got := gemini.RefusesKey([]byte(body)); got != want {
			t.Errorf("%s: got %v", body, got)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"error":{"code":429,"details":[{"@type":"type.googleapis.com/google.rpc.Help"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"6.2s"}]}}`: "7",
		`{"error":{"code":429,"details":[{"retryDelay":"soon"}]}}`: "",
		`{"error":{"code":429,"details":[{"retryDelay":"-1s"}]}}`:  "",
		`<html>`: "",
	} {
		if got := gemini.RetryAfter([]byte(body)); got != want {
			t.Errorf("%s: got %q", body, got)
		}
	}
}
