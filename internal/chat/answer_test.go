package chat

import (
	"errors"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Text, reasoning and the arguments of all tools count together.
func TestLive_bound(t *testing.T) {
	part := strings.Repeat("x", AnswerMax/4)
	deltas := []llm.Delta{
		{Kind: llm.TextDelta, Text: value(t, part)},
		{Kind: llm.ThinkingDelta, Text: value(t, part)},
		{Kind: llm.ToolArgumentsDelta, Index: 0, Text: value(t, part)},
		{Kind: llm.ToolArgumentsDelta, Index: 1, Text: value(t, part)},
	}
	l, _ := newLive(sallyport.Message{ID: "m"}, func() {})
	for _, d := range deltas {
		if err := l.push(&llm.Event{Deltas: []llm.Delta{d}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, index := range []int{0, 1} {
		one := llm.Delta{Kind: llm.ToolArgumentsDelta, Index: index, Text: value(t, "y")}
		if err := l.push(&llm.Event{Deltas: []llm.Delta{one}}); !errors.Is(err, errTooLong) {
			t.Errorf("tool %d: got %v, want %v", index, err, errTooLong)
		}
	}
	l.closeTools()
	for _, tool := range l.log.tools() {
		if tool.Arguments != part {
			t.Errorf("%d bytes of arguments are kept, want %d", len(tool.Arguments), len(part))
		}
	}
}

// value is a string as it stands in an event.
func value(t *testing.T, text string) llm.Value {
	t.Helper()
	doc, err := llm.Parse(llm.Quote(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc.Root()
}
