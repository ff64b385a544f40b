package llm

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// chatBody is a request of about 100 KB: 50 messages of long texts, some with
// escapes, and 10 tools.
func chatBody() []byte {
	var b bytes.Buffer
	b.WriteString(`{"model":"acme-large","stream":true,"temperature":0.7,"messages":[{"role":"system","content":"Be brief."}`)
	for i := range 50 {
		text := strings.Repeat("The quick brown fox jumps over the lazy dog, number "+fmt.Sprint(i)+". ", 32)
		if i%5 == 0 {
			text += `\n\n\"quoted\" and \u00e9\n`
		}
		fmt.Fprintf(&b, `,{"role":"user","content":"%s"}`, text)
	}
	b.WriteString(`],"tools":[`)
	for i := range 10 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"type":"function","function":{"name":"tool_%d","description":"Does a thing","parameters":{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}},"required":["city"]}}}`, i)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// BenchmarkParse is what every request pays; 700 MB/s is the aim.
func BenchmarkParse(b *testing.B) {
	body := chatBody()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReset(b *testing.B) {
	body := chatBody()
	var d Document
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Reset(body); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseEscapes is a text that is all escapes, as code in JSON nearly is.
func BenchmarkParseEscapes(b *testing.B) {
	body := []byte(`"` + strings.Repeat(`\n`, 50_000) + `"`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := Parse(body); err != nil {
			b.Fatal(err)
		}
	}
}
