package arcmutex_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
)

// only returns what was reported, which must be one.
func (r *reporter) only(t *testing.T) *arcmutex.Deadlock {
	t.Helper()
	r.Lock()
	defer r.Unlock()
	require.Len(t, r.found, 1)
	d := r.found[0]
	r.found = nil
	return d
}

func checkWith(t *testing.T, o arcmutex.CheckOptions) *reporter {
	t.Helper()
	r := new(reporter)
	o.Report = func(d *arcmutex.Deadlock) {
		r.Lock()
		defer r.Unlock()
		r.found = append(r.found, d)
	}
	t.Cleanup(arcmutex.CheckWith(o))
	return r
}

// Every way to lock that may wait makes an order, and no other does.
func TestAllWaysToLockMakeOrders(t *testing.T) {
	ctx := context.Background()
	m := func(v any) *arcmutex.Mutex[int] { return v.(*arcmutex.Mutex[int]) }
	rw := func(v any) *arcmutex.RWMutex[int] { return v.(*arcmutex.RWMutex[int]) }
	f := func(*int) {}
	mutex := map[string]func(v any){
		"Lock":            func(v any) { g := m(v).Lock(); g.Unlock() },
		"LockContext":     func(v any) { g, _ := m(v).LockContext(ctx); g.Unlock() },
		"With":            func(v any) { m(v).With(f) },
		"WithErr":         func(v any) { _ = m(v).WithErr(fine(f)) },
		"WithContext":     func(v any) { _ = m(v).WithContext(ctx, fine(f)) },
		"Recover":         func(v any) { m(v).Recover(f) },
		"RecoverErr":      func(v any) { _ = m(v).RecoverErr(fine(f)) },
		"Get":             func(v any) { _, _ = m(v).Get() },
		"Set":             func(v any) { _ = m(v).Set(1) },
		"Replace":         func(v any) { _, _ = m(v).Replace(1) },
		"try TryLock":     func(v any) { g, _ := m(v).TryLock(); g.Unlock() },
		"try TryWith":     func(v any) { _ = m(v).TryWith(fine(f)) },
		"LockAll":         func(v any) { var g arcmutex.Guard[int]; arcmutex.LockAll(m(v).To(&g))() },
		"Guard.Unlocked":  func(v any) { g := m(v).Lock(); g.Unlocked(func() {}); g.Unlock() },
		"last: IntoInner": func(v any) { _, _ = m(v).IntoInner() },
	}
	rwmutex := map[string]func(v any){
		"Lock":            func(v any) { g := rw(v).Lock(); g.Unlock() },
		"LockContext":     func(v any) { g, _ := rw(v).LockContext(ctx); g.Unlock() },
		"RLock":           func(v any) { g := rw(v).RLock(); g.Unlock() },
		"RLockContext":    func(v any) { g, _ := rw(v).RLockContext(ctx); g.Unlock() },
		"ULock":           func(v any) { g := rw(v).ULock(); g.Unlock() },
		"ULockContext":    func(v any) { g, _ := rw(v).ULockContext(ctx); g.Unlock() },
		"With":            func(v any) { rw(v).With(f) },
		"WithErr":         func(v any) { _ = rw(v).WithErr(fine(f)) },
		"WithContext":     func(v any) { _ = rw(v).WithContext(ctx, fine(f)) },
		"RWith":           func(v any) { rw(v).RWith(f) },
		"RWithErr":        func(v any) { _ = rw(v).RWithErr(fine(f)) },
		"RWithContext":    func(v any) { _ = rw(v).RWithContext(ctx, fine(f)) },
		"Recover":         func(v any) { rw(v).Recover(f) },
		"Get":             func(v any) { _, _ = rw(v).Get() },
		"Set":             func(v any) { _ = rw(v).Set(1) },
		"try TryRLock":    func(v any) { g, _ := rw(v).TryRLock(); g.Unlock() },
		"try TryULock":    func(v any) { g, _ := rw(v).TryULock(); g.Unlock() },
		"try TryRWith":    func(v any) { _ = rw(v).TryRWith(fine(f)) },
		"last: IntoInner": func(v any) { _, _ = rw(v).IntoInner() },
	}
	for kind, ways := range map[string]map[string]func(any){"Mutex": mutex, "RWMutex": rwmutex} {
		for name, way := range ways {
			t.Run(kind+" "+name, func(t *testing.T) {
				r := checkFor(t, time.Hour)
				outer := arcmutex.NewMutex(0).WithName("A")
				var inner any = arcmutex.NewMutex(0).WithName("B")
				lock := func(f func()) { m(inner).With(func(*int) { f() }) }
				if kind == "RWMutex" {
					inner = arcmutex.NewRWMutex(0).WithName("B")
					lock = func(f func()) { rw(inner).With(func(*int) { f() }) }
				}
				reverse := func() { lock(func() { outer.With(f) }) }
				if strings.HasPrefix(name, "last") {
					reverse()
					outer.With(func(*int) { way(inner) })
				} else {
					outer.With(func(*int) { way(inner) })
					reverse()
				}
				if strings.HasPrefix(name, "try") {
					assert.Empty(t, r.take())
				} else {
					assert.Equal(t, []string{"lock order: A>B B>A"}, r.take())
				}
				outer.With(f)
			})
		}
	}
}

