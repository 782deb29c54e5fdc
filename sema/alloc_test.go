package sema_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/sema"
)

func TestNothingAllocatesThatDoesNotWait(t *testing.T) {
	ctx := t.Context()
	s := sema.NewSemaphore(1)
	var n sema.Notify
	for what, f := range map[string]func(){
		"Acquire": func() {
			p, err := s.Acquire(ctx, 1)
			assert.NoError(t, err)
			p.Release()
		},
		"TryAcquire": func() {
			p, err := s.TryAcquire(1)
			assert.NoError(t, err)
			p.Release()
		},
		"Split and Merge": func() {
			p, err := s.Acquire(ctx, 1)
			assert.NoError(t, err)
			q, ok := p.Split(1)
			assert.True(t, ok)
			p.Merge(&q)
			p.Release()
		},
		"Notify": func() { n.NotifyOne(); assert.NoError(t, n.Wait(ctx)) },
	} {
		testkit.NoAllocs(t, what, f)
	}
}

//go:noinline
func permitted(s *sema.Semaphore) (sema.Permit, error) { return s.TryAcquire(1) }

// What a permit costs that does not stay where it was made.
func TestReturnedPermitsAllocateOnce(t *testing.T) {
	s := sema.NewSemaphore(1)
	testkit.Allocs(t, "TryAcquire", 1, func() {
		p, _ := permitted(s)
		p.Release()
	})
}
