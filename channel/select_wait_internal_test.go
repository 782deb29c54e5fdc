package channel

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

// parked has places of a wait set, and what wakes each of them.
type parked struct {
	r      waitSet
	wake   []func()
	chosen []int // the native cases whose functions were called
}

func (p *parked) addWoken() {
	c := make(chan struct{})
	p.wake = append(p.wake, func() { close(c) })
	p.r.add(waitingCase{woken: c})
}

var tickTime = time.Unix(1, 2)

func (p *parked) addTimer() {
	c := make(chan time.Time, 1)
	p.wake = append(p.wake, func() { c <- tickTime })
	p.r.add(waitingCase{timer: c})
}

func (p *parked) addNative(receives bool) {
	k := len(p.r.waiting)
	c := make(chan int, 1)
	done := func() { p.chosen = append(p.chosen, k) }
	if receives {
		p.wake = append(p.wake, func() { c <- 1 })
		p.r.add(waitingCase{native: &chanRecv[int]{c, func(v int, ok bool) {
			if v == 1 && ok {
				done()
			}
		}}})
		return
	}
	c <- 1
	p.wake = append(p.wake, func() { <-c })
	p.r.add(waitingCase{native: &chanSend[int]{c, 2, done}})
}

// However many cases of each kind wait, and wherever they stand, the one that is woken
// is found. The bubble fails a wait that nothing ends.
func TestASelectIsWokenByEachOfItsCases(t *testing.T) {
	for woken := range maxArms + 2 {
		for timers := range maxTimers + 2 {
			for natives := range 3 {
				for layout := range 2 {
					name := fmt.Sprintf("%d woken, %d timers, %d natives, layout %d", woken, timers, natives, layout)
					synctest.Test(t, func(t *testing.T) {
						for k := range woken + timers + natives + 1 {
							p := new(parked)
							add := func(kind int) {
								switch kind {
								case 0:
									for range woken {
										p.addWoken()
									}
								case 1:
									for range timers {
										p.addTimer()
									}
								default:
									for i := range natives {
										p.addNative((i+k)%2 == 0)
									}
								}
							}
							for kind := range 3 {
								if layout == 1 {
									kind = 2 - kind
								}
								add(kind)
							}
							done := make(chan struct{})
							if k == len(p.wake) {
								close(done)
								got, canceled := p.r.park(done)
								require.Equal(t, -1, got, name)
								require.True(t, canceled, name)
								continue
							}
							p.wake[k]()
							got, canceled := p.r.park(done)
							require.Equal(t, k, got, name)
							require.False(t, canceled, name)
							isNative := p.r.waiting[k].native != nil
							require.Equal(t, isNative, p.r.done, name)
							if isNative {
								require.Equal(t, []int{k}, p.chosen, name)
							} else {
								require.Empty(t, p.chosen, name)
							}
							if p.r.waiting[k].timer != nil {
								require.Equal(t, tickTime, p.r.now, name)
							}
						}
					})
				}
			}
		}
	}
}

// scripted is a case that does what the test says.
type scripted struct {
	joins    []bool // what join reports; then true
	tries    []bool // what try reports; then false
	finishes []bool // what finish reports; then true
	woken    <-chan struct{}
	left     []bool // the places that were left, and whether they were woken
	took     int    // how often try or finish went on
}

func next(list *[]bool, last bool) bool {
	if len(*list) == 0 {
		return last
	}
	b := (*list)[0]
	*list = (*list)[1:]
	return b
}

func (c *scripted) name() string { return "scripted" }

func (c *scripted) goOn(r *waitSet, ok bool) bool {
	if ok {
		r.leave()
		c.took++
	}
	return ok
}

func (c *scripted) try(r *waitSet) bool { return c.goOn(r, next(&c.tries, false)) }

func (c *scripted) join(r *waitSet, i int) bool {
	return next(&c.joins, true) && r.add(waitingCase{op: c, i: i, place: i, woken: c.woken})
}

func (c *scripted) finish(r *waitSet, s *waitingCase) bool {
	if !next(&c.finishes, true) {
		return false
	}
	s.take()
	return c.goOn(r, true)
}

func (c *scripted) leave(_ any, woken bool) { c.left = append(c.left, woken) }

