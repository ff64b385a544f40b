package dlp

// Bounds of a written number.
const (
	groupsMax     = 12
	groupDigits   = 19 // a longer run of digits is no number that we know
	numberDigits  = 24 // where reading on tells nothing more
	separatorsMax = 3
)

// number is a run of groups of digits as they are written: "+1 (415) 555-0132".
type number struct {
	text   string
	start  int // with the plus sign or bracket before the first digit
	groups [groupsMax]span
	n      int // groups read
	digits int
	cut    bool // more groups follow than were read
}

type span struct{ start, end int }

func (s span) len() int { return s.end - s.start }

var separators = newCharset(" .()/-")

// findNumber looks for what begins with the group of digits at the byte at: an
// account number, a card, a social security number, a phone number; of several
// the longest.
func findNumber(w *window, at int, want []bool) (hit, verdict) {
	if at > 0 && isLetter(w.text[at-1]) {
		if !want[typeIBAN] {
			return hit{}, no
		}
		return findIBAN(w, at)
	}
	if !want[typeCard] && !want[typeSSN] && !want[typePhone] {
		return hit{}, no
	}
	num, v := readNumber(w, at)
	if v != yes {
		return hit{start: num.start}, v
	}
	best, found := hit{}, no
	if want[typeCard] {
		if end, ok := num.card(); ok {
			best, found = hit{start: at, end: end, id: typeCard}, yes
		}
	}
	if want[typeSSN] && found == no {
		if end, ok := num.ssn(); ok {
			best, found = hit{start: at, end: end, id: typeSSN}, yes
		}
	}
	if want[typePhone] {
		end, v := num.phone(w)
		if v == open {
			return hit{start: num.start}, open
		}
		if v == yes && (found == no || end-num.start > best.end-best.start) {
			best, found = hit{start: num.start, end: end, id: typePhone}, yes
		}
	}
	return best, found
}

// digitsMin is the number of digits of the shortest thing that we look for.
const digitsMin = 6

// readNumber reads the groups from the byte at. Its verdict is no for numbers that
// are too short or too long to be anything.
func readNumber(w *window, at int) (number, verdict) {
	num := number{text: w.text, start: numberPrefix(w.text, at)}
	for i := at; ; {
		from := i
		for i < len(w.text) && isDigit(w.text[i]) && i-from <= groupDigits {
			i++
		}
		if i == len(w.text) && w.more {
			return num, open
		}
		if i-from > groupDigits {
			if num.n == 0 {
				return num, no
			}
			num.cut = true
			break
		}
		num.groups[num.n] = span{from, i}
		num.n++
		num.digits += i - from
		next := i
		for next < len(w.text) && next-i < separatorsMax && separators[w.text[next]] {
			next++
		}
		if next == len(w.text) && w.more {
			return num, open
		}
		if next == i || next == len(w.text) || !isDigit(w.text[next]) {
			break
		}
		if num.n == groupsMax || num.digits >= numberDigits {
			num.cut = true
			break
		}
		i = next
	}
	if num.digits < digitsMin {
		return num, no
	}
	return num, yes
}

// numberPrefix returns where the plus signs and brackets before end begin.
func numberPrefix(text string, end int) int {
	start := end
	for start > 0 && end-start < 3 && (text[start-1] == '+' || text[start-1] == '(') {
		start--
	}
	return start
}

// before is the byte in front of the i-th byte of the text; a space at its beginning.
func (n *number) before(i int) byte {
	if i == 0 {
		return ' '
	}
	return n.text[i-1]
}

// after is the byte behind the k-th group; a space at the end of the text.
func (n *number) after(k int) byte {
	if end := n.groups[k].end; end < len(n.text) {
		return n.text[end]
	}
	return ' '
}

// gap is what stands between the k-th group and the next.
func (n *number) gap(k int) string { return n.text[n.groups[k].end:n.groups[k+1].start] }

// shaped says whether the number begins with groups of these lengths, joined by the same byte.
func (n *number) shaped(lengths ...int) bool {
	if n.n < len(lengths) {
		return false
	}
	for k, want := range lengths {
		if n.groups[k].len() != want {
			return false
		}
		if k > 0 && (len(n.gap(k-1)) != 1 || n.gap(k-1) != n.gap(0)) {
			return false
		}
	}
	return true
}

// value is the k-th group as a number.
func (n *number) value(k int) int {
	v := 0
	for _, c := range []byte(n.text[n.groups[k].start:n.groups[k].end]) {
		v = v*10 + int(c-'0')
	}
	return v
}

// join appends the digits of the first k groups to buf.
func (n *number) join(buf []byte, k int) []byte {
	for _, g := range n.groups[:k] {
		buf = append(buf, n.text[g.start:g.end]...)
	}
	return buf
}
