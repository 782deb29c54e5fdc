package pgseat_test

import (
	"bytes"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap/pgseat"
)

// cut is what a proxy does with the next message of a client that has some text in it.
type cut int

const (
	passes         cut = iota
	beforeCall         // the connection ends before the message has reached the server
	beforeAnswer       // it ends when the server has answered, and nothing of the answer arrives
	swallowsCall       // the message is lost, and the connection stays
	swallowsAnswer     // the answer is lost, and the connection stays
)

// proxy forwards connections to a server, and stays when the server restarts.
type proxy struct {
	listener net.Listener

	mu      sync.Mutex
	target  string // empty if connections are refused
	next    cut
	text    string
	reached chan struct{} // gets a value when the cut was made
	conns   map[net.Conn]bool
	all     sync.WaitGroup
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: listener, target: target, reached: make(chan struct{}, 100), conns: map[net.Conn]bool{}}
	p.all.Go(p.serve)
	t.Cleanup(func() {
		_ = listener.Close()
		p.disconnect()
		p.all.Wait()
	})
	return p
}

func (p *proxy) options(t *testing.T) pgseat.Options {
	t.Helper()
	return optionsOf(t, p.listener.Addr().String())
}

// forwardTo makes new connections go to another server, or to none.
func (p *proxy) forwardTo(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// cutAt says what happens to the next message with this text.
func (p *proxy) cutAt(text string, c cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text, p.next = text, c
}

// take returns what happens to a message.
func (p *proxy) take(message []byte) cut {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == passes || !bytes.Contains(message, []byte(p.text)) {
		return passes
	}
	c := p.next
	p.next = passes
	return c
}

func (p *proxy) disconnect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		target := p.target
		p.mu.Unlock()
		server, err := net.Dial("tcp", target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		p.all.Go(func() { p.pair(client, server) })
	}
}

// pair forwards between a client and the server until one of them closes.
func (p *proxy) pair(client, server net.Conn) {
	var mu sync.Mutex
	answers := passes // what happens to answers
	end := func() {
		_ = client.Close()
		_ = server.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, client)
		delete(p.conns, server)
	}
	p.all.Go(func() {
		defer end()
		buffer := make([]byte, 1<<16)
		for {
			n, err := server.Read(buffer)
			if err != nil {
				return
			}
			mu.Lock()
			kind := answers
			mu.Unlock()
			switch kind {
			case beforeAnswer:
				p.reached <- struct{}{}
				return
			case swallowsAnswer:
				p.reached <- struct{}{}
				mu.Lock()
				answers = swallowsCall // all that comes is lost
				mu.Unlock()
				continue
			case swallowsCall:
				continue
			case passes, beforeCall:
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	})
	defer end()
	buffer := make([]byte, 1<<20)
	lost := false
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		switch kind := p.take(buffer[:n]); kind {
		case passes:
		case beforeCall:
			end()
			p.reached <- struct{}{}
			return
		case swallowsCall:
			lost = true
			p.reached <- struct{}{}
		case beforeAnswer, swallowsAnswer:
			mu.Lock()
			answers = kind
			mu.Unlock()
		}
		if lost {
			continue
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}
