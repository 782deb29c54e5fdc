package park_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/park"
)

func TestQueueKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q, other park.Queue[int]
		var oracle []*park.Waiter[int]
		next := 0
		q.Lock()
		defer q.Unlock()
		t.Repeat(map[string]func(*rapid.T){
			"PushBack": func(*rapid.T) {
				next++
				w := park.NewWaiter(next)
				q.PushBack(w)
				oracle = append(oracle, w)
			},
			"PushFront": func(*rapid.T) {
				next++
				w := park.NewWaiter(next)
				q.PushFront(w)
				oracle = append([]*park.Waiter[int]{w}, oracle...)
			},
			"Remove": func(t *rapid.T) {
				if len(oracle) == 0 {
					t.Skip("empty")
				}
				i := rapid.IntRange(0, len(oracle)-1).Draw(t, "i")
				w := oracle[i]
				assert.True(t, w.Queued())
				assert.False(t, other.Remove(w))
				assert.True(t, q.Remove(w))
				assert.False(t, q.Remove(w))
				oracle = append(oracle[:i:i], oracle[i+1:]...)
			},
			"GrantAll": func(*rapid.T) {
				q.GrantAll()
				for _, w := range oracle {
					assert.True(t, w.Wait(nil))
				}
				oracle = nil
			},
			"": func(t *rapid.T) {
				if len(oracle) == 0 {
					require.Nil(t, q.Front())
					require.Nil(t, q.Back())
					require.False(t, q.Single())
					return
				}
				require.Same(t, oracle[0], q.Front())
				require.Same(t, oracle[len(oracle)-1], q.Back())
				require.Equal(t, len(oracle) == 1, q.Single())
			},
		})
	})
}

func TestWakeBeforeWaitIsKeptOnce(t *testing.T) {
	w := park.NewWaiter(0)
	w.Wake()
	w.Wake()
	assert.True(t, w.Wait(nil))
	done := make(chan struct{})
	close(done)
	assert.False(t, w.Wait(done))
}

func TestJoinIsDurablyBlockingAndCancellable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q park.Queue[int]
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		q.Lock()
		assert.False(t, q.Join(ctx, 1))
		assert.Equal(t, time.Hour, time.Since(start))
		assert.Nil(t, q.Front(), "it has left")
	})
}

func TestGrantBeatsCancel(t *testing.T) {
	for range 1000 {
		var q park.Queue[int]
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan bool)
		q.Lock()
		go func() { // the lock is its to release
			got <- q.Join(ctx, 1)
		}()
		q.Lock()
		w := q.Front()
		q.Grant(w)
		cancel()
		q.Unlock()
		assert.True(t, <-got, "a waiter that was granted its wish took the cancellation for it")
	}
}
