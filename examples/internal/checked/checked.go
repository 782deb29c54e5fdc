// Package checked runs the tests of the programs with all checks on: the deadlock
// checker, the tracker of handles, borrows and locks, and goleak.
package checked

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/track"
)

// after is how long a lock may be held or waited for. Machines that test are busy.
const after = 2 * time.Minute

// Main is for TestMain. It runs the tests and does not return. The tests fail also for a
// deadlock or a wrong order of locks, for what was not dropped, released or unlocked in
// the end, and for goroutines that are left. Last it calls the cleanups.
func Main(m *testing.M, cleanups ...func()) {
	code := run(m.Run)
	for _, cleanup := range cleanups {
		cleanup()
	}
	os.Exit(code)
}

func run(tests func() int) (code int) {
	var s suite
	stop := arcmutex.Check(after, func(d *arcmutex.Deadlock) { s.Errorf("%v", d) })
	track.Check(&s)
	code = tests()
	stop()
	for _, end := range s.ends {
		end()
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			s.Errorf("%v", err)
		}
	}
	if s.failed.Load() && code == 0 {
		code = 1
	}
	return code
}

// Program is for a test binary that is started as the program. It turns the deadlock
// checker on, whose report ends the process by a panic, and calls main.
func Program(main func()) {
	defer arcmutex.Check(after, func(d *arcmutex.Deadlock) { panic(d) })()
	main()
}

// suite is all tests, as one test of package track.
type suite struct {
	ends   []func()
	failed atomic.Bool
}

func (*suite) Helper() {}

func (s *suite) Cleanup(f func()) { s.ends = append(s.ends, f) }

func (s *suite) Errorf(format string, args ...any) {
	s.failed.Store(true)
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
