package channel

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit/interleave"
)

// An ear is a receiver of a oneshot, broadcast or watch, and its sender.
type ear struct {
	awaited

	recv  func(context.Context) error
	try   func() error
	ready func() <-chan struct{}
	on    func(func(error)) Case
	send  func() error
	close []func() // the sender and the receiver

	waiting  int // calls that are under way and may wait
	received int
}

// earOf returns the ear of a receiver of messages.
func earOf[R interface {
	awaited
	Recv(context.Context) (int, error)
	TryRecv() (int, error)
	Ready() <-chan struct{}
	OnRecv(func(int, error)) Case
	Close()
}](r R, send func() error, closeSender func(),
) *ear {
	return &ear{
		awaited: r,
		recv:    func(ctx context.Context) error { _, err := r.Recv(ctx); return err },
		try:     func() error { _, err := r.TryRecv(); return err },
		ready:   r.Ready,
		on:      func(f func(error)) Case { return r.OnRecv(func(_ int, err error) { f(err) }) },
		send:    send,
		close:   []func(){closeSender, r.Close},
	}
}

func oneshotEar() *ear {
	tx, rx := NewOneshot[int]()
	return earOf(rx, func() error { return tx.Send(1) }, tx.Close)
}

func broadcastEar() *ear {
	tx, rx := NewBroadcast[int](2)
	return earOf(rx, func() error { _, err := tx.Send(1); return err }, tx.Close)
}

func watchEar() *ear {
	tx, rx := NewWatch(0)
	return &ear{
		awaited: rx, recv: rx.Changed, try: rx.TryChanged, ready: rx.Ready, on: rx.OnChanged,
		send:  func() error { return tx.Send(1) },
		close: []func(){tx.Close, rx.Close},
	}
}

func (e *ear) got(err error) {
	if err == nil {
		e.received++
	}
}

// wait runs a call that may wait.
func (e *ear) wait(call func()) {
	e.waiting++
	call()
	e.waiting--
}

// earActs are what the threads of a trial do.
var earActs = []struct {
	name string
	do   func(e *ear, ctx *interleave.Context)
}{
	{"Recv", func(e *ear, ctx *interleave.Context) { e.wait(func() { e.got(e.recv(ctx)) }) }},
	{"TryRecv", func(e *ear, _ *interleave.Context) { e.got(e.try()) }},
	{"Ready", func(e *ear, ctx *interleave.Context) {
		e.wait(func() {
			for err := ErrEmpty; err == ErrEmpty; { //nolint:errorlint // never wrapped
				opened := e.ready()
				if interleave.Select(false, interleave.CanRecv(opened), interleave.CanRecv(ctx.Done())) == 1 {
					return
				}
				interleave.Take(opened)
				err = e.try()
				e.got(err)
			}
		})
	}},
	{"Ready and no TryRecv", func(e *ear, ctx *interleave.Context) {
		opened := e.ready()
		if interleave.Select(false, interleave.CanRecv(opened), interleave.CanRecv(ctx.Done())) == 0 {
			interleave.Take(opened)
		}
	}},
	{"Select", func(e *ear, ctx *interleave.Context) { e.wait(func() { _, _ = Select(ctx, e.on(e.got)) }) }},
	{"Send", func(e *ear, _ *interleave.Context) { _ = e.send() }},
	{"cancel", func(_ *ear, ctx *interleave.Context) { ctx.Cancel() }},
	{"Close sender", func(e *ear, _ *interleave.Context) { e.close[0]() }},
	{"Close receiver", func(e *ear, _ *interleave.Context) { e.close[1]() }},
}

// idle checks that no call of e is counted.
func (e *ear) idle(t *testing.T) {
	assert.NotSame(t, &soleCall, e.turnsOf().line.Load(), "a call waits")
	if l := e.turnsOf().made(); l != nil {
		assert.Empty(t, l.order, "calls wait")
		assert.Zero(t, l.setAside, "messages are set aside")
	}
}

// TestTurnsExplored runs all pairs and triples of acts on one receiver in every
// interleaving with some interruptions: no call waits for what there is, and none is
// counted at the end.
func TestTurnsExplored(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	if !interleave.Rewritten() {
		interleave.Rerun(t, "TestTurnsExplored", "sender.go", "turns.go", "ready.go", "oneshot.go", "broadcast.go",
			"watch.go", "select.go", "select_case.go", "select_wait.go", "../internal/park/gate.go")
		return
	}
	for name, newEar := range map[string]func() *ear{"oneshot": oneshotEar, "broadcast": broadcastEar, "watch": watchEar} {
		explore := func(bound int, acts ...int) {
			interleave.ExploreBounded(t, bound, func() (threads []func(), check func()) {
				e, ctx := newEar(), interleave.NewContext()
				for _, i := range acts {
					threads = append(threads, func() { earActs[i].do(e, ctx) })
				}
				interleave.AfterFunc(time.Second, func() {
					if e.waiting > 0 && canGoOn(e.awaited) {
						t.Errorf("%d calls wait for what there is", e.waiting)
					}
					ctx.Cancel()
				})
				return threads, func() {
					e.idle(t)
					e.close[0]()
					e.close[1]()
					e.idle(t)
					if l := e.turnsOf().made(); l != nil {
						assert.Nil(t, l.place.opened, "the end does not open the channel of Ready")
						assert.Empty(t, l.ready)
					}
				}
			})
			if t.Failed() {
				for _, i := range acts {
					t.Log(earActs[i].name)
				}
				t.Fatal(name)
			}
		}
		for a := range earActs {
			for b := a; b < len(earActs); b++ {
				explore(2, a, b)
				for c := b; c < len(earActs); c++ {
					explore(0, a, b, c)
				}
			}
		}
	}
}
