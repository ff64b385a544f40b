package provider

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// greeting is a chat request with one message.
func greeting(t *testing.T, stream bool) *llm.Request {
	t.Helper()
	req, err := chat.Decode(fmt.Appendf(nil, `{"model":"m","stream":%v,"messages":[{"role":"user","content":"hello"}]}`, stream))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func ignore(*llm.Event) error { return nil }

const geminiAnswer = `{"candidates":[{"content":{"parts":[{"text":"hi"}]},"finishReason":"STOP"}]}`

func TestGeminiAddresses(t *testing.T) {
	t.Parallel()
	for target, path := range map[string]string{
		"gemini-2.5-pro":        "/v1beta/models/gemini-2.5-pro:generateContent?a=b",
		"models/gemini-2.5-pro": "/v1beta/models/gemini-2.5-pro:generateContent?a=b",
		"tunedModels/mine":      "/v1beta/tunedModels/mine:generateContent?a=b",
		"../../evil?x":          "/v1beta/models/..%2F..%2Fevil%3Fx:generateContent?a=b",
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			stub := &anthropicStub{status: 200, contentType: "application/json", body: geminiAnswer}
			server := httptest.NewServer(stub)
			t.Cleanup(server.Close)
			p, err := New(Config{
				Name: "g", Type: "gemini", BaseURL: server.URL + "/v1beta", APIKey: "g-key", AllowPrivate: true,
				Query: map[string]string{"a": "b"},
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Do(t.Context(), target, greeting(t, false), ignore); err != nil {
				t.Fatal(err)
			}
			if stub.path != path || stub.got.Get("X-Goog-Api-Key") != "g-key" || stub.got.Get("Authorization") != "" {
				t.Errorf("asked %s with %v, want %s", stub.path, stub.got, path)
			}
		})
	}
}

func TestGeminiStreamAddress(t *testing.T) {
	t.Parallel()
	stub := &anthropicStub{status: 200, contentType: "text/event-stream", body: "data: " + geminiAnswer + "\r\n\r\n"}
	server := httptest.NewServer(stub)
	t.Cleanup(server.Close)
	p, err := New(Config{Name: "g", Type: "gemini", BaseURL: server.URL, APIKey: "g-key", AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []llm.EventKind
	_, err = p.Do(t.Context(), "m", greeting(t, true), func(e *llm.Event) error {
		kinds = append(kinds, e.Kind)
		return nil
	})
	if err != nil || fmt.Sprint(kinds) != fmt.Sprint([]llm.EventKind{llm.ChunkEvent, llm.DoneEvent}) {
		t.Errorf("got events %v, %v", kinds, err)
	}
	if stub.path != "/models/m:streamGenerateContent?alt=sse" {
		t.Errorf("asked %s", stub.path)
	}
}

// This API tells with status 400 that it does not know a key.
func TestGeminiKeyRefused(t *testing.T) {
	t.Parallel()
	stub := &anthropicStub{status: 400, contentType: "application/json",
		body: `{"error":{"code":400,"message":"API key not valid: g-secret","details":[{"reason":"API_KEY_INVALID"}]}}`}
	server := httptest.NewServer(stub)
	t.Cleanup(server.Close)
	p, err := New(Config{Name: "g", Type: "gemini", BaseURL: server.URL, APIKey: "g-secret", AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := p.Do(t.Context(), "m", greeting(t, false), ignore)
	if sallyport.CodeOf(err) != sallyport.UpstreamAuth || receipt.Status != 400 {
		t.Errorf("got %+v, %v", receipt, err)
	}
	if found := p.(prober).probe(t.Context()); found.Failure != Unauthorized {
		t.Errorf("probe: got %+v", found)
	}
}

func TestGeminiProbe(t *testing.T) {
	t.Parallel()
	stub := &anthropicStub{status: 200, contentType: "application/json", body: `{"models":[{"name":"models/gemini-2.5-pro"},{"name":"models/other"}]}`}
	server := httptest.NewServer(stub)
	t.Cleanup(server.Close)
	p, err := New(Config{Name: "g", Type: "gemini", BaseURL: server.URL, APIKey: "g-key", AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	found := p.(prober).probe(t.Context())
	if found.Failure != "" || fmt.Sprint(targets(found)) != "[gemini-2.5-pro other]" || stub.path != "/models?pageSize=1000" {
		t.Errorf("got %+v of %s", found, stub.path)
	}
}

// tokenServer makes tokens and answers calls that bear one.
type tokenServer struct {
	*httptest.Server
	status  int
	life    int // of a token, in seconds
	made    atomic.Int64
	refused atomic.Int64 // calls without the last token
}

func newTokenServer(t *testing.T, status, life int) *tokenServer {
	s := &tokenServer{status: status, life: life}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *tokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/token" {
		if err := r.ParseForm(); err != nil || strings.Count(r.Form.Get("assertion"), ".") != 2 {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.WriteHeader(s.status)
		_, _ = fmt.Fprintf(w, `{"access_token":"token-number-%d","token_type":"Bearer","expires_in":%d,"error":"SECRET"}`, s.made.Add(1), s.life)
		return
	}
	if r.Header.Get("Authorization") != fmt.Sprintf("Bearer token-number-%d", s.made.Load()) {
		s.refused.Add(1)
	}
	if r.URL.Path == "/v1/models/echo:generateContent" {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, r.Header.Get("Authorization"))
		return
	}
	_, _ = io.WriteString(w, geminiAnswer)
}

func accountKey(t *testing.T, tokenURL string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "p1", "client_email": "a@p1.example", "token_uri": tokenURL,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func vertexAt(t *testing.T, s *tokenServer) Provider {
	t.Helper()
	p, err := New(Config{Name: "v", Type: "vertex", BaseURL: s.URL + "/v1", AllowPrivate: true,
		APIKey: secret.Text(accountKey(t, s.URL+"/token"))})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Calls at once ask for one token, and later ones use it while it is fresh.
func TestVertexToken(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		life int
		made int64
	}{"kept": {3600, 1}, "stale": {60, 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTokenServer(t, 200, row.life)
			p := vertexAt(t, s)
			ask := func() {
				if _, err := p.Do(t.Context(), "m", greeting(t, false), ignore); err != nil {
					t.Error(err)
				}
			}
			ask()
			ask()
			if s.made.Load() != row.made || s.refused.Load() != 0 {
				t.Errorf("made %d tokens, %d calls without", s.made.Load(), s.refused.Load())
			}
		})
	}
	t.Run("burst", func(t *testing.T) {
		t.Parallel()
		s := newTokenServer(t, 200, 3600)
		p := vertexAt(t, s)
		var wait sync.WaitGroup
		for range 16 {
			wait.Go(func() {
				if _, err := p.Do(t.Context(), "m", greeting(t, false), ignore); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if s.made.Load() != 1 || s.refused.Load() != 0 {
			t.Errorf("made %d tokens, %d calls without", s.made.Load(), s.refused.Load())
		}
	})
}

func TestVertexTokenFails(t *testing.T) {
	t.Parallel()
	for status, code := range map[int]sallyport.Code{401: sallyport.UpstreamAuth, 400: sallyport.UpstreamAuth, 503: sallyport.UpstreamUnreachable} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			receipt, err := vertexAt(t, newTokenServer(t, status, 60)).Do(t.Context(), "m", greeting(t, false), ignore)
			if sallyport.CodeOf(err) != code || strings.Contains(fmt.Sprint(err), "SECRET") || receipt != (llm.Receipt{}) {
				t.Errorf("got %+v, %v, want %s", receipt, err, code)
			}
		})
	}
}

// A token that is told back goes nowhere.
func TestVertexTokenIsHidden(t *testing.T) {
	t.Parallel()
	_, err := vertexAt(t, newTokenServer(t, 200, 3600)).Do(t.Context(), "echo", greeting(t, false), ignore)
	refused, ok := err.(*llm.UpstreamError)
	if !ok || string(refused.Body) != "Bearer [redacted]" {
		t.Errorf("got %v, %+v", err, refused)
	}
}

func TestVertexConfig(t *testing.T) {
	t.Parallel()
	key := accountKey(t, "https://oauth2.googleapis.com/token")
	for name, row := range map[string]struct {
		cfg     Config
		address string
		says    string
	}{
		"region":        {Config{APIKey: secret.Text(key), Region: "europe-west4"}, "https://europe-west4-aiplatform.googleapis.com/v1/projects/p1/locations/europe-west4/publishers/google", ""},
		"global":        {Config{APIKey: secret.Text(key), Region: "global"}, "https://aiplatform.googleapis.com/v1/projects/p1/locations/global/publishers/google", ""},
		"no address":    {Config{APIKey: "a-token", Region: "global"}, "", "base_url is missing"},
		"broken key":    {Config{APIKey: `{"type":"service_account"}`, Region: "global"}, "", "not the JSON of a service account's key"},
		"no PEM":        {Config{APIKey: `{"type":"service_account","client_email":"a","token_uri":"https://t.example","private_key":"x"}`, Region: "global"}, "", "private_key"},
		"private token": {Config{APIKey: secret.Text(accountKey(t, "http://127.0.0.1/token")), Region: "global"}, "", "token_uri"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row.cfg.Name, row.cfg.Type = "v", "vertex"
			p, err := New(row.cfg)
			if row.says != "" {
				if err == nil || !strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), "PRIVATE") {
					t.Errorf("got %v, want %s", err, row.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := p.(*vertexAI).client.base.String(); got != row.address {
				t.Errorf("got %s, want %s", got, row.address)
			}
		})
	}
}
