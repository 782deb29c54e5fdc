package interleave_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit/interleave"
)

func TestThreadsMeetAtChannels(t *testing.T) {
	for _, capacity := range []int{0, 1} {
		ends := map[bool]bool{}
		interleave.Explore(t, func() ([]func(), func()) {
			c := make(chan int, capacity)
			tried := false
			return []func(){
				func() {
					interleave.Send(c, 1)
					interleave.Close(c)
				},
				func() {
					_, ok := interleave.Recv2(c)
					assert.True(t, ok)
					_, ok = interleave.Recv2(c)
					assert.False(t, ok, "it is closed")
				},
				func() {
					var never chan int
					tried = interleave.Select(true, interleave.CanRecv(never), interleave.CanSend(never)) >= 0
				},
			}, func() { ends[tried] = true }
		})
		assert.Equal(t, map[bool]bool{false: true}, ends)
	}
}

func TestATrySendMeetsAThreadThatWaits(t *testing.T) {
	met := map[bool]int{}
	interleave.Explore(t, func() ([]func(), func()) {
		c, sent := make(chan struct{}), false
		return []func(){
			func() { interleave.Recv(c) },
			func() {
				if interleave.Select(true, interleave.CanSend(c)) == 0 {
					interleave.Put(c, struct{}{})
					sent = true
				}
				interleave.Close(c)
			},
		}, func() { met[sent]++ }
	})
	assert.NotZero(t, met[true])
	assert.NotZero(t, met[false])
}

func TestSelectReturnsEachThatIsReady(t *testing.T) {
	var chosen [3]int
	interleave.Explore(t, func() ([]func(), func()) {
		full, empty := make(chan int, 1), make(chan int, 1)
		full <- 7
		return []func(){func() {
			i := interleave.Select(false, interleave.CanRecv(full), interleave.CanSend(full), interleave.CanSend(empty))
			chosen[i]++
		}}, func() {}
	})
	assert.Equal(t, [3]int{1, 0, 1}, chosen)
}

func TestExploreSeesEachNumber(t *testing.T) {
	seen := map[int]int{}
	interleave.Explore(t, func() ([]func(), func()) {
		return []func(){func() { seen[3*interleave.IntN(2)+interleave.IntN(3)]++ }}, func() {}
	})
	assert.Equal(t, map[int]int{0: 1, 1: 1, 2: 1, 3: 1, 4: 1, 5: 1}, seen)
}

func TestTimersFireInOrderWhenNoThreadCanGoOn(t *testing.T) {
	interleave.Explore(t, func() ([]func(), func()) {
		order, ctx := "", interleave.NewContext()
		interleave.AfterFunc(2*time.Second, func() { order += "2"; ctx.Cancel() })
		interleave.AfterFunc(time.Second, func() { order += "1" })
		interleave.AfterFunc(time.Minute, func() { order += "m" }).Stop()
		stop := interleave.ContextAfterFunc(ctx, func() { order += "a" })
		interleave.ContextAfterFunc(ctx, func() { order += "b" })
		return []func(){func() {
			assert.True(t, stop())
			interleave.Recv(ctx.Done())
			assert.Error(t, ctx.Err())
			order += "d"
		}}, func() { assert.Contains(t, []string{"12bd", "12db"}, order) }
	})
}

func TestAnRWMutexExcludesWriters(t *testing.T) {
	together := false
	interleave.Explore(t, func() ([]func(), func()) {
		var m interleave.RWMutex
		var x interleave.Int64 // its loads are pauses
		readers, writers := 0, 0
		read := func() {
			m.RLock()
			readers++
			x.Load()
			together = together || readers == 2
			assert.Zero(t, writers)
			readers--
			m.RUnlock()
		}
		return []func(){read, read, func() {
			m.Lock()
			writers++
			x.Load()
			assert.Zero(t, readers)
			writers--
			m.Unlock()
		}}, func() {}
	})
	assert.True(t, together)
}
