package stream

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/coderrange/ferrous/task"
)

// ReadAhead is how many elements [Map], [MapUnordered] and [ForEach] may read ahead, in addition to the
// n elements for which their functions run. If n is more than ReadAhead, they may read n ahead. If n is
// 1, they read nothing ahead. For another number, use [MapAhead].
const ReadAhead = 64

// Map returns a stream of the results of f for the elements of s, in the order of the elements. Up to
// n calls of f run at once.
//
// An error of f is yielded after the results of the elements before it. Once f has failed, it is not
// called with further elements. When the error is yielded, the contexts of running calls are
// canceled.
//
// Map starts f as soon as an element arrives. It reads ahead: up to n + max([ReadAhead], n) elements
// have been read whose results the loop has not finished with. If n is 1, Map is pure. It panics if
// n is not positive. After futures' buffered.
func Map[T, U any](s Stream[T], n int, f func(context.Context, T) (U, error)) Stream[U] {
	return mapWith("Map", s, n, defaultAhead(n), true, f)
}

// MapUnordered is [Map] with the results in the order in which the calls of f return. After futures'
// buffer_unordered.
func MapUnordered[T, U any](s Stream[T], n int, f func(context.Context, T) (U, error)) Stream[U] {
	return mapWith("MapUnordered", s, n, defaultAhead(n), false, f)
}

// MapAhead is [Map] with up to n + ahead elements read whose results the loop has not finished with.
// If ahead is 0, an element is read only when f can be called with it at once. Use that where
// reading removes something, as from a queue of jobs. MapAhead panics if ahead is negative.
func MapAhead[T, U any](s Stream[T], n, ahead int, f func(context.Context, T) (U, error)) Stream[U] {
	return mapWith("MapAhead", s, n, ahead, true, f)
}

// MapUnorderedAhead is [MapUnordered] with up to n + ahead elements read, as in [MapAhead].
func MapUnorderedAhead[T, U any](s Stream[T], n, ahead int, f func(context.Context, T) (U, error)) Stream[U] {
	return mapWith("MapUnorderedAhead", s, n, ahead, false, f)
}

// defaultAhead returns how many elements Map reads beyond n.
func defaultAhead(n int) int {
	if n == 1 {
		return 0
	}
	return max(ReadAhead, n)
}

func mapWith[T, U any](
	name string, s Stream[T], n, ahead int, ordered bool, f func(context.Context, T) (U, error),
) Stream[U] {
	checkPositive(name, n)
	if ahead < 0 {
		panic(bug("%s: ahead %d is negative", name, ahead))
	}
	checkFunc(name, f != nil)
	if n == 1 && ahead == 0 {
		return filterMap(s, func(ctx context.Context, v T) (U, bool, error) {
			u, err := f(ctx, v)
			return u, true, err
		})
	}
	return Stream[U]{func(ctx context.Context, yield func(U) bool) error {
		m := &mapState[T, U]{f: f, n: n, ordered: ordered, window: uint64(n) + uint64(ahead)}
		m.resumeAt = min(uint64(n)+uint64(ahead)/2, m.window-1)
		size := min(ReadAhead, m.window)
		m.in, m.out = make([]T, size), make([]mapResult[U], size)
		m.readerWake, m.loopWake, m.workerWake = make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, min(n, ReadAhead))
		return withScope(ctx, func(scope *task.Scope) error {
			defer m.stop()
			m.scope = scope
			task.Spawn(scope, func(ctx context.Context) (struct{}, error) { return struct{}{}, m.read(ctx, s) })
			return m.yieldAll(ctx, yield)
		})
	}}
}

// withScope runs f with a scope for its goroutines, which are canceled when f returns.
func withScope(ctx context.Context, f func(*task.Scope) error) error {
	var err error
	_ = task.WithScope(ctx, func(scope *task.Scope) error {
		if err = f(scope); err != nil {
			return err
		}
		return errStop // an outer stream may use the same cause: it is not the end of this one
	})
	return err
}

// A mapState is one run of Map. A reader puts elements into a ring, workers take them from there and
// put results into a second ring, and the goroutine of the loop takes the results. Element i is at
// index i modulo the length of the rings. So is its result, or, in MapUnordered, the i'th result. The
// rings grow from ReadAhead up to window. The invariants are
//
//	free <= head <= next <= tail <= free + window, head <= done <= next
//
// A goroutine that finds nothing to do waits for a token: the reader in readerWake, workers in
// workerWake, the loop in loopWake. It first records under mu that it waits. The goroutine that has
// something for it clears that record and sends one token, also under mu. mu is not needed to
// receive a token, and the channels have room for all tokens. The algorithm is ours.
type mapState[T, U any] struct {
	f        func(context.Context, T) (U, error)
	n        int
	ordered  bool
	window   uint64 // how many elements may have been read that the loop has not finished with
	resumeAt uint64 // how many of these there may be when a reader that waits is woken
	scope    *task.Scope

	mu   sync.Mutex
	in   []T
	out  []mapResult[U]
	free uint64 // results that the loop has finished with
	head uint64 // results taken by the loop
	done uint64 // results
	next uint64 // elements taken by workers
	tail uint64 // elements read

	ended     bool  // the source has, with err
	err       error //
	failed    bool  // an element did: take no more
	crashed   bool  // a goroutine panicked or exited
	loopEnded bool  // the loop has ended

	workers     int  // goroutines
	idle        int  // of those, waiting for work
	waking      bool // one is on its way
	readerWaits atomic.Bool
	loopWaits   bool
	readerWake  chan struct{}
	loopWake    chan struct{}
	workerWake  chan struct{}
}

type mapResult[U any] struct {
	v   U
	err error
	set bool
}

