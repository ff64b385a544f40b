package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

func embed(t *testing.T, h *servertest.House, model, rest string) servertest.Answer {
	t.Helper()
	return h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/embeddings", `{"model":"`+model+`",`+rest+`}`)
}

const vectors = `{ "object":"list","data":[{"object":"embedding","index":0,"embedding":"AACAPwAAAEA="},{"object":"embedding","index":1,"embedding":[0.25,-1e-3]}],"model":"theirs","usage":{"prompt_tokens":7,"total_tokens":7}}`

// Texts go out and vectors come back as they are, but for what policy hides; the
// charge is what the provider counted.
func TestEmbeddings(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	h.Fake.Queue(providertest.Answer{Body: vectors})
	a := embed(t, h, servertest.Model, `"input":["one \u00e9","mail ann@example.test"],"dimensions":256,"encoding_format":"base64","metadata":{"a":"b"},"extra":1`)
	if a.Status != http.StatusOK || a.Body != vectors {
		t.Fatalf("got %d %s", a.Status, a.Body)
	}
	got := lastRequest(h)
	if got.Path != "/v1/embeddings" || strings.Contains(string(got.Body), "ann@") || strings.Contains(string(got.Body), "metadata") ||
		!strings.HasPrefix(string(got.Body), `{"model":"target-large","input":["one \u00e9","mail `) || !strings.HasSuffix(string(got.Body), `"encoding_format":"base64","extra":1}`) {
		t.Errorf("the provider got %s at %s", got.Body, got.Path)
	}
	records := h.Records(t, h.Home.ID, 0)
	last := records[len(records)-1]
	if last.Action != "embeddings" || last.Outcome != sallyport.OutcomeSuccess || last.Tokens == nil || last.Tokens.Input != 7 || last.Tokens.Output != 0 || last.Cost.Charge == 0 || last.Cost.Overrun {
		t.Errorf("the trail tells %+v with %+v and %+v", last, last.Tokens, last.Cost)
	}
	if _, held := h.Balance(t, h.Home.ID); held != 0 {
		t.Errorf("%s credits stay held", held)
	}
}

func TestEmbeddingsRefused(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	for name, tt := range map[string]struct {
		model, rest, want string
	}{
		"no input":                    {servertest.Model, `"dimensions":2`, "invalid_body"},
		"an empty text":               {servertest.Model, `"input":["a",""]`, "invalid_body"},
		"no texts":                    {servertest.Model, `"input":[]`, "invalid_body"},
		"texts and tokens":            {servertest.Model, `"input":["a",1]`, "invalid_body"},
		"numbers that are no ids":     {servertest.Model, `"input":[1.5]`, "invalid_body"},
		"a format":                    {servertest.Model, `"input":"a","encoding_format":"int8"`, "invalid_body"},
		"dimensions":                  {servertest.Model, `"input":"a","dimensions":0`, "invalid_body"},
		"another case":                {servertest.Model, `"input":"a","Input":"b"`, "invalid_body"},
		"a field of answers":          {servertest.Model, `"input":"a","object":"4111111111111111"`, "invalid_body"},
		"a list of answers":           {servertest.Model, `"input":"a","data":{"embedding":"4111111111111111"}`, "invalid_body"},
		"where it is sent":            {servertest.Model, `"input":"a","api_base":"http://example.test"`, "invalid_body"},
		"tokens, which nobody reads":  {servertest.Model, `"input":[[17,42]]`, "dlp_blocked"},
		"who has none":                {servertest.Claude, `"input":"a"`, "unsupported_parameter"},
		"a model that does not exist": {"nobody's", `"input":"a"`, "model_not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			if a := embed(t, h, tt.model, tt.rest); a.Status != http.StatusBadRequest || !strings.Contains(a.Body, `"code":"`+tt.want+`"`) {
				t.Errorf("got %d %s, want %s", a.Status, a.Body, tt.want)
			}
		})
	}
	if n := len(h.Fake.Requests()); n != 0 {
		t.Errorf("the provider was asked %d times", n)
	}
}
