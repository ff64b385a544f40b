package server_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// open are the routes that need no key. Whoever adds one says so here.
var open = []string{
	"GET /healthz", "GET /readyz", "/",
	"GET /openapi.json", "GET /openapi.yaml", "GET /openapi-3.0.json", "GET /openapi-3.0.yaml",
	"POST /api/v1/session", "GET /api/v1/setup", "POST /api/v1/setup", "POST /api/v1/invites/look", "POST /api/v1/invites/accept",
}

// models are the routes that can reach a model in the call itself.
var models = []string{"POST /v1/chat/completions", "POST /v1/messages", "POST /v1/messages/count_tokens", "POST /api/v1/models/test"}

// path fills the places of a pattern.
func path(pattern string) (method, p string) {
	method, p, _ = strings.Cut(pattern, " ")
	for _, place := range []string{"{agent}", "{run}", "{id}", "{user}", "{name}", "{call}", "{record}", "{model...}", "{message}", "{file}", "{response}", "{conversation}", "{item}"} {
		p = strings.ReplaceAll(p, place, "none")
	}
	return method, p
}

// TestEveryRoute walks the mux: a route that is not open is refused without a
// key, in the flat shape and with one record of the instance; with a key it
// leaves its record in the trail of the organisation, and only the routes that
// are known to reach a model do, by the gateway's pair of records.
func TestEveryRoute(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	patterns := h.Server.Patterns()
	if len(patterns) < 25 {
		t.Fatalf("found only the routes %q", patterns)
	}
	for _, known := range slices.Concat(open, models) {
		if !slices.Contains(patterns, known) {
			t.Errorf("there is no route %q", known)
		}
	}
	message := `{"model":"` + servertest.Claude + `","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}`
	for _, pattern := range patterns {
		if slices.Contains(open, pattern) {
			continue
		}
		t.Run(pattern, func(t *testing.T) {
			method, path := path(pattern)
			if strings.Contains(path, "{") {
				t.Fatalf("the path %s has a place that this test does not fill", path)
			}
			if !strings.HasPrefix(path, "/v1/") && !strings.HasPrefix(path, "/api/v1/") {
				t.Errorf("the route is outside of /v1 and /api/v1")
			}
			stranger(t, h, method, path)
			for _, body := range []string{"", "{}", "garbage", chatBody(false, "hello", ""), message} {
				if body != "" && method == http.MethodGet {
					continue
				}
				mark, asked := h.Mark(t, h.Home.ID), len(h.Fake.Requests())
				a := h.Call(t, h.Home.Admin.Key, method, path, body)
				records := h.Records(t, h.Home.ID, mark)
				counted := strings.HasSuffix(path, "/count_tokens") && a.Status == http.StatusOK // by an estimate, where no model can
				if len(h.Fake.Requests()) != asked || counted {
					if !slices.Contains(models, pattern) {
						t.Errorf("the route reached a model")
					}
					wantPair(t, records, sallyport.OutcomeSuccess, "")
					continue
				}
				if len(records) != 1 {
					t.Errorf("with the body %q: %d %s, and %d records: %+v", body, a.Status, a.Body, len(records), records)
					continue
				}
				if r := records[0]; r.RequestID != a.RequestID || r.Actor.Key != h.Home.Admin.KeyID ||
					r.Status != a.Status {
					t.Errorf("with the body %q: %d %s, and the record %+v", body, a.Status, a.Body, r)
				}
			}
		})
	}
}

func stranger(t *testing.T, h *servertest.House, method, path string) {
	t.Helper()
	mark, home := h.Mark(t, sallyport.InstanceOrg), h.Mark(t, h.Home.ID)
	a := h.Call(t, "", method, path, "")
	shape := `{"error":"Unauthorized","message":"`
	if strings.HasPrefix(path, "/v1/messages") {
		shape = `{"type":"error","error":{"type":"authentication_error","message":"`
	}
	if a.Status != http.StatusUnauthorized || !strings.HasPrefix(a.Body, shape) {
		t.Errorf("without a key: %d %s", a.Status, a.Body)
	}
	records := h.Records(t, sallyport.InstanceOrg, mark)
	wantRefusal(t, records, sallyport.Unauthorized, http.StatusUnauthorized)
	if len(records) == 1 && (records[0].RequestID != a.RequestID || records[0].Actor.Type != "unknown") {
		t.Errorf("the record is %+v", records[0])
	}
	if h.Mark(t, h.Home.ID) != home {
		t.Error("a stranger wrote into an organisation's trail")
	}
}

// TestOtherPaths: what is no route is 404, and the open routes say nothing of anyone.
func TestOtherPaths(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/healthz", 200},
		{http.MethodGet, "/readyz", 200},
		{http.MethodGet, "/", 200},
		{http.MethodGet, "/openapi.json", 200},
		{http.MethodGet, "/v1/embeddings", 404},
		{http.MethodGet, "/v1/chat/completions", 404},
		{http.MethodDelete, "/v1/models", 404},
		{http.MethodGet, "/docs", 200}, // any other path may be a page of the Terminal
		{http.MethodPost, "/docs", 404},
		{http.MethodGet, "/api/v1/schemas/KeyView.json", 404},
	} {
		a := h.Call(t, "", tt.method, tt.path, "")
		if a.Status != tt.status || a.RequestID == "" || strings.Contains(a.Body, h.Home.Name) {
			t.Errorf("%s %s: got %d %.100s, want %d", tt.method, tt.path, a.Status, a.Body, tt.status)
		}
	}
	h.Server.Drain()
	if a := h.Call(t, "", http.MethodGet, "/readyz", ""); a.Status != http.StatusServiceUnavailable {
		t.Errorf("a server that drains says %d %s", a.Status, a.Body)
	}
	if a := h.Chat(t, h.Home.User.Key, chatBody(false, "hello", "")); a.Status != http.StatusOK {
		t.Errorf("a server that drains answers %d", a.Status)
	}
}
