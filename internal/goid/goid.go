// Package goid tells goroutines apart, for reports about them.
package goid

import (
	"bytes"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
)

// Get returns the number by which stack traces call the calling goroutine. It
// is never used again for another.
//
// The runtime does not hand it out. On some processors it is read where the
// first calls have found it to lie in the runtime's own record of a goroutine;
// where that is not possible, or the search was not conclusive, a stack trace is
// asked for, which takes a microsecond.
func Get() uint64 {
	if o := offset.Load(); o != 0 {
		return uint64(word(o))
	}
	return getSlow()
}

// offset is what found returns, once it was called.
var offset atomic.Uintptr

func getSlow() uint64 {
	if o := found(); o != 0 {
		offset.Store(o)
		return uint64(word(o))
	}
	return parse()
}

// Live returns a number that no other live goroutine has: one that ended may
// have had it. Where Get would have to ask for a stack trace, which takes long on
// a deep stack, Live mostly need not.
func Live() uintptr { return address() }

// parse takes the number out of a stack trace, which begins with
// "goroutine 18 [running]:".
func parse() uint64 {
	var buf [64]byte
	text := bytes.TrimPrefix(buf[:runtime.Stack(buf[:], false)], []byte("goroutine "))
	digits, _, _ := bytes.Cut(text, []byte(" "))
	id, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		panic("goid: " + err.Error())
	}
	return id
}

// found returns the offset of the number in the record of a goroutine, or
// zero.
var found = sync.OnceValue(func() uintptr {
	candidates := map[uintptr]int{}
	const goroutines = 16
	done := make(chan []uintptr)
	for range goroutines {
		go func() { done <- search() }()
	}
	for range goroutines {
		for _, offset := range <-done {
			candidates[offset]++
		}
	}
	var offset uintptr
	for o, n := range candidates {
		if n == goroutines && offset != 0 {
			return 0 // it could be either
		}
		if n == goroutines {
			offset = o
		}
	}
	return offset
})

// search returns the offsets at which the calling goroutine's number stands in
// its record.
func search() (offsets []uintptr) {
	id := uintptr(parse())
	for offset := uintptr(8); offset < limit; offset += 8 {
		if word(offset) == id {
			offsets = append(offsets, offset)
		}
	}
	return offsets
}
