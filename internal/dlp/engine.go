package dlp

import (
	"sync"
	"unicode/utf8"
)

// Match is one sensitive value in a text.
type Match struct {
	Start, End int // byte offsets; never inside a code point
	Type       string
	Category   string
}

// Engine finds sensitive values. It does not change and is safe for concurrent use.
type Engine struct {
	book     *ruleBook
	triggers [256]trigger
	all      *wanted
}

var sharedEngine = sync.OnceValue(newEngine)

// New returns the engine with every detector. All callers get the same one.
func New() *Engine { return sharedEngine() }

func newEngine() *Engine {
	e := &Engine{book: newRuleBook(secretRules)}
	for _, c := range []byte(anchorBytes) {
		if e.book.byAnchor[c] != nil {
			e.triggers[c] |= triggerRule
		}
	}
	e.triggers['-'] |= triggerKeyBlock
	e.triggers['/'] |= triggerURL
	e.triggers['@'] |= triggerEmail
	e.triggers[placeholderOpen[0]] |= triggerPlaceholder
	for c := '0'; c <= '9'; c++ {
		e.triggers[c] |= triggerDigit
	}
	e.all = newWanted(func(typeID) bool { return true })
	return e
}

// Scan returns what it finds in text, sorted and without overlaps: of two finds
// that overlap the longer one stays, of equal ones the more specific. Text of the
// shape of a placeholder is no find.
func (e *Engine) Scan(text string) []Match {
	s := sweep{engine: e, wanted: e.all, window: window{text: text}}
	s.advance(0)
	if len(s.hits) == 0 {
		return nil
	}
	var found []Match
	for _, h := range resolve(s.hits) {
		if h.id != typePlaceholder {
			found = append(found, Match{h.start, h.end, types[h.id].Name, types[h.id].Category})
		}
	}
	return found
}

// window is the part of a text that can be seen.
type window struct {
	text string
	more bool // the text goes on behind its end
}

// verdict is a detector's answer.
type verdict uint8

const (
	no   verdict = iota
	yes          // a hit, and no text that follows changes it
	open         // the text ends before one can tell; whatever it becomes, it begins at hit.start
)

// hit is a find. Of an open one only start and quiet mean something.
type hit struct {
	start, end int
	id         typeID
	// quiet are the bytes that leave an open hit open, up to its bound; nil: any byte may decide it.
	quiet *charset
	bound int // length at which an open hit is decided whatever follows; 0: secretMax
}

// trigger says which detectors a byte calls.
type trigger uint8

const (
	triggerRule trigger = 1 << iota
	triggerKeyBlock
	triggerURL
	triggerEmail
	triggerPlaceholder
	triggerDigit
)

// wanted are the types that somebody asks for. The others are not looked for.
type wanted struct {
	types    []bool
	triggers trigger
}

func newWanted(want func(typeID) bool) *wanted {
	w := &wanted{types: make([]bool, len(types)), triggers: triggerPlaceholder}
	for id := typePlaceholder + 1; int(id) < len(types); id++ {
		if !want(id) {
			continue
		}
		w.types[id] = true
		switch {
		case id == typePrivateKey:
			w.triggers |= triggerKeyBlock | triggerRule
		case id == typeURLPassword:
			w.triggers |= triggerURL
		case id == typeEmail:
			w.triggers |= triggerEmail
		case id >= typeFirstRule:
			w.triggers |= triggerRule
		default:
			w.triggers |= triggerDigit
		}
	}
	return w
}

// nothing says that no type is wanted.
func (w *wanted) nothing() bool { return w.triggers == triggerPlaceholder }

// sweep is one look at a text, from left to right.
type sweep struct {
	engine *Engine
	wanted *wanted
	window
	hits  []hit     // settled, in the order of their triggers
	opens []opening // not settled
	// blockEnd is where the last block of key material ends, or may end at most:
	// none begins inside it.
	blockEnd int
}

// opening is a detector that could not tell yet.
type opening struct {
	hit
	at       int // its trigger
	detector trigger
	rule     uint16
}

// lookBack bounds how far before its trigger or its start a detector reads.
const lookBack = repeatBack + 128

// advance calls the detectors for every trigger from the byte from to the end.
func (s *sweep) advance(from int) {
	text, table, mask := s.text, &s.engine.triggers, s.wanted.triggers
	for i := from; ; i++ {
		// Eight bytes at a time while none of them is a trigger: most text is such.
		for i+8 <= len(text) {
			b := text[i : i+8]
			if (table[b[0]]|table[b[1]]|table[b[2]]|table[b[3]]|table[b[4]]|table[b[5]]|table[b[6]]|table[b[7]])&mask != 0 {
				break
			}
			i += 8
		}
		for i < len(text) && table[text[i]]&mask == 0 {
			i++
		}
		if i >= len(text) {
			return
		}
		s.triggered(i, table[text[i]]&mask)
	}
}

