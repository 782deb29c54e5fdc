package boltqueue

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/coderrange/ferrous/retry"
)

func TestCallsThatComeMeanwhileShareATransaction(t *testing.T) {
	s, err := Open(t.TempDir()+"/queue.db", Options[string]{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	transaction := func() (id int) {
		require.NoError(t, s.db.View(func(tx *bbolt.Tx) error { id = tx.ID(); return nil }))
		return id
	}
	before := transaction()
	const callers = 64
	busy, gate := make(chan struct{}), make(chan struct{})
	var calls sync.WaitGroup
	calls.Go(func() {
		assert.NoError(t, s.decide(context.Background(), "Stats", func() { close(busy); <-gate }))
	})
	<-busy
	for i := range callers {
		calls.Go(func() {
			added, err := s.Enqueue(context.Background(), retry.EnqueueRequest[string]{Key: strconv.Itoa(i)})
			assert.True(t, added && err == nil)
		})
	}
	for len(s.calls) < callers {
		runtime.Gosched()
	}
	close(gate)
	calls.Wait()
	assert.Equal(t, before+1, transaction())
}