// read runs the source on the reader's goroutine.
func (m *mapState[T, U]) read(ctx context.Context, s Stream[T]) error {
	returned := false
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.ended = true
		m.crashed = m.crashed || !returned
		m.wakeLoop()
		for ; m.idle > 0; m.idle-- { // to end
			m.workerWake <- struct{}{}
		}
	}()
	m.err = s.start(ctx, m.push) // read under mu after ended
	returned = true
	return nil
}

// push adds an element, and then waits until there is room for the next one.
func (m *mapState[T, U]) push(v T) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.loopEnded || m.failed {
		return false
	}
	if m.tail-m.head == m.size() {
		m.grow()
	}
	m.in[m.tail%m.size()] = v
	m.tail++
	m.wakeWorker()
	for m.tail-m.free >= m.window && !m.loopEnded {
		m.readerWaits.Store(true)
		m.mu.Unlock()
		<-m.readerWake
		m.mu.Lock()
	}
	return !m.loopEnded && !m.failed
}

func (m *mapState[T, U]) size() uint64 { return uint64(len(m.in)) }

// grow doubles the rings, up to window. The caller holds mu.
func (m *mapState[T, U]) grow() {
	size := min(2*m.size(), m.window)
	in, out := make([]T, size), make([]mapResult[U], size)
	for i := m.head; i < m.tail; i++ {
		in[i%size], out[i%size] = m.in[i%m.size()], m.out[i%m.size()]
	}
	m.in, m.out = in, out
}

// wakeWorker wakes or starts a worker if there is an element for one and none is being woken. Each
// worker wakes the next one: for short work, waking all of them costs more than the work. The caller
// holds mu.
func (m *mapState[T, U]) wakeWorker() {
	switch {
	case m.waking || m.next == m.tail:
	case m.idle > 0:
		m.idle--
		m.waking = true
		m.workerWake <- struct{}{}
	case m.workers < m.n:
		m.workers++
		m.waking = true
		task.Spawn(m.scope, m.work)
	}
}

// work is the loop of a worker.
func (m *mapState[T, U]) work(ctx context.Context) (struct{}, error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.crashed = true
		m.wakeLoop()
	}()
	m.mu.Lock()
	m.waking = false
	for m.hasElement() {
		i := m.next
		m.next++
		var v T
		v, m.in[i%m.size()] = m.in[i%m.size()], v
		m.wakeWorker()
		m.mu.Unlock()
		u, err := m.f(ctx, v)
		m.mu.Lock()
		if !m.ordered {
			i = m.done
		}
		m.done++
		m.out[i%m.size()] = mapResult[U]{u, err, true}
		m.failed = m.failed || err != nil
		if i == m.head {
			m.wakeLoop()
		}
	}
	m.mu.Unlock()
	returned = true
	return struct{}{}, nil
}

// hasElement waits until there is an element for a worker. The caller holds mu.
func (m *mapState[T, U]) hasElement() bool {
	for {
		switch {
		case m.failed || m.loopEnded || m.crashed:
			return false
		case m.next < m.tail:
			return true
		case m.ended:
			return false
		}
		m.idle++
		m.mu.Unlock()
		<-m.workerWake
		m.mu.Lock()
		m.waking = false
	}
}

// wakeLoop wakes the loop if it waits. The caller holds mu.
func (m *mapState[T, U]) wakeLoop() {
	if m.loopWaits {
		m.loopWaits = false
		m.loopWake <- struct{}{}
	}
}

// yieldAll yields the results, on the goroutine of the loop.
func (m *mapState[T, U]) yieldAll(ctx context.Context, yield func(U) bool) error {
	var batch []mapResult[U]
	for {
		if ctx.Err() != nil {
			return contextError(ctx)
		}
		m.mu.Lock()
		batch = m.take(batch[:0])
		switch {
		case len(batch) > 0:
		case m.crashed:
			m.mu.Unlock()
			return task.ErrGoexit // or a panic, which is stronger
		case m.ended && m.head == m.tail:
			m.mu.Unlock()
			return m.err
		default:
			m.loopWaits = true
		}
		m.mu.Unlock()
		if len(batch) == 0 {
			select {
			case <-m.loopWake:
			case <-ctx.Done():
			}
			continue
		}
		for i, r := range batch {
			if r.err != nil {
				return withCause(ctx, r.err)
			}
			if !yield(r.v) {
				return nil
			}
			batch[i] = mapResult[U]{}
			if ctx.Err() != nil {
				return contextError(ctx)
			}
			if m.readerWaits.Load() {
				m.finished(len(batch) - i - 1)
			}
		}
	}
}

// finished records that the loop has finished with all results that it took, except the last ones.
func (m *mapState[T, U]) finished(last int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.setFree(m.head - uint64(last))
}

// setFree sets free, and wakes the reader if it waits and there is enough room. The caller holds mu.
func (m *mapState[T, U]) setFree(free uint64) {
	m.free = free
	if m.readerWaits.Load() && m.tail-m.free <= m.resumeAt {
		m.readerWaits.Store(false)
		m.readerWake <- struct{}{}
	}
}

// take appends the next results to batch. The loop has finished with all results before them. The
// caller holds mu.
func (m *mapState[T, U]) take(batch []mapResult[U]) []mapResult[U] {
	m.setFree(m.head)
	for out := &m.out[m.head%m.size()]; out.set; out = &m.out[m.head%m.size()] {
		batch = append(batch, *out)
		*out = mapResult[U]{}
		m.head++
	}
	return batch
}

// stop makes the goroutines return.
func (m *mapState[T, U]) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loopEnded = true
	if m.readerWaits.Load() {
		m.readerWaits.Store(false)
		m.readerWake <- struct{}{}
	}
	for ; m.idle > 0; m.idle-- {
		m.workerWake <- struct{}{}
	}
}
