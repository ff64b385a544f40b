package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/policy"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// Every string of an answer is judged, whatever its name: the client gets all of them.
func TestAnswerHidesInEveryField(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	hides := func(t *testing.T, body string) {
		t.Helper()
		if strings.Contains(body, awsKey) || !strings.Contains(body, "[REDACTED:") {
			t.Errorf("got %s", body)
		}
	}
	for _, message := range []string{
		`"content":"KEY"`,
		`"content":null,"reasoning_content":"KEY"`,
		`"content":null,"reasoning":"KEY"`,
		`"content":null,"reasoning_content":"KEY","reasoning":"KEY"`,
		`"content":null,"reasoning_details":[{"type":"reasoning.text","text":"KEY"}]`,
		`"content":null,"refusal":"KEY"`,
		`"content":"x","annotations":[{"type":"url_citation","url_citation":{"title":"KEY"}}]`,
		`"content":"x","audio":{"id":"a","transcript":"KEY"}`,
		`"content":"x","unknown":{"deep":["KEY"]}`,
		`"content":"x","unknown":{"detail":"KEY","model":"KEY"}`,
		`"content":[{"type":"text","text":"KEY"}]`,
		`"content":[{"type":"other","text":"a","more":"KEY"}]`,
		`"content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\":\"KEY\"}"}}]`,
		`"content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"KEY","arguments":"{}"}}]`,
		`"content":null,"tool_calls":[{"id":"1","type":"custom","custom":{"name":"f","input":"KEY"}}]`,
		`"content":null,"function_call":{"name":"f","arguments":"{\"a\":\"KEY\"}"}`,
	} {
		t.Run(message, func(t *testing.T) {
			said := strings.ReplaceAll(message, "KEY", awsKey)
			h.Fake.Queue(providertest.Answer{Body: `{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant",` + said + `},"finish_reason":"stop"}]}`})
			hides(t, h.Chat(t, h.Home.User.Key, chatBody(false, "hello", "")).Body)
			h.Fake.Queue(providertest.Answer{Frames: []string{
				frame(`{"index":0,"delta":{"role":"assistant",` + said + `},"finish_reason":null}`),
				frame(`{"index":0,"delta":{},"finish_reason":"stop"}`), done,
			}})
			hides(t, h.Chat(t, h.Home.User.Key, chatBody(true, "hello", "")).Body)
		})
	}
	t.Run("beside the choices", func(t *testing.T) {
		h.Fake.Queue(providertest.Answer{Body: `{"id":"1","citations":["see ` + awsKey + `"],"choices":[]}`})
		hides(t, h.Chat(t, h.Home.User.Key, chatBody(false, "hello", "")).Body)
	})
	t.Run("error body", func(t *testing.T) {
		h.Fake.Queue(providertest.Answer{Status: 400, Body: `{"error":{"message":"you sent ` + awsKey + `"}}`})
		hides(t, h.Chat(t, h.Home.User.Key, chatBody(false, "hello", "")).Body)
	})
}

