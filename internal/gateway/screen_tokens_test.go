package gateway

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Events with log-probabilities go out as they came, in their order, but for those
// whose text is changed: these have none, and their text is told once.
func TestScreenTokens(t *testing.T) {
	t.Parallel()
	req, asked, placeholder := askedOfMail(t)
	said := func(choice int, text, finish string) string {
		return fmt.Sprintf(`{"choices":[{"index":%d,"delta":{"content":%q},"logprobs":{"content":[{"token":%q}]},"finish_reason":%s}]}`, choice, text, text, finish)
	}
	bare := func(choice int, text string) string {
		return fmt.Sprintf(`{"choices":[{"index":%d,"delta":{"content":%q},"logprobs":null,"finish_reason":null}]}`, choice, text)
	}
	const end = `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
	// both has a piece of each of two texts, other the end of another answer.
	both := func(thought, text string) string {
		return fmt.Sprintf(`{"choices":[{"index":0,"delta":{"reasoning_content":%q,"content":%q},"finish_reason":null}]}`, thought, text)
	}
	const other = `{"choices":[{"index":0,"delta":{"content":"Hi.\n"},"logprobs":{"content":[]}},{"index":1,"delta":{},"finish_reason":"stop"}]}`
	words := []string{said(0, "Hello", "null"), said(0, " a", "null"), said(0, ".", "null"), said(0, "\n", "null"), said(0, " b", "null")}
	for name, tt := range map[string]struct{ chunks, want []string }{
		"nothing changed":     {append(words[:5:5], end), append(words[:5:5], end)},
		"the end has a text":  {append(words[:5:5], said(0, " a", `"stop"`)), append(words[:5:5], said(0, " a", `"stop"`))},
		"a value comes back":  {[]string{said(0, "to ", "null"), said(0, placeholder[:12], "null"), said(0, placeholder[12:], "null"), said(0, " now", "null"), end}, []string{said(0, "to ", "null"), bare(0, secretMail), bare(0, ""), said(0, " now", "null"), end}},
		"half a value":        {[]string{said(0, placeholder[:12], "null"), end}, []string{said(0, placeholder[:12], "null"), end}},
		"a piece without any": {[]string{said(0, " a", "null"), bare(0, "b"), end}, []string{said(0, " a", "null"), bare(0, "b"), end}},
		"two answers":         {[]string{said(0, " a", "null"), said(1, " b", "null"), said(1, "c", `"stop"`), end}, []string{said(1, " b", "null"), said(1, "c", `"stop"`), said(0, " a", "null"), end}},
		"several pieces while one waits": {
			[]string{said(0, "is a", "null"), both("\n", "b.\n"), said(0, "\n", "null"), end},
			[]string{bare(0, "is "), both("\n", "ab.\n"), said(0, "\n", "null"), end},
		},
		"several pieces, and one waits": {
			[]string{said(0, "\n", "null"), both("\n", "a"), said(0, "a", "null"), end},
			[]string{said(0, "\n", "null"), both("\n", ""), bare(0, "aa"), end},
		},
		"the end of another": {[]string{said(1, " b", "null"), other, end}, []string{said(1, " b", "null"), other, end}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			s := screened{call: &Call{Request: req}, screen: asked, out: func(e *llm.Event) error {
				got = append(got, string(e.Body.Encode()))
				return nil
			}}
			pushAll(t, &s, tt.chunks)
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			if s.heldBytes != 0 || len(s.tokens) != 0 {
				t.Errorf("%d bytes are still counted as held, %d texts are remembered", s.heldBytes, len(s.tokens))
			}
		})
	}
}

// What stands for a hidden value may begin with that value, or with the piece of it that
// an event has: the rest is told all the same.
func TestScreenTokens_change_begins_alike(t *testing.T) {
	t.Parallel()
	const changed = "[REDACTED:ID]"
	for name, pieces := range map[string][]string{"one event": {"["}, "two events": {"[", "RED"}, "an empty one": {"[", ""}} {
		for _, last := range []bool{false, true} {
			t.Run(fmt.Sprint(name, last), func(t *testing.T) {
				t.Parallel()
				req, asked, _ := askedOfMail(t)
				var got strings.Builder
				s := screened{call: &Call{Request: req}, screen: asked, out: func(e *llm.Event) error {
					got.WriteString(e.Deltas[0].Text.Text())
					return nil
				}}
				w := &tokens{}
				for _, piece := range pieces {
					doc, err := llm.Parse(fmt.Appendf(nil, `{"choices":[{"index":0,"delta":{"content":%q},"logprobs":{"content":[]}}]}`, piece))
					if err != nil {
						t.Fatal(err)
					}
					choice := doc.Root().Get("choices")
					var e llm.Event
					choice.Items(func(_ int, c llm.Value) bool {
						e = llm.Event{Kind: llm.ChunkEvent, Dialect: llm.Chat, Body: doc, Deltas: []llm.Delta{{Kind: llm.TextDelta, Text: c.Get("delta").Get("content")}}}
						return true
					})
					w.events, w.came = append(w.events, &e), w.came+piece
				}
				if err := s.allow(dlp.TextID{Kind: llm.TextDelta}, w, changed, last); err != nil {
					t.Fatal(err)
				}
				if got.String() != changed || w.gone != "" || w.came != "" {
					t.Errorf("got %q, and %q of %q is left; want %q", got.String(), w.gone, w.came, changed)
				}
			})
		}
	}
}
