package retry

import (
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// permanentError marks an error that another attempt would not change.
type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

// Permanent returns an error that wraps err and marks it: another attempt would not
// change it. It stops [Do], [DoErr] and [Policy.Attempts], and makes a [Queue]'s job a
// dead letter. The mark is found through wrapping, among the first thousand errors. It
// stops only the innermost retry: a retry around that one goes on. Permanent(nil) is nil.
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

// After returns an error that wraps err and marks it with the shortest delay before the
// next attempt, as a server asks for with Retry-After. The wait is at least d and up to a tenth of d more, at random, so
// that clients that got the same answer do not return at the same instant; it is the
// delay of the [Backoff] if that is longer. If marks are nested or joined, the longest
// delay counts. A delay of 0 or less asks for nothing. A delay over [Options.MaxDelay]
// is shortened to MaxDelay. After(d, nil) is nil.
func After(d time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return &afterError{err, d}
}

// ParseRetryAfter reads the value of an HTTP Retry-After header, which is a number of
// seconds or a date, for [After]. A date in the past, or a negative number, means 0. A
// number or date too far for a [time.Duration] means the longest one. ok is false if
// the value is neither a number nor a date.
//
// The three forms of a date are those of RFC 9110, section 5.6.7. All three are
// in GMT. A year of two digits that seems to be more than 50 years after now is
// the last year with these digits before now.
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
	date, ok := parseDate(value, now)
	if !ok {
		return 0, false
	}
	return max(date.Sub(now), 0), true // Sub saturates
}

// The layouts of RFC 9110's IMF-fixdate, rfc850-date and asctime-date.
const (
	imfDate     = "Mon, 02 Jan 2006 15:04:05 GMT"
	rfc850Date  = "Monday, 02-Jan-06 15:04:05 GMT"
	asctimeDate = time.ANSIC
)

// parseDate reads an HTTP date.
func parseDate(value string, now time.Time) (time.Time, bool) {
	for _, layout := range [...]string{imfDate, asctimeDate} {
		if date, err := time.Parse(layout, value); err == nil {
			return date, true
		}
	}
	date, err := time.Parse(rfc850Date, value)
	if err != nil {
		return time.Time{}, false
	}
	// The two digits name one year in each hundred. Begin with the first one
	// that is not before now's, and go back if that is too far.
	now = now.UTC()
	years := (date.Year() - now.Year()) % 100
	if years < 0 {
		years += 100
	}
	year := now.Year() + years
	if inYear(date, year).After(now.AddDate(50, 0, 0)) {
		year -= 100
	}
	return inYear(date, year), true
}

// inYear returns the same moment of another year.
func inYear(t time.Time, year int) time.Time {
	return time.Date(year, t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// marks is what an error says about the next attempt.
type marks struct {
	permanent bool
	refused   bool          // by a breaker
	after     time.Duration // the longest that an After asks for
	open      time.Duration // how long a breaker stays open
	looked    int           // at how many errors
}

// maxLooked is at how many errors [marks.read] looks. An error that wraps itself
// has no end.
const maxLooked = 1000

// read looks for marks in err and in what it wraps, but not in what an inner
// retry gave up.
func (m *marks) read(err error) {
	for err != nil && m.looked < maxLooked {
		m.looked++
		switch e := err.(type) { //nolint:errorlint // this is the walk
		case *Error:
			return
		case *permanentError:
			m.permanent = true
			return
		case *afterError:
			m.after = max(m.after, e.delay)
			err = e.error
		case *OpenError:
			m.refused = true
			if e != nil {
				m.open = max(m.open, time.Until(e.Until))
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
