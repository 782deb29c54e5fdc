package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/task"
)

// cost is what a run took.
type cost struct {
	elapsed    time.Duration
	goroutines uint64 // started
	allocs     uint64
	bytes      uint64 // allocated
	most              // seen at any time
}

// most is the most that was seen.
type most struct {
	peak    uint64 // of memory in use by heap and stacks
	threads uint64 // of the operating system
}

// meter measures what goes on between startMeter and stop.
type meter struct {
	start  time.Time
	before runtime.MemStats
	born   uint64
	watch  *task.Handle[most]
}

// sampling is how often a meter looks at the memory.
const sampling = 5 * time.Millisecond

// startMeter frees what is left of earlier runs and begins to measure. It has a
// task, which stop ends.
func startMeter() *meter {
	debug.FreeOSMemory()
	m := &meter{watch: task.Go(context.Background(), watch)}
	m.born = read("/sched/goroutines-created:goroutines")
	runtime.ReadMemStats(&m.before)
	m.start = time.Now()
	return m
}

func (m *meter) stop() cost {
	c := cost{elapsed: time.Since(m.start)}
	c.goroutines = read("/sched/goroutines-created:goroutines") - m.born
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	c.allocs = after.Mallocs - m.before.Mallocs
	c.bytes = after.TotalAlloc - m.before.TotalAlloc
	m.watch.Abort(nil)
	c.most, _ = m.watch.Join(context.Background()) // it returns no error
	return c
}

// watch looks now and then, until it is aborted, and returns the most that it saw.
func watch(ctx context.Context) (m most, _ error) {
	look := func(time.Time) {
		m.peak = max(m.peak, read("/memory/classes/heap/objects:bytes", "/memory/classes/heap/stacks:bytes"))
		m.threads = max(m.threads, read("/sched/threads/total:threads"))
	}
	tick := []channel.Case{channel.OnTick(sampling, look)}
	for {
		if _, err := channel.Select(ctx, tick...); err != nil {
			look(time.Time{})
			return m, nil //nolint:nilerr // that is the end of the watch
		}
	}
}

// read returns the sum of some metrics.
func read(names ...string) (sum uint64) {
	all := make([]metrics.Sample, len(names))
	for i, name := range names {
		all[i].Name = name
	}
	metrics.Read(all)
	for _, s := range all {
		sum += s.Value.Uint64()
	}
	return sum
}
