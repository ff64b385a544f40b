package server_test

import (
	"encoding/json"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// A body for which there is no room is refused, on the record and in the shape of its
// API; a small one still passes; and whoever was answered has given back what it took.
func TestRoom(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	large := chatBody(false, strings.Repeat("large ", 1<<10), "")
	clear := h.Server.Crowd(int64(len(large)) - 1)
	for _, tt := range []struct {
		path, body string
		status     int
		within     string
	}{
		{chatPath, chatBody(false, "small", ""), http.StatusOK, "chat.completion"},
		{chatPath, large, http.StatusServiceUnavailable, `"code":"overloaded"`},
		{"/v1/messages", large, http.StatusServiceUnavailable, `"type":"api_error"`},
		{"/v1/conversations", large, http.StatusServiceUnavailable, `"code":"overloaded"`},
	} {
		a := h.Send(t, h.Request(t.Context(), t, h.Home.User.Key, http.MethodPost, tt.path, tt.body))
		if a.Status != tt.status || !strings.Contains(a.Body, tt.within) {
			t.Errorf("%s with %d bytes: %d %s, want %d with %s", tt.path, len(tt.body), a.Status, a.Body, tt.status, tt.within)
		}
		if again := a.Header.Get("Retry-After"); tt.status == http.StatusServiceUnavailable && again == "" {
			t.Errorf("%s does not say when to try again", tt.path)
		}
	}
	if calls := len(h.Fake.Requests()); calls != 1 {
		t.Errorf("the provider was asked %d times, want once", calls)
	}
	clear()
	if left := h.Server.Room(); left != server.RoomMax {
		t.Errorf("%d bytes of room are left once all are answered, want %d", left, server.RoomMax)
	}
	if a := h.Send(t, h.Request(t.Context(), t, h.Home.User.Key, http.MethodPost, chatPath, large)); a.Status != http.StatusOK {
		t.Errorf("with room again: %d %s", a.Status, a.Body)
	}
}

// A short request that names what is stored takes as much room as one that brings it.
func TestRoomForNamed(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	key := h.Home.User.Key
	large := []byte(strings.Repeat("large ", 8<<10))
	file := upload(t, h, key, "large.txt", large)
	a := h.Call(t, key, http.MethodPost, "/v1/responses", `{"model":"mock-large","input":"`+string(large)+`"}`)
	if a.Status != http.StatusOK {
		t.Fatalf("got %d %s", a.Status, a.Body)
	}
	turn := member(t, a.Body, "id")
	a = h.Call(t, key, http.MethodPost, "/v1/conversations", `{"items":[{"id":"msg_large","type":"message","role":"user","content":"`+string(large)+`"}]}`)
	if a.Status != http.StatusOK {
		t.Fatalf("got %d %s", a.Status, a.Body)
	}
	thread := member(t, a.Body, "id")
	calls := len(h.Fake.Requests())
	one := `{"type":"file","file":{"file_id":"` + file + `"}}`
	for _, tt := range []struct {
		left               int
		method, path, body string
	}{
		{len(large) - 1, http.MethodPost, chatPath, `{"model":"mock-large","messages":[{"role":"user","content":[` + one + `]}]}`},
		{2*len(large) - 1, http.MethodPost, chatPath, `{"model":"mock-large","messages":[{"role":"user","content":[` + one + "," + one + `]}]}`},
		{len(large) - 1, http.MethodPost, "/v1/responses", `{"model":"mock-large","input":"And?","previous_response_id":"` + turn + `"}`},
		{len(large) - 1, http.MethodGet, "/v1/files/" + file + "/content", ""},
		{len(large) - 1, http.MethodGet, "/v1/responses/" + turn, ""},
		{len(large) - 1, http.MethodGet, "/v1/responses/" + turn + "/input_items", ""},
		{len(large) - 1, http.MethodGet, "/v1/conversations/" + thread + "/items", ""},
		{len(large) - 1, http.MethodGet, "/v1/conversations/" + thread + "/items/msg_large", ""},
		{len(large) - 1, http.MethodPost, "/v1/responses", `{"model":"mock-large","store":false,"input":"And?","conversation":"` + thread + `"}`},
	} {
		clear := h.Server.Crowd(int64(tt.left))
		a := h.Call(t, key, tt.method, tt.path, tt.body)
		if a.Status != http.StatusServiceUnavailable || !strings.Contains(a.Body, `"code":"overloaded"`) {
			t.Errorf("%s %s %s: %d %.200s, want 503 overloaded", tt.method, tt.path, tt.body, a.Status, a.Body)
		}
		clear()
		if a := h.Call(t, key, tt.method, tt.path, tt.body); a.Status != http.StatusOK {
			t.Errorf("%s %s with room: %d %.200s", tt.method, tt.path, a.Status, a.Body)
		}
	}
	if got := len(h.Fake.Requests()) - calls; got != 4 {
		t.Errorf("the provider was asked %d times, want 4", got)
	}
	if left := h.Server.Room(); left != server.RoomMax {
		t.Errorf("%d bytes of room are left once all are answered, want %d", left, server.RoomMax)
	}
}

// What names one item hundreds of times asks for as much as it brings each time, and
// is refused before that is put together. Memory is measured: no test runs beside it.
func TestRoomForNamedAgain(t *testing.T) {
	h := servertest.New(t, servertest.Options{})
	key := h.Home.User.Key
	said := strings.Repeat("large ", 64<<10)
	h.Fake.Queue(providertest.Answer{Text: said})
	a := h.Call(t, key, http.MethodPost, "/v1/responses", `{"model":"mock-large","input":"Say much."}`)
	if a.Status != http.StatusOK {
		t.Fatalf("got %d %.200s", a.Status, a.Body)
	}
	var told struct{ Output []struct{ ID string } }
	if err := json.Unmarshal([]byte(a.Body), &told); err != nil || len(told.Output) != 1 {
		t.Fatalf("%v in %.200s", err, a.Body)
	}
	named := `{"type":"item_reference","id":"` + told.Output[0].ID + `"}`
	body := func(times int) string {
		return `{"model":"mock-large","store":false,"input":[` + strings.Repeat(named+",", times-1) + named + `]}`
	}
	clear := h.Server.Crowd(int64(2 * len(said)))
	if a := h.Call(t, key, http.MethodPost, "/v1/responses", body(3)); a.Status != http.StatusServiceUnavailable {
		t.Errorf("named three times with room for two: %d %.200s", a.Status, a.Body)
	}
	clear()
	if a := h.Call(t, key, http.MethodPost, "/v1/responses", body(2)); a.Status != http.StatusOK {
		t.Errorf("named twice: %d %.200s", a.Status, a.Body)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	a = h.Call(t, key, http.MethodPost, "/v1/responses", body(sallyport.ResponseItems))
	runtime.ReadMemStats(&after)
	if a.Status != http.StatusBadRequest || !strings.Contains(a.Body, "too large") {
		t.Errorf("named %d times: %d %.200s", sallyport.ResponseItems, a.Status, a.Body)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > server.BodyMax {
		t.Errorf("that took %d bytes of memory", took)
	}
}
