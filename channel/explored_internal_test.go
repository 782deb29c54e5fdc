package channel

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit/interleave"
)

// A lane is a channel of a trial, and what became of its messages.
type lane struct {
	tx *Sender[int]
	rx *Receiver[int]

	sent, received     int
	sending, receiving int // calls that are under way and may wait
}

// A trial is two channels. Its counts need no atomic access, because the explorer runs
// one thread at a time.
type trial struct {
	t    *testing.T
	ctx  *interleave.Context
	a, b lane
}

func (l *lane) recv(x *trial) {
	l.receiving++
	_, err := l.rx.Recv(x.ctx)
	l.receiving--
	l.got(err)
}

func (l *lane) got(err error) {
	if err == nil {
		l.received++
	}
}

func (l *lane) recvMany(x *trial) {
	l.receiving++
	n, _ := l.rx.RecvMany(x.ctx, make([]int, 2))
	l.receiving--
	l.received += n
}

func (l *lane) tryRecv(*trial) {
	_, err := l.rx.TryRecv()
	l.got(err)
}

// readyRecv waits for Ready and then for a message that it can get.
func (l *lane) readyRecv(x *trial) {
	for x.await(&l.receiving, l.rx.Ready) {
		if _, err := l.rx.TryRecv(); err != ErrEmpty { //nolint:errorlint // never wrapped
			l.got(err)
			return
		}
	}
}

// await waits for a channel of Ready, or for the context.
func (x *trial) await(waiting *int, ready func() <-chan struct{}) bool {
	*waiting++
	opened := ready()
	i := interleave.Select(false, interleave.CanRecv(opened), interleave.CanRecv(x.ctx.Done()))
	if i == 0 {
		interleave.Take(opened)
	} else {
		interleave.Take(x.ctx.Done())
	}
	*waiting--
	return i == 0
}

func (l *lane) send(x *trial) {
	l.sending++
	err := l.tx.Send(x.ctx, 1)
	l.sending--
	l.put(err)
}

func (l *lane) put(err error) {
	if err == nil {
		l.sent++
	}
}

func (l *lane) sendMany(x *trial) {
	l.sending++
	n, _ := l.tx.SendMany(x.ctx, []int{1, 2})
	l.sending--
	l.sent += n
}

func (l *lane) trySend(*trial) { l.put(l.tx.TrySend(1)) }

func (l *lane) readySend(x *trial) {
	for x.await(&l.sending, l.tx.Ready) {
		if err := l.tx.TrySend(1); err != ErrFull { //nolint:errorlint // never wrapped
			l.put(err)
			return
		}
	}
}

// reserve reserves as many slots, sends into the first and releases the others.
func (l *lane) reserve(x *trial, slots int) {
	l.sending++
	p, err := l.tx.ReserveMany(x.ctx, slots)
	l.sending--
	if err == nil && slots > 1 {
		p.Send(1)
		l.sent++
	}
	p.Release()
}

// receives is a case that receives from l.
func (l *lane) receives() Case { return l.rx.OnRecv(func(_ int, err error) { l.got(err) }) }

// sends is a case that sends to l.
func (l *lane) sends() Case { return l.tx.OnSend(1, l.put) }

// choose is a Select. Its waits are counted in each of the numbers.
func (x *trial) choose(waiting []*int, cases ...Case) {
	for _, n := range waiting {
		*n++
	}
	_, _ = Select(x.ctx, cases...)
	for _, n := range waiting {
		*n--
	}
}

// An act is what a thread of a trial does.
type act struct {
	name string
	do   func(*trial)
}

func (a act) String() string { return a.name }

var acts = []act{
	{"Recv", func(x *trial) { x.a.recv(x) }},
	{"Send", func(x *trial) { x.a.send(x) }},
	{"TryRecv", func(x *trial) { x.a.tryRecv(x) }},
	{"TrySend", func(x *trial) { x.a.trySend(x) }},
	{"RecvMany", func(x *trial) { x.a.recvMany(x) }},
	{"SendMany", func(x *trial) { x.a.sendMany(x) }},
	{"Reserve", func(x *trial) { x.a.reserve(x, 1) }},
	{"ReserveMany", func(x *trial) { x.a.reserve(x, x.a.tx.Cap()) }},
	{"Ready Recv", func(x *trial) { x.a.readyRecv(x) }},
	{"Ready Send", func(x *trial) { x.a.readySend(x) }},
	{"take twice", func(x *trial) {
		for range 2 {
			x.a.trySend(x)
			x.a.tryRecv(x)
		}
	}},
	{"give twice", func(x *trial) {
		for range 2 {
			x.a.tryRecv(x)
			x.a.trySend(x)
		}
	}},
	{"Select Recv", func(x *trial) { x.choose([]*int{&x.a.receiving}, x.a.receives()) }},
	{"Select Send", func(x *trial) { x.choose([]*int{&x.a.sending}, x.a.sends()) }},
	{"Select Recv Recv", func(x *trial) { x.choose([]*int{&x.a.receiving, &x.b.receiving}, x.a.receives(), x.b.receives()) }},
	{"Select Send Send", func(x *trial) { x.choose([]*int{&x.a.sending, &x.b.sending}, x.a.sends(), x.b.sends()) }},
	{"Select Recv Send", func(x *trial) { x.choose([]*int{&x.b.receiving, &x.a.sending}, x.b.receives(), x.a.sends()) }},
	{"Send other", func(x *trial) { x.b.send(x) }},
	{"Recv other", func(x *trial) { x.b.recv(x) }},
	{"cancel", func(x *trial) { x.ctx.Cancel() }},
	{"Close sender", func(x *trial) { x.a.tx.Close() }},
	{"Close receiver", func(x *trial) { x.a.rx.Close() }},
}

