package arcmutex

import (
	"errors"
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/track"
)

// ErrDropped is what a handle panics with when it is used after its end.
var ErrDropped = errors.New("handle was dropped")

// A useError names the use of a dropped handle.
type useError struct{ handle, method string }

func (e *useError) Error() string {
	return "arcmutex: " + e.handle + "." + e.method + ": " + ErrDropped.Error()
}

func (e *useError) Unwrap() error { return ErrDropped }

func dropped(handle, method string) { panic(&useError{handle, method}) }

// errGet is made beforehand, which keeps the inlined Get small.
var errGet = &useError{"Arc", "Get"}

// A life says whether a handle is over: exactly one end of it returns zero.
type life struct{ ended atomic.Uint32 }

// over returns zero while the handle lives.
func (l *life) over() uint32 { return l.ended.Load() }

// end ends the handle, and returns zero if it lived.
func (l *life) end() uint32 { return l.ended.Swap(1) }

// again takes an end back.
func (l *life) again() { l.ended.Store(0) }

// handles is the tracking of Arcs and Weaks.
var handles = track.Class{Path: "github.com/coderrange/ferrous/arcmutex", Profile: track.Handles}

func init() {
	track.Register(&handles, nil)
	track.Register(&holds, func() {
		switching.Lock()
		defer switching.Unlock()
		watch()
	})
}

// Track records where one in n of the handles made, and one in n of the locks
// taken from now on come from: all for 1, and none for 0, which is how it
// starts. It may be called at any time and by any goroutine. A negative n
// panics.
//
// Package track says where what is tracked appears and what it costs. It turns
// on all packages at once, too: if it asks for more than n does, that much is
// tracked. Several shares that a goroutine has in one lock are not told apart.
// While locks are tracked each takes some thirty nanoseconds more, whether or
// not it is the one in n.
func Track(n int) {
	handles.Track(n)
	holds.Track(n)
}
