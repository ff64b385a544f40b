package dlp

import (
	"encoding/base32"
	"strings"
)

// The form of a placeholder: ⟦EMAIL_ADDRESS:k7q2m9xw4tfa⟧.
const (
	placeholderOpen  = "⟦"
	placeholderClose = "⟧"
	suffixLen        = 12
	suffixKeyBits    = 10  // of the suffix, that name the key
	placeholderMax   = 128 // bytes, with the escapes that a model may have added
	typeNameMax      = 40
)

var suffixCoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// suffix writes 60 bits of a keyed hash: the end of the key's id, then the beginning of the tag.
// The hash is a marker byte, four bytes of key id, the tag.
func suffix(mac []byte) string {
	keyID := uint64(mac[3])<<8 | uint64(mac[4])
	var tag uint64
	for _, b := range mac[macHeader : macHeader+8] {
		tag = tag<<8 | uint64(b)
	}
	bits := keyID<<(64-suffixKeyBits) | tag>>suffixKeyBits
	var raw [8]byte
	for i := range raw {
		raw[i] = byte(bits >> (56 - 8*i))
	}
	return suffixCoding.EncodeToString(raw[:])[:suffixLen]
}

// findPlaceholder looks for text of the shape of a placeholder, in any case and
// with backslashes that a model may have written as Markdown.
func findPlaceholder(w *window, at int) (hit, verdict) {
	rest := w.text[at:]
	if !strings.HasPrefix(rest, placeholderOpen) {
		return hit{start: at}, openIf(w.more && strings.HasPrefix(placeholderOpen, rest))
	}
	colon, n := -1, 0 // n counts the characters before and after the colon
	for i := len(placeholderOpen); i < placeholderMax; i++ {
		if i >= len(rest) {
			return hit{start: at}, openIf(w.more)
		}
		switch c := rest[i]; {
		case c == '\\':
		case c == ':' && colon < 0 && n > 0 && n <= typeNameMax:
			colon, n = i, 0
		case colon < 0 && (isAlnum(c) || c == '_'), colon >= 0 && base32Set[c|0x20] && (isLetter(c) || isDigit(c)):
			n++
		case colon >= 0 && n == suffixLen && c == placeholderClose[0]:
			tail := rest[i:]
			if strings.HasPrefix(tail, placeholderClose) {
				return hit{start: at, end: at + i + len(placeholderClose), id: typePlaceholder}, yes
			}
			return hit{start: at}, openIf(w.more && strings.HasPrefix(placeholderClose, tail))
		default:
			return hit{}, no
		}
	}
	return hit{}, no
}

// canonical is the form in which placeholders are compared.
func canonical(placeholder string) string {
	inner := strings.TrimSuffix(strings.TrimPrefix(placeholder, placeholderOpen), placeholderClose)
	inner = strings.ReplaceAll(inner, `\`, "")
	name, suffix, _ := strings.Cut(inner, ":")
	return placeholderOpen + strings.ToUpper(name) + ":" + strings.ToLower(suffix) + placeholderClose
}
