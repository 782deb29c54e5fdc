package channel_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/internal/testkit"
)

// letter is one message and what is known of it. Times are steps: all calls
// of one step run beside each other.
type letter struct {
	id          int
	begun, sent int   // when its send began and returned
	state       state // what its send returned
	batch       *call // the SendMany that it is part of

	taken, dropped int   // how often
	left           int   // when it was received or dropped
	by             *call // the call that received it
	nth            int   // the number of the receive

	beside  bool   // it went through a oneshot
	bridged bool   // it may have left the channel before it was received
	onDrop  func() // called by Drop
}

type state int

const (
	pending state = iota
	sent
	refused
	unclear // a canceled Call: perhaps sent
)

func (l *letter) Drop() { l.onDrop() }

// call is a call in progress.
type call struct {
	name       string
	sends      bool // while it waits, no message can be sent
	receives   bool // while it waits, there is no message and no end
	alone      bool // nothing else runs in its step
	done       bool
	ctx        context.Context
	doneAtOnce bool // ctx was done before the call
}

type txHandle[T any] struct {
	*channel.Sender[T]
	closed bool
}

type rxHandle[T any] struct {
	*channel.Receiver[T]
	closed bool
}

type oneshot[T any] struct {
	tx *channel.OneshotSender[T]
	rx *channel.OneshotReceiver[T]
}

// together is a channel, all who use it and a ledger of what they did.
type together[T any] struct {
	wrap func(*letter) T
	id   func(T) int
	tell func(c *call, v T) // what a receiver does with a message

	capacity int
	tx       *channel.Sender[T] // txs[0]
	closedOn <-chan struct{}
	txs      []*txHandle[T]
	rxs      []*rxHandle[T]
	weaks    []*channel.WeakSender[T]
	permits  []*channel.Permit[T]
	oneshots []*oneshot[T]
	natives  []chan T
	far      []*channel.Receiver[T] // the ends of bridges
	bridges  atomic.Int64
	pulled   []context.CancelCauseFunc // the contexts of bridges
	cancels  []context.CancelCauseFunc

	step    int
	settled bool // nothing runs
	closing bool // a Close or Shutdown may run

	mu      sync.Mutex // for all below
	alone   bool       // nothing else will run in this step
	shut    bool
	letters []*letter
	calls   []*call
	faults  []string
	takes   int
}

var (
	errBoom   = errors.New("boom")
	errEnough = errors.New("enough")
)

func newTogether[T any](t *rapid.T, wrap func(*letter) T, id func(T) int) *together[T] {
	w := &together[T]{wrap: wrap, id: id, settled: true, tell: func(*call, T) {}}
	tx, rx := w.open(t)
	w.tx, w.txs = tx, []*txHandle[T]{{Sender: tx}}
	w.rxs = []*rxHandle[T]{{Receiver: rx}}
	w.closedOn = tx.Done()
	return w
}

func (w *together[T]) open(t *rapid.T) (*channel.Sender[T], *channel.Receiver[T]) {
	w.capacity = rapid.SampledFrom([]int{1, 2, 3, 15, 16, 128, channel.Unbounded}).Draw(t, "capacity")
	switch {
	case w.capacity == channel.Unbounded:
		return channel.NewUnbounded[T]()
	case w.capacity < 4 && rapid.Bool().Draw(t, "queue"):
		return channel.NewQueue[T](w.capacity)
	}
	return channel.New[T](w.capacity)
}

