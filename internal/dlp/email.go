package dlp

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of an address, from RFC 5321.
const (
	localMax  = 64
	domainMax = 255
)

// localBytes may stand before the '@'. Characters outside ASCII are looked at apart.
var localBytes = newCharset("a-zA-Z0-9._%+&'-")

// findEmail looks for the address around the '@' at the byte at.
func findEmail(w *window, at int) (hit, verdict) {
	start := trimLocal(w.text, localStart(w.text, at), at)
	if start == at || isUserInfo(w.text, at) {
		return hit{}, no
	}
	stop := domainRun(w.text, at+1)
	if stop == len(w.text) && w.more || stop < len(w.text) && w.more && !utf8.FullRuneInString(w.text[stop:]) {
		return hit{start: start}, open
	}
	end := at + 1 + domainLen(w.text[at+1:stop])
	if end == at+1 || w.text[start:at] == "git" { // git@host is an address of code
		return hit{}, no
	}
	return hit{start: start, end: end, id: typeEmail}, yes
}

// localStart returns where the word that ends before end begins, as far as it may
// be the local part of an address.
func localStart(text string, end int) int {
	start := end
	for start > 0 {
		c := text[start-1]
		if c < utf8.RuneSelf {
			if !localBytes[c] || end-start >= localMax {
				return start
			}
			start--
			continue
		}
		r, size := utf8.DecodeLastRuneInString(text[:start])
		if end-start+size > localMax || !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && r != utf8.RuneError {
			return start
		}
		start -= size
	}
	return start
}

// trimLocal takes off what belongs to the text around: quotes, dots, the n of a
// written \n.
func trimLocal(text string, start, at int) int {
	if start > 0 && text[start-1] == '\\' && start < at && strings.IndexByte("nrt", text[start]) >= 0 {
		start++
	}
	for start < at && strings.IndexByte(".'&+-%", text[start]) >= 0 {
		start++
	}
	return start
}

func domainRun(text string, from int) int {
	limit := min(from+domainMax, len(text))
	i := from
	for i < limit {
		c := text[i]
		switch {
		case isAlnum(c) || c == '-':
			i++
		case c == '.' && i > from && text[i-1] != '.':
			i++
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(text[i:])
			if !unicode.In(r, unicode.L, unicode.M, unicode.Nd) || i+size > limit {
				return i
			}
			i += size
		default:
			return i
		}
	}
	return i
}

// domainLen is the length of the longest domain that run begins with; 0: none.
func domainLen(run string) int {
	run = strings.TrimRight(run, ".-")
	if run == "" || run[0] == '-' || run[0] == '.' {
		return 0
	}
	for {
		dot := strings.LastIndexByte(run, '.')
		if dot <= 0 {
			return 0
		}
		if isTopLevel(run[dot+1:]) && !isImageScale(run) {
			return len(run)
		}
		run = strings.TrimRight(run[:dot], ".-")
	}
}

func isTopLevel(label string) bool {
	if len(label) < 2 || len(label) > 63 {
		return false
	}
	if strings.HasPrefix(label, "xn--") {
		return true
	}
	for _, r := range label {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) {
			return false
		}
	}
	return true
}

// isImageScale tells icon@2x.png, which is a file.
func isImageScale(domain string) bool {
	name, _, _ := strings.Cut(domain, ".")
	return len(name) == 2 && isDigit(name[0]) && name[1]|0x20 == 'x'
}