// The name of an identifier at another place is no cover, neither for a request
// nor for an answer; nor is a text that only some providers stream.
func TestNoCover(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	for _, message := range []string{
		`{"role":"user","content":"x","unknown":{"detail":"KEY"}}`,
		`{"role":"user","content":"x","unknown":{"model":"KEY","id":["KEY"]}}`,
		`{"role":"user","content":"x","format":"KEY"}`,
	} {
		h.Chat(t, h.Home.User.Key, `{"model":"`+servertest.Model+`","messages":[`+strings.ReplaceAll(message, "KEY", awsKey)+`]}`)
		requests := h.Fake.Requests()
		if sent := string(requests[len(requests)-1].Body); strings.Contains(sent, awsKey) {
			t.Errorf("the provider was sent %s", sent)
		}
	}
	for _, delta := range []string{
		`"reasoning_content":"a","reasoning":"PIECE"`,
		`"reasoning_details":[{"type":"reasoning.text","index":0,"text":"PIECE"}]`,
		`"tool_calls":[{"index":0,"type":"custom","custom":{"input":"PIECE"}}]`,
	} {
		frames := []string{frame(`{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}`)}
		for _, piece := range []string{"it is ", awsKey[:6], awsKey[6:13], awsKey[13:], " now"} {
			frames = append(frames, frame(`{"index":0,"delta":{`+strings.ReplaceAll(delta, "PIECE", piece)+`},"finish_reason":null}`))
		}
		h.Fake.Queue(providertest.Answer{Frames: append(frames, frame(`{"index":0,"delta":{},"finish_reason":"stop"}`), done)})
		if got := h.Chat(t, h.Home.User.Key, chatBody(true, "hello", "")).Body; strings.Contains(got, awsKey[6:13]) || !strings.Contains(got, "[REDACTED:") {
			t.Errorf("%s: got %s", delta, got)
		}
	}
}

// A value that DLP replaced on the way out comes back in the provider's error text.
func TestErrorBodyIsRestored(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	token := placeholderOf(t, h, email)
	h.Fake.Queue(providertest.Answer{Status: 422, Body: `{"odd":  "` + token + `" }`})
	a := h.Chat(t, h.Home.User.Key, chatBody(false, "Mail "+email, ""))
	if want := `{"odd":  "` + email + `" }`; a.Status != 422 || a.Body != want {
		t.Errorf("got %d %s, want %s", a.Status, a.Body, want)
	}
}

