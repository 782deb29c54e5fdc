package remote_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

type weighed struct{ weight int }

func (w *weighed) Weight() int { return w.weight }

// getting has several callers ask for a shape at once: the first one loads it by the
// function first, and the others, if they have to, by the function rest.
func getting(t *testing.T, shapes *remote.Shapes[*weighed], first, rest func(ctx context.Context) (*weighed, error)) (others []error) {
	t.Helper()
	others = make([]error, 9)
	begun, ready := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		defer func() { _ = recover() }()
		_, _ = shapes.Get(t.Context(), "e", func(ctx context.Context) (*weighed, error) {
			close(begun)
			<-ready
			return first(ctx)
		})
	})
	<-begun
	for i := range others {
		all.Go(func() { _, others[i] = shapes.Get(t.Context(), "e", rest) })
	}
	synctest.Wait()
	close(ready)
	all.Wait()
	return others
}

func TestAShapeIsLoadedOnceForAllWhoWait(t *testing.T) {
	never := func(context.Context) (*weighed, error) { return nil, errors.New("it was loaded twice") }
	synctest.Test(t, func(t *testing.T) {
		var shapes remote.Shapes[*weighed]
		shape := &weighed{1}
		for _, err := range getting(t, &shapes, func(context.Context) (*weighed, error) { return shape, nil }, never) {
			require.NoError(t, err)
		}
		got, err := shapes.Get(t.Context(), "e", never)
		require.NoError(t, err)
		require.Same(t, shape, got)
		shapes.Forget("e", &weighed{1}) // another one is kept
		_, err = shapes.Get(t.Context(), "e", never)
		require.NoError(t, err)
		shapes.Forget("e", shape)
		_, err = shapes.Get(t.Context(), "e", never)
		require.Error(t, err)
	})
	synctest.Test(t, func(t *testing.T) { // all wait for a server that is away once
		var shapes remote.Shapes[*weighed]
		for _, err := range getting(t, &shapes, func(context.Context) (*weighed, error) { return nil, seatmap.ErrUnavailable }, never) {
			require.ErrorIs(t, err, seatmap.ErrUnavailable)
		}
	})
}

func TestNobodyGetsWhatIsTrueOfAnotherCallerOnly(t *testing.T) {
	found := func(ctx context.Context) (*weighed, error) { return &weighed{1}, ctx.Err() }
	for name, first := range map[string]func(ctx context.Context) (*weighed, error){
		"an event that was created since": func(context.Context) (*weighed, error) { return nil, remote.UnknownEvent("e") },
		"a panic":                         func(context.Context) (*weighed, error) { panic("out of luck") },
		"an end of the context": func(ctx context.Context) (*weighed, error) {
			return nil, fmt.Errorf("%w: %w", context.Canceled, seatmap.ErrUnknownEvent)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var shapes remote.Shapes[*weighed]
				var loads atomic.Int32
				for _, err := range getting(t, &shapes, first, func(ctx context.Context) (*weighed, error) {
					loads.Add(1)
					return found(ctx)
				}) {
					require.NoError(t, err)
				}
				if name == "a panic" { // nobody was told anything
					require.EqualValues(t, 1, loads.Load())
				}
			})
		})
	}
	t.Run("unavailable because of an end of the context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var shapes remote.Shapes[*weighed]
			ctx, cancel := context.WithCancel(t.Context())
			begun := make(chan struct{})
			go func() {
				_, _ = shapes.Get(ctx, "e", func(ctx context.Context) (*weighed, error) {
					close(begun)
					<-ctx.Done()
					return nil, fmt.Errorf("%w: %w", seatmap.ErrUnavailable, ctx.Err())
				})
			}()
			<-begun
			go func() {
				synctest.Wait()
				cancel()
			}()
			_, err := shapes.Get(t.Context(), "e", found)
			require.NoError(t, err)
		})
	})
	t.Run("a waiter whose own context ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var shapes remote.Shapes[*weighed]
			begun, end := make(chan struct{}), make(chan struct{})
			go func() {
				_, _ = shapes.Get(t.Context(), "e", func(context.Context) (*weighed, error) {
					close(begun)
					<-end
					return nil, seatmap.ErrUnavailable
				})
			}()
			<-begun
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := shapes.Get(ctx, "e", found)
			require.ErrorIs(t, err, context.Canceled)
			close(end)
		})
	})
}

func TestShapesAreForgottenBeforeTheyAreTooMany(t *testing.T) {
	var shapes remote.Shapes[*weighed]
	loads, kept := 0, 0
	count := func() {
		loads, kept = 0, 0
		for i := range 100 {
			_, err := shapes.Get(t.Context(), fmt.Sprint(i), func(context.Context) (*weighed, error) {
				loads++
				return nil, seatmap.ErrUnknownEvent
			})
			if err == nil {
				kept++
			}
		}
	}
	for i := range 100 {
		_, err := shapes.Get(t.Context(), fmt.Sprint(i), func(context.Context) (*weighed, error) { return &weighed{1 << 20}, nil })
		require.NoError(t, err)
	}
	count()
	require.Equal(t, 2, kept)
	require.Equal(t, 98, loads)
	// One that is too large by itself is kept all the same, alone.
	_, err := shapes.Get(t.Context(), "large", func(context.Context) (*weighed, error) { return &weighed{1 << 30}, nil })
	require.NoError(t, err)
	_, err = shapes.Get(t.Context(), "large", func(context.Context) (*weighed, error) { return nil, seatmap.ErrUnknownEvent })
	require.NoError(t, err)
	count()
	require.Zero(t, kept)
}
