package server

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// crowd is a listener to which the connections come that the test gives it.
type crowd struct {
	net.Listener
	from chan string
}

type visitor struct {
	net.Conn
	addr   net.Addr
	closed bool
}

func (v *visitor) RemoteAddr() net.Addr { return v.addr }
func (v *visitor) Close() error         { v.closed = true; return nil }

func (c *crowd) Accept() (net.Conn, error) {
	from, more := <-c.from
	if !more {
		return nil, net.ErrClosed
	}
	at := netip.MustParseAddrPort(from)
	return &visitor{addr: net.TCPAddrFromAddrPort(at)}, nil
}

// One address cannot take all connections; others, loopback and the proxies that
// the operator listed are not kept out by it.
func TestConnectionsOfOneAddress(t *testing.T) {
	t.Parallel()
	c := &crowd{from: make(chan string, 100)}
	l := Bounded(c, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, slog.New(slog.DiscardHandler)).(*boundedListener)
	l.most = 2
	// in lets connections come and returns those that got in.
	in := func(from ...string) (open []net.Conn) {
		t.Helper()
		for _, f := range from {
			c.from <- f
		}
		c.from <- "127.0.0.1:1" // ends the waiting
		for {
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if conn.RemoteAddr().String() == "127.0.0.1:1" {
				return open
			}
			open = append(open, conn)
		}
	}
	first := in("192.0.2.1:1", "192.0.2.1:2", "192.0.2.1:3", "[::ffff:192.0.2.1]:4")
	if len(first) != 2 {
		t.Errorf("%d connections of one address got in, want 2", len(first))
	}
	if others := in("192.0.2.2:1", "[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3]:1", "[2001:db8:0:1::1]:1"); len(others) != 4 {
		t.Errorf("%d of others got in, want one of IPv4, two of the first network and one of the second", len(others))
	}
	if free := in("127.0.0.1:5", "127.0.0.1:6", "127.0.0.1:7", "10.1.2.3:1", "10.1.2.3:2", "10.1.2.3:3"); len(free) != 6 {
		t.Errorf("%d of loopback and proxies got in, want 6", len(free))
	}
	for range 2 { // closing twice leaves once
		if err := first[0].Close(); err != nil {
			t.Error(err)
		}
	}
	if again := in("192.0.2.1:5", "192.0.2.1:6"); len(again) != 1 {
		t.Errorf("%d got in for the one that left", len(again))
	}
}

// pipes is a listener whose connections are pipes, so that the time of a
// connection is the test's.
type pipes struct {
	conns chan net.Conn
	ended chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.ended); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// A client that is slow loses its connection at the time that the documentation
// tells: in the header, in the body, and between two requests.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		sends string
		lasts time.Duration
	}{
		"nothing at all":       {"", headerTime},
		"half a header":        {"GET / HTTP/1.1\r\nHost: h\r\nX-A", headerTime},
		"half a body":          {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf", bodyTime},
		"half a chunk":         {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhalf", bodyTime},
		"idle after a request": {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody", idleTime},
		"and half of the next": {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbodyGET / HT", headerTime},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := New(Parts{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
				h := s.HTTP()
				h.Handler = s.outermost(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if _, err := readBody(w, r, r.Body); err != nil {
						panic(http.ErrAbortHandler) // what is answered then is another test's
					}
				}))
				l := &pipes{make(chan net.Conn), make(chan struct{})}
				ended := make(chan struct{})
				go func() { _ = h.Serve(Framed(l)); close(ended) }()
				client, served := net.Pipe()
				l.conns <- served
				begun := time.Now()
				go func() { _, _ = io.WriteString(client, tt.sends) }()
				_, _ = io.Copy(io.Discard, client)
				if got := time.Since(begun); got < tt.lasts || got > tt.lasts+time.Second {
					t.Errorf("the connection lasted %v, want %v", got, tt.lasts)
				}
				_ = client.Close()
				_ = h.Close()
				<-ended
			})
		})
	}
}