// A Select that joins anew has left all places, and has each case once.
func TestASelectThatJoinsAnewHasLeftItsPlaces(t *testing.T) {
	first := &scripted{}
	second := &scripted{joins: []bool{false}, woken: closedChan()}
	i, err := Select(t.Context(), Case{first}, Case{second})
	require.NoError(t, err)
	assert.Equal(t, 1, i)
	assert.Equal(t, []bool{false, false}, first.left, "one place of each time")
	assert.Equal(t, 1, second.took)

	r := new(waitSet)
	for range 2 {
		assert.True(t, r.join([]Case{{first}, {}, {second}}))
		assert.Len(t, r.waiting, 2)
	}
}

// A case that lost waits again, and has no claim that it could pass on.
func TestACaseThatLostHasNoClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		won := make(chan struct{})
		lost := make(chan struct{}, 1)
		lost <- struct{}{}
		first := &scripted{finishes: []bool{false}, woken: lost}
		second := &scripted{woken: won}
		go func() {
			synctest.Wait()
			close(won)
		}()
		i, err := Select(t.Context(), Case{first}, Case{second})
		require.NoError(t, err)
		assert.Equal(t, 1, i)
		assert.Equal(t, []bool{false}, first.left)
	})
}

// Repeated so often, a choice by lot is not the first each time.
const lots = 100

func TestASelectInOrderGoesOnWithTheFirst(t *testing.T) {
	for range lots {
		// Two cases can go on when one of them could not join.
		first, second := &scripted{tries: []bool{false, true}}, &scripted{tries: []bool{false, true}}
		third := &scripted{joins: []bool{false}}
		i, err := SelectInOrder(t.Context(), Case{first}, Case{second}, Case{third})
		require.NoError(t, err)
		assert.Equal(t, 0, i)
		assert.Equal(t, 1, first.took)

		// Two cases can go on when a later one was woken.
		first, second = &scripted{tries: []bool{false, true}}, &scripted{tries: []bool{false, true}}
		third = &scripted{woken: closedChan()}
		i, err = SelectInOrder(t.Context(), Case{first}, Case{second}, Case{third})
		require.NoError(t, err)
		assert.Equal(t, 0, i)
		assert.Equal(t, 1, first.took)
		assert.Zero(t, second.took+third.took)
		assert.Equal(t, []bool{true}, third.left, "it was woken")
	}
}

// A case that was woken goes on, though an earlier one can, too: without an order, or
// if it is one of a native channel, which cannot be undone.
func TestTheCaseThatWasWokenGoesOn(t *testing.T) {
	first, second := &scripted{tries: []bool{false, true}}, &scripted{woken: closedChan()}
	i, err := Select(t.Context(), Case{first}, Case{second})
	require.NoError(t, err)
	assert.Equal(t, 1, i)
	assert.Zero(t, first.took)

	for _, natives := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			c, called := make(chan int), 0
			first := &scripted{tries: []bool{false, true}}
			cases := []Case{{first}, OnChanRecv(c, func(int, bool) { called++ })}
			if natives == 2 {
				cases = append(cases, OnChanRecv(make(chan int), func(int, bool) {}))
			}
			go func() {
				synctest.Wait()
				c <- 1
			}()
			i, err := SelectInOrder(t.Context(), cases...)
			require.NoError(t, err)
			assert.Equal(t, 1, i)
			assert.Equal(t, 1, called)
			assert.Zero(t, first.took)
		})
	}
}

func TestTrySelectInOrderSaysWhichCaseWentOn(t *testing.T) {
	for want := range 2 {
		cases := []Case{{&scripted{tries: []bool{want == 0}}}, {&scripted{tries: []bool{true}}}}
		i, ok := TrySelectInOrder(cases...)
		assert.Equal(t, want, i)
		assert.True(t, ok)
	}
	i, ok := TrySelectInOrder(Case{&scripted{}})
	assert.Equal(t, -1, i)
	assert.False(t, ok)
}

