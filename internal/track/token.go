package track

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// An origin is the type of a handle and the stack that made it. All handles of the
// same type and stack share one origin.
type origin struct {
	class *Class
	what  string
	pcs   [16]uintptr // the innermost callers, zero beyond the last
}

// origins holds all origins. None is ever removed.
var origins struct {
	sync.RWMutex
	known map[origin]*origin
}

// intern returns the shared origin that is equal to o.
func (o *origin) intern() *origin {
	origins.RLock()
	own := origins.known[*o]
	origins.RUnlock()
	if own != nil {
		return own
	}
	origins.Lock()
	defer origins.Unlock()
	if own = origins.known[*o]; own == nil {
		if origins.known == nil {
			origins.known = map[origin]*origin{}
		}
		own = new(*o)
		origins.known[*o] = own
	}
	return own
}

// stack returns the frames as text, as a panic prints them.
func (o *origin) stack() string {
	var b strings.Builder
	for f := range o.frames {
		_, _ = fmt.Fprintf(&b, "\t%s\n\t\t%s:%d\n", f.Function, f.File, f.Line)
	}
	return b.String()
}

// site returns the innermost frame outside the package of the class.
func (o *origin) site() (site string) {
	for f := range o.frames {
		site = fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
		if !strings.HasPrefix(f.Function, o.class.Path+".") {
			break
		}
	}
	return site
}

// frames iterates over the frames, innermost first.
func (o *origin) frames(yield func(runtime.Frame) bool) {
	end := slices.Index(o.pcs[:], 0)
	if end < 0 {
		end = len(o.pcs)
	}
	if end == 0 {
		return
	}
	frames := runtime.CallersFrames(o.pcs[:end])
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		if !yield(f) {
			return
		}
	}
}

// Caller returns the place of the innermost caller outside the class's
// package, as file.go:42.
func (c *Class) Caller() string {
	o := origin{class: c}
	runtime.Callers(2, o.pcs[:])
	return o.site()
}

// A record describes a tracked handle.
type record struct {
	*origin
	name    string // what WithName said; guarded by the shard
	serial  uint64 // rises with each new record of any class
	cleanup runtime.Cleanup

	prev, next *record // neighbors in its Holders, if it has one
}

// A Token belongs to a tracked handle. Nothing but the handle may refer to it. A
// handle that is not tracked has a nil token.
type Token struct {
	record *record
	ended  atomic.Bool
}

// Begin tracks a new handle of the given type and name. The stack begins skip frames
// above the caller of Begin. If the token becomes garbage before [Token.End], the
// handle is a leak.
func (c *Class) Begin(what, name string, skip int) *Token {
	c.salt.Store(rand.Uint32())
	o := origin{class: c, what: what}
	runtime.Callers(skip+2, o.pcs[:])
	r := &record{origin: o.intern(), name: name}
	table.insert(r)
	c.Profile.Add(r, skip+2)
	t := &Token{record: r}
	r.cleanup = runtime.AddCleanup(t, lose, r)
	return t
}

// Rename names the handle.
func (t *Token) Rename(name string) {
	if t != nil {
		table.rename(t.record, name)
	}
}

// Ended reports whether the handle was tracked and has ended.
func (t *Token) Ended() bool { return t != nil && t.ended.Load() }

// End ends the tracking, and reports whether t was tracked and had not ended before.
func (t *Token) End() bool {
	if t == nil || t.ended.Swap(true) {
		return false
	}
	table.remove(t.record)
	t.record.class.Profile.Remove(t.record)
	t.record.cleanup.Stop()
	runtime.KeepAlive(t) // it is not garbage before
	return true
}

// Pass moves the record of t to a new token, for the handle that replaces the handle
// of t. Then t has ended. If t had ended before, Pass returns t.
func (t *Token) Pass() *Token {
	if t == nil || t.ended.Swap(true) {
		return t
	}
	t.record.cleanup.Stop()
	next := &Token{record: t.record}
	next.record.cleanup = runtime.AddCleanup(next, lose, next.record)
	runtime.KeepAlive(t)
	return next
}

// Lose ends the tracking of a handle that is known to be garbage, and records it as a
// leak.
func (t *Token) Lose() bool {
	if t == nil || t.ended.Swap(true) {
		return false
	}
	t.record.cleanup.Stop()
	lose(t.record)
	return true
}
