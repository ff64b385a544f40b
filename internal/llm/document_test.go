package llm

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for name, text := range map[string]string{
		"object":         `{"a":1,"b":[true,false,null],"c":{"d":"e"}}`,
		"spaces":         " \t\r\n{ \"a\" : [ ] , \"b\" : { } } \n",
		"numbers":        `[0,-0,10,-1.5,1e9,1E-9,0.0e+0,123456789012345678901234567890]`,
		"escapes":        `"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"`,
		"lone_surrogate": `"\ud800"`,
		"deepest":        nested(DepthMax),
		"scalar":         `"x"`,
		"same_in_two":    `[{"a":1},{"a":1}]`,
		"delete":         "\"\x7f\"",
		"case":           `{"a":1,"A":2}`,
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Parse([]byte(text))
			if err != nil {
				t.Fatalf("Parse(%s): %v", text, err)
			}
			if got := string(d.Encode()); got != text {
				t.Errorf("Encode: got %s, want %s", got, text)
			}
		})
	}
}

func TestParse_refused(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for name, text := range map[string]string{
		"nothing":              "",
		"spaces":               " \n",
		"too_deep":             nested(DepthMax + 1),
		"very_deep":            strings.Repeat("[", 1_000_000),
		"very_deep_objects":    strings.Repeat(`{"a":`, 1_000_000),
		"duplicate":            `{"a":1,"b":2,"a":3}`,
		"duplicate_escaped":    `{"model":"x","mod\u0065l":"y"}`,
		"duplicate_deep":       `[{"x":{"a":1,"a":1}}]`,
		"duplicate_empty":      `{"":1,"":2}`,
		"trailing":             `{} {}`,
		"trailing_brace":       `{}}`,
		"trailing_nul":         "{}\x00",
		"bom":                  "\ufeff{}",
		"utf16":                "{\x00}\x00",
		"not_utf8":             "\"\xff\"",
		"overlong":             "\"\xc0\xaf\"",
		"surrogate_in_utf8":    "\"\xed\xa0\x80\"",
		"nan":                  `NaN`,
		"infinity":             `-Infinity`,
		"plus":                 `+1`,
		"leading_zero":         `01`,
		"point_first":          `.5`,
		"point_last":           `1.`,
		"exponent":             `1e`,
		"minus":                `-`,
		"hex":                  `0x10`,
		"comma_in_array":       `[1,]`,
		"comma_in_object":      `{"a":1,}`,
		"no_comma":             `[1 2]`,
		"no_colon":             `{"a" 1}`,
		"no_value":             `{"a":}`,
		"bare_key":             `{a:1}`,
		"single_quotes":        `{'a':1}`,
		"comment":              `{}//x`,
		"newline_in_string":    "\"a\nb\"",
		"nul_in_string":        "\"a\x00b\"",
		"control_after_escape": "\"\\n12345678\x1f\"",
		"bad_escape":           `"\x41"`,
		"short_escape":         `"\u12"`,
		"bad_hex":              `"\u12g4"`,
		"open_string":          `"abc`,
		"open_escape":          `"abc\`,
		"open_array":           `[1`,
		"open_object":          `{"a":1`,
		"half_word":            `tru`,
		"long_word":            `truex`,
		"vertical_tab":         "\v{}",
		"no_break_space":       "\u00a0{}",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(text))
			var at *SyntaxError
			if !errors.As(err, &at) {
				t.Fatalf("Parse(%.60q): got %v, want *SyntaxError", text, err)
			}
			if at.Offset < 0 || at.Offset > len(text) {
				t.Errorf("Parse(%.60q): offset %d is not in the text", text, at.Offset)
			}
		})
	}
}

// TestParse_refused_at_every_place puts each byte that ends a plain run at each
// place of the eight that are looked at together.
func TestParse_refused_at_every_place(t *testing.T) {
	for length := range 40 {
		for place := range length {
			for c := range 256 {
				if c >= 0x80 {
					continue
				}
				text := []byte(strings.Repeat("~", length))
				text[place] = byte(c)
				_, err := Parse([]byte(`"` + string(text) + `"`))
				refused := c < ' ' || c == '"' || c == '\\'
				if c == '\\' && place+1 == length {
					refused = true // it escapes the closing quote
				}
				if (err != nil) != refused {
					t.Fatalf("byte %#x at %d of %d: got %v", c, place, length, err)
				}
			}
		}
	}
}

// TestParse_values_bounded keeps the table of a small but hostile body small.
func TestParse_values_bounded(t *testing.T) {
	if _, err := Parse([]byte("[" + strings.Repeat("1,", ValuesMax+1) + "1]")); err == nil {
		t.Error("a document with too many values was read")
	}
}

// TestParse_escapes_in_linear_time would run for hours if each escape looked for
// the end of its string.
func TestParse_escapes_in_linear_time(t *testing.T) {
	for _, escape := range []string{`\n`, `\u0041`, `\\`} {
		body := []byte(`["` + strings.Repeat(escape, 8_000_000/len(escape)*2) + `"]`)
		if _, err := Parse(body); err != nil {
			t.Errorf("Parse: %v", err)
		}
	}
}

// TestParse_many_keys is a million keys in one object: none of them twice, then one.
func TestParse_many_keys(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"k":0`)
	for i := range 200_000 {
		fmt.Fprintf(&b, `,"k%d":0`, i)
	}
	if _, err := Parse([]byte(b.String() + "}")); err != nil {
		t.Errorf("Parse: %v", err)
	}
	if _, err := Parse([]byte(b.String() + `,"k777":0}`)); err == nil {
		t.Error("a key that stands twice among many was not seen")
	}
}

func TestDocument_Reset(t *testing.T) {
	var d Document
	if err := d.Reset([]byte(`{"a":"one","b":2}`)); err != nil {
		t.Fatal(err)
	}
	d.Root().Get("a").SetText("changed")
	if err := d.Reset([]byte(`{"a":"two"}`)); err != nil {
		t.Fatal(err)
	}
	if got := string(d.Encode()); got != `{"a":"two"}` || d.Changed() {
		t.Errorf("after Reset: got %s, changed %v", got, d.Changed())
	}
	if d.Root().Get("b").Exists() {
		t.Error("after Reset: a value of the document before is still there")
	}
}

func TestDocument_Clone(t *testing.T) {
	raw := []byte(`{"a":"one"}`)
	d, _ := Parse(raw)
	d.Root().Get("a").SetText("two")
	c := d.Clone()
	d.Root().Get("a").SetText("three")
	copy(raw, `{"z":"zzz"}`)
	if got := string(c.Encode()); got != `{"a":"two"}` {
		t.Errorf("the clone lives with its original: got %s", got)
	}
}
