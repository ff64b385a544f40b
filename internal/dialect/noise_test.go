package dialect_test

import (
	"math/rand/v2"
	"strconv"
)

// noise writes shapes by chance. It appends to one buffer and is used again for
// the next request: a hundred thousand of them take a second.
type noise struct {
	rng   *rand.PCG
	bits  uint64 // of the last number drawn, those that were not used
	left  int
	body  []byte
	names int // unknown members so far: none has the name of another
	side  side
}

// side is who sends a request, and so what is in place of model and secret.
type side struct{ model, secret string }

var (
	client  = side{`"the-model"`, `"my password"`}
	gateway = side{`"the provider's own name"`, `"[masked]"`}
)

func newNoise() *noise { return &noise{rng: rand.NewPCG(0, 0)} }

// request writes the request of that shape which belongs to seed, as that side sends
// it. It is valid until the next.
func (n *noise) request(s *shape, seed uint64, from side) []byte {
	n.rng.Seed(seed, 1)
	n.side = from
	n.body, n.left, n.names = n.body[:0], 0, 0
	n.space()
	n.shape(s)
	n.space()
	return n.body
}

// draw returns a number below max, which is at most 256.
func (n *noise) draw(max int) int {
	const each = 16 // bits
	if n.left < each {
		n.bits, n.left = n.rng.Uint64(), 64
	}
	drawn := int(n.bits & (1<<each - 1))
	n.bits, n.left = n.bits>>each, n.left-each
	return drawn % max
}

func (n *noise) pick(from []string) { n.body = append(n.body, from[n.draw(len(from))]...) }

func (n *noise) space() {
	if n.draw(4) == 0 {
		n.pick(spaces)
	}
}

func (n *noise) shape(s *shape) {
	switch s.kind {
	case literal:
		n.body = append(n.body, s.literal...)
	case object:
		n.object(s.members)
	case array:
		n.list(s.items, 0, len(s.items))
	case some:
		n.list(s.items, n.draw(len(s.items)), 1+n.draw(4))
	case one:
		n.shape(s.items[n.draw(len(s.items))])
	case text:
		n.text()
	case number:
		n.pick(numbers)
	case value:
		n.value(4)
	case model:
		n.body = append(n.body, n.side.model...)
	case secret:
		n.body = append(n.body, n.side.secret...)
	}
}

// list writes so many items, round and round from the first one on.
func (n *noise) list(items []*shape, first, count int) {
	n.body = append(n.body, '[')
	for i := range count {
		if i > 0 {
			n.body = append(n.body, ',')
		}
		n.space()
		n.shape(items[(first+i)%len(items)])
		n.space()
	}
	n.space()
	n.body = append(n.body, ']')
}

// object writes the members, beginning with any of them, and unknown ones.
func (n *noise) object(members []member) {
	n.body = append(n.body, '{')
	n.space()
	begun := false
	separate := func() {
		if begun {
			n.body = append(n.body, ',')
		}
		begun = true
		n.space()
	}
	first := n.draw(max(len(members), 1))
	for i := range members {
		m := members[(first+i)%len(members)]
		if m.optional && n.draw(2) == 0 {
			continue
		}
		if n.draw(8) == 0 {
			separate()
			n.unknown(2)
		}
		separate()
		n.member(m.name, func() { n.shape(m.value) })
	}
	if n.draw(8) == 0 {
		separate()
		n.unknown(2)
	}
	n.body = append(n.body, '}')
}

// member writes a name, now and then with its first letter escaped.
func (n *noise) member(name string, value func()) {
	if n.draw(32) == 0 && len(name) > 2 {
		const hex = "0123456789abcdef"
		n.body = append(n.body, `"\u00`...)
		n.body = append(n.body, hex[name[1]>>4], hex[name[1]&15])
		name = name[2:]
	}
	n.body = append(n.body, name...)
	n.space()
	n.body = append(n.body, ':')
	n.space()
	value()
	n.space()
}

// unknown writes a member that no dialect knows.
func (n *noise) unknown(depth int) {
	n.names++
	name := append([]byte(`"x`), strconv.Itoa(n.names)...)
	name = append(append(name, words[n.draw(len(words))]...), '"')
	n.member(string(name), func() { n.value(depth) })
}

func (n *noise) text() {
	n.body = append(n.body, '"')
	for range n.draw(4) {
		n.pick(words)
	}
	n.body = append(n.body, '"')
}

// value writes any JSON, of at most that depth but for a rare one that is far deeper.
func (n *noise) value(depth int) {
	switch n.draw(8) {
	case 0, 1:
		if depth > 0 {
			n.body = append(n.body, '[')
			n.space()
			n.value(depth - 1)
			n.space()
			n.body = append(n.body, ',')
			n.value(depth - 1)
			n.body = append(n.body, ']')
			return
		}
	case 2:
		if depth > 0 {
			n.body = append(n.body, '{')
			n.unknown(depth - 1)
			n.body = append(n.body, ',')
			n.unknown(depth - 1)
			n.body = append(n.body, '}')
			return
		}
	case 3:
		n.pick(numbers)
		return
	case 4:
		n.pick(rare)
		return
	}
	n.text()
}

var spaces = []string{" ", "\n", "\t", "\r\n", "  ", " \n\t "}

var numbers = []string{
	"0", "1", "-0", "1.50", "-0.0", "2E3", "1e-7", "1E+5", "1e400", "0.1000000000000000055511151231257827",
	"123456789012345678901234567890", "9007199254740993", "-9223372036854775809", "18446744073709551616",
}

var rare = []string{
	"true", "false", "null", "[]", "{}", "[ ]", "{ }", `{"":""}`, `{"type":"text","text":"model"}`, `{"Model":1,"model":2}`,
	"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", // 40 deep
}

// words are pieces of strings, as JSON writes them.
var words = []string{
	"a", "plain words ", "naïve ", "👩\u200d💻", `\u00e9`, `\uD83D\uDE00`, `\ud800`, `\"`, `\\`, `\/`, "/", `\n\r\t\b\f`, `\u0000`, `\u2028`, "\u2028",
	"\u202e", "e\u0301", "<b>&amp;", `\u003c`, `{\"a\":1}`, "data: [DONE]", "\x7f", "日本語", "😀", "\ufeff", "'", "⟦x⟧",
}
