package llm

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
)

// edit is a changed string: its new text, and the JSON that stands for it.
type edit struct {
	text string
	json []byte
}

// A Change replaces bytes From to To of a text by With.
type Change struct {
	From, To int
	With     string
}

// Splice changes parts of the string v: offsets are those of v.Text() before any
// change, changes stand in order and do not overlap. The bytes between them stay
// as they came, escapes included. Changing v again starts from the original.
func (v Value) Splice(changes []Change) {
	n := v.node()
	inner := v.doc.raw[n.start+1 : n.end-1]
	out := make([]byte, 0, len(inner)+2+32*len(changes))
	out = append(out, '"')
	text := v.text()
	newText := make([]byte, 0, len(text)+32*len(changes))
	textAt, rawAt := 0, 0 // the same place in the text and in its JSON
	for _, c := range changes {
		from := rawAt + rawLen(inner[rawAt:], c.From-textAt, n.escaped)
		to := from + rawLen(inner[from:], c.To-c.From, n.escaped)
		out = append(out, inner[rawAt:from]...)
		out = append(out, insideQuotes(c.With)...)
		newText = append(append(newText, text[textAt:c.From]...), c.With...)
		textAt, rawAt = c.To, to
	}
	out = append(append(out, inner[rawAt:]...), '"')
	newText = append(newText, text[textAt:]...)
	v.set(edit{string(newText), out})
}

// SetText replaces the whole text of the string v.
func (v Value) SetText(text string) {
	if v.Text() == text {
		return
	}
	if v.doc.live != nil {
		v.doc.live.setJSON(text)
		return
	}
	v.set(edit{text, quote(text)})
}

// SetJSON replaces v, whatever it is, by other JSON.
func (v Value) SetJSON(json []byte) { v.set(edit{json: json}) }

// setJSON puts text in the place of v; as a string, should it be no JSON.
func (v Value) setJSON(text string) {
	json := []byte(text)
	if _, err := Parse(json); err != nil {
		json = quote(text)
	}
	v.set(edit{text, json})
}

// SetNull replaces v, whatever it is, by null. An absent value stays absent.
func (v Value) SetNull() {
	if v.doc != nil {
		v.set(edit{json: []byte("null")})
	}
}

// Clear replaces v by nothing of its kind: an array by an empty one, all else by
// null. An absent value stays absent.
func (v Value) Clear() {
	if v.Kind() == Array {
		v.set(edit{json: []byte("[]")})
		return
	}
	v.SetNull()
}

func (v Value) set(e edit) {
	if v.doc.edits == nil {
		v.doc.edits = make(map[int32]edit)
	}
	v.doc.edits[v.at] = e
}

// rawLen says how many bytes of inner stand for the first n bytes of its text.
func rawLen(inner []byte, n int, escaped bool) int {
	if !escaped {
		return n
	}
	at := 0
	for n > 0 && at < len(inner) {
		r, size := nextRune(inner[at:])
		n -= runeLen(r)
		at += size
	}
	return at
}

func runeLen(r rune) int { return len(string(r)) }

// Patch is a change of structure, made by Document.Encode and kept nowhere: the
// same request may go to several candidates that need different ones.
type Patch struct {
	from, to int
	with     []byte
}

// Replace makes a patch that puts json in the place of v.
func Replace(v Value, json []byte) Patch {
	n := v.node()
	return Patch{int(n.start), int(n.end), json}
}

// Field is a member to be added to an object.
type Field struct {
	Name string
	JSON []byte
}

// Reshape makes the patches that take the members named in remove out of the
// object v and add fields to its end. Commas are kept right.
func Reshape(v Value, remove []string, add []Field) []Patch {
	var patches []Patch
	kept, prevEnd := 0, -1
	nodes := v.doc.nodes
	for k := v.at + 1; k < nodes[v.at].next; k = nodes[k+1].next {
		start, end := int(nodes[k].start), int(nodes[k+1].end)
		next := nodes[k+1].next
		switch {
		case !slices.Contains(remove, Value{v.doc, k}.Text()):
			kept++
		case kept > 0:
			patches = append(patches, Patch{from: prevEnd, to: end})
		case next < nodes[v.at].next:
			patches = append(patches, Patch{from: start, to: int(nodes[next].start)})
		default:
			patches = append(patches, Patch{from: start, to: end})
		}
		prevEnd = end
	}
	brace := int(nodes[v.at].end) - 1
	for _, f := range add {
		with := append(quote(f.Name), ':')
		with = append(with, f.JSON...)
		if kept > 0 {
			with = append([]byte{','}, with...)
		}
		kept++
		patches = append(patches, Patch{from: brace, to: brace, with: with})
	}
	return patches
}

// Encode returns the document as it is to be sent: the original bytes with the
// changes and the patches spliced in. Without either it returns the original
// itself. What lies inside of something replaced goes with it.
func (d *Document) Encode(patches ...Patch) []byte {
	if len(d.edits) == 0 && len(patches) == 0 {
		return d.raw
	}
	all := slices.Clone(patches)
	for at := range d.edits {
		all = append(all, d.editPatch(at))
	}
	return d.splice(0, len(d.raw), all)
}

// EncodeValue returns the JSON of v alone, changes included.
func (d *Document) EncodeValue(v Value) []byte {
	var inside []Patch
	for at := range d.edits {
		if at >= v.at && at < v.node().next {
			inside = append(inside, d.editPatch(at))
		}
	}
	if len(inside) == 0 {
		return v.Raw()
	}
	return d.splice(int(v.node().start), int(v.node().end), inside)
}

func (d *Document) editPatch(at int32) Patch {
	return Patch{int(d.nodes[at].start), int(d.nodes[at].end), d.edits[at].json}
}

// splice returns the bytes from to to with patches, which lie within, applied.
func (d *Document) splice(from, to int, patches []Patch) []byte {
	slices.SortStableFunc(patches, func(a, b Patch) int { // the wider first
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to))
	})
	size := to - from
	for _, p := range patches {
		size += len(p.with)
	}
	out, at := make([]byte, 0, size), from
	for _, p := range patches {
		if p.from < at {
			continue
		}
		out = append(append(out, d.raw[at:p.from]...), p.with...)
		at = p.to
	}
	return append(out, d.raw[at:to]...)
}

// JSON returns the JSON of v as it is to be sent; nil for the zero Value.
func (v Value) JSON() []byte {
	if v.doc == nil {
		return nil
	}
	if v.doc.live != nil {
		return quote(v.Text())
	}
	return v.doc.EncodeValue(v)
}

// Clone returns a copy with bytes and changes of its own.
func (d *Document) Clone() *Document {
	return &Document{raw: bytes.Clone(d.raw), nodes: slices.Clone(d.nodes), edits: maps.Clone(d.edits), live: d.live}
}

// Changed says whether anything in the document was changed.
func (d *Document) Changed() bool { return len(d.edits) > 0 }

// Quote returns text as a JSON string. Unlike encoding/json's default it leaves
// <, > and & alone, as providers do.
func Quote(text string) []byte { return quote(text) }

func quote(text string) []byte {
	return append(append([]byte{'"'}, insideQuotes(text)...), '"')
}

func insideQuotes(text string) []byte {
	plain := true
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return []byte(text)
	}
	buf := jsonBuffer{}
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		panic("llm: a string has no JSON: " + err.Error()) // encoding/json encodes every string
	}
	return buf[1 : len(buf)-2] // without the quotes and the newline
}

type jsonBuffer []byte

func (b *jsonBuffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}
