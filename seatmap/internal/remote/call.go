package remote

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/seatmap"
)

// Ended returns the error of a context that is done, with its cause.
func Ended(ctx context.Context) error {
	if cause := context.Cause(ctx); !errors.Is(cause, ctx.Err()) {
		return fmt.Errorf("seatmap: %w: %w", ctx.Err(), cause)
	}
	return fmt.Errorf("seatmap: %w", context.Cause(ctx))
}

// Formed reports whether the form of a request is right, by the error that a map without
// events has returned: then it did not know its event.
func Formed(err error) bool { return errors.Is(err, seatmap.ErrUnknownEvent) }

// NoReferences returns the error of a request to a store that has no references.
func NoReferences(store string) error {
	return fmt.Errorf("%w: %s has no references", seatmap.ErrInvalidReference, store)
}

// Lacking returns the error of an import that has these things beyond what every store has,
// unless the store has all of them.
func Lacking(store string, names []string, has ...string) error {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(has, name) })
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w: %s has no %s", seatmap.ErrInvalidExport, errors.ErrUnsupported, store, strings.Join(names, ", no "))
}

// NoQuotas returns the error of a request that names quotas to a store that has none.
func NoQuotas(store string) error {
	return fmt.Errorf("%w: %s has no quotas", seatmap.ErrInvalidQuota, store)
}

// Moment returns a time in microseconds, zero for 0.
func Moment(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros)
}

// Microseconds returns a duration, rounded up so that no hold ends early.
func Microseconds(d time.Duration) int64 { return int64((d + time.Microsecond - 1) / time.Microsecond) }

// Duration returns microseconds as a duration.
func Duration(micros int64) time.Duration { return time.Duration(micros) * time.Microsecond }

// Repeat calls once under the policy, and returns its last error. It calls it again after
// ErrUnavailable, and after ErrOutcomeUnknown if there is a key.
func Repeat[T any](ctx context.Context, p *retry.Policy, keyed bool, once func(ctx context.Context) (T, error)) (T, error) {
	if p == nil {
		return once(ctx)
	}
	var last error
	unknown := false // an attempt may have been carried out
	v, err := retry.Do(ctx, p, func(ctx context.Context) (T, error) {
		v, err := once(ctx)
		last = err
		switch {
		case err == nil:
			return v, nil
		case errors.Is(err, seatmap.ErrOutcomeUnknown):
			unknown = true
			if keyed {
				return v, err
			}
		case errors.Is(err, seatmap.ErrUnavailable):
			return v, err
		}
		return v, retry.Permanent(err)
	})
	switch {
	case err == nil:
		return v, nil
	case ctx.Err() != nil:
		last = Ended(ctx)
	case last == nil: // the policy did not allow the first attempt
		return v, fmt.Errorf("%w: %w", seatmap.ErrUnavailable, err)
	}
	if unknown && !errors.Is(last, seatmap.ErrOutcomeUnknown) {
		if ctx.Err() != nil {
			return v, fmt.Errorf("%w: %w", seatmap.ErrOutcomeUnknown, last)
		}
		return v, fmt.Errorf("%w: %v", seatmap.ErrOutcomeUnknown, last) //nolint:errorlint // it is not ErrUnavailable
	}
	return v, last
}

// Joined returns texts one after the other, each after its length, so that no other texts give the
// same bytes.
func Joined(texts ...string) []byte {
	b := make([]byte, 0, 256)
	for _, text := range texts {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	return b
}
