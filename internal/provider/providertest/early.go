package providertest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Early is a provider that answers a request as soon as it has its headers,
// without having read its body, as proxies and limits in front of models do.
type Early struct {
	// URL is the base address; it ends in /v1.
	URL string

	how      Earliness
	listener net.Listener
	serving  sync.WaitGroup
	closed   chan struct{} // one token for each connection that Early has closed
}

// Earliness is what an Early does.
type Earliness struct {
	// Status of the answer; Body is its body.
	Status int
	Body   string
	// Reads: the body is read after the answer, and the connection serves on. Else
	// it is closed, unread.
	Reads bool
	// Announced: the answer says that the connection will be closed.
	Announced bool
}

// NewEarly starts an Early that stops with the test.
func NewEarly(t testing.TB, how Earliness) *Early {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const many = 1 << 16
	e := &Early{URL: "http://" + l.Addr().String() + "/v1", how: how, listener: l, closed: make(chan struct{}, many)}
	e.serving.Go(e.accept)
	t.Cleanup(func() {
		_ = l.Close() // accept sees it
		e.serving.Wait()
	})
	return e
}

// WaitClosed waits until Early has closed the connection of its last answer.
func (e *Early) WaitClosed() { <-e.closed }

func (e *Early) accept() {
	for {
		c, err := e.listener.Accept()
		if err != nil {
			return
		}
		go e.serve(c) // ends when the client or Early closes
	}
}

// serve answers the requests of one connection.
func (e *Early) serve(c net.Conn) {
	defer func() {
		_ = c.Close() // with bytes unread, so the client is sent a reset
		select {
		case e.closed <- struct{}{}:
		default: // nobody waits
		}
	}()
	r := bufio.NewReader(c)
	for {
		length, err := readHead(r)
		if err != nil {
			return
		}
		if _, err := io.WriteString(c, e.answer()); err != nil || !e.how.Reads {
			return
		}
		if _, err := io.CopyN(io.Discard, r, length); err != nil {
			return
		}
	}
}

// readHead reads up to the body and returns its length.
func readHead(r *bufio.Reader) (int64, error) {
	head := textproto.NewReader(r)
	if _, err := head.ReadLine(); err != nil {
		return 0, err
	}
	header, err := head.ReadMIMEHeader()
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(header.Get("Content-Length"), 10, 64)
}

func (e *Early) answer() string {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n",
		e.how.Status, http.StatusText(e.how.Status), len(e.how.Body))
	if e.how.Announced {
		b.WriteString("Connection: close\r\n")
	}
	return b.String() + "\r\n" + e.how.Body
}
