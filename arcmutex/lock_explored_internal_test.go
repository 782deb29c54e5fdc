package arcmutex

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/park"
	"github.com/coderrange/ferrous/internal/testkit/interleave"
)

// A lockTrial is a lock and the number of its holders of each mode. The numbers need no
// atomic access, because the explorer runs one thread at a time.
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

// use checks which other holders there are, before and after a pause.
func (x *lockTrial) use(m mode) {
	x.in[m]++
	for range 2 {
		if x.in[exclusive] > 1 || x.in[upgrading] > 1 || x.in[exclusive] > 0 && x.in[sharing]+x.in[upgrading] > 0 {
			x.t.Errorf("together in the lock, by mode: %v", x.in)
		}
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

// giveUp is a writer that is canceled as soon as it waits.
func (x *lockTrial) giveUp() {
	l := &x.lock
	if w, ok := l.join(exclusive); !ok && !l.resume(w, false) {
		return
	}
	k := key(exclusive, l.state.Load())
	x.use(exclusive)
	assert.True(x.t, l.leave(exclusive, k, losses[exclusive]))
}

// upgrade is an upgradable reader that becomes a writer, and then a reader.
func (x *lockTrial) upgrade() {
	l := &x.lock
	if w, ok := l.join(upgrading); !ok {
		x.await(w)
	}
	k := key(upgrading, l.state.Load())
	x.use(upgrading)
	if w, ok := l.join(upgraded); !ok {
		x.await(w)
	}
	k = k&turns | held
	x.use(exclusive)
	assert.True(x.t, l.leave(exclusive, k, losses[exclusive]+gains[sharing]))
	k = key(sharing, l.state.Load())
	x.use(sharing)
	l.runlock(k)
}

// waysToLock are what a thread does.
var waysToLock = []struct {
	name string
	run  func(*lockTrial)
}{
	{"write", (*lockTrial).write},
	{"read", (*lockTrial).read},
	{"upgradable", (*lockTrial).upgradable},
	{"upgrade", (*lockTrial).upgrade},
	{"giveUp", (*lockTrial).giveUp},
}

// lockProgram returns a function that sets threads up that lock in the given ways.
// Nobody is in the lock beside a writer, and nothing is left.
func lockProgram(t *testing.T, ways ...func(*lockTrial)) func() ([]func(), func()) {
	t.Helper()
	return func() (threads []func(), check func()) {
		x := &lockTrial{t: t}
		for _, run := range ways {
			threads = append(threads, func() { run(x) })
		}
		return threads, func() {
			assert.Zero(t, x.lock.state.Load()&^turns)
			assert.Nil(t, x.lock.queue.Front())
		}
	}
}

// TestLockExplored runs all pairs of ways to lock in every interleaving, those with
// an upgrade with up to four interruptions, and all triples with up to two.
func TestLockExplored(t *testing.T) {
	runs := 0
	for i, a := range waysToLock {
		for j, b := range waysToLock[i:] {
			t.Run(fmt.Sprintf("%s and %s", a.name, b.name), func(t *testing.T) {
				if a.name == "upgrade" || b.name == "upgrade" {
					runs += interleave.ExploreBounded(t, 4, lockProgram(t, a.run, b.run))
				} else {
					runs += interleave.Explore(t, lockProgram(t, a.run, b.run))
				}
			})
			for _, c := range waysToLock[i+j:] {
				if testing.Short() {
					break
				}
				t.Run(fmt.Sprintf("%s, %s and %s", a.name, b.name, c.name), func(t *testing.T) {
					runs += interleave.ExploreBounded(t, 2, lockProgram(t, a.run, b.run, c.run))
				})
			}
		}
	}
	t.Logf("%d interleavings", runs)
}
