package channel

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
)

// A registration does not keep a channel alive that was not closed.
func TestARegistrationDoesNotKeepTheChannelAlive(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := newRing[[1 << 10]int](1)
	waiting := make(chan struct{})
	go func() {
		defer close(waiting)
		for range SteadyWaits + 1 {
			_, err := s.recv(ctx)
			assert.NoError(t, err)
		}
	}()
	for range SteadyWaits + 1 {
		for {
			w := s.mu.lock()
			parked := s.receivers.Front() != nil
			s.unlock(w)
			if parked {
				break
			}
			runtime.Gosched()
		}
		assert.NoError(t, s.send(ctx, [1 << 10]int{}))
	}
	<-waiting
	assert.NotNil(t, s.receiving.registered)
	weakly := weak.Make(s)
	assert.Eventually(t, func() bool {
		runtime.GC()
		return weakly.Value() == nil
	}, time.Minute, time.Millisecond)
}

// The context ends before the registration is in place, so that its function may
// have come already.
func TestALineDoesNotRegisterWithAContextThatHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		s := newRing[int](1)
		s.register(ctx, &s.receiving, (*ring[int]).cancelReceivers)
		w := s.mu.lock()
		assert.Nil(t, s.receiving.registered)
		s.unlock(w)
	}

	s := newRing[int](1)
	s.shutdown()
	s.register(t.Context(), &s.receiving, (*ring[int]).cancelReceivers)
	assert.Nil(t, s.receiving.registered, "the channel has ended")
}

func TestALineRegistersAfterWaitsInARowWithOneContext(t *testing.T) {
	type recvWaiter struct{ relies, register bool }
	var c canceler
	begin := func(done <-chan struct{}) (a recvWaiter) {
		a.relies, a.register = c.begin(done)
		return a
	}
	a, b := make(chan struct{}), make(chan struct{})
	for range 2 * SteadyWaits {
		assert.Equal(t, recvWaiter{}, begin(nil), "it has no end")
	}
	for range 2 {
		for range SteadyWaits - 1 {
			assert.Equal(t, recvWaiter{}, begin(a))
		}
		assert.Equal(t, recvWaiter{}, begin(b), "not in a row")
	}
	for range SteadyWaits - 1 {
		assert.Equal(t, recvWaiter{}, begin(a))
	}
	assert.Equal(t, recvWaiter{register: true}, begin(a))
	assert.Equal(t, recvWaiter{register: true}, begin(a), "nobody has yet")
	assert.Nil(t, c.replace(&registration{done: a}))

	assert.Equal(t, recvWaiter{relies: true}, begin(a))
	assert.Equal(t, recvWaiter{}, begin(nil))
	for range 2 * SteadyWaits {
		assert.Equal(t, recvWaiter{}, begin(b), "somebody relies on a")
	}
	c.end(cancelState{})
	assert.Equal(t, recvWaiter{}, begin(b), "still")
	c.end(cancelState{relies: true})
	assert.Equal(t, recvWaiter{register: true}, begin(b))
}

func TestARegistrationIsGoneAfterTheEndOfItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := newRing[int](1)
		s.register(ctx, &s.receiving, (*ring[int]).cancelReceivers)
		s.register(ctx, &s.sending, (*ring[int]).cancelSenders)
		assert.NotNil(t, s.receiving.registered)
		assert.NotNil(t, s.sending.registered)
		cancel()
		synctest.Wait()
		assert.Nil(t, s.receiving.registered, "a waiter that comes now selects")
		assert.Nil(t, s.sending.registered)
	})
}