//go:noinline
func takeStock(stock, ledger *arcmutex.Mutex[int]) {
	g := stock.Lock()
	defer g.Unlock()
	writeLedger(ledger)
}

//go:noinline
func writeLedger(ledger *arcmutex.Mutex[int]) { ledger.With(func(*int) {}) }

func TestReportsGiveBothPlacesWithoutOurFrames(t *testing.T) {
	r := checkFor(t, time.Hour)
	l := named("stock", "ledger")
	takeStock(l[0], l[1])
	takeStock(l[1], l[0])
	d := r.only(t)
	require.Len(t, d.Steps, 2)
	for _, s := range d.Steps {
		assert.True(t, strings.HasPrefix(s.HoldStack, "\tgithub.com/coderrange/ferrous/arcmutex_test.takeStock\n"), s.HoldStack)
		assert.True(t, strings.HasPrefix(s.Stack, "\tgithub.com/coderrange/ferrous/arcmutex_test.writeLedger\n"), s.Stack)
		assert.Contains(t, s.Stack, "arcmutex_test.takeStock\n")
		for _, stack := range []string{s.Stack, s.HoldStack} {
			assert.NotContains(t, stack, "ferrous/arcmutex.")
			assert.NotContains(t, stack, "ferrous/internal/")
			assert.Contains(t, stack, "TestReportsGiveBothPlacesWithoutOurFrames\n")
			assert.Contains(t, d.String(), stack)
		}
	}
}

func TestLocksWithoutANameAreCalledByTypeAndPlace(t *testing.T) {
	old := arcmutex.NewRWMutex("")
	r := checkFor(t, time.Hour)
	var zero arcmutex.Mutex[int]
	made := arcmutex.NewMutex(map[string]int{})
	named := arcmutex.NewMutex(0).WithName("named")
	for _, then := range []func(){
		func() { zero.With(func(*int) {}) },
		func() { old.With(func(*string) {}) },
		func() { named.With(func(*int) {}) },
	} {
		made.With(func(*map[string]int) { then() })
	}
	zero.With(func(*int) { made.With(func(*map[string]int) {}) })
	old.With(func(*string) { made.With(func(*map[string]int) {}) })
	named.With(func(*int) { made.With(func(*map[string]int) {}) })
	const of = `arcmutex.Mutex\[map\[string\]int\] #\d+ made at check_report_test.go:\d+>`
	found := r.take()
	require.Len(t, found, 3)
	for i, want := range []string{
		`arcmutex.Mutex #\d+ first seen at check_report_test.go:\d+`,
		`arcmutex.RWMutex #\d+ first seen at check_report_test.go:\d+`,
		`named`,
	} {
		assert.Regexp(t, of+want, found[i])
		assert.Regexp(t, want+`>`+strings.TrimSuffix(of, ">"), found[i])
	}
}

