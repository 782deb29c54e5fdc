package limit

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v3"

	"github.com/coderrange/ferrous/internal/ctxerr"
	"github.com/coderrange/ferrous/internal/mapkey"
)

// A Keyed is a [Rate] for each key, such as a user or an address. All keys have the same
// rate.
//
// A key takes memory only while its bucket is not full. When the bucket is full again,
// the key is at rest: nothing is lost by forgetting it, and a later event makes it anew.
// A key at rest is forgotten within ForgetAfter. There are never more than MaxKeys: while
// there are so many, events of other keys are refused, and keys at rest are looked for at
// once. A sweep that looks for them takes one goroutine, at most a tenth of its time. A
// Keyed without keys has no goroutine and no timer.
//
// A key that is equal to itself costs about 100 bytes and what it points to. An Allow of
// a key that is there looks it up in a concurrent map, reads the clock and makes one
// compare-and-swap. It does not allocate.
//
// A Keyed must be made by [NewKeyed], not be copied, and be closed. It is safe for
// concurrent use. Inside a [testing/synctest] bubble, use one that was made inside.
type Keyed[K comparable] struct {
	_ noCopy
	quota
	base    time.Time
	cells   *xsync.MapOf[K, *cell]
	keys    atomic.Int64 // in cells, or about to be
	maxKeys int64
	sweeper sweeper
}

// A cell is the bucket of a key. A word that is frozen is about to leave the map.
type cell struct{ word atomic.Int64 }

// KeyedOptions are the options of a [Keyed].
type KeyedOptions struct {
	// Rate is the rate of each key.
	Rate RateOptions
	// MaxKeys is how many keys there can be at once. Zero means 2^20.
	MaxKeys int
	// ForgetAfter is how long a key may be at rest before it is forgotten, apart from
	// the time that the sweep takes. Zero means a minute.
	ForgetAfter time.Duration
}

// NewKeyed returns a Keyed without keys. It panics if the options are out of range.
func NewKeyed[K comparable](o KeyedOptions) *Keyed[K] {
	const method = "NewKeyed"
	if o.MaxKeys == 0 {
		o.MaxKeys = 1 << 20
	}
	if o.ForgetAfter == 0 {
		o.ForgetAfter = time.Minute
	}
	if o.MaxKeys < 0 {
		panic(methodError(method, fmt.Errorf("%d keys", o.MaxKeys)))
	}
	if o.ForgetAfter < 0 {
		panic(methodError(method, fmt.Errorf("forget after %v", o.ForgetAfter)))
	}
	k := &Keyed[K]{
		quota:   quotaOf(o.Rate, method),
		base:    time.Now(),
		cells:   xsync.NewMapOf[K, *cell](),
		maxKeys: int64(o.MaxKeys),
	}
	k.sweeper.init(o.ForgetAfter, k.sweep, func() bool { return k.keys.Load() > 0 })
	return k
}

// Allow reports whether an event of the key may happen now, and takes it from the key's
// bucket if so. It is false after Close, and for a new key while there are MaxKeys.
func (k *Keyed[K]) Allow(key K) bool {
	_, _, err := k.take(key, "Keyed.Allow", 1, 0)
	return err == nil
}

// AllowN reports whether n events of the key may happen now, as [Rate.AllowN].
func (k *Keyed[K]) AllowN(key K, n int) bool {
	const method = "Keyed.AllowN"
	checkEvents(n, method)
	_, _, err := k.take(key, method, n, 0)
	return err == nil
}

// errNotNow says that events would be allowed later.
var errNotNow = errors.New("limit: not yet")

// take takes n events of the key that are allowed at most so many units from now.
func (k *Keyed[K]) take(key K, method string, n int, ahead int64) (c *cell, t taken, err error) {
	k.made(method)
	if n > k.options.Burst {
		return nil, t, ErrNever
	}
	if n == 0 {
		return nil, t, nil
	}
	t.cost = k.cost(n)
	for {
		c, ok := k.cells.Load(key)
		if !ok {
			if c, err = k.insert(key, method); err != nil {
				return nil, t, err
			}
		}
		t.now = k.now()
		t.full, ok = take(&c.word, t.now, t.cost, k.depth+ahead)
		if ok {
			return c, t, nil
		}
		if t.full != frozen {
			return nil, t, errNotNow
		}
		k.remove(key, c) // the sweep is about to do so
	}
}

// now returns the time in units.
func (k *Keyed[K]) now() int64 {
	return k.units(min(max(time.Since(k.base), 0), time.Duration(k.maxTime)))
}

// insert returns the cell of a key that had none.
func (k *Keyed[K]) insert(key K, method string) (*cell, error) {
	switch {
	case !mapkey.Valid(key):
		panic(methodError(method, fmt.Errorf("a key of type %T that a map cannot find again", key)))
	case k.sweeper.isClosed():
		return nil, ErrClosed
	case k.keys.Add(1) > k.maxKeys:
		k.keys.Add(-1)
		k.sweeper.hurry()
		return nil, ErrFull
	}
	c, loaded := k.cells.LoadOrStore(key, new(cell))
	if loaded {
		k.keys.Add(-1)
	}
	k.sweeper.wake()
	if k.sweeper.isClosed() { // Close may have missed the key
		k.forget(key, c)
		return nil, ErrClosed
	}
	return c, nil
}

