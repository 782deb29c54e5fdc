package checked

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/arcmutex"
)

func TestEachCheckIsOn(t *testing.T) {
	stop, ended := make(chan struct{}), make(chan struct{})
	for name, c := range map[string]struct {
		tests func() int
		code  int
	}{
		"nothing is wrong": {func() int { return 0 }, 0},
		"a test fails":     {func() int { return 3 }, 3},
		"a handle is left": {func() int { arcmutex.NewArc(1); return 0 }, 1},
		"a lock is left":   {func() int { arcmutex.NewMutex(1).Lock(); return 0 }, 1},
		"a wrong order of locks": {func() int {
			a, b := arcmutex.NewMutex(1), arcmutex.NewMutex(2)
			a.With(func(*int) { b.With(func(*int) {}) })
			b.With(func(*int) { a.With(func(*int) {}) })
			return 0
		}, 1},
		"a goroutine is left": {func() int { go func() { <-stop; close(ended) }(); return 0 }, 1},
	} {
		assert.Equal(t, c.code, run(c.tests), name)
		if name == "a goroutine is left" {
			close(stop)
			<-ended
		}
	}
}
