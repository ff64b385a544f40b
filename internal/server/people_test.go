package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// invited makes an invitation and returns its id and token. more are members of
// the request beside the address.
func invited(t *testing.T, h *servertest.House, email, more string) (id, token string) {
	t.Helper()
	return invitedTo(t, h, h.Home, email, more)
}

func invitedTo(t *testing.T, h *servertest.House, org servertest.Tenant, email, more string) (id, token string) {
	t.Helper()
	a := h.Call(t, org.Admin.Key, http.MethodPost, "/api/v1/invites", `{"email":`+quoted(email)+more+`}`)
	var made struct {
		Invite struct{ ID string }
		Path   string
	}
	if err := json.Unmarshal([]byte(a.Body), &made); err != nil || a.Status != http.StatusOK {
		t.Fatalf("invite: %d %s", a.Status, a.Body)
	}
	token, found := strings.CutPrefix(made.Path, "/invite#")
	if !found || !strings.HasPrefix(token, made.Invite.ID+"-") {
		t.Fatalf("the page of the invitation is %q", made.Path)
	}
	return made.Invite.ID, token
}

func accept(t *testing.T, h *servertest.House, token, name, password string) servertest.Answer {
	t.Helper()
	return h.Call(t, "", http.MethodPost, "/api/v1/invites/accept",
		`{"token":`+quoted(token)+`,"name":`+quoted(name)+`,"password":`+quoted(password)+`}`)
}

func lookAt(t *testing.T, h *servertest.House, token string) servertest.Answer {
	t.Helper()
	return h.Call(t, "", http.MethodPost, "/api/v1/invites/look", `{"token":`+quoted(token)+`}`)
}

const chosenPassword = "a phrase that I chose"

// A new person accepts an invitation, once.
func TestInvite(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	red := newGroup(t, h, "Red")
	const email = "new.person@home.test"
	mark := h.Mark(t, h.Home.ID)
	id, token := invited(t, h, "New.Person@home.test", `,"role":"agent_creator","groups":[`+quoted(red)+`]`)
	if a := lookAt(t, h, token); a.Status != 200 || !strings.Contains(a.Body, `"organisation":"Home"`) ||
		!strings.Contains(a.Body, quoted(email)) || !strings.Contains(a.Body, `"known":false`) {
		t.Errorf("the invitation is %d %s", a.Status, a.Body)
	}
	if list := h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/invites", "").Body; !strings.Contains(list, quoted(id)) || strings.Contains(list, token) {
		t.Errorf("the open invitations are %s", list)
	}
	for name, tt := range map[string]struct{ name, password string }{
		"no name": {" ", chosenPassword}, "short password": {"New", "short"}, "the address": {"New", email},
	} {
		if a := accept(t, h, token, tt.name, tt.password); a.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	a := accept(t, h, token, "New Person", chosenPassword)
	if a.Status != http.StatusOK || !strings.Contains(a.Body, `"name":"Red"`) || !strings.Contains(a.Body, `"role":"agent_creator"`) {
		t.Fatalf("accepted: %d %s", a.Status, a.Body)
	}
	var b servertest.Browser
	b.Took(t, a)
	if a := signIn(t, h, email, chosenPassword); a.Status != http.StatusOK {
		t.Errorf("sign in: %d %s", a.Status, a.Body)
	}
	var actions []string
	for _, r := range h.Records(t, h.Home.ID, mark) {
		actions = append(actions, r.Action)
		if text := string(r.Change); strings.Contains(text, email) || strings.Contains(text, token) {
			t.Errorf("the record has what cannot be erased: %s", text)
		}
	}
	if got := strings.Join(actions, " "); got != "invites.create invites.look invites.list invites.accept session.create session.create" {
		t.Errorf("the trail tells of %s", got)
	}

	// Used, taken back, replaced, too old, altered and made up: always the same answer.
	backID, back := invited(t, h, "back@home.test", "")
	if a := h.Call(t, h.Home.Admin.Key, http.MethodDelete, "/api/v1/invites/"+backID, ""); a.Status != http.StatusNoContent {
		t.Errorf("take back: %d %s", a.Status, a.Body)
	}
	_, old := invited(t, h, "old@home.test", "")
	_, replaced := invited(t, h, "twice@home.test", "")
	_, newer := invited(t, h, "twice@home.test", "")
	if a := lookAt(t, h, newer); a.Status != http.StatusOK {
		t.Errorf("the newer of two: %d %s", a.Status, a.Body)
	}
	h.Clock.Advance(sallyport.InviteLifeMax)
	want := lookAt(t, h, strings.Repeat("a", 16)+"-"+strings.Repeat("b", 43))
	if want.Status != http.StatusNotFound {
		t.Errorf("a token that is made up: %d %s", want.Status, want.Body)
	}
	for name, token := range map[string]string{
		"used": token, "taken back": back, "replaced": replaced, "too old": old, "altered": newer[:len(newer)-1] + flip(newer[len(newer)-1]), "garbage": "x",
	} {
		if a := lookAt(t, h, token); a.Status != want.Status || a.Body != want.Body {
			t.Errorf("look at %s: %d %s, want %s", name, a.Status, a.Body, want.Body)
		}
		if a := accept(t, h, token, "Somebody", chosenPassword); a.Status != want.Status || a.Body != want.Body {
			t.Errorf("accept %s: %d %s, want %s", name, a.Status, a.Body, want.Body)
		}
	}
	for name, tt := range map[string]struct {
		body   string
		status int
	}{
		"a member":      {`{"email":` + quoted(h.Home.User.Email()) + `}`, 409},
		"no address":    {`{"email":"not an address"}`, 400},
		"unknown group": {`{"email":"x@home.test","groups":["01a00000-0000-7000-8000-000000000000"]}`, 404},
		"unknown role":  {`{"email":"x@home.test","role":"owner"}`, 422},
	} {
		if a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/invites", tt.body); a.Status != tt.status {
			t.Errorf("%s: %d %s, want %d", name, a.Status, a.Body, tt.status)
		}
	}
}

