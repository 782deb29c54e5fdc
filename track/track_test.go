package track_test

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/internal/testkit/handles"
	"github.com/coderrange/ferrous/rc"
	"github.com/coderrange/ferrous/refcell"
	"github.com/coderrange/ferrous/sema"
	"github.com/coderrange/ferrous/track"
)

// named is a Recorder of a test with a name.
type named struct {
	handles.Recorder
	name string
}

func (n *named) Name() string { return n.name }

type pair struct{ a, b int }

func parts(p *pair) (*int, *int) { return &p.a, &p.b }

// The values that live as long as the test binary, and that guards and handles
// are forgotten of.
var (
	cell   = refcell.New(pair{})
	atomic = refcell.NewAtomicRefCell(pair{})
	shared = rc.New(1)
	arc    = arcmutex.NewArc(1)
	mutex  = arcmutex.NewMutex(1)
	rw     = arcmutex.NewRWMutex(1)
	sem    = sema.NewSemaphore(1000)
	notify sema.Notify
	keep   []any
)

// lived keeps a lock.
func lived[L any](lock L) L {
	keep = append(keep, lock)
	return lock
}

// kinds makes a handle of each kind for which something else lives on. It
// returns what ends it.
var kinds = map[string]struct {
	what string
	make func() (end func())
}{
	"the first Rc, with a clone": {"rc.Rc", func() func() {
		r := rc.New(1)
		c := r.Clone()
		c.Drop()
		keep = append(keep, c, r.Ptr())
		return r.Drop
	}},
	"an Rc":  {"rc.Rc", func() func() { return shared.Clone().Drop }},
	"a Weak": {"rc.Weak", func() func() { return shared.Downgrade().Drop }},
	"a Box whose value is in use": {"rc.Box", func() func() {
		b := rc.NewBox(1)
		keep = append(keep, b.Ptr())
		return b.Drop
	}},
	"the first Arc, with its value in use": {"arcmutex.Arc", func() func() {
		a := arcmutex.NewArc(1)
		keep = append(keep, a.Ptr())
		return a.Drop
	}},
	"an Arc":        {"arcmutex.Arc", func() func() { return arc.Clone().Drop }},
	"an Arc's Weak": {"arcmutex.Weak", func() func() { return arc.Downgrade().Drop }},
	"a Ref":         {"refcell.Ref", func() func() { r := cell.Borrow(); return r.Release }},
	"a Ref's Clone": {"refcell.Ref", func() func() {
		r := cell.Borrow()
		defer r.Release()
		c := r.Clone()
		return c.Release
	}},
	"a part": {"refcell.Ref", func() func() {
		r := cell.Borrow()
		p := refcell.Map(&r, func(p *pair) *int { return &p.a })
		return p.Release
	}},
	"a RefMut": {"refcell.RefMut", func() func() { c := refcell.New(1); keep = append(keep, c); m := c.BorrowMut(); return m.Release }},
	"the first half": {"refcell.RefMut", func() func() {
		c := refcell.New(pair{})
		m := c.BorrowMut()
		a, b := refcell.MapSplitMut(&m, parts)
		keep = append(keep, c, &b)
		b.Release()
		return a.Release
	}},
	"the second half": {"refcell.RefMut", func() func() {
		c := refcell.New(pair{})
		m := c.BorrowMut()
		a, b := refcell.MapSplitMut(&m, parts)
		keep = append(keep, c, &a)
		a.Release()
		return b.Release
	}},
	"an AtomicRef": {"refcell.AtomicRef", func() func() { r := atomic.Borrow(); return r.Release }},
	"an atomic part": {"refcell.AtomicRef", func() func() {
		r := atomic.Borrow()
		p := refcell.MapAtomic(&r, func(p *pair) *int { return &p.a })
		return p.Release
	}},
	"an AtomicRefMut": {"refcell.AtomicRefMut", func() func() {
		c := refcell.NewAtomicRefCell(pair{})
		keep = append(keep, c)
		m := c.BorrowMut()
		return m.Release
	}},
	"an atomic half": {"refcell.AtomicRefMut", func() func() {
		c := refcell.NewAtomicRefCell(pair{})
		m := c.BorrowMut()
		a, b := refcell.MapSplitMutAtomic(&m, parts)
		keep = append(keep, c, &b)
		b.Release()
		return a.Release
	}},
	"a Permit": {"sema.Permit", func() func() {
		p, _ := sem.Acquire(context.Background(), 1)
		return p.Release
	}},
	"a Permit that was waited for": {"sema.Permit", func() func() {
		s := lived(sema.NewSemaphore(1))
		first, _ := s.TryAcquire(1)
		permits := make(chan sema.Permit)
		waiting := make(chan struct{})
		go func() {
			close(waiting)
			p, _ := s.Acquire(context.Background(), 1)
			permits <- p
		}()
		<-waiting
		first.Release()
		return (<-permits).Release
	}},
	"a tried Permit":           {"sema.Permit", func() func() { p, _ := sem.TryAcquire(1); return p.Release }},
	"a Permit of none":         {"sema.Permit", func() func() { p, _ := sem.TryAcquire(0); return p.Release }},
	"a Permit to be forgotten": {"sema.Permit", func() func() { p, _ := sem.TryAcquire(1); return p.Forget }},
	"a part of a Permit": {"sema.Permit", func() func() {
		p, _ := sem.TryAcquire(2)
		defer p.Release()
		part, _ := p.Split(1)
		return part.Release
	}},
	"a Permit without a part": {"sema.Permit", func() func() {
		p, _ := sem.TryAcquire(2)
		part, _ := p.Split(1)
		part.Release()
		return p.Release
	}},
	"a Permit that was merged into another": {"sema.Permit", func() func() {
		p, _ := sem.TryAcquire(2)
		part, _ := p.Split(1)
		part.Merge(&p)
		return part.Release
	}},
	"a Permit to be merged": {"sema.Permit", func() func() {
		p, _ := sem.TryAcquire(2)
		return func() {
			q, _ := sem.TryAcquire(1)
			q.Merge(&p)
			q.Release()
		}
	}},
	"a Listener": {"sema.Listener", func() func() { return notify.Listen().Close }},
	"a Listener that was notified": {"sema.Listener", func() func() {
		l := notify.Listen()
		notify.NotifyWaiters()
		_ = l.Wait(context.Background())
		return l.Close
	}},
	"a Guard": {"arcmutex.Guard", func() func() { g := lived(arcmutex.NewMutex(1)).Lock(); return g.Unlock }},
	"a Guard with a context": {"arcmutex.Guard", func() func() {
		g, _ := lived(arcmutex.NewMutex(1)).LockContext(context.Background())
		return g.Unlock
	}},
	"a tried Guard": {"arcmutex.Guard", func() func() { g, _ := lived(arcmutex.NewMutex(1)).TryLock(); return g.Unlock }},
	"a part of a Guard": {"arcmutex.Guard", func() func() {
		g := lived(arcmutex.NewMutex(pair{})).Lock()
		p := arcmutex.MapMut(&g, func(p *pair) *int { return &p.a })
		return p.Unlock
	}},
	"a Guard that was unlocked for a time": {"arcmutex.Guard", func() func() {
		g := lived(arcmutex.NewMutex(1)).Lock()
		g.Unlocked(func() {})
		return g.Unlock
	}},
	"a writer":  {"arcmutex.Guard", func() func() { g := lived(arcmutex.NewRWMutex(1)).Lock(); return g.Unlock }},
	"an RGuard": {"arcmutex.RGuard", func() func() { g := rw.RLock(); return g.Unlock }},
	"an RGuard with a context": {"arcmutex.RGuard", func() func() {
		g, _ := rw.RLockContext(context.Background())
		return g.Unlock
	}},
	"a tried RGuard": {"arcmutex.RGuard", func() func() { g, _ := rw.TryRLock(); return g.Unlock }},
	"a part of an RGuard": {"arcmutex.RGuard", func() func() {
		g := rw.RLock()
		p := arcmutex.Map(&g, func(v *int) *int { return v })
		return p.Unlock
	}},
	"a downgraded Guard": {"arcmutex.RGuard", func() func() {
		g := lived(arcmutex.NewRWMutex(1)).Lock()
		r := g.Downgrade()
		return r.Unlock
	}},
	"a UGuard": {"arcmutex.UGuard", func() func() { g := lived(arcmutex.NewRWMutex(1)).ULock(); return g.Unlock }},
	"an upgraded UGuard": {"arcmutex.UGuard", func() func() {
		u := lived(arcmutex.NewRWMutex(1)).ULock()
		g := u.Upgrade()
		return g.Unlock
	}},
	"a downgraded UGuard": {"arcmutex.RGuard", func() func() {
		u := lived(arcmutex.NewRWMutex(1)).ULock()
		r := u.Downgrade()
		return r.Unlock
	}},
	"the Guard of a LockAll": {"arcmutex.Guard", func() func() {
		var g arcmutex.Guard[int]
		return arcmutex.LockAll(lived(arcmutex.NewMutex(1)).To(&g))
	}},
}