func TestLongHoldsAreReportedOnce(t *testing.T) {
	eachKind := map[string]func(m *arcmutex.RWMutex[int], f func(*int)){
		"writer":     (*arcmutex.RWMutex[int]).With,
		"reader":     (*arcmutex.RWMutex[int]).RWith,
		"upgradable": func(m *arcmutex.RWMutex[int], f func(*int)) { u := m.ULock(); defer u.Unlock(); f(nil) },
	}
	for name, with := range eachKind {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := checkWith(t, arcmutex.CheckOptions{After: time.Hour, Limit: time.Second})
				m := arcmutex.NewRWMutex(0).WithName("M")
				for range 100 {
					with(m, func(*int) { sleep(time.Second / 50) }) // two seconds, in turns
				}
				with(m, func(*int) {
					sleep(time.Second - 1)
					synctest.Wait()
					assert.Empty(t, r.take())
					sleep(time.Second)
					d := r.only(t)
					assert.Equal(t, arcmutex.DeadlockLongHold, d.Kind)
					assert.GreaterOrEqual(t, d.For, time.Second)
					assert.Less(t, d.For, 2*time.Second)
					require.Len(t, d.Steps, 1)
					assert.Equal(t, "M", d.Steps[0].Holds)
					assert.Empty(t, d.Steps[0].Wants)
					assert.Contains(t, d.Steps[0].HoldStack, "TestLongHoldsAreReportedOnce")
					assert.Contains(t, d.String(), "arcmutex: held for long, 1")
					sleep(time.Hour)
					assert.Empty(t, r.take(), "again")
				})
				with(m, func(*int) { sleep(time.Minute) })
				assert.Equal(t, arcmutex.DeadlockLongHold, r.only(t).Kind, "another hold")
			})
		})
	}
}

func TestLongHoldOfATravellingGuardIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := checkWith(t, arcmutex.CheckOptions{After: time.Hour, Limit: time.Second})
		m := arcmutex.NewMutex(0).WithName("M")
		guards := make(chan arcmutex.Guard[int])
		go func() {
			g := m.Lock()
			g.Disown()
			guards <- g
		}()
		g := <-guards
		sleep(time.Second / 2)
		g.Adopt()
		sleep(time.Hour)
		assert.Equal(t, arcmutex.DeadlockLongHold, r.only(t).Kind)
		g.Disown()
		sleep(time.Hour)
		elsewhere(g.Unlock)
	})
}

func TestLongWaitsAreReportedWithTheHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := checkWith(t, arcmutex.CheckOptions{After: time.Minute, Limit: time.Hour})
		m, other := arcmutex.NewMutex(0).WithName("M"), arcmutex.NewMutex(0).WithName("other")
		busy := other.Lock()
		busy.Disown()
		go func() { // and not go m.With, which is seen by name on some processors only
			m.With(func(*int) { other.With(func(*int) { sleep(time.Hour) }) })
		}()
		synctest.Wait()
		for range 10 {
			go func() { m.With(func(*int) {}) }()
		}
		testkit.Advance(time.Hour - 1)
		assert.Empty(t, r.take())
		testkit.Advance(1)
		r.Lock()
		kinds := map[arcmutex.DeadlockKind]int{}
		var wait *arcmutex.Deadlock
		for _, d := range r.found {
			kinds[d.Kind]++
			if d.Kind == arcmutex.DeadlockLongWait && d.Steps[0].Wants == "M" {
				wait = d
			}
		}
		r.found = nil
		r.Unlock()
		assert.Equal(t, map[arcmutex.DeadlockKind]int{
			arcmutex.DeadlockLongHold: 2, // of M and the other
			arcmutex.DeadlockLongWait: 2, // for M, by ten, and for the other
		}, kinds)
		require.NotNil(t, wait)
		assert.Equal(t, time.Hour, wait.For)
		require.Len(t, wait.Steps, 2)
		waiter, holder := wait.Steps[0], wait.Steps[1]
		assert.Equal(t, "M", waiter.Wants)
		assert.Contains(t, waiter.Stack, "TestLongWaitsAreReportedWithTheHolder")
		assert.Equal(t, "M", holder.Holds)
		assert.Equal(t, "other", holder.Wants)
		assert.NotEqual(t, waiter.Goroutine, holder.Goroutine)
		assert.Contains(t, holder.HoldStack, "check_report_test.go")
		busy.Unlock()
		testkit.Advance(2 * time.Hour)
	})
}

