package server_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// deadlines notes by when a client must have taken each thing that is written.
type deadlines struct {
	*httptest.ResponseRecorder
	set     time.Time
	unbound bool // something was written that may take for ever
}

func (d *deadlines) SetWriteDeadline(t time.Time) error { d.set = t; return nil }
func (d *deadlines) SetReadDeadline(time.Time) error    { return nil }
func (d *deadlines) EnableFullDuplex() error            { return nil }

func (d *deadlines) Write(b []byte) (int, error) {
	d.unbound = d.unbound || time.Until(d.set) <= 0
	return d.ResponseRecorder.Write(b)
}

// A client that takes nothing of what it asked for, a stranger too, does not
// hold its connection for ever, whatever it asked.
func TestNothingIsWrittenForEver(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	for _, tt := range []struct{ key, method, path, body string }{
		{"", "GET", "/", ""}, {"", "GET", "/healthz", ""}, {"", "GET", "/readyz", ""}, {"", "GET", "/nothing", ""},
		{"", "GET", "/openapi.json", ""}, {"", "GET", "/v1/models", ""}, {"", "GET", "/api/v1/me", ""},
		{h.Home.User.Key, "GET", "/v1/models", ""}, {h.Home.User.Key, "GET", "/api/v1/me", ""},
		{h.Home.User.Key, "POST", "/v1/chat/completions", "{}"},
		{h.Home.User.Key, "POST", "/v1/chat/completions", chatBody(false, "hello", "")},
		{h.Home.User.Key, "POST", "/v1/chat/completions", chatBody(true, "hello", "")},
	} {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, strings.NewReader(tt.body))
		if tt.key != "" {
			r.Header.Set("X-Api-Key", tt.key)
		}
		h.Server.Handler().ServeHTTP(w, r)
		if w.Body.Len() == 0 || w.unbound {
			t.Errorf("%s %s (%d, %d bytes): written without a bound of time: %t", tt.method, tt.path, w.Code, w.Body.Len(), w.unbound)
		}
	}
}

// A download gives its client time for each piece: a long one is not cut off,
// and over HTTP/2, where no time begins with the request, none waits for ever.
func TestDownloadsHaveTimeForEachPiece(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	for _, path := range []string{"audit/records", "runs", "users", "usage", "credits/ledger"} {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/"+path+"/export", nil)
		r.ProtoMajor, r.ProtoMinor = 2, 0
		r.Header.Set("X-Api-Key", h.Home.Admin.Key)
		h.Server.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusOK || w.Body.Len() == 0 || w.unbound {
			t.Errorf("%s (%d, %d bytes): written without a bound of time: %t", path, w.Code, w.Body.Len(), w.unbound)
		}
	}
}

// Wait lets a server that stops see the end of every call.
func TestWaitForCalls(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	if err := h.Server.Wait(t.Context()); err != nil {
		t.Errorf("with nothing under way: %v", err)
	}
	begun, end, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		body := &heldBody{begun: begun, end: end}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/chat/completions", body)
		r.Header.Set("X-Api-Key", h.Home.User.Key)
		h.Server.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}()
	<-begun
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Server.Wait(impatient); !errors.Is(err, context.Canceled) {
		t.Errorf("while a call is under way: %v", err)
	}
	close(end)
	if err := h.Server.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	<-ended
	if records := h.Records(t, h.Home.ID, h.Mark(t, h.Home.ID)-1); len(records) != 1 || records[0].Code != sallyport.InvalidBody {
		t.Errorf("got the records %+v, want the refusal of the call", records)
	}
}

// heldBody is a body whose end comes when it is let go.
type heldBody struct{ begun, end chan struct{} }

func (b *heldBody) Read([]byte) (int, error) {
	close(b.begun)
	<-b.end
	return 0, errors.New("the client has left")
}

// What could not be written of strangers is told of later.
func TestStrangersAreCountedWhileTheTrailIsAway(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	h.Faults.Fail(servertest.Everything)
	for range 3 {
		if a := h.Call(t, "", http.MethodGet, "/v1/models", ""); a.Status != http.StatusServiceUnavailable {
			t.Fatalf("got %d", a.Status)
		}
	}
	if a := h.Call(t, "", http.MethodGet, "/readyz", ""); a.Status != http.StatusServiceUnavailable {
		t.Errorf("the probe: got %d", a.Status)
	}
	h.Faults.Fail(nil)
	mark := h.Mark(t, sallyport.InstanceOrg)
	h.Call(t, "", http.MethodGet, "/v1/models", "")
	if records := h.Records(t, sallyport.InstanceOrg, mark); len(records) != 1 || records[0].Suppressed != 3 {
		t.Errorf("got %+v, want one record that tells of 3 more", records)
	}
	if a := h.Call(t, "", http.MethodGet, "/readyz", ""); a.Status != http.StatusOK {
		t.Errorf("the probe afterwards: got %d", a.Status)
	}
}
