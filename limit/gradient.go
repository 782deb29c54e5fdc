package limit

import (
	"math"
	"time"
)

// A gradient adapts a limit to how long the work takes, after Gradient2 of Netflix's
// concurrency-limits. The lock of its Concurrency guards it.
//
// The durations of a window have an average, the short one. The long one is a moving
// average of those. The limit is multiplied by the gradient, which compares them, with a
// tolerance; and some headroom is added, so that the limit rises while nothing is slow:
//
//	gradient = tolerance × long / short, between 1/2 and 1
//	limit    = limit × gradient + √limit, smoothed
//
// The headroom is that of Netflix's first Gradient; Gradient2 has 4 in its place, which
// is much for a small limit.
//
// A limit that is not made use of says nothing, and stays as it is.
type gradient struct {
	base      time.Time // what times count from
	min, max  float64
	tolerance float64
	window    time.Duration

	limit   float64
	long    average
	slow    bool    // what is slow is slow by itself, as far as we know
	before  float64 // the limit and the short average of the window before
	shorter float64

	// The window that goes on.
	end   time.Duration
	sum   time.Duration
	count int
	peak  int // the most that ran at once
}

const (
	steepest   = 0.5 // the least that the gradient is
	smoothing  = 0.2 // how much of a window's result counts
	minSamples = 10  // in a window
	longWindow = 600 // windows that the long average is about
	slowWindow = 60  // the same while the work is slow by itself
	lowest     = 4   // where the steepest gradient and the headroom balance
)

func newGradient(o ConcurrencyOptions) *gradient {
	return &gradient{
		base: time.Now(), min: float64(o.Min), max: float64(o.Max),
		tolerance: o.Tolerance, window: o.Window, limit: float64(o.Limit), end: o.Window,
	}
}

// after adds a piece of work that ended now, and returns the limit. Failures that are
// faster than usual say nothing about how long the work takes.
func (g *gradient) after(now, took time.Duration, running int, failed bool) (limit int) {
	if took = max(took, 1); !failed || float64(took) >= g.long.value {
		g.sum += took
		g.count++
		g.peak = max(g.peak, running)
		if now >= g.end && g.count >= minSamples {
			g.adapt(float64(g.sum)/float64(g.count), float64(g.peak))
			g.end, g.sum, g.count, g.peak = now+g.window, 0, 0, 0
		}
	}
	return int(g.limit)
}

// adapt ends a window.
func (g *gradient) adapt(short, peak float64) {
	if g.long.count == 0 {
		g.long.add(short, longWindow)
	}
	slope := max(steepest, min(1, g.tolerance*g.long.value/short))
	g.learn(short, slope)
	g.before, g.shorter = g.limit, short
	if peak < g.limit/2 {
		return
	}
	next := g.limit*slope + math.Sqrt(g.limit)
	g.limit = max(g.min, min(g.max, g.limit*(1-smoothing)+next*smoothing))
}

// learn adds a window to the long average. Netflix's learns always, so that after some
// minutes it takes overload for normal. This one learns while nothing is slow. If the
// work is slow, and stays so when less of it runs, it does not queue up: it is slow by
// itself. Then the average learns that, and fast.
func (g *gradient) learn(short, slope float64) {
	fell := g.limit / g.before // at first, by nothing
	switch {
	case slope == 1:
		g.slow = false
	case g.limit < max(g.min, lowest)+1 && slope == steepest:
		g.slow = true
	case fell < 0.95:
		g.slow = short/g.shorter > (1+fell)/2
	}
	switch {
	case slope == 1:
		g.long.add(short, longWindow)
	case g.slow:
		g.long.add(short, slowWindow)
	}
	if g.long.value > 2*short {
		g.long.value *= 0.95 // sooner after a slow time
	}
}

// An average is the mean of the first values, then an exponential moving average.
type average struct {
	value float64
	count int
}

const warmUp = 10 // values that are averaged evenly

func (a *average) add(v float64, window int) {
	if a.count < warmUp {
		a.count++
		a.value += (v - a.value) / float64(a.count)
		return
	}
	a.value += (v - a.value) * 2 / float64(window+1)
}
