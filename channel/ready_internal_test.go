package channel

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestReadyLineServesItsPlacesInTheOrderOfArrival(t *testing.T) {
	var l readyLine
	places := make([]*readyPlace, 4)
	opened := make([]<-chan struct{}, 4)
	for i := range places {
		places[i] = new(readyPlace)
		var joined bool
		opened[i], joined = l.join(places[i])
		assert.True(t, joined)
		_, joined = l.join(places[i])
		assert.False(t, joined, "it is in the line already")
	}
	assert.True(t, l.leave(places[1]))
	assert.False(t, l.leave(places[1]))
	assert.True(t, isOpen(opened[1]))
	assert.Equal(t, []*readyPlace{places[0], places[2], places[3]}, l.places)
	assert.Nil(t, l.places[:4][3], "what was removed is not kept")

	taken, n := l.offer(0)
	assert.False(t, taken, "no goroutine is blocked there")
	assert.Equal(t, 3, n, "all of them are opened until one is taken")
	assert.False(t, l.any())
	assert.True(t, isOpen(opened[0]))
	assert.False(t, places[0].open(), "it is open")

	l.join(places[0])
	assert.True(t, l.any())
	taken, n = l.offer(many)
	assert.Equal(t, []any{false, 0}, []any{taken, n}, "the turn is for one of many others")
	l.join(places[1])
	assert.Equal(t, 2, l.openAll())
	assert.Equal(t, 0, l.openAll())
	assert.False(t, l.any())
}

func TestAnOfferIsTakenByTheFirstGoroutineThatIsBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l readyLine
		var opened []<-chan struct{}
		woken := make(chan int, 3)
		for i := range 3 {
			c, _ := l.join(new(readyPlace))
			opened = append(opened, c)
			if i > 0 {
				go func() {
					<-c
					woken <- i
				}()
			}
		}
		synctest.Wait()
		taken, n := l.offer(0)
		assert.Equal(t, []any{true, 2}, []any{taken, n})
		assert.Equal(t, 1, <-woken)
		assert.True(t, isOpen(opened[0]))
		assert.True(t, isOpen(opened[1]), "all that wait there are woken")
		assert.Len(t, l.places, 1)
		l.openAll()
		assert.Equal(t, 2, <-woken)
	})
}

func TestReadyGraceBeginsAnewWithEachWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		l := readyLine{again: func() { calls.Add(1) }}
		l.wait()
		time.Sleep(readyGrace - 1) //nolint:forbidigo // fake time
		l.wait()
		time.Sleep(readyGrace - 1) //nolint:forbidigo // fake time
		synctest.Wait()
		assert.Zero(t, calls.Load())
		time.Sleep(time.Nanosecond) //nolint:forbidigo // fake time
		synctest.Wait()
		assert.EqualValues(t, 1, calls.Load())
	})
}
