package rc

import (
	"errors"

	"github.com/coderrange/ferrous/internal/track"
)

// ErrDropped is what a handle panics with when it is used after its end.
var ErrDropped = errors.New("handle was dropped")

// A useError names the use of a dropped handle.
type useError struct{ handle, method string }

func (e *useError) Error() string {
	return "rc: " + e.handle + "." + e.method + ": " + ErrDropped.Error()
}

func (e *useError) Unwrap() error { return ErrDropped }

func dropped(handle, method string) { panic(&useError{handle, method}) }

// What the inlined methods panic with is made beforehand, which keeps them
// small.
var (
	errGet    = &useError{"Rc", "Get"}
	errClone  = &useError{"Rc", "Clone"}
	errDrop   = &useError{"Rc", "Drop"}
	errBoxGet = &useError{"Box", "Get"}
)

// noCopy makes go vet report copies of a struct that has it as a field.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// class is the tracking of this package's handles.
var class = track.Class{Path: "github.com/coderrange/ferrous/rc", Profile: track.Handles}

func init() { track.Register(&class, nil) }

// Track records where one in n of the handles of this package made from now on
// come from: all for 1, and none for 0, which is how it starts. It may be called
// at any time and by any goroutine. A negative n panics.
//
// Package track says where tracked handles appear and what they cost. It turns
// on all packages at once, too: if it asks for more than n does, that much is
// tracked.
func Track(n int) { class.Track(n) }
