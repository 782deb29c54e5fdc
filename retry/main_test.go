package retry_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coderrange/ferrous/retry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errDown    = errors.New("service is down")
	errOverdue = errors.New("the request is overdue")
)

// failing returns an op that fails n times and then returns 42.
func failing(n int, err error) (op retry.Op[int], calls *int) {
	calls = new(int)
	return func(context.Context) (int, error) {
		if *calls++; *calls <= n {
			return 0, err
		}
		return 42, nil
	}, calls
}

// at once retries without delay.
func atOnce(attempts int) *retry.Policy {
	return retry.New(retry.Options{Attempts: attempts, Backoff: retry.Constant(0)})
}

// every retries after the same delay each time.
func every(d time.Duration, attempts int) *retry.Policy {
	return retry.New(retry.Options{Attempts: attempts, Backoff: retry.Constant(d)})
}

// pass lets fake time pass in an op, of which several may run at once.
func pass(d time.Duration) { <-time.After(d) }
