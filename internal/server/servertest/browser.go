package servertest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"golang.org/x/crypto/argon2"
)

// Password is that of every member whom SignIn signs in.
const Password = "correct horse battery"

// Email is the address that the member signs in with.
func (m Member) Email() string { return string(m.ID) + "@home.test" }

// Browser is a person who signed in.
type Browser struct {
	h      *House
	Cookie *http.Cookie
	CSRF   string
}

// SetPassword gives the member a password, hashed in less time than the product
// takes.
func (h *House) SetPassword(t testing.TB, m Member, password string) {
	t.Helper()
	must(t, h.DB.SetPassword(t.Context(), m.Org, m.ID, CheapHash(password), h.event(m.Org, "users.reset_password")))
}

// CheapHash is a hash in PHC form that is quickly made and checked.
func CheapHash(password string) string {
	salt := []byte("salt of a test")
	hash := argon2.IDKey([]byte(password), salt, 1, 64, 1, 32)
	return fmt.Sprintf("$argon2id$v=%d$m=64,t=1,p=1$%s$%s", argon2.Version,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(hash))
}

// SignIn gives the member Password and signs in with it.
func (h *House) SignIn(t testing.TB, m Member) *Browser {
	t.Helper()
	h.SetPassword(t, m, Password)
	a := h.Call(t, "", http.MethodPost, "/api/v1/session", `{"email":"`+m.Email()+`","password":"`+Password+`"}`)
	if a.Status != http.StatusOK {
		t.Fatalf("sign in: %d %s", a.Status, a.Body)
	}
	b := &Browser{h: h}
	b.Took(t, a)
	return b
}

// Took takes the cookie and the CSRF token of an answer that began a session.
func (b *Browser) Took(t testing.TB, a Answer) {
	t.Helper()
	cookies := (&http.Response{Header: a.Header}).Cookies()
	var view struct {
		CSRF string `json:"csrf_token"`
	}
	if err := json.Unmarshal([]byte(a.Body), &view); err != nil || len(cookies) != 1 || view.CSRF == "" {
		t.Fatalf("no session was begun: %d %v %s", a.Status, cookies, a.Body)
	}
	b.Cookie, b.CSRF = cookies[0], view.CSRF
}

// Call makes a call as the Terminal does.
func (b *Browser) Call(t testing.TB, method, path, body string) Answer {
	t.Helper()
	return b.h.Send(t, b.Request(t, method, path, body))
}

// Request builds that call.
func (b *Browser) Request(t testing.TB, method, path, body string) *http.Request {
	t.Helper()
	r := b.h.Request(t.Context(), t, "", method, path, body)
	r.AddCookie(b.Cookie)
	if method != http.MethodGet {
		r.Header.Set("X-CSRF-Token", b.CSRF)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	return r
}
