package stream

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"

	"github.com/coderrange/ferrous/task"
)

// GroupBy divides the elements into groups by their keys, runs the stream that f returns for each
// group, all at once, and yields the elements of these streams as they arrive. In a group, elements
// keep their order.
//
// A group starts with an element whose key has no group. There are at most n groups. To start one
// more, the group that has waited longest for an element is ended: its stream ends without an error,
// and the new group starts when the stream of f has ended. So each key has at most one group at a
// time, and memory is bounded for any number of keys. If the stream of f ends before its group, the
// group has ended, and the next element of the key starts a new one. If the stream of a new group does
// not read its first element, that element is dropped.
//
// s and the groups run on their own goroutines. Together they run up to [ReadAhead] elements ahead,
// and each one more. s waits for a group that does not read, and so do the other groups; a [Buffer] in
// f lets a group be behind. key and f run on the goroutine of s.
//
// An error of s ends the streams of all groups without elements lost, and is yielded last. Any other
// error of a group ends all. GroupBy panics if n is not positive, and in the loop if a map cannot find
// a key again, such as a NaN. An element costs a map access and two switches between goroutines. After
// Akka's groupBy.
func GroupBy[K comparable, T, U any](
	s Stream[T], n int, key func(T) K, f func(K, Stream[T]) Stream[U],
) Stream[U] {
	checkPositive("GroupBy", n)
	checkFunc("GroupBy", key != nil && f != nil)
	return Stream[U]{func(ctx context.Context, yield func(U) bool) error {
		return withScope(ctx, func(scope *task.Scope) error {
			g := &groupState[K, T, U]{scope: scope, maxGroups: n, f: f, out: make(chan merged[U], ReadAhead), ended: task.ErrGoexit}
			g.open, g.recent = map[K]*group[K, T]{}, list.New()
			g.running.Store(1)
			task.Spawn(scope, func(ctx context.Context) (struct{}, error) {
				forwardWith(ctx, g.out, func() error {
					defer g.endAll()
					g.ended = s.start(ctx, func(v T) bool {
						k := key(v)
						checkKey("GroupBy", k)
						return g.deliver(ctx, k, v)
					})
					return nil // it comes last
				})
				return struct{}{}, nil
			})
			err := yieldMerged(ctx, g.out, &g.running, yield)
			if err == nil && g.running.Load() == 0 {
				err = g.ended
			}
			return err
		})
	}}
}

// A groupState is a run of GroupBy. Its fields are used by the goroutine of the source only, unless
// they say otherwise.
type groupState[K comparable, T, U any] struct {
	scope     *task.Scope
	maxGroups int
	f         func(K, Stream[T]) Stream[U]
	out       chan merged[U]
	running   atomic.Int64 // the source and the groups; of all goroutines
	ended     error        // of the source, unless it returns; read after its end

	open   map[K]*group[K, T]
	recent *list.List // of groups, the last to get an element first

	mu          sync.Mutex
	endedGroups []*group[K, T] // whose streams have ended; guarded by mu
}

type group[K comparable, T any] struct {
	key      K
	element  *list.Element
	c        chan T        // closed at the end of the group
	err      error         // the end's, written before
	reported atomic.Bool   // the group's stream has returned err
	returned chan struct{} // closed when f's stream has ended
}

// deliver sends v to its group, and reports whether the source may continue.
func (g *groupState[K, T, U]) deliver(ctx context.Context, k K, v T) bool {
	for {
		old := g.open[k]
		if old == nil {
			break
		}
		select {
		case old.c <- v:
			g.recent.MoveToFront(old.element)
			return true
		case <-old.returned:
			g.forget(old)
		case <-ctx.Done():
			return false
		}
	}
	if !g.makeRoom(ctx) {
		return false
	}
	x := g.begin(k)
	select {
	case x.c <- v:
	case <-x.returned: // without asking for it
	case <-ctx.Done():
		return false
	}
	return true
}

// makeRoom ends groups until a new one may start.
func (g *groupState[K, T, U]) makeRoom(ctx context.Context) bool {
	g.mu.Lock()
	gone := g.endedGroups
	g.endedGroups = nil
	g.mu.Unlock()
	for _, x := range gone {
		g.forget(x)
	}
	for len(g.open) >= g.maxGroups {
		x := g.recent.Back().Value.(*group[K, T]) //nolint:forcetypeassert // there are only groups
		close(x.c)
		g.forget(x)
		select {
		case <-x.returned:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// forget removes a group if it is there.
func (g *groupState[K, T, U]) forget(x *group[K, T]) {
	if g.open[x.key] == x {
		delete(g.open, x.key)
		g.recent.Remove(x.element)
	}
}

func (g *groupState[K, T, U]) begin(k K) *group[K, T] {
	x := &group[K, T]{key: k, c: make(chan T), returned: make(chan struct{})}
	x.element = g.recent.PushFront(x)
	g.open[k] = x
	s := g.f(k, New(func(ctx context.Context, yield func(T) bool) error {
		more := true
		err := FromChan(x.c).run(ctx, func(v T) bool {
			more = yield(v)
			return more
		})
		if err == nil && more {
			err = x.err
			x.reported.Store(err != nil)
		}
		return err
	}))
	g.running.Add(1)
	task.Spawn(g.scope, func(ctx context.Context) (struct{}, error) {
		defer func() {
			close(x.returned)
			g.mu.Lock()
			defer g.mu.Unlock()
			g.endedGroups = append(g.endedGroups, x)
		}()
		forwardWith(ctx, g.out, func() error {
			err := s.start(ctx, func(u U) bool { return send(ctx, g.out, merged[U]{v: u}) })
			if x.reported.Load() {
				return nil // the source's comes last
			}
			return err
		})
		return struct{}{}, nil
	})
	return x
}

// endAll ends all groups when the source has ended.
func (g *groupState[K, T, U]) endAll() {
	for _, x := range g.open {
		x.err = g.ended
		close(x.c)
	}
}
