// Package limithttp puts the limits of package limit in front of HTTP handlers, and has a
// client transport that heeds the limits of servers.
//
//	handler = limithttp.Handler(handler, limithttp.HandlerOptions{
//		Keyed: perClient, Key: limithttp.RemoteAddr,
//		Concurrency: backend,
//	})
//
// It is a package of its own because it needs net/http, which package limit does not
// import.
//
// The header fields RateLimit-Policy and RateLimit follow
// draft-ietf-httpapi-ratelimit-headers-11, problem documents RFC 9457, and Retry-After
// RFC 9110.
package limithttp

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/coderrange/ferrous/internal/operr"
)

// methodError returns the error of a method.
func methodError(method string, err error) error { return operr.New("limithttp", method, err) }

// What misuse panics with.
var (
	errNotMade    = errors.New("not made by its constructor")
	errNilRequest = errors.New("nil request")
)

// noCopy makes go vet report copies of a struct that has it as a field.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// RemoteAddr returns the address of the client without the port, for
// [HandlerOptions].Key. It is the network of 64 bits for an IPv6 address, since clients
// have networks of that size to themselves. Header fields do not count: anyone can send
// X-Forwarded-For. Behind a proxy, all requests have its address: use [ForwardedFor].
func RemoteAddr(r *http.Request) string {
	if r == nil {
		panic(methodError("RemoteAddr", errNilRequest))
	}
	addr, ok := remote(r)
	if !ok {
		return r.RemoteAddr
	}
	return keyOf(addr)
}

// ForwardedFor returns a function for [HandlerOptions].Key for servers behind proxies.
// For a request that comes from one of the trusted networks, it returns the last address
// in X-Forwarded-For that is not one of a trusted proxy. Proxies add the address that
// they see to the end, so what a client has written there itself does not count. For all
// other requests, it returns what [RemoteAddr] does.
//
// It panics if no network is given or one of them is invalid.
func ForwardedFor(trusted ...netip.Prefix) func(*http.Request) string {
	if len(trusted) == 0 {
		panic(methodError("ForwardedFor", errors.New("no network")))
	}
	for _, network := range trusted {
		if !network.IsValid() {
			panic(methodError("ForwardedFor", fmt.Errorf("network %v", network)))
		}
	}
	trusted = slices.Clone(trusted)
	for i, network := range trusted {
		if network.Addr().Is4In6() && network.Bits() >= 96 { // addresses are compared as IPv4 then
			trusted[i] = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
		}
	}
	isTrusted := func(addr netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
	}
	return func(r *http.Request) string {
		addr, ok := remote(r)
		if !ok {
			return r.RemoteAddr
		}
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for _, hop := range slices.Backward(hops) {
			if !isTrusted(addr) {
				break
			}
			next, err := parseHop(strings.TrimSpace(hop))
			if err != nil {
				break // the proxy behind it is the last that is known
			}
			addr = next
		}
		return keyOf(addr)
	}
}

// remote returns the address from which the request comes.
func remote(r *http.Request) (netip.Addr, bool) {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	return addr.Addr().Unmap().WithZone(""), err == nil
}

// parseHop reads an address in X-Forwarded-For, which some proxies write with a port.
func parseHop(s string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		var withPort netip.AddrPort
		withPort, err = netip.ParseAddrPort(s)
		addr = withPort.Addr()
	}
	return addr.Unmap().WithZone(""), err
}

func keyOf(addr netip.Addr) string {
	if addr.Is4() {
		return addr.String()
	}
	network, err := addr.Prefix(64)
	if err != nil {
		return addr.String()
	}
	return network.String()
}
