package lease_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/lease"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errLimit = errors.New("limit")
	errUser  = errors.New("the user left")
)

func TestACauseIsKnownBeforeAnythingElseIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancelCause(t.Context())
		late, lost, kept := lease.WithTimeout(parent, time.Second, errLimit), lease.New(parent), lease.WithTimeout(parent, time.Second, errLimit)
		lost.Cancel(errUser)
		kept.Keep()
		testkit.Advance(time.Second)
		assert.Equal(t, errLimit, context.Cause(late))
		assert.Equal(t, context.DeadlineExceeded, late.Err())
		assert.Equal(t, errUser, context.Cause(lost))
		assert.Equal(t, context.Canceled, lost.Err())
		require.NoError(t, kept.Err())
		_, has := kept.Deadline()
		assert.False(t, has)
		cancel(errIO)
		assert.Equal(t, errIO, context.Cause(kept))
		assert.Equal(t, errLimit, context.Cause(late), "the first end counts")
		assert.Equal(t, errUser, context.Cause(lost))
	})
}

var errIO = errors.New("io")

func TestKeepAfterTheDeadlineIsTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := lease.WithTimeout(t.Context(), time.Second, errLimit)
		_ = c.Done()
		testkit.Advance(time.Second)
		c.Keep()
		<-c.Done()
		assert.Equal(t, errLimit, context.Cause(c))
	})
}

type key struct{}

func TestItPassesOnTheParentsValuesAndName(t *testing.T) {
	c := lease.New(context.WithValue(context.Background(), key{}, 7))
	assert.Equal(t, 7, c.Value(key{}))
	c.Cancel(nil)
	assert.Equal(t, 7, c.Value(key{}))
	assert.Equal(t, "context.Background.Attempt", fmt.Sprint(lease.New(context.Background())))
	assert.Equal(t, "*lease_test.counting.Attempt", fmt.Sprint(lease.New(new(counting))))
}

// node is a context of a tree, and what it should be like.
type node struct {
	ctx        context.Context
	lease      *lease.Context // nil for a context of the standard library
	stop       func()         // of those
	inner      []*node
	deadline   time.Time
	err, cause error
	stopCall   func() bool // of an AfterFunc
	calls      int
}

func (n *node) end(err, cause error) {
	if n.err == nil {
		n.err, n.cause = err, cause
		for _, inner := range n.inner {
			inner.end(err, cause)
		}
	}
}

// TestATreeOfContextsEndsAsAModel mixes contexts of both packages. Done and
// AfterFunc are asked for sooner or later or not at all.
func TestATreeOfContextsEndsAsAModel(t *testing.T) {
	testkit.Check(t, func(t *rapid.T) {
		root, end := context.WithCancelCause(context.Background())
		all := []*node{{ctx: root}}
		pick := func() *node { return all[rapid.IntRange(0, len(all)-1).Draw(t, "which")] }
		add := func(parent, n *node) {
			n.err, n.cause = parent.err, parent.cause
			parent.inner = append(parent.inner, n)
			all = append(all, n)
			if rapid.Bool().Draw(t, "done") {
				_ = n.ctx.Done()
			}
		}
		notice := func() { // one of two ends is the first only if somebody looks between
			for _, n := range all {
				_ = n.ctx.Err()
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"lease": func(*rapid.T) {
				parent, n := pick(), &node{}
				if d := time.Duration(rapid.IntRange(0, 3).Draw(t, "d")) * time.Second; d > 0 {
					n.lease, n.deadline = lease.WithTimeout(parent.ctx, d, errLimit), time.Now().Add(d)
				} else {
					n.lease = lease.New(parent.ctx)
				}
				n.ctx = n.lease
				add(parent, n)
			},
			"child": func(*rapid.T) {
				parent, n := pick(), &node{}
				ctx, cancel := context.WithCancelCause(parent.ctx)
				n.ctx, n.stop = ctx, func() { cancel(errUser) }
				add(parent, n)
			},
			"after": func(*rapid.T) {
				if n := pick(); n.stopCall == nil {
					n.stopCall = context.AfterFunc(n.ctx, func() { n.calls++ })
				} else {
					synctest.Wait()
					if called := n.calls > 0; n.stopCall() && called {
						t.Fatal("it was stopped after it was called")
					}
					if n.err == nil {
						n.stopCall = nil
					}
				}
			},
			"end": func(*rapid.T) {
				switch n := pick(); {
				case n.lease != nil:
					n.lease.Cancel(errUser)
					n.end(context.Canceled, errUser)
				case n.stop != nil:
					n.stop()
					n.end(context.Canceled, errUser)
				}
			},
			"keep": func(*rapid.T) {
				if n := pick(); n.lease != nil {
					n.lease.Keep()
					n.deadline = time.Time{}
				}
			},
			"advance": func(*rapid.T) {
				testkit.Advance(time.Second)
				for _, n := range all {
					if !n.deadline.IsZero() && !time.Now().Before(n.deadline) {
						n.end(context.DeadlineExceeded, errLimit)
					}
				}
				notice()
			},
			"end all": func(*rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "rarely") == 0 {
					end(errIO)
					all[0].end(context.Canceled, errIO)
					notice()
				}
			},
			"": func(t *rapid.T) {
				synctest.Wait()
				for i, n := range all {
					if rapid.Bool().Draw(t, "look") {
						n.check(t, i)
					}
				}
			},
		})
		synctest.Wait()
		for i, n := range all {
			n.check(t, i)
			if n.stopCall != nil && n.calls > 0 != (n.err != nil) {
				t.Fatalf("%d: AfterFunc was called %d times", i, n.calls)
			}
		}
		end(nil)
	})
}

