package limithttp_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/limit/limithttp"
)

// Whatever a client writes into X-Forwarded-For, its key is its own address.
func FuzzForwardedFor(f *testing.F) {
	for _, header := range []string{
		"", ",", ",,,", " ", "unknown", "198.51.100.1", "10.0.0.1", "::1", "[::1]:80", "[::1", "]", ":", ":80", "1.2.3.4:",
		"1.2.3.4:99999", "01.2.3.4", "1.2.3", "1.2.3.4.5", "0x7f000001", "::ffff:10.0.0.1", "fe80::1%eth0", "fe80::1%" + strings.Repeat("x", 99),
		"10.0.0.1, 198.51.100.1", "198.51.100.1;10.0.0.1", "for=198.51.100.1", "\"198.51.100.1\"", "\x00", "\xff", "１.２.３.４", "198.51.100.1\r\nX: y",
		strings.Repeat("10.0.0.1,", 1000),
	} {
		f.Add(header)
	}
	key := limithttp.ForwardedFor(netip.MustParsePrefix("10.0.0.0/8"))
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header["X-Forwarded-For"] = []string{header}
		r.RemoteAddr = "192.0.2.1:80"
		assert.Equal(t, "192.0.2.1", key(r), "the peer is not a proxy")

		r.RemoteAddr = "10.0.0.1:80"
		got := key(r)
		_, notAddr := netip.ParseAddr(got)
		_, notNetwork := netip.ParsePrefix(got)
		assert.True(t, notAddr == nil || notNetwork == nil, "%q is neither an address nor a network", got)
		assert.NotContains(t, got, "%", "clients choose zones")

		for _, hops := range [][]string{{header + ",192.0.2.1"}, {header, "192.0.2.1"}, {header, "192.0.2.1, 10.0.0.2"}} {
			r.Header["X-Forwarded-For"] = hops
			assert.Equal(t, "192.0.2.1", key(r), "the proxy saw this address")
		}
	})
}
