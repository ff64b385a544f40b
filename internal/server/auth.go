package server

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// caller is who calls. session and token are empty for the holder of a key.
type caller struct {
	sallyport.Principal
	session sallyport.Session
	token   string
}

// authenticate finds who calls. Three header styles carry the same key. An
// Authorization header decides alone: when it is there and malformed the call is
// refused, whatever other headers say, for a client that sends both by mistake
// must not act as somebody it did not mean. Keys in the query are never read.
// Our own API also takes the cookie of a session, when no header has a key.
func (s *Server) authenticate(r *http.Request) (caller, error) {
	if strings.HasPrefix(r.URL.Path, controlPath+"/") && !keyGiven(r.Header) {
		return s.signedIn(r)
	}
	plain, err := credential(r.Header)
	if err != nil {
		return caller{}, err
	}
	principal, err := s.parts.Keys.Authenticate(r.Context(), plain)
	return caller{Principal: principal}, err
}

// keyHeaders may carry a key.
var keyHeaders = []string{"Authorization", "X-Api-Key", "Api-Key"}

func keyGiven(h http.Header) bool {
	return slices.ContainsFunc(keyHeaders, func(name string) bool { _, given := h[name]; return given })
}

// credential picks the key: Bearer, then x-api-key, then api-key.
func credential(h http.Header) (string, error) {
	if values, given := h["Authorization"]; given {
		if len(values) != 1 {
			return "", unauthorized("more than one Authorization header")
		}
		scheme, token, _ := strings.Cut(values[0], " ")
		token = strings.TrimSpace(token)
		if !strings.EqualFold(scheme, "Bearer") || token == "" {
			return "", unauthorized("malformed Authorization header, expected: Bearer KEY")
		}
		return token, nil
	}
	for _, name := range keyHeaders[1:] {
		switch values := h[name]; {
		case len(values) > 1:
			return "", unauthorized("more than one " + strings.ToLower(name) + " header")
		case len(values) == 1 && values[0] != "":
			return values[0], nil
		case len(values) == 1:
			return "", unauthorized("empty " + strings.ToLower(name) + " header")
		}
	}
	return "", unauthorized("no API key: send it as Authorization: Bearer KEY or as x-api-key")
}

func unauthorized(reason string) error {
	return sallyport.NewError(sallyport.Unauthorized, reason)
}

// refuseUnknown answers a caller that belongs to no organisation and notes it
// in the instance's own trail.
func (s *Server) refuseUnknown(w http.ResponseWriter, r *http.Request, sur surface, err error) {
	call := s.newCall(w, r, sallyport.Principal{}, "refused")
	if werr := s.recordUnknown(r.Context(), &call.Call, Status(err), err); werr != nil {
		err = werr
	}
	sur.refuseUnread(w, r, err)
}

// recordUnknown notes the refusal of a caller that belongs to no organisation.
func (s *Server) recordUnknown(ctx context.Context, call *sallyport.Call, status int, err error) error {
	write, suppressed := s.unknown.admit()
	if !write {
		return nil
	}
	record := s.parts.Audit.Refusal(call, status, err)
	record.Suppressed = suppressed
	if err := s.record(ctx, sallyport.InstanceOrg, record); err != nil {
		s.unknown.unwritten(suppressed + 1)
		return err
	}
	return nil
}

// Strangers can make the instance's trail grow only this fast: past the burst,
// refusals are counted and the count stands in the next record.
const (
	unknownPerSecond = 50
	unknownBurst     = 500
)

// unknownCallers decides which refusals of strangers are written one by one.
type unknownCallers struct {
	now func() time.Time

	mu         sync.Mutex
	tokens     float64
	at         time.Time
	suppressed int64
}

func newUnknownCallers(now func() time.Time) *unknownCallers {
	return &unknownCallers{now: now, tokens: unknownBurst, at: now()}
}

// unwritten gives back what a record should have told that was not written.
func (u *unknownCallers) unwritten(refusals int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.suppressed += refusals
}

// admit says whether to write this refusal, and how many before it were not written.
func (u *unknownCallers) admit() (write bool, suppressed int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := u.now()
	u.tokens = min(unknownBurst, u.tokens+now.Sub(u.at).Seconds()*unknownPerSecond)
	u.at = now
	if u.tokens < 1 {
		u.suppressed++
		return false, 0
	}
	u.tokens--
	suppressed, u.suppressed = u.suppressed, 0
	return true, suppressed
}
