package arcmutex_test

import (
	"context"
	"runtime"
	"runtime/pprof"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/internal/testkit"
)

// A claim is a request for the lock of the model and what became of it.
type claim struct {
	mode   string // "write", "read", "upgradable", "upgrade"
	cancel func()
	of     *claim // the upgradable hold that an upgrade is of

	// What the goroutine saw; read when all goroutines are blocked.
	ended bool
	err   error
	write arcmutex.Guard[int]
	read  arcmutex.RGuard[int]
	upgr  arcmutex.UGuard[int]
}

// A lockOracle is an RWMutex as a list of holders and a line.
type lockOracle struct {
	m          *arcmutex.RWMutex[int]
	isPoisoned bool
	holders    []*claim
	line       []*claim
	ended      []*claim // with an error
}

func (l *lockOracle) count(mode string) (n int) {
	for _, h := range l.holders {
		if h.mode == mode {
			n++
		}
	}
	return n
}

func (l *lockOracle) admits(c *claim) bool {
	switch c.mode {
	case "write":
		return len(l.holders) == 0
	case "read":
		return l.count("write") == 0
	case "upgradable":
		return l.count("write")+l.count("upgradable") == 0
	default:
		return len(l.holders) == 1
	}
}

// serve grants the lock to the waiters at the front of the line.
func (l *lockOracle) serve() {
	for len(l.line) > 0 && l.admits(l.line[0]) {
		c := l.line[0]
		l.line = l.line[1:]
		switch {
		case c.of != nil:
			c.mode = "write"
			l.holders = []*claim{c}
		case l.isPoisoned:
			l.ended = append(l.ended, c)
		default:
			l.holders = append(l.holders, c)
		}
	}
}

func remove(from []*claim, c *claim) []*claim {
	return slices.DeleteFunc(from, func(x *claim) bool { return x == c })
}

