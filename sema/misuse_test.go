package sema_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/sema"
)

func TestMisusePanicsByName(t *testing.T) {
	var none context.Context
	var zero sema.Permit
	ended := func(end func(p sema.Permit)) sema.Permit {
		p, err := sema.NewSemaphore(2).TryAcquire(2)
		require.NoError(t, err)
		end(p)
		return p
	}
	released, forgotten := ended(sema.Permit.Release), ended(sema.Permit.Forget)
	merged := ended(func(p sema.Permit) {
		other, _ := p.Split(1)
		other.Merge(&p)
	})
	held := ended(func(sema.Permit) {})
	closed := new(sema.Notify).Listen()
	closed.Close()
	for _, c := range []struct {
		want   string
		misuse func()
	}{
		{"Semaphore.Acquire: nil context", func() { _, _ = sema.NewSemaphore(1).Acquire(none, 1) }},
		{"Semaphore.Acquire: nil context", func() { _, _ = new(sema.Semaphore).Acquire(none, 1) }},
		{"Semaphore.Acquire: -1 permits, want 0 to MaxPermits", func() { _, _ = new(sema.Semaphore).Acquire(t.Context(), -1) }},
		{"Semaphore.TryAcquire: -1 permits, want 0 to MaxPermits", func() { _, _ = sema.NewSemaphore(1).TryAcquire(-1) }},
		{"Semaphore.Forget: -1 permits, want 0 to MaxPermits", func() { sema.NewSemaphore(1).Forget(-1) }},
		{"Semaphore.Add: 9223372036854775807 permits, want 0 to MaxPermits", func() { new(sema.Semaphore).Add(math.MaxInt64) }},
		{"NewSemaphore: -1 permits, want 0 to MaxPermits", func() { sema.NewSemaphore(-1) }},
		{"NewBarrier: -1 goroutines", func() { sema.NewBarrier(-1) }},
		{"Barrier.Wait: nil context", func() { _, _ = sema.NewBarrier(2).Wait(none) }},
		{"Barrier.Wait: nil context", func() { _, _ = new(sema.Barrier).Wait(none) }},
		{"Notify.Wait: nil context", func() { _ = new(sema.Notify).Wait(none) }},
		{"Listener.Wait: nil context", func() { _ = new(sema.Notify).Listen().Wait(none) }},
		{"Listener.Wait: listener was closed", func() { _ = closed.Wait(none) }},
		{"Listener.Wait: listener was closed", func() { _ = new(sema.Listener).Wait(t.Context()) }},
		{"Permit.Release: permit was released", zero.Release},
		{"Permit.Release: permit was released", released.Release},
		{"Permit.Release: permit was forgotten", forgotten.Release},
		{"Permit.Release: permit was merged", merged.Release},
		{"Permit.Forget: permit was released", zero.Forget},
		{"Permit.Split: permit was released", func() { zero.Split(0) }},
		{"Permit.Split: -1 permits", func() { held.Split(-1) }},
		{"Permit.Merge: permit was released", func() { zero.Merge(&held) }},
		{"Permit.Merge: permit was released", func() { held.Merge(&zero) }},
		{"Permit.Merge: nil permit", func() { held.Merge(nil) }},
		{"Permit.Merge: a permit with itself", func() { held.Merge(&held) }},
		{"Track: negative rate -1", func() { sema.Track(-1) }},
	} {
		err := testkit.PanicError(t, c.misuse)
		require.EqualError(t, err, "sema: "+c.want)
		if strings.Contains(c.want, " was ") {
			require.ErrorIs(t, err, sema.ErrReleased)
		}
	}
	new(sema.Listener).Close()
	isLeader, err := new(sema.Barrier).Wait(t.Context())
	require.NoError(t, err)
	assert.True(t, isLeader)
	assert.EqualValues(t, 2, held.Len(), "misuse has changed it")
}

func TestValuesPrintTheirState(t *testing.T) {
	s := sema.NewSemaphore(3)
	p, err := s.TryAcquire(2)
	require.NoError(t, err)
	refused, _ := s.TryAcquire(2)
	var released sema.Permit
	closed := new(sema.Semaphore)
	closed.Close()
	stored, waiting := new(sema.Notify), new(sema.Notify)
	stored.NotifyOne()
	notified, l := new(sema.Notify).Listen(), waiting.Listen()
	taken := stored.Listen()
	stored.NotifyOne()
	defer l.Close()
	notified.Close()
	for want, v := range map[string]testkit.Shown{
		"Semaphore(1)\nfree 1\nwaiting 0":                        s,
		"Semaphore(0 closed)\nfree 0\nwaiting 0\nstate closed":   closed,
		"Permit(2)\npermits of 2 → *sema.Semaphore":              p,
		"Permit(released)\n released":                            released,
		"Permit(not acquired)\n not acquired":                    refused,
		"Notify(0 waiting)\nstored false\nwaiting 0":             new(sema.Notify),
		"Notify(1 waiting)\nstored false\nwaiting 1":             waiting,
		"Notify(stored)\nstored true\nwaiting 0":                 stored,
		"Listener(waiting)\nlistens to waiting → *sema.Notify":   l,
		"Listener(notified)\nlistens to notified → *sema.Notify": taken,
		"Listener(closed)\nlistens to closed → *sema.Notify":     notified,
		"Listener(closed)\n closed":                              new(sema.Listener),
		"Barrier(0 of 2)\nwaiting 0\nparties 2":                  sema.NewBarrier(2),
	} {
		testkit.ShownAs(t, want, v)
	}
}
