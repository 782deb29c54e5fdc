package remote_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

type weighed struct{ weight int }

func (w *weighed) Weight() int { return w.weight }

var errTwice = errors.New("it was loaded twice")

func never(context.Context) (*weighed, error) { return nil, errTwice }

// getting has several callers ask for a shape at once: the first one by the function first, whose
// context ends meanwhile if leaves is set, and the others by the function rest.
func getting(t *testing.T, shapes *remote.Shapes[*weighed], leaves bool, first, rest func(ctx context.Context) (*weighed, error)) (errs []error) {
	t.Helper()
	errs = make([]error, 10)
	begun, ready := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() {
		_, errs[0] = shapes.Get(ctx, "e", func(ctx context.Context) (*weighed, error) {
			close(begun)
			<-ready
			return first(ctx)
		})
	})
	<-begun
	for i := range errs[1:] {
		all.Go(func() { _, errs[1+i] = shapes.Get(t.Context(), "e", rest) })
	}
	synctest.Wait()
	if leaves {
		cancel()
		synctest.Wait()
	}
	close(ready)
	all.Wait()
	return errs
}

func TestAShapeIsLoadedOnceForAllWhoWait(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var shapes remote.Shapes[*weighed]
			shape := &weighed{1}
			errs := getting(t, &shapes, leaves, func(ctx context.Context) (*weighed, error) { return shape, ctx.Err() }, never)
			if leaves {
				require.ErrorIs(t, errs[0], context.Canceled)
				errs = errs[1:]
			}
			for _, err := range errs {
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
			require.ErrorIs(t, err, errTwice)
		})
	}
}

func TestAllWaitOnceForAServerThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shapes remote.Shapes[*weighed]
		for _, err := range getting(t, &shapes, false, func(context.Context) (*weighed, error) { return nil, seatmap.ErrUnavailable }, never) {
			require.ErrorIs(t, err, seatmap.ErrUnavailable)
		}
	})
}

func TestAnEventThatWasCreatedSinceIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shapes remote.Shapes[*weighed]
		errs := getting(t, &shapes, false, func(context.Context) (*weighed, error) { return nil, remote.UnknownEvent("e") },
			func(ctx context.Context) (*weighed, error) { return &weighed{1}, ctx.Err() })
		require.ErrorIs(t, errs[0], seatmap.ErrUnknownEvent)
		for _, err := range errs[1:] {
			require.NoError(t, err)
		}
	})
}

func TestWhatIsLoadingEndsWithTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shapes remote.Shapes[*weighed]
		ended := make(chan error, 1)
		go func() {
			_, err := shapes.Get(t.Context(), "e", func(ctx context.Context) (*weighed, error) {
				<-ctx.Done()
				return nil, context.Cause(ctx)
			})
			ended <- err
		}()
		synctest.Wait()
		shapes.Close()
		require.ErrorIs(t, <-ended, seatmap.ErrClosed)
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
	_, err = shapes.Get(t.Context(), "large", never)
	require.NoError(t, err)
	count()
	require.Zero(t, kept)
}
