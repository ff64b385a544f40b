package server

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// connectionsMax is how many connections one address may have at once: more
	// than an office behind one address needs, and few enough that nobody can
	// take all that the machine has.
	connectionsMax = 4096
	// networkBits is how much of an address of IPv6 counts as one: who has one
	// address there has the 2^64 beside it.
	networkBits = 64
	// crowdTold is how often the log is told of connections that were closed.
	crowdTold = time.Minute
)

// Bounded returns l with at most connectionsMax connections for each address;
// further ones are closed at once. Loopback and the trusted networks, behind
// which others call, have no bound.
func Bounded(l net.Listener, trusted []netip.Prefix, log *slog.Logger) net.Listener {
	return &boundedListener{Listener: l, trusted: trusted, log: log, most: connectionsMax, open: make(map[netip.Prefix]int)}
}

type boundedListener struct {
	net.Listener
	trusted []netip.Prefix
	log     *slog.Logger
	most    int

	mu     sync.Mutex
	open   map[netip.Prefix]int
	closed int       // since the log was told
	told   time.Time // when that was
}

func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, counts := l.from(c)
		if !counts {
			return c, nil
		}
		if l.enter(from) {
			return &boundedConn{Conn: c, leave: sync.OnceFunc(func() { l.leave(from) })}, nil
		}
		_ = c.Close() // nothing was said on it
	}
}

// from is who has the connection, as far as that counts.
func (l *boundedListener) from(c net.Conn) (from netip.Prefix, counts bool) {
	at, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return from, false // no address of the internet
	}
	addr := at.Addr().Unmap().WithZone("")
	if addr.IsLoopback() || slices.ContainsFunc(l.trusted, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		return from, false
	}
	bits := addr.BitLen()
	if addr.Is6() {
		bits = networkBits
	}
	from, err = addr.Prefix(bits)
	return from, err == nil
}

func (l *boundedListener) enter(from netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from] < l.most {
		l.open[from]++
		return true
	}
	l.closed++
	if now := time.Now(); now.Sub(l.told) >= crowdTold {
		l.log.Warn("an address has as many connections as it may have; further ones were closed",
			"address", from.String(), "most", l.most, "closed", l.closed)
		l.told, l.closed = now, 0
	}
	return false
}

func (l *boundedListener) leave(from netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from]--; l.open[from] <= 0 {
		delete(l.open, from)
	}
}

type boundedConn struct {
	net.Conn
	leave func()
}

func (c *boundedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}

// CloseWrite closes what is sent, if the connection below can do that.
func (c *boundedConn) CloseWrite() error { return closeWrite(c.Conn) }

func closeWrite(c net.Conn) error {
	half, ok := c.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}
