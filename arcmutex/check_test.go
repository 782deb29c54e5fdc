package arcmutex_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/goid"
	"github.com/coderrange/ferrous/internal/testkit"
)

// A reporter collects what the checker finds until the test ends.
type reporter struct {
	sync.Mutex
	found []*arcmutex.Deadlock
}

func checkFor(t *testing.T, after time.Duration) *reporter {
	t.Helper()
	r := new(reporter)
	t.Cleanup(arcmutex.Check(after, func(d *arcmutex.Deadlock) {
		r.Lock()
		defer r.Unlock()
		r.found = append(r.found, d)
	}))
	return r
}

// take returns what was found, as "kind: a>b b>a", each cycle beginning with
// its least lock.
func (r *reporter) take() (all []string) {
	r.Lock()
	defer r.Unlock()
	for _, d := range r.found {
		least := 0
		for i, s := range d.Steps {
			if s.Holds < d.Steps[least].Holds {
				least = i
			}
		}
		text := string(d.Kind) + ":"
		for _, s := range slices.Concat(d.Steps[least:], d.Steps[:least]) {
			text += " " + s.Holds + ">" + s.Wants
		}
		all = append(all, text)
	}
	r.found = nil
	return all
}

func named(names ...string) (locks []*arcmutex.Mutex[int]) {
	for _, name := range names {
		locks = append(locks, arcmutex.NewMutex(0).WithName(name))
	}
	return locks
}

func lockBoth(a, b *arcmutex.Mutex[int]) { a.With(func(*int) { b.With(func(*int) {}) }) }

func TestCheckReportsCyclesFromOrderAlone(t *testing.T) {
	r := checkFor(t, time.Hour)
	l := named("A", "B", "C")
	lockBoth(l[0], l[1])
	lockBoth(l[1], l[2])
	assert.Empty(t, r.take())
	lockBoth(l[2], l[0])
	r.Lock()
	require.Len(t, r.found, 1)
	d := r.found[0]
	r.Unlock()
	assert.Equal(t, []string{"lock order: A>B B>C C>A"}, r.take())
	for _, s := range d.Steps {
		assert.Equal(t, goid.Get(), s.Goroutine)
		assert.Contains(t, s.Stack, "arcmutex_test.lockBoth")
		assert.Contains(t, s.Stack, "check_test.go:")
		assert.Contains(t, d.String(), fmt.Sprintf("goroutine %d holds %s and wants %s:\n%s", s.Goroutine, s.Holds, s.Wants, s.Stack))
	}
	lockBoth(l[2], l[0])
	lockBoth(l[1], l[2])
	assert.Empty(t, r.take(), "reported again")
	lockBoth(l[1], l[0])
	assert.Equal(t, []string{"lock order: A>B B>A"}, r.take(), "another, shorter cycle")
}

func TestCheckReportsALiveCycleOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := checkFor(t, time.Second)
		l := named("A", "B", "C")
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		goroutines := map[uint64]bool{}
		for i := range l {
			go l[i].With(func(*int) {
				mu.Lock()
				goroutines[goid.Get()] = true
				mu.Unlock()
				sleep(time.Minute)
				_ = l[(i+1)%3].WithContext(ctx, fine(func(*int) {}))
			})
		}
		testkit.Advance(time.Minute)
		assert.Equal(t, []string{"lock order: A>B B>C C>A"}, r.take())
		testkit.Advance(time.Second - 1)
		assert.Empty(t, r.take())
		testkit.Advance(time.Hour)
		r.Lock()
		require.Len(t, r.found, 1)
		d := r.found[0]
		r.Unlock()
		assert.Equal(t, []string{"waiting in vain: A>B B>C C>A"}, r.take())
		for _, s := range d.Steps {
			assert.True(t, goroutines[s.Goroutine])
			assert.Contains(t, s.Stack, "TestCheckReportsALiveCycleOnce")
			delete(goroutines, s.Goroutine)
		}
		assert.Empty(t, goroutines)
		cancel()
		synctest.Wait()
	})
}

func TestCheckReportsRecursiveRLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := checkFor(t, time.Second)
		m := arcmutex.NewRWMutex(0).WithName("M")
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		outer := m.RLock()
		go m.With(func(*int) {})
		synctest.Wait()
		_, err := m.RLockContext(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded, "no deadlock after all")
		assert.Equal(t, []string{"recursive lock: M>M"}, r.take())
		outer.Unlock()
		synctest.Wait()

		g := m.Lock()
		ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.Error(t, m.WithContext(ctx, fine(func(*int) {})))
		assert.Empty(t, r.take(), "another goroutine may have the guard")
		g.Unlock()
		assert.Equal(t, []string{"recursive lock: M>M"}, r.take(), "it has not")

		u := m.ULock()
		s := m.RLock()
		s.Unlock()
		w := u.Upgrade()
		assert.Empty(t, r.take())
		w.Unlock()
		assert.Equal(t, []string{"recursive lock: M>M"}, r.take(), "a writer may come between")
		s = m.RLock()
		u = m.ULock()
		ctx, cancel = context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err = u.UpgradeContext(ctx)
		require.Error(t, err)
		assert.Equal(t, []string{"recursive lock: M>M"}, r.take(), "it waits for its own share")
		u.Unlock()
		s.Unlock()
		m.With(func(*int) {})
		assert.Empty(t, r.take())
	})
}

func TestCheckReportsWhoWaitsForHimself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := checkFor(t, time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		m := arcmutex.NewMutex(0).WithName("M")
		m.With(func(*int) { require.Error(t, m.WithContext(ctx, fine[int](nil))) })
		assert.Equal(t, []string{"recursive lock: M>M"}, r.take())

		ctx, cancel = context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		rw := arcmutex.NewRWMutex(0).WithName("RW")
		rw.RWith(func(*int) { require.Error(t, rw.WithContext(ctx, fine[int](nil))) })
		assert.Equal(t, []string{"recursive lock: RW>RW"}, r.take())
	})
}

func TestCheckReportsReadersWhoWantToWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := checkFor(t, time.Second)
		var locks []*arcmutex.RWMutex[int]
		for _, name := range []string{"A", "B", "C"} {
			locks = append(locks, arcmutex.NewRWMutex(0).WithName(name))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for i, m := range locks {
			go m.RWith(func(*int) {
				sleep(time.Minute)
				_ = locks[(i+1)%3].WithContext(ctx, fine(func(*int) {}))
			})
		}
		testkit.Advance(time.Minute)
		assert.Equal(t, []string{"lock order: A>B B>C C>A"}, r.take())
		testkit.Advance(time.Hour)
		assert.Equal(t, []string{"waiting in vain: A>B B>C C>A"}, r.take())
	})
}

func TestCheckKeepsOtherReadersWhenOneLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := checkFor(t, time.Second)
		a, b := arcmutex.NewRWMutex(0).WithName("A"), arcmutex.NewMutex(0).WithName("B")
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		go a.RWith(func(*int) {
			sleep(2 * time.Second)
			_ = b.WithContext(ctx, fine(func(*int) {}))
		})
		synctest.Wait()
		go a.RWith(func(*int) { sleep(time.Second) }) // comes and leaves
		synctest.Wait()
		go b.With(func(*int) { _ = a.WithContext(ctx, fine(func(*int) {})) })
		testkit.Advance(time.Minute)
		assert.Equal(t, []string{"lock order: A>B B>A", "waiting in vain: A>B B>A"}, r.take())
		testkit.Advance(time.Hour)
	})
}

func TestCheckFollowsDowngradesAndForeignUnlocks(t *testing.T) {
	r := checkFor(t, time.Hour)
	a, b := arcmutex.NewRWMutex(0).WithName("A"), arcmutex.NewMutex(0).WithName("B")
	g := a.Lock()
	s := g.Downgrade()
	b.With(func(*int) {}) // A>B
	s.Unlock()
	h := b.Lock()
	done := make(chan struct{})
	go func() { h.Unlock(); close(done) }()
	<-done
	a.RWith(func(*int) {}) // B is not held any more
	assert.Empty(t, r.take())
	b.With(func(*int) { a.RWith(func(*int) {}) })
	assert.Equal(t, []string{"lock order: A>B B>A"}, r.take())
	u := a.ULock()
	s = u.Downgrade()
	s.Unlock()
	a.With(func(*int) {})
	assert.Empty(t, r.take())
}

