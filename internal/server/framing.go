package server

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"time"
)

// Framed returns l with connections on which nobody can smuggle a request: what
// two servers could read as requests of different lengths is refused with 400,
// and the connection is closed. net/http refuses most of that itself. But it
// takes a Content-Length beside a Transfer-Encoding, a second Content-Length,
// continued header lines, blanks after "chunked" and a Transfer-Encoding in
// HTTP/1.0, and a handler cannot see them any more.
//
// A connection looks at the lines of a request's header as they come, and
// passes over a body by its length. It does not follow chunks: outermost closes
// the connection after a request that has them, so nothing behind such a request
// is read as one.
func Framed(l net.Listener) net.Listener { return framedListener{l} }

type framedListener struct{ net.Listener }

func (l framedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &framedConn{Conn: c}, nil
}

// framedConn is one connection. Of net/http's goroutines one reads it at a time.
type framedConn struct {
	net.Conn
	header framing     // of the request whose header is being read
	body   int64       // bytes of a body that are still to come
	last   bool        // no request follows this one
	bad    atomic.Bool // the request that is being read was refused
	ahead  []byte      // was read already and belongs to the next request
}

// Read never goes beyond the end of a request. So an error is of the request
// that net/http is about to read, and not of one before it that is being
// answered. To an error that is not the network's net/http answers 400.
func (c *framedConn) Read(p []byte) (n int, err error) {
	if c.bad.Load() {
		return 0, errFraming
	}
	if len(c.ahead) > 0 {
		n = copy(p, c.ahead)
		c.ahead = c.ahead[n:]
	} else if n, err = c.Conn.Read(p); n == 0 {
		return n, err
	}
	mine, good := c.mine(p[:n])
	if !good {
		c.bad.Store(true)
		if mine > 0 {
			return mine, nil // what was good of the header; the error comes next
		}
		return 0, errFraming
	}
	if mine < n {
		c.ahead = append(bytes.Clone(p[mine:n]), c.ahead...)
		return mine, nil // an error comes again behind what is ahead
	}
	return mine, err
}

// mine is how much of p belongs to the request that is being read, up to a line
// that is not good.
func (c *framedConn) mine(p []byte) (n int, good bool) {
	if c.body == 0 && !c.last {
		var ended bool
		if n, ended, good = c.header.read(p); !ended {
			return n, good
		}
		c.body, c.last = c.header.length, c.header.chunked
		c.header = framing{}
	}
	if c.last {
		return len(p), true
	}
	part := min(c.body, int64(len(p)-n))
	c.body -= part
	return n + int(part), true
}

// CloseWrite lets net/http close in order, so that a client which is still
// sending can read why.
func (c *framedConn) CloseWrite() error { return closeWrite(c.Conn) }

// lingerTime bounds the wait for a client that was refused to read why.
const lingerTime = 500 * time.Millisecond

// Close lets a client that was refused read why: to close a connection of which
// not everything was read resets it.
func (c *framedConn) Close() error {
	if c.bad.Load() && c.CloseWrite() == nil && c.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, c.Conn, drainMax) // whatever comes is thrown away
	}
	return c.Conn.Close()
}

// framing is what a request's header says of where the request ends.
type framing struct {
	begun   []byte // of a line whose end has not come; net/http bounds a header
	lines   int
	http11  bool
	sized   bool  // there was a Content-Length
	length  int64 // what it said
	chunked bool  // there was a Transfer-Encoding
}

var errFraming = errors.New("where the request ends can be read in more than one way")

// read takes the next piece of a header and says how much of it that is, whether
// the header has ended, and whether it is good so far; what is not good begins at n.
func (f *framing) read(p []byte) (n int, ended, good bool) {
	for {
		end := bytes.IndexByte(p[n:], '\n')
		if end < 0 {
			f.begun = append(f.begun, p[n:]...)
			return len(p), false, true
		}
		line := p[n : n+end]
		if len(f.begun) > 0 {
			line = append(f.begun, line...)
			f.begun = nil
		}
		if ended, good = f.take(bytes.TrimSuffix(line, []byte("\r"))); !good {
			return n, false, false
		}
		if n += end + 1; ended {
			return n, true, true
		}
	}
}

// take reads one line. The header ends with an empty one; before the request
// line those mean nothing.
func (f *framing) take(line []byte) (ended, good bool) {
	if len(line) == 0 {
		return f.lines > 0, true
	}
	f.lines++
	if f.lines == 1 {
		f.http11 = bytes.HasSuffix(line, []byte(" HTTP/1.1"))
		return false, true
	}
	if line[0] == ' ' || line[0] == '\t' {
		return false, false // it continues the line before
	}
	if value, is := field(line, "content-length"); is {
		return false, f.size(value)
	}
	if value, is := field(line, "transfer-encoding"); is {
		return false, f.encode(value)
	}
	return false, true
}

// field returns the value of a header line if it has the name.
func field(line []byte, name string) (value []byte, is bool) {
	if len(line) <= len(name) || line[len(name)] != ':' || !bytes.EqualFold(line[:len(name)], []byte(name)) {
		return nil, false
	}
	return line[len(name)+1:], true
}

func (f *framing) size(value []byte) (good bool) {
	n, err := strconv.ParseUint(string(bytes.Trim(value, " \t")), 10, 63)
	good = err == nil && !f.sized && !f.chunked
	f.sized, f.length = true, int64(n)
	return good
}

func (f *framing) encode(value []byte) (good bool) {
	named := bytes.EqualFold(bytes.TrimPrefix(value, []byte(" ")), []byte("chunked"))
	good = named && f.http11 && !f.sized && !f.chunked
	f.chunked = true
	return good
}
