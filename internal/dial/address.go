package dial

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// internet6 is the only part of the IPv6 space from which addresses are given
// out; loopback, link-local, unique local, NAT64 and multicast lie outside.
var internet6 = netip.MustParsePrefix("2000::/3")

// reserved are the ranges that are not the public internet although the methods
// of netip.Addr do not say so (RFC 6890 and its registries).
var reserved = prefixes(
	"0.0.0.0/8",        // this network
	"100.64.0.0/10",    // shared by carriers; the metadata service of one cloud
	"168.63.129.16/32", // the host of another cloud, in public space
	"192.0.0.0/24",     // protocol assignments; the metadata service of a third
	"192.0.2.0/24",     // documentation
	"192.88.99.0/24",   // 6to4 relays
	"198.18.0.0/15",    // measuring
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"240.0.0.0/4",      // reserved, and broadcast
	"2001::/23",        // protocol assignments, Teredo among them
	"2001:db8::/32",    // documentation
	"2002::/16",        // 6to4: holds an IPv4 address
	"3fff::/20",        // documentation
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// public says whether addr is one of the public internet. An IPv4 address in
// the clothes of IPv6 is judged as what it is.
func public(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if !addr.IsValid() || !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	if addr.Is6() && !internet6.Contains(addr) {
		return false
	}
	for _, p := range reserved {
		if p.Contains(addr) {
			return false
		}
	}
	return true
}

// CheckURL says what is wrong with an address that came by the API: it must be
// https, without user info, and name no host that can be seen to be off the
// public internet. A name may still resolve to anything: the Dialer judges that.
// An address in one of the private networks, written in numbers, is taken, and
// there http will do.
func CheckURL(raw string, private ...netip.Prefix) error {
	u, err := url.Parse(raw)
	if err != nil {
		return errors.New("the address is not a URL")
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	addr, notNumbers := netip.ParseAddr(host)
	near := notNumbers == nil && within(addr, private)
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !near):
		return errors.New("the address must begin with https://")
	case u.User != nil:
		return errors.New("the address must not hold a user or a password")
	case u.Opaque != "" || host == "":
		return errors.New("the address names no host")
	case near:
		return nil
	case host == "localhost" || strings.HasSuffix(host, ".localhost"):
		return ErrRefused
	case notNumbers == nil && (addr.Is4In6() || !public(addr)), endsInNumber(host) && notNumbers != nil:
		return ErrRefused
	}
	return nil
}

// within says whether one of the networks has addr.
func within(addr netip.Addr, networks []netip.Prefix) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// endsInNumber finds the old ways to write an IPv4 address (2130706433,
// 0x7f.1, 127.1): some resolvers read them, no name ends so.
func endsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}
