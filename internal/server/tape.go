package server

import (
	"bytes"
	"net/http"
	"sync"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
)

// tapeMax bounds, in bytes, the events that are kept of one response for who reads
// them again.
const tapeMax = 8 << 20

var errTape = sallyport.NewError(sallyport.Overloaded, "There is no room for the events of this response; it goes on: read it by its id.")

// How a tape stands.
const (
	tapeRuns = iota
	tapeOver // no more comes
	tapeCut  // there was no room for more
)

// tape keeps the events of a response that streams, while it is made. It is the
// writer of its answer.
type tape struct {
	kept   bool    // the response streams; else nothing is kept
	lodger *lodger // whose room the events take

	mu     sync.Mutex
	frames []frame
	size   int
	state  int
	moved  chan struct{} // closed and made anew with each change
}

// frame is what was written at once: one event or several. last is the number of
// the last of them.
type frame struct {
	text []byte
	last int64
}

// after is the part of it that comes after that number.
func (f frame) after(number int64) []byte {
	rest := f.text
	for len(rest) > 0 {
		event, next, _ := bytes.Cut(rest, frameEnd)
		if responses.SequenceNumber(event) > number {
			return rest
		}
		rest = next
	}
	return nil
}

var frameEnd = []byte("\n\n")

// Header implements http.ResponseWriter: nobody reads it.
func (*tape) Header() http.Header { return make(http.Header) }

// WriteHeader implements http.ResponseWriter.
func (*tape) WriteHeader(int) {}

// Flush implements http.Flusher.
func (*tape) Flush() {}

// Write adds events. It never fails: the response goes on without its readers.
func (t *tape) Write(text []byte) (int, error) {
	if !t.kept || len(text) == 0 {
		return len(text), nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state != tapeRuns {
		return len(text), nil
	}
	if t.size += len(text); t.size > tapeMax || t.lodger.take(int64(len(text))) != nil {
		t.set(tapeCut)
		return len(text), nil
	}
	events := bytes.TrimSuffix(text, frameEnd)
	if at := bytes.LastIndex(events, frameEnd); at >= 0 {
		events = events[at+len(frameEnd):]
	}
	t.frames = append(t.frames, frame{bytes.Clone(text), responses.SequenceNumber(events)})
	t.set(tapeRuns)
	return len(text), nil
}

func (t *tape) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == tapeRuns {
		t.set(tapeOver)
	}
}

func (t *tape) set(state int) {
	t.state = state
	close(t.moved)
	t.moved = make(chan struct{})
}

// from returns what was written from the n-th frame on, how the tape stands, and
// what is closed when that changes.
func (t *tape) from(n int) (frames []frame, state int, moved <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.frames[n:len(t.frames):len(t.frames)], t.state, t.moved
}
