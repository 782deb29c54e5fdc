package park

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Two may have seen the waiter before either opens.
func TestOfTwoWhoOpenAtOnceOneWakes(t *testing.T) {
	var g Gate
	opened, _ := g.Wait()
	assert.True(t, g.openSlow())
	<-opened
	assert.False(t, g.openSlow())
}

func TestListKeepsWaitersUpToTheBound(t *testing.T) {
	var l List[struct{}]
	size := int(unsafe.Sizeof(Waiter[struct{}]{}))
	require.Zero(t, maxIdle%size, "the bound is never met")
	for range maxIdle/size + 1 {
		l.Recycle(NewWaiter(struct{}{}))
	}
	assert.EqualValues(t, maxIdle/size, l.idleLen)
}

func TestBatchForgetsWhomItHasWoken(t *testing.T) {
	var b Batch[int]
	first, second := NewWaiter(1), NewWaiter(2)
	b.Add(first)
	b.Add(second)
	b.Wake()
	assert.True(t, first.Wait(nil))
	assert.True(t, second.Wait(nil))
	b.Wake()
	assert.Empty(t, first.Ready())
	b.Add(first)
	b.Wake()
	assert.True(t, first.Wait(nil))
	assert.Empty(t, second.Ready())
}
