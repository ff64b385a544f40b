package llm

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

var seeds = []string{
	`{"model":"m","messages":[{"role":"user","content":"hi \ud83d\ude00 \u00e9"}]}`,
	`[1,-0,2.5e-3,true,false,null,"",{},[]]`, `{"a":1,"a":2}`, `{"a":{"b":1,"\u0062":2}}`,
	"\ufeff{}", "\"\xff\"", `"\ud800"`, `"\ud800\ud800\udc00"`, `"\udc00\ud800"`, `{} x`, `[1,]`, `01`, "\"\x01\"",
	`"12345678\n12345678"`, `{"":0}`, `-`, `1e5`, ` "a" `,
}

// FuzzParse compares with another strict reader: what is taken and refused, and
// what strings read. The depth is ours alone, and how lone surrogates read is
// that of both: as U+FFFD.
func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		want, ok := oracle(raw)
		d, err := Parse(raw)
		if (err == nil) != ok {
			t.Fatalf("Parse(%q): got %v, the other reader takes it: %v", raw, err, ok)
		}
		if err != nil {
			return
		}
		var got []string
		d.Root().Strings(func(s Value, _ bool) bool {
			got = append(got, s.Text())
			return true
		})
		if !slices.Equal(got, want) {
			t.Fatalf("Parse(%q): strings %q, want %q", raw, got, want)
		}
		if !bytes.Equal(d.Encode(), raw) {
			t.Fatalf("Encode of %q: got %q", raw, d.Encode())
		}
	})
}

// oracle reads raw with another parser and returns its strings.
func oracle(raw []byte) (strs []string, ok bool) {
	if !utf8.Valid(raw) {
		return nil, false
	}
	dec := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowInvalidUTF8(true))
	for complete := false; ; complete = dec.StackDepth() == 0 {
		token, err := dec.ReadToken()
		if err == io.EOF {
			return strs, complete
		}
		if err != nil || complete || dec.StackDepth() > DepthMax {
			return nil, false
		}
		if token.Kind() == '"' {
			strs = append(strs, strings.Clone(token.String()))
		}
	}
}

// FuzzSplice changes a part of a text and reads what is sent again.
func FuzzSplice(f *testing.F) {
	f.Add(`abc \n \u00e9`, 0, 3, "x")
	f.Add(`\ud83d\ude00\ud800`, 4, 7, "\"\\\x00")
	f.Fuzz(func(t *testing.T, inner string, from, to int, with string) {
		d, err := Parse([]byte(`{"k":"` + inner + `","z":0}`))
		if err != nil || d.Root().Len() != 2 || !utf8.ValidString(with) {
			return
		}
		v := d.Root().Get("k")
		text := v.Text()
		if from < 0 || to < from || to > len(text) || !boundary(text, from) || !boundary(text, to) {
			return
		}
		v.Splice([]Change{{from, to, with}})
		again, err := Parse(d.Encode())
		if err != nil {
			t.Fatalf("what is sent is not JSON: %v: %q", err, d.Encode())
		}
		if got, want := again.Root().Get("k").Text(), text[:from]+with+text[to:]; got != want || v.Text() != want {
			t.Fatalf("got %q and Text %q, want %q", got, v.Text(), want)
		}
	})
}

func boundary(text string, at int) bool { return at == len(text) || utf8.RuneStart(text[at]) }
