package llm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"unicode/utf8"
)

// Bounds of a document. The depth is that of the product's threat list; the
// number of values keeps the table of a hostile body at a few times its size.
const (
	DepthMax  = 64
	ValuesMax = 2_000_000
)

// How much room a document's table gets at first: that of a chat request.
const (
	nodesFirst   = 32
	bytesPerNode = 128
)

// Document is one JSON text, parsed once and strictly: duplicate keys of one
// object, depth over DepthMax, invalid UTF-8, a byte order mark and trailing
// data are refused. It keeps the bytes as they came and the changes made since.
// A Document is not safe for concurrent use.
type Document struct {
	raw   []byte
	nodes []node
	edits map[int32]edit // by node; a node with an edit is sent changed
	live  *Value         // of a document made by AsText: what its text is the JSON of
}

// node is one value, or one key of an object, in the order of the text.
// The children of a container follow it; end of its subtree is next.
type node struct {
	start, end int32 // span in raw; of a string with its quotes
	next       int32 // index of the first node after this one's subtree
	kind       Kind
	escaped    bool // a string or key with a backslash in it
}

// Kind is the JSON type of a value.
type Kind uint8

// The kinds. Missing is the kind of the zero Value.
const (
	Missing Kind = iota
	Null
	False
	True
	Number
	String
	Array
	Object
	key
)

// A SyntaxError tells where a text is not the strict JSON that we take.
type SyntaxError struct {
	Offset int
	Reason string // never quotes the text
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid JSON at byte %d: %s", e.Offset, e.Reason)
}

var errTooLarge = errors.New("document is larger than 2 GiB")

// Parse reads raw, which must not change as long as the document is used.
func Parse(raw []byte) (*Document, error) {
	d := new(Document)
	return d, d.Reset(raw)
}

// Reset reads raw into d and forgets what d held; it spares the allocations of
// a new document where many small ones follow each other, as in a stream.
func (d *Document) Reset(raw []byte) error {
	if len(raw) > math.MaxInt32 {
		return errTooLarge
	}
	d.raw, d.nodes, d.edits = raw, d.nodes[:0], nil
	if d.nodes == nil {
		d.nodes = make([]node, 0, nodesFirst+len(raw)/bytesPerNode)
	}
	if !utf8.Valid(raw) {
		return &SyntaxError{invalidUTF8At(raw), "not UTF-8"}
	}
	p := parser{doc: d, raw: raw}
	if err := p.value(0); err != nil {
		return err
	}
	p.space()
	if p.at < len(raw) {
		return p.fail("data after the end")
	}
	return nil
}

// Root is the outermost value.
func (d *Document) Root() Value { return Value{d, 0} }

// Raw returns the bytes as they came, without any change. The caller must not write to them.
func (d *Document) Raw() []byte { return d.raw }

func invalidUTF8At(raw []byte) int {
	at := 0
	for at < len(raw) {
		r, n := utf8.DecodeRune(raw[at:])
		if r == utf8.RuneError && n == 1 {
			return at
		}
		at += n
	}
	return at
}

// parser is a recursive descent over raw; its depth is bounded by DepthMax.
type parser struct {
	doc *Document
	raw []byte
	at  int
}

func (p *parser) fail(reason string) error { return &SyntaxError{p.at, reason} }

