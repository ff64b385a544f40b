package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/policy"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

type limitUse struct {
	Scope, ID, Name string
	ManagedBy       string `json:"managed_by"`
	Use             []struct {
		Unit                   string
		Limit, Used, Remaining int64
	}
}

func readJSON[T any](t *testing.T, a servertest.Answer) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.Body), &v); err != nil || a.Status != http.StatusOK {
		t.Fatalf("got %d %s: %v", a.Status, a.Body, err)
	}
	return v
}

// What is told of limits is what calls meet, and telling uses nothing up.
func TestLimitUse(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{Limits: policy.Defaults{
		Organisation: policy.Limits{RequestsPerMinute: 100}, User: policy.Limits{RequestsPerMinute: 50},
	}})
	user := h.Home.User
	red := newGroup(t, h, "Red", user)
	setLimits(t, h, "group", red, 10, 0)
	setLimits(t, h, "key", string(user.KeyID), 0, 100_000)
	setLimits(t, h, "model", servertest.Model, 3, 0)
	find := func(scope string) limitUse {
		t.Helper()
		for _, l := range readJSON[[]limitUse](t, h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/limits/use", "")) {
			if l.Scope == scope && (l.ID != "" || scope == "organisation") {
				return l
			}
		}
		t.Fatalf("there are no limits of a %s", scope)
		return limitUse{}
	}
	used := func(scope string, want int64) limitUse {
		t.Helper()
		l := find(scope)
		if len(l.Use) != 1 || l.Use[0].Used != want || l.Use[0].Remaining != l.Use[0].Limit-want {
			t.Errorf("%s: got %+v, want %d used", scope, l, want)
		}
		return l
	}
	used("group", 0)
	h.Chat(t, user.Key, chatBody(false, "hello", ""))
	for range 2 {
		if l := used("organisation", 1); l.ManagedBy != "file" {
			t.Errorf("the organisation's are %+v", l)
		}
		if l := used("group", 1); l.Name != "Red" || l.ManagedBy != "organisation" {
			t.Errorf("the group's are %+v", l)
		}
		used("model", 1)
	}
	if key := find("key"); len(key.Use) != 1 || key.Use[0].Unit != "tokens" || key.Use[0].Used == 0 {
		t.Errorf("the key's are %+v", key)
	}

	of := readJSON[struct {
		Name         string
		Limits, Keys []limitUse
		Budgets      []struct{ Scope string }
	}](t, h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/users/"+string(user.ID)+"/limits", ""))
	var scopes []string
	for _, l := range of.Limits {
		scopes = append(scopes, l.Scope+" "+l.ManagedBy)
	}
	if strings.Join(scopes, ", ") != "organisation file, group organisation, user file" || len(of.Keys) != 1 || of.Limits[2].Use[0].Used != 1 {
		t.Errorf("the user's are %+v", of)
	}
	if a := h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/users/nobody/limits", ""); a.Status != http.StatusNotFound {
		t.Errorf("nobody's: %d %s", a.Status, a.Body)
	}
	if a := h.Call(t, h.Other.Admin.Key, http.MethodGet, "/api/v1/users/"+string(user.ID)+"/limits", ""); a.Status != http.StatusNotFound {
		t.Errorf("another organisation's: %d %s", a.Status, a.Body)
	}
}

// The limits of a model are shared by all of the organisation's calls to it, and
// by none to another.
func TestModelLimits(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	setLimits(t, h, "model", servertest.Model, 2, 0)
	for _, m := range []servertest.Member{h.Home.User, h.Home.Creator} {
		if a := h.Chat(t, m.Key, chatBody(false, "hello", "")); a.Status != http.StatusOK {
			t.Errorf("got %d %s", a.Status, a.Body)
		}
	}
	a := h.Chat(t, h.Home.User.Key, chatBody(false, "hello", ""))
	if a.Status != http.StatusTooManyRequests || !strings.Contains(a.Body, "this model has used 2 of its 2 requests per minute") {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	if a := h.Chat(t, h.Home.User.Key, strings.Replace(chatBody(false, "hello", ""), servertest.Model, servertest.Claude, 1)); a.Status != http.StatusOK {
		t.Errorf("another model: %d %s", a.Status, a.Body)
	}
	if a := h.Chat(t, h.Other.User.Key, chatBody(false, "hello", "")); a.Status != http.StatusOK {
		t.Errorf("another organisation: %d %s", a.Status, a.Body)
	}
	if a := h.Call(t, h.Home.Admin.Key, http.MethodDelete, "/api/v1/limits?scope=model&id="+servertest.Model, ""); a.Status != http.StatusNoContent {
		t.Errorf("remove: %d %s", a.Status, a.Body)
	}
	if a := h.Chat(t, h.Home.User.Key, chatBody(false, "hello", "")); a.Status != http.StatusOK {
		t.Errorf("without limits: %d %s", a.Status, a.Body)
	}
	for path, status := range map[string]int{
		"?scope=model&id=" + servertest.Model: 404, "?scope=model&id=nobody": 404, "?scope=planet&id=x": 422, "?scope=organisation": 404,
	} {
		if a := h.Call(t, h.Home.Admin.Key, http.MethodDelete, "/api/v1/limits"+path, ""); a.Status != status {
			t.Errorf("remove %s: %d %s", path, a.Status, a.Body)
		}
	}
}
