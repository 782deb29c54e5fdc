//go:build amd64 || arm64

package channel

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
)

func TestQueueSidesLieOnCacheLinesOfTheirOwn(t *testing.T) {
	var q queue[int]
	assert.EqualValues(t, 64, unsafe.Offsetof(q.items))
	assert.EqualValues(t, 128, unsafe.Offsetof(q.head))
	assert.EqualValues(t, 192, unsafe.Offsetof(q.cache))
	assert.EqualValues(t, 256, unsafe.Sizeof(q), "a size that is allocated on a multiple of a cache line")
}
