package server_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

type verification struct {
	ID, State string
	Verdict   *struct {
		OK     bool
		Last   int64 `json:"last_seq"`
		BadSeq int64 `json:"bad_seq"`
		Why    string
	}
}

func postAdmin(t *testing.T, h *servertest.House, path, body string) servertest.Answer {
	t.Helper()
	return h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/audit/"+path, body)
}

// A verification is asked for once at a time, is worked on in the background, and
// names the first bad record; the trail tells of both ends.
func TestVerifyTrail(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	mark := h.Mark(t, h.Home.ID)
	begun := as[verification](t, postAdmin(t, h, "verifications", ""))
	if begun.State != "waiting" || begun.ID == "" {
		t.Errorf("got %+v", begun)
	}
	if a := postAdmin(t, h, "verifications", ""); a.Status != http.StatusConflict {
		t.Errorf("a second one: %d %s", a.Status, a.Body)
	}
	if a := h.Call(t, h.Other.Admin.Key, http.MethodPost, "/api/v1/audit/verifications", ""); a.Status != http.StatusOK {
		t.Errorf("of the other organisation: %d %s", a.Status, a.Body)
	}
	h.Verify(t)
	last := func() verification {
		t.Helper()
		all := as[[]verification](t, askAdmin(t, h, "verifications"))
		if len(all) == 0 || all[0].State != "done" || all[0].Verdict == nil {
			t.Fatalf("got %+v", all)
		}
		return all[0]
	}
	if v := last(); v.ID != begun.ID || !v.Verdict.OK || v.Verdict.Last < mark+2 {
		t.Errorf("got %+v", v.Verdict)
	}
	told := as[recordPage](t, askAdmin(t, h, "records?resource=verification/"+begun.ID))
	if len(told.Records) != 2 || told.Records[0].Record.Action != "audit.verified" || told.Records[1].Record.Action != "audit.verify" ||
		!strings.Contains(string(told.Records[0].Record.Change), `"ok":true`) {
		t.Errorf("the trail tells %+v", told.Records)
	}

	// Somebody with the file of the database changes a record.
	h.Tamper(t, h.Home.ID, mark)
	as[verification](t, postAdmin(t, h, "verifications", ""))
	h.Verify(t)
	if v := last(); v.Verdict.OK || v.Verdict.BadSeq != mark || !strings.HasPrefix(v.Verdict.Why, "hash") {
		t.Errorf("got %+v", v.Verdict)
	}
	if a := askAdmin(t, h, "records?action=audit.verified&limit=1"); !strings.Contains(a.Body, `"ok":false`) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

func savedSearch(t *testing.T, h *servertest.House, m servertest.Member, name string) string {
	t.Helper()
	a := h.Call(t, m.Key, http.MethodPost, "/api/v1/audit/searches", `{"name":`+quoted(name)+`,"query":{"action":"login"}}`)
	if m.Role != sallyport.RoleAdministrator {
		return "none"
	}
	return as[struct{ ID string }](t, a).ID
}

func TestSavedSearches(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	id := savedSearch(t, h, h.Home.Admin, "Ours")
	a := askAdmin(t, h, "searches")
	if a.Status != http.StatusOK || !strings.Contains(a.Body, `"name":"Ours","query":{"action":"login"}`) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	for body, want := range map[string]int{
		`{"name":"Ours","query":{}}`:                 http.StatusConflict,
		`{"name":"","query":{}}`:                     http.StatusUnprocessableEntity,
		`{"name":"x","query":{"anything":"x"}}`:      http.StatusUnprocessableEntity,
		`{"name":"x","query":{"action":"x","a":{}}}`: http.StatusUnprocessableEntity,
	} {
		if a := postAdmin(t, h, "searches", body); a.Status != want {
			t.Errorf("%s: %d %s", body, a.Status, a.Body)
		}
	}
	if a := h.Call(t, h.Other.Admin.Key, http.MethodDelete, "/api/v1/audit/searches/"+id, ""); a.Status != http.StatusNotFound {
		t.Errorf("another's: %d %s", a.Status, a.Body)
	}
	for _, r := range h.Records(t, h.Home.ID, 0) {
		if strings.Contains(string(r.Change), "login") || strings.Contains(string(r.Change), "Ours") {
			t.Errorf("the trail tells what is searched for: %s", r.Change)
		}
	}
}

// A stream tells how many records are new, and is recorded once.
func TestFollowRecords(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	mark := h.Mark(t, h.Home.ID)
	for range 3 {
		h.Call(t, h.Home.User.Key, http.MethodGet, "/v1/models", "")
	}
	began := time.Now()
	a := askAdmin(t, h, "records/live?action=models.list&after="+quotedNumber(mark+1))
	if !strings.Contains(a.Header.Get("Content-Type"), "text/event-stream") ||
		!strings.Contains(a.Body, "event: new\ndata: {\"count\":2,\"head\":"+quotedNumber(mark+4)+"}\n\n") {
		t.Errorf("after %s: %d %q", time.Since(began), a.Status, a.Body)
	}
	if n := len(as[recordPage](t, askAdmin(t, h, "records?action=audit.follow")).Records); n != 1 {
		t.Errorf("it is recorded %d times", n)
	}
}

func quotedNumber(n int64) string {
	text, _ := json.Marshal(n)
	return string(text)
}

// What an administrator sends to whoever helps has no secret, no content, no
// address and nothing of others.
func TestDiagnostics(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	prepare(t, h, "saveModel")
	h.Chat(t, h.Home.User.Key, chatBody(false, "the-prompt-of-home", ""))
	for _, path := range []string{"/api/v1/system", "/api/v1/system/diagnostics"} {
		a := h.Call(t, h.Home.Admin.Key, http.MethodGet, path, "")
		if a.Status != http.StatusOK || !strings.Contains(a.Body, `"head":`) {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
		for _, secret := range []string{
			upstreamSecret, "the-prompt-of-home", h.Home.Admin.Key, h.Home.User.Key, string(h.Other.ID), h.Other.Name,
			"10.0.0.1", "disk full", "upstream-key", "@", h.Path, os.TempDir(),
		} {
			if strings.Contains(a.Body, secret) {
				t.Errorf("%s tells %q: %s", path, secret, a.Body)
			}
		}
	}
}
