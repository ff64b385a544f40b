package chat

import (
	"context"
	"testing"

	"github.com/sallyport-ai/sallyport"
)

// partial is a store in which only some answers are wanted.
type partial struct {
	Store
	wanted []sallyport.MessageID
	looks  int
}

func (s *partial) WantedAnswers(context.Context, []sallyport.Message) ([]sallyport.MessageID, error) {
	s.looks++
	return s.wanted, nil
}

// One look stops all answers that are not wanted, and there is none without answers.
func TestStopUnwanted(t *testing.T) {
	t.Parallel()
	s := &partial{wanted: []sallyport.MessageID{"b"}}
	c := &Chats{Parts: Parts{Store: s}, live: make(map[sallyport.MessageID]*live)}
	look := func() {
		t.Helper()
		if err := c.stopUnwanted(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	look()
	running := make(map[sallyport.MessageID]context.Context)
	for _, id := range []sallyport.MessageID{"a", "b", "c"} {
		c.live[id], running[id] = newLive(sallyport.Message{ID: id}, func() {})
	}
	look()
	if s.looks != 1 {
		t.Errorf("the store was asked %d times, want once", s.looks)
	}
	for id, ctx := range running {
		if stopped := context.Cause(ctx) == errStopped; stopped != (id != "b") || stopped != c.live[id].stopped {
			t.Errorf("%s: stopped is %v, %v", id, stopped, context.Cause(ctx))
		}
	}
}
