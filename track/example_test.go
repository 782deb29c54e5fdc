package track_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coderrange/ferrous/internal/testkit/handles"
	"github.com/coderrange/ferrous/rc"
	"github.com/coderrange/ferrous/track"
)

// A test fails if a handle that it made is not dropped, with the stack that made it.
func ExampleCheck() {
	test := func(t track.TB) { // of a *testing.T
		track.Check(t)
		order := rc.New("order")
		order.Clone()
		order.Drop()
	}
	_ = func(t *testing.T) { test(t) }

	var r handles.Recorder
	test(&r)
	for _, failure := range r.Finish() {
		first, _, _ := strings.Cut(failure, ",")
		fmt.Println(first)
	}
	// Output: 1 rc.Rc not ended
}

// A service samples its handles, borrows and locks.
func ExampleStart() {
	stop := track.Start(1000) // one in a thousand
	defer stop()
	fmt.Println("what is held: /debug/pprof/ferrous.handles; what was lost: track.Leaks()")
	// Output: what is held: /debug/pprof/ferrous.handles; what was lost: track.Leaks()
}
