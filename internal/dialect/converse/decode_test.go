package converse_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/converse"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// read decodes events, each its type and payload, and writes down what they mean.
func read(t *testing.T, events ...string) (said []string, complete bool, err error) {
	t.Helper()
	var (
		decoder converse.Decoder
		doc     llm.Document
		e       llm.Event
	)
	for _, event := range events {
		name, payload, _ := strings.Cut(event, " ")
		if err := doc.Reset([]byte(payload)); err != nil {
			t.Fatalf("the test's own event: %v", err)
		}
		if err := decoder.DecodeEvent(name, &doc, &e); err != nil {
			return said, false, err
		}
		said = append(said, meaning(&e))
	}
	return said, decoder.Complete(), nil
}

func meaning(e *llm.Event) string {
	var all []string
	names := map[llm.DeltaKind]string{
		llm.TextDelta: "text", llm.ThinkingDelta: "thinking", llm.SignatureDelta: "signature", llm.ToolCallDelta: "call", llm.ToolArgumentsDelta: "args",
	}
	for _, d := range e.Deltas {
		all = append(all, fmt.Sprintf("%s%d(%s%s%s)", names[d.Kind], d.Index, d.ToolID.Text(), d.ToolName.Text(), d.Text.Text()))
	}
	if len(e.Closed) > 0 {
		all = append(all, fmt.Sprintf("closed%v", e.Closed))
	}
	for _, f := range e.Finishes {
		all = append(all, string(f.Reason))
	}
	if e.Usage != nil {
		all = append(all, fmt.Sprint(*e.Usage))
	}
	return strings.Join(all, " ")
}

func TestDecodeStream(t *testing.T) {
	t.Parallel()
	said, complete, err := read(t,
		`messageStart {"role":"assistant","p":"ab"}`,
		`contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}},"p":"a"}`,
		`contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"s"}}}`,
		`contentBlockStop {"contentBlockIndex":0}`,
		`contentBlockDelta {"contentBlockIndex":9,"delta":{"reasoningContent":{"redactedContent":"AA=="}}}`,
		`contentBlockDelta {"contentBlockIndex":9,"delta":{"reasoningContent":{"redactedContent":"AQI="}}}`,
		`contentBlockStop {"contentBlockIndex":9}`,
		`contentBlockDelta {"contentBlockIndex":1,"delta":{"text":"I look."}}`,
		`contentBlockStop {"contentBlockIndex":1}`,
		`contentBlockStart {"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"a","name":"f"}}}`,
		`contentBlockDelta {"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\"x\":"}}}`,
		`contentBlockDelta {"contentBlockIndex":2,"delta":{"toolUse":{"input":"1}"}}}`,
		`contentBlockStop {"contentBlockIndex":2}`,
		`contentBlockStart {"contentBlockIndex":3,"start":{"toolUse":{"toolUseId":"b","name":"search","type":"server_tool_use"}}}`,
		`contentBlockDelta {"contentBlockIndex":3,"delta":{"toolUse":{"input":"{}"}}}`,
		`contentBlockStop {"contentBlockIndex":3}`,
		`contentBlockStart {"contentBlockIndex":4,"start":{"toolUse":{"toolUseId":"d","name":"f"}}}`,
		`contentBlockDelta {"contentBlockIndex":4,"delta":{"toolUse":{"input":""}}}`,
		`contentBlockStop {"contentBlockIndex":4}`,
		`somethingNew {"contentBlockIndex":"?"}`,
		`messageStop {"stopReason":"tool_use"}`,
		`metadata {"usage":{"inputTokens":7,"outputTokens":2,"totalTokens":17,"cacheReadInputTokens":5,"cacheWriteInputTokens":3},"metrics":{"latencyMs":1}}`,
	)
	want := []string{
		"", "thinking0(hm)", "signature0(s)", "closed[0]", "", "", "signature9(AAEC) closed[9]", "text1(I look.)", "closed[1]",
		"call2(af)", `args2({"x":)`, "args2(1})", "closed[2]", "", "",
		"closed[3]", "call4(df)", "", "", "", "args4({}) closed[4] tool_calls", "{7 5 3 2 0 0}",
	}
	if err != nil || !complete || strings.Join(said, "|") != strings.Join(want, "|") {
		t.Errorf("got  %q, complete %v, %v\nwant %q", said, complete, err, want)
	}
}

