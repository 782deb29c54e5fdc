package channel

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit/interleave"
)

// A notifierTrial is a notifier and the messages that it notifies of. The explorer
// sees only accesses by interleave's types, so the count is one of them.
type notifierTrial struct {
	notifier notifier
	items    interleave.Int64
}

func (x *notifierTrial) has() bool { return x.items.Load() > 0 }

func (x *notifierTrial) take() bool {
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

func (x *notifierTrial) send() {
	x.items.Add(1)
	x.notifier.notify()
}

// recv waits until it has got a message.
func (x *notifierTrial) recv() {
	for {
		token, place := x.notifier.join(x.has)
		if place == nil {
			if x.take() {
				return
			}
			continue
		}
		interleave.Wait(func() bool { return len(token) > 0 })
		<-token
		got := x.take()
		x.notifier.forward(x.has)
		if got {
			return
		}
	}
}

// quit is a Select that waits and goes on by another case, woken or not.
func (x *notifierTrial) quit() {
	token, place := x.notifier.join(x.has)
	if place == nil {
		return
	}
	x.items.Load() // a pause
	select {
	case <-token:
		x.notifier.forward(x.has)
	default:
		x.notifier.leave()
	}
}

// ready waits for Ready and takes a message.
func (x *notifierTrial) ready() {
	for {
		opened := x.notifier.joinReady(new(readyPlace), func() (int, bool) { return int(x.items.Load()), false })
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

// TestNotifierExplored runs waiters, a waiter that leaves and senders in every
// interleaving: no goroutine waits forever while there is a message.
func TestNotifierExplored(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	if !interleave.Rewritten() {
		interleave.Rerun(t, "TestNotifierExplored", "queue_notify.go", "lock.go", "ready.go")
		return
	}
	for name, threads := range map[string][]func(*notifierTrial){
		"one waits":                      {(*notifierTrial).recv, (*notifierTrial).send},
		"one waits, the sender has gone": {(*notifierTrial).recv, func(x *notifierTrial) { x.quit(); x.send() }},
		"one waits and goes":             {func(x *notifierTrial) { x.quit(); x.recv() }, (*notifierTrial).send},
		"one waits for Ready":            {(*notifierTrial).ready, (*notifierTrial).send},
		"a Select waits and leaves":      {(*notifierTrial).quit, func(x *notifierTrial) { x.send(); x.recv() }},
	} {
		t.Run(name, func(t *testing.T) {
			runs := interleave.Explore(t, func() ([]func(), func()) {
				x := &notifierTrial{}
				var fs []func()
				for _, f := range threads {
					fs = append(fs, func() { f(x) })
				}
				return fs, func() { assert.Zero(t, x.notifier.waiting.Load()) }
			})
			t.Logf("%d interleavings", runs)
		})
	}
}