func (w *together[T]) fault(format string, args ...any) {
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// locked runs f with the ledger.
func (w *together[T]) locked(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// start runs f on a goroutine of its own. It may panic with errBoom or exit.
func (w *together[T]) start(c *call, f func()) {
	w.locked(func() {
		c.alone = w.alone
		w.calls = append(w.calls, c)
	})
	go func() {
		defer func() {
			r := recover()
			w.locked(func() {
				c.done = true
				if r != nil && r != errBoom { //nolint:errorlint // the very value
					w.fault("%s: panic %v", c.name, r)
				}
			})
		}()
		f()
	}()
}

// context draws the context of a call.
func (w *together[T]) context(t *rapid.T, c *call) *call {
	ctx := context.Background()
	kind := rapid.SampledFrom([]string{"endless", "endless", "canceled later", "done", "timeout"}).Draw(t, "context")
	if kind == "endless" {
		c.ctx = ctx
		return c
	}
	if kind == "timeout" {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, time.Minute, errEnough)
		w.cancels = append(w.cancels, func(error) { stop() })
	}
	ctx, cancel := context.WithCancelCause(ctx)
	if c.ctx = ctx; kind == "done" {
		c.doneAtOnce = true
		cancel(errEnough)
	}
	w.cancels = append(w.cancels, cancel)
	return c
}

// judge looks at the error of a call through a handle.
func (w *together[T]) judge(c *call, err error, isClosed bool) {
	switch {
	case c.doneAtOnce && !errors.Is(err, errEnough):
		w.fault("%s: %v, but the context was done", c.name, err)
	case err == nil:
	case errors.Is(err, channel.ErrClosed) && !isClosed:
		w.fault("%s: %v, but nothing is closed", c.name, err)
	case errors.Is(err, channel.ErrClosed):
	case c.ctx == nil || c.ctx.Err() == nil || !errors.Is(err, c.ctx.Err()) || !errors.Is(err, context.Cause(c.ctx)):
		w.fault("%s: %v", c.name, err)
	}
}

func open[H any](all []*H, isClosed func(*H) bool) (n int) {
	for _, h := range all {
		if !isClosed(h) {
			n++
		}
	}
	return n
}

func (w *together[T]) openTx() int {
	return open(w.txs, func(h *txHandle[T]) bool { return h.closed })
}

func (w *together[T]) openRx() int {
	return open(w.rxs, func(h *rxHandle[T]) bool { return h.closed })
}

func (w *together[T]) isClosed() bool { return w.shut || w.openTx() == 0 || w.openRx() == 0 }

// write makes letters that are about to be sent.
func (w *together[T]) write(t *rapid.T, n int) []*letter {
	out := make([]*letter, n)
	first := rapid.IntRange(0, 4).Draw(t, "end of Drop")
	for i := range out {
		end := []string{"return", "return", "return", "panic", "exit"}[(first+i)%5]
		w.locked(func() {
			l := &letter{id: len(w.letters), begun: w.step}
			l.onDrop = func() {
				w.locked(func() {
					l.dropped++
					l.left = w.step
				})
				w.tx.Len() // the channel can be used by Drop
				switch {
				case w.bridges.Load() > 0: // it may be called by a goroutine of the package
				case end == "panic":
					panic(errBoom)
				case end == "exit":
					runtime.Goexit()
				}
			}
			w.letters = append(w.letters, l)
			out[i] = l
		})
	}
	return out
}

func (w *together[T]) wrapAll(ls []*letter) []T {
	vs := make([]T, len(ls))
	for i, l := range ls {
		vs[i] = w.wrap(l)
	}
	return vs
}

// wrote notes the end of a send. The caller has the ledger.
func (w *together[T]) wrote(l *letter, ok bool) {
	l.sent, l.state = w.step, refused
	if ok {
		l.state = sent
	}
}

// took notes a receive, and hands the message on.
func (w *together[T]) took(c *call, bridged bool, v T) {
	w.locked(func() {
		l := w.letters[w.id(v)]
		l.taken++
		l.left, l.by, l.nth, l.bridged = w.step, c, w.takes, bridged
		w.takes++
	})
	w.tell(c, v)
}

// panicOf returns the error that f panics with.
func panicOf(f func()) (err error) {
	defer func() { err, _ = recover().(error) }()
	f()
	return nil
}

func pick[H any](t *rapid.T, all []H, what string) H {
	if len(all) == 0 {
		t.Skip("no " + what)
	}
	return rapid.SampledFrom(all).Draw(t, what)
}

// ending is how a callback or the body of a loop ends.
func ending(t *rapid.T) func() {
	switch rapid.SampledFrom([]string{"return", "return", "panic", "exit"}).Draw(t, "ending") {
	case "panic":
		return func() { panic(errBoom) }
	case "exit":
		return runtime.Goexit
	}
	return func() {}
}

func (w *together[T]) send(t *rapid.T) {
	s, l := pick(t, w.txs, "sender"), w.write(t, 1)[0]
	c := w.context(t, &call{name: "Send", sends: true})
	w.start(c, func() {
		err := s.Send(c.ctx, w.wrap(l))
		w.locked(func() {
			w.wrote(l, err == nil)
			w.judge(c, err, s.closed || w.isClosed())
		})
	})
}

// crowd starts several calls at once.
func crowd(action func(*rapid.T)) func(*rapid.T) {
	return func(t *rapid.T) {
		for range rapid.IntRange(2, 4).Draw(t, "calls") {
			action(t)
		}
	}
}

func (w *together[T]) trySend(t *rapid.T) {
	s, l := pick(t, w.txs, "sender"), w.write(t, 1)[0]
	c := &call{name: "TrySend"}
	want := w.wantTry(s, 1)
	w.start(c, func() {
		err := s.TrySend(w.wrap(l))
		w.locked(func() {
			w.wrote(l, err == nil)
			w.judgeTry(c, err, want)
		})
	})
}

// wantTry is what an attempt to use n slots returns if nothing else runs.
func (w *together[T]) wantTry(s *txHandle[T], n int) error {
	switch {
	case s.closed || w.isClosed():
		return channel.ErrClosed
	case s.Free() < n: // which was compared with the ledger when all was settled
		return channel.ErrFull
	}
	return nil
}

func (w *together[T]) judgeTry(c *call, err, want error) {
	if c.alone && !errors.Is(err, want) || c.alone && err != nil && want == nil {
		w.fault("%s: %v instead of %v", c.name, err, want)
	}
}

func (w *together[T]) sendMany(t *rapid.T) {
	s := pick(t, w.txs, "sender")
	ls := w.write(t, rapid.SampledFrom([]int{0, 1, 2, 5, 40, 200}).Draw(t, "n"))
	c := w.context(t, &call{name: "SendMany", sends: true})
	for _, l := range ls {
		l.batch = c
	}
	w.start(c, func() {
		n, err := s.SendMany(c.ctx, w.wrapAll(ls))
		w.locked(func() {
			for i, l := range ls {
				w.wrote(l, i < n)
			}
			w.judge(c, err, s.closed || w.isClosed())
			if n < len(ls) && err == nil {
				w.fault("SendMany: %d of %d without an error", n, len(ls))
			}
		})
	})
}

func (w *together[T]) reserve(t *rapid.T) {
	s := pick(t, w.txs, "sender")
	c := w.context(t, &call{name: "ReserveMany", sends: true})
	n := rapid.SampledFrom([]int{0, 1, 1, 2, 3, 31, 128}).Draw(t, "n")
	w.start(c, func() {
		var p channel.Permit[T]
		var err error
		if n == 1 {
			p, err = s.Reserve(c.ctx)
		} else {
			p, err = s.ReserveMany(c.ctx, n)
		}
		w.locked(func() { w.reserved(c, s, n, &p, err) })
	})
}

func (w *together[T]) reserved(c *call, s *txHandle[T], n int, p *channel.Permit[T], err error) {
	if errors.Is(err, channel.ErrCapacity) {
		if n <= w.capacity {
			w.fault("%s(%d): %v", c.name, n, err)
		}
		return
	}
	if w.judge(c, err, s.closed || w.isClosed()); err != nil {
		return
	}
	if w.permits = append(w.permits, p); p.Len() != n {
		w.fault("%s(%d) gave %d", c.name, n, p.Len())
	}
}

func (w *together[T]) tryReserve(t *rapid.T) {
	s := pick(t, w.txs, "sender")
	n := rapid.SampledFrom([]int{0, 1, 2, 31}).Draw(t, "n")
	c := &call{name: "TryReserve"}
	want := w.wantTry(s, n)
	if n > w.capacity && !s.closed && !w.isClosed() {
		want = channel.ErrCapacity
	}
	w.start(c, func() {
		p, err := s.TryReserveMany(n)
		w.locked(func() {
			w.judgeTry(c, err, want)
			if !errors.Is(err, channel.ErrFull) {
				w.reserved(c, s, n, &p, err)
			}
		})
	})
}

// permit takes out a permit to use.
func (w *together[T]) permit(t *rapid.T) (p *channel.Permit[T]) {
	w.locked(func() {
		if p = pick(t, w.permits, "permit"); p.Len() == 0 {
			t.Skip("nothing left")
		}
	})
	return p
}

func (w *together[T]) sendReserved(t *rapid.T) {
	p := w.permit(t)
	ls := w.write(t, rapid.IntRange(1, min(p.Len(), 5)).Draw(t, "n"))
	// A permit belongs to one goroutine at a time: this one.
	for _, l := range ls {
		before := p.Len()
		ended := make(chan struct{})
		w.start(&call{name: "Permit.Send"}, func() {
			defer close(ended)
			defer w.locked(func() { w.wrote(l, true) })
			p.Send(w.wrap(l))
		})
		<-ended
		require.Equal(t, before-1, p.Len())
	}
}

func (w *together[T]) release(t *rapid.T) {
	p := w.permit(t)
	p.Release()
	p.Release()
	require.Zero(t, p.Len())
}

// copied uses a permit and a copy of it, where nothing but the two has slots:
// the second use is told.
func (w *together[T]) copied(t *rapid.T) {
	p := w.permit(t)
	w.locked(func() {
		if w.slots() > p.Len() {
			t.Skip("other permits")
		}
		for _, c := range w.calls {
			if !c.done && c.sends {
				t.Skip("others wait for slots")
			}
		}
	})
	twin := channel.Steal(p)
	twin.Release()
	l := w.write(t, 1)[0]
	require.ErrorContains(t, panicOf(func() { p.Send(w.wrap(l)) }), "copied")
	w.locked(func() {
		w.wrote(l, false)
		w.permits = slices.DeleteFunc(w.permits, func(other *channel.Permit[T]) bool { return other == p })
	})
}

func (w *together[T]) recv(t *rapid.T) {
	r := pick(t, w.rxs, "receiver")
	c := w.context(t, &call{name: "Recv", receives: true})
	w.start(c, func() {
		v, err := r.Recv(c.ctx)
		w.received(c, r, v, err)
	})
}

// received notes what a receive returned.
func (w *together[T]) received(c *call, r *rxHandle[T], v T, err error) {
	w.locked(func() { w.judge(c, err, r.closed || w.isClosed()) })
	if err == nil {
		w.took(c, false, v)
	}
}

func (w *together[T]) tryRecv(t *rapid.T) {
	r := pick(t, w.rxs, "receiver")
	c := &call{name: "TryRecv"}
	var slots int
	w.locked(func() { slots = w.slots() })
	var want error
	switch {
	case r.closed:
		want = channel.ErrClosed
	case r.Len() > 0:
	case w.isClosed() && slots == 0:
		want = channel.ErrClosed
	default:
		want = channel.ErrEmpty
	}
	w.start(c, func() {
		v, err := r.TryRecv()
		w.locked(func() { w.judgeTry(c, err, want) })
		if !errors.Is(err, channel.ErrEmpty) {
			w.received(c, r, v, err)
		}
	})
}

// slots returns how many are promised to permits.
func (w *together[T]) slots() (n int) {
	for _, p := range w.permits {
		n += p.Len()
	}
	return n
}

func (w *together[T]) recvMany(t *rapid.T) {
	r := pick(t, w.rxs, "receiver")
	buf := make([]T, rapid.SampledFrom([]int{0, 1, 3, 50}).Draw(t, "n"))
	c := w.context(t, &call{name: "RecvMany", receives: len(buf) > 0})
	w.start(c, func() {
		n, err := r.RecvMany(c.ctx, buf)
		w.locked(func() {
			if w.judge(c, err, r.closed || w.isClosed()); n > 0 == (err != nil) && len(buf) > 0 {
				w.fault("RecvMany: %d, %v", n, err)
			}
		})
		for _, v := range buf[:n] {
			w.took(c, false, v)
		}
	})
}

func (w *together[T]) all(t *rapid.T) {
	r := pick(t, w.rxs, "receiver")
	c := w.context(t, &call{name: "All", receives: true})
	left, end := rapid.IntRange(1, 10).Draw(t, "n"), ending(t)
	w.start(c, func() {
		var last error
		for v, err := range r.All(c.ctx) {
			if last = err; err != nil {
				continue
			}
			w.took(c, false, v)
			if left--; left == 0 {
				end()
				break
			}
		}
		w.locked(func() {
			switch {
			case last != nil || c.doneAtOnce:
				w.judge(c, last, false)
			case left > 0 && !r.closed && !w.isClosed():
				w.fault("All ended before the end")
			}
		})
	})
}

// ready waits as Go's own select would.
func (w *together[T]) ready(t *rapid.T) {
	r := pick(t, w.rxs, "receiver")
	c := w.context(t, &call{name: "Ready", receives: true})
	w.start(c, func() {
		for {
			select {
			case <-r.Ready():
			case <-c.ctx.Done():
				return
			}
			v, err := r.TryRecv()
			if errors.Is(err, channel.ErrEmpty) {
				continue
			}
			c.doneAtOnce = false // select may take either
			w.received(c, r, v, err)
			return
		}
	})
}

func (w *together[T]) readyToSend(t *rapid.T) {
	s, l := pick(t, w.txs, "sender"), w.write(t, 1)[0]
	c := w.context(t, &call{name: "Sender.Ready", sends: true})
	w.start(c, func() {
		err := channel.ErrFull
		for errors.Is(err, channel.ErrFull) && c.ctx.Err() == nil {
			select {
			case <-s.Ready():
				err = s.TrySend(w.wrap(l))
			case <-c.ctx.Done():
			}
		}
		w.locked(func() { w.wrote(l, err == nil) })
	})
}

// selects waits for several things at once, in all ways to select.
func (w *together[T]) selects(t *rapid.T) {
	c := w.context(t, &call{name: "Select"})
	waits, inOrder := rapid.Bool().Draw(t, "waits"), rapid.Bool().Draw(t, "in order")
	end := ending(t)
	var cases []channel.Case
	var offered []*letter
	called := -1
	for i := range rapid.IntRange(1, 6).Draw(t, "cases") {
		onRecv := func(isClosed func() bool) func(T, error) {
			return func(v T, err error) {
				w.locked(func() {
					if called++; errors.Is(err, channel.ErrClosed) != (err != nil) || err != nil && !isClosed() {
						w.fault("Select: %v", err)
					}
				})
				called = i
				if err == nil {
					w.took(c, false, v)
				}
				end()
			}
		}
		done := func(err error) {
			w.locked(func() {
				if called = i; err != nil {
					w.fault("Select: %v", err)
				}
			})
			end()
		}
		switch what := rapid.IntRange(0, 8).Draw(t, "case"); {
		case what == 5: // a reservation
			s := pick(t, w.txs, "sender")
			c.sends = true
			cases = append(cases, s.OnReserve(func(p *channel.Permit[T], err error) {
				called = i
				w.locked(func() { w.reserved(c, s, 1, p, err) })
				end()
			}))
		case what == 6: // a native channel, both ways
			native := make(chan T, 1)
			if l := w.write(t, 1)[0]; rapid.Bool().Draw(t, "full") {
				l.beside = true
				native <- w.wrap(l)
				w.locked(func() { w.wrote(l, true) })
				w.natives = append(w.natives, native)
				cases = append(cases, channel.OnChanRecv(native, func(v T, ok bool) {
					w.took(c, false, v)
					done(nil)
				}))
			} else {
				offered = append(offered, l)
				l.beside = true
				w.natives = append(w.natives, native)
				cases = append(cases, channel.OnChanSend(native, w.wrap(l), func() {
					w.locked(func() { w.wrote(l, true) })
					done(nil)
				}))
			}
		case what == 7: // time
			d := time.Duration(rapid.IntRange(0, 2).Draw(t, "minutes")) * time.Minute / 2
			cases = append(cases, channel.OnAfter(d, func() { done(nil) }))
		case what == 8: // the end of a context, or of a channel
			s := pick(t, w.txs, "sender")
			cases = append(cases, s.OnDone(func() {
				w.locked(func() {
					if called = i; !s.closed && !w.isClosed() {
						w.fault("OnDone: nothing is closed")
					}
				})
				end()
			}))
		case what == 0 && len(w.oneshots) > 0:
			o := pick(t, w.oneshots, "oneshot")
			cases = append(cases, o.rx.OnRecv(onRecv(func() bool { return true })))
		case what <= 2:
			s, l := pick(t, w.txs, "sender"), w.write(t, 1)[0]
			offered, c.sends = append(offered, l), true
			cases = append(cases, s.OnSend(w.wrap(l), func(err error) {
				called = i
				w.locked(func() {
					if w.wrote(l, err == nil); err != nil && !s.closed && !w.isClosed() {
						w.fault("Select: %v", err)
					}
				})
				end()
			}))
		default:
			r := pick(t, w.rxs, "receiver")
			c.receives = true
			cases = append(cases, r.OnRecv(onRecv(func() bool { return r.closed || w.isClosed() })))
		}
	}
	w.start(c, func() {
		defer w.locked(func() {
			for _, l := range offered {
				if l.state == pending {
					w.wrote(l, false)
				}
			}
		})
		var i int
		var err error
		c.doneAtOnce = c.doneAtOnce && waits
		switch {
		case waits && inOrder:
			i, err = channel.SelectInOrder(c.ctx, cases...)
		case waits:
			i, err = channel.Select(c.ctx, cases...)
		case inOrder:
			i, _ = channel.TrySelectInOrder(cases...)
		default:
			i, _ = channel.TrySelect(cases...)
		}
		w.locked(func() {
			if w.judge(c, err, false); i != called || waits && i < 0 == (err == nil) {
				w.fault("Select: %d, %v, but case %d was called", i, err, called)
			}
		})
	})
}

// bridge leads through native channels to another receiver. What is under way
// when its context ends may be lost, with its Drop: Chan says so.
func (w *together[T]) bridge(t *rapid.T) {
	if w.bridges.Load() == 2 {
		t.Skip("enough")
	}
	r := pick(t, w.rxs, "receiver")
	ctx, cancel := context.WithCancelCause(context.Background())
	w.cancels = append(w.cancels, cancel)
	w.pulled = append(w.pulled, cancel)
	w.bridges.Add(1)
	w.far = append(w.far, channel.FromChan(ctx, r.Chan(ctx)))
}

func (w *together[T]) farRecv(t *rapid.T) {
	r := pick(t, w.far, "bridge")
	c := w.context(t, &call{name: "far Recv"})
	w.start(c, func() {
		if v, err := r.Recv(c.ctx); err == nil {
			w.took(c, true, v)
		}
	})
}

func (w *together[T]) farClose(t *rapid.T) {
	r := pick(t, w.far, "bridge")
	w.start(&call{name: "far Close"}, r.Close)
}

func (w *together[T]) oneshot(t *rapid.T) {
	tx, rx := channel.NewOneshot[T]()
	o := &oneshot[T]{tx, rx}
	if len(w.oneshots) > 3 {
		o = pick(t, w.oneshots, "oneshot")
	} else {
		w.oneshots = append(w.oneshots, o)
	}
	c := w.context(t, &call{name: "oneshot"})
	switch rapid.SampledFrom([]string{"send", "recv", "recv", "close", "shutdown", "close receiver"}).Draw(t, "what") {
	case "send":
		l := w.write(t, 1)[0]
		l.beside = true
		w.start(c, func() {
			ok := false
			defer w.locked(func() { w.wrote(l, ok || l.dropped > 0) }) // Drop may panic
			ok = o.tx.Send(w.wrap(l)) == nil
		})
	case "recv":
		w.start(c, func() {
			v, err := o.rx.Recv(c.ctx)
			w.locked(func() { w.judge(c, err, true) })
			if err == nil {
				w.took(c, false, v)
			}
		})
	case "close":
		o.tx.Close()
	case "shutdown":
		o.rx.Shutdown()
	case "close receiver":
		w.start(c, o.rx.Close)
	}
}

// change waits for the last change of the handles before the next.
func (w *together[T]) change(closing bool) {
	if w.closing {
		synctest.Wait()
	}
	w.closing = closing
}

func (w *together[T]) clone(t *rapid.T) {
	w.change(false)
	if rapid.Bool().Draw(t, "receiver") {
		r := pick(t, w.rxs, "receiver")
		n := &rxHandle[T]{Receiver: r.Clone(), closed: r.closed}
		require.True(t, n.SameChannel(r.Receiver))
		w.locked(func() { w.rxs = append(w.rxs, n) })
		return
	}
	s := pick(t, w.txs, "sender")
	n := &txHandle[T]{Sender: s.Clone(), closed: s.closed}
	require.True(t, n.SameChannel(s.Sender))
	w.locked(func() { w.txs = append(w.txs, n) })
}

func (w *together[T]) weak(t *rapid.T) {
	w.change(false)
	switch rapid.SampledFrom([]string{"downgrade", "upgrade", "clone", "close"}).Draw(t, "what") {
	case "downgrade":
		s := pick(t, w.txs, "sender")
		if weak := s.Downgrade(); s.closed {
			_, ok := weak.Upgrade()
			require.False(t, ok)
		} else {
			w.weaks = append(w.weaks, weak)
		}
	case "upgrade":
		s, ok := pick(t, w.weaks, "weak sender").Upgrade()
		require.Equal(t, w.openTx() > 0, ok)
		if ok {
			w.locked(func() { w.txs = append(w.txs, &txHandle[T]{Sender: s}) })
		}
	case "clone":
		w.weaks = append(w.weaks, pick(t, w.weaks, "weak sender").Clone())
	case "close":
		i := rapid.IntRange(0, max(0, len(w.weaks)-1)).Draw(t, "i")
		if len(w.weaks) > 0 {
			weak := w.weaks[i]
			weak.Close()
			weak.Close()
			_, ok := weak.Upgrade()
			require.False(t, ok)
			w.weaks = slices.Delete(w.weaks, i, i+1)
		}
	}
}

// rarely skips most of the time, since what follows ends much.
func rarely(t *rapid.T, n int) {
	if rapid.IntRange(1, n).Draw(t, "rarely") > 1 {
		t.Skip("not now")
	}
}

func (w *together[T]) closeSender(t *rapid.T) {
	s := pick(t, w.txs, "sender")
	if w.openTx() == 1 {
		rarely(t, 8)
	}
	w.change(true)
	w.locked(func() { s.closed = true })
	w.start(&call{name: "Sender.Close"}, func() { s.Close(); s.Close() })
}

func (w *together[T]) closeReceiver(t *rapid.T) {
	r := pick(t, w.rxs, "receiver")
	if w.openRx() == 1 {
		rarely(t, 8)
	}
	w.change(true)
	w.locked(func() { r.closed = true })
	w.start(&call{name: "Receiver.Close"}, func() { r.Close(); r.Close() })
}

func (w *together[T]) shutdown(t *rapid.T) {
	rarely(t, 10)
	r := pick(t, w.rxs, "receiver")
	w.change(true)
	w.locked(func() { w.shut = w.shut || !r.closed })
	w.start(&call{name: "Shutdown"}, r.Shutdown)
}

func (w *together[T]) cancel(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "minute") == 0 {
		testkit.Advance(time.Minute)
		return
	}
	pick(t, w.cancels, "cancel")(errEnough)
}

