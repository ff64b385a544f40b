package wire

import "github.com/sallyport-ai/sallyport/internal/llm"

// Calls are the calls of the client's tools in one streamed answer of a dialect that streams
// no arguments where a tool takes nothing. Elsewhere arguments are the text of an object, and
// an empty text is none. So a call that has ended without any gets {}, but only when what
// follows shows that the answer went on: where it was cut off, they are what is missing, and
// a client that got {} would run the tool. The zero Calls is ready.
type Calls struct {
	came map[int]bool // of those that have begun and not ended: whether arguments came
	bare []int        // those that have ended without, and nothing has followed
}

// Begin notes a call, and whether it begins with arguments.
func (c *Calls) Begin(index int, came bool) {
	if c.came == nil {
		c.came = make(map[int]bool)
	}
	c.came[index] = came
}

// Piece notes a piece of arguments; false: it is of no such call.
func (c *Calls) Piece(index int, text string) bool {
	came, calls := c.came[index]
	if calls {
		c.came[index] = came || text != ""
	}
	return calls
}

// End ends a block, which need not be a call. One that waits for arguments closes later.
func (c *Calls) End(index int, e *llm.Event) {
	came, calls := c.came[index]
	delete(c.came, index)
	if calls && !came {
		c.bare = append(c.bare, index)
		return
	}
	e.Closed = append(e.Closed, index)
}

// GoOn adds to an event that something follows with the arguments of what ended without any.
func (c *Calls) GoOn(e *llm.Event) error {
	for _, index := range c.bare {
		doc, err := llm.Parse([]byte(`"{}"`)) // one for each: texts of events may be changed
		if err != nil {
			return Unusable("arguments of a tool call that cannot be read")
		}
		e.Deltas = append(e.Deltas, llm.Delta{Kind: llm.ToolArgumentsDelta, Index: index, Text: doc.Root()})
		e.Closed = append(e.Closed, index)
	}
	c.bare = c.bare[:0]
	return nil
}

// Finish is GoOn for an event that may tell how the answer ends. What was cut off gets
// nothing.
func (c *Calls) Finish(e *llm.Event) error {
	if len(e.Finishes) == 0 {
		return nil
	}
	for _, f := range e.Finishes {
		if f.Reason == llm.StopLength || f.Reason == llm.StopFilter {
			c.bare = c.bare[:0]
		}
	}
	return c.GoOn(e)
}
