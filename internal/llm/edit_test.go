package llm

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestSplice(t *testing.T) {
	for name, row := range map[string]struct {
		in      string
		changes []Change
		want    string
	}{
		"plain":        {`"my key is abc."`, []Change{{10, 13, "[x]"}}, `"my key is [x]."`},
		"keeps_escape": {`"\u00e9\/abc\n"`, []Change{{3, 6, "x"}}, `"\u00e9\/x\n"`},
		"in_escapes":   {`"a\n\ud83d\ude00b"`, []Change{{2, 6, "!"}}, `"a\n!b"`},
		"quotes_with":  {`"abc"`, []Change{{1, 2, "\"\n\\"}}, `"a\"\n\\c"`},
		"two":          {`"abcdef"`, []Change{{0, 1, ""}, {5, 6, "FFF"}}, `"bcdeFFF"`},
		"insert":       {`"ab"`, []Change{{1, 1, "-"}}, `"a-b"`},
		"all":          {`"ab"`, []Change{{0, 2, ""}}, `""`},
		"none":         {`"a\tb"`, nil, `"a\tb"`},
		"html":         {`"a"`, []Change{{0, 1, "<b>&"}}, `"<b>&"`},
		"lone":         {`"\ud800x"`, []Change{{3, 4, "y"}}, `"\ud800y"`},
	} {
		t.Run(name, func(t *testing.T) {
			d := parse(t, `{"k":`+row.in+`,"n":1}`)
			d.Root().Get("k").Splice(row.changes)
			if got, want := string(d.Encode()), `{"k":`+row.want+`,"n":1}`; got != want {
				t.Errorf("Encode: got %s, want %s", got, want)
			}
			if got := string(d.Root().Get("k").JSON()); got != row.want {
				t.Errorf("JSON: got %s, want %s", got, row.want)
			}
			again := parse(t, row.want).Root().Text()
			if got := d.Root().Get("k").Text(); got != again {
				t.Errorf("Text: got %q, but what is sent reads %q", got, again)
			}
		})
	}
}

func TestSetText(t *testing.T) {
	d := parse(t, `{"a":"\u0061","b":["x",{"c":"y"}]}`)
	d.Root().Get("a").SetText("a")
	if d.Changed() {
		t.Error("setting the text that is there changed the bytes")
	}
	at(d.Root().Get("b"), 0).SetText("<\u2028 é>")
	at(d.Root().Get("b"), 1).Get("c").SetNull()
	Value{}.SetNull()
	if got, want := string(d.Encode()), `{"a":"\u0061","b":["<\u2028 é>",{"c":null}]}`; got != want {
		t.Errorf("Encode: got %s, want %s", got, want)
	}
	if got, want := string(d.Root().Get("b").JSON()), `["<\u2028 é>",{"c":null}]`; got != want {
		t.Errorf("JSON of a part: got %s, want %s", got, want)
	}
}

func TestEncode_wider_wins(t *testing.T) {
	d := parse(t, `{"a":{"b":"x"},"c":"y"}`)
	d.Root().Get("a").Get("b").SetText("changed")
	d.Root().Get("c").SetText("z")
	if got, want := string(d.Encode(Replace(d.Root().Get("a"), []byte("1")))), `{"a":1,"c":"z"}`; got != want {
		t.Errorf("Encode: got %s, want %s", got, want)
	}
	if got, want := string(d.Encode()), `{"a":{"b":"changed"},"c":"z"}`; got != want {
		t.Errorf("a patch was kept: got %s, want %s", got, want)
	}
}

// TestReshape removes each subset of the members of small objects and adds up to
// two, and compares what is left with what should be.
func TestReshape(t *testing.T) {
	for _, space := range []string{"", " ", "\n\t"} {
		for members := range 5 {
			var parts []string
			for i := range members {
				parts = append(parts, fmt.Sprintf(`%s"k%d"%s:%s[%d]%s`, space, i, space, space, i, space))
			}
			text := space + "{" + strings.Join(parts, ",") + space + "}" + space
			for subset := range 1 << members {
				for adds := range 3 {
					checkReshape(t, text, members, subset, adds)
				}
			}
		}
	}
}

func checkReshape(t *testing.T, text string, members, subset, adds int) {
	t.Helper()
	d := parse(t, text)
	want := make(map[string]any)
	var remove []string
	for i := range members {
		name := fmt.Sprintf("k%d", i)
		if subset&(1<<i) != 0 {
			remove = append(remove, name)
		} else {
			want[name] = []any{float64(i)}
		}
	}
	var add []Field
	for i := range adds {
		name := fmt.Sprintf(`new"%d`, i)
		add = append(add, Field{name, []byte(`"v"`)})
		want[name] = "v"
	}
	out := d.Encode(Reshape(d.Root(), remove, add)...)
	var got map[string]any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%q without %v plus %d: got %q: %v", text, remove, adds, out, err)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%q without %v plus %d: got %q, want %v", text, remove, adds, out, want)
	}
}

