package gateway

import (
	"strings"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// tokens are the events of one text that wait whole, because their log-probabilities
// tell it again, token by token: an event goes out untouched as soon as all of its
// text may, and without them where the text was changed.
type tokens struct {
	events []*llm.Event
	came   string // the text of events
	gone   string // what may go out of it
	// adrift says that what still waits in the screen is of events that are out already,
	// after a change or an event of several pieces: until nothing does, what may go out
	// is not that of events.
	adrift bool
}

// tellsTokens says whether e goes the way of tokens. Only in chat completions are events
// of one text free to wait for each other: those of Responses are numbered.
func (s *screened) tellsTokens(e *llm.Event) bool {
	if e.Dialect != llm.Chat || s.call.Request.Dialect != llm.Chat || e.Kind != llm.ChunkEvent ||
		len(e.Deltas) != 1 || !e.Deltas[0].Text.Exists() || e.Deltas[0].ToolName.Exists() {
		return false
	}
	return len(e.Logprobs) > 0 || s.tokens[textID(e.Deltas[0])] != nil
}

// token takes an event that has a piece of one text.
func (s *screened) token(e *llm.Event) error {
	id := textID(e.Deltas[0])
	if len(e.Finishes) > 0 { // maybe of another choice
		if err := s.flush(func(other dlp.TextID) bool { return ends(e, other.Choice) && other != id }); err != nil {
			return err
		}
	}
	w, err := s.tokensOf(id)
	if err != nil {
		return err
	}
	piece := e.Deltas[0].Text.Text()
	last := ends(e, id.Choice)
	emit, err := s.screen.Answer(id, s.tools[id], piece, last)
	if err != nil {
		return err
	}
	if s.heldBytes += len(e.Body.Raw()); s.heldBytes > heldMax {
		return errTooLong
	}
	w.events, w.came = append(w.events, e.Clone()), w.came+strings.Clone(piece)
	return s.allow(id, w, emit, last)
}

// tokensOf returns the tokens of a text, which begin with its first event that has some.
func (s *screened) tokensOf(id dlp.TextID) (*tokens, error) {
	if w := s.tokens[id]; w != nil {
		return w, nil
	}
	if len(s.tokens) == callsMax {
		return nil, errTooLong
	}
	if s.tokens == nil {
		s.tokens = make(map[dlp.TextID]*tokens)
	}
	w := &tokens{adrift: s.screen.Pending(id)}
	s.tokens[id] = w
	return w, nil
}

// allow lets out what is settled when emit may go out; with last, everything, and
// nothing is remembered of the text.
func (s *screened) allow(id dlp.TextID, w *tokens, emit string, last bool) error {
	s.call.DeliveredChars += int64(utf8.RuneCountInString(emit))
	w.gone += strings.Clone(emit) // the bytes of an event are used again for the next
	for !w.adrift && len(w.events) > 0 {
		text := w.events[0].Deltas[0].Text.Text()
		if !strings.HasPrefix(w.gone, text) || len(w.events) == 1 && w.gone != text {
			break // the last takes all that is left: a change may begin with what it changed
		}
		w.gone, w.came = w.gone[len(text):], w.came[len(text):]
		if err := s.letGo(w); err != nil {
			return err
		}
	}
	if w.adrift || last || !strings.HasPrefix(w.came, w.gone) {
		if err := s.strip(w); err != nil {
			return err
		}
		w.adrift = s.screen.Pending(id)
	}
	if last {
		delete(s.tokens, id)
	}
	return nil
}

// letGo sends the first event.
func (s *screened) letGo(w *tokens) error {
	e := w.events[0]
	w.events = w.events[1:]
	s.heldBytes -= len(e.Body.Raw())
	return s.out(e)
}

// strip sends all events without their log-probabilities, and with the first what of
// their text may go out. What of it still waits goes out as that of other events.
func (s *screened) strip(w *tokens) error {
	for len(w.events) > 0 {
		e := w.events[0]
		e.Deltas[0].Text.SetText(w.gone)
		for _, v := range e.Logprobs {
			v.Clear()
		}
		w.gone = ""
		if len(w.events) == 1 {
			if err := s.keep(e); err != nil {
				return err
			}
		}
		if err := s.letGo(w); err != nil {
			return err
		}
	}
	w.came = ""
	return nil
}
