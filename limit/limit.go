// Package limit bounds how often something happens, and how much of it runs at once.
//
// A [Rate] allows events at a rate, with bursts. A [Keyed] is a Rate for each user,
// address or other key. A [Concurrency] bounds what runs at the same time and refuses
// what is too much; its bound is fixed, or adapts to how fast the work is. Package
// limit/limithttp puts them in front of HTTP handlers and clients.
//
//	perUser := limit.NewKeyed[string](limit.KeyedOptions{
//		Rate: limit.RateOptions{Events: 10, Per: time.Second, Burst: 20},
//	})
//	defer perUser.Close()
//	if !perUser.Allow(user) {
//		return errTooMany
//	}
//
//	backend := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 64, Queue: 256})
//	reply, err := limit.Do(ctx, backend, call) // errors.Is(err, limit.ErrOverloaded)
//
// Which one? Use a Rate to keep a promise about a number of events, such as the quota of
// a service that you call. Use a Concurrency to protect something that becomes slow when
// too much of it runs: it needs no guess of how much it can do in a second.
//
// All waits end when their context is done. If the context ends a wait, the error
// matches both ctx.Err() and [context.Cause] with [errors.Is]. A goroutine that waits is
// durably blocked in the sense of [testing/synctest], and time in a bubble is the
// bubble's. Only the monotonic clock counts: setting the wall clock changes nothing.
//
// Misuse panics with an error that names the method: a nil context or function, a
// number out of range, a zero Rate, Keyed or Concurrency, a permit that has ended. A nil
// *Rate, *Keyed or *Concurrency is left to the runtime, as in package sync.
package limit

import (
	"context"
	"errors"

	"github.com/coderrange/ferrous/internal/operr"
	"github.com/coderrange/ferrous/internal/track"
)

var (
	// ErrNever says that waiting would not help: more events were asked for than
	// [RateOptions].Burst, or they would be allowed in years.
	ErrNever = errors.New("limit: would never be allowed")

	// ErrFull says that a [Keyed] has no room for another key at the moment.
	ErrFull = errors.New("limit: too many keys")

	// ErrOverloaded says that a [Concurrency] has reached its limit and that its queue
	// is full.
	ErrOverloaded = errors.New("limit: overloaded")

	// ErrClosed says that a [Keyed] or [Concurrency] was closed.
	ErrClosed = errors.New("limit: closed")

	// ErrReleased is what a [Permit] panics with if it has ended or is zero.
	ErrReleased = errors.New("limit: used after its end")
)

// class is the tracking of permits.
var class = track.Class{Path: "github.com/coderrange/ferrous/limit", Profile: track.Locks}

func init() { track.Register(&class, nil) }

// Track records the place of origin of one in n of the permits made from now on: of all
// for 1, and of none for 0, which is the default. It may be called at any time and by
// any goroutine. It panics if n is negative.
//
// Package track says where the records appear and what they cost. Its Start sets a
// rate for all packages; the higher of the two rates applies.
func Track(n int) { class.Track(n) }

// methodError returns the error of a method.
func methodError(method string, err error) error { return operr.New("limit", method, err) }

// interrupted returns the error of a method whose context is done.
func interrupted(ctx context.Context, method string) error {
	return operr.Interrupted(ctx, "limit", method)
}

// isDone reports whether ctx is done. It panics in the name of the method if ctx is
// nil.
func isDone(ctx context.Context, method string) bool { return operr.IsDone(ctx, "limit", method) }

// errNotMade is what the methods of a zero value panic with.
var errNotMade = errors.New("not made by its constructor")

// noCopy makes go vet report copies of a struct that has it as a field.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}
