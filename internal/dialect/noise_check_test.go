package dialect_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// What is written is JSON with all that the shape wants, another for each seed and
// the same for the same.
func TestNoise(t *testing.T) {
	t.Parallel()
	shape := mustShape(t, `{"a":"$text","b?":"$number","c":["$some",{"d":"$value"},{"e":[]}],"f":["$one",1,null],"g":["$value"]}`)
	n, seen := newNoise(), make(map[string]uint64)
	const rounds = 2_000
	var optional int
	for seed := range uint64(rounds) {
		body := string(n.request(shape, seed, client))
		var read struct {
			A *string
			B *json.RawMessage
			C []map[string]any
			F any
			G []any
		}
		dec := json.NewDecoder(strings.NewReader(body))
		dec.UseNumber()
		if err := dec.Decode(&read); err != nil || read.A == nil || len(read.C) == 0 || len(read.G) != 1 {
			t.Fatalf("seed %d: %v: %s", seed, err, body)
		}
		if read.B != nil {
			optional++
		}
		seen[body] = seed
	}
	if len(seen) < rounds*9/10 || optional < rounds/3 || optional > rounds*2/3 {
		t.Errorf("of %d requests %d differ, and %d have b", rounds, len(seen), optional)
	}
	for body, seed := range seen {
		if again := string(n.request(shape, seed, client)); again != body {
			t.Fatalf("seed %d: got %s, then %s", seed, body, again)
		}
	}
}
