package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// A model answers to each name that the organisation gave it, old ones too, and
// what was decided of it holds by whatever name it is asked for.
func TestModelNames(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	call := func(key, method, path, body string, status int) string {
		t.Helper()
		a := h.Call(t, key, method, path, body)
		if a.Status != status {
			t.Errorf("%s %s %s: got %d %s, want %d", method, path, body, a.Status, a.Body, status)
		}
		return a.Body
	}
	admin, user := h.Home.Admin.Key, h.Home.User.Key
	asks := func(key, name string, status int) {
		t.Helper()
		a := h.Chat(t, key, strings.Replace(chatBody(false, "hello", ""), servertest.Model, name, 1))
		if a.Status != status {
			t.Errorf("a call of %s: got %d %s, want %d", name, a.Status, a.Body, status)
		}
	}
	const of = "?model=" + servertest.Model
	call(admin, "POST", "/api/v1/models/aliases"+of, `{"name":"best"}`, 204)
	call(admin, "PUT", "/api/v1/models/name"+of, `{"name":"acme/large"}`, 204)
	call(admin, "PUT", "/api/v1/models/name"+of, `{"name":"acme/larger"}`, 204)
	for _, name := range []string{servertest.Model, "best", "acme/large", "acme/larger"} {
		asks(user, name, 200)
		call(user, "GET", "/v1/models/"+name, "", 200)
	}
	asks(h.Other.User.Key, "best", 400)
	list := call(user, "GET", "/v1/models", "", 200)
	for name, listed := range map[string]bool{"best": true, "acme/larger": true, "acme/large": false, servertest.Model: false} {
		if strings.Contains(list, `"id":"`+name+`"`) != listed {
			t.Errorf("%s listed: %v, want %v, in %s", name, !listed, listed, list)
		}
	}
	if got := call(admin, "GET", "/api/v1/models", "", 200); !strings.Contains(got, `"name":"acme/larger","aliases":["best"],"former_names":["acme/large"]`) {
		t.Errorf("the administrator sees %s", got)
	}

	for name, status := range map[string]int{
		"mock-claude": 409, "best": 409, servertest.Model: 409, "agent/x": 400, "two words": 400, "": 400, strings.Repeat("n", 201): 400,
	} {
		call(admin, "POST", "/api/v1/models/aliases"+of, `{"name":"`+name+`"}`, status)
	}
	call(admin, "PUT", "/api/v1/models/name?model=mock-claude", `{"name":"acme/large"}`, 409)
	call(admin, "POST", "/api/v1/providers", providerFile("https://llm.example.com/v1"), 204)
	call(admin, "POST", "/api/v1/models", strings.Replace(modelFile, "own-model", "best", 1), 409)
	call(admin, "DELETE", "/api/v1/models/aliases?model=mock-claude&name=best", "", 404)

	decide(t, h, "organisation/policies", `{"models":{"names":{"mock-large":"off"}}}`)
	asks(user, "best", 403)
	decide(t, h, "organisation/policies", `{"models":{}}`)
	call(admin, "DELETE", "/api/v1/models/aliases"+of+"&name=best", "", 204)
	asks(user, "best", 400)
}

// What is decided on a model group holds for the models that are in it now.
func TestModelGroups(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	admin := h.Home.Admin.Key
	call := func(method, path, body string, status int) string {
		t.Helper()
		a := h.Call(t, admin, method, path, body)
		if a.Status != status {
			t.Errorf("%s %s %s: got %d %s, want %d", method, path, body, a.Status, a.Body, status)
		}
		return a.Body
	}
	asks := func(step string, status int) {
		t.Helper()
		if a := h.Chat(t, h.Home.User.Key, chatBody(false, "hello", "")); a.Status != status {
			t.Errorf("%s: got %d %s, want %d", step, a.Status, a.Body, status)
		}
	}
	blue := newGroup(t, h, "Blue", h.Home.User)
	call("PUT", "/api/v1/groups/"+blue+"/policies", `{"models":{"groups":{"safe":"on"}}}`, 400) // there is none yet
	call("PUT", "/api/v1/model-groups/safe", `{"description":"d","models":["mock-claude"]}`, 204)
	decide(t, h, "groups/"+blue+"/policies", `{"models":{"default":"off","groups":{"safe":"on"}}}`)
	asks("outside of the group", 403)
	if got := call("GET", "/api/v1/groups/"+blue+"/effective", "", 200); !strings.Contains(got, `"name":"mock-claude","allowed":true`) {
		t.Errorf("effective rights are %s", got)
	}
	call("PUT", "/api/v1/model-groups/safe", `{"models":["mock-claude","mock-large"]}`, 204)
	asks("in the group", 200)
	call("DELETE", "/api/v1/model-groups/safe", "", 409)
	call("PUT", "/api/v1/model-groups/safe", `{"models":["nothing"]}`, 400)
	call("PUT", "/api/v1/model-groups/Safe%20ones", `{"models":[]}`, 422)
	if got := call("GET", "/api/v1/model-groups", "", 200); !strings.Contains(got, `{"name":"safe","description":"","models":["mock-claude","mock-large"]}`) {
		t.Errorf("the groups are %s", got)
	}
	if a := h.Call(t, h.Other.Admin.Key, http.MethodGet, "/api/v1/model-groups", ""); strings.Contains(a.Body, "safe") {
		t.Errorf("another organisation sees %s", a.Body)
	}
	decide(t, h, "groups/"+blue+"/policies", `{"models":{}}`)
	call("DELETE", "/api/v1/model-groups/safe", "", 204)
	asks("nothing decided", 200)
}
