package dlp

import (
	"errors"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Trial is what a plan makes of a text that nobody sent: see Plan.Try.
type Trial struct {
	Found []Judged
	// Sent is what a model would get; empty when Refused says why it would get nothing.
	Sent    string
	Refused string
	// Returned is what the client would get if the model had answered with the text
	// that was asked; Ended says why the answer would end early.
	Returned string
	Ended    string
	Result   sallyport.DLPResult // what a record would tell
}

// Judged is a value in a text, and what becomes of it. In mode observe that is
// noted alone.
type Judged struct {
	Match
	Action Action
}

// Try screens text as the only message of a request, by the same road as a call:
// what it says is what would happen. answer is what the model writes; nil: it
// repeats what it got. mac is as for Screen. Nothing is kept.
func (p *Plan) Try(text string, answer *string, mac func([]byte) ([]byte, error)) (Trial, error) {
	doc, err := llm.Parse([]byte(`{"messages":[{"role":"user","content":` + string(llm.Quote(text)) + `}]}`))
	if err != nil {
		return Trial{}, sallyport.WrapError(sallyport.InvalidBody, "the text cannot be sent in a request: "+err.Error(), err)
	}
	s := p.Screen(mac, "trial")
	t := Trial{Found: s.judge(text)}
	switch err := s.Request(doc, nil); {
	case err == nil:
		t.Sent = sent(doc)
	case sallyport.CodeOf(err) != sallyport.DLPBlocked:
		return Trial{}, err
	default:
		t.Refused, t.Result = sentence(err), s.Result()
		return t, nil
	}
	if answer == nil {
		answer = &t.Sent
	}
	t.Returned, err = s.Answer(TextID{Kind: llm.TextDelta}, "", *answer, true)
	t.Result = s.Result()
	if sallyport.CodeOf(err) == sallyport.DLPBlocked {
		t.Ended, err = sentence(err), nil
	}
	return t, err
}

// sentence is that of a refusal.
func sentence(err error) string {
	var known *sallyport.Error
	if errors.As(err, &known) {
		return known.Message
	}
	return err.Error()
}

func sent(doc *llm.Document) (text string) {
	doc.Root().Get("messages").Items(func(_ int, message llm.Value) bool {
		text = message.Get("content").Text()
		return false
	})
	return text
}

// judge finds what the screen of a request finds in a message's text. Of a text
// that is JSON the screen looks at each string by itself; here it is one text, so
// that what is found has a place in it.
func (s *Screen) judge(text string) []Judged {
	found := []Judged{}
	if s.policy.Mode == Off {
		return found
	}
	r := request{screen: s}
	r.sweep = sweep{engine: s.engine, wanted: s.in}
	for _, h := range r.find(text, "content") {
		if h.id != typePlaceholder {
			found = append(found, Judged{Match{h.start, h.end, types[h.id].Name, types[h.id].Category}, s.inDo[h.id]})
		}
	}
	return found
}
