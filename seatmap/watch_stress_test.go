package seatmap_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

// TestWatchersFollowAnEventThatIsRemovedAndMadeAgain lets several watchers go on
// from their cursors through many lives of one name, while others change its seats.
// Within a life they miss nothing up to its end; over all lives no revision repeats.
func TestWatchersFollowAnEventThatIsRemovedAndMadeAgain(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		m := newEvent(t, 4, seatmap.Limits{}, seatmap.MapOptions{Ring: 8})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var mu sync.Mutex
		ends := map[uint64]uint64{} // by life, as the watchers were told
		watch := func() {
			var last seatmap.Change
			for ctx.Err() == nil {
				gap, began := false, false
				for c, err := range m.Watch(ctx, seatmap.WatchRequest{Event: event, From: last.Cursor}) {
					switch {
					case errors.Is(err, seatmap.ErrUnknownEvent):
						if !began {
							continue
						}
						mu.Lock()
						if end, told := ends[last.Cursor.Life()]; told && end != last.Revision {
							t.Errorf("a life ended at revision %d and at %d", end, last.Revision)
						}
						ends[last.Cursor.Life()] = last.Revision
						mu.Unlock()
						continue
					case err != nil:
						if !errors.Is(err, context.Canceled) {
							t.Error(err)
						}
						continue
					case c.Kind == seatmap.ChangeGap:
						gap = true
						continue
					case c.Cursor.Life() == last.Cursor.Life() && (c.Revision < last.Revision || !gap && c.Revision != last.Revision+1):
						t.Errorf("revision %d follows %d", c.Revision, last.Revision)
					case c.Cursor.Life() != last.Cursor.Life() && c.Revision <= last.Revision && last.Revision > 0:
						t.Errorf("revision %d of a new life follows %d", c.Revision, last.Revision)
					}
					last, gap, began = c, false, true
				}
				runtime.Gosched() // it is being made anew
			}
		}
		var watchers, writers sync.WaitGroup
		for range 4 {
			watchers.Go(watch)
		}
		var over atomic.Bool
		for range 2 {
			writers.Go(func() {
				for !over.Load() {
					if h, err := tryBlock(m, "ann", "1", "3"); err == nil {
						_ = release(m, h.Token) // the event may be gone
					}
					runtime.Gosched()
				}
			})
		}
		for range 100 {
			block(t, m, "bob", "2")
			require.NoError(t, remove(m))
			require.NoError(t, create(m, 4))
		}
		over.Store(true)
		writers.Wait()
		stop()
		watchers.Wait()
	})
}
