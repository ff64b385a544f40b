package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/policy"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// A key is bound by its limits and budgets from its first call on.
func TestKeyBounds(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{Limits: policy.Defaults{Key: policy.Limits{RequestsPerMinute: 10}}})
	type made struct {
		Key struct {
			ID     string
			UsedAt *time.Time `json:"used_at"`
		}
		APIKey string `json:"api_key"`
	}
	create := func(m servertest.Member, body string, status int, says string) (k made) {
		t.Helper()
		a := h.Call(t, m.Key, http.MethodPost, "/api/v1/keys", body)
		if a.Status != status || !strings.Contains(a.Body, says) {
			t.Errorf("%s as %s: got %d %s, want %d %q", body, m.Role, a.Status, a.Body, status, says)
		}
		_ = json.Unmarshal([]byte(a.Body), &k) // an error has another body
		return k
	}
	user, admin := h.Home.User, h.Home.Admin
	k := create(user, `{"name":"ci","expires_at":"2030-01-01T00:00:00Z","limits":{"requests_per_minute":2,"tokens_per_minute":0},"budgets":[{"period":"month","limit":"0.5"}]}`, 200, `"expires_at":"2030-01-01T00:00:00Z"`)
	r := h.Records(t, h.Home.ID, h.Mark(t, h.Home.ID)-1)[0]
	if r.Action != "keys.create" || r.Resource != "key/"+k.Key.ID || !strings.Contains(string(r.Change), `"requests_per_minute":2`) || strings.Contains(string(r.Change), k.APIKey) {
		t.Errorf("the record is %+v with %s", r, r.Change)
	}
	for n, want := range []int{200, 200, 429} {
		if a := h.Call(t, k.APIKey, http.MethodPost, "/v1/chat/completions", chatBody(false, "hello", "")); a.Status != want {
			t.Errorf("call %d: got %d %s, want %d", n, a.Status, a.Body, want)
		}
	}
	budgets := h.Call(t, admin.Key, http.MethodGet, "/api/v1/budgets", "").Body
	if !strings.Contains(budgets, `"scope":"key","subject":"`+k.Key.ID+`"`) || !strings.Contains(budgets, `"limit":"0.5"`) {
		t.Errorf("the budgets are %s", budgets)
	}
	poor := create(user, `{"name":"poor","budgets":[{"period":"total","limit":"0"}]}`, 200, "api_key")
	if a := h.Call(t, poor.APIKey, http.MethodPost, "/v1/chat/completions", chatBody(false, "hello", "")); a.Status != http.StatusPaymentRequired {
		t.Errorf("a key without credits: %d %s", a.Status, a.Body)
	}

	// What every key has is lifted only by who decides on limits.
	create(user, `{"name":"x","limits":{"requests_per_minute":11,"tokens_per_minute":0}}`, 400, "requests_per_minute must be between 1 and 10")
	create(user, `{"name":"x","limits":{"requests_per_minute":0,"tokens_per_minute":5}}`, 400, "requests_per_minute must be between 1 and 10")
	create(admin, `{"name":"x","limits":{"requests_per_minute":11,"tokens_per_minute":0}}`, 200, "api_key")
	create(user, `{"name":"x","limits":{"requests_per_minute":-1,"tokens_per_minute":0}}`, 400, "negative")
	create(user, `{"name":"x","expires_at":"2020-01-01T00:00:00Z"}`, 400, "over already")
	create(user, `{"name":"x","budgets":[{"period":"week","limit":"1"}]}`, 422, "period")
	create(user, `{"name":"x","budgets":[{"period":"day","limit":"much"}]}`, 400, "decimal number")
	create(user, `{"name":"x","budgets":[{"period":"day","limit":"-1"}]}`, 400, "not negative")
	create(user, `{"name":"x","budgets":[{"period":"day","limit":"1"},{"period":"day","limit":"2"}]}`, 400, "two budgets")
	if keys := h.Call(t, user.Key, http.MethodGet, "/api/v1/keys", "").Body; strings.Contains(keys, `"name":"x"`) {
		t.Errorf("a key that was refused is there: %s", keys)
	}
}

// When a key was last used is told to who may see it.
func TestKeyUse(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	used := func() (at *time.Time) {
		t.Helper()
		var keys []struct {
			ID     sallyport.KeyID
			UsedAt *time.Time `json:"used_at"`
		}
		if err := json.Unmarshal([]byte(h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/keys", "").Body), &keys); err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			if k.ID == h.Home.User.KeyID {
				return k.UsedAt
			}
		}
		t.Fatal("the key is not listed")
		return nil
	}
	h.Call(t, h.Home.User.Key, http.MethodGet, "/v1/models", "")
	if at := used(); at != nil {
		t.Errorf("used at %v before it is written down", at)
	}
	h.WriteKeyUse(t)
	if at := used(); at == nil || !at.Equal(h.Clock.Now()) {
		t.Errorf("used at %v, want %v", at, h.Clock.Now())
	}
}
