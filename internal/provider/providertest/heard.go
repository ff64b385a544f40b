package providertest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Heard is what an answer said in all its events.
type Heard struct {
	Text     string
	Thinking string
	Refusal  string
	Tools    []ToolCall
	Finish   llm.StopReason
	Usage    *llm.Usage
	Chunks   int
	Wholes   int
	Dones    int
	LastDone bool // the last event is a DoneEvent
}

// Sink returns the sink that adds to h.
func (h *Heard) Sink() llm.Sink {
	places := make(map[int]int)
	return func(e *llm.Event) error {
		switch h.LastDone = e.Kind == llm.DoneEvent; e.Kind {
		case llm.ChunkEvent:
			h.Chunks++
		case llm.WholeEvent:
			h.Wholes++
		case llm.DoneEvent:
			h.Dones++
		}
		for _, d := range e.Deltas {
			h.add(d, places)
		}
		for _, f := range e.Finishes {
			h.Finish = f.Reason
		}
		if e.Usage != nil {
			usage := *e.Usage
			h.Usage = &usage
		}
		return nil
	}
}

// add clones every text: events are valid until the sink returns.
func (h *Heard) add(d llm.Delta, places map[int]int) {
	switch d.Kind {
	case llm.TextDelta:
		h.Text += strings.Clone(d.Text.Text())
	case llm.ThinkingDelta:
		h.Thinking += strings.Clone(d.Text.Text())
	case llm.RefusalDelta:
		h.Refusal += strings.Clone(d.Text.Text())
	case llm.ToolCallDelta:
		places[d.Index] = len(h.Tools)
		h.Tools = append(h.Tools, ToolCall{ID: strings.Clone(d.ToolID.Text()), Name: strings.Clone(d.ToolName.Text())})
	case llm.ToolArgumentsDelta:
		h.Tools[places[d.Index]].Arguments += strings.Clone(d.Text.Text())
	}
}

// check compares what was heard with what want says on that wire.
func (h *Heard) check(t *testing.T, w wire, want Answer, stream bool) {
	t.Helper()
	if h.Text != want.text() || h.Thinking != want.Thinking || h.Finish != llm.StopReason(want.finish()) {
		t.Errorf("heard: got %.200q, thinking %q, finish %q; want %.200q, %q, %q",
			h.Text, h.Thinking, h.Finish, want.text(), want.Thinking, want.finish())
	}
	if fmt.Sprint(h.Tools) != fmt.Sprint(want.Tools) {
		t.Errorf("tools: got %v, want %v", h.Tools, want.Tools)
	}
	var usage *llm.Usage
	if u := want.usage(); u != nil {
		counted := w.counted(*u)
		usage = &counted
	}
	if (h.Usage == nil) != (usage == nil) || usage != nil && *h.Usage != *usage {
		t.Errorf("usage: got %+v, want %+v", h.Usage, usage)
	}
	if stream && (h.Dones != 1 || !h.LastDone || h.Wholes != 0 || h.Chunks == 0) {
		t.Errorf("stream: got %d chunks, %d wholes, %d dones, the last done: %v", h.Chunks, h.Wholes, h.Dones, h.LastDone)
	}
	if !stream && (h.Wholes != 1 || h.Chunks+h.Dones != 0) {
		t.Errorf("whole: got %d wholes, %d chunks, %d dones", h.Wholes, h.Chunks, h.Dones)
	}
}
