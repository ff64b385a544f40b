package dlp

import (
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Digits of a phone number, from E.164.
const (
	phoneDigitsMin = 6
	phoneDigitsMax = 15
)

// phone says where a phone number ends that begins with the first group. It takes
// as many groups as make sense, giving up from the right at spaces.
func (n *number) phone(w *window) (end int, v verdict) {
	if strings.IndexByte(".-_#$%@/\\~^*&", n.before(n.start)) >= 0 || n.afterDigits() {
		return 0, no
	}
	for k := n.n; k >= 1; k-- {
		if k < n.n && !strings.Contains(n.gap(k-1), " ") || k == n.n && n.cut && k > 1 {
			continue
		}
		if n.length(k) > phoneDigitsMax || n.length(k) < phoneDigitsMin {
			continue
		}
		end, v := n.phoneOf(w, k)
		if v != no {
			return end, v
		}
	}
	return 0, no
}

// afterDigits says that other digits stand so near before the number that it may
// be their rest. A plus sign, a bracket or dashes show where it begins all the same.
func (n *number) afterDigits() bool {
	if n.start < 2 || n.text[n.start-1] != ' ' || !isDigit(n.text[n.start-2]) {
		return false
	}
	return n.start == n.groups[0].start && !(n.n >= 3 && n.gap(0) == "-")
}

func (n *number) length(k int) int {
	digits := 0
	for _, g := range n.groups[:k] {
		digits += g.len()
	}
	return digits
}

// phoneOf judges the first k groups.
func (n *number) phoneOf(w *window, k int) (end int, v verdict) {
	end, v = extension(w, n.groups[k-1].end)
	if v == open {
		return 0, open
	}
	if c := n.byteAt(end); isLetter(c) || c == '_' || c == '%' || c == '@' || n.isDate(k) || n.isAddress(k) {
		return 0, no
	}
	international := n.start < n.groups[0].start && n.text[n.start:n.groups[0].start] != "("
	if international || strings.HasPrefix(n.text[n.groups[0].start:], "00") {
		return end, decided(n.possible(k))
	}
	switch wordsBefore(n.text, n.start, phoneWords) {
	case names:
		return end, decided(!strings.Contains(n.text[n.groups[0].end:end], "/") || n.n == 2)
	case denies:
		return 0, no
	}
	if n.national(k) {
		return end, yes
	}
	named, v := wordAfter(w, end)
	if v == open {
		return 0, open
	}
	return end, decided(named && !strings.Contains(n.text[n.groups[0].end:end], "/"))
}

func decided(ok bool) verdict {
	if ok {
		return yes
	}
	return no
}

func (n *number) byteAt(i int) byte {
	if i < len(n.text) {
		return n.text[i]
	}
	return ' '
}

// possible asks the numbering plans whether a number with its country code can exist.
func (n *number) possible(k int) bool {
	var buf [1 + phoneDigitsMax]byte
	digits := string(n.join(append(buf[:0], '+'), k))
	if rest, ok := strings.CutPrefix(digits, "+001"); ok { // as dialled from one country into America
		digits = "+1" + rest
	} else if rest, ok := strings.CutPrefix(digits, "+00"); ok {
		digits = "+" + rest
	}
	if len(digits) < 1+8 {
		return false
	}
	if trunk := strings.Index(n.text[n.groups[0].end:n.groups[k-1].end], "(0)"); trunk >= 0 {
		code := n.groups[0].len()
		digits = digits[:1+code] + digits[2+code:]
	}
	parsed, err := phonenumbers.Parse(digits, "")
	return err == nil && phonenumbers.IsPossibleNumber(parsed)
}

// national knows the forms that need no word beside them.
func (n *number) national(k int) bool {
	first := n.groups[0]
	bracket := n.start < first.start
	switch {
	case bracket && k >= 2: // (415) 555-0132
		closed := strings.HasPrefix(n.text[first.end:], ")")
		return closed && n.length(k) >= 9 && n.length(k) <= 11
	case k == 3 && n.shaped(3, 3, 4): // 415-555-0132
		return n.american(0) && n.gap(0) != "/" && (n.gap(0) != " " || n.american(1))
	case k == 4 && n.shaped(1, 3, 3, 4): // 1-415-555-0132
		return n.value(0) == 1 && n.american(1) && n.gap(0) != "/"
	case k == 4 && n.shaped(3, 3, 2, 2): // 532-123-45-67
		return n.gap(0) != "/" && n.gap(0) != " "
	case n.text[first.start] == '0' && k >= 2: // 0917-123-4567, 09-7625400, 0 532 123 45 67
		return n.length(k) >= 9 && n.length(k) <= 12 && n.simpleGaps(k) && n.trunk(k) && !n.inHexDump(k)
	}
	return false
}

// american says whether the k-th group may be an area code or exchange of the North American plan.
func (n *number) american(k int) bool { return n.text[n.groups[k].start] >= '2' }

// trunk says whether the first group looks like the 0 and an area code.
func (n *number) trunk(k int) bool {
	first := n.groups[0]
	if first.len() == 1 {
		return n.gap(0) == " " && k >= 4
	}
	return n.text[first.start+1] != '0'
}

// inHexDump tells 06 03 55 04 03 among other pairs from a French number.
func (n *number) inHexDump(k int) bool {
	pairs := n.gap(0) == " "
	for _, g := range n.groups[:k] {
		pairs = pairs && g.len() == 2
	}
	if !pairs {
		return false
	}
	at := n.groups[0].start
	return k != 5 || n.n > k || n.cut || at >= 4 && n.text[at-1] == ' ' && n.text[at-4] == ' ' && hexAny.onlyOf(n.text[at-3:at-1])
}

// simpleGaps says whether all groups are joined in the same way.
func (n *number) simpleGaps(k int) bool {
	for i := range k - 1 {
		if g := n.gap(i); len(g) != 1 || g == "/" || i > 0 && g != n.gap(i-1) && n.gap(0) != "-" {
			return false
		}
	}
	return true
}

// isDate tells 2024-05-06 and 06.05.2024, with or without more behind.
func (n *number) isDate(k int) bool {
	if k < 3 || n.start < n.groups[0].start {
		return false
	}
	a, b, c := n.groups[0].len(), n.groups[1].len(), n.groups[2].len()
	g := n.gap(0)
	if g != n.gap(1) || len(g) != 1 {
		return false
	}
	switch {
	case a == 4 && b <= 2 && c <= 2:
		return isYear(n.value(0)) && n.value(1) <= 12 && n.value(2) <= 31
	case a <= 2 && b <= 2 && (c == 4 || c == 2 && k == 3):
		return n.value(0) <= 31 && n.value(1) <= 31 && (c == 2 || isYear(n.value(2)))
	}
	return false
}

func isYear(v int) bool { return v >= 1800 && v < 2200 }

// isAddress tells 192.168.10.20.
func (n *number) isAddress(k int) bool {
	if k != 4 || n.gap(0) != "." || n.gap(1) != "." || n.gap(2) != "." {
		return false
	}
	for i := range 4 {
		if n.groups[i].len() > 3 || n.value(i) > 255 {
			return false
		}
	}
	return true
}

// extension reads "x123", " ext. 123" behind a number and returns where it ends.
func extension(w *window, at int) (end int, v verdict) {
	const digitsMax = 6
	rest := w.text[at:]
	i := 0
	if i < len(rest) && rest[i] == ' ' {
		i++
	}
	word := i
	for i < len(rest) && i-word < 10 && isLetter(rest[i]) {
		i++
	}
	name := strings.ToLower(rest[word:i])
	if i == len(rest) && w.more && (strings.HasPrefix("extension", name) || name == "x") {
		return at, open
	}
	if name != "x" && name != "ext" && name != "extension" {
		return at, no
	}
	for i < len(rest) && i-word < 12 && (rest[i] == '.' || rest[i] == ' ') {
		i++
	}
	from := i
	for i < len(rest) && i-from < digitsMax && isDigit(rest[i]) {
		i++
	}
	if i == len(rest) && w.more {
		return at, open
	}
	if i == from {
		return at, no
	}
	return at + i, yes
}

// wordAfter says whether the next word names a phone number: "781 1704 office".
func wordAfter(w *window, at int) (named bool, v verdict) {
	const wordMax = 10
	rest := w.text[at:]
	i := 0
	for i < len(rest) && i < 2 && (rest[i] == ' ' || rest[i] == '(') {
		i++
	}
	from := i
	for i < len(rest) && i-from < wordMax && isLetter(rest[i]) {
		i++
	}
	if i == len(rest) && w.more {
		return false, open
	}
	return from > 0 && phoneWordsAfter[strings.ToLower(rest[from:i])], yes
}
