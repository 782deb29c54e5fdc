package mapkey_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/mapkey"
)

func TestValid(t *testing.T) {
	type pair struct{ a, b any }
	assert.True(t, mapkey.Valid("a"))
	assert.True(t, mapkey.Valid[any](nil))
	assert.True(t, mapkey.Valid(pair{1, "a"}))
	assert.False(t, mapkey.Valid(math.NaN()))
	assert.False(t, mapkey.Valid[any](math.NaN()))
	assert.False(t, mapkey.Valid[any]([]int{}))
	assert.False(t, mapkey.Valid(pair{1, map[int]int{}}))
}
