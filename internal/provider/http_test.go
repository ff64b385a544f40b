package provider

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

func TestNew_refused(t *testing.T) {
	good := Config{Name: "acme", Type: "openai", BaseURL: "https://api.acme.test/v1", APIKey: "the-key"}
	for name, change := range map[string]func(*Config){
		"type":            func(c *Config) { c.Type = "carrier-pigeon" },
		"no_address":      func(c *Config) { c.Type, c.BaseURL = "azure", "" },
		"no_scheme":       func(c *Config) { c.BaseURL = "api.acme.test/v1" },
		"scheme":          func(c *Config) { c.BaseURL = "ftp://api.acme.test" },
		"http":            func(c *Config) { c.BaseURL = "http://api.acme.test" },
		"loopback":        func(c *Config) { c.BaseURL = "https://127.0.0.1/v1" },
		"user":            func(c *Config) { c.BaseURL = "https://me:s3cret@api.acme.test/v1" },
		"private_user":    func(c *Config) { c.AllowPrivate, c.BaseURL = true, "https://me:s3cret@api.acme.test/v1" },
		"private_type":    func(c *Config) { c.Type, c.BaseURL = "ollama", "" },
		"header_value":    func(c *Config) { c.Headers = map[string]string{"X-A": "b\r\nX-Admin: 1"} },
		"header_name":     func(c *Config) { c.Headers = map[string]string{"X A": "b"} },
		"key_with_break":  func(c *Config) { c.APIKey = "a\nb" },
		"auth_header":     func(c *Config) { c.AuthHeader = "X-Key:" },
		"empty_type_name": func(c *Config) { c.Type = "" },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			change(&cfg)
			_, err := New(cfg)
			if err == nil {
				t.Fatalf("New(%+v) was allowed", cfg)
			}
			if strings.Contains(err.Error(), "the-key") || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error holds a secret: %v", err)
			}
		})
	}
	if _, err := New(good); err != nil {
		t.Errorf("New of what is right: %v", err)
	}
}

// TestNew_types makes each type that needs nothing but a key.
func TestNew_types(t *testing.T) {
	for _, kind := range Types() {
		cfg := Config{Name: "x", Type: kind, APIKey: "k", AllowPrivate: true}
		switch kind {
		case "azure":
			cfg.BaseURL = "https://acme.openai.azure.test/openai/v1"
		case "vertex":
			cfg.BaseURL = "https://vertex.test/v1/projects/p/locations/l/publishers/google"
		case "bedrock":
			cfg.Region = "eu-central-1"
		}
		if _, err := New(cfg); err != nil {
			t.Errorf("New of type %s: %v", kind, err)
		}
	}
}

// sent returns the request that cfg makes of a body.
func sent(t *testing.T, cfg Config, body string) (*http.Request, string) {
	t.Helper()
	var got *http.Request
	var gotBody []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		gotBody, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, `{"choices":[]}`)
	}))
	defer server.Close()
	cfg.Name, cfg.BaseURL, cfg.AllowPrivate = "x", server.URL+cfg.BaseURL, true
	p, err := New(cfg)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	req, err := chat.Decode([]byte(body))
	if err != nil {
		t.Fatalf("Decode: %v", err)
	}
	if _, err := p.Do(t.Context(), "real", req, func(*llm.Event) error { return nil }); err != nil {
		t.Fatalf("Do: %v", err)
	}
	return got, string(gotBody)
}

const hello = `{"model":"m","messages":[{"role":"user","content":"hi"}]}`

func TestPost_request(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // nobody is there: using it would fail
	got, body := sent(t, Config{
		Type: "openai", BaseURL: "/a%2Fb%20c/v1/?fixed=1", APIKey: "the-key",
		Headers: map[string]string{"x-team": "red"}, Query: map[string]string{"api-version": "2026-01 &"},
	}, hello)
	if got.URL.String() != "/a%2Fb%20c/v1/chat/completions?api-version=2026-01+%26&fixed=1" {
		t.Errorf("address: got %s", got.URL)
	}
	for name, want := range map[string]string{
		"Authorization": "Bearer the-key", "X-Team": "red", "Content-Type": "application/json", "User-Agent": "sallyport",
		"Accept": "application/json", "Accept-Encoding": "",
	} {
		if value := got.Header.Get(name); value != want {
			t.Errorf("header %s: got %q, want %q", name, value, want)
		}
	}
	if want := `{"model":"real","messages":[{"role":"user","content":"hi"}]}`; body != want {
		t.Errorf("body: got %s, want %s", body, want)
	}
}

