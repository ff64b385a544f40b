package llm

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// Value is a handle to one value of a Document. The zero Value is Missing and
// answers every question as an absent value would.
type Value struct {
	doc *Document
	at  int32
}

// Exists says whether there is a value at all; null is one.
func (v Value) Exists() bool { return v.doc != nil }

// Kind returns the JSON type, Missing for the zero Value.
func (v Value) Kind() Kind {
	if v.doc == nil {
		return Missing
	}
	if k := v.node().kind; k != key {
		return k
	}
	return String
}

// IsNull says whether v is absent or null, which most APIs take for the same.
func (v Value) IsNull() bool { k := v.Kind(); return k == Missing || k == Null }

// In returns the value of d, a clone of v's document, that is what v is in its own.
func (v Value) In(d *Document) Value {
	if v.doc == nil {
		return v
	}
	return Value{d, v.at}
}

func (v Value) node() node { return v.doc.nodes[v.at] }

// Get returns the member of that name, or the zero Value when v is no object or has none.
// Names are compared exactly, letter for letter.
func (v Value) Get(name string) Value {
	if v.Kind() != Object {
		return Value{}
	}
	nodes := v.doc.nodes
	for k := v.at + 1; k < nodes[v.at].next; k = nodes[k+1].next {
		n := nodes[k]
		if !n.escaped {
			if string(v.doc.raw[n.start+1:n.end-1]) == name {
				return Value{v.doc, k + 1}
			}
		} else if (Value{v.doc, k}).text() == name {
			return Value{v.doc, k + 1}
		}
	}
	return Value{}
}

// Members calls f for each member of an object, in their order, until f returns false.
// The key is a Value too: it can be read and changed as a string can.
func (v Value) Members(f func(key, value Value) bool) {
	if v.Kind() != Object {
		return
	}
	nodes := v.doc.nodes
	for k := v.at + 1; k < nodes[v.at].next; k = nodes[k+1].next {
		if !f(Value{v.doc, k}, Value{v.doc, k + 1}) {
			return
		}
	}
}

// Items calls f for each element of an array, in their order, until f returns false.
func (v Value) Items(f func(i int, item Value) bool) {
	if v.Kind() != Array {
		return
	}
	nodes := v.doc.nodes
	i := 0
	for k := v.at + 1; k < nodes[v.at].next; k = nodes[k].next {
		if !f(i, Value{v.doc, k}) {
			return
		}
		i++
	}
}

// Len is the number of elements of an array or members of an object.
func (v Value) Len() int {
	n := 0
	v.Items(func(int, Value) bool { n++; return true })
	v.Members(func(Value, Value) bool { n++; return true })
	return n
}

// Raw returns the bytes of v as they came, without any change made since.
// The caller must not write to them.
func (v Value) Raw() []byte {
	if v.doc == nil {
		return nil
	}
	return v.doc.raw[v.node().start:v.node().end]
}

// Offset is where v begins in the bytes of its document.
func (v Value) Offset() int { return int(v.node().start) }

// Text returns the decoded text of a string as it will be sent, changes
// included; "" when v is no string. Escapes of lone surrogates read as U+FFFD.
func (v Value) Text() string {
	if v.Kind() != String {
		return ""
	}
	if v.doc.live != nil {
		return string(v.doc.live.JSON())
	}
	if e, changed := v.doc.edits[v.at]; changed {
		return e.text
	}
	return v.text()
}

// AsText returns a string whose Text is the JSON of v as it is now: some dialects
// write as an object what others write as the text of one, such as the arguments
// of a tool call. Both are one: changes inside of v show in the text, and SetText
// puts its JSON in the place of v.
func (v Value) AsText() Value {
	return Value{doc: &Document{raw: []byte(`""`), nodes: []node{{end: 2, next: 1, kind: String}}, live: &v}}
}

// Origin is what AsText made v of; any other value is its own.
func (v Value) Origin() Value {
	if v.doc != nil && v.doc.live != nil {
		return *v.doc.live
	}
	return v
}

// text decodes the original. Without escapes it is a view of the document's
// bytes: they do not change as long as the document is used.
func (v Value) text() string {
	n := v.node()
	inner := v.doc.raw[n.start+1 : n.end-1]
	if !n.escaped {
		return unsafe.String(unsafe.SliceData(inner), len(inner))
	}
	var b strings.Builder
	b.Grow(len(inner))
	for len(inner) > 0 {
		r, size := nextRune(inner)
		b.WriteRune(r)
		inner = inner[size:]
	}
	return b.String()
}

