package server_test

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

type probed struct {
	OK      bool
	Failed  string
	Message string
	Status  int
	Models  []string
}

func probe(t *testing.T, h *servertest.House, name string) probed {
	t.Helper()
	a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/providers/"+name+"/test", "")
	var p probed
	if err := json.Unmarshal([]byte(a.Body), &p); err != nil || a.Status != http.StatusOK || strings.Contains(a.Body, upstreamSecret) {
		t.Fatalf("test a provider: %d %s", a.Status, a.Body)
	}
	return p
}

// The step at which a provider fails is told, and recorded without its words.
func TestTestProvider(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{PrivateNetworks: loopback})
	answers := map[string]http.HandlerFunc{
		"ok": func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || r.URL.Path != "/v1/models" || r.Header.Get("Authorization") != "Bearer "+upstreamSecret {
				w.WriteHeader(http.StatusTeapot)
			}
			_, _ = w.Write([]byte(`{"data":[{"id":"one"},{"id":"two"}]}`))
		},
		"unauthorized": func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "no: "+r.Header.Get("Authorization"), http.StatusUnauthorized)
		},
		"rate_limited": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"no_list":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"status":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"answer":       func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
	}
	for want, handler := range answers {
		t.Run(want, func(t *testing.T) {
			upstream := httptest.NewServer(handler)
			t.Cleanup(upstream.Close)
			saveOwn(t, h, strings.ReplaceAll(want, "_", "-"), upstream.URL+"/v1")
			mark := h.Mark(t, h.Home.ID)
			p := probe(t, h, strings.ReplaceAll(want, "_", "-"))
			if want == "ok" {
				if !p.OK || p.Failed != "" || strings.Join(p.Models, " ") != "one two" {
					t.Errorf("got %+v", p)
				}
			} else if p.OK || p.Failed != want || p.Message == "" || p.Status == 0 {
				t.Errorf("got %+v, want the step %s", p, want)
			}
			records := h.Records(t, h.Home.ID, mark)
			if len(records) != 1 || records[0].Action != "providers.test" || !strings.Contains(string(records[0].Change), `"failed":"`+p.Failed+`"`) {
				t.Errorf("the records are %+v", records)
			}
		})
	}
	t.Run("connection", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		saveOwn(t, h, "closed", "http://"+address)
		if p := probe(t, h, "closed"); p.OK || p.Failed != "connection" {
			t.Errorf("got %+v", p)
		}
	})
	t.Run("tls", func(t *testing.T) {
		secure := httptest.NewTLSServer(answers["ok"])
		t.Cleanup(secure.Close)
		saveOwn(t, h, "untrusted", secure.URL)
		plain := httptest.NewServer(answers["ok"])
		t.Cleanup(plain.Close)
		saveOwn(t, h, "plain", strings.Replace(plain.URL, "http:", "https:", 1))
		for _, name := range []string{"untrusted", "plain"} {
			if p := probe(t, h, name); p.OK || p.Failed != "tls" {
				t.Errorf("%s: got %+v", name, p)
			}
		}
	})
	if p := probe(t, h, "fake"); p.Status == 0 { // the operator's can be tested too
		t.Errorf("the operator's: %+v", p)
	}
	if a := h.Call(t, h.Other.Admin.Key, http.MethodPost, "/api/v1/providers/ok/test", ""); a.Status != http.StatusNotFound {
		t.Errorf("another organisation's: %d %s", a.Status, a.Body)
	}
}

func saveOwn(t *testing.T, h *servertest.House, name, address string) {
	t.Helper()
	body := `{"name":` + quoted(name) + `,"type":"openai","base_url":` + quoted(address) + `,"api_key":` + quoted(upstreamSecret) + `}`
	if a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/providers", body); a.Status != http.StatusNoContent {
		t.Fatalf("save a provider: %d %s", a.Status, a.Body)
	}
}

// Without a word of the operator an address on the own network is refused, and so
// is one outside of the networks that the operator allows.
func TestPrivateNetworks(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{PrivateNetworks: loopback})
	for address, status := range map[string]int{
		"http://127.0.0.1:9/v1": 204, "https://127.0.0.1:9/v1": 204,
		"http://10.0.0.1/v1": 400, "https://10.0.0.1/v1": 400, "http://localhost/v1": 400,
		"http://llm.example.com/v1": 400, "https://169.254.169.254": 400, "https://[::1]": 400,
	} {
		if a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/providers", providerFile(address)); a.Status != status {
			t.Errorf("%s: got %d %s, want %d", address, a.Status, a.Body, status)
		}
	}
}

