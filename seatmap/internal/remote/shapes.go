package remote

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/task"
)

// shapesMost is how much the shapes that a client keeps weigh together, about a hundred bytes
// for each unit.
const shapesMost = 1 << 21

// Shapes are the shapes of the events that a client uses. Callers who ask at once for one that
// is not here have it loaded once, since a hot event is the one whose clients start together.
// The zero Shapes is empty and ready to use.
type Shapes[S interface {
	comparable
	Weight() int
}] struct {
	loads task.Flight[string, S]

	mu     sync.Mutex
	ready  map[string]S // by event
	weight int          // of those in ready
}

// Get returns the shape of an event, which may be that of a former life, or loads it.
//
// That an event is unknown is told only to the caller who has asked: for the others it may have
// been created since then.
func (s *Shapes[S]) Get(ctx context.Context, event string, load func(ctx context.Context) (S, error)) (S, error) {
	s.mu.Lock()
	shape, ok := s.ready[event]
	s.mu.Unlock()
	if ok {
		return shape, nil
	}
	var asked atomic.Bool
	shape, err := s.loads.Do(ctx, event, func(ctx context.Context) (S, error) {
		asked.Store(true)
		shape, err := load(ctx)
		if err == nil {
			s.keep(event, shape)
		}
		return shape, err
	})
	switch {
	case err == nil:
		return shape, nil
	case ctx.Err() != nil:
		return shape, Ended(ctx)
	case errors.Is(err, seatmap.ErrUnknownEvent) && !asked.Load():
		return load(ctx)
	}
	return shape, err
}

// keep keeps a shape, and forgets others if there are too many.
func (s *Shapes[S]) keep(event string, shape S) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready == nil {
		s.ready = map[string]S{}
	}
	if old, ok := s.ready[event]; ok {
		s.weight -= old.Weight()
	}
	s.ready[event] = shape
	s.weight += shape.Weight()
	for other, old := range s.ready { // any, so that there is nothing to keep of their use
		if s.weight <= shapesMost {
			return
		}
		if other != event {
			delete(s.ready, other)
			s.weight -= old.Weight()
		}
	}
}

// Forget forgets a shape, which is of a former life.
func (s *Shapes[S]) Forget(event string, shape S) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready[event] == shape {
		delete(s.ready, event)
		s.weight -= shape.Weight()
	}
}

// Close ends what is loading, and waits for it. It is for the end of a client.
func (s *Shapes[S]) Close() {
	s.loads.Abort(seatmap.ErrClosed)
	_ = s.loads.Wait(context.Background()) // it has no end
}
