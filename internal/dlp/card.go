package dlp

import "strings"

// cardShapes are the ways in which card numbers are grouped.
var cardShapes = [][]int{{4, 4, 4, 4}, {4, 4, 4, 4, 3}, {4, 6, 5}, {4, 6, 4}, {4, 4, 5}, {6, 13}}

// Card numbers have 12 to 19 digits.
const (
	cardDigitsMin = 12
	cardDigitsMax = 19
	// cardPlainMax is the most that stands without groups or a word that names it:
	// longer runs of digits are far more often ids.
	cardPlainMax = 16
)

// card says where a card number ends that begins with the first group.
func (n *number) card() (end int, ok bool) {
	first := n.groups[0]
	if before := n.before(first.start); before == '.' && first.start > 1 && isDigit(n.text[first.start-2]) {
		return 0, false // the fraction of a number
	}
	if l := first.len(); l >= cardDigitsMin {
		if isLetter(n.after(0)) || n.after(0) == '_' || n.decimals() || endsUUID(n.text, first) {
			return 0, false
		}
		digits := n.text[first.start:first.end]
		if l <= cardPlainMax && isCard(digits) {
			return first.end, true
		}
		return first.end, luhn(digits) && digits[0] != '0' && wordsBefore(n.text, first.start, cardWords) == names
	}
	for _, shape := range cardShapes {
		if !n.shaped(shape...) {
			continue
		}
		last := len(shape) - 1
		var buf [cardDigitsMax]byte
		digits := n.join(buf[:0], len(shape))
		if sep := n.gap(0); (sep == " " || sep == "-" || sep == ".") && !isLetter(n.after(last)) && isCard(string(digits)) {
			end, ok = max(end, n.groups[last].end), true
		}
	}
	return end, ok
}

// decimals says that the first group is the whole part of a decimal number.
func (n *number) decimals() bool { return n.n > 1 && n.gap(0) == "." }

// endsUUID says that the digits are the last part of a UUID.
func endsUUID(text string, g span) bool {
	return g.start >= 5 && text[g.start-1] == '-' && g.len() == 12 && hexAny.onlyOf(text[g.start-5:g.start-1])
}

func isCard(digits string) bool { return isIssued(digits) && luhn(digits) }

func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// issuers are the ranges of first digits that card networks use, and the lengths of their numbers.
var issuers = []struct {
	from, to string // compared with as many digits as they have
	min, max int
}{
	{"4", "4", 13, 13}, {"4", "4", 16, 16}, {"4", "4", 19, 19}, // Visa
	{"51", "55", 16, 16}, {"2221", "2720", 16, 16}, // Mastercard
	{"34", "34", 15, 15}, {"37", "37", 15, 15}, // American Express
	{"6011", "6011", 16, 19}, {"644", "649", 16, 19}, {"65", "65", 16, 19}, // Discover
	{"300", "305", 14, 19}, {"3095", "3095", 14, 19}, {"36", "36", 14, 19}, {"38", "39", 14, 19}, // Diners
	{"3528", "3589", 16, 19}, {"1800", "1800", 15, 15}, {"2131", "2131", 15, 15}, // JCB
	{"62", "62", 16, 19},         // UnionPay
	{"2200", "2204", 16, 19},     // Mir
	{"60", "60", 16, 16},         // RuPay
	{"508", "508", 16, 16},       // RuPay
	{"9792", "9792", 16, 16},     // Troy
	{"5018", "5018", 12, 19},     // Maestro, and below
	{"5020", "5020", 12, 19},     //
	{"5038", "5038", 12, 19},     //
	{"5612", "5612", 12, 19},     //
	{"5893", "5893", 12, 19},     //
	{"6304", "6304", 12, 19},     //
	{"6390", "6390", 12, 19},     //
	{"6759", "6759", 12, 19},     //
	{"6761", "6763", 12, 19},     //
	{"0604", "0604", 12, 19},     //
	{"676770", "676774", 12, 19}, //
}

func isIssued(digits string) bool {
	for _, r := range issuers {
		if len(digits) < r.min || len(digits) > r.max {
			continue
		}
		first := digits[:len(r.from)]
		if strings.Compare(first, r.from) >= 0 && strings.Compare(first, r.to) <= 0 {
			return true
		}
	}
	return false
}
