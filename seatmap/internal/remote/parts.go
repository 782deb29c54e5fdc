package remote

import (
	"context"
	"io"

	"github.com/coderrange/ferrous/seatmap/internal/port"
)

// partsAhead is how many parts of an export are read while one is loaded.
const partsAhead = 4

// ReadParts reads an export to the end, as [port.Read] does. Of each part that it has read it
// calls make, and then, in another goroutine, load with what make has made. So reading goes on
// while a server takes what was read before. It returns when no call runs any more. An error of
// either function ends both.
func ReadParts[T any](
	ctx context.Context, from io.Reader, make func(*port.Event, *port.Part) (T, error), load func(T) error,
) (*port.Event, error) {
	l := newLoader(load)
	defer func() { _ = l.end() }() // also if from panics
	e, err := port.Read(ctx, from, func(e *port.Event, p *port.Part) error {
		made, err := make(e, p)
		if err != nil {
			return err
		}
		select {
		case l.parts <- made:
			return nil
		case <-l.done:
			return l.err
		}
	})
	if failed := l.end(); err == nil {
		err = failed
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

// loader loads parts one after the other.
type loader[T any] struct {
	parts chan T
	done  chan struct{}
	err   error // set before done is closed
	ended bool
}

func newLoader[T any](load func(T) error) *loader[T] {
	l := &loader[T]{parts: make(chan T, partsAhead), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		for part := range l.parts {
			if l.err = load(part); l.err != nil {
				return
			}
		}
	}()
	return l
}

// end waits until all parts are loaded, or one could not be, and returns the error of that.
func (l *loader[T]) end() error {
	if !l.ended {
		l.ended = true
		close(l.parts)
	}
	<-l.done
	return l.err
}