// triggered calls the detectors that the byte at i may belong to. What its
// neighbours rule out is ruled out here, before any call: nearly all of prose.
func (s *sweep) triggered(i int, by trigger) {
	text := s.text
	if by&triggerDigit != 0 {
		if i == 0 || !isDigit(text[i-1]) && !isShort(text, i) {
			s.try(i, triggerDigit, 0)
		}
		return
	}
	if by&triggerRule != 0 && i > 0 {
		book := s.engine.book
		for _, r := range book.at(text[i], text[i-1]) {
			if rule := &book.rules[r]; rule.near(text, i) {
				s.try(i, triggerRule, r)
			}
		}
	}
	if by&triggerKeyBlock != 0 && (i == 0 || text[i-1] != '-') && (i+1 >= len(text) || text[i+1] == '-') && i >= s.blockEnd {
		s.try(i, triggerKeyBlock, 0)
	}
	if by&triggerURL != 0 && i > 0 && text[i-1] == ':' {
		s.try(i, triggerURL, 0)
	}
	if by&triggerEmail != 0 {
		s.try(i, triggerEmail, 0)
	}
	if by&triggerPlaceholder != 0 && (i+1 >= len(text) || text[i+1] == placeholderOpen[1]) {
		s.try(i, triggerPlaceholder, 0)
	}
}

// isShort rules out the numbers of prose, such as 24 or 2:30: fewer digits than
// anything has, and neither a letter before nor digits soon after.
func isShort(text string, i int) bool {
	if isLetter(text[i-1]) {
		return i < 2 || !isLetter(text[i-2]) // no country of an account number
	}
	end := i
	for end < len(text) && isDigit(text[end]) {
		end++
	}
	if end-i >= digitsMin || end+1 >= len(text) {
		return false
	}
	return !separators[text[end]] || !isDigit(text[end+1]) && !separators[text[end+1]]
}

// try asks one detector and keeps its answer.
func (s *sweep) try(at int, detector trigger, rule uint16) {
	h, v := s.ask(at, detector, rule)
	switch v {
	case yes:
		s.hits = append(s.hits, h)
	case open:
		s.opens = append(s.opens, opening{h, at, detector, rule})
	}
}

func (s *sweep) ask(at int, detector trigger, rule uint16) (hit, verdict) {
	switch detector {
	case triggerRule:
		r := &s.engine.book.rules[rule]
		if !s.wanted.types[r.id] {
			return hit{}, no
		}
		return r.find(&s.window, at)
	case triggerKeyBlock:
		if !s.wanted.types[typePrivateKey] {
			return hit{}, no
		}
		h, v := findKeyBlock(&s.window, at)
		if v == yes {
			s.blockEnd = h.end
		} else if v == open && h.quiet != nil { // a block for sure, only its end is not known
			s.blockEnd = h.start + h.bound
		}
		return h, v
	case triggerURL:
		return findURLPassword(&s.window, at)
	case triggerEmail:
		return findEmail(&s.window, at)
	case triggerDigit:
		return findNumber(&s.window, at, s.wanted.types)
	}
	return findPlaceholder(&s.window, at)
}

// tail returns where text could begin something whose trigger has not come yet:
// the first half of a prefix, the word before an '@', the bracket before a number.
func (s *sweep) tail() int {
	text, end := s.text, len(s.text)
	if end == 0 {
		return 0
	}
	if s.wanted.triggers&triggerRule != 0 {
		end = min(end, s.engine.book.tail(text))
	}
	if s.wanted.types[typeEmail] {
		end = min(end, localStart(text, len(text)))
	}
	if s.wanted.types[typePhone] {
		end = min(end, numberPrefix(text, len(text)))
	}
	if s.wanted.types[typeIBAN] {
		end = min(end, countryStart(text))
	}
	return end
}

// runeStart moves end back to the beginning of the character it stands in.
func runeStart(text string, end int) int {
	if end == len(text) {
		// A character that is cut off by the end waits too.
		for i := end - 1; i >= 0 && i >= end-utf8.UTFMax+1; i-- {
			if utf8.RuneStart(text[i]) {
				if !utf8.FullRuneInString(text[i:]) {
					return i
				}
				break
			}
		}
		return end
	}
	for i := end; i > 0 && i > end-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			return i
		}
	}
	return end
}
