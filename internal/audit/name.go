package audit

import "strings"

// nameMax bounds names that come from outside: a model, a request's id, a path
// in a body.
const nameMax = 200

// noName stands in a record for what was sent in the place of a name and is none.
const noName = "(not a name)"

// Name is for records of what people ask for: see name. Of a route both halves are
// names.
func Name(s string) string {
	if method, path, route := strings.Cut(s, " "); route && name(method) == method && name(path) == path {
		return s
	}
	return name(s)
}

// name lets through what looks like a name and nothing else: somebody may send
// a sentence, or a secret, where a name belongs.
func name(s string) string {
	if len(s) > nameMax {
		return noName
	}
	for i := range len(s) {
		if !nameByte(s[i]) {
			return noName
		}
	}
	return s
}

// nameByte has the characters of ids, model names and paths. There is no space
// and no @ among them, so neither sentences nor addresses pass.
func nameByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("-_.:/+[]()$", c) >= 0
}
