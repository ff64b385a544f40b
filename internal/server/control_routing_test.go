package server_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// ways are upstreams by the name of their target; down ones say 503.
type ways struct {
	mu    sync.Mutex
	down  map[string]bool
	asked []string
}

func (w *ways) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, after, _ := strings.Cut(string(body), `"model":"`)
	target, _, _ := strings.Cut(after, `"`)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, target)
	if w.down[target] {
		http.Error(out, `{"error":{"message":"busy"}}`, http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(out, `{"id":"c","object":"chat.completion","model":"`+target+`","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":0,"total_tokens":10}}`)
}

func (w *ways) take(down ...string) (asked []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = make(map[string]bool)
	for _, target := range down {
		w.down[target] = true
	}
	asked, w.asked = w.asked, nil
	return asked
}

// Routes that an administrator made are tried as those of the operator's file, at once.
func TestOwnRoutes(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{PrivateNetworks: loopback})
	upstream := new(ways)
	server := httptest.NewServer(upstream)
	defer server.Close()
	saveOwn(t, h, "own", server.URL+"/v1")
	saveOwn(t, h, "second", server.URL+"/v1")
	admin := h.Home.Admin.Key
	save := func(id, routing string, status int) string {
		t.Helper()
		body := `{"id":"` + id + `","display_name":"","provider":"own","target":"` + id + `-1","price":{"input":"1","output":"2"}` + routing + `}`
		a := h.Call(t, admin, http.MethodPost, "/api/v1/models", body)
		if a.Status != status {
			t.Errorf("%s: got %d %s, want %d", body, a.Status, a.Body, status)
		}
		return a.Body
	}
	asks := func(step, want string, status int) string {
		t.Helper()
		a := h.Chat(t, h.Home.User.Key, strings.Replace(chatBody(false, "hello", ""), servertest.Model, "a", 1))
		if got := strings.Join(upstream.take(), " "); a.Status != status || got != want {
			t.Errorf("%s: got %d after %q, want %d after %q: %s", step, a.Status, got, status, want, a.Body)
		}
		return a.RequestID
	}
	save("b", "", 204)
	save("a", `,"retries":0,"routes":[{"provider":"second","target":"a-2","price":{"input":"3","output":"3"}}],"fallbacks":["b"]`, 204)
	asks("all well", "a-1", 200)
	upstream.take("a-1")
	mark := h.Mark(t, h.Home.ID)
	asks("the first is down", "a-1 a-2", 200)
	records := h.WaitRecords(t, h.Home.ID, mark, 2)
	if last := records[len(records)-1]; last.Provider != "second" || last.Cost == nil || last.Cost.Charge != 30 {
		t.Errorf("who answered is charged at its own price: %+v", last)
	}
	upstream.take("a-1", "a-2")
	asks("both are down", "a-1 a-2 b-1", 200)
	save("b", `,"retries":0,"fallbacks":["a"]`, 204) // they stand in for each other, and nobody goes round
	upstream.take("a-1", "a-2", "b-1")
	asks("all are down", "a-1 a-2 b-1", 503)
	save("a", `,"retries":1,"routes":[{"provider":"second","target":"a-2","weight":0}]`, 204)
	upstream.take("a-1", "a-2")
	asks("tried again", "a-1 a-1 a-2 a-2", 503)

	health := h.Call(t, admin, http.MethodGet, "/api/v1/providers/health", "").Body
	if !strings.Contains(health, `{"provider":"second","target":"a-2","models":["a"],"state":"closed","tries":5,"failures":4,`) ||
		!strings.Contains(health, `"last_error":"upstream_error","status":503,`) || strings.Contains(health, "busy") {
		t.Errorf("their health is %s", health)
	}

	for routing, why := range map[string]string{
		`,"routes":[{"provider":"fake","target":"x"}]`:   "own providers", // the operator's
		`,"routes":[{"provider":"nobody","target":"x"}]`: "own providers",
		`,"routes":[{"provider":"own","target":"a-1"}]`:  "two ways",
		`,"routes":[{"provider":"own"}]`:                 "two ways",
		`,"fallbacks":["a"]`:                             "other models",
		`,"fallbacks":["nothing"]`:                       "other models",
		`,"fallbacks":["b","b"]`:                         "other models",
		`,"fallbacks":["vectors"]`:                       "of another type",
		`,"routes":[` + strings.Repeat(`{"provider":"own"},`, 14) + `{"provider":"own"}],"fallbacks":["b"]`: "more than 15",
	} {
		save("vectors", `,"type":"embedding"`, 204)
		if body := save("a", routing, 400); !strings.Contains(body, why) {
			t.Errorf("%s: the answer is %s", routing, body)
		}
	}
	save("a", `,"retries":6`, 422)
	save("a", `,"weight":-1`, 422)
	save("a", `,"fallbacks":["mock-large"]`, 204) // the operator's may stand in: it bears its own price

	// What others need is not taken from them.
	save("a", `,"weight":1,"loose":true,"routes":[{"provider":"second","weight":2}],"fallbacks":["b"]`, 204)
	for path, why := range map[string]string{"/api/v1/providers/second": "is served by", "/api/v1/models?model=b": "falls back"} {
		if a := h.Call(t, admin, http.MethodDelete, path, ""); a.Status != http.StatusConflict || !strings.Contains(a.Body, why) {
			t.Errorf("delete %s: %d %s", path, a.Status, a.Body)
		}
	}
	list := h.Call(t, admin, http.MethodGet, "/api/v1/models", "").Body
	if !strings.Contains(list, `"weight":1,"routes":[{"provider":"second","target":"a-1","weight":2,"price":{"input":"1"`) || !strings.Contains(list, `"fallbacks":["b"],"loose":true`) {
		t.Errorf("the routes are not shown: %s", list)
	}
}

// How long a provider is waited for is the organisation's to say.
func TestOwnProviderTimes(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{PrivateNetworks: loopback})
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	provider := func(times string, status int) {
		t.Helper()
		body := `{"name":"own","type":"openai","base_url":"` + server.URL + `/v1","api_key":"k"` + times + `}`
		if a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/providers", body); a.Status != status {
			t.Errorf("%s: got %d %s, want %d", body, a.Status, a.Body, status)
		}
	}
	provider(`,"first_byte_ms":600001`, 422)
	provider(`,"first_byte_ms":100`, 204)
	if a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/models", modelFile); a.Status != http.StatusNoContent {
		t.Fatalf("save a model: %d %s", a.Status, a.Body)
	}
	a := h.Chat(t, h.Home.User.Key, strings.Replace(chatBody(false, "hello", ""), servertest.Model, "own-model", 1))
	if a.Status != http.StatusGatewayTimeout || !strings.Contains(a.Body, "upstream_timeout") {
		t.Errorf("got %d %s, want that it was too late", a.Status, a.Body)
	}
	if list := h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/providers", "").Body; !strings.Contains(list, `"first_byte_ms":100`) {
		t.Errorf("the providers are %s", list)
	}
}