// The locks against a slow and obvious oracle of holders, waiters and their order, with
// canceled contexts, panics and Goexit, copies, a checker that is turned on and off, and
// holds that are tracked.
func TestRWMutexAgainstOracle(t *testing.T) {
	testkit.Check(t, func(t *rapid.T) {
		l := &lockOracle{m: arcmutex.NewRWMutex(0)}
		var stop func()
		defer arcmutex.Track(0)
		pick := func(t *rapid.T, from []*claim, what string) *claim {
			if len(from) == 0 {
				t.Skip("none")
			}
			return rapid.SampledFrom(from).Draw(t, what)
		}
		refuses := func(t *rapid.T, use func()) {
			defer func() {
				err, ok := recover().(error)
				require.True(t, ok)
				require.ErrorIs(t, err, arcmutex.ErrReleased)
			}()
			use()
		}
		unlock := func(t *rapid.T, c *claim) {
			switch c.mode {
			case "write":
				g := c.write
				g.Unlock()
				refuses(t, func() { c.write.Ptr() })
				refuses(t, c.write.Unlock)
			case "read":
				g := c.read
				g.Unlock()
				refuses(t, c.read.Unlock)
			case "upgradable":
				g := c.upgr
				g.Unlock()
				refuses(t, c.upgr.Unlock)
			}
			l.holders = remove(l.holders, c)
			l.serve()
		}
		t.Repeat(map[string]func(*rapid.T){
			"lock": func(t *rapid.T) {
				ctx, cancel := context.WithCancel(context.Background())
				c := &claim{mode: rapid.SampledFrom([]string{"write", "read", "upgradable"}).Draw(t, "mode"), cancel: cancel}
				go func() {
					switch c.mode {
					case "write":
						c.write, c.err = l.m.LockContext(ctx)
					case "read":
						c.read, c.err = l.m.RLockContext(ctx)
					default:
						c.upgr, c.err = l.m.ULockContext(ctx)
					}
					c.ended = true
				}()
				synctest.Wait()
				isFirst := len(l.line) == 0
				l.line = append(l.line, c)
				if isFirst {
					l.serve()
				}
			},
			"upgrade": func(t *rapid.T) {
				u := pick(t, slices.DeleteFunc(slices.Clone(l.holders), func(c *claim) bool { return c.mode != "upgradable" }), "holder")
				if slices.ContainsFunc(l.line, func(c *claim) bool { return c.of == u }) {
					t.Skip("waits")
				}
				ctx, cancel := context.WithCancel(context.Background())
				c := &claim{mode: "upgrade", of: u, cancel: cancel}
				go func() {
					c.write, c.err = u.upgr.UpgradeContext(ctx)
					c.ended = true
				}()
				synctest.Wait()
				l.line = append([]*claim{c}, l.line...)
				l.serve()
			},
			"cancel": func(t *rapid.T) {
				c := pick(t, l.line, "waiter")
				c.cancel()
				synctest.Wait()
				require.ErrorIs(t, c.err, context.Canceled)
				l.line = remove(l.line, c)
				l.serve()
			},
			"unlock": func(t *rapid.T) {
				c := pick(t, l.holders, "holder")
				if slices.ContainsFunc(l.line, func(w *claim) bool { return w.of == c }) {
					t.Skip("is being upgraded")
				}
				unlock(t, c)
			},
			"downgrade": func(t *rapid.T) {
				c := pick(t, l.holders, "holder")
				if c.mode == "read" || slices.ContainsFunc(l.line, func(w *claim) bool { return w.of == c }) {
					t.Skip("not possible")
				}
				if c.mode == "write" {
					g := c.write
					c.read = c.write.Downgrade()
					refuses(t, g.Unlock)
				} else {
					g := c.upgr
					c.read = c.upgr.Downgrade()
					refuses(t, g.Unlock)
				}
				c.mode, c.of = "read", nil
				l.serve()
			},
			"poison": func(t *rapid.T) {
				if len(l.holders)+len(l.line) > 0 || l.isPoisoned {
					t.Skip("in use")
				}
				if rapid.Bool().Draw(t, "exit") {
					go l.m.With(func(*int) { runtime.Goexit() })
				} else {
					go func() {
						defer func() { _ = recover() }()
						_ = l.m.WithErr(func(*int) error { panic("half way") })
					}()
				}
				synctest.Wait()
				l.isPoisoned = true
			},
			"repair": func(t *rapid.T) {
				if len(l.holders)+len(l.line) > 0 {
					t.Skip("in use")
				}
				require.ErrorIs(t, l.m.RecoverErr(func(*int) error { return errFailed }), errFailed)
				require.Equal(t, l.isPoisoned, l.m.IsPoisoned())
				l.m.Recover(func(*int) {})
				l.isPoisoned = false
			},
			"move": func(t *rapid.T) {
				c := pick(t, l.holders, "holder")
				var g traveller
				switch c.mode {
				case "write":
					g = &c.write
				case "read":
					g = c.read
				default:
					g = c.upgr
				}
				move := rapid.SampledFrom([]func(){g.Adopt, g.Disown}).Draw(t, "move")
				if rapid.Bool().Draw(t, "elsewhere") {
					elsewhere(move)
				} else {
					move()
				}
			},
			"sleep": func(*rapid.T) { testkit.Advance(time.Second) },
			"check": func(t *rapid.T) {
				if stop == nil {
					stop = arcmutex.CheckWith(arcmutex.CheckOptions{
						After:  time.Duration(rapid.IntRange(0, 2).Draw(t, "after")) * time.Second,
						Limit:  time.Duration(rapid.IntRange(0, 2).Draw(t, "limit")) * time.Second,
						Sample: rapid.IntRange(0, 2).Draw(t, "sample"),
						Report: func(*arcmutex.Deadlock) {},
					})
				} else {
					stop()
					stop = nil
				}
			},
			"track": func(t *rapid.T) { arcmutex.Track(rapid.IntRange(0, 2).Draw(t, "n")) },
			"": func(t *rapid.T) {
				synctest.Wait()
				for _, c := range l.holders {
					require.True(t, c.ended, c.mode)
					require.NoError(t, c.err)
					switch c.mode { // the guard is good
					case "write":
						c.write.Ptr()
					case "read":
						c.read.Ptr()
					default:
						c.upgr.Ptr()
					}
				}
				for _, c := range l.line {
					require.False(t, c.ended, c.mode)
				}
				for _, c := range l.ended {
					require.ErrorIs(t, c.err, arcmutex.ErrPoisoned)
				}
				require.Equal(t, l.count("write") == 1, l.m.IsLocked())
				require.Equal(t, l.count("read")+l.count("upgradable"), l.m.Readers())
				require.Equal(t, l.isPoisoned, l.m.IsPoisoned())
			},
		})
		for len(l.line) > 0 {
			c := l.line[0]
			c.cancel()
			synctest.Wait()
			l.line = remove(l.line, c)
			l.serve()
		}
		synctest.Wait()
		for len(l.holders) > 0 {
			unlock(t, l.holders[0])
		}
		if stop != nil {
			stop()
		}
		require.False(t, l.m.IsLocked())
		require.Zero(t, l.m.Readers())
		require.Zero(t, pprof.Lookup("ferrous.locks").Count())
	})
}
