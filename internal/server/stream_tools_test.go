package server_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// The arguments of tools are texts of their own: nothing hidden leaves in them,
// and values come back only for tools that the organisation trusts.
func TestStreamOfToolCalls(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	token := placeholderOf(t, h, email)
	arguments := `{"to":"` + token + `","key":"` + githubKey + `","n":1}`
	check := func(t *testing.T, to string) {
		t.Helper()
		for _, pieces := range splits(arguments) {
			h.Fake.Queue(providertest.Answer{Frames: toolFrames(pieces)})
			got := readStream(t, h.Chat(t, h.Home.User.Key, chatBody(true, "Mail "+email, "")).Body)
			got.whole(t, 1, "tool_calls")
			got.hides(t, awsKey, githubKey)
			if typed(got.text[0]) != "Calling [REDACTED]" {
				t.Errorf("the text is %q", got.text[0])
			}
			if want := []string{"call_1 send", "call_2 look"}; !slices.Equal(got.tools, want) {
				t.Errorf("the tool calls are %q, want %q", got.tools, want)
			}
			if want := `{"to":"` + to + `","key":"[REDACTED]","n":1}`; typed(got.args[0]) != want {
				t.Errorf("cut as %q: the arguments are %s, want %s", pieces, got.args[0], want)
			}
			if want := `{"q":"plain \u00e9"}`; got.args[1] != want {
				t.Errorf("the other arguments are %s, want %s", got.args[1], want)
			}
			if t.Failed() {
				return
			}
		}
	}
	t.Run("untrusted tool", func(t *testing.T) { check(t, token) })
	t.Run("trusted tool", func(t *testing.T) {
		setPolicy(t, h, func(p *dlp.Policy) { p.TrustedTools = []string{"send"} })
		check(t, email)
	})
}

// A tool call begins once, also when the event that began it has to be sent
// again with the rest of its arguments.
func TestToolCallBeginsOnce(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	const arguments = `{"a":"AKIA`
	h.Fake.Queue(providertest.Answer{Frames: []string{
		frame(`{"index":0,"delta":{"role":"assistant","tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"send","arguments":` + quoted(arguments) + `}}]},"finish_reason":null}`),
		frame(`{"index":0,"delta":{},"finish_reason":"length"}`), done,
	}})
	got := readStream(t, h.Chat(t, h.Home.User.Key, chatBody(true, "hello", "")).Body)
	got.whole(t, 1, "length")
	if !slices.Equal(got.tools, []string{"call_1 send"}) || got.args[0] != arguments || len(got.chunks) != 3 {
		t.Errorf("got the calls %q with %q in %d chunks, want one call and what was held in a chunk of its own", got.tools, got.args[0], len(got.chunks))
	}
}

// toolFrames is a text with a key in it, then two tool calls whose arguments
// come by turns.
func toolFrames(pieces []string) []string {
	frames := []string{
		frame(`{"index":0,"delta":{"role":"assistant","content":"Calling ` + awsKey[:7] + `"},"finish_reason":null}`),
		frame(`{"index":0,"delta":{"content":"` + awsKey[7:] + `"},"finish_reason":null}`),
		frame(`{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"send","arguments":""}}]},"finish_reason":null}`),
		frame(`{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_2","type":"function","function":{"name":"look","arguments":"{\"q\":"}}]},"finish_reason":null}`),
	}
	for _, piece := range pieces {
		frames = append(frames, frame(`{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":`+quoted(piece)+`}}]},"finish_reason":null}`))
	}
	return append(frames,
		frame(`{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":`+quoted(`"plain \u00e9"}`)+`}}]},"finish_reason":null}`),
		frame(`{"index":0,"delta":{},"finish_reason":"tool_calls"}`), done)
}

func quoted(text string) string {
	body, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(body)
}

// Claude streams a call of a tool that takes nothing without arguments. Clients of the other
// dialects read them as JSON, and get an empty object; Claude's own get what came.
func TestStreamToolWithoutArguments(t *testing.T) {
	t.Parallel()
	const frames = `event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"usage":{"input_tokens":3,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"now","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":""}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":7}}

event: message_stop
data: {"type":"message_stop"}

`
	call := frames[strings.Index(frames, "event: content_block_start"):strings.Index(frames, "event: message_delta")]
	h := servertest.New(t, servertest.Options{})
	for path, tt := range map[string]struct{ rest, want string }{
		"/v1/chat/completions": {`"messages":[{"role":"user","content":"q"}],"tools":[{"type":"function","function":{"name":"now"}}]`, `"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]`},
		"/v1/responses":        {`"input":"q","tools":[{"type":"function","name":"now","parameters":null,"strict":false}]`, `"name":"now","arguments":"{}"`},
		"/v1/messages":         {`"max_tokens":9,"messages":[{"role":"user","content":"q"}],"tools":[{"name":"now","input_schema":{"type":"object"}}]`, call},
	} {
		t.Run(path, func(t *testing.T) {
			h.Fake.Queue(providertest.Answer{Frames: []string{frames}})
			body := `{"model":"` + servertest.Claude + `","stream":true,` + tt.rest + `}`
			a := h.Call(t, h.Home.User.Key, http.MethodPost, path, body)
			if a.Status != http.StatusOK || !strings.Contains(a.Body, tt.want) {
				t.Errorf("got %d %s, want in it %s", a.Status, a.Body, tt.want)
			}
			// Where the model came no further than the tool's name, they are missing.
			h.Fake.Queue(providertest.Answer{Frames: []string{strings.Replace(frames, `"stop_reason":"tool_use"`, `"stop_reason":"max_tokens"`, 1)}})
			a = h.Call(t, h.Home.User.Key, http.MethodPost, path, body)
			if a.Status != http.StatusOK || !strings.Contains(a.Body, `"name":"now"`) || path != "/v1/messages" && strings.Contains(a.Body, `"{}"`) {
				t.Errorf("of a call that was cut off: got %d %s", a.Status, a.Body)
			}
		})
	}
}
