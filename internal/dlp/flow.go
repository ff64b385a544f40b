package dlp

import (
	"slices"
	"strings"
	"unsafe"
)

// flow is one logical text on its way out. What came is in buf; the bytes before
// out have gone, and only the last of them are kept for detectors that look back.
type flow struct {
	sweep
	buf     []byte
	out     int // what stands before has been emitted
	checked int // the triggers before have been asked
	base    int // offset in the logical text of buf[0]
	marks   []mark

	edit     func(f *flow, h hit) (with string, change bool, err error)
	field    func() string            // the name of the text
	restores bool                     // placeholders become values
	write    func(text string) string // text as it is put at the present place
}

// mark is a character that was written as a JSON escape: at in buf, and as it came.
type mark struct {
	at, size int
	raw      string
}

// flowKeep is the size at which emitted text is forgotten.
const flowKeep = 4 << 10

// view is buf as a string. It is read again after each change of buf.
func (f *flow) view(more bool) {
	f.window = window{text: unsafe.String(unsafe.SliceData(f.buf), len(f.buf)), more: more}
}

// held says whether text waits.
func (f *flow) held() bool { return f.out < len(f.buf) }

// push takes the next piece and returns what may go out. With last everything
// goes out: the text ends, or nothing can reach over this place.
func (f *flow) push(piece string, last bool) (string, error) {
	f.forget()
	idle := !f.held()
	f.buf = append(f.buf, piece...)
	f.view(!last)
	f.askAgain(piece)
	f.advance(f.checked)
	f.checked = len(f.buf)
	until := f.settled()
	if until == f.out {
		return "", nil
	}
	if idle && until == len(f.buf) && len(f.hits) == 0 && len(f.marks) == 0 {
		f.out = until
		return piece, nil
	}
	return f.emit(until)
}

// mark appends a character that was written as an escape. push or cut follows.
func (f *flow) mark(character, raw string) {
	f.marks = append(f.marks, mark{len(f.buf), len(character), raw})
	f.buf = append(f.buf, character...)
}

// askAgain asks the detectors that could not tell before piece came.
func (f *flow) askAgain(piece string) {
	if len(f.opens) == 0 {
		return
	}
	opens := f.opens
	f.opens = nil
	still := opens[:0]
	for _, o := range opens {
		bound := o.bound
		if bound == 0 {
			bound = secretMax
		}
		if f.more && o.quiet != nil && len(f.buf)-o.start < bound && o.quiet.onlyOf(piece) && len(f.marks) == 0 {
			still = append(still, o)
			continue
		}
		h, v := f.ask(o.at, o.detector, o.rule)
		switch v {
		case yes:
			f.hits = append(f.hits, h)
		case open:
			still = append(still, opening{h, o.at, o.detector, o.rule})
		}
	}
	f.opens = still
}

// settled returns up to where nothing can change any more.
func (f *flow) settled() int {
	for i := range f.hits {
		if f.hits[i].start < f.out { // what it belongs to was cut
			sortHits(f.hits)
			f.hits = clipHits(f.hits, f.out)
			break
		}
	}
	until := len(f.buf)
	if f.more {
		until = min(until, f.tail())
		for i := range f.opens {
			until = min(until, f.opens[i].start)
		}
		until = runeStart(f.text, until)
	}
	return max(f.chainStart(until), f.out)
}

// chainStart returns where the settled hits begin that reach over the byte until,
// with those that overlap them: what comes may still decide which of them win. Of
// a chain that is too long it settles the beginning, and returns where that ends.
func (f *flow) chainStart(until int) int {
	start := until
	for moved := true; moved; {
		moved = false
		for i := len(f.hits) - 1; i >= 0; i-- {
			if h := &f.hits[i]; h.start < start && start < h.end {
				start, moved = h.start, true
			}
		}
	}
	if until-start < chainMax {
		return start
	}
	sortHits(f.hits)
	from := slices.IndexFunc(f.hits, func(h hit) bool { return h.start >= start })
	to, end, cut := chain(f.hits[from:])
	if !cut {
		return start
	}
	one := merged(f.hits[from:from+to], end)
	rest := clipHits(f.hits[from+to:], end)
	f.hits = append(append(f.hits[:from], one), rest...)
	return end
}

// emit returns the text up to until, edited.
func (f *flow) emit(until int) (string, error) {
	var ready []hit
	rest := f.hits[:0]
	for _, h := range f.hits {
		if h.end <= until {
			ready = append(ready, h)
		} else {
			rest = append(rest, h)
		}
	}
	f.hits = rest
	var b strings.Builder
	b.Grow(until - f.out + 32*len(ready))
	for _, h := range resolve(ready) {
		with, change, err := f.edit(f, h)
		if err != nil {
			return "", err
		}
		if !change {
			continue
		}
		f.copyRaw(&b, h.start)
		b.WriteString(with)
		f.skipTo(h.end)
	}
	f.copyRaw(&b, until)
	return b.String(), nil
}

// copyRaw writes what came, from out to the byte to.
func (f *flow) copyRaw(b *strings.Builder, to int) {
	for len(f.marks) > 0 && f.marks[0].at < to {
		m := f.marks[0]
		f.marks = f.marks[1:]
		b.Write(f.buf[f.out:m.at])
		b.WriteString(m.raw)
		f.out = m.at + m.size
	}
	b.Write(f.buf[f.out:to])
	f.out = to
}

// skipTo leaves out what stands before the byte to.
func (f *flow) skipTo(to int) {
	for len(f.marks) > 0 && f.marks[0].at < to {
		f.marks = f.marks[1:]
	}
	f.out = to
}

// forget drops emitted text that no detector can reach, now and then.
func (f *flow) forget() {
	if f.out < flowKeep {
		return
	}
	gone := f.out - lookBack
	for gone > 0 && f.buf[gone]&0xC0 == 0x80 { // keep whole characters
		gone--
	}
	f.buf = append(f.buf[:0], f.buf[gone:]...)
	f.base += gone
	f.out -= gone
	f.checked -= gone
	f.blockEnd -= gone
	for i := range f.hits {
		f.hits[i].start -= gone
		f.hits[i].end -= gone
	}
	for i := range f.opens {
		f.opens[i].start -= gone
		f.opens[i].at -= gone
	}
	for i := range f.marks {
		f.marks[i].at -= gone
	}
}

// follows appends text that is emitted by others, so that detectors see what
// stands before the text that comes next. Nothing may be held.
func (f *flow) follows(text string) {
	f.buf = append(f.buf, text...)
	f.out, f.checked = len(f.buf), len(f.buf)
}