func TestDeclaredAndAllowedOrders(t *testing.T) {
	l := named("A", "B", "C", "D")
	arcmutex.DeclareOrder(l[0], l[1], l[2]) // before anybody listens
	r := checkFor(t, time.Hour)
	lockBoth(l[2], l[0])
	d := r.only(t)
	assert.Equal(t, arcmutex.DeadlockOrder, d.Kind)
	require.Len(t, d.Steps, 3)
	assert.Contains(t, d.Steps[0].Stack, "TestDeclaredAndAllowedOrders", "where it was declared")
	arcmutex.DeclareOrder(l[1], l[0])
	assert.Equal(t, []string{"lock order: A>B B>A"}, r.take(), "declarations that contradict")
	arcmutex.DeclareOrder()
	arcmutex.DeclareOrder(l[0])
	for want, f := range map[string]func(){
		"arcmutex: DeclareOrder: the same lock twice": func() { arcmutex.DeclareOrder(l[2], l[0], l[0]) },
		"arcmutex: AllowOrder: the same lock twice":   func() { arcmutex.AllowOrder(l[0], l[0]) },
	} {
		assert.EqualError(t, testkit.PanicError(t, f), want)
	}

	arcmutex.AllowOrder(l[3], l[0])
	lockBoth(l[0], l[3])
	lockBoth(l[3], l[0])
	lockBoth(l[3], l[1])
	assert.Equal(t, []string{}, append([]string{}, r.take()...))
	rw := arcmutex.NewRWMutex("").WithName("RW")
	lockBoth(l[3], l[2])
	rw.With(func(*string) { l[3].With(func(*int) {}) })
	l[2].With(func(*int) { rw.With(func(*string) {}) })
	assert.Equal(t, []string{"lock order: C>RW RW>D D>C"}, r.take(), "others count")
	arcmutex.AllowOrder(rw, l[3]) // an order that was seen already
	l[1].With(func(*int) { rw.With(func(*string) {}) })
	assert.Empty(t, r.take())
}

// What the doc comment says of gates and of lists that are turned round.
func TestOrdersThatCannotDeadlockAreReportedUnlessAllowed(t *testing.T) {
	for _, isAllowed := range []bool{false, true} {
		r := checkFor(t, time.Hour)
		l := named("A", "B", "gate")
		if isAllowed {
			arcmutex.AllowOrder(l[1], l[0])
		}
		l[2].With(func(*int) { lockBoth(l[0], l[1]) })
		l[2].With(func(*int) { lockBoth(l[1], l[0]) })
		if isAllowed {
			assert.Empty(t, r.take())
		} else {
			assert.Equal(t, []string{"lock order: A>B B>A"}, r.take())
		}
	}
}

// TestSampledCheckerFollowsWholeNests expects both nests in one of nine cases: in 100 of
// 900, with a deviation of 9.4, and fails for six such deviations.
func TestSampledCheckerFollowsWholeNests(t *testing.T) {
	r := checkWith(t, arcmutex.CheckOptions{Sample: 3})
	for range 900 {
		l := named("A", "B", "C")
		l[0].With(func(*int) { lockBoth(l[1], l[2]) })
		l[2].With(func(*int) { l[0].With(func(*int) {}) })
	}
	found := r.take()
	assert.InDelta(t, 100, len(found), 57)
	for _, text := range found {
		assert.Equal(t, "lock order: A>C C>A", text)
	}
}

func TestCheckKeepsABoundedNumberOfOrders(t *testing.T) {
	r := checkWith(t, arcmutex.CheckOptions{MaxOrders: 1})
	l := named("A", "B", "C")
	lockBoth(l[1], l[2])
	lockBoth(l[2], l[1])
	assert.Empty(t, r.take(), "others had been there, or it is full")
}
