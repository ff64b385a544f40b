package server_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// Nothing that a client writes into headers reaches a provider: what it gets is
// our own, whatever the client calls it.
func TestNoHeaderIsForwarded(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	for model, own := range map[string][]string{
		servertest.Model:  {"Accept", "Authorization", "Content-Length", "Content-Type", "User-Agent"},
		servertest.Claude: {"Accept", "Anthropic-Version", "Content-Length", "Content-Type", "User-Agent", "X-Api-Key"},
	} {
		r := h.Request(t.Context(), t, h.Home.User.Key, http.MethodPost, chatPath, strings.Replace(chatBody(false, "hello", ""), servertest.Model, model, 1))
		for _, name := range []string{
			"X-Admin", "Cookie", "Proxy-Authorization", "X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "Via", "Te", "Trailer",
			"Upgrade", "Keep-Alive", "Proxy-Connection", "X-Hop", "Openai-Organization", "Anthropic-Beta", "Accept-Encoding", "Range", "Referer", "Origin",
		} {
			r.Header.Set(name, "CANARY")
		}
		r.Header.Set("Connection", "X-Hop, X-Admin")
		if a := h.Send(t, r); a.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", model, a.Status, a.Body)
		}
		asked := h.Fake.Requests()
		got := asked[len(asked)-1].Header
		if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, own) || strings.Contains(fmt.Sprint(got), "CANARY") || strings.Contains(fmt.Sprint(got), h.Home.User.Key) {
			t.Errorf("%s: the provider got %v, want the headers %v of our own", model, got, own)
		}
	}
}

// A line break in a header, raw on the wire, is refused before anybody reads it.
func TestHeaderInjection(t *testing.T) {
	t.Parallel()
	w := openWire(t)
	for name, header := range map[string]string{
		"a bare carriage return":   "X-A: b\rX-Admin: 1\r\n",
		"NUL in a value":           "X-A: b\x00c\r\n",
		"a control character":      "X-A: b\x1bc\r\n",
		"a blank in a name":        "X A: b\r\n",
		"a line break in a name":   "X-\r\nA: b\r\n",
		"no colon":                 "X-Admin\r\n",
		"no name":                  ": b\r\n",
		"two hosts":                "Host: other\r\n",
		"a host with a path":       "",
		"a header of 70 KB":        "X-A: " + strings.Repeat("a", 70<<10) + "\r\n",
		"a header of 20,000 lines": strings.Repeat("X-A: b\r\n", 20_000),
	} {
		host := "h"
		if name == "a host with a path" {
			host = "h/../admin"
		}
		raw := "GET /v1/models HTTP/1.1\r\nHost: " + host + "\r\nX-Api-Key: " + w.Home.User.Key + "\r\n" + header + "\r\n"
		for how, dial := range w.dials() {
			got := exchange(t, dial(t), strings.NewReader(raw))
			if len(got) != 1 || got[0].StatusCode/100 != 4 || !got[0].Close {
				t.Errorf("%s, %s: %s", name, how, statuses(got))
			}
		}
	}
}

// The key alone says which organisation a call belongs to.
func TestOrganisationComesFromTheKey(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	home, other := h.Mark(t, h.Home.ID), h.Mark(t, h.Other.ID)
	id := string(h.Home.ID)
	for _, tt := range []struct{ method, path, body string }{
		{http.MethodGet, "/v1/models?org_id=" + id + "&organisation=" + id, ""},
		{http.MethodGet, "/api/v1/me?org=" + id, ""},
		{http.MethodPost, chatPath, strings.Replace(chatBody(false, "hello", ""), "{", `{"org_id":"`+id+`","organization":"`+id+`",`, 1)},
		{http.MethodPost, "/api/v1/keys", `{"name":"ci"}`},
	} {
		r := h.Request(t.Context(), t, h.Other.User.Key, tt.method, tt.path, tt.body)
		for _, name := range []string{"X-Org-Id", "X-Organization-Id", "X-Organisation", "Openai-Organization", "X-User", "X-Role"} {
			r.Header.Set(name, id)
		}
		a := h.Send(t, r)
		if a.Status != http.StatusOK || strings.Contains(a.Body, id) {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, a.Status, a.Body)
		}
	}
	if h.Mark(t, h.Home.ID) != home || h.Mark(t, h.Other.ID) == other {
		t.Error("a call was recorded in the organisation that it named, and not in its key's")
	}
	// Nor can a member give a key, or an agent, a role.
	for _, body := range []string{`{"name":"ci","role":"administrator"}`, `{"name":"ci","org_id":"` + id + `"}`, `{"name":"ci","user_id":"` + string(h.Other.Admin.ID) + `"}`} {
		if a := h.Call(t, h.Other.User.Key, http.MethodPost, "/api/v1/keys", body); a.Status/100 != 4 {
			t.Errorf("%s: %d %s", body, a.Status, a.Body)
		}
	}
}

