package provider

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// Bounds of an event stream.
const (
	// eventMax is the longest line, and the most data of one event: image
	// answers come as one line of base64.
	eventMax = 8 << 20
	// linesBuffer is the size a reader begins with, and keeps between streams.
	linesBuffer = 32 << 10
	// eventNamesMax is how many different event names are remembered to spare
	// making a string of each; the dialects have about a dozen.
	eventNamesMax = 32
	// emptyReadsMax is how often a reader may return nothing at all in a row.
	emptyReadsMax = 100
)

// errEventTooLong is the error of an event over eventMax.
var errEventTooLong = errors.New("an event of the stream is too long")

// eventReader reads a stream and calls f for each event; data is valid until f
// returns. Errors: those of f and of r as they are, errEventTooLong, and what breaks
// the framing as *sallyport.Error; the end of r is nil.
type eventReader func(r io.Reader, f func(name string, data []byte) error) error

// readEvents reads a server-sent event stream by the rules of WHATWG (HTML,
// "Interpreting an event stream") and calls f for each event that has data, as
// soon as its blank line is there. The name is "" where the stream gives none.
// data is valid until f returns. An event that has no blank line at the end of
// the stream is dropped, as the rules say, unless it is endMark: servers that
// close right after it have said all that they had to say. Errors: those of f and of r as they
// are, and errEventTooLong; the end of r is nil.
func readEvents(r io.Reader, f func(name string, data []byte) error) error {
	lines := linesPool.Get().(*lineReader)
	lines.reset(r)
	defer lines.release()
	event := eventBuilder{emit: f, data: lines.event[:0]}
	for {
		line, err := lines.next()
		if err == io.EOF {
			return event.end(lines.buf[lines.start:lines.end])
		}
		if err == nil {
			err = event.line(line)
			lines.event = event.data
		}
		if err != nil {
			return err
		}
	}
}

// eventBuilder gathers the lines of one event.
type eventBuilder struct {
	emit    func(name string, data []byte) error
	data    []byte
	hasData bool
	name    string
	names   []string // names seen in this stream
}

func (b *eventBuilder) line(line []byte) error {
	if len(line) == 0 {
		return b.dispatch()
	}
	field, value, _ := bytes.Cut(line, []byte{':'})
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	switch string(field) {
	case "data":
		if len(b.data)+len(value) >= eventMax {
			return errEventTooLong
		}
		if b.hasData {
			b.data = append(b.data, '\n')
		}
		b.data = append(b.data, value...)
		b.hasData = true
	case "event":
		b.name = b.intern(value)
	}
	// A line that begins with a colon is a comment: its field is "". "id" and
	// "retry" are for readers that connect again; nobody resumes a model's answer.
	return nil
}

// dispatch hands the event out. Data that is the empty string is no event.
func (b *eventBuilder) dispatch() error {
	data, name := b.data, b.name
	b.data, b.hasData, b.name = b.data[:0], false, ""
	if len(data) == 0 {
		return nil
	}
	return b.emit(name, data)
}

// endMark is the data of the last event of a chat stream.
const endMark = "[DONE]"

// end takes what stands after the last line end of the stream.
func (b *eventBuilder) end(rest []byte) error {
	if len(rest) > 0 && len(rest) <= len("data: "+endMark) {
		if err := b.line(rest); err != nil {
			return err
		}
	}
	if string(b.data) != endMark {
		return nil
	}
	return b.dispatch()
}

func (b *eventBuilder) intern(name []byte) string {
	for _, known := range b.names {
		if known == string(name) {
			return known
		}
	}
	text := string(name)
	if len(b.names) < eventNamesMax {
		b.names = append(b.names, text)
	}
	return text
}

// lineReader cuts a stream into lines that end with CR, LF or CRLF. A CR ends
// its line at once: waiting to see whether an LF follows would hold an event
// back until the next one comes.
type lineReader struct {
	from   io.Reader
	buf    []byte
	start  int   // of the line being read
	end    int   // of the bytes in buf
	seen   int   // no end of a line lies in buf[start:seen]
	lf     int   // the first LF at or after seen, -1: not looked for, end: none
	skipLF bool  // the last line ended with CR
	begun  bool  // the place of a byte order mark is past
	empty  int   // reads in a row that returned nothing
	err    error // of the reader, told once its bytes are used up

	event []byte // room for an event's data, kept with the reader
}

var linesPool = sync.Pool{New: func() any { return &lineReader{buf: make([]byte, linesBuffer)} }}

func (l *lineReader) reset(r io.Reader) {
	*l = lineReader{from: r, buf: l.buf, event: l.event, lf: -1}
}

// release gives the buffers back unless one long event made them large.
func (l *lineReader) release() {
	if len(l.buf) > linesBuffer || cap(l.event) > linesBuffer {
		return
	}
	l.from = nil
	linesPool.Put(l)
}

// next returns a line without its end, valid until the next call. What stands
// after the last line end is not a line.
func (l *lineReader) next() ([]byte, error) {
	for {
		if l.skipLF && l.start < l.end {
			l.skipLF = false
			if l.buf[l.start] == '\n' {
				l.start++
			}
		}
		if at := l.lineEnd(); at >= 0 {
			line := l.buf[l.start:at]
			l.skipLF = l.buf[at] == '\r'
			l.start = at + 1
			if !l.begun {
				l.begun = true
				line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
			}
			return line, nil
		}
		if err := l.fill(); err != nil {
			return nil, err
		}
	}
}

// lineEnd returns where the line that begins at start ends, -1 when that is not
// in the buffer. Each byte is looked at once for an LF and once for a CR,
// however small the pieces are in which the stream comes.
func (l *lineReader) lineEnd() int {
	l.seen = max(l.seen, l.start)
	if l.lf < l.seen {
		l.lf = l.end
		if at := bytes.IndexByte(l.buf[l.seen:l.end], '\n'); at >= 0 {
			l.lf = l.seen + at
		}
	}
	if at := bytes.IndexByte(l.buf[l.seen:l.lf], '\r'); at >= 0 {
		return l.seen + at
	}
	l.seen = l.lf
	if l.lf < l.end {
		return l.lf
	}
	l.lf = -1 // nothing up to the end: look again from there
	return -1
}

// fill reads more, making room first.
func (l *lineReader) fill() error {
	if l.err != nil {
		return l.err
	}
	if l.end-l.start >= eventMax {
		return errEventTooLong
	}
	if l.start > 0 {
		copy(l.buf, l.buf[l.start:l.end])
		l.end -= l.start
		l.seen = max(l.seen-l.start, 0)
		l.start, l.lf = 0, -1
	}
	if l.end == len(l.buf) {
		l.buf = append(l.buf, make([]byte, len(l.buf))...)
	}
	n, err := l.from.Read(l.buf[l.end:])
	l.end += n
	l.err = err
	if n == 0 && err == nil {
		l.empty++
		if l.empty > emptyReadsMax {
			return io.ErrNoProgress
		}
		return nil
	}
	l.empty = 0
	return nil
}
