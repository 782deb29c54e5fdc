package limit

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

func TestAKeyedWithoutKeysHasNoTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := NewKeyed[int](KeyedOptions{Rate: RateOptions{Events: 1}})
		defer k.Close()
		require.False(t, k.sweeper.timer.Stop())
		require.True(t, k.Allow(1))
		require.True(t, k.sweeper.timer.Reset(time.Minute), "it was pending")
		testkit.Advance(time.Hour)
		require.Zero(t, k.Len())
		require.False(t, k.sweeper.timer.Stop())
		require.False(t, k.sweeper.awake.Load())
	})
}

// TestNoEventIsLostToTheSweep has keys at rest forgotten all the time while they are
// used. Time stands still, so a burst of each is allowed, whatever is forgotten.
func TestNoEventIsLostToTheSweep(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		synctest.Test(t, func(t *testing.T) {
			const keys, burst = 20, 2
			k := NewKeyed[int](KeyedOptions{Rate: RateOptions{Events: 1, Burst: burst}})
			var stop atomic.Bool
			var sweeping sync.WaitGroup
			sweeping.Go(func() {
				for !stop.Load() {
					k.sweep()
					runtime.Gosched()
				}
			})
			var allowed [keys]atomic.Int64
			testkit.Parallel(4, func(int) {
				for i := range keys * (burst + 1) {
					if k.Allow(i % keys) {
						allowed[i%keys].Add(1)
					}
				}
			})
			stop.Store(true)
			sweeping.Wait()
			for i := range allowed {
				require.EqualValues(t, burst, allowed[i].Load())
			}
			require.Equal(t, keys, k.Len(), "none of them is at rest")
			k.Close()
			require.Zero(t, k.Len())
			require.Zero(t, k.cells.Size())
		})
	})
}

func TestCloseWaitsForTheSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, goOn := make(chan struct{}), make(chan struct{})
		var s sweeper
		s.init(time.Minute, func() { close(begun); <-goOn }, func() bool { return true })
		s.wake()
		<-begun
		closed := make(chan struct{})
		go func() {
			s.close()
			close(closed)
		}()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("it did not wait")
		default:
		}
		close(goOn)
		<-closed
		s.close()
		s.wake()
		s.hurry()
		require.False(t, s.timer.Stop())
	})
}

func TestASweeperRestsTenTimesAsLongAsItSweeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sweeper
		var sweeps atomic.Int64
		s.init(time.Second, func() { sweeps.Add(1); <-time.After(time.Second) }, func() bool { return true })
		defer s.close()
		s.wake()
		testkit.Advance(2 * time.Second)
		require.EqualValues(t, 1, sweeps.Load())
		s.hurry()
		testkit.Advance(10*time.Second - 1)
		require.EqualValues(t, 1, sweeps.Load())
		testkit.Advance(1)
		require.EqualValues(t, 2, sweeps.Load())
	})
}
