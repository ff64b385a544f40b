package dlp

import (
	"slices"
	"strings"
)

// rule describes a key that is known by how it begins.
type rule struct {
	name     string
	prefix   string
	body     *charset // what follows the prefix, as far as it goes
	min, max int      // bytes of the body; max 0: secretMax
	check    func(body string) bool

	id     typeID
	anchor int // index in prefix of the byte that triggers the rule
}

// secretMax bounds a key with its prefix. What is longer is cut there and counts
// as found: held text is never let go unread.
const secretMax = 8 << 10

// anchorBytes are rare in prose: a key's prefix is looked for where one stands.
const anchorBytes = "_-./+JzA"

// ruleBook holds the rules by the byte they are looked for at, and the byte before it.
type ruleBook struct {
	rules    []rule
	byAnchor [256]*[256]uint8 // an index of lists; nil where no rule has that anchor
	lists    [][]uint16       // of rules; the first is empty
	begins   [256]bool        // the first bytes of the prefixes
	inside   charset          // all bytes of the prefixes
	prefixes []string         // sorted
	longest  int              // of the prefixes
}

func newRuleBook(rules []rule) *ruleBook {
	b := &ruleBook{rules: slices.Clone(rules), lists: make([][]uint16, 1)}
	for i := range b.rules {
		r := &b.rules[i]
		r.id = typeNamed(r.name)
		r.anchor = anchorOf(r.prefix)
		at := r.prefix[r.anchor]
		if b.byAnchor[at] == nil {
			b.byAnchor[at] = new([256]uint8)
		}
		list := &b.byAnchor[at][r.prefix[r.anchor-1]]
		if *list == 0 {
			*list = uint8(len(b.lists))
			b.lists = append(b.lists, nil)
		}
		b.lists[*list] = append(b.lists[*list], uint16(i))
		b.begins[r.prefix[0]] = true
		for _, c := range []byte(r.prefix) {
			b.inside[c] = true
		}
		b.prefixes = append(b.prefixes, r.prefix)
		b.longest = max(b.longest, len(r.prefix))
	}
	slices.Sort(b.prefixes)
	return b
}

// at returns the rules whose anchor is the byte c after the byte before.
func (b *ruleBook) at(c, before byte) []uint16 { return b.lists[b.byAnchor[c][before]] }

// anchorOf picks the last rare byte of a prefix, punctuation before letters.
func anchorOf(prefix string) int {
	if i := strings.LastIndexAny(prefix, "_-./+"); i > 0 {
		return i
	}
	if i := strings.LastIndexAny(prefix, anchorBytes); i > 0 {
		return i
	}
	panic("dlp: the prefix " + prefix + " has no anchor") // found by every test of the package
}

// near says whether the prefix can stand around the anchor at the byte at. It is
// the cheap half of find.
func (r *rule) near(text string, at int) bool {
	start := at - r.anchor
	return start >= 0 && text[start] == r.prefix[0] && (r.anchor < 2 || text[at-2] == r.prefix[r.anchor-2])
}

// Text that repeats a prefix again and again could make each of them read on to
// secretMax: within repeatBack bytes of one run only the first few are looked at.
const (
	repeatBack = 1 << 10
	repeatMax  = 3
)

// repeats says that the prefix at start is one of many in a run of the key's characters.
func (r *rule) repeats(text string, start int) bool {
	seen := 0
	for i := start - 1; i >= 0 && start-i <= repeatBack && r.body[text[i]]; i-- {
		if text[i] == r.prefix[0] && strings.HasPrefix(text[i:], r.prefix) {
			if seen++; seen == repeatMax {
				return true
			}
		}
	}
	return false
}

// find looks for the key whose anchor stands at the byte at.
func (r *rule) find(w *window, at int) (hit, verdict) {
	start := at - r.anchor
	if start < 0 || !beginsWord(w.text, start) {
		return hit{}, no
	}
	end := start + len(r.prefix)
	if end > len(w.text) {
		if w.more && strings.HasPrefix(r.prefix, w.text[start:]) {
			return hit{start: start}, open
		}
		return hit{}, no
	}
	if w.text[start:end] != r.prefix {
		return hit{}, no
	}
	if r.repeats(w.text, start) {
		return hit{}, no
	}
	limit := min(start+secretMax, len(w.text))
	stop := r.body.run(w.text, end, limit)
	if stop == len(w.text) && w.more && stop < start+secretMax {
		return hit{start: start, quiet: r.body}, open
	}
	if stop < start+secretMax {
		stop = end + len(strings.TrimRight(w.text[end:stop], ".")) // the end of a sentence
	}
	body := w.text[end:stop]
	if len(body) < r.min || r.max > 0 && len(body) > r.max {
		return hit{}, no
	}
	if r.max > 0 && stop < len(w.text) && isAlnum(w.text[stop]) || !r.check(body) {
		return hit{}, no
	}
	return hit{start: start, end: stop, id: r.id}, yes
}

// beginsWord says that what begins at i is not the rest of a longer word. What
// begins with punctuation may follow one.
func beginsWord(text string, i int) bool {
	return i == 0 || !isAlnum(text[i-1]) || !isAlnum(text[i])
}

// tail returns where a prefix begins that the end of text cuts off, or len(text).
func (b *ruleBook) tail(text string) int {
	found := len(text)
	for i := len(text) - 1; i >= 0 && len(text)-i < b.longest && b.inside[text[i]]; i-- {
		if b.begins[text[i]] && beginsWord(text, i) && b.isPrefix(text[i:]) {
			found = i
		}
	}
	return found
}

func (b *ruleBook) isPrefix(text string) bool {
	i, _ := slices.BinarySearch(b.prefixes, text)
	return i < len(b.prefixes) && strings.HasPrefix(b.prefixes[i], text)
}
