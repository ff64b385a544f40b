package server

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// handshakeTime bounds what a client may take until its connection is secure.
const handshakeTime = headerTime

// FramedTLS is Framed for TLS by cfg. It shakes hands itself: net/http speaks
// HTTP/2, whose frames nobody misreads, on a *tls.Conn only, and HTTP/1 comes on
// connections of Framed. Close waits for the handshakes under way and cuts them
// short; http.Server closes what it serves.
func FramedTLS(l net.Listener, cfg *tls.Config) net.Listener {
	cfg = cfg.Clone()
	cfg.NextProtos = []string{"h2", "http/1.1"}
	s := &secureListener{Listener: l, cfg: cfg, ready: make(chan accepted)}
	s.open, s.cancel = context.WithCancel(context.Background())
	s.under.Go(s.accept)
	return s
}

type secureListener struct {
	net.Listener
	cfg    *tls.Config
	ready  chan accepted
	open   context.Context // ends with Close
	cancel context.CancelFunc
	under  sync.WaitGroup
}

// accepted is what Accept returns.
type accepted struct {
	conn net.Conn
	err  error
}

// accept lets every client shake hands in a goroutine of its own. After an error
// it goes on when Accept is called again, which is how http.Server waits for
// better times.
func (s *secureListener) accept() {
	for s.open.Err() == nil {
		c, err := s.Listener.Accept()
		if err != nil {
			s.give(accepted{err: err})
			continue
		}
		s.under.Go(func() {
			ready, err := s.shake(c)
			if err != nil || !s.give(accepted{conn: ready}) {
				_ = c.Close() // nothing was said on it
			}
		})
	}
}

// give waits until Accept takes what is given, and says whether it did.
func (s *secureListener) give(a accepted) bool {
	select {
	case s.ready <- a:
		return true
	case <-s.open.Done():
		return false
	}
}

func (s *secureListener) shake(c net.Conn) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(s.open, handshakeTime)
	defer cancel()
	secure := tls.Server(c, s.cfg)
	switch err := secure.HandshakeContext(ctx); {
	case err != nil:
		tellPlain(err)
		return nil, err
	case secure.ConnectionState().NegotiatedProtocol == "h2":
		return secure, nil
	}
	return &framedConn{Conn: secure}, nil
}

// tellPlain answers a client that speaks plain HTTP where TLS is spoken.
func tellPlain(err error) {
	var plain tls.RecordHeaderError
	if !errors.As(err, &plain) || plain.Conn == nil {
		return
	}
	switch string(plain.RecordHeader[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO":
		_ = plain.Conn.SetWriteDeadline(time.Now().Add(handshakeTime))
		_, _ = io.WriteString(plain.Conn, "HTTP/1.0 400 Bad Request\r\n\r\nThis address speaks TLS: use https.\n") // best effort
	}
}

// Accept returns a connection that is secure already.
func (s *secureListener) Accept() (net.Conn, error) {
	select {
	case a := <-s.ready:
		return a.conn, a.err
	case <-s.open.Done():
		return nil, net.ErrClosed
	}
}

func (s *secureListener) Close() error {
	err := s.Listener.Close()
	s.cancel()
	s.under.Wait()
	return err
}
