package arcmutex

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/park"
	"github.com/coderrange/ferrous/internal/testkit/interleave"
)

// A lockTrial is a lock and who is in it. The numbers are plain: the explorer
// runs one thread at a time.
type lockTrial struct {
	t    *testing.T
	lock lock
	in   [modes]int
}

// await waits as lock.await does, with the explorer in place of the channel.
func (x *lockTrial) await(w *park.Waiter[request]) {
	for ok := false; !ok; ok = x.lock.resume(w, true) {
		interleave.Wait(func() bool { return len(w.Ready()) > 0 })
		<-w.Ready()
	}
}

// use looks who else is in the lock, before and after a pause.
func (x *lockTrial) use(m mode) {
	x.in[m]++
	for range 2 {
		assert.LessOrEqual(x.t, x.in[exclusive], 1, "two writers")
		assert.LessOrEqual(x.t, x.in[upgrading], 1, "two upgradable readers")
		assert.False(x.t, x.in[exclusive] > 0 && x.in[sharing]+x.in[upgrading] > 0, "a writer and a reader")
		x.lock.state.Load()
	}
	x.in[m]--
}

func (x *lockTrial) write() {
	l := &x.lock
	k, ok := l.fastLock()
	if !ok {
		if w, ok := l.join(exclusive); !ok {
			x.await(w)
		}
		k = key(exclusive, l.state.Load())
	}
	x.use(exclusive)
	if !l.fastUnlock(k) {
		assert.True(x.t, l.leave(exclusive, k, losses[exclusive]))
	}
}

func (x *lockTrial) read() {
	l := &x.lock
	s := l.state.Add(reader)
	if s&inReadersWay != 0 {
		l.makeWay(l.state.Add(readers))
		if w, ok := l.join(sharing); !ok {
			x.await(w)
		}
		s = l.state.Load()
	}
	x.use(sharing)
	l.runlock(s&turns | readers)
}

func (x *lockTrial) upgradable() {
	l := &x.lock
	if w, ok := l.join(upgrading); !ok {
		x.await(w)
	}
	k := key(upgrading, l.state.Load())
	x.use(upgrading)
	assert.True(x.t, l.leave(upgrading, k, losses[upgrading]))
}

// giveUp is a writer that is cancelled as soon as it waits.
func (x *lockTrial) giveUp() {
	l := &x.lock
	if w, ok := l.join(exclusive); !ok && !l.resume(w, false) {
		return
	}
	k := key(exclusive, l.state.Load())
	x.use(exclusive)
	assert.True(x.t, l.leave(exclusive, k, losses[exclusive]))
}

// TestLockExplored runs all pairs of ways to lock in every interleaving: nobody
// is in the lock beside a writer, nobody waits for ever, and nothing is left.
func TestLockExplored(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some ten seconds")
	}
	if !interleave.Rewritten() {
		interleave.Rerun(t, "TestLockExplored", "lock.go", "../internal/park/queue.go")
		return
	}
	ways := []struct {
		name string
		run  func(*lockTrial)
	}{
		{"write", (*lockTrial).write},
		{"read", (*lockTrial).read},
		{"upgradable", (*lockTrial).upgradable},
		{"giveUp", (*lockTrial).giveUp},
	}
	for i, a := range ways {
		for _, b := range ways[i:] {
			t.Run(fmt.Sprintf("%s and %s", a.name, b.name), func(t *testing.T) {
				runs := interleave.Explore(t, func() ([]func(), func()) {
					x := &lockTrial{t: t}
					return []func(){func() { a.run(x) }, func() { b.run(x) }}, func() {
						assert.Zero(t, x.lock.state.Load()&^turns)
						assert.Nil(t, x.lock.queue.Front())
					}
				})
				t.Logf("%d interleavings", runs)
			})
		}
	}
}
