package server

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// authenticate finds who calls. Three header styles carry the same key. An
// Authorization header decides alone: when it is there and malformed the call is
// refused, whatever other headers say, for a client that sends both by mistake
// must not act as somebody it did not mean. Keys in the query are never read.
func (s *Server) authenticate(r *http.Request) (sallyport.Principal, error) {
	plain, err := credential(r.Header)
	if err != nil {
		return sallyport.Principal{}, err
	}
	return s.parts.Keys.Authenticate(r.Context(), plain)
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
	for _, name := range []string{"X-Api-Key", "Api-Key"} {
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
	if write, suppressed := s.unknown.admit(); write {
		record := s.parts.Audit.Refusal(&call.Call, Status(err), err)
		record.Suppressed = suppressed
		if werr := s.record(r.Context(), sallyport.InstanceOrg, record); werr != nil {
			s.unknown.unwritten(suppressed + 1)
			err = werr
		}
	}
	sur.refuseUnread(w, r, err)
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