func (p *parser) space() {
	for p.at < len(p.raw) {
		switch p.raw[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

func (p *parser) value(depth int) error {
	p.space()
	if p.at >= len(p.raw) {
		return p.fail("a value is missing")
	}
	if len(p.doc.nodes) >= ValuesMax {
		return p.fail("too many values")
	}
	switch c := p.raw[p.at]; {
	case c == '"':
		return p.text(String)
	case c == '{':
		return p.object(depth + 1)
	case c == '[':
		return p.array(depth + 1)
	case c == '-' || (c >= '0' && c <= '9'):
		return p.number()
	case c == 't':
		return p.word("true", True)
	case c == 'f':
		return p.word("false", False)
	case c == 'n':
		return p.word("null", Null)
	}
	return p.fail("not a JSON value")
}

// open adds a node that begins here and returns its index; shut ends it.
func (p *parser) open(kind Kind) int {
	p.doc.nodes = append(p.doc.nodes, node{start: int32(p.at), kind: kind})
	return len(p.doc.nodes) - 1
}

func (p *parser) shut(i int) {
	p.doc.nodes[i].end = int32(p.at)
	p.doc.nodes[i].next = int32(len(p.doc.nodes))
}

func (p *parser) word(word string, kind Kind) error {
	if !bytes.HasPrefix(p.raw[p.at:], []byte(word)) {
		return p.fail("not a JSON value")
	}
	i := p.open(kind)
	p.at += len(word)
	p.shut(i)
	return nil
}

func (p *parser) number() error {
	i := p.open(Number)
	if p.raw[p.at] == '-' {
		p.at++
	}
	if p.peek() == '0' {
		p.at++
	} else if p.digits() == 0 {
		return p.fail("not a JSON number")
	}
	if p.peek() == '.' {
		p.at++
		if p.digits() == 0 {
			return p.fail("not a JSON number")
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if p.digits() == 0 {
			return p.fail("not a JSON number")
		}
	}
	p.shut(i)
	return nil
}

func (p *parser) peek() byte {
	if p.at < len(p.raw) {
		return p.raw[p.at]
	}
	return 0
}

func (p *parser) digits() int {
	from := p.at
	for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
		p.at++
	}
	return p.at - from
}

// text reads a string.
func (p *parser) text(kind Kind) error {
	i := p.open(kind)
	p.at++
	for {
		p.plain()
		if p.at >= len(p.raw) {
			return p.fail("a string does not end")
		}
		switch p.raw[p.at] {
		case '"':
			p.at++
			p.shut(i)
			return nil
		case '\\':
			p.doc.nodes[i].escaped = true
			if err := p.escape(); err != nil {
				return err
			}
		default:
			return p.fail("a control character in a string")
		}
	}
}

// Eight bytes in one word: the lowest and the highest bit of each, and each
// byte one that ends a plain run.
const (
	lowBits     = 0x0101010101010101
	highBits    = lowBits << 7
	spaces      = lowBits * ' '
	quotes      = lowBits * '"'
	backslashes = lowBits * '\\'
)

// plain goes on to the next quote, backslash or control character, or the end.
// Most of a chat body is what it skips, so it looks at eight bytes at a time:
// for a byte c of x, (x - n) &^ x has its high bit set where c < n, and c ^ q < 1
// where c is q. A borrow can set a bit wrongly only above one that is right, and
// the lowest is taken. It looks at each byte once: looking ahead for the closing
// quote would cost the square of the length for a string full of escapes.
func (p *parser) plain() {
	raw, at := p.raw, p.at
	for at+8 <= len(raw) {
		x := binary.LittleEndian.Uint64(raw[at:])
		quote, backslash := x^quotes, x^backslashes
		ends := ((x - spaces) &^ x) | ((quote - lowBits) &^ quote) | ((backslash - lowBits) &^ backslash)
		if ends &= highBits; ends != 0 {
			p.at = at + bits.TrailingZeros64(ends)/8
			return
		}
		at += 8
	}
	for at < len(raw) && raw[at] >= ' ' && raw[at] != '"' && raw[at] != '\\' {
		at++
	}
	p.at = at
}

func (p *parser) escape() error {
	if p.at+1 >= len(p.raw) {
		return p.fail("a string does not end")
	}
	switch p.raw[p.at+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		p.at += 2
		return nil
	case 'u':
		if p.at+6 > len(p.raw) {
			return p.fail("a string does not end")
		}
		for _, c := range p.raw[p.at+2 : p.at+6] {
			if hexDigit(c) < 0 {
				return p.fail("not an escape")
			}
		}
		p.at += 6
		return nil
	}
	return p.fail("not an escape")
}

func (p *parser) array(depth int) error {
	if depth > DepthMax {
		return p.fail("nested too deep")
	}
	i := p.open(Array)
	p.at++
	p.space()
	if p.peek() == ']' {
		p.at++
		p.shut(i)
		return nil
	}
	for {
		if err := p.value(depth); err != nil {
			return err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.at++
		case ']':
			p.at++
			p.shut(i)
			return nil
		default:
			return p.fail("a comma or ] is missing")
		}
	}
}

func (p *parser) object(depth int) error {
	if depth > DepthMax {
		return p.fail("nested too deep")
	}
	i := p.open(Object)
	p.at++
	p.space()
	if p.peek() == '}' {
		p.at++
		p.shut(i)
		return nil
	}
	for {
		if err := p.member(depth); err != nil {
			return err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.at++
			p.space()
		case '}':
			p.at++
			p.shut(i)
			return p.uniqueKeys(i)
		default:
			return p.fail("a comma or } is missing")
		}
	}
}

func (p *parser) member(depth int) error {
	if p.peek() != '"' {
		return p.fail("a key is missing")
	}
	if err := p.text(key); err != nil {
		return err
	}
	p.space()
	if p.peek() != ':' {
		return p.fail("a colon is missing")
	}
	p.at++
	return p.value(depth)
}

// scanKeysMax is the size of an object up to which comparing each key with each
// other is cheaper than a map.
const scanKeysMax = 12

func (p *parser) uniqueKeys(object int) error {
	var seen map[string]struct{}
	nodes := p.doc.nodes
	count := 0
	for k := int32(object) + 1; k < nodes[object].next; k = nodes[k+1].next {
		count++
	}
	if count > scanKeysMax {
		seen = make(map[string]struct{}, count)
	}
	for k := int32(object) + 1; k < nodes[object].next; k = nodes[k+1].next {
		if seen != nil {
			name := Value{p.doc, k}.text()
			if _, twice := seen[name]; twice {
				return &SyntaxError{int(nodes[k].start), "a key stands twice in one object"}
			}
			seen[name] = struct{}{}
			continue
		}
		for j := int32(object) + 1; j < k; j = nodes[j+1].next {
			if p.sameKey(j, k) {
				return &SyntaxError{int(nodes[k].start), "a key stands twice in one object"}
			}
		}
	}
	return nil
}

func (p *parser) sameKey(a, b int32) bool {
	x, y := p.doc.nodes[a], p.doc.nodes[b]
	if x.escaped || y.escaped {
		return Value{p.doc, a}.text() == Value{p.doc, b}.text()
	}
	return bytes.Equal(p.raw[x.start:x.end], p.raw[y.start:y.end])
}