// Bool returns the value of true or false; ok is false for any other kind.
func (v Value) Bool() (value, ok bool) {
	switch v.Kind() {
	case True:
		return true, true
	case False:
		return false, true
	}
	return false, false
}

// Int returns a whole number; ok is false for other kinds and for numbers that
// are not whole or do not fit. 4096.0 and 4e3 are whole numbers.
func (v Value) Int() (n int64, ok bool) {
	if v.Kind() != Number {
		return 0, false
	}
	if n, err := strconv.ParseInt(string(v.Raw()), 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(string(v.Raw()), 64)
	if err != nil || f != float64(int64(f)) || f > 1<<53 || f < -(1<<53) {
		return 0, false
	}
	return int64(f), true
}

// CaseTwin returns a key of the object v that equals one of names but for its
// case, or "". Other readers may take it for the name: two readings of one body
// are how a policy is walked around.
func (v Value) CaseTwin(names ...string) string {
	twin := ""
	v.Members(func(k, _ Value) bool {
		text := k.Text()
		for _, name := range names {
			if text != name && len(text) <= 3*len(name) && strings.EqualFold(text, name) {
				twin = name
				return false
			}
		}
		return true
	})
	return twin
}

// Strings calls f for every string in v, keys included, in the order of the
// text, until f returns false. It is how "scan everything" is one loop.
func (v Value) Strings(f func(s Value, isKey bool) bool) {
	if v.doc == nil {
		return
	}
	for i := v.at; i < v.node().next; i++ {
		switch v.doc.nodes[i].kind {
		case String, key:
			if !f(Value{v.doc, i}, v.doc.nodes[i].kind == key) {
				return
			}
		}
	}
}

// Scalars calls f for every string, key and number in v, as Strings does.
func (v Value) Scalars(f func(s Value, isKey bool) bool) {
	if v.doc == nil {
		return
	}
	for i := v.at; i < v.node().next; i++ {
		switch v.doc.nodes[i].kind {
		case String, key, Number:
			if !f(Value{v.doc, i}, v.doc.nodes[i].kind == key) {
				return
			}
		}
	}
}

// Path names the place of v for people, e.g. "messages[0].content".
func (v Value) Path() string {
	var b strings.Builder
	d := v.doc
	for i := int32(0); i != v.at; {
		switch d.nodes[i].kind {
		case Object:
			k := i + 1
			for d.nodes[k+1].next <= v.at {
				k = d.nodes[k+1].next
			}
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			if k == v.at {
				b.WriteString("(key)")
				return b.String()
			}
			b.WriteString(strings.ToValidUTF8(safeName(Value{d, k}.text()), ""))
			i = k + 1
		case Array:
			n, k := 0, i+1
			for d.nodes[k].next <= v.at {
				k = d.nodes[k].next
				n++
			}
			b.WriteString("[" + strconv.Itoa(n) + "]")
			i = k
		default:
			return b.String()
		}
	}
	return b.String()
}

// safeName keeps a key that looks like the name of a field and hides one that
// could be a value: paths stand in the trail, values must not.
func safeName(name string) string {
	const nameMax = 40
	if len(name) > nameMax {
		return "(key)"
	}
	for _, c := range []byte(name) {
		if !(c == '_' || c == '-' || c|0x20 >= 'a' && c|0x20 <= 'z') {
			return "(key)"
		}
	}
	return name
}

// nextRune reads one character of the inside of a JSON string and says how many
// bytes it took there.
func nextRune(inner []byte) (r rune, size int) {
	if inner[0] != '\\' {
		return utf8.DecodeRune(inner)
	}
	switch inner[1] {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r := hexRune(inner[2:6])
		if !utf16.IsSurrogate(r) {
			return r, 6
		}
		if len(inner) >= 12 && inner[6] == '\\' && inner[7] == 'u' {
			if pair := utf16.DecodeRune(r, hexRune(inner[8:12])); pair != utf8.RuneError {
				return pair, 12
			}
		}
		return utf8.RuneError, 6
	}
	return rune(inner[1]), 2
}

func hexRune(four []byte) rune {
	var r rune
	for _, c := range four {
		r = r<<4 | rune(hexDigit(c))
	}
	return r
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// Equal says whether v and w are the same bytes; two absent values are.
func (v Value) Equal(w Value) bool { return bytes.Equal(v.Raw(), w.Raw()) }