// A key that is kept is kept, and never goes to another address.
func TestKeptCredential(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	save := func(body string, status int) {
		t.Helper()
		if a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/providers", body); a.Status != status {
			t.Errorf("%s: got %d %s, want %d", body, a.Status, a.Body, status)
		}
	}
	set := func(want bool) {
		t.Helper()
		own, err := h.DB.Providers(t.Context(), h.Home.ID)
		if err != nil || len(own) != 1 || (len(own[0].Credential) > 0) != want || own[0].CredentialAt.IsZero() == want {
			t.Errorf("the providers are %+v, %v", own, err)
		}
	}
	save(providerFile("https://llm.example.com/v1"), 204)
	save(`{"name":"own","type":"openai","base_url":"https://llm.example.com/v1"}`, 204)
	set(true)
	save(`{"name":"own","type":"openai","base_url":"https://evil.example.com/v1"}`, 400)
	save(`{"name":"own","type":"mistral","base_url":"https://llm.example.com/v1"}`, 400)
	set(true)
	save(`{"name":"own","type":"openai","base_url":"https://llm.example.com/v1","api_key":""}`, 204)
	set(false)
}

type tested struct {
	OK      bool
	Failed  string
	Message string
	Answer  string
	Charge  string
}

// A test of a model is a call like any other: it is limited, charged and recorded.
func TestTestModel(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	test := func(model string, status int) tested {
		t.Helper()
		a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/models/test?model="+model, "")
		var got tested
		if err := json.Unmarshal([]byte(a.Body), &got); err != nil || a.Status != status {
			t.Fatalf("%s: got %d %s", model, a.Status, a.Body)
		}
		return got
	}
	before, _ := h.Balance(t, h.Home.ID)
	mark := h.Mark(t, h.Home.ID)
	got := test(servertest.Model, 200)
	after, held := h.Balance(t, h.Home.ID)
	if !got.OK || got.Answer == "" || got.Charge != (before-after).String() || before == after || held != 0 {
		t.Errorf("got %+v; the balance went from %s to %s, %s are held", got, before, after, held)
	}
	records := h.Records(t, h.Home.ID, mark)
	wantPair(t, records, sallyport.OutcomeSuccess, "")
	if records[0].Action != "models.test" {
		t.Errorf("the action is %s", records[0].Action)
	}
	test("nobody", 400)

	h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/models/access?model="+servertest.Model, `{"enabled":false}`)
	if got := test(servertest.Model, 200); got.OK || got.Failed != "model_access_denied" || got.Message == "" {
		t.Errorf("switched off: %+v", got)
	}
	h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/models/access?model="+servertest.Model, `{"enabled":true}`)
	setLimits(t, h, "organisation", "", 1, 0)
	test(servertest.Model, 200)
	if got := test(servertest.Model, 200); got.OK || got.Failed != "rate_limit_exceeded" || !strings.Contains(got.Message, "this organisation") {
		t.Errorf("over the limit: %+v", got)
	}
	setLimits(t, h, "organisation", "", 0, 0)
	h.StopProvider()
	if got := test(servertest.Model, 200); got.OK || got.Failed != "connection" {
		t.Errorf("nobody there: %+v", got)
	}
}

// What an organisation decides for models that come later leaves today's as they are.
func TestModelRules(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	call := func(method, path, body string, status int) string {
		t.Helper()
		a := h.Call(t, h.Home.Admin.Key, method, path, body)
		if a.Status != status {
			t.Errorf("%s %s: got %d %s, want %d", method, path, a.Status, a.Body, status)
		}
		return a.Body
	}
	call("PUT", "/api/v1/models/access?model="+servertest.Claude, `{"enabled":false}`, 204)
	call("PUT", "/api/v1/models/rules", `{"new":"off"}`, 204)
	call("POST", "/api/v1/providers", providerFile("https://llm.example.com/v1"), 204)
	call("POST", "/api/v1/models", modelFile, 204)
	available := func(want ...string) {
		t.Helper()
		var models []struct {
			ID      string
			Default bool
		}
		if err := json.Unmarshal([]byte(h.Call(t, h.Home.User.Key, "GET", "/api/v1/models/available", "").Body), &models); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range models {
			if m.Default {
				m.ID += "*"
			}
			got = append(got, m.ID)
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("a user may use %q, want %q", got, want)
		}
	}
	available(servertest.Model)
	call("PUT", "/api/v1/models/default", `{"model":"own-model"}`, 409)
	call("PUT", "/api/v1/models/default", `{"model":"nobody"}`, 404)
	call("PUT", "/api/v1/models/rules", `{"new":"on"}`, 204) // what came meanwhile stays off
	available(servertest.Model)
	call("PUT", "/api/v1/models/access?model=own-model", `{"enabled":true}`, 204)
	call("PUT", "/api/v1/models/default", `{"model":"own-model"}`, 204)
	available(servertest.Model, "own-model*")
	call("PUT", "/api/v1/models/rules", `{"new":"maybe"}`, 422)
	if got := call("GET", "/api/v1/models", "", 200); !strings.Contains(got, `"managed_by":"file"`) || !strings.Contains(got, `"version":"price-1"`) {
		t.Errorf("the models are %s", got)
	}
}
