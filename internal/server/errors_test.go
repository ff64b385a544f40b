package server

import (
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat/chattest"
	"github.com/sallyport-ai/sallyport/internal/dialect/completions/completionstest"
	"github.com/sallyport-ai/sallyport/internal/dialect/messages/messagestest"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses/responsestest"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/gateway"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/provider"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
)

// failureClient is a client of a dialect that is told of a failure.
type failureClient struct {
	dialect clientDialect
	ask     string // for a stream
	// body reads an error in place of an answer, and stream a stream that may end with one.
	body   func(body string) (string, error)
	stream func(stream string) (code string, err error)
}

var failureClients = map[string]failureClient{
	"chat": {
		chatDialect, `{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}`, chattest.Error,
		func(stream string) (string, error) { s, err := chattest.Read(stream); return s.Error, err },
	},
	"completions": {
		completionsDialect, `{"model":"m","stream":true,"prompt":"Hi"}`, chattest.Error,
		func(stream string) (string, error) { s, err := completionstest.Read(stream); return s.Error, err },
	},
	"messages": {
		messagesDialect, `{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}`, messagestest.Error,
		func(stream string) (string, error) { s, err := messagestest.Read(stream); return s.Error, err },
	},
	"responses": {
		responsesDialect, `{"model":"m","stream":true,"input":"Hi"}`, chattest.Error,
		func(stream string) (string, error) { s, err := responsestest.Read(stream); return s.Error, err },
	},
}

// flat are errors that have no shape of a dialect, for the documented API has them so:
// by their code and then by dialect.
var flat = map[sallyport.Code]map[string]bool{
	sallyport.Unauthorized: {"chat": true, "completions": true, "responses": true},
	sallyport.BodyTooLarge: {"chat": true, "completions": true, "responses": true, "messages": true},
}

// told is the body of the answer to who is refused with err.
func told(sur surface, err error) string {
	w := httptest.NewRecorder()
	sur.writeError(w, err)
	return w.Body.String()
}

// Every error of ours has in each dialect the shape of its API.
func TestErrorShapes(t *testing.T) {
	t.Parallel()
	for name, c := range failureClients {
		for code := range meanings {
			if code == sallyport.ClientClosed {
				continue // nobody is there to see it
			}
			body := told(c.dialect.surface, sallyport.NewError(code, "No."))
			if _, err := c.body(body); (err != nil) != flat[code][name] {
				t.Errorf("%s, %s: %v in %s; flat is %v", name, code, err, body, flat[code][name])
			}
		}
	}
}

// Every error that ends a stream has in each dialect the shape of its API, and its place.
func TestStreamErrorShapes(t *testing.T) {
	t.Parallel()
	said, err := llm.Parse([]byte(`"Hal"`))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range failureClients {
		for code := range meanings {
			// The provider's stream begins before its answer does.
			for _, deltas := range [][]llm.Delta{nil, {{Kind: llm.TextDelta, Text: said.Root()}}} {
				if code == sallyport.ClientClosed {
					continue // nobody is there to see it
				}
				req, err := c.dialect.decode([]byte(c.ask))
				if err != nil {
					t.Fatal(err)
				}
				w := httptest.NewRecorder()
				r := &request{Request: httptest.NewRequest("POST", "/", nil), call: &gateway.Call{Call: sallyport.Call{Stream: true}}}
				a := newAnswer(w, r, c.dialect.encoder(req, time.Unix(1, 0)))
				if err := a.push(&llm.Event{Kind: llm.ChunkEvent, Deltas: deltas}); err != nil {
					t.Fatal(err)
				}
				a.fail(sallyport.NewError(code, "No."))
				stream := w.Body.String()
				if code == sallyport.AuditUnavailable && (name == "chat" || name == "completions") {
					stream += wire.Done // no mark of a whole stream
				}
				if got, err := c.stream(stream); err != nil || got == "" {
					t.Errorf("%s, %s: %q, %v in\n%s", name, code, got, err, stream)
				}
			}
		}
	}
}

// What a provider refuses is told to a client of another dialect by the type and the code
// that its status has in OpenAI's shape.
func TestRefusalKinds(t *testing.T) {
	t.Parallel()
	for status, kind := range map[int]string{
		400: "invalid_request_error", 404: "not_found_error", 413: "invalid_request_error", 422: "invalid_request_error",
		429: "rate_limit_error", 500: "server_error", 503: "server_error", 529: "server_error",
	} {
		want := `{"error":{"message":"No.","type":"` + kind + `","code":"upstream_error","param":null}}`
		refused := &llm.UpstreamError{Dialect: llm.Messages, Status: status, Body: []byte(`{"error":{"message":"No."}}`)}
		if got := told(chatSurface, refused); got != want {
			t.Errorf("%d: got %s, want %s", status, got, want)
		}
	}
}

// habit is how the errors of a kind of provider, which are passed to clients of OpenAI's
// dialects as they came, are not as OpenAI's description has them.
type habit struct {
	kind     string
	refusals []string
	why      string
}

// habits are all of them. One that is not needed any more fails the test.
var habits = []habit{
	{"azure", []string{"404", "429"}, "what stands before the models tells no type"},
	{"azure", []string{"refusal-of-the-prompt"}, "its filter has null as type"},
	{"gemini-openai", []string{"400", "404", "429", "500", "overloaded"}, "a list around Google's own error"},
	{"groq", []string{"400", "404", "429", "500", "overloaded"}, "no param"},
	{"mistral", []string{"400", "404", "429", "500", "overloaded"}, "no object around it"},
	{"openrouter", []string{"400", "404", "429", "500", "overloaded"}, "the status as code, and no type"},
	{"vllm", []string{"400", "404", "500", "overloaded"}, "the status as code"},
	{"xai", []string{"400", "404", "429", "500", "overloaded"}, "error is a text"},
}

// What providers refuse is told in each dialect in the shape of its API.
func TestRefusalShapes(t *testing.T) {
	t.Parallel()
	needed := make(map[string]bool)
	for _, kind := range provider.Types() {
		if kind == "offline" {
			continue // see TestErrorShapes and its own script
		}
		refusals := 0
		for _, r := range providertest.ReadRecordings(t, "../provider/testdata/recordings", kind).All() {
			if r.Succeeds(t) {
				continue
			}
			refusals++
			p := r.Play(t, func(t *testing.T, cfg provider.Config) provider.Provider {
				cfg.Type = kind
				p, err := provider.New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				return p
			})
			_, failed := p.Do(t.Context(), r.Target, r.Request(t), func(*llm.Event) error { return errors.New("it answers") })
			for name, c := range failureClients {
				body := told(c.dialect.surface, failed)
				_, err := c.body(body)
				if foreign := name == "messages"; err != nil && (foreign || !inHabit(kind, r.Name)) || foreign && strings.Contains(body, "The provider refused the call.") {
					t.Errorf("%s, %s to %s: %v in %s", kind, r.Name, name, err, body)
				}
				if err != nil {
					needed[kind+"/"+r.Name] = true
				}
			}
		}
		if refusals == 0 {
			t.Errorf("no refusal of %s is recorded", kind)
		}
	}
	for _, h := range habits {
		for _, name := range h.refusals {
			if !needed[h.kind+"/"+name] {
				t.Errorf("%s of %s is as described, and the habit is told: %s", name, h.kind, h.why)
			}
		}
	}
}

func inHabit(kind, refusal string) bool {
	return slices.ContainsFunc(habits, func(h habit) bool { return h.kind == kind && slices.Contains(h.refusals, refusal) })
}
