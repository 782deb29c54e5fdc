package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// cost is what a run took.
type cost struct {
	elapsed    time.Duration
	goroutines uint64 // started
	allocs     uint64
	bytes      uint64 // allocated
	peak       uint64 // of memory in use by heap and stacks
}

// meter measures what goes on between startMeter and stop.
type meter struct {
	start  time.Time
	before runtime.MemStats
	born   uint64
	done   chan struct{}
	peak   chan uint64
}

// sampling is how often a meter looks at the memory.
const sampling = 5 * time.Millisecond

// startMeter frees what is left of earlier runs and begins to measure. It has a
// goroutine, which stop ends.
func startMeter() *meter {
	debug.FreeOSMemory()
	m := &meter{done: make(chan struct{}), peak: make(chan uint64)}
	go m.watch()
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
	close(m.done)
	c.peak = <-m.peak
	return c
}

// watch looks at the memory until the end, and then hands over the most it saw.
func (m *meter) watch() {
	ticker := time.NewTicker(sampling)
	defer ticker.Stop()
	var peak uint64
	for {
		peak = max(peak, read("/memory/classes/heap/objects:bytes", "/memory/classes/heap/stacks:bytes"))
		select {
		case <-ticker.C:
		case <-m.done:
			m.peak <- peak
			return
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
