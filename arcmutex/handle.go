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

// Track records where one in n of the handles made, and one in n of the locks
// taken from now on come from: all for 1, and none for 0, which is how it
// starts. It may be called at any time and by any goroutine. A negative n
// panics.
//
// Tracked handles appear in the profile ferrous.handles of runtime/pprof until
// they end, and in [Leaks] if they never do. Who holds a [Mutex] or [RWMutex]
// appears in the profile ferrous.locks until he unlocks it. What was made or
// taken while it was off is not seen, and several shares that a goroutine has in
// one lock are not told apart. Tracking every handle or hold costs up to
// three microseconds for each; at one in a thousand a handle costs next to
// nothing more, and a lock some thirty nanoseconds.
func Track(n int) {
	handles.Track(n)
	holds.Track(n)
	switching.Lock()
	defer switching.Unlock()
	watch()
}

// A Leak is a group of handles that were made in the same place and not ended.
type Leak = track.Leak

// Leaks returns the tracked handles that the garbage collector has found
// without their having been ended, the most numerous first.
//
// The first handle of a value is part of it, and is found when no other handle
// leads to the value any more.
func Leaks() []Leak { return handles.Leaks() }

// CheckLeaks tracks every handle until the test ends, and then fails it for
// each handle of this package made meanwhile that was not ended, with the
// stack that made it. Handles are not told apart by goroutine: do not use it
// in a test that runs in parallel with others that make some.
func CheckLeaks(t track.TB) {
	t.Helper()
	handles.CheckLeaks(t)
}
