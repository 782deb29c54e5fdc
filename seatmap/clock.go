package seatmap

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Clock is a monotonic clock that several Plans can share. It counts from NewClock,
// and setting the wall clock does not change it. It must be made by [NewClock] and
// not be copied; it is safe for concurrent use.
//
// A refusal of a seat that stays blocked for more than one second does not read the
// system's clock. It uses a reading that an earlier refusal has kept, and that a timer
// discards after a tenth of a second. So all refusals together cost at most ten
// readings and timers a second, and an idle clock costs nothing. All other calls, and
// refusals within the last second of a hold, read the system's clock.
//
// So a deadline is exact to the nanosecond. A grant never comes before the deadline of
// an earlier hold. A refusal can come after the deadline only if the process was not
// running for most of a second.
type Clock struct {
	self *Clock // the Clock itself, unless it is zero or a copy
	base time.Time

	// sure is a time that has certainly not been reached: a reading plus clockMargin,
	// from the start of the timer until its function runs. Otherwise it is never,
	// and no time is certain. It is written under mu.
	sure   atomic.Int64
	mu     sync.Mutex
	timer  *time.Timer
	closed bool
}

const (
	clockTick   = 100 * time.Millisecond
	clockMargin = int64(time.Second)
)

// NewClock returns a clock that begins now.
func NewClock() *Clock {
	c := &Clock{base: time.Now()}
	c.self = c
	c.sure.Store(never)
	c.timer = stoppedTimer(c.forget)
	return c
}

// stoppedTimer returns a stopped timer for f. It belongs to the synctest bubble of the
// caller, if there is one.
func stoppedTimer(f func()) *time.Timer {
	t := time.AfterFunc(never, f)
	t.Stop()
	return t
}

// passed reports whether the deadline has passed.
func (c *Clock) passed(deadline int64) bool {
	return deadline <= c.sure.Load() && c.passedSlow(deadline)
}

func (c *Clock) passedSlow(deadline int64) bool {
	if deadline == never {
		return false
	}
	now := c.now()
	if deadline > now+clockMargin {
		c.keep(now)
	}
	return deadline <= now
}

// keep keeps a reading for the refusals of the next tenth of a second.
func (c *Clock) keep(now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sure.Load() == never && !c.closed {
		c.sure.Store(now + clockMargin)
		c.timer.Reset(clockTick)
	}
}

// forget is the timer's function. It discards the reading, which is too old.
func (c *Clock) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sure.Store(never)
}

// Close stops the timer permanently. The clock still works: every call reads the
// system's clock. Close may be called more than once, and on a zero Clock.
func (c *Clock) Close() {
	if c.self == nil {
		return
	}
	if c.self != c {
		panic(notMade("Clock", "Close", true))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.timer.Stop()
	c.sure.Store(never)
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

// wallTime is a reading of the system's clock. It converts times of a Clock into
// times of the wall clock.
type wallTime struct {
	at   time.Time
	mono int64
}

func (c *Clock) wallTime() wallTime {
	t := time.Now()
	return wallTime{t, int64(t.Sub(c.base)) + 1}
}

// time returns the moment of a reading of the clock. It may be before the clock began.
func (w wallTime) time(mono int64) time.Time { return w.at.Add(time.Duration(mono - w.mono)) }

// deadline returns the moment of a deadline and how much time is left; zero for 0 and
// for a hold without a deadline.
func (w wallTime) deadline(mono int64) (time.Time, time.Duration) {
	if mono == 0 || mono == endless {
		return time.Time{}, 0
	}
	left := time.Duration(mono - w.mono)
	return w.at.Add(left), max(left, 0)
}
