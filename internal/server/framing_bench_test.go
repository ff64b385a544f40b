package server

import (
	"net"
	"strings"
	"testing"
)

// looped is a connection on which the same request comes again and again.
type looped struct {
	net.Conn
	raw string
}

func (c *looped) Read(p []byte) (int, error) { return copy(p, c.raw), nil }

// What looking at a request costs, its copy included: 240 ns, beside the hundreds
// of microseconds of a call.
func BenchmarkFramed(b *testing.B) {
	head := "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: OpenAI/JS 4.0\r\n" +
		"Authorization: Bearer " + strings.Repeat("k", 60) + "\r\nAccept: application/json\r\nContent-Type: application/json\r\n" +
		"X-Stainless-Lang: js\r\nX-Stainless-Os: Linux\r\nX-Stainless-Arch: x64\r\nX-Stainless-Runtime: node\r\nContent-Length: 2000\r\n\r\n"
	c := &framedConn{Conn: &looped{raw: head + strings.Repeat("x", 2000)}}
	p := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if n, err := c.Read(p); err != nil || n != len(head)+2000 {
			b.Fatal(n, err)
		}
	}
}