// zero uses handles that nothing made.
func (w *together[T]) zero(t *rapid.T) {
	var p channel.Permit[T]
	p.Release()
	require.Zero(t, p.Len())
	var v T
	require.ErrorContains(t, panicOf(func() { p.Send(v) }), "no slot left")
	var r channel.Request[int, int]
	r.Drop()
	require.ErrorIs(t, r.Reply(1), channel.ErrClosed)
	require.True(t, isClosed(r.Done()))
	require.ErrorContains(t, panicOf(func() { channel.New[T](0) }), "capacity 0")
	_, ok := channel.TrySelect()
	require.False(t, ok)
	s := pick(t, w.txs, "sender")
	require.ErrorContains(t, panicOf(func() { _, _ = s.TryReserveMany(-1) }), "-1 slots")
}

// check compares the channel with the ledger. Nothing may run.
func (w *together[T]) check(t *rapid.T) {
	synctest.Wait()
	w.locked(func() { w.compare(t) })
}

func (w *together[T]) compare(t *rapid.T) {
	w.step++
	require.Empty(t, w.faults)
	tx, closed, gone := w.tx, w.isClosed(), w.openRx() == 0
	var buffered, perhaps int
	for _, l := range w.letters {
		out := l.taken + l.dropped
		switch {
		case out > 1, out > 0 && l.state == refused, l.dropped > 0 && !l.beside && !gone && w.bridges.Load() == 0:
			require.Fail(t, "wrong", "letter %d: %d times taken, %d times dropped, state %d", l.id, l.taken, l.dropped, l.state)
		case l.beside || out > 0:
		case l.state == sent:
			buffered++
		case l.state == unclear, l.state == pending:
			perhaps++
		}
	}
	n := tx.Len()
	if !gone {
		require.LessOrEqual(t, buffered-2*int(w.bridges.Load()), n, "letters were lost")
		require.LessOrEqual(t, n, buffered+perhaps, "letters came from nowhere")
	} else {
		require.Zero(t, n)
	}
	waitsToSend := false
	for _, c := range w.calls {
		if c.done {
			continue
		}
		if waitsToSend = waitsToSend || c.sends; c.sends {
			require.False(t, closed, "%s waits after the end", c.name)
		}
		require.False(t, c.receives && n > 0, "%s waits beside %d messages", c.name, n)
		require.False(t, c.receives && closed && w.slots() == 0, "%s waits after the end", c.name)
		require.False(t, (c.sends || c.receives) && c.ctx.Err() != nil, "%s waits after its context", c.name)
	}
	free := w.capacity - n - w.slots()
	if closed || waitsToSend {
		free = 0
	}
	require.Equal(t, w.capacity, tx.Cap())
	require.Equal(t, w.openTx(), tx.SenderCount())
	require.Equal(t, w.openRx(), tx.ReceiverCount())
	require.Equal(t, len(w.weaks), tx.WeakCount())
	require.Equal(t, closed || w.txs[0].closed, isClosed(w.closedOn))
	for _, s := range w.txs {
		require.Equal(t, s.closed || closed, s.IsClosed())
		require.Equal(t, s.closed || closed, isClosed(s.Done()))
		if s.closed {
			require.Zero(t, s.Free())
		} else {
			require.Equal(t, free, s.Free())
		}
	}
	for _, r := range w.rxs {
		require.Equal(t, r.closed || closed, r.IsClosed())
	}
}

