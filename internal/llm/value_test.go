package llm

import (
	"strings"
	"testing"
)

func parse(t *testing.T, text string) *Document {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse(%s): %v", text, err)
	}
	return d
}

func TestValue_Get(t *testing.T) {
	root := parse(t, `{"a":{"b":[1,"two",null]},"\u0063":"see","n":null}`).Root()
	if got := root.Get("c").Text(); got != "see" {
		t.Errorf("an escaped key: got %q, want %q", got, "see")
	}
	if got := root.Get("a").Get("b").Len(); got != 3 {
		t.Errorf("Len of an array: got %d, want 3", got)
	}
	if root.Len() != 3 {
		t.Errorf("Len of an object: got %d, want 3", root.Len())
	}
	if !root.Get("n").Exists() || !root.Get("n").IsNull() {
		t.Error("null must exist and be null")
	}
	absent := root.Get("a").Get("none").Get("deeper")
	if absent.Exists() || !absent.IsNull() || absent.Text() != "" || absent.Raw() != nil || absent.JSON() != nil || absent.Len() != 0 {
		t.Errorf("an absent value answers: %+v", absent)
	}
}

func TestValue_Int(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "-0": 0, "7": 7, "-7": -7, "4096.0": 4096, "4e3": 4000,
		"9223372036854775807": 1<<63 - 1, "-9223372036854775808": -1 << 63,
	} {
		if got, ok := parse(t, text).Root().Int(); !ok || got != want {
			t.Errorf("Int of %s: got %d, %v; want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{`"7"`, "7.5", "9223372036854775808", "1e300", "1e999", "true", "null", "[]", "9007199254740994e0"} {
		if got, ok := parse(t, text).Root().Int(); ok {
			t.Errorf("Int of %s: got %d, want none", text, got)
		}
	}
}

func TestValue_Path(t *testing.T) {
	d := parse(t, `{"messages":[{"content":[{"text":"x"},{"text":"y"}]}],"4111 1111":{"a":1}}`)
	for want, v := range map[string]Value{
		"messages":                    d.Root().Get("messages"),
		"messages[0].content[1].text": at(at(d.Root().Get("messages"), 0).Get("content"), 1).Get("text"),
		"(key).a":                     d.Root().Get("4111 1111").Get("a"),
		"":                            d.Root(),
	} {
		if got := v.Path(); got != want {
			t.Errorf("Path: got %q, want %q", got, want)
		}
	}
}

func at(array Value, i int) Value {
	var found Value
	array.Items(func(j int, item Value) bool {
		found = item
		return j < i
	})
	return found
}

func TestValue_CaseTwin(t *testing.T) {
	names := []string{"model", "stream", "task"}
	for text, want := range map[string]string{
		`{"model":1,"x":2}`:     "",
		`{"Model":1}`:           "model",
		`{"model":1,"MODEL":1}`: "model",
		`{"\u004dodel":1}`:      "model",
		`{"\u017ftream":1}`:     "stream", // the long s
		`{"ta\u017f\u212a":1}`:  "task",   // and the Kelvin sign
		`{"models":1,"mode":2}`: "",
	} {
		if got := parse(t, text).Root().CaseTwin(names...); got != want {
			t.Errorf("CaseTwin of %s: got %q, want %q", text, got, want)
		}
	}
}

func TestValue_Strings(t *testing.T) {
	d := parse(t, `{"a":"b","c":[1,"d",{"e":{"f":"g"}}],"h":2.50}`)
	var strs, scalars []string
	d.Root().Strings(func(s Value, isKey bool) bool {
		strs = append(strs, s.Text())
		return true
	})
	d.Root().Scalars(func(s Value, isKey bool) bool {
		scalars = append(scalars, string(s.Raw()))
		return true
	})
	if got := strings.Join(strs, " "); got != "a b c d e f g h" {
		t.Errorf("Strings: got %s", got)
	}
	if got := strings.Join(scalars, " "); got != `"a" "b" "c" 1 "d" "e" "f" "g" "h" 2.50` {
		t.Errorf("Scalars: got %s", got)
	}
	var inner int
	d.Root().Get("c").Strings(func(Value, bool) bool { inner++; return inner < 2 })
	if inner != 2 {
		t.Errorf("Strings of a part, stopped at 2: got %d calls", inner)
	}
}

// The text of an object is live: it shows what was changed inside, and a change of
// it is one of the object.
func TestValue_AsText(t *testing.T) {
	d := parse(t, `{"a":{"x": "one"},"b":2}`)
	object := d.Root().Get("a")
	text := object.AsText()
	if text.Kind() != String || text.Text() != `{"x": "one"}` || text.Origin() != object || object.Origin() != object {
		t.Errorf("got a %v with %q", text.Kind(), text.Text())
	}
	object.Get("x").SetText("two")
	if text.Text() != `{"x": "two"}` || string(text.JSON()) != `"{\"x\": \"two\"}"` {
		t.Errorf("after a change inside: got %q and %s", text.Text(), text.JSON())
	}
	for _, tt := range []struct{ set, want string }{
		{`{"y":[]}`, `{"a":{"y":[]},"b":2}`}, {"no JSON", `{"a":"no JSON","b":2}`},
	} {
		text.SetText(tt.set)
		if got := string(d.Encode()); got != tt.want {
			t.Errorf("set to %s: got %s, want %s", tt.set, got, tt.want)
		}
	}
}
