package redisseat_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap/redisseat"
)

// cut is what a proxy does with the next script.
type cut int

const (
	passes       cut = iota
	beforeCall       // the connection ends before the request has reached the server
	halfCall         // it ends when half of the request has reached it
	beforeAnswer     // it ends when the server has answered, and nothing of the answer arrives
	halfAnswer       // it ends with half of the answer
	swallowsCall     // the request is lost, and the connection stays
	swallowsAnswer
)

// proxy forwards connections to a server, and stays when the server restarts.
type proxy struct {
	listener net.Listener

	mu      sync.Mutex
	target  string // empty if connections are refused
	next    cut
	skip    int           // how many scripts pass before
	frozen  bool          // nothing comes from the server any more
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

func (p *proxy) options(s *server) redisseat.Options {
	o := s.options()
	o.Client.InitAddress = []string{p.listener.Addr().String()}
	o.Client.ForceSingleClient = true
	return o
}

// forwardTo makes new connections go to another server, or to none.
func (p *proxy) forwardTo(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// freeze stops what comes from the server.
func (p *proxy) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen = true
}

// cutAfter says what happens to the script after the next n.
func (p *proxy) cutAfter(n int, c cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.skip, p.next = n, c
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
	var cut struct {
		sync.Mutex
		kind cut
	}
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
		answered := false // the script that is cut
		for {
			n, err := server.Read(buffer)
			if err != nil {
				return
			}
			p.mu.Lock()
			frozen := p.frozen
			p.mu.Unlock()
			if frozen {
				continue
			}
			cut.Lock()
			kind := cut.kind
			cut.Unlock()
			if string(buffer[:n]) == "+PONG\r\n" && !answered { // to what the client sent before
				kind = passes
			}
			answered = answered || kind != passes
			switch kind {
			case beforeAnswer, halfAnswer:
				if kind == halfAnswer {
					_, _ = client.Write(buffer[:n/2])
				}
				end()
				p.reached <- struct{}{}
				return
			case swallowsAnswer:
				select {
				case p.reached <- struct{}{}:
				default:
				}
				continue
			default:
				if _, err := client.Write(buffer[:n]); err != nil {
					return
				}
			}
		}
	})
	defer end()
	in := bufio.NewReader(client)
	swallows := false
	for {
		command, err := readCommand(in)
		if err != nil {
			return
		}
		kind := passes
		if bytes.Contains(command, []byte("EVAL")) {
			p.mu.Lock()
			if p.skip > 0 {
				p.skip--
			} else {
				kind, p.next = p.next, passes
			}
			p.mu.Unlock()
		}
		switch kind {
		case passes:
		case beforeCall:
			end()
			p.reached <- struct{}{}
			return
		case halfCall:
			_, _ = server.Write(command[:len(command)/2])
			end()
			p.reached <- struct{}{}
			return
		case swallowsCall:
			swallows = true
			p.reached <- struct{}{}
		case beforeAnswer, halfAnswer, swallowsAnswer:
			cut.Lock()
			cut.kind = kind
			cut.Unlock()
		}
		if swallows {
			continue
		}
		if _, err := server.Write(command); err != nil {
			return
		}
	}
}

// readCommand returns the bytes of one command.
func readCommand(in *bufio.Reader) ([]byte, error) {
	head, err := in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	command := []byte(head)
	parts, _ := strconv.Atoi(strings.TrimSpace(head)[1:])
	for range parts {
		size, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		command = append(command, size...)
		n, _ := strconv.Atoi(strings.TrimSpace(size)[1:])
		text := make([]byte, n+2)
		if _, err := io.ReadFull(in, text); err != nil {
			return nil, err
		}
		command = append(command, text...)
	}
	return command, nil
}
