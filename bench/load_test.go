package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func serve(t *testing.T, h http.Handler) target {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return target{name: direct, url: server.URL}
}

// once sends one call of each worker.
func once(t *testing.T, to target, s scenario) (result, error) {
	t.Helper()
	c := newClient(to, s)
	t.Cleanup(c.close)
	return c.load(context.Background(), 0)
}

func small(s scenario) scenario {
	s.workers = min(s.workers, 3)
	s.gap = min(s.gap, time.Millisecond)
	return s
}

func TestLoad(t *testing.T) {
	provider := serve(t, mock{})
	proxy, err := newFloor(provider.url)
	if err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]target{direct: provider, floor: serve(t, proxy)} {
		for _, s := range scenarios {
			t.Run(name+"/"+s.name, func(t *testing.T) {
				s := small(s)
				r, err := once(t, to, s)
				if err != nil {
					t.Fatal(err)
				}
				if len(r.whole) != s.workers {
					t.Errorf("%d answers, want %d", len(r.whole), s.workers)
				}
				if r.first[0] <= 0 || r.whole[0] < r.first[0] {
					t.Errorf("first byte after %v, end after %v", r.first[0], r.whole[0])
				}
			})
		}
	}
}

// edited serves the mock's answers with a change.
func edited(status int, from, to string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		right := httptest.NewRecorder()
		mock{}.ServeHTTP(right, r)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, strings.Replace(right.Body.String(), from, to, 1))
	})
}

// Whatever is wrong with an answer makes it a failed call.
func TestLoadErrors(t *testing.T) {
	plain, email, stream := scenarios[0], scenarios[2], scenarios[4]
	for _, c := range []struct {
		name     string
		scenario scenario
		provider http.Handler
		want     string
	}{
		{"status", plain, edited(502, "", ""), "status 502"},
		{"no completion", plain, edited(200, "chat.completion", "chat"), "not a completion"},
		{"cut", plain, edited(200, "}}", ""), "not a completion"},
		{"address changed", email, edited(200, "@mail", "@post"), "lost the address"},
		{"a piece lost", stream, edited(200, "data: {", "dada: {"), "201 events, want 202"},
		{"no end", stream, edited(200, "[DONE]", "[GONE]"), "says it is done: false"},
		{"an error", stream, edited(200, "data: [DONE]", "event: error"), "tells an error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := once(t, serve(t, c.provider), small(c.scenario))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestRequests(t *testing.T) {
	seen := make(map[string]bool)
	for _, s := range scenarios {
		for range 3 {
			body, email := s.request()
			var asked struct {
				Model    string
				Stream   bool
				Messages []struct{ Content string }
			}
			if err := json.Unmarshal(body, &asked); err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			prompt := asked.Messages[0].Content
			if seen[prompt] {
				t.Errorf("%s: a prompt came twice", s.name)
			}
			seen[prompt] = true
			if len(prompt) != s.promptBytes || asked.Stream != (s.chunks > 0) || asked.Model != s.model() {
				t.Errorf("%s: %d bytes, stream %t, model %s", s.name, len(prompt), asked.Stream, asked.Model)
			}
			if (email != "") != s.email || strings.Count(prompt, "@") != strings.Count(email, "@") || !strings.Contains(prompt, email) {
				t.Errorf("%s: address %q in %.120q", s.name, email, prompt)
			}
		}
	}
}

// The mock finds out when the gateway lets an address through.
func TestMockSeesAddress(t *testing.T) {
	provider := serve(t, mock{})
	provider.key = gatewayCredential
	_, err := once(t, provider, small(scenarios[2]))
	if err == nil || !strings.Contains(err.Error(), "an address came through") {
		t.Errorf("err = %v, want one about the address", err)
	}
}
