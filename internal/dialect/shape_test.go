package dialect_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// shape is what the requests of a dialect look like: JSON with holes, in which
// strings and names that begin or end with these marks stand for something else:
//
//	"$text"        any string
//	"$number"      any number
//	"$value"       any JSON at all
//	"$model"       the model, which the provider calls by another name
//	"$secret"      a text that policy replaces
//	"$some"        as the first of a list: some of the others, at least one, in any order
//	"$one"         as the first of a list: in place of the list, one of the others
//	"name?": …     a member that may be missing
//
// All else stands in every request as it is, but that the members of an object come
// in any order, with unknown ones among them, and with any space between.
type shape struct {
	kind    kind
	literal string // its JSON
	members []member
	items   []*shape
}

type member struct {
	name     string // its JSON
	value    *shape
	optional bool
}

type kind uint8

const (
	literal kind = iota
	object
	array
	some
	one
	text
	number
	value
	model
	secret
)

var holes = map[string]kind{`"$text"`: text, `"$number"`: number, `"$value"`: value, `"$model"`: model, `"$secret"`: secret}

// mustShape reads a shape; a test whose cannot be read ends.
func mustShape(t testing.TB, source string) *shape {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(source))
	dec.UseNumber()
	shape, err := readShape(dec)
	if err != nil {
		t.Fatalf("the shape cannot be read at byte %d: %v", dec.InputOffset(), err)
	}
	return shape
}

func readShape(dec *json.Decoder) (*shape, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		return readObject(dec)
	case json.Delim('['):
		return readArray(dec)
	}
	raw, err := json.Marshal(token)
	if err != nil {
		return nil, err
	}
	return &shape{kind: holes[string(raw)], literal: string(raw)}, nil
}

func readObject(dec *json.Decoder) (*shape, error) {
	s := &shape{kind: object}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, optional := strings.CutSuffix(token.(string), "?")
		inner, err := readShape(dec)
		if err != nil {
			return nil, err
		}
		s.members = append(s.members, member{fmt.Sprintf("%q", name), inner, optional})
	}
	_, err := dec.Token()
	return s, err
}

func readArray(dec *json.Decoder) (*shape, error) {
	s := &shape{kind: array}
	for dec.More() {
		item, err := readShape(dec)
		if err != nil {
			return nil, err
		}
		s.items = append(s.items, item)
	}
	if len(s.items) > 1 {
		if mark := map[string]kind{`"$some"`: some, `"$one"`: one}[s.items[0].literal]; mark != 0 {
			s.kind, s.items = mark, s.items[1:]
		}
	}
	_, err := dec.Token()
	return s, err
}