func TestCheckForgetsTheHoldThatEnded(t *testing.T) {
	r := checkFor(t, time.Hour)
	l := named("A", "B", "C")
	a, b := l[0].Lock(), l[1].Lock()
	a.Unlock() // before b
	l[2].With(func(*int) {})
	b.Unlock()
	lockBoth(l[2], l[1])
	assert.Equal(t, []string{"lock order: B>C C>B"}, r.take())
}

func TestCheckIsSilentOnSoundCode(t *testing.T) {
	r := checkFor(t, time.Hour)
	t.Run("one order", func(*testing.T) {
		l := named("A", "B", "C")
		testkit.Parallel(4, func(i int) {
			for range 100 {
				l[i%2].With(func(*int) { lockBoth(l[1+i%2], arcmutex.NewMutex(0)) })
			}
		})
	})
	t.Run("hierarchy", func(*testing.T) {
		root := arcmutex.NewMutex(0)
		for range 3 {
			parent := arcmutex.NewMutex(0)
			root.With(func(*int) { lockBoth(parent, arcmutex.NewMutex(0)) })
			lockBoth(parent, arcmutex.NewMutex(0))
		}
	})
	t.Run("TryLock", func(t *testing.T) {
		l := named("A", "B")
		lockBoth(l[0], l[1])
		l[1].With(func(*int) { assert.NoError(t, l[0].TryWith(fine(func(*int) {}))) })
	})
	t.Run("hand over hand", func(*testing.T) {
		list := named("1", "2", "3", "4", "5", "6")
		testkit.Parallel(4, func(int) {
			for range 20 {
				g := list[0].Lock()
				for _, next := range list[1:] {
					h := next.Lock()
					g.Unlock()
					g = h
				}
				g.Unlock()
			}
		})
	})
	t.Run("LockAll", func(*testing.T) {
		l := named("A", "B", "C")
		testkit.Parallel(4, func(i int) {
			rng := rand.New(rand.NewPCG(1, uint64(i)))
			for range 50 {
				p := rng.Perm(3)
				var g, h arcmutex.Guard[int]
				arcmutex.LockAll(l[p[0]].To(&g), l[p[1]].To(&h))()
			}
		})
	})
	t.Run("long waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := checkFor(t, time.Millisecond)
			m := arcmutex.NewRWMutex(0)
			for i := range 20 {
				if i%2 == 0 {
					go m.With(func(*int) { sleep(time.Second) })
				} else {
					go m.RWith(func(*int) { sleep(time.Second) })
				}
			}
			testkit.Advance(time.Hour)
			assert.Empty(t, r.take())
		})
	})
	assert.Empty(t, r.take())
}

func TestStoppedCheckerIsSilent(t *testing.T) {
	l := named("A", "B")
	calls := 0
	stop := arcmutex.Check(time.Hour, func(*arcmutex.Deadlock) { calls++ })
	lockBoth(l[0], l[1])
	g := l[0].Lock()
	stop()
	stop()
	lockBoth(l[1], arcmutex.NewMutex(0))
	g.Unlock()
	lockBoth(l[1], l[0])
	assert.Zero(t, calls)
	require.EqualError(t, testkit.PanicError(t, func() { arcmutex.Check(0, nil) }), "arcmutex: Check: nil report")
}

func TestPrintingALockKeepsItsReader(t *testing.T) {
	r := checkFor(t, time.Hour)
	a, b := arcmutex.NewRWMutex(0).WithName("A"), arcmutex.NewMutex(0).WithName("B")
	a.RWith(func(*int) {
		assert.Equal(t, "RWMutex(0)", fmt.Sprintf("%+v", a))
		b.With(func(*int) {}) // A>B
	})
	b.With(func(*int) { a.RWith(func(*int) {}) })
	assert.Equal(t, []string{"lock order: A>B B>A"}, r.take())
}

