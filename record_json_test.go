package sallyport_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// Records are written by hand for speed. What is written is what encoding/json
// makes of the type: a field that is added and forgotten there fails here.
func TestRecord_Seal_writes_what_encoding_json_writes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 2000 {
		var r sallyport.Record
		switch n {
		case 0: // nothing is set
		case 1:
			fill(rng, reflect.ValueOf(&r).Elem(), 1)
		default:
			fill(rng, reflect.ValueOf(&r).Elem(), 0.5)
		}
		body, _, err := r.Seal(int64(n), sallyport.Hash{})
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(&r)
		if err != nil {
			t.Fatal(err)
		}
		if string(body) != string(want) {
			t.Fatalf("got  %s\nwant %s", body, want)
		}
	}
}

func TestRecord_Seal_refuses_a_time_that_JSON_does_not_have(t *testing.T) {
	r := sallyport.Record{Time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}
	if body, _, err := r.Seal(1, sallyport.Hash{}); err == nil {
		t.Errorf("it was sealed: %s", body)
	}
}

// fill sets each field below v with the probability part.
func fill(rng *rand.Rand, v reflect.Value, part float64) {
	texts := []string{"word", `"quoted" \ <b>&amp;</b>`, "line\nbreak\x00\x7f", "æ – 世界 \u2028", "cut \xe4", " "}
	if rng.Float64() > part {
		return
	}
	switch at := v.Addr().Interface().(type) {
	case *time.Time:
		*at = time.Unix(rng.Int64N(4e9), rng.Int64N(3)*500_000_000).In(time.FixedZone("", rng.IntN(3)*3600))
		return
	case *json.RawMessage:
		*at = json.RawMessage(`{ "a": ["<b>", 1.50] }`)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(texts[rng.IntN(len(texts))])
	case reflect.Int, reflect.Int64:
		v.SetInt(rng.Int64() - rng.Int64())
	case reflect.Uint8:
		v.SetUint(7)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(rng, v.Elem(), part)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rng.IntN(3), 3))
		for i := range v.Len() {
			fill(rng, v.Index(i), part)
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]int{"in:IBAN_CODE": 2, texts[1]: -1}))
	case reflect.Struct:
		for i := range v.NumField() {
			fill(rng, v.Field(i), part)
		}
	default:
		panic(fmt.Sprintf("fill does not know %s", v.Type()))
	}
}

func BenchmarkRecord_Seal(b *testing.B) {
	r := sallyport.Record{
		EventID: "019a1b2c-3d4e-7f50-8a1b-2c3d4e5f6071", Phase: sallyport.PhaseOutcome, Time: time.Now(), MonoNS: 123456789,
		Node: "node", Boot: "019a1b2c-3d4e-7f50-8a1b-2c3d4e5f6072", Org: "019a1b2c-3d4e-7f50-8a1b-2c3d4e5f6073",
		Actor: sallyport.Actor{
			Type: "key", User: "019a1b2c-3d4e-7f50-8a1b-2c3d4e5f6074", Key: "abcdefghij", KeyPrefix: "sp-abcdefghij", Role: "admin",
		},
		Action: "chat.completions", Call: "019a1b2c-3d4e-7f50-8a1b-2c3d4e5f6075", RequestID: "req_019a1b2c3d4e7f508a1b2c3d4e5f6076",
		Route: "POST /v1/chat/completions", ModelRequested: "model", ModelUsed: "model", Provider: "provider",
		Attempts: []sallyport.Attempt{{Provider: "provider", Target: "model", Status: 200, MS: 12}},
		Outcome:  sallyport.OutcomeSuccess, Status: 200, LatencyMS: 12, TTFTMS: 11, BytesIn: 1024, BytesOut: 700, Delivered: 400,
		Tokens: &sallyport.RecordTokens{Input: 200, Output: 100, Source: "provider"},
		Cost:   &sallyport.RecordCost{Hold: 1000, Charge: 200, PriceVersion: "019a1b2c"},
		DLP:    &sallyport.RecordDLP{Mode: "enforce", PolicyVersion: "019a1b2c", Action: "none"},
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := r.Seal(7, sallyport.Hash{}); err != nil {
			b.Fatal(err)
		}
	}
}
