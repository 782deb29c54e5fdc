package lockdep

import (
	"fmt"
	"math/bits"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/coderrange/ferrous/internal/frames"
)

// depth is the maximum number of calls of a recorded stack. Some of the innermost calls
// are in the package of the locks.
const depth = 12

// A place is a stack of calls. Equal stacks are one object.
type place struct {
	pcs []uintptr // innermost first
}

// places has all places.
type places struct {
	mu    sync.Mutex
	known index[place]
}

// maxPlaces is how many places are kept. After that, each new place is an object of its
// own and is freed when it is no longer referred to.
const maxPlaces = 1 << 16

// here returns the place of the caller of the caller, without the innermost skip calls.
//
//go:noinline
func (p *places) here(skip int) *place {
	var pcs [depth]uintptr
	n := frames.Callers(skip+2, pcs[:])
	hash := uint64(n)
	for _, pc := range pcs[:n] {
		hash = bits.RotateLeft64(hash, 9) ^ uint64(pc)
	}
	hash |= 1 // zero is not a valid key
	if own := p.known.get(hash); own != nil && slices.Equal(own.pcs, pcs[:n]) {
		return own
	}
	return p.add(hash, pcs[:n])
}

// add returns the place of the given calls, and makes it if there is none.
//
//go:noinline
func (p *places) add(hash uint64, pcs []uintptr) *place {
	own := &place{slices.Clone(pcs)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if old := p.known.get(hash); old != nil && slices.Equal(old.pcs, pcs) {
		return old
	}
	if p.known.live < maxPlaces {
		p.known.put(hash, own)
	}
	return own
}

// frames returns the calls of the place, without those in the package of the locks. If the
// goroutine was started with a method of that package, as in go m.With(f), only wrappers
// made by the compiler remain, and frames returns these. If nothing remains, it returns the
// calls in the package of the locks.
func (c *Checker) frames(p *place) (own []runtime.Frame) {
	if p == nil || len(p.pcs) == 0 {
		return nil
	}
	var wrappers, ours []runtime.Frame
	calls := runtime.CallersFrames(p.pcs)
	for more := true; more; {
		var f runtime.Frame
		f, more = calls.Next()
		switch {
		case f.Function == "" || f.Function == "runtime.goexit":
		case slices.ContainsFunc(c.Ours, func(prefix string) bool { return strings.HasPrefix(f.Function, prefix) }):
			ours = append(ours, f)
		case frames.IsWrapper(f.Function):
			wrappers = append(wrappers, f)
		default:
			own = append(own, f)
		}
	}
	for _, others := range [][]runtime.Frame{wrappers, ours} {
		if len(own) == 0 {
			own = others
		}
	}
	return own
}

// stack returns the calls in the format of a stack trace.
func (c *Checker) stack(p *place) string {
	var b strings.Builder
	for _, f := range c.frames(p) {
		fmt.Fprintf(&b, "\t%s\n\t\t%s:%d\n", f.Function, f.File, f.Line)
	}
	return b.String()
}

// site returns the innermost call in the form file.go:42, or an empty string.
func (c *Checker) site(p *place) string {
	all := c.frames(p)
	if len(all) == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d", filepath.Base(all[0].File), all[0].Line)
}
