package providertest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Answer is what the Fake says to one request, and how. The zero Answer is an
// echo of the last user message. The names in JSON are those of a directive.
type Answer struct {
	// Text is the answer. A stream sends it word by word.
	Text string `json:"text"`
	// Pieces is the answer cut as a stream is to send it, in place of Text.
	Pieces []string `json:"pieces"`
	// Thinking is said before the text, in one piece.
	Thinking string `json:"thinking"`
	// Tools are called after the text.
	Tools []ToolCall `json:"tools"`
	// Finish is the reason of the end in the words of llm.StopReason; empty:
	// "tool_calls" with Tools, else "stop".
	Finish string `json:"finish"`
	// Usage is what the provider reports; nil: UsageDefault. It is written in
	// the counts of the dialect, also when negative or huge.
	Usage *llm.Usage `json:"usage"`
	// NoUsage leaves usage out.
	NoUsage bool `json:"no_usage"`

	// Status other than 0 or 200 answers with Body as it stands and these headers.
	Status int               `json:"status"`
	Header map[string]string `json:"header"`
	// Body, with status 200, is the exact body of a plain answer or stream.
	Body string `json:"body"`
	// Frames are the exact bytes of a stream, each written and flushed by itself.
	Frames []string `json:"frames"`

	// Fault is what goes wrong, after that many pieces of the text have been
	// sent. A plain answer has no pieces: its faults befall the body.
	Fault Fault `json:"fault"`
	After int   `json:"after"`

	// DelayMS is a pause before each frame of a stream, for demonstrations.
	DelayMS int `json:"delay_ms"`
	// Step holds each piece back until it receives; before a plain answer once.
	Step <-chan struct{} `json:"-"`
}

// ToolCall is a tool that the answer calls. Arguments is JSON.
type ToolCall struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// UsageDefault is reported when an Answer does not say.
var UsageDefault = llm.Usage{Input: 10, Output: 5}

// Fault is a way in which providers fail.
type Fault string

// The faults.
const (
	Empty       Fault = "empty"        // status 200 and no body
	Hang        Fault = "hang"         // no byte at all until the client leaves
	Stall       Fault = "stall"        // it begins, then nothing until the client leaves
	Close       Fault = "close"        // the connection is closed
	Reset       Fault = "reset"        // the connection is reset
	Cut         Fault = "cut"          // a stream ends properly, but without its success end
	Unmarked    Fault = "unmarked"     // all was said; left out is a mark of the success end that says nothing else
	Garbage     Fault = "garbage"      // a page in place of an answer, or of an event
	NotHTTP     Fault = "not_http"     // bytes that are not HTTP
	BadJSON     Fault = "bad_json"     // JSON that breaks off
	BadUTF8     Fault = "bad_utf8"     // a byte that is not UTF-8 inside of a string
	WrongLength Fault = "wrong_length" // fewer bytes than Content-Length said
	LongLine    Fault = "long_line"    // an event over every bound
	Endless     Fault = "endless"      // it never stops saying things
	ErrorEvent  Fault = "error_event"  // an error inside of a success
	Plain       Fault = "plain"        // a plain answer where a stream was asked for
	Redirect    Fault = "redirect"     // a redirect to another path of the Fake
	Compressed  Fault = "compressed"   // gzip that nobody asked for
)

const directive = "fake:"

// directed reads the directive in text, or makes the echo.
func directed(text string) (Answer, error) {
	_, after, found := strings.Cut(text, directive)
	if !found {
		return Answer{Text: text}, nil
	}
	dec := json.NewDecoder(strings.NewReader(after))
	dec.DisallowUnknownFields()
	var a Answer
	if err := dec.Decode(&a); err != nil {
		return a, fmt.Errorf("the directive cannot be read: %w", err)
	}
	return a, nil
}

// pieces is the text as a stream sends it.
func (a Answer) pieces() []string {
	if len(a.Pieces) > 0 || a.Text == "" {
		return a.Pieces
	}
	return strings.SplitAfter(a.Text, " ")
}

func (a Answer) text() string { return strings.Join(a.pieces(), "") }

func (a Answer) finish() string {
	switch {
	case a.Finish != "":
		return a.Finish
	case len(a.Tools) > 0:
		return string(llm.StopTools)
	}
	return string(llm.StopEnd)
}

// usage is nil when none is to be reported.
func (a Answer) usage() *llm.Usage {
	switch {
	case a.NoUsage:
		return nil
	case a.Usage != nil:
		return a.Usage
	}
	usage := UsageDefault
	return &usage
}

// argumentPieces cuts the arguments of a call as a stream sends them.
func (c ToolCall) argumentPieces() []string {
	const pieceLen = 8
	var pieces []string
	rest := []rune(c.Arguments) // no piece ends in the middle of a character
	for len(rest) > pieceLen {
		pieces, rest = append(pieces, string(rest[:pieceLen])), rest[pieceLen:]
	}
	return append(pieces, string(rest))
}
