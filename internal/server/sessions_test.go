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

const sessionPath = "/api/v1/session"

// signIn tries to sign in.
func signIn(t *testing.T, h *servertest.House, email, password string) servertest.Answer {
	t.Helper()
	return h.Call(t, "", http.MethodPost, sessionPath, `{"email":`+quoted(email)+`,"password":`+quoted(password)+`}`)
}

// A session from its beginning to its end, and what the trail tells of it.
func TestSession(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	user := h.Home.User
	red := newGroup(t, h, "Red", user)
	b := h.SignIn(t, user)
	mark := h.Mark(t, h.Home.ID)
	a := signIn(t, h, strings.ToUpper(user.Email())+" ", servertest.Password)
	b.Took(t, a)
	c := b.Cookie
	if c.Name != "sallyport_session" || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Secure || c.Domain != "" {
		t.Errorf("the cookie is %+v", c)
	}
	if strings.Contains(a.Body, c.Value) {
		t.Error("the body has the token, where scripts can read it")
	}
	rec := h.Records(t, h.Home.ID, mark)[0]
	if rec.Action != "session.create" || rec.Actor.Type != "user" || rec.Actor.User != user.ID || rec.Actor.Session == "" ||
		rec.Resource != "session/"+string(rec.Actor.Session) || rec.SourceHash == "" {
		t.Errorf("the record is %+v", rec)
	}
	if stored := string(must1(h.DB.Records(t.Context(), h.Home.ID, mark, 1))(t)[0].Body); strings.Contains(stored, user.Email()) || strings.Contains(stored, "127.0.0.1") {
		t.Errorf("the chain has what cannot be erased from it: %s", stored)
	}

	var view struct {
		User          struct{ ID, Email, Name string }
		Organisation  struct{ ID, Name string }
		Organisations []struct{ ID, Name, Role string }
		Role          string
		Groups        []struct{ ID, Name string }
		Actions       []string
		CSRFToken     string    `json:"csrf_token"`
		ExpiresAt     time.Time `json:"expires_at"`
	}
	got := b.Call(t, http.MethodGet, sessionPath, "")
	if err := json.Unmarshal([]byte(got.Body), &view); err != nil || got.Status != http.StatusOK {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	if view.User.ID != string(user.ID) || view.User.Email != user.Email() || view.Organisation.Name != "Home" || view.Role != "user" ||
		len(view.Organisations) != 1 || view.Organisations[0].ID != string(h.Home.ID) || len(view.Groups) != 1 || view.Groups[0].ID != red ||
		view.CSRFToken != b.CSRF || !view.ExpiresAt.Equal(h.Clock.Now().Add(sallyport.SessionIdleMax).Truncate(time.Microsecond)) {
		t.Errorf("the session is %+v", view)
	}
	joined := strings.Join(view.Actions, " ") + " "
	if !strings.Contains(joined, "session.get ") || strings.Contains(joined, "groups.create ") {
		t.Errorf("a user may %s", joined)
	}

	out := b.Call(t, http.MethodDelete, sessionPath, "")
	if cleared := (&http.Response{Header: out.Header}).Cookies(); out.Status != http.StatusNoContent || len(cleared) != 1 || cleared[0].MaxAge >= 0 || cleared[0].Value != "" {
		t.Errorf("signed out: %d %s %v", out.Status, out.Body, cleared)
	}
	if last := h.Records(t, h.Home.ID, h.Mark(t, h.Home.ID)-1)[0]; last.Action != "session.end" || last.Actor.Session == "" {
		t.Errorf("the record is %+v", last)
	}
	if got := b.Call(t, http.MethodGet, sessionPath, ""); got.Status != http.StatusUnauthorized {
		t.Errorf("after the sign-out: %d %s", got.Status, got.Body)
	}
}

// must1 fails the test on an error.
func must1[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// Sessions end by themselves: when nobody uses them, and at last in any case.
func TestSessionEnds(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	ask := func(b *servertest.Browser, want int) {
		t.Helper()
		if a := b.Call(t, http.MethodGet, "/api/v1/me", ""); a.Status != want {
			t.Errorf("at %s: %d %s, want %d", h.Clock.Now(), a.Status, a.Body, want)
		}
	}
	idle := h.SignIn(t, h.Home.User)
	ask(idle, 200)
	h.Clock.Advance(sallyport.SessionIdleMax - time.Second)
	ask(idle, 200)
	h.Clock.Advance(sallyport.SessionIdleMax)
	ask(idle, 401)

	busy := h.SignIn(t, h.Home.Creator)
	begun := h.Clock.Now()
	for h.Clock.Now().Sub(begun) < sallyport.SessionLifeMax-sallyport.SessionIdleMax {
		h.Clock.Advance(sallyport.SessionIdleMax / 2)
		ask(busy, 200)
	}
	h.Clock.Advance(begun.Add(sallyport.SessionLifeMax).Sub(h.Clock.Now()) - time.Second)
	ask(busy, 200)
	h.Clock.Advance(time.Second)
	ask(busy, 401)
	n, err := h.DB.ForgetSessions(t.Context(), h.Clock.Now(), 10)
	if err != nil || n != 2 {
		t.Errorf("%d sessions were deleted, %v, want 2", n, err)
	}
}

// Fixation: whatever cookie a browser came with, a sign-in makes another token,
// and a token that nobody was given opens nothing.
func TestSessionFixation(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	first := h.SignIn(t, h.Home.User)
	r := h.Request(t.Context(), t, "", http.MethodPost, sessionPath, `{"email":`+quoted(h.Home.User.Email())+`,"password":`+quoted(servertest.Password)+`}`)
	r.AddCookie(first.Cookie)
	var second servertest.Browser
	second.Took(t, h.Send(t, r))
	if second.Cookie.Value == first.Cookie.Value || second.CSRF == first.CSRF {
		t.Error("a second sign-in has the token of the first")
	}
	id, secret, _ := strings.Cut(second.Cookie.Value, "-")
	for name, token := range map[string]string{
		"chosen":        strings.Repeat("a", 16) + "-" + strings.Repeat("b", 43),
		"another's":     strings.Split(first.Cookie.Value, "-")[0] + "-" + secret,
		"id alone":      id,
		"empty":         "",
		"an API key":    h.Home.User.Key,
		"one bit other": second.Cookie.Value[:len(second.Cookie.Value)-2] + flip(second.Cookie.Value[len(second.Cookie.Value)-2]) + second.Cookie.Value[len(second.Cookie.Value)-1:],
	} {
		b := *first
		b.Cookie = &http.Cookie{Name: first.Cookie.Name, Value: token}
		if a := b.Call(t, http.MethodGet, sessionPath, ""); a.Status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	twice := first.Request(t, http.MethodGet, sessionPath, "")
	twice.AddCookie(second.Cookie)
	if a := h.Send(t, twice); a.Status != http.StatusUnauthorized {
		t.Errorf("two cookies: %d %s", a.Status, a.Body)
	}
}

func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

// Every write with the cookie needs the CSRF token and must come from our own
// page; the cookie opens nothing outside of our own API.
func TestCSRF(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	b, other := h.SignIn(t, h.Home.Admin), h.SignIn(t, h.Home.User)
	for _, tt := range []struct {
		name   string
		change func(r *http.Request)
		status int
	}{
		{"as the Terminal does", func(*http.Request) {}, 200},
		{"by an old browser", func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", h.URL) }, 200},
		{"no token", func(r *http.Request) { r.Header.Del("X-CSRF-Token") }, 403},
		{"empty token", func(r *http.Request) { r.Header.Set("X-CSRF-Token", "") }, 403},
		{"another session's token", func(r *http.Request) { r.Header.Set("X-CSRF-Token", other.CSRF) }, 403},
		{"two tokens", func(r *http.Request) { r.Header.Add("X-CSRF-Token", b.CSRF) }, 403},
		{"from another site", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		{"from a neighbour", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, 403},
		{"from another origin", func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "https://evil.example") }, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := b.Request(t, http.MethodPost, "/api/v1/groups", `{"name":`+quoted(tt.name)+`}`)
			tt.change(r)
			mark := h.Mark(t, h.Home.ID)
			a := h.Send(t, r)
			if a.Status != tt.status {
				t.Errorf("got %d %s, want %d", a.Status, a.Body, tt.status)
			}
			made := strings.Contains(h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/groups", "").Body, quoted(tt.name))
			if made != (tt.status == 200) {
				t.Errorf("the group was made: %t", made)
			}
			if tt.status == 403 {
				wantRefusal(t, h.Records(t, h.Home.ID, mark)[:1], sallyport.Forbidden, http.StatusForbidden)
			}
		})
	}
	for _, path := range []string{"/v1/models", "/v1/agents"} {
		if a := b.Call(t, http.MethodGet, path, ""); a.Status != http.StatusUnauthorized {
			t.Errorf("%s takes the cookie: %d", path, a.Status)
		}
	}
	// Who sends a key by its header means it, whatever the browser adds.
	r := h.Request(t.Context(), t, h.Home.User.Key, http.MethodPost, "/api/v1/keys", `{"name":"ci"}`)
	r.AddCookie(b.Cookie)
	if a := h.Send(t, r); a.Status != http.StatusOK || !strings.Contains(a.Body, string(h.Home.User.ID)) {
		t.Errorf("a key beside a cookie: %d %s", a.Status, a.Body)
	}
	bad := b.Request(t, http.MethodGet, "/api/v1/me", "")
	bad.Header.Set("Authorization", "Bearer nonsense")
	if a := h.Send(t, bad); a.Status != http.StatusUnauthorized {
		t.Errorf("a wrong key beside a good cookie: %d", a.Status)
	}
	for _, from := range []string{"cross-site", "same-site"} {
		r := h.Request(t.Context(), t, "", http.MethodPost, sessionPath, `{"email":"a@home.test","password":"x"}`)
		r.Header.Set("Sec-Fetch-Site", from)
		if a := h.Send(t, r); a.Status != http.StatusForbidden {
			t.Errorf("a sign-in that is %s: %d", from, a.Status)
		}
	}
}

// What a key opens and what a session opens are told apart where it matters.
func TestSessionsAreForPeople(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	for _, tt := range [][2]string{
		{"GET", sessionPath}, {"DELETE", sessionPath}, {"PUT", sessionPath + "/organisation"},
		{"GET", "/api/v1/sessions"}, {"DELETE", "/api/v1/sessions/x"}, {"PUT", "/api/v1/password"},
	} {
		if a := h.Call(t, h.Home.Admin.Key, tt[0], tt[1], ""); a.Status != http.StatusForbidden {
			t.Errorf("%v with a key: %d %s", tt, a.Status, a.Body)
		}
		if a := h.Call(t, "", tt[0], tt[1], ""); a.Status != http.StatusUnauthorized {
			t.Errorf("%v without anything: %d %s", tt, a.Status, a.Body)
		}
	}
}

// People see and end their own sessions, and nobody else's.
func TestOwnSessions(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	first, other := h.SignIn(t, h.Home.User), h.SignIn(t, h.Home.Creator)
	var second servertest.Browser = *first
	second.Took(t, signIn(t, h, h.Home.User.Email(), servertest.Password))
	var sessions []struct {
		ID      string
		Current bool
		Address string
		Agent   string `json:"user_agent"`
	}
	a := first.Call(t, http.MethodGet, "/api/v1/sessions", "")
	if err := json.Unmarshal([]byte(a.Body), &sessions); err != nil || len(sessions) != 2 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	end := ""
	for _, one := range sessions {
		if one.Address != "127.0.0.1" || one.Agent == "" {
			t.Errorf("a session is %+v", one)
		}
		if !one.Current {
			end = one.ID
		}
	}
	if a := other.Call(t, http.MethodDelete, "/api/v1/sessions/"+end, ""); a.Status != http.StatusNotFound {
		t.Errorf("somebody else's: %d %s", a.Status, a.Body)
	}
	if a := first.Call(t, http.MethodDelete, "/api/v1/sessions/"+end, ""); a.Status != http.StatusNoContent {
		t.Errorf("the own: %d %s", a.Status, a.Body)
	}
	for b, want := range map[*servertest.Browser]int{first: 200, &second: 401, other: 200} {
		if a := b.Call(t, http.MethodGet, "/api/v1/me", ""); a.Status != want {
			t.Errorf("after the end: %d, want %d", a.Status, want)
		}
	}
}

// A new password ends every session, the one that changed it goes on with
// another token; a wrong present one changes nothing.
func TestChangePassword(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	b := h.SignIn(t, h.Home.User)
	before := *b
	stolen := *b
	stolen.Took(t, signIn(t, h, h.Home.User.Email(), servertest.Password))
	const chosen = "a longer phrase of mine"
	put := func(current, chosen string) servertest.Answer {
		t.Helper()
		return b.Call(t, http.MethodPut, "/api/v1/password", `{"current":`+quoted(current)+`,"new":`+quoted(chosen)+`}`)
	}
	for name, tt := range map[string]struct {
		current, chosen string
		status          int
	}{
		"wrong":       {"not it at all", chosen, 403},
		"too short":   {servertest.Password, "elevenchars", 400},
		"the address": {servertest.Password, h.Home.User.Email(), 400},
		"too long":    {servertest.Password, strings.Repeat("x", 1025), 422},
	} {
		if a := put(tt.current, tt.chosen); a.Status != tt.status {
			t.Errorf("%s: %d %s, want %d", name, a.Status, a.Body, tt.status)
		}
	}
	if a := stolen.Call(t, http.MethodGet, "/api/v1/me", ""); a.Status != 200 {
		t.Fatalf("refused changes ended a session: %d", a.Status)
	}
	a := put(servertest.Password, chosen)
	b.Took(t, a)
	for name, tt := range map[string]struct {
		b    *servertest.Browser
		want int
	}{"the one that changed it": {b, 200}, "its old token": {&before, 401}, "another": {&stolen, 401}} {
		if a := tt.b.Call(t, http.MethodGet, "/api/v1/me", ""); a.Status != tt.want {
			t.Errorf("%s: %d, want %d", name, a.Status, tt.want)
		}
	}
	if a := signIn(t, h, h.Home.User.Email(), servertest.Password); a.Status != http.StatusUnauthorized {
		t.Errorf("the old password: %d", a.Status)
	}
	if a := signIn(t, h, h.Home.User.Email(), chosen); a.Status != http.StatusOK {
		t.Errorf("the new password: %d", a.Status)
	}
}

// Nobody learns from a sign-in whether an e-mail belongs to somebody: neither
// from the answer nor from when it is held back.
func TestEnumeration(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	h.SetPassword(t, h.Home.User, servertest.Password)
	home, instance := h.Mark(t, h.Home.ID), h.Mark(t, sallyport.InstanceOrg)
	var answers [2][]string
	for i, email := range []string{h.Home.User.Email(), "nobody@home.test"} {
		for range 7 {
			a := signIn(t, h, email, "not the password")
			a.Header.Del("X-Request-Id")
			a.Header.Del("Date")
			answers[i] = append(answers[i], a.Body+a.Header.Get("Retry-After")+http.StatusText(a.Status))
		}
	}
	for n := range answers[0] {
		if answers[0][n] != answers[1][n] {
			t.Errorf("try %d: %s for somebody, %s for nobody", n+1, answers[0][n], answers[1][n])
		}
	}
	if !strings.Contains(answers[0][6], "Too Many Requests") || strings.Contains(answers[0][4], "Too Many Requests") {
		t.Errorf("the tries were answered %q", answers[0])
	}
	records := h.Records(t, h.Home.ID, home)
	if len(records) != 5 {
		t.Fatalf("the organisation was told of %d tries, want 5", len(records))
	}
	for _, r := range records {
		if r.Action != "session.create" || r.Phase != sallyport.PhaseRefusal || r.Resource != "user/"+string(h.Home.User.ID) ||
			r.Actor.Type != "unknown" || r.Status != 401 {
			t.Errorf("the record is %+v", r)
		}
	}
	if got := h.Mark(t, sallyport.InstanceOrg) - instance; got != 5+2+2 {
		t.Errorf("the instance was told of %d tries, want those for nobody and those held back", got)
	}
}

// The cookie is for TLS alone when the browser came by it, and who signed in has no key.
func TestSessionCookieSecure(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	behind := h.SignIn(t, h.Home.User)
	r := behind.Request(t, http.MethodGet, "/api/v1/me", "")
	r.Header.Set("X-Forwarded-Proto", "https") // from nobody whom the operator listed
	if a := h.Send(t, r); a.Status != http.StatusOK {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	in := h.Request(t.Context(), t, "", http.MethodPost, sessionPath, `{"email":`+quoted(h.Home.User.Email())+`,"password":`+quoted(servertest.Password)+`}`)
	in.Header.Set("X-Forwarded-Proto", "https")
	var b servertest.Browser
	if b.Took(t, h.Send(t, in)); b.Cookie.Secure {
		t.Error("a stranger's word made the cookie secure")
	}
	if me := behind.Call(t, http.MethodGet, "/api/v1/me", "").Body; !strings.Contains(me, `"key_id":""`) || !strings.Contains(me, string(h.Home.User.ID)) {
		t.Errorf("who signed in is told %s", me)
	}
}
