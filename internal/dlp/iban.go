package dlp

// ibanLengths has the length of an account number for each country that issues them.
var ibanLengths = func() (lengths [26 * 26]uint8) {
	for country, n := range map[string]uint8{
		"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28,
		"CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
		"FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28,
		"IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
		"LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28,
		"NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24,
		"SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26,
		"UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
	} {
		lengths[int(country[0]-'A')*26+int(country[1]-'A')] = n
	}
	return lengths
}()

// findIBAN looks for the account number whose first digit stands at the byte at,
// after the two letters of its country. Groups of four may be apart.
func findIBAN(w *window, at int) (hit, verdict) {
	text := w.text
	if at < 2 || !isLetter(text[at-1]) || !isLetter(text[at-2]) || at > 2 && isAlnum(text[at-3]) {
		return hit{}, no
	}
	start := at - 2
	length := ibanLengths[int(text[start]&^0x20-'A')*26+int(text[start+1]&^0x20-'A')]
	if length == 0 {
		return hit{}, no
	}
	var digits [34]byte
	n := copy(digits[:], text[start:at])
	for i := at; ; i++ {
		if n == int(length) {
			if i == len(text) && w.more {
				return hit{start: start}, open
			}
			if i < len(text) && isAlnum(text[i]) || !ibanChecks(digits[:n]) {
				return hit{}, no
			}
			return hit{start: start, end: i, id: typeIBAN}, yes
		}
		if i == len(text) {
			return hit{start: start}, openIf(w.more)
		}
		switch c := text[i]; {
		case isDigit(c) || n >= 4 && isLetter(c):
			digits[n] = c
			n++
		case (c == ' ' || c == '-') && n%4 == 0 && isAlnum(text[i-1]):
		default:
			return hit{}, no
		}
	}
}

// ibanChecks computes the number modulo 97, its first four characters last.
func ibanChecks(number []byte) bool {
	rest := 0
	for i := range number {
		c := number[(i+4)%len(number)]
		if isDigit(c) {
			rest = (rest*10 + int(c-'0')) % 97
		} else {
			rest = (rest*100 + int(c&^0x20-'A') + 10) % 97
		}
	}
	return rest == 1
}

// countryStart returns where the one or two letters that end text begin, if they
// may be the country of an account number; else the length of text.
func countryStart(text string) int {
	end := len(text)
	start := end
	for start > 0 && end-start < 3 && isLetter(text[start-1]) {
		start--
	}
	if end-start > 2 || start > 0 && isDigit(text[start-1]) {
		return end
	}
	return start
}