// A call that ended without arguments has those of nothing once something follows, unless
// the answer was cut off.
func TestDecodeStreamWithoutArguments(t *testing.T) {
	t.Parallel()
	call := []string{`contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"a","name":"f"}}}`, `contentBlockStop {"contentBlockIndex":0}`}
	for next, want := range map[string]string{
		`contentBlockStart {"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"b","name":"f"}}}`: "args0({}) call1(bf) closed[0]",
		`contentBlockDelta {"contentBlockIndex":1,"delta":{"text":"x"}}`:                             "args0({}) text1(x) closed[0]",
		`messageStop {"stopReason":"end_turn"}`:                                                      "args0({}) closed[0] stop",
		`messageStop {"stopReason":"max_tokens"}`:                                                    "length",
		`messageStop {"stopReason":"guardrail_intervened"}`:                                          "content_filter",
	} {
		said, _, err := read(t, append(slices.Clone(call), next)...)
		if err != nil || strings.Join(said, "|") != "call0(af)||"+want {
			t.Errorf("%s: got %q, %v, want at the end %q", next, said, err, want)
		}
	}
}

func TestDecodeReasons(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]llm.StopReason{
		"end_turn": llm.StopEnd, "stop_sequence": llm.StopEnd, "new": llm.StopEnd, "max_tokens": llm.StopLength,
		"model_context_window_exceeded": llm.StopLength, "tool_use": llm.StopTools,
		"content_filtered": llm.StopFilter, "guardrail_intervened": llm.StopFilter,
	} {
		said, complete, err := read(t, `messageStop {"stopReason":"`+reason+`"}`)
		if err != nil || !complete || said[0] != string(want) {
			t.Errorf("%s: got %q, complete %v, %v, want %s", reason, said, complete, err, want)
		}
	}
	if _, complete, err := read(t, `contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"a"}}`); complete || err != nil {
		t.Errorf("without a reason: complete %v, %v", complete, err)
	}
}