// found returns how many handles of a type the collector has found.
func found(what string) (n int) {
	for _, l := range track.Leaks() {
		if l.What == what {
			n += l.Count
		}
	}
	return n
}

func TestLeaksHasWhatWasForgottenThoughItsValueLives(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			defer track.Start(1)()
			before := found(kind.what)
			kind.make()()
			kind.make() // and is forgotten
			for range 1000 {
				if found(kind.what) > before {
					break
				}
				runtime.GC()
				runtime.Gosched()
			}
			assert.Equal(t, before+1, found(kind.what))
		})
	}
}

func TestCheckReportsEachKindThatWasNotEnded(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			var r handles.Recorder
			track.Check(&r)
			kind.make()()
			assert.Empty(t, r.Finish())

			r = handles.Recorder{}
			track.Check(&r)
			end := kind.make()
			errors := r.Finish()
			require.Len(t, errors, 1)
			assert.Contains(t, errors[0], "1 "+kind.what+" not ended, made by\n")
			assert.Contains(t, errors[0], "track_test.")
			end()
		})
	}
}

func TestCheckReportsAGuardOfALockThatLives(t *testing.T) {
	var r handles.Recorder
	track.Check(&r)
	g := mutex.Lock()
	s := rw.RLock()
	errors := r.Finish()
	require.Len(t, errors, 2)
	g.Unlock()
	s.Unlock()
}

