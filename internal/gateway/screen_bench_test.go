package gateway

import (
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// BenchmarkScreen is the way of one chunk of a stream through the screen: it
// stands in the path of every token. Where nothing is kept of answers, keeping
// must cost nothing.
func BenchmarkScreen(b *testing.B) {
	mac := func([]byte) ([]byte, error) { return make([]byte, 37), nil }
	plan := dlp.New().Plan(dlp.DefaultPolicy())
	for name, k := range map[string]*kept{
		"nothing kept": nil,
		"answer kept":  {level: sallyport.ContentAnswer, screen: plan.Hiding().Screen(mac, "user/ann")},
	} {
		b.Run(name, func(b *testing.B) {
			s := screened{
				call:   &Call{Request: &llm.Request{Dialect: llm.Chat}, kept: k},
				screen: plan.Screen(mac, "user/ann"), out: func(*llm.Event) error { return nil },
			}
			raw := []byte(`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767225600,"model":"gpt","service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":" words"},"logprobs":null,"finish_reason":null}],"usage":null}`)
			var doc llm.Document
			var e llm.Event
			b.ReportAllocs()
			for b.Loop() {
				if k != nil { // there is always room
					k.room = audit.ContentMax
					for i := range k.texts {
						k.texts[i].text = k.texts[i].text[:0]
					}
				}
				if err := doc.Reset(raw); err != nil {
					b.Fatal(err)
				}
				if err := chat.DecodeEvent(&doc, &e); err != nil {
					b.Fatal(err)
				}
				if err := s.push(&e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
