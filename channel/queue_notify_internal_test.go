package channel

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// A notification while the holder of the token checks the state for the last time must
// reach the next waiter: the holder clears the flag first and then checks.
func TestANotificationAtTheLastMomentReachesTheNextWaiter(t *testing.T) {
	var b notifier
	b.waiting.Store(2) // the holder of the token and another one
	b.notified.Store(true)
	b.forward(func() bool {
		b.notify() // the state changes just after the look
		return false
	})
	assert.Len(t, tokenOf(&b.token), 1)
	assert.True(t, b.notified.Load())
}

func TestThereIsAtMostOneToken(t *testing.T) {
	var b notifier
	b.notify()
	assert.Empty(t, tokenOf(&b.token), "no goroutine waits")
	b.waiting.Store(3)
	b.notify()
	b.notify()
	assert.Len(t, tokenOf(&b.token), 1)
}

// readyOf adds a place to the Ready queue of b. So much is available from then on.
func readyOf(b *notifier, n *int, ended *bool) (opened <-chan struct{}) {
	p := new(readyPlace)
	before := *n
	*n = 0
	opened = b.joinReady(p, func() (int, bool) { return *n, *ended })
	*n = before
	return opened
}

func isOpen(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestTheTokenOfAWaiterThatLeftGoesToReady(t *testing.T) {
	var b notifier
	var ended bool
	n := 1
	b.waiting.Add(1)
	b.notify()
	assert.Len(t, tokenOf(&b.token), 1)
	opened := readyOf(&b, &n, &ended)
	assert.False(t, isOpen(opened))
	b.leave()
	assert.True(t, isOpen(opened))
	assert.Empty(t, tokenOf(&b.token))
	assert.False(t, b.notified.Load())
	assert.Zero(t, b.waiting.Load())
}

func TestTheTokenStaysForTheNextWaiter(t *testing.T) {
	var b notifier
	b.waiting.Add(1)
	b.notify()
	b.leave()
	assert.Len(t, tokenOf(&b.token), 1, "no goroutine waits for Ready")
	assert.True(t, b.notified.Load())
	_, err := b.wait(t.Context(), func() bool { return false })
	assert.NoError(t, err)
}

// many is so many waiters that one place in Ready never wins against them by lot.
const many = 1 << 30

func TestNotifyWakesReadyAndWaiters(t *testing.T) {
	for name, c := range map[string]struct {
		n             int
		ended         bool
		waiters       int
		inFlight      bool
		opens, tokens bool
	}{
		"a message, nobody else":      {n: 1, opens: true},
		"two messages, a waiter":      {n: 2, waiters: 1, inFlight: true, opens: true},
		"nothing, and a waiter":       {waiters: 1},
		"a message, and many waiters": {n: 1, waiters: many, tokens: true},
		"the token is with a waiter":  {n: 1, waiters: many, inFlight: true, opens: true},
		"the end is for all":          {ended: true, waiters: 1, opens: true, tokens: true},
		"nothing":                     {},
	} {
		t.Run(name, func(t *testing.T) {
			var b notifier
			var ended bool
			opened := readyOf(&b, &c.n, &ended)
			ended = c.ended
			b.waiting.Add(int64(c.waiters))
			b.notified.Store(c.inFlight)
			b.notify()
			assert.Equal(t, c.opens, isOpen(opened), "Ready")
			assert.Equal(t, c.tokens, len(tokenOf(&b.token)) == 1, "token")
			want := int64(c.waiters)
			if !c.opens {
				want += readyUnit
			}
			assert.Equal(t, want, b.waiting.Load())
			assert.Nil(t, b.ready.Load().timer, "no goroutine was blocked in Ready")
		})
	}
}

// What a goroutine was woken for is offered to the others after readyGrace.
func TestOthersThanTheOneThatWasWokenAreNotifiedLater(t *testing.T) {
	for name, c := range map[string]struct {
		waiters, places int
		later           bool
	}{
		"no other":                    {},
		"a waiter":                    {waiters: 1, later: true},
		"another that waits in Ready": {places: 1, later: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b notifier
				var ended bool
				n := 1
				opened := readyOf(&b, &n, &ended)
				woken := make(chan struct{})
				go func() {
					<-opened
					close(woken)
				}()
				var other <-chan struct{}
				for range c.places {
					other = readyOf(&b, &n, &ended)
				}
				synctest.Wait()
				b.waiting.Add(int64(c.waiters))
				b.notified.Store(c.waiters > 0) // so that Ready is offered the message
				b.notify()
				<-woken
				assert.Equal(t, c.later, b.ready.Load().timer != nil)
				b.notified.Store(false)
				time.Sleep(2 * readyGrace) //nolint:forbidigo // fake time
				synctest.Wait()
				assert.Equal(t, c.waiters, len(tokenOf(&b.token)))
				assert.Equal(t, c.places > 0, other != nil && isOpen(other))
			})
		})
	}
}

func TestWaitersAreCountedWhileTheyWait(t *testing.T) {
	var b notifier
	yes, no := func() bool { return true }, func() bool { return false }
	notified, err := b.wait(t.Context(), yes)
	assert.NoError(t, err)
	assert.False(t, notified)
	assert.Zero(t, b.waiting.Load())

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.wait(ctx, no)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Zero(t, b.waiting.Load())

	token, place := b.join(yes)
	assert.Nil(t, token)
	assert.Nil(t, place)
	assert.Zero(t, b.waiting.Load())
	token, place = b.join(no)
	assert.NotNil(t, token)
	assert.NotNil(t, place)
	assert.EqualValues(t, 1, b.waiting.Load())
	b.leave()

	p, place2 := new(readyPlace), new(readyPlace)
	nothing := func() (int, bool) { return 0, false }
	b.joinReady(p, nothing)
	b.joinReady(p, nothing)
	assert.EqualValues(t, int64(readyUnit), b.waiting.Load(), "a place counts once")
	b.joinReady(place2, nothing)
	assert.EqualValues(t, int64(2*readyUnit), b.waiting.Load())
	b.leaveReady(p)
	b.leaveReady(p)
	assert.EqualValues(t, int64(readyUnit), b.waiting.Load())
	assert.True(t, isOpen(b.joinReady(p, func() (int, bool) { return 1, false })), "there is something")
	assert.True(t, isOpen(b.joinReady(p, func() (int, bool) { return 0, true })), "the end")
	b.leaveReady(place2)
	assert.Zero(t, b.waiting.Load())
}

// After an operation without the token the next waiter is notified, but only if a
// goroutine has waited for Ready, there is a waiter, and there is more to do.
func TestNotifyNext(t *testing.T) {
	for _, ready := range []bool{false, true} {
		for _, hasReady := range []bool{false, true} {
			for _, waiters := range []int64{0, 1} {
				var b notifier
				if hasReady {
					p := new(readyPlace)
					b.joinReady(p, func() (int, bool) { return 0, false })
					b.leaveReady(p)
				}
				b.waiting.Add(waiters)
				asked := false
				b.notifyNext(func() bool {
					asked = true
					return ready
				})
				assert.Equal(t, hasReady && waiters > 0, asked)
				assert.Equal(t, ready && hasReady && waiters > 0, len(tokenOf(&b.token)) == 1)
			}
		}
	}
	var b notifier
	b.waiting.Add(1)
	b.notified.Store(true)
	b.forward(func() bool { panic("there is no other waiter") })
}