func TestSecondCheckOfATestDoesNothing(t *testing.T) {
	var r handles.Recorder
	track.Check(&r)
	track.Check(&r)
	h := rc.New(1)
	assert.Len(t, r.Finish(), 1)
	h.Drop()
}

func TestInnermostCheckReports(t *testing.T) {
	outer, inner := &named{name: "T"}, &named{name: "T/sub"}
	track.Check(outer)
	a := rc.New(1)
	track.Check(inner)
	b := rc.NewBox(1)
	errors := inner.Finish()
	require.Len(t, errors, 1)
	assert.Contains(t, errors[0], "rc.Box")
	errors = outer.Finish()
	require.Len(t, errors, 1)
	assert.Contains(t, errors[0], "rc.Rc")
	a.Drop()
	b.Drop()
}

func TestParallelTestsAreNotBlamedForEachOther(t *testing.T) {
	a, b := &named{name: "A"}, &named{name: "B"}
	track.Check(a)
	track.Check(b)
	ofA, ofB := rc.New(1), rc.NewBox(1)
	assert.Empty(t, b.Finish(), "A's handle lives, and B's may be A's")
	ofA.Drop()
	errors := a.Finish()
	require.Len(t, errors, 1, "the last one reports")
	assert.Contains(t, errors[0], "rc.Box")
	ofB.Drop()
}

