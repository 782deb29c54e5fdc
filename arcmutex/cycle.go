package arcmutex

import (
	"slices"
	"sync"
)

// cycles guards which wishes were reported.
var cycles sync.Mutex

// A link is a goroutine of a cycle: what it waits for, and its hold of the lock
// that the one before it waits for.
type link struct {
	wish   *wish
	vertex *vertex // that it holds
	serial uint64  // of that hold
}

// cycle returns the cycle of goroutines that wait for each other in which w
// takes part, unless it was reported or there is none.
func cycle(w *wish) []*Deadlock {
	links := find(w, w, parties.snapshot(), map[*wish]bool{})
	if links == nil || !stands(links) {
		return nil
	}
	cycles.Lock()
	defer cycles.Unlock()
	steps := make([]Step, len(links))
	for i, l := range links {
		if l.wish.reported {
			return nil
		}
		steps[i] = Step{l.wish.goroutine, l.vertex.String(), l.wish.vertex.String(), text(l.wish.stack)}
	}
	for _, l := range links {
		l.wish.reported = true
	}
	return []*Deadlock{{Cycle, steps}}
}

// find returns the links by which w leads to the goroutine of the wish end. It
// waits for those who hold the lock in a way that keeps it out, or one that
// waits before it: a reader waits for readers only if a writer is between.
func find(end, w *wish, holders map[*vertex][]holder, seen map[*wish]bool) []link {
	inTheWay := w.inTheWay()
	for _, h := range holders[w.vertex] {
		if h.wish == nil || seen[h.wish] || inTheWay&ways[h.mode] == 0 || w.mode == upgraded && h.mode == upgrading {
			continue // it waits for nothing, leads nowhere, is not in the way, or is what is to be upgraded
		}
		seen[h.wish] = true
		l := link{h.wish, w.vertex, h.serial}
		if h.wish == end {
			return []link{l}
		}
		if rest := find(end, h.wish, holders, seen); rest != nil {
			return append([]link{l}, rest...)
		}
	}
	return nil
}

// ways are the bits of the state that a hold of each mode may stand for: an
// upgradable reader may have become the writer.
var ways = [modes]uint64{exclusive: held, sharing: readers, upgrading: held | upgradable}

// stands reports whether all the links, of an earlier snapshot, have been there
// at one and the same time: those who wait must still be queued, and after
// that each must hold what it held.
func stands(links []link) bool {
	for _, l := range links {
		if l.wish.inTheWay() == 0 {
			return false
		}
	}
	holders := parties.snapshot()
	for _, l := range links {
		if !slices.ContainsFunc(holders[l.vertex], func(h holder) bool { return h.serial == l.serial }) {
			return false
		}
	}
	return true
}