func TestStressChecked(t *testing.T) {
	r := checkFor(t, time.Microsecond)
	testkit.Stress(t, func(t *testing.T, round int) {
		m := arcmutex.NewRWMutex(0)
		inner := arcmutex.NewMutex(0)
		testkit.Parallel(8, func(i int) {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(i)))
			for range 30 {
				ctx, cancel := context.WithCancel(t.Context())
				if rng.IntN(2) == 0 {
					go cancel()
				}
				switch rng.IntN(4) {
				case 0:
					_ = m.WithContext(ctx, fine(func(*int) { runtime.Gosched() }))
				case 1:
					_ = m.RWithContext(ctx, fine(func(*int) { _ = inner.WithContext(ctx, fine(func(*int) { runtime.Gosched() })) }))
				case 2:
					g := m.Lock()
					s := g.Downgrade()
					s.Unlock()
				default:
					u := m.ULock()
					g := u.Upgrade()
					inner.With(func(*int) {})
					g.Unlock()
				}
				cancel()
			}
		})
		assert.False(t, m.IsLocked() || inner.IsLocked() || m.Readers() > 0)
	})
	assert.Empty(t, strings.Join(r.take(), "\n"))
}

func TestPanickingReportLeavesTheLockGood(t *testing.T) {
	for name, wait := range map[string]func(*arcmutex.RWMutex[int]){
		"reader":   func(m *arcmutex.RWMutex[int]) { m.RWith(func(*int) {}) },
		"writer":   func(m *arcmutex.RWMutex[int]) { m.With(func(*int) {}) },
		"upgrader": func(m *arcmutex.RWMutex[int]) { u := m.ULock(); defer u.Unlock(); u.Upgrade() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := arcmutex.NewRWMutex(0)
				stop := arcmutex.Check(time.Second, func(d *arcmutex.Deadlock) {
					if d.Kind == arcmutex.DeadlockRecursion {
						panic(d)
					}
				})
				assert.NotNil(t, exits(func() {
					if name == "upgrader" {
						s := m.RLock()
						defer s.Unlock()
					} else {
						g := m.Lock()
						defer g.Unlock()
					}
					wait(m)
				}))
				stop()
				m.With(func(*int) {}) // would wait for ever
				assert.Zero(t, m.Readers())
			})
		})
	}
}

func TestCheckKnowsWhatAWaiterWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := checkFor(t, time.Second)
		b, x := arcmutex.NewRWMutex(0).WithName("B"), arcmutex.NewMutex(0).WithName("X")
		go func() { u := b.ULock(); sleep(time.Hour); u.Unlock() }()
		go b.RWith(func(*int) { sleep(time.Second); x.With(func(*int) {}) })
		synctest.Wait()
		go x.With(func(*int) { u := b.ULock(); u.Unlock() }) // waits for the other upgradable reader, not for the reader
		testkit.Advance(2 * time.Hour)
		assert.Equal(t, []string{"lock order: B>X X>B"}, r.take(), "and not in vain")
	})
}

func TestUnknownReaderTakesNobodysHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := arcmutex.NewRWMutex(0).WithName("A"), arcmutex.NewMutex(0).WithName("B")
		early := a.RLock() // before anybody checked
		r := checkFor(t, time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		go a.RWith(func(*int) { sleep(time.Minute); _ = b.WithContext(ctx, fine(func(*int) {})) })
		synctest.Wait()
		early.Unlock()
		go b.With(func(*int) { _ = a.WithContext(ctx, fine(func(*int) {})) })
		testkit.Advance(30 * time.Minute)
		assert.Equal(t, []string{"lock order: A>B B>A", "waiting in vain: A>B B>A"}, r.take())
		testkit.Advance(time.Hour)
	})
}

func TestReportMayLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := named("A", "B", "log")
		a, b, log := l[0], l[1], l[2]
		reports := 0
		defer arcmutex.Check(time.Second, func(*arcmutex.Deadlock) { log.With(func(*int) { reports++ }) })()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		go a.With(func(*int) { sleep(time.Second); _ = b.WithContext(ctx, fine(func(*int) {})) })
		go b.With(func(*int) { sleep(time.Second); _ = a.WithContext(ctx, fine(func(*int) {})) })
		go log.With(func(*int) { sleep(time.Minute) }) // the reports wait
		testkit.Advance(2 * time.Hour)
		log.With(func(*int) { assert.Equal(t, 2, reports, "order and cycle") })
	})
}

func TestStoppedCheckGivesWayToTheOneBefore(t *testing.T) {
	r := checkFor(t, time.Hour)
	arcmutex.Check(time.Hour, func(*arcmutex.Deadlock) { t.Error("told after its stop") })()
	l := named("A", "B")
	lockBoth(l[0], l[1])
	lockBoth(l[1], l[0])
	assert.Equal(t, []string{"lock order: A>B B>A"}, r.take())
}
