package limithttp

import "time"

// ParseRateLimit is for tests.
func ParseRateLimit(fields []string) (left int64, window time.Duration, ok bool) {
	q, ok := parseRateLimit(fields)
	return q.left, q.window, ok
}