// end ends everything. The receivers get what is left, or discard it.
func (w *together[T]) end(drain bool) {
	for _, s := range w.txs {
		w.locked(func() { s.closed = true })
		s.Close()
	}
	w.locked(func() {
		for _, p := range w.permits {
			p.Release()
		}
	})
	synctest.Wait()
	if drain {
		for _, r := range w.rxs {
			c := &call{name: "end", ctx: context.Background()}
			for v, err := range r.All(c.ctx) {
				if err != nil {
					w.locked(func() { w.judge(c, err, false) })
					break
				}
				w.took(c, false, v)
			}
		}
	}
	testkit.Advance(time.Minute) // for the timers
	for _, native := range w.natives {
		select {
		case v := <-native:
			w.took(&call{name: "end", ctx: context.Background()}, false, v)
		default:
		}
	}
	for _, o := range w.oneshots {
		o.tx.Close()
		w.start(&call{name: "end"}, o.rx.Close)
	}
	for _, r := range w.rxs {
		w.locked(func() { r.closed = true })
		w.start(&call{name: "end"}, r.Close)
	}
	synctest.Wait()
	for _, r := range w.far {
		w.start(&call{name: "end"}, r.Close)
	}
	synctest.Wait()
	for _, cancel := range w.pulled {
		cancel(errEnough)
	}
	synctest.Wait()
}

