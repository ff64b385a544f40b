package server_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// A bug in a handler is answered, and recorded once, like any other failure.
func TestBugIsRecorded(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	mark := h.Mark(t, h.Home.ID)
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/broken", strings.NewReader("{}"))
	r.Header.Set("X-Api-Key", h.Home.User.Key)
	h.Server.BrokenRoute().ServeHTTP(w, r)
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "CANARY") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	wantRefusal(t, h.Records(t, h.Home.ID, mark), sallyport.Internal, http.StatusInternalServerError)

	mark = h.Mark(t, h.Home.ID)
	call := &sallyport.Call{ID: "c", Principal: sallyport.Principal{Org: h.Home.ID}, Action: "test.broken"}
	if err := h.Server.BrokenOperation(t.Context(), call); err == nil || strings.Contains(err.Error(), "CANARY") {
		t.Errorf("got %v", err)
	}
	wantRefusal(t, h.Records(t, h.Home.ID, mark), sallyport.Internal, http.StatusInternalServerError)
}
