package frames_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/coderrange/ferrous/internal/frames"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// names returns the functions of the first n frames, inlined ones too.
func names(pcs []uintptr, n int) (all []string) {
	callers := runtime.CallersFrames(pcs)
	for more := true; more && len(all) < n; {
		var f runtime.Frame
		f, more = callers.Next()
		if !frames.IsWrapper(f.Function) {
			all = append(all, f.Function)
		}
	}
	return all
}

//go:noinline
func both(depth, skip int) (walked, known []string) {
	if depth > 0 {
		return inlined(depth, skip)
	}
	var a, b [32]uintptr
	n := frames.Callers(skip, a[:])
	m := runtime.Callers(1, b[:])
	return names(a[:n], 12-skip), names(b[:m], 12)[skip:]
}

func inlined(depth, skip int) (walked, known []string) { return both(depth-1, skip) }

func TestCallersAreThoseOfTheRuntime(t *testing.T) {
	for _, depth := range []int{0, 1, 4} {
		walked, known := both(depth, 0)
		n := min(len(walked), len(known))
		require.Positive(t, n)
		assert.Equal(t, known[:n], walked[:n])
		assert.Contains(t, walked, "github.com/coderrange/ferrous/internal/frames_test.TestCallersAreThoseOfTheRuntime")
	}
	_, known := both(0, 0)
	walked, _ := both(0, 1)
	assert.Equal(t, known[1], walked[0], "skipped")
}

func TestCallersOfAGoroutineEndWithIt(t *testing.T) {
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			var pcs [64]uintptr
			n := grow(100, func() int { return frames.Callers(0, pcs[:]) })
			assert.Equal(t, 64, n)
			n = frames.Callers(0, pcs[:])
			assert.Less(t, n, 10)
			assert.Contains(t, names(pcs[:n], 20), "runtime.goexit")
		})
	}
	wg.Wait()
}

// grow calls f from so deep that the stack has to grow and moves.
//
//go:noinline
func grow(depth int, f func() int) int {
	var large [256]byte
	large[depth] = 1
	if depth == 0 {
		return f()
	}
	return grow(depth-1, f) + int(large[depth]) - 1
}

func TestCallersFillsNoMoreThanThereIs(t *testing.T) {
	var pcs [3]uintptr
	assert.Equal(t, 2, frames.Callers(0, pcs[:2]))
	assert.Zero(t, pcs[2])
	assert.Zero(t, frames.Callers(0, nil))
	assert.Zero(t, frames.Callers(1000, pcs[:]))
	testkit.NoAllocs(t, "Callers", func() { frames.Callers(0, pcs[:]) })
}

func BenchmarkCallers(b *testing.B) {
	var pcs [12]uintptr
	b.Run("impl=ours", func(b *testing.B) {
		for b.Loop() {
			frames.Callers(0, pcs[:])
		}
	})
	b.Run("impl=runtime", func(b *testing.B) {
		for b.Loop() {
			runtime.Callers(1, pcs[:])
		}
	})
}
