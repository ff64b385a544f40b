package dlp

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport/internal/llm"
)

// arguments is the JSON of a tool call's arguments on its way out. Each string of
// it is looked at as the text that it stands for, and edited so that it stays a
// string; what came as an escape and is not edited goes out as that escape.
// What stands between strings is looked at too: an edit there is a string.
// A model may write no JSON at all; then all of it is text between strings.
type arguments struct {
	flow
	inString bool
	partial  string // the beginning of an escape
}

// push takes the next piece of the JSON and returns what may go out.
func (a *arguments) push(piece string, last bool) (string, error) {
	if a.partial == "" && !last && (!a.inString || strings.IndexByte(piece, '\\') < 0) && strings.IndexByte(piece, '"') < 0 {
		return a.flow.push(piece, false)
	}
	var b strings.Builder
	rest := a.partial + piece
	a.partial = ""
	for rest != "" {
		n, err := a.step(&b, rest, last)
		if err != nil {
			return "", err
		}
		if n == 0 {
			a.partial = rest
			break
		}
		rest = rest[n:]
	}
	text, err := a.flow.push("", last)
	b.WriteString(text)
	return b.String(), err
}

// step takes the run of plain text, the quote or the escape that rest begins with
// and says how long it is; 0: an escape that is not complete.
func (a *arguments) step(b *strings.Builder, rest string, last bool) (int, error) {
	switch c := rest[0]; {
	case c == '"':
		text, err := a.flow.push("", true)
		if err != nil {
			return 0, err
		}
		b.WriteString(text)
		b.WriteByte('"')
		a.inString = !a.inString
		a.follows(`"`)
		return 1, nil
	case c == '\\' && a.inString:
		character, n := readEscape(rest, last)
		if n > 0 {
			a.mark(character, rest[:n])
		}
		return n, nil
	}
	n := strings.IndexAny(rest, `"\`)
	if !a.inString {
		n = strings.IndexByte(rest, '"')
	}
	if n < 0 {
		n = len(rest)
	}
	text, err := a.flow.push(rest[:n], false)
	b.WriteString(text)
	return n, err
}

// readEscape decodes the escape that text begins with and says how long it is;
// 0: more of it may come. What is no escape is a character for itself.
func readEscape(text string, last bool) (character string, n int) {
	if len(text) < 2 {
		if last {
			return `\`, 1
		}
		return "", 0
	}
	const plain, meaning = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if i := strings.IndexByte(plain, text[1]); i >= 0 {
		return meaning[i : i+1], 2
	}
	if text[1] != 'u' {
		return `\`, 1
	}
	first, v := readUnit(text)
	if v == open && !last {
		return "", 0
	}
	if v != yes {
		return `\`, 1
	}
	if !utf16.IsSurrogate(first) {
		return string(first), unitLen
	}
	second, v := readUnit(text[unitLen:])
	if v == open && !last {
		return "", 0
	}
	if pair := utf16.DecodeRune(first, second); v == yes && pair != utf8.RuneError {
		return string(pair), 2 * unitLen
	}
	return string(utf8.RuneError), unitLen
}

// unitLen is the length of an escape such as \u27e6.
const unitLen = 6

// readUnit reads \uXXXX; open: text may be its beginning.
func readUnit(text string) (rune, verdict) {
	var r rune
	for i := range unitLen {
		if i == len(text) {
			return 0, open
		}
		c := text[i]
		switch {
		case i == 0 && c == '\\', i == 1 && c == 'u':
		case i >= 2 && hexAny[c]:
			digit := rune(c - '0')
			if !isDigit(c) {
				digit = rune(c|0x20-'a') + 10
			}
			r = r<<4 | digit
		default:
			return 0, no
		}
	}
	return r, yes
}

// written is text as it is put into the JSON at the present place.
func (a *arguments) written(text string) string {
	quoted := string(llm.Quote(text))
	if a.inString {
		return quoted[1 : len(quoted)-1]
	}
	return quoted
}
