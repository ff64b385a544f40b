package provider

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// BenchmarkDo is one plain answer from a provider that does next to nothing.
func BenchmarkDo(b *testing.B) {
	addr := answering(b, `{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":`+
		`{"role":"assistant","content":"`+strings.Repeat("word ", 80)+`"},"finish_reason":"stop"}],`+
		`"usage":{"prompt_tokens":200,"completion_tokens":100,"total_tokens":300}}`)
	p, err := newOpenAI(Config{Name: "p", Type: "openai", BaseURL: "http://" + addr + "/v1", APIKey: "key-of-ours", AllowPrivate: true})
	if err != nil {
		b.Fatal(err)
	}
	asked, err := chat.Decode([]byte(`{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat("word ", 180) + `"}]}`))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.client.transport.CloseIdleConnections) // before the server waits for their end
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Do(b.Context(), "m", asked, func(*llm.Event) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

// answering is the address of a server that gives the same answer to every request.
func answering(b *testing.B, body string) (addr string) {
	b.Helper()
	answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { answerAll(c, answer) })
		}
	})
	b.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return listener.Addr().String()
}

// answerAll answers until the other side closes.
func answerAll(c net.Conn, answer []byte) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		request, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			return
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}
