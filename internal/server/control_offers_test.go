package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// listOffered is as if the provider had been asked.
func listOffered(t *testing.T, h *servertest.House, name string, models ...sallyport.ModelOffer) {
	t.Helper()
	l := sallyport.ProviderList{Org: h.Home.ID, Provider: name, AskedAt: h.Clock.Now(), ListedAt: h.Clock.Now(), Models: models}
	if err := h.DB.SaveProviderList(t.Context(), l, h.Home.ID, storetest.Event("providers.refresh")); err != nil {
		t.Fatal(err)
	}
}

type offered struct {
	Failed, Message string
	Addable         bool
	Models          []struct {
		Target     string
		Models     []string
		PriceKnown bool `json:"price_known"`
	}
	Vanished []struct{ Model, Target string }
}

// What a provider lists is shown beside the catalogue; what is found is added in one
// call, and cannot be called before it has a price; what vanishes is marked and stays.
func TestOffers(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{PrivateNetworks: loopback})
	var list atomic.Pointer[string]
	says := func(body string) { list.Store(&body) }
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			_, _ = w.Write([]byte(`{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`))
			return
		}
		if *list.Load() == "" {
			http.Error(w, "no: "+r.Header.Get("Authorization"), http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(*list.Load()))
	}))
	defer upstream.Close()
	saveOwn(t, h, "own", upstream.URL+"/v1")
	call := func(method, path, body string, status int) string {
		t.Helper()
		a := h.Call(t, h.Home.Admin.Key, method, path, body)
		if a.Status != status || strings.Contains(a.Body, upstreamSecret) {
			t.Errorf("%s %s %s: got %d %s, want %d", method, path, body, a.Status, a.Body, status)
		}
		return a.Body
	}
	offers := func(method, path string) (o offered) {
		t.Helper()
		if err := json.Unmarshal([]byte(call(method, "/api/v1/providers/own/models"+path, "", 200)), &o); err != nil {
			t.Fatal(err)
		}
		return o
	}
	asks := func(status int) {
		t.Helper()
		a := h.Chat(t, h.Home.User.Key, strings.Replace(chatBody(false, "hello", ""), servertest.Model, "mystery", 1))
		if a.Status != status {
			t.Errorf("a call: got %d %s, want %d", a.Status, a.Body, status)
		}
	}
	if o := offers("GET", ""); len(o.Models) != 0 || !o.Addable {
		t.Errorf("before it was asked: %+v", o)
	}
	says(`{"data":[{"id":"gpt-4o-mini"},{"id":"mystery","context_length":9000},{"id":"dall-e-3"}]}`)
	o := offers("POST", "/refresh")
	if len(o.Models) != 3 || o.Models[0].Target != "dall-e-3" || !o.Models[1].PriceKnown || o.Models[2].PriceKnown {
		t.Errorf("refreshed: %+v", o)
	}

	call("POST", "/api/v1/providers/own/models", `{"target":"mystery"}`, 204)
	call("POST", "/api/v1/providers/own/models", `{"target":"mystery"}`, 409)
	call("POST", "/api/v1/providers/own/models", `{"target":"gpt-4o-mini","id":"mini"}`, 204)
	call("POST", "/api/v1/providers/own/models", `{"target":"dall-e-3"}`, 409)
	call("POST", "/api/v1/providers/own/models", `{"target":"unheard-of"}`, 404)
	call("POST", "/api/v1/providers/fake/models", `{"target":"gpt"}`, 409) // the operator's
	if o = offers("GET", ""); !slices.Equal(o.Models[1].Models, []string{"mini"}) || !slices.Equal(o.Models[2].Models, []string{"mystery"}) {
		t.Errorf("added: %+v", o)
	}
	models := call("GET", "/api/v1/models", "", 200)
	for _, want := range []string{`"facts_at":"2026-08-19","facts_source":"https://github.com/charmbracelet/catwalk`, `"facts_source":"provider/own"`, `"version":"unknown","unknown":true`} {
		if !strings.Contains(models, want) {
			t.Errorf("the models do not have %s: %s", want, models)
		}
	}

	asks(403)
	if list := call("GET", "/v1/models", "", 200); strings.Contains(list, "mystery") {
		t.Errorf("what cannot be called is listed: %s", list)
	}
	call("POST", "/api/v1/models", `{"id":"mystery","display_name":"","provider":"own","target":"mystery","price":{"input":"1","output":"2"}}`, 204)
	asks(200)

	heard := `{"id":"heard","display_name":"","provider":"own","target":"heard","type":"transcription","price":{"input":"0","output":"0","minute":"`
	call("POST", "/api/v1/models", heard+`60.1"}}`, 400)
	call("POST", "/api/v1/models", heard+`0.006"}}`, 204)
	if models := call("GET", "/api/v1/models", "", 200); !strings.Contains(models, `"minute":"0.006"`) {
		t.Errorf("what is priced by the minute is not told so: %s", models)
	}
	call("DELETE", "/api/v1/models?model=heard", "", 204)

	says(`{"data":[{"id":"gpt-4o-mini"}]}`)
	if o = offers("POST", "/refresh"); len(o.Vanished) != 1 || o.Vanished[0].Model != "mystery" {
		t.Errorf("vanished: %+v", o)
	}
	if models := call("GET", "/api/v1/models", "", 200); strings.Count(models, `"vanished":true`) != 1 {
		t.Errorf("the models are %s", models)
	}
	asks(200)

	says("") // a failure leaves what is known
	if o = offers("POST", "/refresh"); o.Failed != "unauthorized" || o.Message == "" || len(o.Models) != 1 {
		t.Errorf("refused: %+v", o)
	}
	call("POST", "/api/v1/providers/nobody/models/refresh", "", 404)
	a := h.Call(t, h.Other.Admin.Key, http.MethodGet, "/api/v1/providers/own/models", "")
	if a.Status != http.StatusNotFound {
		t.Errorf("another organisation: %d %s", a.Status, a.Body)
	}
	call("POST", "/api/v1/providers", `{"name":"cloud","type":"azure","base_url":"https://x.openai.azure.com/openai/v1","api_key":"k"}`, 204)
	if body := call("POST", "/api/v1/providers/cloud/models/refresh", "", 409); !strings.Contains(body, "deployment") {
		t.Errorf("Azure: %s", body)
	}
}
