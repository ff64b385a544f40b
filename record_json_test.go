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

// The bytes of a record are those that encoding/json writes, whatever stands in
// which fields. When this fails after a field was added, record_json.go lacks it.
func TestRecord_Seal_writes_as_encoding_json(t *testing.T) {
	sameBytes := func(r sallyport.Record) {
		t.Helper()
		body, _, err := r.Seal(7, sallyport.Hash{})
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if string(body) != string(want) {
			t.Fatalf("got  %s\nwant %s", body, want)
		}
	}
	var r sallyport.Record
	sameBytes(r)
	rng := rand.New(rand.NewPCG(1, 2))
	fill(reflect.ValueOf(&r).Elem(), rng, 1)
	sameBytes(r)
	for range 3000 {
		var r sallyport.Record
		fill(reflect.ValueOf(&r).Elem(), rng, 0.6)
		sameBytes(r)
	}
}

// fill gives each field a value with the probability, and so on inside of it.
func fill(v reflect.Value, rng *rand.Rand, p float64) {
	some := func() bool { return rng.Float64() < p }
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.UnixMicro(rng.Int64N(1 << 52)).UTC()))
		return
	case json.RawMessage:
		if some() {
			v.SetBytes([]byte("{\n \"a\": [1, \"<&>\"]\n}"))
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), rng, p)
		}
	case reflect.Pointer:
		if some() {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), rng, p)
		}
	case reflect.Slice:
		if some() {
			v.Set(reflect.MakeSlice(v.Type(), rng.IntN(3)+int(p), 3+int(p)))
			for i := range v.Len() {
				fill(v.Index(i), rng, p)
			}
		}
	case reflect.Map:
		if some() {
			v.Set(reflect.MakeMap(v.Type()))
			for i := range rng.IntN(3) + int(p) {
				value := reflect.New(v.Type().Elem()).Elem()
				fill(value, rng, p)
				v.SetMapIndex(reflect.ValueOf(fmt.Sprint("k", i)), value)
			}
		}
	case reflect.String:
		if some() {
			texts := []string{"plain text", `a"b\c`, "<&>", "ümlaut", "a\nb\u2028", "\xff", "\x7f", "日本語", "\x00"}
			v.SetString(texts[rng.IntN(len(texts))])
		}
	case reflect.Bool:
		v.SetBool(some())
	case reflect.Uint8: // bytes of a salt, never written
	default:
		if some() {
			v.SetInt(rng.Int64N(1<<40) - 1<<39)
		}
	}
}

// A year that RFC 3339 cannot write is an error, not a record.
func TestRecord_Seal_refuses_an_impossible_time(t *testing.T) {
	r := sallyport.Record{Time: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}
	if _, _, err := r.Seal(1, sallyport.Hash{}); err == nil {
		t.Error("sealed")
	}
}

// outcome is a record as most are.
func outcome() sallyport.Record {
	return sallyport.Record{
		EventID: "01968a5e-4d3c-7b2a-9f10-3c5d7e9a1b2c", Phase: sallyport.PhaseOutcome, Time: time.UnixMicro(1767225600123456),
		Node: "01968a5e-4d3c-7b2a-9f10-3c5d7e9a1b2d", Boot: "01968a5e-4d3c-7b2a-9f10-3c5d7e9a1b2e", Org: "01968a5e-4d3c-7b2a-9f10-3c5d7e9a1b2f",
		Actor:  sallyport.Actor{Type: "key", User: "01968a5e-4d3c-7b2a-9f10-3c5d7e9a1b30", Key: "abcdefghijklmnop", KeyPrefix: "sp-abcdefgh", Role: sallyport.RoleUser},
		Action: "chat.completions", Call: "01968a5e-4d3c-7b2a-9f10-3c5d7e9a1b31", RequestID: "req_01968a5e4d3c7b2a9f103c5d7e9a1b32",
		Route: "POST /v1/chat/completions", ModelRequested: "gpt-4o-mini", ModelUsed: "gpt-4o-mini", Provider: "openai",
		Attempts: []sallyport.Attempt{{Provider: "openai", Target: "gpt-4o-mini", Status: 200, MS: 812}},
		Outcome:  sallyport.OutcomeSuccess, Status: 200, LatencyMS: 815, TTFTMS: 811, BytesIn: 1200, BytesOut: 900, Delivered: 400,
		Tokens: &sallyport.RecordTokens{Input: 300, Output: 100, Source: "provider"},
		Cost:   &sallyport.RecordCost{Hold: 5000, Charge: 120, PriceVersion: "catwalk-v0.1"},
		DLP:    &sallyport.RecordDLP{Mode: "enforce", PolicyVersion: "sha256:0123456789abcdef"},
	}
}

func BenchmarkRecord_Seal(b *testing.B) {
	r := outcome()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := r.Seal(1, sallyport.Hash{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRecord_Marshal(b *testing.B) {
	r := outcome()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(&r); err != nil {
			b.Fatal(err)
		}
	}
}