// quiet checks a channel when all threads wait: none of them waits for what there is.
func (l *lane) quiet(x *trial, name string) {
	n, ended := available(l.rx)
	if l.receiving > 0 && (n > 0 || ended) {
		x.t.Errorf("%s: %d calls wait to receive beside %d messages, or the end: %t", name, l.receiving, n, ended)
	}
	free, closed := l.tx.core.free(), l.tx.core.isClosed()
	if l.sending > 0 && (free > 0 || closed) {
		x.t.Errorf("%s: %d calls wait to send beside %d free slots, or the end: %t", name, l.sending, free, closed)
	}
}

// available returns how many messages there are, or that the channel has ended.
func available(rx *Receiver[int]) (n int, ended bool) {
	switch c := rx.core.(type) {
	case *ring[int]:
		return c.len(), c.ended()
	case *queue[int]:
		return c.availableItems()
	}
	panic("neither")
}

// finish checks a channel at the end: what was sent was received, and nobody is counted
// as waiting.
func (l *lane) finish(t *testing.T, name string) {
	l.tx.Close()
	for {
		if _, err := l.rx.TryRecv(); err != nil {
			assert.Equal(t, ErrClosed, err, name)
			break
		}
		l.received++
	}
	if l.rx.closed.Load() {
		assert.GreaterOrEqual(t, l.sent, l.received, name)
	} else {
		assert.Equal(t, l.sent, l.received, name)
	}
	l.rx.Close()
	for _, fault := range Unquiet(l.rx) {
		t.Error(name, fault)
	}
}

// program returns a function that sets a trial up.
func program(t *testing.T, open func() (*Sender[int], *Receiver[int]), full bool, acts ...act) func() ([]func(), func()) {
	t.Helper()
	return func() (threads []func(), check func()) {
		x := &trial{t: t, ctx: interleave.NewContext()}
		x.a.tx, x.a.rx = open()
		x.b.tx, x.b.rx = open()
		for full && x.a.tx.TrySend(1) == nil {
			x.a.sent++
		}
		for _, a := range acts {
			threads = append(threads, func() { a.do(x) })
		}
		interleave.AfterFunc(time.Second, func() {
			x.a.quiet(x, "a")
			x.b.quiet(x, "b")
			x.ctx.Cancel()
		})
		return threads, func() {
			x.a.finish(t, "a")
			x.b.finish(t, "b")
		}
	}
}

// kinds are the channels of the trials.
var kinds = []struct {
	name string
	open func() (*Sender[int], *Receiver[int])
}{
	{"ring of 1", func() (*Sender[int], *Receiver[int]) { return open(newRing[int](1)) }},
	{"ring of 2", func() (*Sender[int], *Receiver[int]) { return open(newRing[int](2)) }},
	{"queue of 1", func() (*Sender[int], *Receiver[int]) { return open(unyielding(1)) }},
	{"queue of 2", func() (*Sender[int], *Receiver[int]) { return open(unyielding(2)) }},
}

// unyielding returns a queue whose waits do not yield.
func unyielding(capacity int) *queue[int] {
	q := newBounded[int](capacity)
	q.tail.pause.Store(1 << 30)
	q.head.pause.Store(1 << 30)
	return q
}

// crowds are programs for faults that pairs and triples do not show, and how often a
// thread of theirs is interrupted: a Select that is woken and loses twice, and a waiter
// that leaves while a message is on its way to it, beside one that waits for Ready.
var crowds = []struct {
	bound int
	names []string
}{
	{2, []string{"Select Recv", "take twice"}},
	{2, []string{"Select Send", "give twice"}},
	{1, []string{"Ready Recv", "Select Recv Recv", "Send", "Send other"}},
}

// TestChannelsExplored runs all pairs and triples of acts, and crowds, in every
// interleaving with some interruptions, on empty and full channels. No call waits for
// what there is, no message is lost, and no count is wrong at the end.
func TestChannelsExplored(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	if !interleave.Rewritten() {
		interleave.Rerun(t, "TestChannelsExplored", "lock.go=testdata/lock.go", "queue_notify.go", "ready.go", "ring.go",
			"select.go", "select_case.go", "select_wait.go", "../internal/park/gate.go", "../internal/park/list.go")
		return
	}
	for _, kind := range kinds {
		for _, full := range []bool{false, true} {
			explore := func(bound int, acts ...act) {
				interleave.ExploreBounded(t, bound, program(t, kind.open, full, acts...))
				if t.Failed() {
					t.Fatalf("%s, full: %t: %v", kind.name, full, acts)
				}
			}
			for i, a := range acts {
				for j, b := range acts[i:] {
					explore(1, a, b)
					for _, c := range acts[i+j:] {
						explore(0, a, b, c)
					}
				}
			}
			for _, c := range crowds {
				var crowd []act
				for _, name := range c.names {
					crowd = append(crowd, acts[slices.IndexFunc(acts, func(a act) bool { return a.name == name })])
				}
				explore(c.bound, crowd...)
			}
		}
	}
}
