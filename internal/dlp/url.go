package dlp

// userInfoMax bounds the user and password of an address: with the scheme before
// it, it lies within lookBack.
const userInfoMax = 100

var userInfo = newCharset("a-zA-Z0-9._~%!$&'()*+,;=:-")

// findURLPassword looks for the password of scheme://user:password@host. The
// trigger is the first slash.
func findURLPassword(w *window, at int) (hit, verdict) {
	text := w.text
	if at+1 >= len(text) {
		return hit{start: at}, openIf(w.more)
	}
	if text[at+1] != '/' || at < 2 || !isAlnum(text[at-2]) {
		return hit{}, no
	}
	from := at + 2
	limit := min(from+userInfoMax, len(text))
	stop := userInfo.run(text, from, limit)
	if stop == len(text) && w.more {
		return hit{start: from, quiet: userInfo, bound: userInfoMax}, open
	}
	if stop == len(text) || text[stop] != '@' {
		return hit{}, no
	}
	for i := from; i < stop; i++ {
		if text[i] == ':' && stop-i > 1 {
			return hit{start: i + 1, end: stop, id: typeURLPassword}, yes
		}
	}
	return hit{}, no
}

// isUserInfo says that the '@' at the byte at ends the user and password of an address.
func isUserInfo(text string, at int) bool {
	colon := false
	for i := at; i >= 3 && at-i <= userInfoMax; i-- {
		c := text[i-1]
		if c == '/' {
			return colon && text[i-2] == '/' && text[i-3] == ':'
		}
		if !userInfo[c] {
			return false
		}
		colon = colon || c == ':'
	}
	return false
}
