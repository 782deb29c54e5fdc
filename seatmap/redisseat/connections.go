package redisseat

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// connections are those of a client, so that they can be ended. A master that became a replica keeps
// its connections and refuses all changes. If the address leads to another server by now, only a new
// connection finds it.
type connections struct {
	dial func(ctx context.Context, address string, d *net.Dialer, t *tls.Config) (net.Conn, error)
	// delay is DisableTCPNoDelay, which the client sets only of connections whose type it knows.
	delay bool

	mu  sync.Mutex
	all map[*connection]struct{}
}

// connection is a connection that was made at a moment.
type connection struct {
	net.Conn
	made time.Time
	of   *connections
}

// track has a client's connections kept.
func track(o *rueidis.ClientOption) *connections {
	c := &connections{dial: o.DialCtxFn, delay: o.DisableTCPNoDelay, all: map[*connection]struct{}{}}
	if old := o.DialFn; c.dial == nil && old != nil {
		c.dial = func(_ context.Context, address string, d *net.Dialer, t *tls.Config) (net.Conn, error) {
			return old(address, d, t)
		}
	}
	if c.dial == nil {
		c.dial = func(ctx context.Context, address string, d *net.Dialer, t *tls.Config) (net.Conn, error) {
			if t != nil {
				return (&tls.Dialer{NetDialer: d, Config: t}).DialContext(ctx, "tcp", address)
			}
			return d.DialContext(ctx, "tcp", address)
		}
	}
	o.DialCtxFn = c.connect
	return c
}

func (c *connections) connect(ctx context.Context, address string, d *net.Dialer, t *tls.Config) (net.Conn, error) {
	plain, err := c.dial(ctx, address, d, t)
	if err != nil {
		return nil, err
	}
	under := plain
	if secure, ok := plain.(*tls.Conn); ok {
		under = secure.NetConn()
	}
	if tcp, ok := under.(*net.TCPConn); ok && c.delay {
		_ = tcp.SetNoDelay(false) // it only costs packets
	}
	one := &connection{plain, time.Now(), c}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[one] = struct{}{}
	return one, nil
}

// Close implements [net.Conn].
func (c *connection) Close() error {
	c.of.mu.Lock()
	delete(c.of.all, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// endBefore ends the connections that were made before a moment. The newer ones may lead to
// another server already.
func (c *connections) endBefore(t time.Time) {
	c.mu.Lock()
	var old []*connection
	for one := range c.all {
		if one.made.Before(t) {
			old = append(old, one)
		}
	}
	c.mu.Unlock()
	for _, one := range old {
		_ = one.Close() // whoever uses it connects again
	}
}
