package server_test

import (
	"net/http"
	"strings"
	"testing"

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
