package channel

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit/interleave"
)

// A bellTrial is a bell and the messages that it tells of. The explorer needs
// interleave's types: the test counts with those of the bell's own package.
type bellTrial struct {
	bell  bell
	items interleave.Int64
}

func (x *bellTrial) has() bool { return x.items.Load() > 0 }

func (x *bellTrial) take() bool {
	for {
		n := x.items.Load()
		if n == 0 {
			return false
		}
		if x.items.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

func (x *bellTrial) send() {
	x.items.Add(1)
	x.bell.ring()
}

// recv waits until it has got a message.
func (x *bellTrial) recv() {
	for {
		token, place := x.bell.stand(x.has)
		if place == nil {
			if x.take() {
				return
			}
			continue
		}
		interleave.Wait(func() bool { return len(token) > 0 })
		<-token
		got := x.take()
		x.bell.pass(x.has)
		if got {
			return
		}
	}
}

// quit is a Select that stands in line and is served elsewhere, woken or not.
func (x *bellTrial) quit() {
	token, place := x.bell.stand(x.has)
	if place == nil {
		return
	}
	x.items.Load() // a pause
	select {
	case <-token:
		x.bell.pass(x.has)
	default:
		x.bell.leave()
	}
}

// ready waits as for Ready, and takes a message.
func (x *bellTrial) ready() {
	for {
		opened := x.bell.join(new(readyPlace), func() (int, bool) { return int(x.items.Load()), false })
		interleave.Wait(func() bool {
			select {
			case <-opened:
				return true
			default:
				return false
			}
		})
		if x.take() {
			return
		}
	}
}

// TestBellExplored runs waiters, a waiter that goes and senders in every
// interleaving: nobody waits for ever beside a message.
func TestBellExplored(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	if !interleave.Rewritten() {
		interleave.Rerun(t, "TestBellExplored", "bell.go", "guard.go", "ready.go")
		return
	}
	for name, threads := range map[string][]func(*bellTrial){
		"one waits":                      {(*bellTrial).recv, (*bellTrial).send},
		"one waits, the sender has gone": {(*bellTrial).recv, func(x *bellTrial) { x.quit(); x.send() }},
		"one waits and goes":             {func(x *bellTrial) { x.quit(); x.recv() }, (*bellTrial).send},
		"one waits for Ready":            {(*bellTrial).ready, (*bellTrial).send},
		"one stands, and goes":           {(*bellTrial).quit, func(x *bellTrial) { x.send(); x.recv() }},
	} {
		t.Run(name, func(t *testing.T) {
			runs := interleave.Explore(t, func() ([]func(), func()) {
				x := &bellTrial{}
				var fs []func()
				for _, f := range threads {
					fs = append(fs, func() { f(x) })
				}
				return fs, func() { assert.Zero(t, x.bell.waiting.Load()) }
			})
			t.Logf("%d interleavings", runs)
		})
	}
}
