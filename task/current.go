package task

import (
	"context"
	"sync"

	"github.com/coderrange/ferrous/internal/goid"
)

// waiterOf returns the task that waits if the calling goroutine waits with ctx, or
// nil, and whether the goroutine runs it. The goroutine of a task of a crew waits for
// that task whatever ctx is.
func waiterOf(ctx context.Context) (x *taskState, own bool) {
	if x := current(); x != nil {
		return x, true
	}
	x = taskOf(ctx)
	return x, x != nil && x.goroutine.Load() == goid.Live()
}

// current returns the task that the calling goroutine runs for a crew, or nil.
func current() *taskState {
	s, g := currentShard()
	s.mu.Lock()
	w := s.workers.m[g]
	s.mu.Unlock()
	if w == nil || w.task == nil {
		return nil
	}
	return w.task.base()
}

// A shard is a part of the workers of all crews, by goid.Live of their goroutines.
type shard struct {
	mu      sync.Mutex
	workers shrinkingMap[uintptr, *worker]
	_       [96]byte // each in cache lines of its own
}

const logShards = 6

var shards [1 << logShards]shard

// currentShard returns the calling goroutine, and the shard that knows it if it is a worker's.
func currentShard() (*shard, uintptr) {
	g := goid.Live()
	const golden = 0x9e3779b1 // 2^32 by the golden ratio: it spreads addresses
	return &shards[uint32(g>>4)*golden>>(32-logShards)], g
}

// register notes that w is the worker of the calling goroutine.
func register(w *worker) {
	s, g := currentShard()
	s.mu.Lock()
	s.workers.set(g, w)
	s.mu.Unlock()
}

// unregister notes that the calling goroutine is no worker's any more.
func unregister() {
	s, g := currentShard()
	s.mu.Lock()
	s.workers.delete(g)
	s.mu.Unlock()
}
