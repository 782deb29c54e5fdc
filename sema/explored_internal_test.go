package sema

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit/interleave"
)

// TestAllInterleavings runs the tests named …Explored with every interleaving of the
// atomic operations. By themselves they see every order of whole threads.
func TestAllInterleavings(t *testing.T) {
	interleave.Rerun(t, "Test.*Explored", "semaphore.go", "../internal/park/queue.go")
}

// A semTrial is a semaphore, and what its threads know: plain numbers, since the
// explorer runs one thread at a time.
type semTrial struct {
	t     *testing.T
	sem   Semaphore
	total int64 // permits that there are
	held  int64
}

// have holds n permits for a moment and gives them back.
func (x *semTrial) have(n int64) {
	x.held += n
	for range 2 {
		if x.held > x.total {
			x.t.Errorf("%d permits of %d are held", x.held, x.total)
		}
		x.sem.state.Load()
	}
	x.held -= n
	x.sem.release(n)
}

// acquire is Semaphore.Acquire with the explorer in place of the channel.
func (x *semTrial) acquire(n int64) {
	if !x.sem.take(n) {
		w := x.sem.join(n)
		if w == nil {
			return
		}
		interleave.Wait(func() bool { return len(w.Ready()) > 0 })
		if got, ok := x.sem.leave(w); !assert.True(x.t, ok) || got == refused {
			return
		}
	}
	x.have(n)
}

// giveUp is acquire that is canceled as soon as it waits.
func (x *semTrial) giveUp(n int64) {
	if !x.sem.take(n) {
		w := x.sem.join(n)
		if w == nil {
			return
		}
		if got, ok := x.sem.leave(w); !ok || got == refused {
			return
		}
	}
	x.have(n)
}

func (x *semTrial) tryAcquire(n int64) {
	if x.sem.take(n) {
		x.have(n)
	}
}

// TestSemaphoreExplored runs pairs in every interleaving, and triples with up to
// two interruptions, of ways to use a semaphore of two permits: no more are held
// than there are, nobody waits for ever, and all are free at the end. So what is
// released reaches those who wait, in whatever order they come, are served and are
// canceled.
func TestSemaphoreExplored(t *testing.T) {
	ways := []struct {
		name string
		run  func(*semTrial)
	}{
		{"acquire 1", func(x *semTrial) { x.acquire(1) }},
		{"acquire 2", func(x *semTrial) { x.acquire(2) }},
		{"try", func(x *semTrial) { x.tryAcquire(1) }},
		{"give up 2", func(x *semTrial) { x.giveUp(2) }},
		{"add", func(x *semTrial) { x.total++; x.sem.Add(1) }},
		{"close", func(x *semTrial) { x.sem.Close() }},
	}
	program := func(t *testing.T, runs ...func(*semTrial)) func() ([]func(), func()) {
		t.Helper()
		return func() (threads []func(), check func()) {
			x := &semTrial{t: t, total: 2}
			x.sem.Add(2)
			for _, run := range runs {
				threads = append(threads, func() { run(x) })
			}
			return threads, func() {
				assert.Equal(t, x.total*permit, x.sem.state.Load()&^semClosed)
				assert.Nil(t, x.sem.queue.Front())
			}
		}
	}
	runs := 0
	for i, a := range ways {
		for j, b := range ways[i:] {
			t.Run(fmt.Sprintf("%s and %s", a.name, b.name), func(t *testing.T) {
				runs += interleave.Explore(t, program(t, a.run, b.run))
			})
			for _, c := range ways[i+j:] {
				if testing.Short() {
					break
				}
				t.Run(fmt.Sprintf("%s, %s and %s", a.name, b.name, c.name), func(t *testing.T) {
					runs += interleave.ExploreBounded(t, 2, program(t, a.run, b.run, c.run))
				})
			}
		}
	}
	t.Logf("%d interleavings", runs)
}

// A noteTrial is a Notify and what became of its notifications.
type noteTrial struct {
	note     Notify
	sent     int // by NotifyOne and NotifyLast
	received int // of those
	others   int // threads that have not ended, but for those that wait
	gaveUp   int // waits that nobody was left to end
}

// wait is Notify.Wait with the explorer in place of the channel. It waits for as
// long as a notification can come, or not at all.
func (x *noteTrial) wait(isCanceled bool) {
	if x.note.takeStored() {
		x.received++
		return
	}
	l := x.note.listen()
	if !isCanceled {
		interleave.Wait(func() bool { return len(l.waiter.Ready()) > 0 || x.others == 0 })
	}
	select {
	case <-l.waiter.Ready():
		l.received = true
	default:
		l.received = l.notified()
	}
	switch {
	case l.received && l.waiter.Want != withAll:
		x.received++
	case !l.received && !isCanceled:
		x.gaveUp++
	}
	l.close()
}

// TestNotifyExplored has goroutines wait, be canceled and be notified in every
// interleaving of two, and in those of three and four with up to two interruptions
// and one. What a canceled goroutine was sent goes on to the next: a notification
// is received by one, or stored if nobody is left.
func TestNotifyExplored(t *testing.T) {
	ways := map[string]func(*noteTrial){
		"one":  func(x *noteTrial) { x.sent++; x.note.NotifyOne() },
		"last": func(x *noteTrial) { x.sent++; x.note.NotifyLast() },
		"all":  func(x *noteTrial) { x.note.NotifyWaiters() },
		"wait": func(x *noteTrial) { x.wait(false) },
		"quit": func(x *noteTrial) { x.wait(true) },
	}
	programs, runs := 0, 0
	explore := func(names ...string) {
		programs++
		setup := func() (threads []func(), check func()) {
			x := new(noteTrial)
			for _, name := range names {
				if name != "wait" {
					x.others++
				}
				threads = append(threads, func() {
					ways[name](x)
					if name != "wait" {
						x.others--
					}
				})
			}
			return threads, func() {
				stored := 0
				if x.note.stored {
					stored = 1
				}
				ok := x.received+stored <= x.sent && (x.sent == 0 || x.received+stored > 0) && x.gaveUp*stored == 0
				if x.sent == 1 {
					ok = ok && x.received+stored == 1
				}
				if !ok || x.note.queue.Front() != nil {
					t.Errorf("%v: %+v", names, x)
				}
			}
		}
		if len(names) == 2 {
			runs += interleave.Explore(t, setup)
		} else {
			runs += interleave.ExploreBounded(t, 5-len(names), setup)
		}
	}
	all := slices.Sorted(maps.Keys(ways))
	for i, a := range all {
		for j, b := range all[i:] {
			explore(a, b)
			for k, c := range all[i+j:] {
				explore(a, b, c)
				for _, d := range all[i+j+k:] {
					explore(a, b, c, d)
				}
			}
		}
	}
	t.Logf("%d programs, %d interleavings", programs, runs)
}
