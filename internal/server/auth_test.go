package server_test

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// TestAuthentication is the matrix of who is let in. Every refusal has the same
// shape and one record in the instance's trail.
func TestAuthentication(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	good := h.Home.User.Key
	_, expired := h.NewKey(t, h.Home.User, h.Clock.Now().Add(time.Minute))
	revokedID, revoked := h.NewKey(t, h.Home.User, time.Time{})
	if a := h.Call(t, revoked, http.MethodDelete, "/api/v1/keys/"+string(revokedID), ""); a.Status != http.StatusNoContent {
		t.Fatalf("revoke: %d %s", a.Status, a.Body)
	}
	h.Clock.Advance(time.Minute)
	wrong := good[:len(good)-4] + "AAAA"
	for _, tt := range []struct {
		name   string
		header http.Header
		query  string
		ok     bool
	}{
		{name: "bearer", header: http.Header{"Authorization": {"Bearer " + good}}, ok: true},
		{name: "lower-case scheme", header: http.Header{"Authorization": {"bearer " + good}}, ok: true},
		{name: "x-api-key", header: http.Header{"X-Api-Key": {good}}, ok: true},
		{name: "api-key", header: http.Header{"Api-Key": {good}}, ok: true},
		{name: "bearer decides", header: http.Header{"Authorization": {"Bearer " + good}, "X-Api-Key": {"junk"}, "Api-Key": {"junk"}}, ok: true},
		{name: "x-api-key before api-key", header: http.Header{"X-Api-Key": {good}, "Api-Key": {"junk"}}, ok: true},
		{name: "none"},
		{name: "bad bearer, good x-api-key", header: http.Header{"Authorization": {"Bearer junk"}, "X-Api-Key": {good}}},
		{name: "empty bearer, good x-api-key", header: http.Header{"Authorization": {"Bearer "}, "X-Api-Key": {good}}},
		{name: "empty header, good x-api-key", header: http.Header{"Authorization": {""}, "X-Api-Key": {good}}},
		{name: "basic, good x-api-key", header: http.Header{"Authorization": {"Basic " + good}, "X-Api-Key": {good}}},
		{name: "no scheme", header: http.Header{"Authorization": {good}}},
		{name: "no blank", header: http.Header{"Authorization": {"Bearer" + good}}},
		{name: "two keys", header: http.Header{"Authorization": {"Bearer " + good + " " + good}}},
		{name: "two authorizations", header: http.Header{"Authorization": {"Bearer " + good, "Bearer " + good}}},
		{name: "two x-api-keys", header: http.Header{"X-Api-Key": {good, good}}},
		{name: "bad x-api-key, good api-key", header: http.Header{"X-Api-Key": {"junk"}, "Api-Key": {good}}},
		{name: "empty x-api-key", header: http.Header{"X-Api-Key": {""}, "Api-Key": {good}}},
		{name: "in the query", query: "?api_key=" + good + "&key=" + good + "&access_token=" + good},
		{name: "wrong secret", header: http.Header{"Authorization": {"Bearer " + wrong}}},
		{name: "unknown id", header: http.Header{"Authorization": {"Bearer sp-aaaaaaaaaaaaaaaa" + good[19:]}}},
		{name: "other case", header: http.Header{"Authorization": {"Bearer " + strings.ToUpper(good)}}},
		{name: "half", header: http.Header{"Authorization": {"Bearer " + good[:30]}}},
		{name: "long", header: http.Header{"Authorization": {"Bearer " + good + "A"}}},
		{name: "very long", header: http.Header{"Authorization": {"Bearer " + strings.Repeat("A", 30<<10)}}},
		{name: "expired", header: http.Header{"Authorization": {"Bearer " + expired}}},
		{name: "revoked", header: http.Header{"Authorization": {"Bearer " + revoked}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, route := range []string{"GET /v1/models", "POST /v1/chat/completions", "GET /v1/agents/list", "GET /api/v1/me"} {
				method, path, _ := strings.Cut(route, " ")
				body := ""
				if method == http.MethodPost {
					body = chatBody(false, "hello", "")
				}
				mark := h.Mark(t, sallyport.InstanceOrg)
				r := h.Request(t.Context(), t, "", method, path+tt.query, body)
				for name, values := range tt.header {
					r.Header[name] = values
				}
				a := h.Send(t, r)
				records := h.Records(t, sallyport.InstanceOrg, mark)
				if tt.ok {
					if a.Status != http.StatusOK || len(records) != 0 {
						t.Errorf("%s: got %d %s and %d records of the instance", route, a.Status, a.Body, len(records))
					}
					continue
				}
				if a.Status != http.StatusUnauthorized || !strings.HasPrefix(a.Body, `{"error":"Unauthorized","message":"`) ||
					strings.Contains(a.Body, good) || a.Header.Get("Content-Type") != "application/json" {
					t.Errorf("%s: got %d %s", route, a.Status, a.Body)
				}
				wantRefusal(t, records, sallyport.Unauthorized, http.StatusUnauthorized)
			}
		})
	}
	if n := len(h.Fake.Requests()); n != 6 {
		t.Errorf("the provider was asked %d times, want once for each that is let in", n)
	}
}

// A key that was revoked through the API opens nothing from the next request
// on, whoever uses it at the same moment.
func TestRevocationTakesEffectAtOnce(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	for round := range 10 {
		id, key := h.NewKey(t, h.Home.User, time.Time{})
		var using sync.WaitGroup
		stop := make(chan struct{})
		for range 8 {
			using.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						h.Call(t, key, http.MethodGet, "/v1/models", "")
					}
				}
			})
		}
		if a := h.Call(t, h.Home.Admin.Key, http.MethodDelete, "/api/v1/keys/"+string(id), ""); a.Status != http.StatusNoContent {
			t.Errorf("revoke: %d %s", a.Status, a.Body)
		}
		for range 20 {
			if a := h.Call(t, key, http.MethodGet, "/v1/models", ""); a.Status != http.StatusUnauthorized {
				t.Errorf("round %d: the revoked key gets %d", round, a.Status)
			}
		}
		close(stop)
		using.Wait()
		if t.Failed() {
			return
		}
	}
}

// A stranger who announces a body and does not send it gets its answer, and
// does not hold a connection for ever.
func TestStrangerWithoutItsBody(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	for _, path := range []string{"/v1/chat/completions", "/api/v1/keys"} {
		for _, length := range []string{"Content-Length: 1000", "Transfer-Encoding: chunked", "Content-Length: 60000000"} {
			t.Run(path+" "+length, func(t *testing.T) {
				c, err := net.Dial("tcp", strings.TrimPrefix(h.URL, "http://"))
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
					t.Fatal(err)
				}
				if _, err := c.Write([]byte("POST " + path + " HTTP/1.1\r\nHost: x\r\n" + length + "\r\n\r\n")); err != nil {
					t.Fatal(err)
				}
				resp, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				want := http.StatusUnauthorized
				if strings.HasSuffix(length, "60000000") {
					want = http.StatusRequestEntityTooLarge
				}
				if resp.StatusCode != want {
					t.Errorf("got %d, want %d", resp.StatusCode, want)
				}
			})
		}
	}
}
