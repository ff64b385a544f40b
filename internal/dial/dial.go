// Package dial is the one road out of the program: every outbound connection is
// made by its Dialer.
//
// Addresses come from two kinds of people. The operator's file may name any
// address, the own network included. An address that came by the API may only
// lead to the public internet, and to networks that the operator has excepted: the rule is applied to the address that is about
// to be connected, after names were resolved and once for each address tried, so
// a name that changes its mind between a check and the connection gains nothing.
// Proxies named in the environment are not used.
package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// connectDefault is how long making a connection may take when Options do not say.
const connectDefault = 10 * time.Second

// ErrRefused is the error of a connection to an address that is not public.
var ErrRefused = errors.New("the address is not on the public internet")

// Options of a Dialer.
type Options struct {
	// AllowPrivate lifts every rule on addresses. For addresses that the operator wrote.
	AllowPrivate bool
	// Private are networks that may be dialled besides the public internet: the
	// operator's exceptions for addresses that came by the API.
	Private []netip.Prefix
	// Connect is how long resolving and connecting may take together; 0: 10 seconds.
	Connect time.Duration
}

// Dialer makes connections. It is safe for concurrent use.
type Dialer struct {
	net net.Dialer
}

// New returns a Dialer.
func New(o Options) *Dialer {
	if o.Connect <= 0 {
		o.Connect = connectDefault
	}
	d := &Dialer{net.Dialer{Timeout: o.Connect}}
	if !o.AllowPrivate {
		d.net.ControlContext = publicOr(o.Private)
	}
	return d
}

// DialContext connects to addr, "host:port". The error wraps ErrRefused when a
// rule forbade the last address that was tried.
func (d *Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
		return d.net.DialContext(ctx, network, addr)
	}
	return nil, fmt.Errorf("dial: network %q is not allowed", network)
}

// publicOr returns what runs between the making of a socket and its connection;
// addr is the resolved address.
func publicOr(private []netip.Prefix) func(ctx context.Context, network, addr string, _ syscall.RawConn) error {
	return func(_ context.Context, _, addr string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(addr)
		if err != nil {
			return fmt.Errorf("%w: it cannot be read", ErrRefused)
		}
		if !public(to.Addr()) && !within(to.Addr().Unmap(), private) {
			return ErrRefused
		}
		return nil
	}
}
