package dial

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
)

func TestPublic(t *testing.T) {
	for _, text := range []string{
		"1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.255.255", "100.128.0.1", "198.17.0.1", "223.255.255.255", "::ffff:8.8.8.8",
		"2606:4700::1111", "2a00:1450::1", "2001:4860:4860::8888",
	} {
		if !public(netip.MustParseAddr(text)) {
			t.Errorf("%s is public, but was refused", text)
		}
	}
	for _, text := range []string{
		"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
		"169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200", "100.127.255.255", "168.63.129.16", "192.0.0.192",
		"192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255",
		"240.0.0.1", "255.255.255.255",
		"::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::808:808",
		"64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "3fff::1",
		"fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%lo", "fec0::1", "ff02::1", "5f00::1", "4000::1",
	} {
		if public(netip.MustParseAddr(text)) {
			t.Errorf("%s is not public, but was allowed", text)
		}
	}
	if public(netip.Addr{}) {
		t.Error("no address was allowed")
	}
}

func TestCheckURL(t *testing.T) {
	for _, raw := range []string{
		"https://api.acme.test/v1", "https://api.acme.test:8443", "https://8.8.8.8/", "https://[2606:4700::1111]/", "https://0x.acme.test", "https://1.acme.test.",
	} {
		if err := CheckURL(raw); err != nil {
			t.Errorf("CheckURL(%s): %v", raw, err)
		}
	}
	for _, raw := range []string{
		"", "api.acme.test", "http://api.acme.test", "HTTP://api.acme.test", "ftp://api.acme.test", "file:///etc/passwd", "https:", "https://", "https:///x", "https:opaque",
		"https://user@api.acme.test", "https://user:pw@api.acme.test", "https://:pw@api.acme.test",
		"https://localhost", "https://LOCALHOST.", "https://a.localhost:1", "https://127.0.0.1", "https://127.0.0.1.", "https://[::1]", "https://[::ffff:127.0.0.1]",
		"https://[::ffff:8.8.8.8]", "https://[64:ff9b::7f00:1]", "https://2130706433", "https://0x7f000001", "https://0X7F.1", "https://017700000001", "https://127.1",
		"https://10.1.2.3", "https://169.254.169.254/latest", "https://[fe80::1%25lo]", "https://1.2.3.4.5", "https://a.0x", "https://exa mple", "https://[::1",
	} {
		if err := CheckURL(raw); err == nil {
			t.Errorf("CheckURL(%s) was allowed", raw)
		}
	}
}

// listener counts the connections that reach it.
func listener(t *testing.T) (addr string, reached *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	reached = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			reached.Add(1)
			_ = c.Close()
		}
	}()
	return l.Addr().String(), reached
}

func TestDialContext(t *testing.T) {
	addr, reached := listener(t)
	_, port, _ := net.SplitHostPort(addr)
	for _, host := range []string{"127.0.0.1", "localhost", "::ffff:127.0.0.1", "0.0.0.0", ""} {
		c, err := New(Options{}).DialContext(t.Context(), "tcp", net.JoinHostPort(host, port))
		if !errors.Is(err, ErrRefused) {
			t.Errorf("dial %q: got %v, %v; want %v", host, c, err, ErrRefused)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d connections reached the private address", n)
	}
	c, err := New(Options{AllowPrivate: true}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatalf("dial what the operator allowed: %v", err)
	}
	_ = c.Close()
	if _, err := New(Options{AllowPrivate: true}).DialContext(t.Context(), "unix", "/tmp/x"); err == nil {
		t.Error("a socket of the file system was dialled")
	}
}

// TestDialContext_rebinding asks a name server that says a public address the
// first time and loopback from then on.
func TestDialContext_rebinding(t *testing.T) {
	addr, reached := listener(t)
	_, port, _ := net.SplitHostPort(addr)
	server := nameServer(t)
	d := New(Options{})
	d.net.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server)
	}}
	ips, err := d.net.Resolver.LookupNetIP(t.Context(), "ip4", "flip.test.")
	if err != nil || len(ips) != 1 || !public(ips[0]) {
		t.Fatalf("a check before the connection sees %v, %v; want a public address", ips, err)
	}
	if _, err := d.DialContext(t.Context(), "tcp4", net.JoinHostPort("flip.test.", port)); !errors.Is(err, ErrRefused) {
		t.Errorf("dial: got %v, want %v", err, ErrRefused)
	}
	if reached.Load() != 0 {
		t.Error("the private address was reached")
	}
}

// nameServer answers A questions: 8.8.8.8 the first time, then 127.0.0.1.
func nameServer(t *testing.T) string {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() })
	go func() {
		ip := []byte{8, 8, 8, 8}
		buf := make([]byte, 512)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = pc.WriteTo(answerA(buf[:n], ip), from)
			ip = []byte{127, 0, 0, 1}
		}
	}()
	return pc.LocalAddr().String()
}

// answerA copies the one question of a DNS message and points its name at ip.
func answerA(question, ip []byte) []byte {
	const header, typeAndClass = 12, 4
	end := header
	for question[end] != 0 {
		end += int(question[end]) + 1
	}
	end += 1 + typeAndClass
	out := append([]byte(nil), question[:end]...)
	binary.BigEndian.PutUint16(out[2:], 0x8180) // an answer, without error
	binary.BigEndian.PutUint16(out[6:], 1)      // one record
	copy(out[8:], []byte{0, 0, 0, 0})           // and nothing besides
	out = append(out, 0xc0, header, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
	return append(out, ip...)
}
