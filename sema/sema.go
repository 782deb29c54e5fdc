// Package sema has semaphores, notifications and barriers, after tokio::sync: what
// goroutines wait for that guards no value. For locks that own a value see package
// arcmutex.
//
// A [Semaphore] counts permits, a [Notify] tells that something has happened, and a
// [Barrier] lets goroutines wait for each other. All waits are in the order of
// arrival and end with their context. Goroutines that wait are durably blocked in
// the sense of [testing/synctest]; what is waited for inside a bubble must be given
// inside it, as with Go's channels.
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

	// ErrReleased is what a [Permit] or a [Listener] panics with when it is used
	// after its end, or was never begun.
	ErrReleased = errors.New("sema: used after its end")
)

// class is the tracking of permits and listeners.
var class = track.Class{Path: "github.com/coderrange/ferrous/sema", Profile: track.Locks}

func init() { track.Register(&class, nil) }

// Track records where one in n of the permits acquired and listeners made from now on
// come from: all for 1, and none for 0, which is how it starts. It may be called at
// any time and by any goroutine. A negative n panics.
//
// Package track says where what is tracked appears and what it costs. It turns on all
// packages at once, too: if it asks for more than n does, that much is tracked.
func Track(n int) { class.Track(n) }

// methodError returns the error of a method.
func methodError(method string, err error) error { return operr.New("sema", method, err) }

// interrupted returns the error of a method whose context is done.
func interrupted(ctx context.Context, method string) error {
	return operr.Interrupted(ctx, "sema", method)
}

// noCopy makes go vet report copies of a struct that has it as a field.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}
