//go:build !gc || !(386 || amd64 || arm || arm64)

package destruct

import (
	"bytes"
	"runtime"
	"strconv"
)

// goroutine returns a number that no other live goroutine has: its id, as a
// stack trace prints it.
func goroutine() uintptr {
	var buf [64]byte
	text := bytes.TrimPrefix(buf[:runtime.Stack(buf[:], false)], []byte("goroutine "))
	id, _, _ := bytes.Cut(text, []byte(" "))
	n, err := strconv.ParseUint(string(id), 10, 64)
	if err != nil {
		panic("destruct: " + err.Error())
	}
	return uintptr(n)
}
