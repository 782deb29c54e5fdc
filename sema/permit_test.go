package sema_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/sema"
)

func TestRefusedPermitsSaySo(t *testing.T) {
	s := sema.NewSemaphore(2)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for n := range int64(5) {
		p, err := s.Acquire(done, n)
		require.Error(t, err)
		require.EqualError(t, testkit.PanicError(t, p.Release), "sema: Permit.Release: permit was not acquired")
		if p, err := s.TryAcquire(n + 3); assert.ErrorIs(t, err, sema.ErrNoPermits) {
			require.EqualError(t, testkit.PanicError(t, p.Forget), "sema: Permit.Forget: permit was not acquired")
			assert.Zero(t, p.Len())
		}
	}
	assert.EqualValues(t, 2, s.Available())
}

func TestEndedPermitsAndListenersSayHowTheyEnded(t *testing.T) {
	s := sema.NewSemaphore(8)
	acquire := func() sema.Permit {
		p, err := s.Acquire(t.Context(), 1)
		require.NoError(t, err)
		return p
	}
	whole := acquire()
	for how, end := range map[string]func(*sema.Permit){
		"released":  (*sema.Permit).Release,
		"forgotten": (*sema.Permit).Forget,
		"merged":    func(p *sema.Permit) { whole.Merge(p) },
	} {
		p := acquire()
		c := p
		end(&p)
		free := s.Available()
		for method, use := range map[string]func(){
			"Release": c.Release, "Forget": c.Forget,
			"Split": func() { c.Split(0) }, "Merge": func() { c.Merge(&whole) },
		} {
			assert.PanicsWithError(t, "sema: Permit."+method+": permit was "+how, use)
		}
		assert.ErrorIs(t, testkit.PanicError(t, c.Release), sema.ErrReleased)
		assert.Zero(t, c.Len())
		assert.Equal(t, free, s.Available(), "a copy makes no permits")
	}
	assert.PanicsWithError(t, "sema: Permit.Release: permit was released", new(sema.Permit).Release)

	var n sema.Notify
	first, second := n.Listen(), n.Listen()
	n.NotifyOne()
	c := *first
	first.Close() // the second one gets the notification
	c.Close()     // no further one is made
	require.NoError(t, second.Wait(t.Context()))
	second.Close()
	assert.PanicsWithError(t, "sema: Listener.Wait: listener was closed", func() { _ = c.Wait(t.Context()) })
	assert.PanicsWithError(t, "sema: Listener.Wait: listener was closed", func() { _ = new(sema.Listener).Wait(t.Context()) })
	new(sema.Listener).Close()
	third := n.Listen()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Error(t, third.Wait(ended), "nothing is stored")
	third.Close()
}