// Each kind of case can go on at once, and leaves the other places before it calls its
// function. Those that have a line do not join it then.
func TestACaseThatCanGoOnAtOnce(t *testing.T) {
	tests := map[string]struct {
		open  func(f func(any)) Case
		want  any
		joins bool // it joins all the same, and is woken at once
	}{
		"Receiver.OnRecv": {func(f func(any)) Case {
			_, rx := New[int](1)
			c := rx.OnRecv(func(_ int, err error) { f(err) })
			rx.Close()
			return c
		}, ErrClosed, false},
		"Sender.OnSend": {func(f func(any)) Case {
			tx, _ := New[int](1)
			c := tx.OnSend(1, func(err error) { f(err) })
			tx.Close()
			return c
		}, ErrClosed, false},
		"Sender.OnReserve": {func(f func(any)) Case {
			tx, _ := New[int](1)
			c := tx.OnReserve(func(_ *Permit[int], err error) { f(err) })
			tx.Close()
			return c
		}, ErrClosed, false},
		"OneshotReceiver.OnRecv": {func(f func(any)) Case {
			tx, rx := NewOneshot[int]()
			c := rx.OnRecv(func(v int, _ error) { f(v) })
			_ = tx.Send(7)
			return c
		}, 7, false},
		"BroadcastReceiver.OnRecv": {func(f func(any)) Case {
			tx, rx := NewBroadcast[int](1)
			c := rx.OnRecv(func(v int, _ error) { f(v) })
			_, _ = tx.Send(7)
			return c
		}, 7, false},
		"WatchReceiver.OnChanged": {func(f func(any)) Case {
			tx, rx := NewWatch(1)
			c := rx.OnChanged(func(err error) { f(err) })
			tx.Close()
			return c
		}, ErrClosed, false},
		"Sender.OnDone": {func(f func(any)) Case {
			tx, rx := New[int](1)
			rx.Close()
			return tx.OnDone(func() { f(nil) })
		}, nil, true},
		"OnDone": {func(f func(any)) Case {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			return OnDone(ctx, func(err error) { f(err != nil) })
		}, true, true},
		"OnAfter": {func(f func(any)) Case { return OnAfter(0, func() { f(nil) }) }, nil, false},
		"OnTick": {func(f func(any)) Case {
			c := OnTick(time.Nanosecond, func(now time.Time) { f(now.IsZero()) })
			testkit.Advance(time.Nanosecond)
			return c
		}, false, true},
		"OnChanRecv": {func(f func(any)) Case {
			c := make(chan int, 1)
			c <- 7
			return OnChanRecv(c, func(v int, ok bool) { f([]any{v, ok}) })
		}, []any{7, true}, true},
		"OnChanSend": {func(f func(any)) Case {
			return OnChanSend(make(chan int, 1), 7, func() { f(nil) })
		}, nil, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, finishes := range []bool{false, true} {
					other, calls := new(scripted), 0
					c := test.open(func(got any) {
						calls++
						assert.Equal(t, test.want, got)
						assert.Equal(t, []bool{false}, other.left, "places left before the call")
					})
					assert.Equal(t, name, c.op.name())
					r := new(waitSet)
					require.True(t, other.join(r, 0))
					require.Equal(t, test.joins, c.op.join(r, 1))
					if turns, ok := c.op.(interface{ waits() bool }); ok {
						require.False(t, turns.waits())
					}
					if _, isNative := c.op.(native); finishes && test.joins && !isNative {
						r.now = tickTime
						assert.True(t, c.op.finish(r, &r.waiting[1]))
					} else {
						assert.True(t, c.op.try(r))
					}
					assert.Equal(t, 1, calls)
				}
			})
		})
	}
}

// waits reports whether a call waits on the receiver.
func (c *turnCase[T]) waits() bool { return c.r.turnsOf().line.Load() != nil }

func TestAReserveCaseTakesOneSlot(t *testing.T) {
	tx, _ := New[int](2)
	for range 2 {
		i, ok := TrySelect(tx.OnReserve(func(p *Permit[int], err error) { assert.NoError(t, err) }))
		assert.Zero(t, i)
		assert.True(t, ok)
	}
	_, ok := TrySelect(tx.OnReserve(func(*Permit[int], error) {}))
	assert.False(t, ok)
}

// A timeout counts from the first time that its Select began to wait.
func TestATimeoutCountsFromTheFirstWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const d = 10
		c := &afterCase{d: d, f: func() {}}
		assert.False(t, c.try(nil))
		assert.False(t, (&afterCase{d: 1}).try(nil), "1 ns is not over")
		for range 2 { // the second time with the timer of the first
			r := new(waitSet)
			began := time.Now()
			require.True(t, c.join(r, 0))
			assert.Equal(t, began, r.began)
			place := r.waiting[0].place.(*time.Timer)
			testkit.Advance(d - 1)
			assert.EqualValues(t, 1, c.left(r))
			assert.False(t, c.try(r))
			r.leave()
			assert.False(t, place.Stop(), "the timer was stopped")
			assert.Same(t, place, c.spare.Load())

			require.True(t, r.join([]Case{{c}}), "1 ns is left")
			assert.Equal(t, began, r.began)
			<-r.waiting[0].timer
			assert.Equal(t, began.Add(d), time.Now())
			assert.True(t, c.finish(r, &r.waiting[0]))
			assert.False(t, c.join(r, 0), "nothing is left")
			assert.True(t, c.try(r))
		}
	})
}
