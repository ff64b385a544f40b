package dlp

// charset is a set of bytes.
type charset [256]bool

func newCharset(ranges string) *charset {
	var set charset
	for i := 0; i < len(ranges); i++ {
		if i+2 < len(ranges) && ranges[i+1] == '-' {
			for c := int(ranges[i]); c <= int(ranges[i+2]); c++ {
				set[c] = true
			}
			i += 2
			continue
		}
		set[ranges[i]] = true
	}
	return &set
}

// onlyOf says whether every byte of text is in the set.
func (set *charset) onlyOf(text string) bool {
	for i := 0; i < len(text); i++ {
		if !set[text[i]] {
			return false
		}
	}
	return true
}

// run returns the end of the longest run of members of the set that begins at from.
func (set *charset) run(text string, from, end int) int {
	for from < end && set[text[from]] {
		from++
	}
	return from
}

var (
	alnum     = newCharset("a-zA-Z0-9")
	digitSet  = newCharset("0-9")
	wordish   = newCharset("a-zA-Z0-9_-") // '-' last is itself
	lowerNum  = newCharset("a-z0-9")
	upperNum  = newCharset("A-Z0-9")
	hexLower  = newCharset("a-f0-9")
	hexAny    = newCharset("a-fA-F0-9")
	base32Set = newCharset("a-z2-7")
	base64Std = newCharset("a-zA-Z0-9+/=")
	tokenish  = newCharset("a-zA-Z0-9_.=-")
	pathish   = newCharset("a-zA-Z0-9_/+-")
)

func isDigit(c byte) bool { return c-'0' < 10 }

func isLetter(c byte) bool { return c|0x20-'a' < 26 }

func isAlnum(c byte) bool { return isDigit(c) || isLetter(c) }