// Guesses at invitations are held back by address.
func TestInviteGuesses(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	held := false
	for range 60 {
		a := lookAt(t, h, "x")
		held = held || a.Status == http.StatusTooManyRequests && a.Header.Get("Retry-After") != ""
	}
	if !held {
		t.Error("60 guesses were not held back")
	}
	h.Clock.Advance(time.Hour)
	_, token := invited(t, h, "new@home.test", "")
	for range 60 { // looking at what is there is no guess
		if a := lookAt(t, h, token); a.Status != http.StatusOK {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
}

// Who has an account accepts with its password, and goes to and fro between the
// organisations with it.
func TestSeveralOrganisations(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	user := h.Home.User
	b := h.SignIn(t, user)
	_, token := invitedTo(t, h, h.Other, user.Email(), "")
	if a := lookAt(t, h, token); !strings.Contains(a.Body, `"known":true`) {
		t.Errorf("the invitation is %s", a.Body)
	}
	if a := accept(t, h, token, "Thief", chosenPassword); a.Status != http.StatusForbidden {
		t.Errorf("with another password: %d %s", a.Status, a.Body)
	}
	if a := accept(t, h, token, "", servertest.Password); a.Status != http.StatusOK || !strings.Contains(a.Body, `"organisation":{"id":`+quoted(string(h.Other.ID))) {
		t.Fatalf("with the own password: %d %s", a.Status, a.Body)
	}
	if a := b.Call(t, http.MethodGet, sessionPath, ""); strings.Count(a.Body, `"name":"Other","role":"user"`) != 1 {
		t.Errorf("the organisations are %s", a.Body)
	}
	home, other := h.Mark(t, h.Home.ID), h.Mark(t, h.Other.ID)
	before := *b
	a := b.Call(t, http.MethodPut, sessionPath+"/organisation", `{"id":`+quoted(string(h.Other.ID))+`}`)
	b.Took(t, a)
	if me := b.Call(t, http.MethodGet, "/api/v1/me", "").Body; !strings.Contains(me, `"organisation":"Other"`) {
		t.Errorf("after the change: %s", me)
	}
	if a := before.Call(t, http.MethodGet, "/api/v1/me", ""); a.Status != http.StatusUnauthorized {
		t.Errorf("the session before the change: %d", a.Status)
	}
	for org, mark := range map[sallyport.OrgID]int64{h.Home.ID: home, h.Other.ID: other} {
		if r := h.Records(t, org, mark)[0]; r.Action != "session.organisation" || r.Actor.User != user.ID {
			t.Errorf("%s is told %+v", org, r)
		}
	}
	if a := b.Call(t, http.MethodPut, sessionPath+"/organisation", `{"id":"none"}`); a.Status != http.StatusNotFound {
		t.Errorf("to nowhere: %d %s", a.Status, a.Body)
	}

	// One password opens both, and is changed in both.
	b.Took(t, b.Call(t, http.MethodPut, "/api/v1/password", `{"current":`+quoted(servertest.Password)+`,"new":`+quoted(chosenPassword)+`}`))
	b.Took(t, b.Call(t, http.MethodPut, sessionPath+"/organisation", `{"id":`+quoted(string(h.Home.ID))+`}`))
	for _, org := range []sallyport.OrgID{h.Home.ID, h.Other.ID} {
		found := false
		for _, r := range h.Records(t, org, 0) {
			found = found || r.Action == "password.change"
		}
		if !found {
			t.Errorf("%s was not told of the new password", org)
		}
	}

	// Who has a password of its own in an organisation signs in there with that.
	h.SetPassword(t, servertest.Member{Org: h.Other.ID, ID: user.ID}, "another password there")
	if a := b.Call(t, http.MethodPut, sessionPath+"/organisation", `{"id":`+quoted(string(h.Other.ID))+`}`); a.Status != http.StatusNotFound {
		t.Errorf("with another password there: %d %s", a.Status, a.Body)
	}
	if a := signIn(t, h, user.Email(), "another password there"); a.Status != 200 || !strings.Contains(a.Body, `"organisation":{"id":`+quoted(string(h.Other.ID))) {
		t.Errorf("signed in with it: %d %s", a.Status, a.Body)
	}
}

// Who is deactivated is out at once: sessions, keys, signing in. The trail keeps
// the person, and the last administrator stays.
func TestDeactivate(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	user, admin := h.Home.User, h.Home.Admin
	b := h.SignIn(t, user)
	patch := func(m servertest.Member, body string, want int) {
		t.Helper()
		if a := h.Call(t, admin.Key, http.MethodPatch, "/api/v1/users/"+string(m.ID), body); a.Status != want {
			t.Errorf("%s: %d %s, want %d", body, a.Status, a.Body, want)
		}
	}
	patch(user, `{"state":"deactivated"}`, 204)
	if r := h.Records(t, h.Home.ID, h.Mark(t, h.Home.ID)-1)[0]; r.Action != "users.update" || r.Resource != "user/"+string(user.ID) || string(r.Change) != `{"state":"deactivated"}` {
		t.Errorf("the record is %+v with %s", r, r.Change)
	}
	if a := b.Call(t, http.MethodGet, "/api/v1/me", ""); a.Status != http.StatusUnauthorized {
		t.Errorf("the session: %d %s", a.Status, a.Body)
	}
	if a := h.Call(t, user.Key, http.MethodGet, "/v1/models", ""); a.Status != http.StatusUnauthorized {
		t.Errorf("the key: %d %s", a.Status, a.Body)
	}
	in, nobody := signIn(t, h, user.Email(), servertest.Password), signIn(t, h, "nobody@home.test", servertest.Password)
	if in.Status != http.StatusUnauthorized || in.Body != nobody.Body {
		t.Errorf("sign in: %d %s, want what nobody gets: %s", in.Status, in.Body, nobody.Body)
	}
	if list := h.Call(t, admin.Key, http.MethodGet, "/api/v1/users?state=deactivated", "").Body; !strings.Contains(list, string(user.ID)) || strings.Contains(list, string(admin.ID)) {
		t.Errorf("the deactivated are %s", list)
	}
	patch(user, `{"state":"active"}`, 204)
	if a := b.Call(t, http.MethodGet, "/api/v1/me", ""); a.Status != http.StatusUnauthorized {
		t.Errorf("the session of before, when active again: %d", a.Status)
	}
	if a := h.Call(t, user.Key, http.MethodGet, "/v1/models", ""); a.Status != http.StatusOK {
		t.Errorf("the key, when active again: %d", a.Status)
	}

	patch(admin, `{"role":"user"}`, 409)
	patch(admin, `{"state":"deactivated"}`, 409)
	patch(user, `{"role":"administrator"}`, 204)
	b = h.SignIn(t, user)
	if a := b.Call(t, http.MethodGet, "/api/v1/users", ""); a.Status != http.StatusOK {
		t.Errorf("a new administrator: %d", a.Status)
	}
	patch(user, `{"role":"user"}`, 204)
	if a := b.Call(t, http.MethodGet, "/api/v1/users", ""); a.Status != http.StatusForbidden {
		t.Errorf("who is none any more: %d", a.Status)
	}
	patch(user, `{}`, 400)
	patch(user, `{"role":"owner"}`, 422)
	patch(servertest.Member{ID: h.Other.User.ID}, `{"role":"administrator"}`, 404)
	if a := h.Call(t, admin.Key, http.MethodPost, "/api/v1/users/"+string(user.ID)+"/sign-out", ""); a.Status != http.StatusNoContent {
		t.Errorf("sign out: %d %s", a.Status, a.Body)
	}
	if a := b.Call(t, http.MethodGet, "/api/v1/me", ""); a.Status != http.StatusUnauthorized {
		t.Errorf("who was signed out: %d", a.Status)
	}
	if a := h.Call(t, admin.Key, http.MethodPost, "/api/v1/users/"+string(h.Other.User.ID)+"/sign-out", ""); a.Status != http.StatusNotFound {
		t.Errorf("sign out another organisation's: %d", a.Status)
	}
}

// Users come by pages, searched for and as CSV that no spreadsheet runs.
func TestUsers(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	red := newGroup(t, h, "Red", h.Home.User)
	h.SignIn(t, h.Home.User)
	_, token := invited(t, h, "formula@home.test", "")
	if a := accept(t, h, token, "=1+1", chosenPassword); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	type page struct {
		Users []struct {
			ID, Email, Name, Role, State string
			Groups                       []struct{ Name string }
			SeenAt                       *time.Time `json:"seen_at"`
		}
		Next string
	}
	get := func(query string) (p page) {
		t.Helper()
		a := h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/users"+query, "")
		if err := json.Unmarshal([]byte(a.Body), &p); err != nil || a.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", query, a.Status, a.Body)
		}
		return p
	}
	var all []string
	for query := "?limit=3"; ; {
		p := get(query)
		for _, u := range p.Users {
			all = append(all, u.Email)
		}
		if p.Next == "" {
			break
		}
		query = "?limit=3&cursor=" + p.Next
	}
	if len(all) != 4 {
		t.Errorf("the pages have %q", all)
	}
	for query, want := range map[string]int{
		"?q=FORMULA": 1, "?q=%25": 0, "?q=_": 1, "?q=administrator": 1, "?role=agent_creator": 1, "?group=" + red: 1, "?state=deactivated": 0, "?state=active": 4,
	} {
		if p := get(query); len(p.Users) != want {
			t.Errorf("%s finds %+v, want %d", query, p.Users, want)
		}
	}
	if u := get("?group=" + red).Users[0]; u.ID != string(h.Home.User.ID) || len(u.Groups) != 1 || u.Groups[0].Name != "Red" || u.SeenAt == nil {
		t.Errorf("the user is %+v", u)
	}
	csv := h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/users/export?q=formula", "")
	if !strings.HasPrefix(csv.Header.Get("Content-Type"), "text/csv") || !strings.HasPrefix(csv.Body, "id,email,") ||
		!strings.Contains(csv.Body, ",formula@home.test,'=1+1,user,active,") || strings.Count(csv.Body, "\n") != 2 {
		t.Errorf("the CSV is %s", csv.Body)
	}
}