func TestCleanupsAfterCheckMayEndHandles(t *testing.T) {
	var r handles.Recorder
	track.Check(&r)
	h := rc.New(1)
	r.Cleanup(h.Drop)
	assert.Empty(t, r.Finish())
}

// isTracked reports whether an Rc that is made now is tracked.
func isTracked() bool {
	before := pprof.Lookup("ferrous.handles").Count()
	h := rc.New(1)
	defer h.Drop()
	return pprof.Lookup("ferrous.handles").Count() > before
}

func TestTrackersStopOneByOne(t *testing.T) {
	assert.False(t, isTracked())
	a, b := track.Start(math.MaxInt), track.Start(1)
	c := track.Start(1)
	assert.True(t, isTracked())
	b()
	b()
	assert.True(t, isTracked(), "c goes on")
	rc.Track(0)
	assert.True(t, isTracked(), "and knows nothing of other switches")
	c()
	assert.False(t, isTracked(), "one in MaxInt: run it again")
	rc.Track(1)
	a()
	assert.True(t, isTracked())
	var r handles.Recorder
	track.Check(&r)
	rc.Track(0)
	assert.True(t, isTracked())
	assert.Empty(t, r.Finish())
	assert.False(t, isTracked())
}

func TestStartRefusesRatesBelowOne(t *testing.T) {
	for _, n := range []int{0, -1, math.MinInt} {
		err := testkit.PanicError(t, func() { track.Start(n) })
		assert.EqualError(t, err, fmt.Sprintf("track: Start: rate %d is not positive", n))
	}
	assert.False(t, isTracked())
}

func TestStartedLocksAreWatched(t *testing.T) {
	stop := track.Start(1)
	before := pprof.Lookup("ferrous.locks").Count()
	g := mutex.Lock()
	assert.Equal(t, before+1, pprof.Lookup("ferrous.locks").Count())
	stop()
	g.Unlock()
	assert.Equal(t, before, pprof.Lookup("ferrous.locks").Count())
}

// sampled counts how many of n handles were tracked.
func sampled(n int, handle func() interface{ Drop() }) (hits int) {
	profile := pprof.Lookup("ferrous.handles")
	before := profile.Count()
	for range n {
		h := handle()
		hits += profile.Count() - before
		h.Drop()
	}
	return hits
}

// TestEverySizeHasTheSameChance expects 400 of 4,000, with a deviation of 19: a
// difference of 170 is nine deviations.
func TestEverySizeHasTheSameChance(t *testing.T) {
	defer track.Start(10)()
	for name, handle := range map[string]func() interface{ Drop() }{
		"8 B":    func() interface{ Drop() } { return rc.New(1) },
		"1 kB":   func() interface{ Drop() } { return rc.New([1 << 10]byte{}) },
		"32 kB":  func() interface{ Drop() } { return rc.New([1 << 15]byte{}) },
		"64 kB":  func() interface{ Drop() } { return arcmutex.NewArc([1 << 16]byte{}) },
		"128 kB": func() interface{ Drop() } { return rc.NewBox([1 << 17]byte{}) },
	} {
		assert.InDelta(t, 400, sampled(4000, handle), 170, name)
	}
}

func TestLeakPrintsWhatWhereAndHowMany(t *testing.T) {
	l := track.Leak{What: "rc.Rc", Name: "order", Count: 2, Stack: "\tmain.f\n"}
	assert.Equal(t, "2 rc.Rc \"order\" not ended, made by\n\tmain.f\n", l.String())
	assert.True(t, strings.HasSuffix(fmt.Sprint(l), "main.f\n"))
}
