package retry

import (
	"math"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// permanentError marks an error that another attempt would not change.
type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

// Permanent marks err as one that another attempt would not change: it stops
// [Do], [Run], [Policy.Attempts] and sends a [Queue]'s job to the dead letters.
// The mark is found through wrapping; it does not reach beyond the retry that
// it stopped, so a retry around that one goes on. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

// afterError marks an error that says when to try again.
type afterError struct {
	error
	delay time.Duration
}

func (e *afterError) Unwrap() error { return e.error }

// After marks err with the delay before the next attempt, in place of what the
// [Backoff] says. A negative delay means none, one beyond [Options.MaxDelay]
// is shortened to that. After(d, nil) is nil.
func After(d time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return &afterError{err, d}
}

// ParseRetryAfter reads the value of an HTTP Retry-After header, seconds or a
// date, for [After]. A moment that has passed, or a negative number, means 0; a
// number that no [time.Duration] can hold is the longest there is. ok is false
// when the value is neither.
func ParseRetryAfter(value string, now time.Time) (d time.Duration, ok bool) {
	value = strings.TrimSpace(value)
	if digits := strings.TrimPrefix(value, "-"); digits != "" && strings.Trim(digits, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		switch {
		case digits != value:
			return 0, true
		case err != nil || seconds > math.MaxInt64/int64(time.Second):
			return math.MaxInt64, true
		}
		return time.Duration(seconds) * time.Second, true
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return max(date.Sub(now), 0), true // Sub saturates
}

// marks is what an error says about the next attempt.
type marks struct {
	permanent bool
	hasAfter  bool
	after     time.Duration
}

// read looks for marks in err and in what it wraps, but not in what an inner
// retry gave up.
func (m *marks) read(err error) {
	for err != nil {
		switch e := err.(type) { //nolint:errorlint // this is the walk
		case *Error:
			return
		case *permanentError:
			m.permanent = true
			return
		case *afterError:
			if !m.hasAfter {
				m.hasAfter, m.after = true, max(e.delay, 0)
			}
			err = e.error
		case *OpenError:
			if d := time.Until(e.Until); d > 0 && !m.hasAfter {
				m.hasAfter, m.after = true, d
			}
			return
		case interface{ Unwrap() error }:
			if isNil(e) {
				return
			}
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			if isNil(e) {
				return
			}
			for _, inner := range e.Unwrap() {
				m.read(inner)
			}
			return
		default:
			return
		}
	}
}

// isNil reports whether the interface holds a nil pointer, of which a method
// may panic.
func isNil(v any) bool {
	value := reflect.ValueOf(v)
	return value.Kind() == reflect.Pointer && value.IsNil()
}
