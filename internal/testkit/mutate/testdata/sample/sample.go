// Package sample is what the test of mutate breaks.
package sample

// Clamp returns v, but no less than low and no more than high.
func Clamp(v, low, high int) int {
	if v < low {
		return low
	}
	if v > high {
		v = high
	}
	return v
}

// Both reports whether a and b are even and adds one to n if so.
func Both(a, b int, n *int) (ok bool) {
	defer func() {
		if ok {
			*n++
		}
	}()
	ok = a&1 == 0 && (b%2 == 0)
	return ok
}

// Longer reports whether a second is longer than 3 ns. It has a constant of a type
// whose package this file does not import.
func Longer() bool { return second() > 3 }