// inOrder looks whether any letter overtook one that was sent before its own
// send began, or before it in the same batch.
func (w *together[T]) inOrder(t *rapid.T) {
	var gone []*letter
	for _, l := range w.letters {
		if l.taken+l.dropped > 0 && !l.beside && !l.bridged && l.state == sent {
			gone = append(gone, l)
		}
	}
	slices.SortFunc(gone, func(a, b *letter) int { return cmp.Or(a.left-b.left, a.nth-b.nth) })
	for i, b := range gone {
		for _, a := range gone[i+1:] {
			sure := b.left < a.left || b.by == a.by && b.by != nil
			sure = sure && (a.dropped == 0 || w.bridges.Load() == 0) // it may have been dropped at the far end
			before := a.sent < b.begun || a.batch == b.batch && a.batch != nil && a.id < b.id
			if sure && before {
				require.Fail(t, "out of order", "letter %d overtook letter %d", b.id, a.id)
			}
		}
	}
}

// run draws actions and ends everything at last, with the help of end. An
// action of more that is nil leaves out the one of that name.
func (w *together[T]) run(t *rapid.T, more map[string]func(*rapid.T), end func()) {
	drain := rapid.Bool().Draw(t, "drain")
	ended := false
	finish := func() {
		if ended {
			return
		}
		ended = true
		w.end(drain)
		end()
		synctest.Wait()
	}
	defer func() {
		finish()
		for _, cancel := range w.cancels { // a bridge may still wait
			cancel(errEnough)
		}
	}()
	actions := map[string]func(*rapid.T){
		"send": w.send, "trySend": w.trySend, "sendMany": w.sendMany,
		"reserve": w.reserve, "tryReserve": w.tryReserve, "sendReserved": w.sendReserved, "release": w.release,
		"recv": w.recv, "tryRecv": w.tryRecv, "recvMany": w.recvMany, "all": w.all,
		"ready": w.ready, "readyToSend": w.readyToSend, "select": w.selects, "select again": w.selects,
		"senders": crowd(w.send), "receivers": crowd(w.recv), "batches": crowd(w.sendMany),
		"bridge": w.bridge, "farRecv": w.farRecv, "farClose": w.farClose,
		"oneshot": w.oneshot, "clone": w.clone, "weak": w.weak, "zero": w.zero,
		"closeSender": w.closeSender, "closeReceiver": w.closeReceiver, "shutdown": w.shutdown, "cancel": w.cancel,
	}
	for name, action := range more {
		if actions[name] = action; action == nil {
			delete(actions, name)
		}
	}
	for name, action := range actions {
		actions[name] = func(t *rapid.T) {
			quiet := rapid.IntRange(0, 2).Draw(t, "quiet") > 0
			w.locked(func() { w.alone = quiet && w.settled })
			action(t) // if it skips, nothing was started and nothing is checked
			w.settled = quiet
		}
	}
	actions["copied"] = func(t *rapid.T) {
		if !w.settled {
			t.Skip("calls run")
		}
		w.copied(t)
	}
	actions[""] = func(t *rapid.T) {
		if w.settled {
			w.check(t)
		}
	}
	for range 3 { // of some 30 actions each
		t.Repeat(actions)
	}
	w.check(t)
	finish()
	w.check(t)
	for _, c := range w.calls {
		require.True(t, c.done, "%s never returned", c.name)
	}
	w.inOrder(t)
}