// What belongs to another organisation is answered as what does not exist, to
// the letter, and the attempt is in the trail of who made it.
func TestForeignIsUnknown(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	prepare(t, h, "saveModel")
	agent := importedAgent(t, h)
	run := startedRun(t, h, agent)
	const unknown = "00000000-0000-7000-8000-000000000000"
	for name, tt := range map[string]struct{ method, path, body, foreign, none string }{
		"agent":         {"GET", "/v1/agents/%s", "", agent, unknown},
		"start":         {"POST", "/v1/agents/%s/run", `{"input":"x"}`, agent, unknown},
		"start by body": {"POST", "/v1/agents/runs", `{"agentId":"%s"}`, agent, unknown},
		"run":           {"GET", "/v1/runs/%s", "", run, unknown},
		"model":         {"GET", "/v1/models/%s", "", "own-model", "two-model"},
		"chat":          {"POST", chatPath, `{"model":"%s","messages":[{"role":"user","content":"x"}]}`, "own-model", "two-model"},
		"key":           {"DELETE", "/api/v1/keys/%s", "", string(h.Home.User.KeyID), "k" + string(h.Home.User.KeyID)[1:]},
		"provider":      {"DELETE", "/api/v1/providers/%s", "", "own", "two"},
		"delete model":  {"DELETE", "/api/v1/models?model=%s", "", "own-model", "two-model"},
		"limits":        {"PUT", "/api/v1/limits?scope=user&id=%s", `{"requests_per_minute":1,"tokens_per_minute":1}`, string(h.Home.User.ID), unknown},
	} {
		ask := func(id string) (servertest.Answer, sallyport.Record) {
			fill := func(s string) string { return strings.Replace(s, "%s", id, 1) }
			mark := h.Mark(t, h.Other.ID)
			a := h.Call(t, h.Other.Admin.Key, tt.method, fill(tt.path), fill(tt.body))
			records := h.Records(t, h.Other.ID, mark)
			if len(records) != 1 || records[0].Phase != sallyport.PhaseRefusal || records[0].RequestID != a.RequestID {
				t.Fatalf("%s: %d %s, and records %+v, want one refusal", name, a.Status, a.Body, records)
			}
			a.Body = strings.ReplaceAll(a.Body, id, "ID")
			return a, records[0]
		}
		foreign, told := ask(tt.foreign)
		none, told2 := ask(tt.none)
		if foreign.Status != none.Status || foreign.Body != none.Body || told.Code != told2.Code || foreign.Status/100 != 4 {
			t.Errorf("%s: foreign is %d %s, unknown %d %s", name, foreign.Status, foreign.Body, none.Status, none.Body)
		}
	}
}

// A body that is compressed is refused, not unpacked: nothing can swell.
func TestCompressedBody(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	bomb := func(times int, body []byte) string {
		for range times {
			var out bytes.Buffer
			zip := gzip.NewWriter(&out)
			_, _ = zip.Write(body)
			_ = zip.Close()
			body = out.Bytes()
		}
		return string(body)
	}
	for name, tt := range map[string]struct {
		coding, body string
		status       int
	}{
		"gzip":                 {"gzip", bomb(1, []byte(chatBody(false, "hello", ""))), 400},
		"a bomb":               {"gzip", bomb(1, make([]byte, 10<<20)), 400},
		"a bomb within a bomb": {"gzip", bomb(2, make([]byte, 10<<20)), 400},
		"other codings":        {"deflate, br", "x", 400},
		"it only says so":      {"gzip", chatBody(false, "hello", ""), 400},
		"it does not say so":   {"", bomb(1, []byte(chatBody(false, "hello", ""))), 400},
		"identity":             {"identity", chatBody(false, "hello", ""), 200},
	} {
		mark := h.Mark(t, h.Home.ID)
		r := h.Request(t.Context(), t, h.Home.User.Key, http.MethodPost, chatPath, tt.body)
		if tt.coding != "" {
			r.Header.Set("Content-Encoding", tt.coding)
		}
		a := h.Send(t, r)
		if a.Status != tt.status {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
		if tt.status == 400 {
			wantRefusal(t, h.Records(t, h.Home.ID, mark), sallyport.InvalidBody, http.StatusBadRequest)
		}
	}
	if n := len(h.Fake.Requests()); n != 1 {
		t.Errorf("the provider was asked %d times, want once", n)
	}
}
