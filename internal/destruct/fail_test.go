package destruct_test

import (
	"errors"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/destruct"
)

// TestRunDestroysManyThatFailOnAShallowStack has destructors fail that waited
// for another one. Each of them used to leave its part of the stack behind.
func TestRunDestroysManyThatFailOnAShallowStack(t *testing.T) {
	const n = 100_000
	defer debug.SetMaxStack(debug.SetMaxStack(8 << 20))
	boom := errors.New("boom")
	for name, fail := range map[string]func(){
		"panic": func() { panic(boom) },
		"exit":  runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			destroyed := 0
			var trunk func(deep int) destructor
			trunk = func(deep int) destructor {
				return func() {
					if deep > 0 {
						destruct.Run(trunk(deep - 1))
						return
					}
					for range n / 2 {
						destruct.Run(destructor(func() {
							destroyed++
							defer fail()
							destruct.Run(destructor(func() { destroyed++; fail() }))
						}))
					}
				}
			}
			got := make(chan any)
			go func() {
				defer func() { got <- recover() }()
				destruct.Run(trunk(2*destruct.Depth - 1))
				t.Error("returned")
			}()
			switch r := <-got; name {
			case "panic":
				err, _ := r.(error)
				assert.ErrorIs(t, err, boom)
			default:
				assert.Nil(t, r)
			}
			assert.Equal(t, n, destroyed)
		})
	}
}
