package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// Anthropic's clients get the list as they know it, page by page.
func TestAnthropicModels(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	if a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/models/aliases?model=mock-large", `{"name":"large"}`); a.Status != http.StatusNoContent {
		t.Fatalf("add a name: %d %s", a.Status, a.Body)
	}
	get := func(path string) (status int, body string) {
		t.Helper()
		r := h.Request(t.Context(), t, h.Home.User.Key, http.MethodGet, path, "")
		r.Header.Set("anthropic-version", "2023-06-01")
		a := h.Send(t, r)
		return a.Status, a.Body
	}
	type list struct {
		Data    []struct{ Type, ID, DisplayName, CreatedAt string }
		HasMore bool    `json:"has_more"`
		FirstID *string `json:"first_id"`
		LastID  *string `json:"last_id"`
	}
	for query, want := range map[string]string{
		"":                         "mock-claude mock-large large", // by id, an alias behind its model
		"?limit=1":                 "mock-claude +",
		"?limit=2":                 "mock-claude mock-large +",
		"?limit=3":                 "mock-claude mock-large large",
		"?after_id=mock-claude":    "mock-large large",
		"?after_id=large":          "",
		"?before_id=large":         "mock-claude mock-large",
		"?limit=1&before_id=large": "mock-large +",
		"?before_id=mock-claude":   "",
	} {
		status, body := get("/v1/models" + query)
		var l list
		if err := json.Unmarshal([]byte(body), &l); err != nil || status != http.StatusOK {
			t.Fatalf("%s: %d %s", query, status, body)
		}
		var got []string
		for _, m := range l.Data {
			got = append(got, m.ID)
		}
		if len(l.Data) > 0 && (*l.FirstID != got[0] || *l.LastID != got[len(got)-1]) || len(l.Data) == 0 && (l.FirstID != nil || l.LastID != nil) {
			t.Errorf("%s: the ends are not those of %s", query, body)
		}
		if l.HasMore {
			got = append(got, "+")
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	if status, body := get("/v1/models/large"); status != 200 || !strings.HasPrefix(body, `{"type":"model","id":"large","display_name":`) || !strings.Contains(body, `"created_at":"1970-01-01T00:00:00Z"`) {
		t.Errorf("one model: %d %s", status, body)
	}
	if status, body := get("/v1/models/nothing"); status != 404 || !strings.HasPrefix(body, `{"type":"error","error":{"type":"not_found_error","message":`) {
		t.Errorf("one that is not there: %d %s", status, body)
	}
	for _, query := range []string{"?limit=0", "?limit=1001", "?limit=x", "?after_id=nothing"} {
		if status, body := get("/v1/models" + query); status != 400 || !strings.HasPrefix(body, `{"type":"error","error":{"type":"invalid_request_error",`) {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
}
