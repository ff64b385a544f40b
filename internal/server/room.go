package server

import (
	"io"
	"sync/atomic"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// roomMax bounds the bytes of all bodies of /v1 that are held at once, with the stored
// files and turns that they name: few bytes can ask for many. What is made of one,
// while it is read and sent on, is several times as much.
const roomMax = 512 << 20

// roomAgain is after how long a caller for whom there was no room is asked to come
// again: by then some of those who had it have been answered.
const roomAgain = 5 * time.Second

// room is what is left of roomMax. A body takes of it what has arrived of it, so that
// who says much and sends little keeps nobody out. Nobody waits for it either: two
// who each had half of theirs would wait for each other.
type room struct{ left atomic.Int64 }

func newRoom(bytes int64) *room {
	r := &room{}
	r.left.Store(bytes)
	return r
}

// lodger is one body in a room.
type lodger struct {
	room *room
	from io.Reader
	took int64
}

// Read reads as long as there is room.
func (l *lodger) Read(p []byte) (int, error) {
	n, err := l.from.Read(p)
	if full := l.take(int64(n)); full != nil {
		return n, full
	}
	return n, err
}

// take is for what comes to the body here, and is asked before that is read.
func (l *lodger) take(bytes int64) error {
	l.took += bytes
	if l.room.left.Add(-bytes) < 0 {
		return errNoRoom
	}
	return nil
}

// cover is take for what the whole body lacks of so many bytes.
func (l *lodger) cover(bytes int64) error { return l.take(max(bytes-l.took, 0)) }

// moved hands what the body took over to another, which leaves in its place.
func (l *lodger) moved() *lodger {
	to := &lodger{room: l.room, took: l.took}
	l.took = 0
	return to
}

// leave gives back what the body took.
func (l *lodger) leave() { l.room.left.Add(l.took) }

var errNoRoom = &sallyport.Error{
	Code: sallyport.Overloaded, RetryAfter: roomAgain,
	Message: "The server has as many large requests as it can hold. Try again in a moment.",
}
