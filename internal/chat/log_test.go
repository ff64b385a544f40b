package chat

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// written is a log of all kinds of runs.
func written() *log {
	l := new(log)
	l.write(reasoningRun, "Hm – ")
	l.write(textRun, "日本")
	l.write(textRun, "🙂")
	l.tool(0, ToolCall{ID: "a", State: ToolWriting})
	l.tool(1, ToolCall{ID: "b", State: ToolWriting})
	l.write(reasoningRun, "then")
	l.tool(0, ToolCall{ID: "a", Arguments: "{}", State: ToolCalled})
	l.write(textRun, "")
	l.write(textRun, "end\xff")
	return l
}

// joined is what a reader has of a kind who is told these pieces.
func joined(pieces []piece, kind string) string {
	var b strings.Builder
	for _, p := range pieces {
		if p.kind == kind {
			b.Write(p.text)
		}
	}
	return b.String()
}

// From every place, of the log, of its steps and of what is stored in the end, the
// same follows.
func TestLog(t *testing.T) {
	l := written()
	if l.text() != "日本🙂end\uFFFD" || l.reasoning() != "Hm – then" || l.last[0].State != ToolCalled {
		t.Fatalf("the log says %q, thinks %q, calls %+v", l.text(), l.reasoning(), l.tools())
	}
	stored := contentOf(l).log()
	if stored.end() != l.end() {
		t.Errorf("what is stored ends at %d, the log at %d", stored.end(), l.end())
	}
	for cut := range l.end() + 1 {
		var stepped log
		head := l.from(0)
		stepped.replay(step(head))
		if stepped.end() != l.end() {
			t.Fatalf("the steps end at %d, the log at %d", stepped.end(), l.end())
		}
		for name, other := range map[string]*log{"stored": &stored, "steps": &stepped} {
			for _, kind := range []string{textRun, reasoningRun} {
				if got, want := joined(other.from(cut), kind), joined(l.from(cut), kind); got != want {
					t.Errorf("%s, from %d: got %q, want %q", name, cut, got, want)
				}
			}
		}
		rest := l.from(cut)
		if len(rest) > 0 && rest[0].begin > cut {
			t.Errorf("from %d begins at %d", cut, rest[0].begin)
		}
		for _, p := range rest {
			if !utf8.Valid(p.text) {
				t.Errorf("from %d: %q is no text", cut, p.text)
			}
		}
	}
}

func TestTitleOf(t *testing.T) {
	for said, want := range map[string]string{
		"  What is\n\tthis? ":     "What is this?",
		strings.Repeat("é", 61):   strings.Repeat("é", 60) + "…",
		strings.Repeat("ab ", 30): strings.TrimSpace(strings.Repeat("ab ", 20)) + "…",
		"nul\x00in\u0085it":       "nul in it",
	} {
		if got := titleOf(content{Text: said}); got != want {
			t.Errorf("%q: got %q, want %q", said, got, want)
		}
	}
	if got := titleOf(content{Files: []File{{Name: "a.png"}}}); got != "a.png" {
		t.Errorf("a file alone: %q", got)
	}
}

func TestFileName(t *testing.T) {
	for name, want := range map[string]string{
		"../../etc/passwd": "passwd", `C:\x\y.png`: "y.png", "": "file", "..": "file", "a\u202eb\x00.txt": "ab.txt", "/": "file",
	} {
		if got := FileName(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// Readers come and go while an answer is written; each has all of it.
func TestLiveReaders(t *testing.T) {
	l, _ := newLive(sallyport.Message{ID: "m"}, func() {})
	const pieces, readers = 300, 8
	var all sync.WaitGroup
	got := make([]string, readers)
	for i := range readers {
		all.Go(func() {
			r := &Reader{chats: &Chats{}, live: l, message: "m"}
			for {
				events, err := r.Next(context.Background(), time.Minute)
				if err != nil {
					t.Error(err)
					return
				}
				for _, e := range events {
					got[i] += e.Delta
					if e.Kind == MessageEvent {
						return
					}
				}
			}
		})
	}
	want := ""
	for i := range pieces {
		text := fmt.Sprint(i, " é ")
		want += text
		if err := l.push(&llm.Event{Kind: llm.ChunkEvent, Deltas: []llm.Delta{{Kind: llm.TextDelta, Text: value(t, text)}}}); err != nil {
			t.Fatal(err)
		}
	}
	l.mu.Lock()
	l.final = &Message{ID: "m", Text: want, Seq: l.log.end()}
	l.tell()
	l.mu.Unlock()
	all.Wait()
	for i, text := range got {
		if text != want {
			t.Errorf("reader %d has %d bytes, want %d", i, len(text), len(want))
		}
	}
}
