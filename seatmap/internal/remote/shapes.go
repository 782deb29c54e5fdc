package remote

import (
	"context"
	"errors"
	"sync"

	"github.com/coderrange/ferrous/seatmap"
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
	mu      sync.Mutex
	ready   map[string]S // by event
	weight  int          // of those in ready
	loading map[string]*loading[S]
}

// loading is a shape that one caller loads, while others wait. If the context of the caller ends, or
// it panics, another one loads it.
type loading[S any] struct {
	done  chan struct{} // closed when the caller has returned
	shape S
	ok    bool  // shape is there
	err   error // the error of all who wait
	own   bool  // each has to ask by itself
}

// Get returns the shape of an event, which may be that of a former life, or loads it.
//
// That an event is unknown is told only to the caller who has asked: for the others it may have
// been created since then.
func (s *Shapes[S]) Get(ctx context.Context, event string, load func(ctx context.Context) (S, error)) (S, error) {
	for {
		s.mu.Lock()
		if shape, ok := s.ready[event]; ok {
			s.mu.Unlock()
			return shape, nil
		}
		l := s.loading[event]
		if l == nil {
			l = &loading[S]{done: make(chan struct{})}
			if s.loading == nil {
				s.loading = map[string]*loading[S]{}
			}
			s.loading[event] = l
			s.mu.Unlock()
			return s.load(ctx, event, l, load)
		}
		s.mu.Unlock()
		select {
		case <-l.done:
		case <-ctx.Done():
			var none S
			return none, Ended(ctx)
		}
		switch {
		case l.ok || l.err != nil:
			return l.shape, l.err
		case l.own:
			return load(ctx)
		}
	}
}

// load loads a shape for all who wait.
func (s *Shapes[S]) load(ctx context.Context, event string, l *loading[S], load func(ctx context.Context) (S, error)) (S, error) {
	defer s.finish(event, l)
	shape, err := load(ctx)
	switch {
	case err == nil:
		l.shape, l.ok = shape, true
	case ctx.Err() != nil:
	case errors.Is(err, seatmap.ErrUnavailable):
		l.err = err
	default:
		l.own = true
	}
	return shape, err
}

// finish ends the loading of a shape, and keeps it if it is there.
func (s *Shapes[S]) finish(event string, l *loading[S]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.loading, event)
	close(l.done)
	if !l.ok {
		return
	}
	if s.ready == nil {
		s.ready = map[string]S{}
	}
	s.ready[event] = l.shape
	s.weight += l.shape.Weight()
	for other, shape := range s.ready { // any, so that there is nothing to keep of their use
		if s.weight <= shapesMost {
			return
		}
		if other != event {
			delete(s.ready, other)
			s.weight -= shape.Weight()
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