// What the provider receives is what the client sent, byte for byte, but for the
// exceptions that are documented.
func TestRequestBytes(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	const messages = `"messages" : [ {"role":"user","content":"hi \u00e9 \/ \ud83d\ude00"} ]`
	for _, tt := range []struct{ name, sent, want string }{
		{"nothing but the model", `{"model":"mock-large",` + messages + `}`, `{"model":"target-large",` + messages + `}`},
		{"odd whitespace", "\n{ \"model\"\t:\r\n \"mock-large\" ,  " + messages + " }\n\n", "\n{ \"model\"\t:\r\n \"target-large\" ,  " + messages + " }\n\n"},
		{
			"numbers and unknown fields",
			`{"model":"mock-large","seed":123456789012345678901234567890,"temperature":1.50e-0,"x":{"y":[1E5,-0.0,null]},` + messages + `}`,
			`{"model":"target-large","seed":123456789012345678901234567890,"temperature":1.50e-0,"x":{"y":[1E5,-0.0,null]},` + messages + `}`,
		},
		{
			"removed first", `{"metadata":{"a":1},"model":"mock-large",` + messages + `}`,
			`{"model":"target-large",` + messages + `}`,
		},
		{
			"removed in the middle and at the end",
			`{"model":"mock-large", "litellm_metadata":[1] , ` + messages + `, "proxy_server_request":{}, "metadata":null }`,
			`{"model":"target-large" , ` + messages + ` }`,
		},
		{
			"kept deeper", `{"model":"mock-large",` + messages + `,"x":{"metadata":{"a":1}}}`,
			`{"model":"target-large",` + messages + `,"x":{"metadata":{"a":1}}}`,
		},
		{
			"a stream", `{"model":"mock-large","stream":true,` + messages + `}`,
			`{"model":"target-large","stream":true,` + messages + `,"stream_options":{"include_usage":true}}`,
		},
		{
			"a stream with options", `{"model":"mock-large","stream":true,"stream_options": { "x":1 },` + messages + `}`,
			`{"model":"target-large","stream":true,"stream_options": { "x":1 ,"include_usage":true},` + messages + `}`,
		},
		{
			"a stream that wants no usage", `{"stream_options":{"include_usage" : false},"stream":true,"model":"mock-large",` + messages + `}`,
			`{"stream_options":{"include_usage" : true},"stream":true,"model":"target-large",` + messages + `}`,
		},
		{
			"a lone surrogate", `{"model":"mock-large","messages":[{"role":"user","content":"a \ud800 b"}]}`,
			`{"model":"target-large","messages":[{"role":"user","content":"a \ud800 b"}]}`,
		},
		{
			"an escaped name of a field", `{"\u006dodel":"mock\u002dlarge",` + messages + `}`,
			`{"\u006dodel":"target-large",` + messages + `}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := len(h.Fake.Requests())
			if a := h.Chat(t, h.Home.User.Key, tt.sent); a.Status != http.StatusOK {
				t.Fatalf("got %d %s", a.Status, a.Body)
			}
			requests := h.Fake.Requests()
			if len(requests) != asked+1 {
				t.Fatalf("the provider was asked %d times", len(requests)-asked)
			}
			if got := string(requests[asked].Body); squeeze(got) != squeeze(tt.want) || tt.name != "removed in the middle and at the end" && got != tt.want {
				t.Errorf("the provider got\n%s\nwant\n%s", got, tt.want)
			}
			header := requests[asked].Header
			if got := header.Get("Authorization"); got != "Bearer upstream-key" {
				t.Errorf("the provider was asked with %q", got)
			}
			for name, values := range header {
				if strings.Contains(strings.Join(values, " "), h.Home.User.Key) {
					t.Errorf("the client's key went to the provider in %s", name)
				}
			}
		})
	}
}

// squeeze leaves out blanks: which of those around a removed field go with it is open.
func squeeze(text string) string { return strings.ReplaceAll(text, " ", "") }

// What the provider answers reaches the client byte for byte.
func TestAnswerBytes(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	t.Run("plain", func(t *testing.T) {
		body := "{ \"id\" :\t\"x\", \"choices\":[ {\"message\":{\"content\":\"a\\u00e9 \\ud800\"},\"n\":12345678901234567890.10} ],\n \"unknown\":{} ,\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1} }\n"
		h.Fake.Queue(providertest.Answer{Body: body})
		a := h.Chat(t, h.Home.User.Key, chatBody(false, "hello", ""))
		if a.Body != body || a.Header.Get("Content-Type") != "application/json" {
			t.Errorf("got %q with %v, want %q", a.Body, a.Header, body)
		}
	})
	t.Run("stream", func(t *testing.T) {
		frames := []string{
			"data: { \"id\":\"1\" , \"choices\":[{\"delta\":{\"content\":\"a \"}}],\"odd\":[1.0, 2e3] }\n\n",
			"data: {\"id\":\"1\",\"choices\":[{\"delta\":{\"content\":\"\\u00e9 \\/ \"},\"finish_reason\":\"stop\"}]}\n\n", done,
		}
		h.Fake.Queue(providertest.Answer{Frames: frames})
		a := h.Chat(t, h.Home.User.Key, chatBody(true, "hello", ""))
		if want := strings.Join(frames, ""); a.Body != want {
			t.Errorf("got %q, want %q", a.Body, want)
		}
		if h := a.Header; h.Get("Content-Type") != "text/event-stream" || h.Get("X-Accel-Buffering") != "no" || h.Get("Cache-Control") != "no-cache" {
			t.Errorf("the headers are %v", h)
		}
	})
	for _, stream := range []bool{false, true} {
		body := " {\"odd\": [1,2]}\n"
		header := map[string]string{"Content-Type": "text/odd", "Retry-After": "7", "Retry-After-Ms": "6500", "X-Should-Retry": "false"}
		h.Fake.Queue(providertest.Answer{Status: 418, Body: body, Header: header})
		a := h.Chat(t, h.Home.User.Key, chatBody(stream, "hello", ""))
		for name, want := range header {
			if got := a.Header.Get(name); got != want {
				t.Errorf("stream %t: the header %s is %q, want %q", stream, name, got, want)
			}
		}
		if a.Status != 418 || a.Body != body {
			t.Errorf("stream %t: got %d %q with %v", stream, a.Status, a.Body, a.Header)
		}
	}
}

// The bounds of a body, and what strict reading refuses. Nothing of it reaches a
// provider, and each refusal is in the trail.
func TestBodyIsReadStrictly(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{Limits: off()})
	nested := func(depth int) string { // the body itself is one deep
		return `{"model":"mock-large","messages":[{"role":"user","content":"x"}],"x":` +
			strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`
	}
	const rest = `"messages":[{"role":"user","content":"x"}]}`
	for _, tt := range []struct {
		name, body string
		ok         bool
	}{
		{"64 deep", nested(64), true},
		{"65 deep", nested(65), false},
		{"10,000 deep", nested(10_000), false},
		{"10,000 deep, open", strings.Repeat(`{"a":`, 10_000), false},
		{"a number of 8 MB", `{"model":"mock-large","seed":` + strings.Repeat("9", 8<<20) + `.` + `,` + rest, false},
		{"a million keys", `{"model":"mock-large","x":{` + manyKeys(1_000_000) + `},` + rest, false},
		{"duplicate key", `{"model":"mock-large","model":"mock-large",` + rest, false},
		{"duplicate key, escaped", `{"model":"mock-large","\u006dodel":"mock-large",` + rest, false},
		{"duplicate key, deep", `{"model":"mock-large","x":{"a":1,"a":2},` + rest, false},
		{"case twin", `{"model":"mock-large","Model":"other",` + rest, false},
		{"case twin alone", `{"Model":"mock-large",` + rest, false},
		{"case twin by folding", `{"model":"mock-large","me\u017f\u017fages":[],` + rest, false},
		{"case twin of a removed field", `{"model":"mock-large","METADATA":1,` + rest, false},
		{"trailing data", `{"model":"mock-large",` + rest + `{}`, false},
		{"trailing blanks", `{"model":"mock-large",` + rest + " \n", true},
		{"byte order mark", "\ufeff" + `{"model":"mock-large",` + rest, false},
		{"NaN", `{"model":"mock-large","temperature":NaN,` + rest, false},
		{"leading zero", `{"model":"mock-large","seed":01,` + rest, false},
		{"UTF-16", "{\x00\"\x00m\x00", false},
		{"invalid UTF-8", `{"model":"mock-large","x":"` + "\xff" + `",` + rest, false},
		{"control character", `{"model":"mock-large","x":"` + "\x01" + `",` + rest, false},
		{"lone surrogate", `{"model":"mock-large","x":"\ud800",` + rest, true},
		{"empty", ``, false},
		{"null", `null`, false},
		{"array", `[]`, false},
		{"comment", `{"model":"mock-large",/* */` + rest, false},
		{"redirect", `{"model":"mock-large","api_base":"https://example.com",` + rest, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mark, asked := h.Mark(t, h.Home.ID), len(h.Fake.Requests())
			a := h.Chat(t, h.Home.User.Key, tt.body)
			if tt.ok {
				if a.Status != http.StatusOK || len(h.Fake.Requests()) != asked+1 {
					t.Errorf("got %d %s", a.Status, a.Body)
				}
				return
			}
			if a.Status != http.StatusBadRequest || !strings.Contains(a.Body, `"type":"invalid_request_error","code":"invalid_body"`) {
				t.Errorf("got %d %s", a.Status, a.Body)
			}
			if len(h.Fake.Requests()) != asked {
				t.Error("the provider was asked")
			}
			wantRefusal(t, h.Records(t, h.Home.ID, mark), sallyport.InvalidBody, http.StatusBadRequest)
		})
	}
}

// manyKeys are the members of an object, all different.
func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"k%d":0,`, i)
	}
	return b.String() + `"last":0`
}

// off has no DLP.
func off() policy.Defaults {
	p := dlp.DefaultPolicy()
	p.Mode = dlp.Off
	return policy.Defaults{DLP: p}
}