func (n *node) check(t *rapid.T, i int) {
	if n.ctx.Err() != n.err || context.Cause(n.ctx) != n.cause { //nolint:errorlint // the same error
		t.Fatalf("%d: %v (%v), want %v (%v)", i, n.ctx.Err(), context.Cause(n.ctx), n.err, n.cause)
	}
	select {
	case <-n.ctx.Done():
		if n.err == nil {
			t.Fatalf("%d: Done is closed", i)
		}
	default:
		if n.err != nil {
			t.Fatalf("%d: Done is open", i)
		}
	}
}

// counting is a context that counts who is registered with it.
type counting struct {
	mu    sync.Mutex
	calls map[int]func()
	added int
	ended bool
	left  chan struct{} // one for each that was taken out
	done  chan struct{}
}

func newCounting() *counting {
	return &counting{calls: map[int]func(){}, left: make(chan struct{}, 1<<16), done: make(chan struct{})}
}

func (c *counting) Deadline() (time.Time, bool) { return time.Time{}, false }
func (c *counting) Value(any) any               { return nil }
func (c *counting) Done() <-chan struct{}       { return c.done }

func (c *counting) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return context.Canceled
	}
	return nil
}

func (c *counting) AfterFunc(f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.added++
	k := c.added
	c.calls[k] = f
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, was := c.calls[k]
		if delete(c.calls, k); was {
			c.left <- struct{}{}
		}
		return was
	}
}

func (c *counting) end() {
	c.mu.Lock()
	calls := c.calls
	c.calls, c.ended = nil, true
	close(c.done)
	c.mu.Unlock()
	for _, f := range calls {
		f()
	}
}

func (c *counting) registered() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls)
}

func TestTheParentKnowsOfNothingUntilDoneIsAskedFor(t *testing.T) {
	parent := newCounting()
	c := lease.WithTimeout(parent, time.Hour, errLimit)
	require.NoError(t, c.Err())
	_, has := c.Deadline()
	assert.True(t, has)
	_ = c.Value(key{})
	c.Keep()
	lease.New(parent).Cancel(nil)
	assert.Zero(t, parent.added)
	_ = c.Done()
	_ = c.Done()
	assert.Equal(t, 1, parent.registered())
	runtime.KeepAlive(c)
}

func TestACanceledContextIsTakenOutOfItsParent(t *testing.T) {
	parent := newCounting()
	for range 100 {
		c := lease.New(parent)
		_ = c.Done()
		c.Cancel(nil)
	}
	assert.Equal(t, 100, parent.added)
	assert.Zero(t, parent.registered())
}

// TestAKeptContextThatNobodySeesIsTakenOutOfItsParent asks for Done before, or
// after, it is kept.
func TestAKeptContextThatNobodySeesIsTakenOutOfItsParent(t *testing.T) {
	parent := newCounting()
	const n = 1000
	for i := range n {
		c := lease.WithTimeout(parent, time.Hour, errLimit)
		var ctx context.Context = c
		if i%3 == 0 { // a child that has ended
			child, cancel := context.WithCancel(c)
			ctx = child
			cancel()
		}
		if i%2 == 0 {
			c.Keep()
			_ = ctx.Done()
			_ = c.Done()
		} else {
			_ = c.Done()
			c.Keep()
		}
	}
	assert.Equal(t, n, parent.added)
	for range n { // a test that hangs here has found a leak
		runtime.GC()
		for parent.registered() < n-len(parent.left) {
			runtime.Gosched()
		}
		if len(parent.left) == n {
			break
		}
		runtime.Gosched()
	}
	assert.Equal(t, n, len(parent.left))
	assert.Zero(t, parent.registered())
}

func TestWhoSeesTheChannelAloneLearnsOfTheEnd(t *testing.T) {
	parent := newCounting()
	var channels []<-chan struct{}
	for range 100 {
		c := lease.New(parent)
		channels = append(channels, c.Done())
		c.Keep()
	}
	fired := make(chan struct{}, 100)
	for range 100 {
		c := lease.New(parent)
		context.AfterFunc(c, func() { fired <- struct{}{} })
		c.Keep()
	}
	runtime.GC()
	runtime.GC()
	for _, c := range channels {
		select {
		case <-c:
			t.Fatal("it is closed too early")
		default:
		}
	}
	assert.Equal(t, 200, parent.registered())
	parent.end()
	for _, c := range channels {
		<-c
	}
	for range 100 {
		<-fired
	}
}

func TestContextsUnderStress(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		parent, end := context.WithCancelCause(context.Background())
		c := lease.WithTimeout(parent, time.Duration(round%100)*time.Microsecond, errLimit)
		fired := make(chan error, 1)
		testkit.Parallel(6, func(i int) {
			switch i {
			case 0:
				<-c.Done()
				assert.Error(t, c.Err())
			case 1:
				context.AfterFunc(c, func() { fired <- context.Cause(c) })
			case 2:
				if round%2 == 0 {
					c.Keep()
				} else {
					c.Cancel(errUser)
				}
			case 3:
				end(errIO)
			case 4:
				child, cancel := context.WithCancel(c)
				defer cancel()
				<-child.Done()
				assert.ErrorIs(t, context.Cause(child), context.Cause(c))
			case 5:
				if c.Err() != nil {
					<-c.Done()
				}
			}
		})
		assert.Equal(t, context.Cause(c), <-fired)
	})
}
