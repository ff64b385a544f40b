package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	callTime = 30 * time.Second // bounds one call
	// failurePause keeps a caller from spinning on a target that has died.
	failurePause = time.Millisecond
)

// load lets each of the scenario's callers call the target: the next call when the
// last is answered. Throughput counts the answers that come in the time d after
// warm; latency those of calls that begin in it.
func load(ctx context.Context, t target, s scenario, warm, d time.Duration) tally {
	begun := time.Now()
	w := window{from: begun.Add(warm), until: begun.Add(warm + d)}
	if s.calls > 0 {
		w = window{from: begun, until: begun.Add(callTime)}
	}
	callers := make([]caller, s.callers)
	var working sync.WaitGroup
	for i := range callers {
		callers[i] = caller{target: t, scenario: s, request: s.request(t, i), window: w}
		working.Go(func() { callers[i].work(ctx) })
	}
	working.Wait()
	var all tally
	for _, c := range callers {
		all.add(c.tally)
	}
	all.elapsed = d
	if s.calls > 0 {
		all.elapsed = time.Since(begun)
	}
	return all
}

// window is the time that is measured.
type window struct{ from, until time.Time }

func (w window) holds(t time.Time) bool { return !t.Before(w.from) && t.Before(w.until) }

// tally is what became of calls.
type tally struct {
	answers  int // all good ones
	failed   int
	failure  error // the first
	elapsed  time.Duration
	finished int             // answers within the window
	first    []time.Duration // to the first byte, of a stream to its first text
	whole    []time.Duration
	gaps     []time.Duration // between pieces of text of paced streams
	pieces   int             // chunks that brought text, of all answers
}

func (t *tally) add(o tally) {
	t.answers += o.answers
	t.failed += o.failed
	t.failure = cmp.Or(t.failure, o.failure)
	t.finished += o.finished
	t.first = append(t.first, o.first...)
	t.whole = append(t.whole, o.whole...)
	t.gaps = append(t.gaps, o.gaps...)
	t.pieces += o.pieces
}

// caller makes one call after the other.
type caller struct {
	target   target
	scenario scenario
	request  request
	window   window
	tally    tally

	conn *conn // nil: to be dialled
	body []byte
}

func (c *caller) work(ctx context.Context) {
	defer c.hangUp()
	for n := 1; ctx.Err() == nil; n++ {
		if err := c.call(); err != nil {
			c.tally.failed++
			c.tally.failure = cmp.Or(c.tally.failure, err)
			c.hangUp()
			time.Sleep(failurePause)
		}
		if n == c.scenario.calls || !time.Now().Before(c.window.until) {
			return
		}
	}
}

func (c *caller) hangUp() {
	if c.conn != nil {
		c.conn.close()
		c.conn = nil
	}
}

// call makes one call, checks its answer and counts it.
func (c *caller) call() (err error) {
	c.request.next()
	if c.conn == nil {
		if c.conn, err = dial(c.target.addr); err != nil {
			return err
		}
	}
	begun := time.Now()
	first := time.Duration(0)
	follow := stream{paced: c.scenario.answer.gap > 0, gaps: c.tally.gaps}
	status, body, err := c.conn.exchange(c.request.parts, c.body[:0], func(body []byte) {
		at := time.Since(begun)
		if c.scenario.answer.chunks > 0 {
			follow.more(body, at)
		} else {
			first = at
		}
	})
	ended := time.Now()
	c.body = body
	switch {
	case err != nil:
		return err
	case status != http.StatusOK:
		return fmt.Errorf("status %d: %.500s", status, body)
	case c.scenario.answer.chunks > 0:
		first, err = follow.first, follow.check(c.scenario.answer.chunks)
	default:
		err = checkWhole(body, c.request.email, c.scenario.answerMarks())
	}
	if err != nil {
		return err
	}
	if c.conn.closes {
		c.hangUp()
	}
	c.tally.answers++
	c.tally.pieces += follow.pieces
	c.tally.gaps = follow.gaps
	if c.window.holds(ended) {
		c.tally.finished++
	}
	if c.window.holds(begun) {
		c.tally.first = append(c.tally.first, first)
		c.tally.whole = append(c.tally.whole, ended.Sub(begun))
	}
	return nil
}

// checkWhole looks at a plain answer: one of the marks tells its dialect. One to a
// prompt with an address must have it.
func checkWhole(body, email []byte, marks []string) error {
	known := slices.ContainsFunc(marks, func(mark string) bool { return bytes.Contains(body, []byte(mark)) })
	if !known || !bytes.HasSuffix(bytes.TrimSpace(body), []byte("}")) {
		return errors.New("the answer is not a completion")
	}
	if len(email) > 0 && !bytes.Contains(body, email) {
		return errors.New("the answer has lost the address")
	}
	return nil
}

// stream follows a streamed answer while it arrives.
type stream struct {
	paced bool            // gaps are of interest
	gaps  []time.Duration // between two pieces of text

	read   int // the body is read so far, line by line
	events int
	texts  int
	pieces int // chunks of the body that brought text
	done   bool
	failed bool
	first  time.Duration // when the first text came
	last   time.Duration // when the last one came
}

var (
	eventPrefix = []byte("data: {")
	donePrefix  = []byte("data: [DONE]")
	errorPrefix = []byte("event:") // only errors have a name
	textMember  = []byte(`"content":"` + pieceOfText + `"`)
)

// more reads the lines that are whole by now. What stands in a line can be used
// when its end is there.
func (s *stream) more(body []byte, at time.Duration) {
	brought := false
	for {
		end := bytes.IndexByte(body[s.read:], '\n')
		if end < 0 {
			break
		}
		line := body[s.read : s.read+end]
		s.read += end + 1
		switch {
		case bytes.HasPrefix(line, eventPrefix):
			s.events++
			if bytes.Contains(line, textMember) {
				s.text(at)
				brought = true
			}
		case bytes.HasPrefix(line, donePrefix):
			s.done = true
		case bytes.HasPrefix(line, errorPrefix):
			s.failed = true
		}
	}
	if brought {
		s.pieces++
	}
}

func (s *stream) text(at time.Duration) {
	s.texts++
	if s.texts == 1 {
		s.first = at
	} else if s.paced {
		s.gaps = append(s.gaps, at-s.last)
	}
	s.last = at
}

// check says what is wrong with the stream: it must have each piece and its end.
func (s *stream) check(chunks int) error {
	const more = 3 // the role in front; the reason of the end and the usage behind
	switch {
	case s.failed:
		return errors.New("the stream tells an error")
	case !s.done || s.texts != chunks || s.events != chunks+more:
		return fmt.Errorf("the stream has %d events, want %d, with text %d, want %d, and says it is done: %t",
			s.events, chunks+more, s.texts, chunks, s.done)
	}
	return nil
}
