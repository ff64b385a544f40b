package chat

import (
	"strings"
	"unicode/utf8"
)

// An answer is a log. Each byte of its text and of its reasoning has a number of
// its own, and so has each state of a tool call that readers are told; a place in
// the log is the number of its last one. So a reader on any node, at any time,
// goes on from where another left, and what it joins from the start is byte for
// byte what is stored.

// The kinds of runs.
const (
	textRun      = "t"
	reasoningRun = "r"
	toolRun      = "c"
)

// run is a stretch of a log: text, reasoning, or one state of a tool call. In a
// message's content it has its length alone; in a step its text or tool too.
type run struct {
	Kind string    `json:"k"`
	Len  int64     `json:"n,omitempty"`
	Text string    `json:"s,omitempty"`
	Tool *ToolCall `json:"c,omitempty"`
	At   int       `json:"i,omitempty"` // which tool call
}

func (r run) length() int64 {
	if r.Kind == toolRun {
		return 1
	}
	return max(r.Len, int64(len(r.Text)))
}

// log is what there is of an answer. It only grows.
type log struct {
	runs []piece
	size int64
	last []ToolCall // the tool calls as they are now
}

// piece is a run in memory.
type piece struct {
	kind  string
	begin int64  // the place before it
	text  []byte // of textRun and reasoningRun
	tool  ToolCall
	at    int // which tool call
}

func (p piece) end() int64 {
	if p.kind == toolRun {
		return p.begin + 1
	}
	return p.begin + int64(len(p.text))
}

func (l *log) end() int64 { return l.size }

// write appends text or reasoning. It stays valid UTF-8, for it is told in JSON.
func (l *log) write(kind, text string) {
	if text = strings.ToValidUTF8(text, "\uFFFD"); text == "" {
		return
	}
	n := len(l.runs)
	if n == 0 || l.runs[n-1].kind != kind {
		l.runs = append(l.runs, piece{kind: kind, begin: l.size})
		n++
	}
	p := &l.runs[n-1]
	p.text = append(p.text, text...)
	l.size += int64(len(text))
}

// tool appends a state of the tool call at that index.
func (l *log) tool(at int, t ToolCall) {
	for len(l.last) <= at {
		l.last = append(l.last, ToolCall{})
	}
	l.last[at] = t
	l.runs = append(l.runs, piece{kind: toolRun, begin: l.size, tool: t, at: at})
	l.size++
}

// from returns what comes after a place. A place inside a character is taken for
// its beginning.
func (l *log) from(place int64) []piece {
	var rest []piece
	for i := l.find(place); i < len(l.runs); i++ {
		p := l.runs[i]
		if p.kind != toolRun && place > p.begin {
			cut := place - p.begin
			for cut > 0 && !utf8.RuneStart(p.text[cut]) {
				cut--
			}
			p.text, p.begin = p.text[cut:], p.begin+cut
		}
		rest = append(rest, p)
	}
	return rest
}

// find is the index of the first run that reaches beyond the place. Readers come
// for the last one nearly always.
func (l *log) find(place int64) int {
	i := len(l.runs)
	for i > 0 && l.runs[i-1].end() > place {
		i--
	}
	return i
}

func (l *log) clone() log {
	c := log{runs: append([]piece(nil), l.runs...), size: l.size, last: append([]ToolCall(nil), l.last...)}
	for i := range c.runs {
		c.runs[i].text = append([]byte(nil), c.runs[i].text...)
	}
	return c
}

func (l *log) text() string      { return l.join(textRun) }
func (l *log) reasoning() string { return l.join(reasoningRun) }

func (l *log) join(kind string) string {
	var b strings.Builder
	for _, p := range l.runs {
		if p.kind == kind {
			b.Write(p.text)
		}
	}
	return b.String()
}

// tools are the tool calls as they are now.
func (l *log) tools() []ToolCall { return append([]ToolCall{}, l.last...) }

// lengths are the runs as they are kept beside the whole texts.
func (l *log) lengths() []run {
	runs := make([]run, len(l.runs))
	for i, p := range l.runs {
		runs[i] = run{Kind: p.kind, At: p.at}
		if p.kind != toolRun {
			runs[i].Len = int64(len(p.text))
		}
	}
	return runs
}

// step is what a step keeps of pieces.
func step(pieces []piece) []run {
	runs := make([]run, len(pieces))
	for i, p := range pieces {
		runs[i] = run{Kind: p.kind, Text: string(p.text), At: p.at}
		if p.kind == toolRun {
			tool := p.tool
			runs[i] = run{Kind: p.kind, Tool: &tool, At: p.at}
		}
	}
	return runs
}

// replay appends what a step kept.
func (l *log) replay(runs []run) {
	for _, r := range runs {
		switch {
		case r.Kind != toolRun:
			l.write(r.Kind, r.Text)
		case r.Tool != nil:
			l.tool(r.At, *r.Tool)
		}
	}
}

// log makes the log of a stored answer again: each state of a tool call is then
// its last one.
func (said content) log() log {
	var l log
	text, reasoning := said.Text, said.Reasoning
	cut := func(from *string, n int64) string {
		n = min(n, int64(len(*from)))
		head := (*from)[:n]
		*from = (*from)[n:]
		return head
	}
	for _, r := range said.Runs {
		switch {
		case r.Kind == textRun:
			l.write(textRun, cut(&text, r.Len))
		case r.Kind == reasoningRun:
			l.write(reasoningRun, cut(&reasoning, r.Len))
		case r.At < len(said.Tools):
			l.tool(r.At, said.Tools[r.At])
		}
	}
	return l
}
