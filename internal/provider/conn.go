package provider

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"

	"github.com/sallyport-ai/sallyport/internal/dial"
)

// conn is a connection to a provider on which an answer counts although the
// request was not read. A provider may answer before it has all of a request
// (too large, too many, a bad key) and close. What is still to be written fails
// then, and net/http lets that failure win over an answer that is there, also in
// the middle of its body. So once a part of a request is out, a write that fails
// is not told of: reading tells what became of it, an answer or none.
//
// Such a connection serves no further request, because nobody knows what the
// provider would take for its beginning. A request of which nothing is out goes
// out on another connection; see client.post.
type conn struct {
	net.Conn

	mu       sync.Mutex
	carries  bool // requests, one after the other; else writes are told of as they are
	begun    bool // a part of this request is on its way
	sent     bool // and out
	answered bool // the first byte of its answer is here
	stray    bool // and came before any part: it answers something else
	deaf     bool // the provider takes no more of this request
	spoiled  bool // no further request
	refused  bool // this request is one too many
}

var (
	errSpoiled = errors.New("the provider did not read the request before on this connection")
	errStray   = errors.New("the provider sent what no request has asked for")
)

// dialer makes connections through d.
func dialer(d *dial.Dialer) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &conn{Conn: c}, nil
	}
}

// connOf finds the conn below what net/http calls the connection. There is none
// for HTTP/2, which tells by frames what was read, and where requests share one.
func connOf(c net.Conn) *conn {
	if secure, ok := c.(*tls.Conn); ok {
		if secure.ConnectionState().NegotiatedProtocol == "h2" {
			return nil
		}
		c = secure.NetConn()
	}
	found, _ := c.(*conn)
	return found
}

// begin says that a request follows.
func (c *conn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.carries, c.refused = true, c.spoiled
	c.begun, c.sent, c.answered, c.stray = false, false, false, false
}

// answer says that the answer to the request has begun.
func (c *conn) answer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answered = true
	if !c.begun {
		c.stray, c.spoiled, c.refused = true, true, true
	}
}

// strayed says that what was read is no answer to this request.
func (c *conn) strayed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stray
}

// unsent says that no part of the request is out.
func (c *conn) unsent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.sent
}

// Write writes a part of a request.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	refused, deaf := c.refused, c.deaf
	c.begun = c.begun || !refused
	c.mu.Unlock()
	switch {
	case refused:
		return 0, errSpoiled
	case deaf:
		return len(p), nil
	}
	n, err := c.Conn.Write(p)

	c.mu.Lock()
	defer c.mu.Unlock()
	// What is here after the first part came to that part, which may be the whole
	// request: from a quick provider it comes before this lock. Behind any later
	// part nobody knows.
	first := !c.sent
	c.sent = c.sent || n > 0
	c.spoiled = c.spoiled || c.answered && !first
	if err == nil || !c.carries || !c.sent {
		return n, err
	}
	c.deaf, c.spoiled = true, true
	return len(p), nil
}
