// Package sema has semaphores, notifications and barriers, after tokio::sync. They
// coordinate goroutines and guard no value. For locks that own a value see package
// arcmutex.
//
// A [Semaphore] hands out permits and limits how many goroutines do something at
// once. A [Notify] wakes one goroutine, or all that wait. A [Barrier] lets a number
// of goroutines wait for each other:
//
//	limit := sema.NewSemaphore(8)
//	permit, err := limit.Acquire(ctx, 1)
//	if err != nil {
//		return err // ctx is done, or limit was closed
//	}
//	defer permit.Release()
//
// All waits are served in arrival order and end when their context is done. A
// goroutine that waits is durably blocked in the sense of [testing/synctest]. A
// goroutine that waits inside a bubble must be woken from inside it, as with Go's
// channels.
//
// If the context ends a wait, the error matches both ctx.Err() and [context.Cause] with
// [errors.Is], also if the context has a cause of its own.
//
// Misuse panics with an error that names the method: a nil context, a number out of
// range, a permit or listener that has ended. A nil *Semaphore, *Notify, *Barrier or
// *Listener is left to the runtime, as in package sync.
package sema

import (
	"context"
	"errors"

	"github.com/coderrange/ferrous/internal/operr"
	"github.com/coderrange/ferrous/internal/track"
)

var (
	// ErrClosed says that a [Semaphore] was closed.
	ErrClosed = errors.New("sema: closed")

	// ErrNoPermits says that [Semaphore.TryAcquire] would have to wait.
	ErrNoPermits = errors.New("sema: no permits")

	// ErrReleased is what a [Permit] or a [Listener] panics with if it has ended or
	// is zero.
	ErrReleased = errors.New("sema: used after its end")
)

// class is the tracking of permits and listeners.
var class = track.Class{Path: "github.com/coderrange/ferrous/sema", Profile: track.Locks}

func init() { track.Register(&class, nil) }

// Track turns on the tracking of permits and listeners: it records the stack of one in n
// of those that are made from now on. 1 tracks all. 0 tracks none and is the initial
// setting. Track panics if n is negative. It is safe for concurrent use.
//
// Package track describes where tracked permits are reported and what tracking costs. It
// can also turn tracking on for all packages; the setting that tracks more applies.
func Track(n int) { class.Track(n) }

// methodError returns the error of a method.
func methodError(method string, err error) error { return operr.New("sema", method, err) }

// interrupted returns the error of a method whose context is done.
func interrupted(ctx context.Context, method string) error {
	return operr.Interrupted(ctx, "sema", method)
}

// isDone reports whether ctx is done. It panics in the name of the method if ctx is
// nil.
func isDone(ctx context.Context, method string) bool { return operr.IsDone(ctx, "sema", method) }

// noCopy makes go vet report copies of a struct that has it as a field.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}