// remove removes the key if it still has this cell.
func (k *Keyed[K]) remove(key K, c *cell) {
	removed := false
	k.cells.Compute(key, func(now *cell, loaded bool) (*cell, bool) {
		removed = loaded && now == c
		return now, removed || !loaded
	})
	if removed {
		k.keys.Add(-1)
	}
}

// sweep forgets the keys at rest.
func (k *Keyed[K]) sweep() {
	now := k.now()
	k.cells.Range(func(key K, c *cell) bool {
		if full := c.word.Load(); full <= now && c.word.CompareAndSwap(full, frozen) {
			k.remove(key, c)
		}
		return !k.sweeper.isClosed()
	})
}

// Available returns how many events of the key are allowed at the moment.
func (k *Keyed[K]) Available(key K) int {
	word := k.look(key, "Keyed.Available")
	return k.available(word, k.now())
}

// Delay returns how long it takes until n events of the key are allowed, as [Rate.Delay].
func (k *Keyed[K]) Delay(key K, n int) (time.Duration, error) {
	const method = "Keyed.Delay"
	checkEvents(n, method)
	word := k.look(key, method)
	if n > k.options.Burst {
		return 0, methodError(method, ErrNever)
	}
	return k.until(word, k.now(), n), nil
}

// look returns the word of the key, or that of a full bucket.
func (k *Keyed[K]) look(key K, method string) int64 {
	k.made(method)
	if c, ok := k.cells.Load(key); ok {
		if word := c.word.Load(); word != frozen {
			return word
		}
	}
	return 0
}

// Wait waits until an event of the key is allowed or ctx is done. See [Keyed.WaitN].
//
//ferrous:blocks
func (k *Keyed[K]) Wait(ctx context.Context, key K) error { return k.wait(ctx, key, 1, "Keyed.Wait") }

// WaitN takes n events of the key and waits until they are allowed, as [Rate.WaitN]. It
// does not wait for room: for a new key while there are MaxKeys, the error is [ErrFull].
// After Close, it is [ErrClosed]; waits that have begun go on.
//
//ferrous:blocks
func (k *Keyed[K]) WaitN(ctx context.Context, key K, n int) error {
	return k.wait(ctx, key, n, "Keyed.WaitN")
}

func (k *Keyed[K]) wait(ctx context.Context, key K, n int, method string) error {
	done := isDone(ctx, method)
	checkEvents(n, method)
	k.made(method)
	if done {
		return interrupted(ctx, method)
	}
	deadline, bounded := ctx.Deadline()
	c, t, err := k.take(key, method, n, aheadOf(&k.quota, deadline, bounded))
	switch {
	case err == errNotNow && bounded: //nolint:errorlint // it is never wrapped
		return methodError(method, ctxerr.Early(ctx))
	case err == errNotNow: //nolint:errorlint // it is never wrapped
		return methodError(method, ErrNever)
	case err != nil:
		return methodError(method, err)
	case n == 0:
		return nil
	}
	return sleep(ctx, &c.word, t, t.delay(&k.quota), method)
}

// Reserve takes n events of the key, as [Rate.Reserve]. For a new key while there are
// MaxKeys, the error is [ErrFull], and after Close [ErrClosed].
func (k *Keyed[K]) Reserve(key K, n int) (*Reservation, error) {
	const method = "Keyed.Reserve"
	checkEvents(n, method)
	c, t, err := k.take(key, method, n, maxAhead)
	switch {
	case err == errNotNow: //nolint:errorlint // it is never wrapped
		return nil, methodError(method, ErrNever)
	case err != nil:
		return nil, methodError(method, err)
	case n == 0:
		c = new(cell)
	}
	return &Reservation{word: &c.word, taken: t, events: n, at: k.base.Add(k.duration(t.full - k.depth))}, nil
}

// Len returns the number of keys, those at rest included that are not yet forgotten.
func (k *Keyed[K]) Len() int { return int(min(k.keys.Load(), k.maxKeys)) }

// Options returns the rate of each key, with defaults filled in.
func (k *Keyed[K]) Options() RateOptions {
	k.made("Keyed.Options")
	return k.options
}

// Close forgets all keys, and waits for a sweep that has begun. From then on nothing is
// allowed. Further calls have no effect.
func (k *Keyed[K]) Close() {
	k.made("Keyed.Close")
	k.sweeper.close()
	k.cells.Range(func(key K, c *cell) bool {
		k.forget(key, c)
		return true
	})
}

// forget removes the key, whatever the state of its bucket.
func (k *Keyed[K]) forget(key K, c *cell) {
	c.word.Store(frozen)
	k.remove(key, c)
}

func (k *Keyed[K]) made(method string) {
	if k.cells == nil {
		panic(methodError(method, errNotMade))
	}
}
