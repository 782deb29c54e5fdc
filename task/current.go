package task

import (
	"context"
	"sync"

	"github.com/coderrange/ferrous/internal/goid"
)

// waiterOf returns the task on whose behalf the calling goroutine waits with ctx, or nil, and
// whether the goroutine runs that task. On a goroutine of a worker it is the task of the worker,
// with any ctx.
func waiterOf(ctx context.Context) (x *taskState, own bool) {
	if x := current(); x != nil {
		return x, true
	}
	x = taskOf(ctx)
	return x, x != nil && x.goroutine.Load() == goid.Live()
}

// current returns the task that the calling goroutine runs as a worker, or nil.
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

// A shard is a part of the table of all workers by their goroutines. The table is split so that
// goroutines seldom contend for a lock.
type shard struct {
	mu      sync.Mutex
	workers shrinkingMap[uintptr, *worker]
	_       [96]byte // each in cache lines of its own
}

const logShards = 6

var shards [1 << logShards]shard

// currentShard returns the shard for the calling goroutine, and its goid.Live.
func currentShard() (*shard, uintptr) {
	g := goid.Live()
	const golden = 0x9e3779b1 // 2^32 / golden ratio: Knuth's multiplicative hash
	return &shards[uint32(g>>4)*golden>>(32-logShards)], g
}

// register records w as the worker of the calling goroutine.
func register(w *worker) {
	s, g := currentShard()
	s.mu.Lock()
	s.workers.set(g, w)
	s.mu.Unlock()
}

// unregister removes the worker of the calling goroutine.
func unregister() {
	s, g := currentShard()
	s.mu.Lock()
	s.workers.delete(g)
	s.mu.Unlock()
}
