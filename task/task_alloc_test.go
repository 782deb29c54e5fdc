package task_test

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/task"
)

func TestAllocations(t *testing.T) {
	ctx := t.Context()
	h := task.Go(ctx, value(1))
	<-h.Done()
	testkit.NoAllocs(t, "Join of a task that has ended", func() {
		_, _ = h.Join(ctx)
		_, _, _ = h.Poll()
	})
	// The handle, the channel to wait on, and what the go statement makes.
	f := value(1)
	testkit.Allocs(t, "Go and Join", 3, func() { _, _ = task.Go(ctx, f).Join(context.Background()) })
}

// TestMemoryOfManyWaitingTasks holds 100,000 tasks that wait: for a signal, and
// for their contexts, which then are contexts of the standard library.
func TestMemoryOfManyWaitingTasks(t *testing.T) {
	n := uint64(100_000)
	if testkit.RaceEnabled {
		n = 1000
	}
	stack := uint64(0) // what a new stack has beyond 2 KiB
	if runtime.GOOS == "windows" {
		stack = 6 << 10
	}
	gate := make(chan struct{})
	t.Run("signal", func(t *testing.T) {
		measureWaiting(t, n, 3<<10+stack, after(gate, 1), func(*task.Scope) { close(gate) })
	})
	t.Run("context", func(t *testing.T) {
		measureWaiting(t, n, 3<<10+256+stack, untilDone, func(s *task.Scope) { s.Abort(nil) })
	})
}

func measureWaiting(
	t *testing.T, n, most uint64, f func(context.Context) (int, error), end func(*task.Scope),
) {
	t.Helper()
	require.NoError(t, task.WithScope(t.Context(), func(s *task.Scope) error {
		var began sync.WaitGroup
		began.Add(int(n))
		waiting := func(ctx context.Context) (int, error) {
			began.Done()
			return f(ctx)
		}
		handles := make([]*task.Handle[int], n)
		defer debug.SetGCPercent(debug.SetGCPercent(-1))
		testkit.SmallStacks()
		before := inUse()
		for i := range handles {
			handles[i] = task.Spawn(s, waiting)
		}
		began.Wait()
		runtime.GC()
		each := (inUse() - before) / n
		t.Logf("%d bytes a task", each)
		if !testkit.RaceEnabled {
			assert.LessOrEqual(t, each, most)
		}
		end(s)
		for _, h := range handles {
			_, _ = h.Join(t.Context())
		}
		return nil
	}))
}

// inUse returns the bytes of heap and stacks in use.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse + m.OtherSys
}
