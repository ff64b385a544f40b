package dlp

// ssn says where a US social security number ends that begins with the first
// group: three, two and four digits apart, or nine that the words before name.
func (n *number) ssn() (end int, ok bool) {
	first := n.groups[0]
	if c := n.before(first.start); c == '.' || c == '-' || c == '_' || c == '/' || c == '+' {
		return 0, false
	}
	if first.len() == 9 {
		return first.end, !isAlnum(n.after(0)) && n.after(0) != '_' && n.issuedSSN(n.text[first.start:first.end]) &&
			wordsBefore(n.text, first.start, ssnWords) == names
	}
	if !n.shaped(3, 2, 4) || n.n > 3 && n.gap(2) == n.gap(0) && n.gap(0) != " " {
		return 0, false
	}
	if c := n.after(2); isLetter(c) || c == '_' {
		return 0, false
	}
	switch n.gap(0) {
	case "-":
	case " ", ".":
		if wordsBefore(n.text, first.start, ssnWords) == denies {
			return 0, false
		}
	default:
		return 0, false
	}
	var buf [9]byte
	return n.groups[2].end, n.issuedSSN(string(n.join(buf[:0], 3)))
}

// issuedSSN refuses numbers that are never given out.
func (n *number) issuedSSN(digits string) bool {
	area := digits[:3]
	return area != "000" && area != "666" && area[0] != '9' && digits[3:5] != "00" && digits[5:] != "0000"
}
