package server_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// walker is somebody who tries all routes.
type walker struct {
	name   string
	member servertest.Member
	may    []string // rules of walkRules
}

// TestWalk tries every route as every role, and compares with walkRules.
func TestWalk(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	granted, refused := h.NewMember(t, h.Home.ID, sallyport.RoleUser), h.NewMember(t, h.Home.ID, sallyport.RoleUser)
	makers, locked := newGroup(t, h, "Makers", granted), newGroup(t, h, "Locked", refused)
	decide(t, h, "groups/"+makers+"/policies", `{"features":{"agent_creation":"on"}}`)
	decide(t, h, "groups/"+locked+"/policies", `{"features":{"api_key_access":"off","agent_creation":"on"}}`)
	walkers := []walker{
		{"user", h.Home.User, []string{"user", "session"}},
		{"creator", h.Home.Creator, []string{"user", "session", "creator"}},
		{"admin", h.Home.Admin, []string{"user", "session", "creator", "admin"}},
		{"user in a group that grants agent creation", granted, []string{"user", "session", "creator"}},
		{"user without API key access", refused, nil},
	}
	patterns := h.Server.Patterns()
	for _, pattern := range patterns {
		if slices.Contains(open, pattern) {
			continue
		}
		rule, known := walkRules[pattern]
		if !known {
			t.Errorf("nobody said who may call %s: give it a row in walkRules", pattern)
			continue
		}
		method, path := path(pattern)
		if a := h.Call(t, "", method, path, ""); a.Status != http.StatusUnauthorized {
			t.Errorf("%s as nobody: got %d %s", pattern, a.Status, a.Body)
		}
		for _, w := range walkers {
			call := func() servertest.Answer { return h.Call(t, w.member.Key, method, path, "") }
			if rule == "session" && w.may != nil {
				b := h.SignIn(t, w.member)
				call = func() servertest.Answer { return b.Call(t, method, path, "") }
			}
			a, want := call(), slices.Contains(w.may, rule)
			if denied := a.Status == http.StatusForbidden || a.Status == http.StatusUnauthorized; denied == want {
				t.Errorf("%s as %s: got %d %s, want allowed: %v", pattern, w.name, a.Status, a.Body, want)
			}
		}
	}
	for pattern := range walkRules {
		if !slices.Contains(patterns, pattern) {
			t.Errorf("%s has a row and is no route", pattern)
		}
	}
}

// things are what the user of Home owns, by the name of their place in ownRules.
func things(t *testing.T, h *servertest.House) (map[string]string, *servertest.Browser) {
	t.Helper()
	user := h.Home.User
	key, _ := h.NewKey(t, user, time.Time{})
	a := h.Call(t, user.Key, http.MethodPost, "/api/v1/conversations", `{"model":"mock-large","title":"The plan of Ann"}`)
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(a.Body), &made); err != nil || made.ID == "" {
		t.Fatalf("a conversation: %d %s", a.Status, a.Body)
	}
	browser := h.SignIn(t, user)
	a = browser.Call(t, http.MethodGet, "/api/v1/sessions", "")
	var sessions []struct{ ID string }
	if err := json.Unmarshal([]byte(a.Body), &sessions); err != nil || len(sessions) == 0 {
		t.Fatalf("the sessions: %d %s", a.Status, a.Body)
	}
	return map[string]string{"{key}": string(key), "{conversation}": made.ID, "{session}": sessions[0].ID}, browser
}

// TestWalkOwners tries what is somebody's as others, in this and another
// organisation, and last as its owner, for whom it is there.
func TestWalkOwners(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	bodies := map[string]string{
		"POST /api/v1/conversations/{conversation}/messages": `{"parent":"","text":"hello","model":"mock-large"}`,
		"PATCH /api/v1/conversations/{conversation}":         `{"pinned":true}`,
		"POST /api/v1/conversations/{conversation}/share":    `{"leaf":"x"}`,
	}
	for pattern, others := range ownRules {
		t.Run(pattern, func(t *testing.T) {
			owned, browser := things(t, h)
			method, path, _ := strings.Cut(pattern, " ")
			for place, id := range owned {
				path = strings.ReplaceAll(path, place, id)
			}
			call := func(m servertest.Member) servertest.Answer {
				if strings.Contains(pattern, "{session}") && m == h.Home.User {
					return browser.Call(t, method, path, bodies[pattern])
				}
				if strings.Contains(pattern, "{session}") {
					return h.SignIn(t, m).Call(t, method, path, bodies[pattern])
				}
				return h.Call(t, m.Key, method, path, bodies[pattern])
			}
			for _, m := range []servertest.Member{h.Home.Creator, h.Other.Admin, h.Other.User} {
				if a := call(m); a.Status != http.StatusNotFound {
					t.Errorf("as a %s: got %d %s, want 404", m.Role, a.Status, a.Body)
				}
			}
			if a := call(h.Home.Admin); (a.Status == http.StatusNotFound) != (others == "nobody") {
				t.Errorf("as an administrator: got %d %s, want it for %s", a.Status, a.Body, others)
			}
			if a := call(h.Home.User); others == "nobody" && !strings.Contains(pattern, "share") && !strings.Contains(pattern, "restore") && a.Status/100 != 2 {
				t.Errorf("as its owner: got %d %s", a.Status, a.Body)
			}
		})
	}
}

// TestWalkFields reads every route that answers as everybody, and looks for what
// only some may see: in any field, so that a new one is found too.
func TestWalkFields(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	owned, _ := things(t, h)
	soc := newGroup(t, h, "The secret group", h.Home.User)
	decide(t, h, "dlp/policy", `{"mode":"observe","allow":["let-me-through"]}`)
	for _, made := range [][2]string{{"providers", providerFile("https://llm.hidden.example.com/v1")}, {"models", modelFile}} {
		if a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/"+made[0], made[1]); a.Status != http.StatusNoContent {
			t.Fatalf("%s: %d %s", made[0], a.Status, a.Body)
		}
	}
	canaries := map[string]string{
		"the address of another member":    h.Home.User.Email(),
		"the key of another member":        owned["{key}"],
		"a conversation of another member": "The plan of Ann",
		"a group that one is not in":       "The secret group",
		"a value that DLP lets through":    "let-me-through",
		"the credential of a provider":     upstreamSecret,
		"the address of a provider":        "llm.hidden.example.com",
		"another organisation":             h.Other.Name,
	}
	seen := make(map[string]bool)
	for _, pattern := range h.Server.Patterns() {
		method, path := path(strings.NewReplacer("/groups/{id}", "/groups/"+soc, "/users/{id}", "/users/"+string(h.Home.User.ID)).Replace(pattern))
		if method != http.MethodGet || slices.Contains(open, pattern) {
			continue
		}
		for _, m := range []servertest.Member{h.Home.Creator, h.Home.Admin} {
			b := h.SignIn(t, m)
			a := b.Call(t, method, path, "")
			for _, s := range secrets {
				if !strings.Contains(a.Body, canaries[s.what]) {
					continue
				}
				if s.mayRead == "nobody" || m.Role != sallyport.RoleAdministrator {
					t.Errorf("%s shows %s to a %s: %s", pattern, s.what, m.Role, a.Body)
				}
				seen[s.what] = true
			}
		}
	}
	for _, s := range secrets {
		if s.mayRead == "admin" && !seen[s.what] {
			t.Errorf("no route shows %s to administrators: the test looks for the wrong thing", s.what)
		}
	}
}