func TestDecodeWhole(t *testing.T) {
	t.Parallel()
	doc, err := llm.Parse([]byte(`{"output":{"message":{"role":"assistant","content":[
		{"reasoningContent":{"reasoningText":{"text":"hm","signature":"s"}}},{"text":"I look."},
		{"toolUse":{"toolUseId":"a","name":"f","input":{"q":"z"}}},{"toolUse":{"toolUseId":"b","name":"f"}},
		{"toolUse":{"toolUseId":"c","name":"search","type":"server_tool_use","input":{}}},{"reasoningContent":{"redactedContent":"AAEC"}}]}},
		"stopReason":"tool_use","usage":{"inputTokens":7,"outputTokens":1.5,"cacheReadInputTokens":5}}`))
	if err != nil {
		t.Fatal(err)
	}
	var e llm.Event
	if err := converse.DecodeWhole(doc, &e); err != nil {
		t.Fatal(err)
	}
	want := `thinking0(hm) signature0(s) text1(I look.) call2(af) args2({"q":"z"}) call3(bf) args3({}) signature5(AAEC) tool_calls ` + fmt.Sprint(llm.Usage{Input: 7, CachedInput: 5, Output: wire.NoTokens})
	if got := meaning(&e); got != want || e.Kind != llm.WholeEvent {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDecodeFailures(t *testing.T) {
	t.Parallel()
	for event, code := range map[string]sallyport.Code{
		`throttlingException {"message":"SECRET"}`:       sallyport.UpstreamError,
		`modelStreamErrorException {"message":"SECRET"}`: sallyport.UpstreamError,
		`error {}`:                                        sallyport.UpstreamError,
		`newException {"message":"SECRET"}`:               sallyport.UpstreamError,
		`accessDeniedException {"message":"SECRET"}`:      sallyport.UpstreamAuth,
		`messageStop {"stopReason":"malformed_tool_use"}`: sallyport.UpstreamError,
		`messageStop {}`:                                  sallyport.UpstreamInvalid,
		`messageStop []`:                                  sallyport.UpstreamInvalid,
		`contentBlockDelta {"delta":{"text":"a"}}`:        sallyport.UpstreamInvalid,
		`contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"redactedContent":"?"}}}`: sallyport.UpstreamInvalid,
		`contentBlockStop {"contentBlockIndex":100000000}`:                                               sallyport.UpstreamInvalid,
		`contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"name":"f"}}}`:                     sallyport.UpstreamInvalid,
	} {
		_, _, err := read(t, event)
		if sallyport.CodeOf(err) != code || strings.Contains(fmt.Sprint(err), "SECRET") {
			t.Errorf("%s: got %v, want %s without a quote", event, err, code)
		}
	}
	for body, code := range map[string]sallyport.Code{
		`{"__type":"com.amazon#ThrottlingException","message":"SECRET"}`: sallyport.UpstreamError,
		`{"__type":"UnrecognizedClientException"}`:                       sallyport.UpstreamAuth,
		`{"output":{}}`:                         sallyport.UpstreamInvalid,
		`[]`:                                    sallyport.UpstreamInvalid,
		`{"output":{"message":{"content":[]}}}`: sallyport.UpstreamInvalid,
	} {
		doc, err := llm.Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if err := converse.DecodeWhole(doc, new(llm.Event)); sallyport.CodeOf(err) != code || strings.Contains(fmt.Sprint(err), "SECRET") {
			t.Errorf("%s: got %v, want %s without a quote", body, err, code)
		}
	}
}

// Both halves of usage are told by every answer; one that is not is told by the total, or
// by nothing.
func TestDecodeUsage(t *testing.T) {
	t.Parallel()
	for usage, want := range map[string]string{
		`{"inputTokens":7,"outputTokens":2}`:          fmt.Sprint(llm.Usage{Input: 7, Output: 2}),
		`{"outputTokens":2}`:                          fmt.Sprint(llm.Usage{Input: wire.NoTokens, Output: 2}),
		`{"outputTokens":2,"cacheReadInputTokens":5}`: fmt.Sprint(llm.Usage{Input: wire.NoTokens - 5, CachedInput: 5, Output: 2}),
		`{"outputTokens":2,"totalTokens":17,"cacheReadInputTokens":5,"cacheWriteInputTokens":3}`: fmt.Sprint(llm.Usage{Input: 7, CachedInput: 5, CacheWrite: 3, Output: 2}),
		`{"inputTokens":7,"totalTokens":17,"cacheReadInputTokens":5,"cacheWriteInputTokens":3}`:  fmt.Sprint(llm.Usage{Input: 7, CachedInput: 5, CacheWrite: 3, Output: 2}),
		`{"inputTokens":7,"outputTokens":null}`:                                                  fmt.Sprint(llm.Usage{Input: 7, Output: wire.NoTokens}),
		`{"inputTokens":7,"totalTokens":7}`:                                                      fmt.Sprint(llm.Usage{Input: 7}),
		`{"inputTokens":1.5}`:                                                                    fmt.Sprint(llm.Usage{Input: wire.NoTokens, Output: wire.NoTokens}),
		`{"totalTokens":7}`:                                                                      "",
		`{}`:                                                                                     "",
	} {
		said, _, err := read(t, `metadata {"usage":`+usage+`}`)
		if err != nil || said[0] != want {
			t.Errorf("%s: got %q, %v, want %q", usage, said, err, want)
		}
	}
}
