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
	bytes   int64
	at      time.Time // when somebody began to look
	looking bool      // and has not found it yet
}

// turnsBound is how much an owner may have stored, and what is said beyond it.
type turnsBound struct {
	of         turnsOwner
	max        int64
	whose, way string
}

// turnsRoom is room that was taken, to be given back if nothing is stored: in the
// sums as they were since those looks.
type turnsRoom struct {
	bytes int64
	looks map[turnsOwner]time.Time
}

// take takes room for so many bytes more below all bounds, or says which of them has
// none. One caller at a time looks; others go by what was known before.
func (t *turnsSizes) take(bounds []turnsBound, bytes int64, now time.Time, look func(turnsOwner) (int64, error)) (room turnsRoom, full *turnsBound, err error) {
	for _, b := range bounds {
		if err := t.refresh(b, bytes, now, look); err != nil {
			return room, nil, err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, b := range bounds {
		if t.looks[b.of].bytes+bytes > b.max {
			return room, &bounds[i], nil
		}
	}
	room = turnsRoom{bytes, make(map[turnsOwner]time.Time, len(bounds))}
	for _, b := range bounds {
		size := t.looks[b.of]
		size.bytes += bytes
		t.set(b.of, size)
		room.looks[b.of] = size.at
	}
	return room, nil, nil
}

// giveBack leaves alone what was looked up since: what was not stored is not in that.
func (t *turnsSizes) giveBack(room turnsRoom) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for of, at := range room.looks {
		if size, known := t.looks[of]; known && size.at.Equal(at) {
			size.bytes -= room.bytes
			t.looks[of] = size
		}
	}
}

// refresh looks again where what is known is old and nobody looks.
func (t *turnsSizes) refresh(b turnsBound, bytes int64, now time.Time, look func(turnsOwner) (int64, error)) error {
	before, old := t.known(b.of, bytes, b.max, now)
	if !old {
		return nil
	}
	ended := false
	defer func() {
		if !ended { // after a bug too: else nobody would look any more
			t.forget(b.of)
		}
	}()
	found, err := look(b.of)
	if err != nil {
		return err
	}
	t.found(b.of, before, found)
	ended = true
	return nil
}

// known is what is known, and whether the caller is to look again.
func (t *turnsSizes) known(of turnsOwner, bytes, max int64, now time.Time) (size turnsSize, old bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	size, known := t.looks[of]
	age := now.Sub(size.at)
	if size.looking || known && age < turnsLook && (size.bytes+bytes <= max || age < turnsAgain) {
		return size, false
	}
	size.at, size.looking = now, true
	t.set(of, size)
	return size, true
}

// found notes what a look has found that began with before, and what was added meanwhile.
func (t *turnsSizes) found(of turnsOwner, before turnsSize, bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	added := max(t.looks[of].bytes-before.bytes, 0) // all may have been forgotten
	t.set(of, turnsSize{bytes: bytes + added, at: before.at})
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

// roomForTurn takes room for so many bytes more of the caller's responses and
// conversations. It is asked before a model is: an answer that is paid for is stored,
// however large it is.
func (s *Server) roomForTurn(r *request, bytes int) (turnsRoom, error) {
	org := r.principal.Org
	bounds := []turnsBound{
		{turnsOwner{org, r.principal.User}, sallyport.TurnsSize, "your stored responses and conversations", "delete some"},
		{turnsOwner{org, ""}, sallyport.TurnsSizeAll, "stored responses and conversations of your organisation", "some must be deleted"},
	}
	room, full, err := s.turnsSizes.take(bounds, int64(bytes), s.parts.Now(), func(of turnsOwner) (int64, error) {
		return s.parts.Responses.TurnsSize(r.Context(), of.org, of.user, s.responsesSince())
	})
	if full != nil {
		err = sallyport.NewError(sallyport.InvalidBody, "There is no room for more of "+full.whose+": "+full.way+". A response with \"store\": false takes none.")
	}
	return room, err
}

// withRoom does what stores so many bytes, where there is room for them.
func (s *Server) withRoom(r *request, bytes int, store func() error) error {
	room, err := s.roomForTurn(r, bytes)
	if err != nil {
		return err
	}
	if err = store(); err != nil {
		s.turnsSizes.giveBack(room)
	}
	return err
}
