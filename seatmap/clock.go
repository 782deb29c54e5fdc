package seatmap

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Resolution is how often the [Clock] of a [Map] ticks.
const Resolution = time.Millisecond

// Clock is the time that Plans agree on, counted from its making and monotonic:
// setting the wall clock does not move it. It also keeps a coarse reading, which
// costs one load, for refusals. It must be made by [NewClock] and not be copied;
// it is safe for concurrent use.
type Clock struct {
	self   *Clock // a zero Clock and a copy are known by it
	base   time.Time
	coarse atomic.Int64 // the last tick's reading; 0 while nothing ticks

	stop  func()
	ended chan struct{}
}

// NewClock starts a clock whose coarse reading is renewed every resolution by
// a goroutine, which lives until [Clock.Close]. With a resolution that is not
// positive there is no goroutine, and every reading is precise.
func NewClock(resolution time.Duration) *Clock {
	c := &Clock{base: time.Now(), ended: make(chan struct{})}
	c.self = c
	if resolution <= 0 {
		close(c.ended)
		c.stop = func() {}
		return c
	}
	stop := make(chan struct{})
	c.stop = sync.OnceFunc(func() { close(stop) })
	c.coarse.Store(c.now())
	go c.tick(resolution, stop)
	return c
}

func (c *Clock) tick(resolution time.Duration, stop chan struct{}) {
	defer close(c.ended)
	defer c.coarse.Store(0)
	ticker := time.NewTicker(resolution)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			c.coarse.Store(c.now())
		case <-stop:
			return
		}
	}
}

// Close ends the ticking and waits for its goroutine. The clock goes on with
// precise readings. It may be called more than once. A zero Clock has nothing to
// end.
func (c *Clock) Close() {
	if c.self == nil {
		return
	}
	c.stop()
	<-c.ended
}

// String returns for how long the clock has run.
func (c *Clock) String() string {
	if c.self != c {
		return "Clock(not made by NewClock)"
	}
	return fmt.Sprintf("Clock(%v)", time.Duration(c.now()))
}

// Format prints [Clock.String], whatever the verb.
func (c *Clock) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue is [Clock.String].
func (c *Clock) LogValue() slog.Value { return slog.StringValue(c.String()) }

// now returns the time since the making of the clock, in nanoseconds; at least 1.
func (c *Clock) now() int64 { return int64(time.Since(c.base)) + 1 }

// lately returns a reading that is at most as late as now, and does not read
// the system's clock while the ticker runs.
func (c *Clock) lately() int64 {
	if t := c.coarse.Load(); t != 0 {
		return t
	}
	return c.now()
}

// wall is a reading of the system's clock, to tell users the times of a Clock.
type wall struct {
	at   time.Time
	mono int64
}

func (c *Clock) wall() wall {
	t := time.Now()
	return wall{t, int64(t.Sub(c.base)) + 1}
}

// time returns the moment of a reading of the clock; the zero time for 0.
func (w wall) time(mono int64) time.Time {
	if mono == 0 {
		return time.Time{}
	}
	return w.at.Add(time.Duration(mono - w.mono))
}
