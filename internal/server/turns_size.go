package server

import (
	"sync"
	"time"

	"github.com/sallyport-ai/sallyport"
)

const (
	// turnsLook is for how long is believed what somebody has stored, and turnsAgain for
	// how long that this is too much: to add it up reads a row for each response, of an
	// organisation with 50,000 on SQLite for half a second, and no call should pay for that.
	turnsLook  = time.Minute
	turnsAgain = time.Second
	// turnsLooksMax bounds what is remembered; past it all is forgotten.
	turnsLooksMax = 10_000
)

// turnsSizes are what persons and organisations have stored of turns. What they ask to
// be stored is added to what was looked up, so that no more than answers, and what
// other nodes store, goes beyond a bound until the next look. It is safe for
// concurrent use.
type turnsSizes struct {
	mu    sync.Mutex
	looks map[turnsOwner]turnsSize
}

// turnsOwner is a person, or all of an organisation.
type turnsOwner struct {
	org  sallyport.OrgID
	user sallyport.UserID
}

type turnsSize struct {
	bytes int64
	at    time.Time // when somebody began to look
}

// take says whether there is room for so many bytes more below max. One caller at a
// time looks; others go by what was known before.
func (t *turnsSizes) take(of turnsOwner, bytes, max int64, now time.Time, look func() (int64, error)) (room bool, err error) {
	if size, old := t.known(of, bytes, max, now); old {
		found, err := look()
		if err != nil {
			t.forget(of)
			return false, err
		}
		t.found(of, size, found)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	size := t.looks[of]
	if size.bytes+bytes > max {
		return false, nil
	}
	size.bytes += bytes
	t.set(of, size)
	return true, nil
}

// known is what is known, and whether the caller is to look again.
func (t *turnsSizes) known(of turnsOwner, bytes, max int64, now time.Time) (size turnsSize, old bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	size, known := t.looks[of]
	age := now.Sub(size.at)
	if known && age < turnsLook && (size.bytes+bytes <= max || age < turnsAgain) {
		return size, false
	}
	size.at = now
	t.set(of, size)
	return size, true
}

// found notes what a look has found that began with before, and what was added meanwhile.
func (t *turnsSizes) found(of turnsOwner, before turnsSize, bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	added := max(t.looks[of].bytes-before.bytes, 0) // all may have been forgotten
	t.set(of, turnsSize{bytes + added, before.at})
}

func (t *turnsSizes) forget(of turnsOwner) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.looks, of)
}

func (t *turnsSizes) set(of turnsOwner, size turnsSize) {
	if t.looks == nil || len(t.looks) >= turnsLooksMax {
		t.looks = make(map[turnsOwner]turnsSize)
	}
	t.looks[of] = size
}

// roomForTurn says whether the caller may store so many bytes more in responses and
// conversations. It is asked before a model is: an answer that is paid for is stored,
// however large it is.
func (s *Server) roomForTurn(r *request, bytes int) error {
	org := r.principal.Org
	for _, bound := range []struct {
		user  sallyport.UserID
		max   int64
		whose string
		what  string
	}{
		{r.principal.User, sallyport.TurnsSize, "your stored responses and conversations", "delete some"},
		{"", sallyport.TurnsSizeAll, "stored responses and conversations of your organisation", "some must be deleted"},
	} {
		room, err := s.turnsSizes.take(turnsOwner{org, bound.user}, int64(bytes), bound.max, s.parts.Now(), func() (int64, error) {
			return s.parts.Responses.TurnsSize(r.Context(), org, bound.user, s.responsesSince())
		})
		if err != nil {
			return err
		}
		if !room {
			return sallyport.NewError(sallyport.InvalidBody, "There is no room for more of "+bound.whose+": "+bound.what+". A response with \"store\": false takes none.")
		}
	}
	return nil
}
