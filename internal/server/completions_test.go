package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

func complete(t *testing.T, h *servertest.House, model, rest string) servertest.Answer {
	t.Helper()
	return h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/completions", `{"model":"`+model+`",`+rest+`}`)
}

// A prompt is one message to a chat model, and its answer the text that completes it.
func TestCompletions(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	for _, model := range []string{servertest.Model, servertest.Claude} {
		h.Fake.Queue(providertest.Answer{Thinking: "hm", Text: "four five"}, providertest.Answer{Text: "four five", Finish: "length"})
		a := complete(t, h, model, `"prompt":["one two three"],"max_tokens":9,"temperature":0.5,"stop":["\nEND"],"echo":false,"best_of":1`)
		if a.Status != http.StatusOK || !strings.Contains(a.Body, `"object":"text_completion"`) || !strings.Contains(a.Body, `"id":"cmpl-`) ||
			!strings.Contains(a.Body, `"choices":[{"text":"four five","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}`) {
			t.Errorf("%s: got %d %s", model, a.Status, a.Body)
		}
		if r := lastRequest(h); r.LastUser != "one two three" || !strings.Contains(string(r.Body), `"max_tokens":9`) && !strings.Contains(string(r.Body), `"max_completion_tokens":9`) {
			t.Errorf("%s: the provider got %s", model, r.Body)
		}
		a = complete(t, h, model, `"prompt":"one two three","stream":true,"stream_options":{"include_usage":true}`)
		for _, want := range []string{
			`"choices":[{"text":"four ","index":0,"logprobs":null,"finish_reason":null}]}`, `"choices":[{"text":"five","index":0,"logprobs":null,"finish_reason":null}]}`,
			`"choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"length"}]}`, `"choices":[],"usage":{`, "data: [DONE]\n\n",
		} {
			if !strings.Contains(a.Body, want) {
				t.Errorf("%s: got %s, want %s in it", model, a.Body, want)
			}
		}
	}
}

func TestCompletionsRefused(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	for name, tt := range map[string]struct{ rest, want string }{
		"no prompt":       {`"n":1`, "invalid_body"},
		"several prompts": {`"prompt":["a","b"]`, "unsupported_parameter"},
		"tokens":          {`"prompt":[1,2]`, "unsupported_parameter"},
		"a suffix":        {`"prompt":"a","suffix":"b"`, "unsupported_parameter"},
		"an echo":         {`"prompt":"a","echo":true`, "unsupported_parameter"},
		"probabilities":   {`"prompt":"a","logprobs":3`, "unsupported_parameter"},
		"an unknown wish": {`"prompt":"a","magic":true`, "unsupported_parameter"},
		"a bound":         {`"prompt":"a","max_tokens":0`, "invalid_body"},
		"another case":    {`"prompt":"a","Prompt":"b"`, "unsupported_parameter"},
	} {
		t.Run(name, func(t *testing.T) {
			if a := complete(t, h, servertest.Model, tt.rest); a.Status != http.StatusBadRequest || !strings.Contains(a.Body, `"code":"`+tt.want+`"`) {
				t.Errorf("got %d %s, want %s", a.Status, a.Body, tt.want)
			}
		})
	}
	if n := len(h.Fake.Requests()); n != 0 {
		t.Errorf("the provider was asked %d times", n)
	}
	// A failure on the way is told as in chat.
	h.Fake.Queue(providertest.Answer{Text: "a b c", Fault: providertest.Close, After: 1})
	if a := complete(t, h, servertest.Model, `"prompt":"a","stream":true`); !strings.Contains(a.Body, "event: error\ndata: {\"error\":{") || !strings.HasSuffix(a.Body, "data: [DONE]\n\n") {
		t.Errorf("got %s", a.Body)
	}
}

// Where a provider gives one answer, several are refused and not one given for them.
func TestCompletionsChoices(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	a := complete(t, h, servertest.Claude, `"prompt":"a","n":2`)
	if a.Status != http.StatusBadRequest || !strings.Contains(a.Body, "unsupported_parameter") || len(h.Fake.Requests()) != 0 {
		t.Errorf("got %d %s after %d requests", a.Status, a.Body, len(h.Fake.Requests()))
	}
	if a = complete(t, h, servertest.Model, `"prompt":"a","n":2`); a.Status != http.StatusOK || strings.Count(a.Body, `"index":`) != 2 {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
}
