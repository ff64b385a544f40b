package provider

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dialect/messages"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// anthropicStub answers every call with the same bytes and keeps the last request.
type anthropicStub struct {
	status      int
	contentType string
	header      map[string]string
	body        string

	path string
	sent string
	got  http.Header
	gone chan struct{} // closed when the client went away; set to hold the answer open
}

func (s *anthropicStub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.path, s.sent, s.got = r.URL.RequestURI(), string(body), r.Header.Clone()
	for name, value := range s.header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", s.contentType)
	w.WriteHeader(s.status)
	_, _ = io.WriteString(w, s.body)
	if s.gone == nil {
		return
	}
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
	close(s.gone)
}

func anthropicAt(t *testing.T, stub *anthropicStub, base string) Provider {
	t.Helper()
	server := httptest.NewServer(stub)
	t.Cleanup(server.Close)
	p, err := New(Config{
		Name: "a", Type: "anthropic", BaseURL: server.URL + base, APIKey: "sk-ant-test", AllowPrivate: true,
		Headers: map[string]string{"anthropic-beta": "x-1"}, Query: map[string]string{"beta": "true"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const anthropicStream = `event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m-1","content":[],"usage":{"input_tokens":9,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

: a comment
event: ping
data: {"type":"ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Two "}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"words"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":4}}

`

const anthropicEnd = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

func TestAnthropicPlain(t *testing.T) {
	t.Parallel()
	for base, path := range map[string]string{"": "/v1/messages?beta=true", "/v1": "/v1/messages?beta=true", "/proxy/v1/": "/proxy/v1/messages?beta=true", "/proxy": "/proxy/v1/messages?beta=true"} {
		t.Run("base "+base, func(t *testing.T) {
			t.Parallel()
			stub := &anthropicStub{
				status: 200, contentType: "application/json", header: map[string]string{"request-id": "req_7"},
				body: `{"id":"msg_1","type":"message","role":"assistant","model":"m-1","content":[{"type":"text","text":"Two words"}],"stop_reason":"end_turn","usage":{"input_tokens":9,"output_tokens":4}}`,
			}
			var heard offlineHeard
			receipt, err := anthropicAt(t, stub, base).Do(t.Context(), "claude-x", chatRequest(t, `{"model":"m","messages":[{"role":"user","content":"Hi"}]}`), heard.take)
			if err != nil {
				t.Fatal(err)
			}
			if receipt != (llm.Receipt{Status: 200, RequestID: "req_7"}) {
				t.Errorf("receipt %+v", receipt)
			}
			if heard.text != "Two words" || heard.finish != llm.StopEnd || !heard.done || heard.usage != (llm.Usage{Input: 9, Output: 4}) {
				t.Errorf("heard %+v", heard)
			}
			if want := `{"model":"claude-x","max_tokens":4096,"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}]}`; stub.sent != want {
				t.Errorf("sent %s\nwant %s", stub.sent, want)
			}
			if stub.path != path {
				t.Errorf("called %s, want %s", stub.path, path)
			}
			for name, want := range map[string]string{"X-Api-Key": "sk-ant-test", "Anthropic-Version": "2023-06-01", "Anthropic-Beta": "x-1", "Authorization": "", "Content-Type": "application/json"} {
				if got := stub.got.Get(name); got != want {
					t.Errorf("header %s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

const anthropicHi = `{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}`

func TestAnthropicStream(t *testing.T) {
	t.Parallel()
	stub := &anthropicStub{status: 200, contentType: "text/event-stream; charset=utf-8", body: anthropicStream + anthropicEnd}
	var heard offlineHeard
	var last *llm.Event
	_, err := anthropicAt(t, stub, "").Do(t.Context(), "claude-x", chatRequest(t, anthropicHi), func(e *llm.Event) error {
		last = e.Clone()
		return heard.take(e)
	})
	if err != nil {
		t.Fatal(err)
	}
	if heard.text != "Two words" || heard.finish != llm.StopEnd || heard.usage != (llm.Usage{Input: 9, Output: 4}) {
		t.Errorf("heard %+v", heard)
	}
	if last.Kind != llm.DoneEvent || last.Name != "message_stop" || string(last.Body.Raw()) != `{"type":"message_stop"}` {
		t.Errorf("the last event is %+v", last)
	}
	if !strings.Contains(stub.sent, `"stream":true`) || stub.got.Get("Accept") != "text/event-stream" {
		t.Errorf("asked with %s, Accept %s", stub.sent, stub.got.Get("Accept"))
	}
}

// What a client of the chat dialect sees of a stream with thinking and a tool.
func TestAnthropicStreamAsChat(t *testing.T) {
	t.Parallel()
	var body strings.Builder
	for _, data := range []string{
		`{"type":"message_start","message":{"id":"msg_1","model":"m-1","usage":{"input_tokens":9,"cache_read_input_tokens":2,"output_tokens":1}}}`,
		`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Let me see."}}`,
		`{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_1","name":"clock","input":{}}}`,
		`{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"zone\":\"CET\"}"}}`,
		`{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":6}}`,
		`{"type":"message_stop"}`,
	} {
		body.WriteString("event: x\ndata: " + data + "\n\n")
	}
	stub := &anthropicStub{status: 200, contentType: "text/event-stream", body: body.String()}
	req := chatRequest(t, `{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"Hi"}]}`)
	encoder := chat.NewEncoder(req, time.Unix(1_700_000_000, 0))
	var got strings.Builder
	_, err := anthropicAt(t, stub, "").Do(t.Context(), "x", req, func(e *llm.Event) error {
		frames, err := encoder.Event(e)
		got.Write(frames)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"id":"chatcmpl-msg_1"`, `"content":"Let me see."`, `"id":"toolu_1","type":"function","function":{"name":"clock"`,
		`"arguments":"{\"zone\":\"CET\"}"`, `"finish_reason":"tool_calls"`, `"prompt_tokens":11,"completion_tokens":6`, "data: [DONE]\n\n",
	} {
		if strings.Count(got.String(), want) == 0 {
			t.Errorf("the client does not see %s in\n%s", want, got.String())
		}
	}
}

// A request of this dialect goes out as its client wrote it, with the client's
// headers, and its betas beside those of the configuration; so does one to count.
func TestAnthropicPassesMessages(t *testing.T) {
	t.Parallel()
	const body = `{ "model":"m","max_tokens":5,"metadata":{"user_id":"u"}, "tools":[{"type":"web_search_20250305","name":"web_search"}],"messages":[{"role":"user","content":"Hi"}]}`
	const sent = `{ "model":"claude-x","max_tokens":5, "tools":[{"type":"web_search_20250305","name":"web_search"}],"messages":[{"role":"user","content":"Hi"}]}`
	req, err := messages.Decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Headers = map[string]string{"Anthropic-Beta": "y-2,z-3", "Anthropic-Version": "2030-01-01"}
	for path, answer := range map[string]string{
		"/v1/messages?beta=true":              `{"type":"message","content":[],"usage":{"input_tokens":7}}`,
		"/v1/messages/count_tokens?beta=true": `{"input_tokens":7}`,
	} {
		stub := &anthropicStub{status: 200, contentType: "application/json", body: answer}
		p := anthropicAt(t, stub, "")
		do := p.Do
		if strings.Contains(path, "count") {
			do = p.(TokenCounter).CountTokens
		}
		var got *llm.Event
		_, err := do(t.Context(), "claude-x", req, func(e *llm.Event) error { got = e; return nil })
		if err != nil || got.Kind != llm.WholeEvent || got.Usage.Input != 7 || string(got.Body.Raw()) != answer {
			t.Errorf("%s: got %+v, %v", path, got, err)
		}
		if stub.path != path || stub.sent != sent || stub.got.Get("Anthropic-Beta") != "x-1,y-2,z-3" || stub.got.Get("Anthropic-Version") != "2030-01-01" {
			t.Errorf("asked at %s with %v:\n%s\nwant %s", stub.path, stub.got, stub.sent, sent)
		}
	}
}

func TestAnthropicFailures(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	stream, json := "text/event-stream", "application/json"
	tests := []struct {
		name     string
		stub     anthropicStub
		plain    bool
		code     sallyport.Code
		upstream int // status of an *llm.UpstreamError
		text     string
	}{
		{name: "error in mid-stream", stub: anthropicStub{status: 200, contentType: stream, body: anthropicStream + "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"hunter2\"}}\n\n"}, code: sallyport.UpstreamError, text: "Two words"},
		{name: "end before the end", stub: anthropicStub{status: 200, contentType: stream, body: anthropicStream}, code: sallyport.UpstreamClosed, text: "Two words"},
		{name: "garbage in mid-stream", stub: anthropicStub{status: 200, contentType: stream, body: anthropicStream + "data: hunter2\n\n"}, code: sallyport.UpstreamInvalid, text: "Two words"},
		{name: "no stream at all", stub: anthropicStub{status: 200, contentType: stream}, code: sallyport.UpstreamEmptyBody},
		{name: "a message where a stream was asked for", stub: anthropicStub{status: 200, contentType: json, body: `{"content":[]}`}, code: sallyport.UpstreamInvalid},
		{name: "an error where a stream was asked for", stub: anthropicStub{status: 200, contentType: json, body: `{"type":"error","error":{"type":"api_error","message":"hunter2"}}`}, code: sallyport.UpstreamError},
		{name: "status", stub: anthropicStub{status: 529, contentType: json, body: `{"type":"error"}`, header: map[string]string{"Retry-After": "3"}}, code: sallyport.Internal, upstream: 529},
		{name: "credential", stub: anthropicStub{status: 401, contentType: json, body: `{"hunter2":1}`}, code: sallyport.UpstreamAuth},
		{name: "empty", plain: true, stub: anthropicStub{status: 200, contentType: json}, code: sallyport.UpstreamEmptyBody},
		{name: "not JSON", plain: true, stub: anthropicStub{status: 200, contentType: json, body: secret}, code: sallyport.UpstreamInvalid},
		{name: "not a message", plain: true, stub: anthropicStub{status: 200, contentType: json, body: `{"choices":["hunter2"]}`}, code: sallyport.UpstreamInvalid},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			request := anthropicHi
			if test.plain {
				request = strings.Replace(request, `"stream":true,`, "", 1)
			}
			var heard offlineHeard
			receipt, err := anthropicAt(t, &test.stub, "").Do(t.Context(), "x", chatRequest(t, request), heard.take)
			if sallyport.CodeOf(err) != test.code || strings.Contains(err.Error(), secret) {
				t.Errorf("got %v, want %s", err, test.code)
			}
			var failed *llm.UpstreamError
			if errors.As(err, &failed) != (test.upstream != 0) || failed != nil && (failed.Status != test.upstream || failed.RetryAfter != "3") {
				t.Errorf("got %#v, want status %d", failed, test.upstream)
			}
			if heard.text != test.text || heard.done || receipt.Status != test.stub.status {
				t.Errorf("heard %+v with %+v", heard, receipt)
			}
		})
	}
}

// A request that cannot be said in this dialect is never sent.
func TestAnthropicRefusesBeforeSending(t *testing.T) {
	t.Parallel()
	stub := &anthropicStub{status: 200}
	receipt, err := anthropicAt(t, stub, "").Do(t.Context(), "x", chatRequest(t, `{"model":"m","temperature":2,"messages":[{"role":"user","content":"Hi"}]}`), new(offlineHeard).take)
	if sallyport.CodeOf(err) != sallyport.UnsupportedField || stub.sent != "" || receipt != (llm.Receipt{}) {
		t.Errorf("got %v with %+v after %q was sent", err, receipt, stub.sent)
	}
}

func TestAnthropicIsCancelled(t *testing.T) {
	t.Parallel()
	full := errors.New("full")
	tests := map[string]struct {
		sink func(context.CancelFunc) error
		want error
	}{
		"by its sink":    {func(context.CancelFunc) error { return full }, full},
		"by its context": {func(cancel context.CancelFunc) error { cancel(); return nil }, context.Canceled},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stub := &anthropicStub{status: 200, contentType: "text/event-stream", body: anthropicStream, gone: make(chan struct{})}
			_, err := anthropicAt(t, stub, "").Do(ctx, "x", chatRequest(t, anthropicHi), func(*llm.Event) error { return test.sink(cancel) })
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			<-stub.gone // the provider sees it
		})
	}
}
