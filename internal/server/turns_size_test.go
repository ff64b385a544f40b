package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// What is stored of responses and conversations has a bound for a person and for an
// organisation. Beyond it nothing more is stored, no model is asked, and what is
// there stays.
func TestTurnsSize(t *testing.T) {
	t.Parallel()
	const (
		stores  = `{"model":"` + servertest.Model + `","input":"hello"}`
		forgets = `{"model":"` + servertest.Model + `","input":"hello","store":false}`
		items   = `{"items":[{"type":"message","role":"user","content":"hello"}]}`
	)
	for name, tt := range map[string]struct {
		full func(h *servertest.House) sallyport.UserID
		max  int64
		says string
	}{
		"person":       {func(h *servertest.House) sallyport.UserID { return h.Home.User.ID }, sallyport.TurnsSize, "your stored responses"},
		"organisation": {func(*servertest.House) sallyport.UserID { return "" }, sallyport.TurnsSizeAll, "of your organisation"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := servertest.New(t, servertest.Options{ChatOnly: true})
			key := h.Home.User.Key
			thread := newThread(t, h, items)
			old := member(t, h.Call(t, key, http.MethodPost, "/v1/responses", stores).Body, "id")
			background := strings.Replace(stores, "{", `{"background":true,`, 1)
			inThread := strings.Replace(forgets, "{", `{"conversation":"`+thread+`",`, 1)
			h.Faults.Store(tt.full(h), tt.max)
			h.Clock.Advance(time.Minute) // what was known is too old
			asked := len(h.Fake.Requests())
			for _, call := range [][2]string{
				{"/v1/responses", stores}, {"/v1/responses", background}, {"/v1/responses", inThread},
				{threadsPath, items}, {threadsPath + "/" + thread + "/items", items},
			} {
				mark := h.Mark(t, h.Home.ID)
				a := h.Call(t, key, http.MethodPost, call[0], call[1])
				if a.Status != http.StatusBadRequest || !strings.Contains(a.Body, tt.says) || !strings.Contains(a.Body, `"type":"invalid_request_error","code":"invalid_body"`) {
					t.Errorf("%s %s: %d %s", call[0], call[1], a.Status, a.Body)
				}
				wantRefusal(t, h.Records(t, h.Home.ID, mark), sallyport.InvalidBody, http.StatusBadRequest)
			}
			if n := len(h.Fake.Requests()) - asked; n != 0 {
				t.Errorf("models were asked %d times", n)
			}
			follows := strings.Replace(forgets, "{", `{"previous_response_id":"`+old+`",`, 1)
			for _, body := range []string{forgets, follows} {
				if a := h.Call(t, key, http.MethodPost, "/v1/responses", body); a.Status != http.StatusOK {
					t.Errorf("%s: %d %s", body, a.Status, a.Body)
				}
			}
			if a := h.Call(t, h.Other.User.Key, http.MethodPost, "/v1/responses", stores); name == "person" && a.Status != http.StatusOK {
				t.Errorf("another organisation: %d %s", a.Status, a.Body)
			}
			if got := threadItems(t, h, thread, "").texts(); got != "hello" {
				t.Errorf("the conversation says %s", got)
			}
			h.Faults.Store(tt.full(h), 0)
			h.Clock.Advance(time.Second)
			h.Fake.Queue(providertest.Answer{Text: "again"})
			if a := h.Call(t, key, http.MethodPost, "/v1/responses", stores); a.Status != http.StatusOK {
				t.Errorf("after some was deleted: %d %s", a.Status, a.Body)
			}
		})
	}
}

// Room is taken by what is stored: not by a request that fails, nor by a repeat.
func TestTurnsSize_nothing_stored(t *testing.T) {
	t.Parallel()
	const room = 1000
	h := servertest.New(t, servertest.Options{ChatOnly: true})
	asks := func(letters int, more string) string {
		return `{"model":"` + servertest.Model + `","input":"` + strings.Repeat("x", letters) + `"` + more + `}`
	}
	call := func(name, body string, want int) servertest.Answer {
		t.Helper()
		r := h.Request(t.Context(), t, h.Home.User.Key, http.MethodPost, "/v1/responses", body)
		if name != "" {
			r.Header.Set("Idempotency-Key", name)
		}
		a := h.Send(t, r)
		if a.Status != want {
			t.Errorf("%s: got %d %s, want %d", name, a.Status, a.Body, want)
		}
		return a
	}
	h.Faults.Store(h.Home.User.ID, sallyport.TurnsSize-room)
	call("", asks(600, `,"previous_response_id":"resp_none"`), http.StatusNotFound)
	for range 2 {
		h.Fake.Queue(providertest.Answer{Status: http.StatusBadRequest, Body: "{}"})
		call("", asks(600, ""), http.StatusBadRequest)
	}
	h.Faults.FailResponses(true)
	call("", asks(600, ""), http.StatusInternalServerError)
	h.Faults.FailResponses(false)
	first := call("one", asks(300, ""), http.StatusOK)
	for range 3 {
		if again := call("one", asks(300, ""), http.StatusOK); again.Body != first.Body {
			t.Errorf("got %s, want the first answer %s", again.Body, first.Body)
		}
	}
	call("", asks(500, ""), http.StatusOK)
	call("", asks(300, ""), http.StatusBadRequest) // there is a bound after all
	call("one", asks(300, ""), http.StatusOK)
	call("two", asks(300, ""), http.StatusBadRequest)
	h.Faults.Store(h.Home.User.ID, 0)
	h.Clock.Advance(time.Second)
	call("two", asks(300, ""), http.StatusOK)
}
