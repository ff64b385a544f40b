package chat

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

func document(t testing.TB, text string) *llm.Document {
	t.Helper()
	d, err := llm.Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse(%s): %v", text, err)
	}
	return d
}

// told writes down what an event means.
func told(e *llm.Event) (all []string) {
	for _, d := range e.Deltas {
		all = append(all, fmt.Sprintf("choice %d kind %d index %d: %s", d.Choice, d.Kind, d.Index, d.ToolID.Text()+d.ToolName.Text()+d.Text.Text()))
	}
	for _, f := range e.Finishes {
		all = append(all, fmt.Sprintf("choice %d ends: %s", f.Choice, f.Reason))
	}
	if e.Usage != nil {
		all = append(all, fmt.Sprintf("usage %+v", *e.Usage))
	}
	if e.UsageOnly {
		all = append(all, "usage only")
	}
	if len(e.Logprobs) > 0 {
		all = append(all, fmt.Sprintf("logprobs %d", len(e.Logprobs)))
	}
	return all
}

func TestDecodeEvent(t *testing.T) {
	delta := func(delta string) string { return `{"choices":[{"index":0,"delta":` + delta + `}]}` }
	usage := func(usage string) string { return `{"choices":[],"usage":` + usage + `}` }
	for name, row := range map[string]struct {
		in   string
		want []string
	}{
		"role":          {delta(`{"role":"assistant","content":""}`), nil},
		"text":          {delta(`{"content":"hi"}`), []string{"choice 0 kind 1 index 0: hi"}},
		"reasoning":     {delta(`{"reasoning_content":"hm","content":null}`), []string{"choice 0 kind 2 index 0: hm"}},
		"reasoning_too": {delta(`{"reasoning":"hm","reasoning_content":"hm"}`), []string{"choice 0 kind 2 index 0: hm", "choice 0 kind 7 index 0: hm"}},
		"details":       {delta(`{"reasoning_details":[{"type":"reasoning.text","index":1,"text":"hm"}]}`), []string{"choice 0 kind 7 index 3: hm"}},
		"custom":        {delta(`{"tool_calls":[{"index":1,"custom":{"input":"x"}}]}`), []string{"choice 0 kind 6 index 1: x"}},
		"openrouter":    {delta(`{"reasoning":"hm"}`), []string{"choice 0 kind 2 index 0: hm"}},
		"refusal":       {delta(`{"refusal":"no"}`), []string{"choice 0 kind 4 index 0: no"}},
		"tool":          {delta(`{"tool_calls":[{"index":2,"id":"c","type":"function","function":{"name":"f","arguments":""}}]}`), []string{"choice 0 kind 5 index 2: cf"}},
		"arguments":     {delta(`{"tool_calls":[{"index":2,"function":{"arguments":"{\"a"}}]}`), []string{`choice 0 kind 6 index 2: {"a`}},
		"tool_at_once":  {delta(`{"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}},{"id":"d","function":{"name":"g"}}]}`), []string{"choice 0 kind 5 index 0: cf", "choice 0 kind 6 index 0: {}", "choice 0 kind 5 index 1: dg"}},
		"blocks":        {delta(`{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"hi"}]}`), []string{"choice 0 kind 2 index 0: hm", "choice 0 kind 1 index 0: hi"}},
		"two_choices":   {`{"choices":[{"index":1,"delta":{"content":"b"}},{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}`, []string{"choice 1 kind 1 index 0: b", "choice 0 kind 1 index 0: a", "choice 0 ends: stop"}},
		"no_index":      {`{"choices":[{"delta":{"content":"a"}},{"delta":{"content":"b"}}]}`, []string{"choice 0 kind 1 index 0: a", "choice 1 kind 1 index 0: b"}},
		"index_last":    {`{"choices":[{"delta":{"content":"a"},"finish_reason":"length","index":3}]}`, []string{"choice 3 kind 1 index 0: a", "choice 3 ends: length"}},
		"finish_null":   {`{"choices":[{"delta":{},"finish_reason":null,"logprobs":null}]}`, nil},
		"finish_other":  {`{"choices":[{"delta":{},"finish_reason":"eos"},{"finish_reason":"model_length"},{"finish_reason":"function_call"},{"finish_reason":"content_filter"}]}`, []string{"choice 0 ends: stop", "choice 1 ends: length", "choice 2 ends: tool_calls", "choice 3 ends: content_filter"}},
		"logprobs":      {`{"choices":[{"delta":{"content":"a"},"logprobs":{"content":[{"token":"a"}]}}]}`, []string{"choice 0 kind 1 index 0: a", "logprobs 1"}},
		"filters_first": {`{"choices":[],"prompt_filter_results":[]}`, nil},
		"no_choices":    {`{"type":"ping"}`, nil},
		"usage":         {usage(`{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14}`), []string{"usage {Input:10 CachedInput:0 CacheWrite:0 Output:4 Reasoning:0 AudioSeconds:0}", "usage only"}},
		"usage_details": {usage(`{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":6,"cache_write_tokens":1},"completion_tokens_details":{"reasoning_tokens":3}}`), []string{"usage {Input:3 CachedInput:6 CacheWrite:1 Output:4 Reasoning:3 AudioSeconds:0}", "usage only"}},
		"usage_deepseek": {usage(`{"prompt_tokens":10,"completion_tokens":4,"prompt_cache_hit_tokens":6}`),
			[]string{"usage {Input:4 CachedInput:6 CacheWrite:0 Output:4 Reasoning:0 AudioSeconds:0}", "usage only"}},
		"usage_total_has_more": {usage(`{"prompt_tokens":10,"completion_tokens":4,"total_tokens":34,"completion_tokens_details":{"reasoning_tokens":20}}`),
			[]string{"usage {Input:10 CachedInput:0 CacheWrite:0 Output:24 Reasoning:20 AudioSeconds:0}", "usage only"}},
		"usage_groq":       {`{"choices":[{"delta":{},"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":1,"completion_tokens":2}}}`, []string{"choice 0 ends: stop", "usage {Input:1 CachedInput:0 CacheWrite:0 Output:2 Reasoning:0 AudioSeconds:0}"}},
		"usage_null":       {`{"choices":[{"delta":{"content":"a"}}],"usage":null}`, []string{"choice 0 kind 1 index 0: a"}},
		"usage_empty":      {usage(`{}`), nil},
		"usage_unreadable": {usage(`{"prompt_tokens":"many","completion_tokens":1.5}`), []string{"usage {Input:-1 CachedInput:0 CacheWrite:0 Output:-1 Reasoning:0 AudioSeconds:0}", "usage only"}},
		"usage_absurd": {usage(`{"prompt_tokens":9223372036854775807,"completion_tokens":9223372036854775807,"total_tokens":-9223372036854775808,"prompt_tokens_details":{"cached_tokens":-9223372036854775808}}`),
			[]string{"usage {Input:1099511627776 CachedInput:0 CacheWrite:0 Output:1099511627776 Reasoning:0 AudioSeconds:0}", "usage only"}},
		"usage_no_prompt":       {usage(`{"completion_tokens":5,"total_tokens":12}`), []string{"usage {Input:7 CachedInput:0 CacheWrite:0 Output:5 Reasoning:0 AudioSeconds:0}", "usage only"}},
		"usage_no_output":       {usage(`{"prompt_tokens":5}`), []string{"usage {Input:5 CachedInput:0 CacheWrite:0 Output:-1 Reasoning:0 AudioSeconds:0}", "usage only"}},
		"usage_output_of_total": {usage(`{"prompt_tokens":5,"completion_tokens":null,"total_tokens":12}`), []string{"usage {Input:5 CachedInput:0 CacheWrite:0 Output:7 Reasoning:0 AudioSeconds:0}", "usage only"}},
		"usage_no_output_yet":   {usage(`{"prompt_tokens":5,"total_tokens":5}`), []string{"usage {Input:5 CachedInput:0 CacheWrite:0 Output:0 Reasoning:0 AudioSeconds:0}", "usage only"}},
		"usage_small_total":     {usage(`{"prompt_tokens":5,"total_tokens":4}`), []string{"usage {Input:5 CachedInput:0 CacheWrite:0 Output:-1 Reasoning:0 AudioSeconds:0}", "usage only"}},
		"usage_no_total":        {usage(`{"completion_tokens":5}`), []string{"usage {Input:-1 CachedInput:0 CacheWrite:0 Output:5 Reasoning:0 AudioSeconds:0}", "usage only"}},
		"usage_prompt_null":     {usage(`{"prompt_tokens":null,"completion_tokens":5,"total_tokens":null}`), []string{"usage {Input:-1 CachedInput:0 CacheWrite:0 Output:5 Reasoning:0 AudioSeconds:0}", "usage only"}},
		"usage_total_of_output": {usage(`{"completion_tokens":5,"total_tokens":5}`), []string{"usage {Input:-1 CachedInput:0 CacheWrite:0 Output:5 Reasoning:0 AudioSeconds:0}", "usage only"}},
		"usage_total_negative":  {usage(`{"completion_tokens":5,"total_tokens":-5}`), []string{"usage {Input:-1 CachedInput:0 CacheWrite:0 Output:5 Reasoning:0 AudioSeconds:0}", "usage only"}},
		"usage_huge":            {usage(`{"prompt_tokens":1e30,"completion_tokens":5}`), []string{"usage {Input:1099511627776 CachedInput:0 CacheWrite:0 Output:5 Reasoning:0 AudioSeconds:0}", "usage only"}},
		"usage_cached_unreadable": {usage(`{"prompt_tokens":7,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":"many"}}`),
			[]string{"usage {Input:7 CachedInput:0 CacheWrite:0 Output:5 Reasoning:0 AudioSeconds:0}", "usage only"}},
		"members_in_no_order": {`{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{}"}}],"content":"a","reasoning":"hm"}},{"index":1,"delta":{"content":"b","reasoning_content":"ho"}}]}`,
			[]string{"choice 0 kind 2 index 0: hm", "choice 0 kind 1 index 0: a", "choice 0 kind 5 index 0: tf", "choice 0 kind 6 index 0: {}", "choice 1 kind 2 index 0: ho", "choice 1 kind 1 index 0: b"}},
		"error_null": {`{"choices":[{"delta":{"content":"a"}}],"error":null}`, []string{"choice 0 kind 1 index 0: a"}},
	} {
		t.Run(name, func(t *testing.T) {
			// A used event must be overwritten whole.
			e := llm.Event{Kind: llm.DoneEvent, Name: "x", Deltas: make([]llm.Delta, 3), Finishes: make([]llm.Finish, 2),
				Logprobs: make([]llm.Value, 1), Usage: &llm.Usage{Input: 99}, UsageOnly: true}
			if err := DecodeEvent(document(t, row.in), &e); err != nil {
				t.Fatalf("DecodeEvent: %v", err)
			}
			if got := told(&e); !reflect.DeepEqual(got, row.want) {
				t.Errorf("got  %q\nwant %q", got, row.want)
			}
			if e.Kind != llm.ChunkEvent || e.Dialect != llm.Chat || e.Name != "" {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestDecodeEvent_refused(t *testing.T) {
	for in, code := range map[string]sallyport.Code{
		`[]`:                                     sallyport.UpstreamInvalid,
		`"s3cr3t"`:                               sallyport.UpstreamInvalid,
		`{"choices":{}}`:                         sallyport.UpstreamInvalid,
		`{"choices":["s3cr3t"]}`:                 sallyport.UpstreamInvalid,
		`{"choices":[{"delta":"s3cr3t"}]}`:       sallyport.UpstreamInvalid,
		`{"choices":[{"index":-1}]}`:             sallyport.UpstreamInvalid,
		`{"choices":[{"index":99999999999}]}`:    sallyport.UpstreamInvalid,
		`{"choices":[{"index":"s3cr3t"}]}`:       sallyport.UpstreamInvalid,
		`{"error":{"message":"s3cr3t"}}`:         sallyport.UpstreamError,
		`{"choices":[],"error":"s3cr3t"}`:        sallyport.UpstreamError,
		`{"error":{"code":429},"choices":"odd"}`: sallyport.UpstreamError,
	} {
		var e llm.Event
		err := DecodeEvent(document(t, in), &e)
		if sallyport.CodeOf(err) != code || strings.Contains(fmt.Sprint(err), "s3cr3t") {
			t.Errorf("DecodeEvent(%s): got %v, want %s without quotes", in, err, code)
		}
	}
}

// TestDecodeEvent_keeps_strings: the answer's id outlives the bytes of its event.
func TestDecodeEvent_keeps_strings(t *testing.T) {
	raw := []byte(`{"id":"chatcmpl-1","model":"real","created":7,"choices":[]}`)
	var d llm.Document
	var e llm.Event
	if err := d.Reset(raw); err != nil {
		t.Fatal(err)
	}
	if err := DecodeEvent(&d, &e); err != nil {
		t.Fatal(err)
	}
	id, model := e.ID, e.Model
	copy(raw, strings.Repeat("#", len(raw)))
	if id != "chatcmpl-1" || model != "real" || e.Created != 7 {
		t.Errorf("got %q, %q, %d", id, model, e.Created)
	}
	if err := DecodeEvent(document(t, `{"choices":[]}`), &e); err != nil || e.ID != "" || e.Created != 0 {
		t.Errorf("an event without id: got %q, %d, %v", e.ID, e.Created, err)
	}
}

func TestDecodeWhole(t *testing.T) {
	var e llm.Event
	err := DecodeWhole(document(t, `{"id":"c1","object":"chat.completion","created":1767225600,"model":"real","choices":[
		{"index":0,"message":{"role":"assistant","content":"hi","tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}],
		"usage":{"prompt_tokens":2,"completion_tokens":3}}`), &e)
	want := []string{"choice 0 kind 1 index 0: hi", "choice 0 kind 5 index 0: tf", "choice 0 kind 6 index 0: {}",
		"choice 0 ends: tool_calls", "usage {Input:2 CachedInput:0 CacheWrite:0 Output:3 Reasoning:0 AudioSeconds:0}"}
	if err != nil || !reflect.DeepEqual(told(&e), want) {
		t.Errorf("got  %q, %v\nwant %q", told(&e), err, want)
	}
	if e.Kind != llm.WholeEvent || e.ID != "c1" || e.Model != "real" || e.Created != 1767225600 {
		t.Errorf("got %+v", e)
	}
	for _, in := range []string{`{}`, `{"choices":null}`, `{"object":"list","data":[]}`} {
		if err := DecodeWhole(document(t, in), &e); sallyport.CodeOf(err) != sallyport.UpstreamInvalid {
			t.Errorf("DecodeWhole(%s): got %v, want %s", in, err, sallyport.UpstreamInvalid)
		}
	}
}

// BenchmarkDecodeEvent is what every piece of a stream pays; 1-2 µs is the aim.
func BenchmarkDecodeEvent(b *testing.B) {
	chunk := []byte(`{"id":"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx","object":"chat.completion.chunk","created":1767225600,"model":"acme-large-2026-01-01","system_fingerprint":"fp_0123456789","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}],"usage":null}`)
	var d llm.Document
	var e llm.Event
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Reset(chunk); err != nil {
			b.Fatal(err)
		}
		if err := DecodeEvent(&d, &e); err != nil {
			b.Fatal(err)
		}
	}
}
