package server

import (
	"context"
	"net"
	"net/http"
	"strings"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/identity"
)

// Sessions begins and checks sessions; *identity.Sessions is the real one.
type Sessions interface {
	// Authenticate returns Unauthorized for a token that opens nothing.
	Authenticate(ctx context.Context, token string) (sallyport.Principal, sallyport.Session, error)
	// Begin returns the session with its token, which is fresh.
	Begin(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, source sallyport.Source,
		rec func(sallyport.SessionID) sallyport.Record) (sallyport.Session, string, error)
}

// Door knows passwords; *identity.Door is the real one.
type Door interface {
	// Let returns the memberships that e-mail and password open, and all that
	// belong to the e-mail, which are not for the caller.
	Let(ctx context.Context, email, password, address string) (opened, known []sallyport.Credential, err error)
	// Check returns Forbidden when the password is not that of hash.
	Check(ctx context.Context, who sallyport.UserID, hash, password string) error
}

const (
	// sessionCookie has the token of a session. No script reads it.
	sessionCookie = "sallyport_session"
	// csrfHeader has the CSRF token, with every write that comes with the cookie.
	csrfHeader = "X-Csrf-Token"
)

// signedIn finds whose session the cookie has. Of several cookies nobody knows
// which the person meant: a neighbouring host may have set one.
func (s *Server) signedIn(r *http.Request) (caller, error) {
	cookies := r.CookiesNamed(sessionCookie)
	if len(cookies) != 1 {
		return caller{}, unauthorized("no API key and no session: send a key as Authorization: Bearer KEY or as x-api-key, or sign in")
	}
	token := cookies[0].Value
	principal, session, err := s.parts.Sessions.Authenticate(r.Context(), token)
	return caller{principal, session, token}, err
}

// meant says whether the person meant a write that came with the cookie: only
// our own page knows the CSRF token. Who sends a key means it.
func (c caller) meant(r *http.Request) error {
	if c.Session == "" || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	if err := sameOrigin(r); err != nil {
		return err
	}
	if given := r.Header.Values(csrfHeader); len(given) != 1 || !identity.CheckCSRF(c.token, given[0]) {
		return sallyport.NewError(sallyport.Forbidden, "the header "+csrfHeader+" is missing or wrong: it is the csrf_token of GET "+controlPath+"/session")
	}
	return nil
}

// sameOrigin refuses writes that a browser says come from the page of another
// host. Programs say nothing of that.
func sameOrigin(r *http.Request) error {
	var protection http.CrossOriginProtection
	if err := protection.Check(r); err != nil {
		return sallyport.WrapError(sallyport.Forbidden, "the request comes from a page of another host", err)
	}
	return nil
}

// secure says whether the browser came by TLS, to us or to a proxy that the
// operator listed.
func (s *Server) secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	return err == nil && s.trusted(host) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// visit is what the control plane's operations know of the caller and the way.
type visit struct {
	caller
	secure bool
}

type visitKey struct{}

func withCaller(ctx context.Context, v visit) context.Context {
	return context.WithValue(ctx, visitKey{}, v)
}

// visitOf returns the visit that guard left.
func visitOf(ctx context.Context) visit {
	v, _ := ctx.Value(visitKey{}).(visit)
	return v
}

// cookie is the Set-Cookie header for a token; "" takes the cookie away. It ends
// with the browser, and is never older than the session.
func (v visit) cookie(token string) string {
	c := http.Cookie{
		Name: sessionCookie, Value: token, Path: "/",
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: v.secure,
	}
	if token == "" {
		c.MaxAge = -1
	}
	return c.String()
}
