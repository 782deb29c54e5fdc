package stream

import (
	"context"
	"fmt"
	"math"
	"time"
	"unsafe"

	"github.com/coderrange/ferrous/internal/mapkey"
)

// The functions of this file panic for a caller's mistake. name is the function that was
// called.

// bug returns the panic value for a caller's mistake.
func bug(format string, args ...any) error { return fmt.Errorf("stream: "+format, args...) }

func checkContext(ctx context.Context, name string) {
	if ctx == nil {
		panic(bug("%s: nil context", name))
	}
}

func checkFunc(name string, isGiven bool) {
	if !isGiven {
		panic(bug("%s: nil function", name))
	}
}

func checkFuncs[F ~func(context.Context, S) error, S any](name string, fs []F) {
	for _, f := range fs {
		checkFunc(name, f != nil)
	}
}

func checkPositive(name string, n int) {
	if n <= 0 {
		panic(bug("%s: %d is not positive", name, n))
	}
}

func checkDuration(name string, d time.Duration) {
	if d <= 0 {
		panic(bug("%s: %v is not positive", name, d))
	}
}

// maxBuffer is how many bytes a channel may have, less than the runtime allows.
const maxBuffer = math.MaxInt & (1<<46 - 1)

// checkBuffer panics unless a channel can have room for n elements.
func checkBuffer[T any](name string, n int) {
	checkPositive(name, n)
	var zero T
	if size := unsafe.Sizeof(zero); size > 0 && uintptr(n) > maxBuffer/size {
		panic(bug("%s: %d elements of %d bytes are more than memory can hold", name, n, size))
	}
}

func checkKey[K comparable](name string, key K) {
	if !mapkey.Valid(key) {
		panic(bug("%s: the key %v (%T) cannot be the key of a map", name, key, key))
	}
}