func TestPost_credential(t *testing.T) {
	for name, row := range map[string]struct {
		cfg          Config
		header, want string
	}{
		"azure":  {Config{Type: "azure", APIKey: "k"}, "Api-Key", "k"},
		"own":    {Config{Type: "vllm", APIKey: "k", AuthHeader: "X-Token"}, "X-Token", "k"},
		"bearer": {Config{Type: "azure", APIKey: "k", AuthHeader: "authorization"}, "Authorization", "Bearer k"},
		"none":   {Config{Type: "ollama"}, "Authorization", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := sent(t, row.cfg, hello)
			if value := got.Header.Get(row.header); value != row.want {
				t.Errorf("%s: got %q, want %q", row.header, value, row.want)
			}
			if row.header != "Authorization" && got.Header.Get("Authorization") != "" {
				t.Error("the key went out in Authorization too")
			}
		})
	}
}

func TestDo_other_dialect(t *testing.T) {
	p, err := New(Config{Name: "x", Type: "openai", BaseURL: "https://api.acme.test/v1"})
	if err != nil {
		t.Fatal(err)
	}
	alone := func() error {
		return sallyport.NewError(sallyport.UnsupportedField, "only its own dialect has a word for it")
	}
	_, err = p.Do(t.Context(), "real", &llm.Request{Dialect: llm.Messages, Portable: alone}, nil)
	if sallyport.CodeOf(err) != sallyport.UnsupportedField {
		t.Errorf("Do: got %v, want %s", err, sallyport.UnsupportedField)
	}
}

// TestPost_refused_address resolves a name to a place that is not public.
func TestPost_refused_address(t *testing.T) {
	p, err := New(Config{Name: "x", Type: "openai", BaseURL: "https://localhost.localdomain:1/v1"})
	if err != nil {
		t.Fatal(err)
	}
	req, _ := chat.Decode([]byte(hello))
	if _, err := p.Do(t.Context(), "real", req, nil); sallyport.CodeOf(err) != sallyport.UpstreamUnreachable {
		t.Errorf("Do: got %v, want %s", err, sallyport.UpstreamUnreachable)
	}
}

// TestTimedCall walks through the bounds of time on a clock of its own. What a
// slow client takes between two reads is not the provider's idle time.
func TestTimedCall(t *testing.T) {
	c := client{firstByte: time.Minute, idle: time.Second}
	for name, row := range map[string]struct {
		walk func(*timedCall)
		want error
	}{
		"first_byte":         {func(*timedCall) { time.Sleep(61 * time.Second) }, errFirstByteLate},
		"before_first_byte":  {func(c *timedCall) { c.await(); time.Sleep(59 * time.Second) }, nil},
		"headers_alone":      {func(c *timedCall) { c.await(); c.arrived(0); c.await(); time.Sleep(61 * time.Second) }, errFirstByteLate},
		"slow_client":        {func(c *timedCall) { c.await(); c.arrived(1); time.Sleep(30 * time.Minute) }, nil},
		"idle":               {func(c *timedCall) { c.await(); c.arrived(1); c.await(); time.Sleep(2 * time.Second) }, errIdle},
		"drip_in_time":       {func(c *timedCall) { drip(c, 3000) }, nil},
		"drip_for_ever":      {func(c *timedCall) { drip(c, 5000) }, errAnswerTime},
		"end_of_the_stream":  {func(c *timedCall) { c.arrived(1); c.patience(drainTime); time.Sleep(2 * drainTime) }, errAnswerTime},
		"ended_is_not_timed": {func(c *timedCall) { c.end(errDone); time.Sleep(2 * answerTime) }, errDone},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				call := c.begin(t.Context())
				row.walk(call)
				synctest.Wait()
				if got := context.Cause(call.ctx); got != row.want {
					t.Errorf("got %v, want %v", got, row.want)
				}
				call.end(errDone)
			})
		})
	}
}

// drip lets one byte arrive shortly before the idle time is over, n times.
func drip(c *timedCall, n int) {
	for range n {
		c.await()
		time.Sleep(900 * time.Millisecond)
		c.arrived(1)
	}
}

// TestDo_deadline: the caller's deadline is told as what it is, and ends the
// provider's work.
func TestDo_deadline(t *testing.T) {
	released := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		close(released)
	}))
	defer server.Close()
	p, err := New(Config{Name: "x", Type: "openai", BaseURL: server.URL, AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, _ := chat.Decode([]byte(hello))
	if _, err = p.Do(ctx, "real", req, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Do: got %v, want the deadline", err)
	}
	<-released
}