// TestEncode_means_what_was_changed is a property: splicing into the bytes and
// decoding, changing and encoding the values mean the same, and what was not
// changed stays the same bytes.
func TestEncode_means_what_was_changed(t *testing.T) {
	for seed := range uint64(2_000) {
		r := rand.New(rand.NewPCG(seed, 1))
		checkChanges(t, randomObject(r, 3), r, seed)
	}
}

func checkChanges(t *testing.T, text string, r *rand.Rand, seed uint64) {
	t.Helper()
	d := parse(t, text)
	want := make(map[string]string) // by path
	var touched []string
	d.Root().Strings(func(s Value, isKey bool) bool {
		if isKey {
			return true
		}
		want[s.Path()] = s.Text()
		if r.IntN(3) == 0 {
			changes := randomChanges(r, s.Text())
			want[s.Path()] = applied(s.Text(), changes)
			touched = append(touched, s.Path())
			s.Splice(changes)
			if s.Text() != want[s.Path()] {
				t.Fatalf("seed %d: Text after Splice: got %q, want %q", seed, s.Text(), want[s.Path()])
			}
		}
		return true
	})
	again, err := Parse(d.Encode())
	if err != nil {
		t.Fatalf("seed %d: what is sent is not JSON: %v\n%s", seed, err, d.Encode())
	}
	again.Root().Strings(func(s Value, isKey bool) bool {
		if !isKey && s.Text() != want[s.Path()] {
			t.Fatalf("seed %d: %s: got %q, want %q", seed, s.Path(), s.Text(), want[s.Path()])
		}
		return true
	})
	sameScalars(t, d.Root(), again.Root(), touched, seed)
}

// sameScalars compares the bytes of what was not touched.
func sameScalars(t *testing.T, before, after Value, touched []string, seed uint64) {
	t.Helper()
	collect := func(v Value) (all []string) {
		v.Scalars(func(s Value, isKey bool) bool {
			if isKey || !slices.Contains(touched, s.Path()) {
				all = append(all, string(s.Raw()))
			}
			return true
		})
		return all
	}
	if got, want := collect(after), collect(before); !slices.Equal(got, want) {
		t.Fatalf("seed %d: what was not changed: got %q, want %q", seed, got, want)
	}
}

var pieces = []string{"a", "word ", "é", "👩\u200d💻", `\n`, `\"`, `\\`, `\/`, `\u00e9`, `\ud83d\ude00`, `\ud800`, `\u0000`, "\u2028", "sk-12345678"}

func randomString(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(8) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return `"` + b.String() + `"`
}

func randomValue(r *rand.Rand, depth int) string {
	switch kind := r.IntN(7); {
	case kind == 0:
		return "null"
	case kind == 1:
		return fmt.Sprintf("%d.50", r.IntN(1000))
	case kind == 2 && depth > 0:
		return randomObject(r, depth-1)
	case kind == 3 && depth > 0:
		items := make([]string, r.IntN(4))
		for i := range items {
			items[i] = randomValue(r, depth-1)
		}
		return "[ " + strings.Join(items, " ,") + "]"
	}
	return randomString(r)
}

func randomObject(r *rand.Rand, depth int) string {
	members := make([]string, r.IntN(6))
	for i := range members {
		members[i] = fmt.Sprintf(`"%c" :%s`, 'a'+i, randomValue(r, depth))
	}
	return "{" + strings.Join(members, ", ") + "}"
}

// randomChanges cuts between characters, as every finder of texts does.
func randomChanges(r *rand.Rand, text string) []Change {
	bounds := []int{len(text)}
	for i := range text {
		bounds = append(bounds, i)
	}
	var cuts []int
	for range 2 * r.IntN(4) {
		cuts = append(cuts, bounds[r.IntN(len(bounds))])
	}
	slices.Sort(cuts)
	var changes []Change
	for i := 0; i+1 < len(cuts); i += 2 {
		changes = append(changes, Change{cuts[i], cuts[i+1], []string{"", "[secret]", "\"\n", "ü"}[r.IntN(4)]})
	}
	return changes
}

func applied(text string, changes []Change) string {
	for _, c := range slices.Backward(changes) {
		text = text[:c.From] + c.With + text[c.To:]
	}
	return text
}

func TestClear(t *testing.T) {
	t.Parallel()
	doc, err := Parse([]byte(`{"a":[1,{"b":"c"}],"o":{"x":1},"s":"y"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "o", "s", "absent"} {
		doc.Root().Get(name).Clear()
	}
	if got := string(doc.Encode()); got != `{"a":[],"o":null,"s":null}` {
		t.Errorf("got %s", got)
	}
}