// All features of a channel of letters, which count their Drops.
func TestLettersWithAllFeaturesTogether(t *testing.T) {
	testkit.Check(t, func(t *rapid.T) {
		w := newTogether(t, func(l *letter) *letter { return l }, func(l *letter) int { return l.id })
		w.run(t, nil, func() {})
		for _, l := range w.letters {
			require.False(t, l.state == sent && l.taken+l.dropped == 0, "letter %d was neither received nor dropped", l.id)
		}
	})
}

// All features of a channel of requests, which are answered, kept or dropped.
func TestRequestsWithAllFeaturesTogether(t *testing.T) {
	type request = channel.Request[int, int]
	testkit.Check(t, func(t *rapid.T) {
		w := newTogether(t,
			func(l *letter) request { return request{Question: l.id} },
			func(r request) int { return r.Question })
		var kept []request
		handle := func(r request) {
			defer r.Drop() // else a handler that panics leaves its caller waiting
			switch r.Question % 4 {
			case 0:
				panic(errBoom)
			case 1:
				runtime.Goexit()
			case 2:
				_ = r.Reply(2 * r.Question) // or the caller is gone
				if !errors.Is(r.Reply(0), channel.ErrClosed) {
					w.locked(func() { w.fault("a second reply was taken") })
				}
			}
		}
		w.tell = func(c *call, r request) {
			if r.Question%3 == 0 && c.name != "end" {
				w.locked(func() { kept = append(kept, r) })
				return
			}
			w.start(&call{name: "handler"}, func() { handle(r) })
		}
		answer := func() {
			var r []request
			w.locked(func() { r, kept = kept, nil })
			for _, r := range r {
				w.start(&call{name: "handler"}, func() { handle(r) })
			}
		}
		asks := func(t *rapid.T) {
			s, l := pick(t, w.txs, "sender"), w.write(t, 1)[0]
			c := w.context(t, &call{name: "Call"})
			w.start(c, func() {
				a, err := channel.Call(c.ctx, s.Sender, l.id)
				w.locked(func() {
					l.sent = w.step
					if l.state = unclear; err == nil {
						l.state = sent
					}
					switch {
					case err == nil && (a != 2*l.id || l.id%4 != 2 || l.taken != 1):
						w.fault("Call(%d) = %d", l.id, a)
					case errors.Is(err, channel.ErrClosed) && l.taken == 0 && !s.closed && !w.isClosed() && w.bridges.Load() == 0:
						w.fault("Call(%d): %v, but nobody dropped it", l.id, err)
					}
					w.judge(c, err, true)
				})
			})
		}
		w.run(t, map[string]func(*rapid.T){
			"call": asks, "call again": asks, "answer": func(*rapid.T) { answer() },
		}, answer)
		assert.Empty(t, kept)
	})
}
