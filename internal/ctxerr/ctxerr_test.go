package ctxerr_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/ctxerr"
)

func TestTheErrorMatchesErrAndCause(t *testing.T) {
	boom := &fs.PathError{Op: "open", Path: "x", Err: errors.New("boom")}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(boom)
	err := ctxerr.Of(ctx)
	assert.EqualError(t, err, boom.Error())
	assert.ErrorIs(t, err, context.Canceled)
	assert.ErrorIs(t, err, boom)
	var path *fs.PathError
	assert.ErrorAs(t, err, &path)

	late, stop := context.WithDeadlineCause(t.Context(), time.Unix(0, 0), boom)
	defer stop()
	err = ctxerr.Of(late)
	assert.ErrorIs(t, err, boom)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	var timeout interface{ Timeout() bool }
	assert.ErrorAs(t, err, &timeout)
}

func TestACauseThatIsTheErrIsReturnedAsItIs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Equal(t, context.Canceled, ctxerr.Of(ctx))
}

// A cause may be of a type that cannot be compared.
func TestACauseNeedNotBeComparable(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(several{errors.New("one"), errors.New("two")})
	assert.EqualError(t, ctxerr.Of(ctx), "several")
	assert.ErrorIs(t, ctxerr.Of(ctx), context.Canceled)
}

type several []error

func (several) Error() string { return "several" }

func TestAnEarlyErrorLearnsTheCauseWhenTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := &fs.PathError{Op: "open", Path: "x", Err: errors.New("boom")}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, boom)
		defer cancel()
		err := ctxerr.Early(ctx)
		assert.EqualError(t, err, "context deadline exceeded")
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NotErrorIs(t, err, boom)
		<-ctx.Done()
		assert.EqualError(t, err, "context deadline exceeded")
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorIs(t, err, boom)
		var path *fs.PathError
		assert.ErrorAs(t, err, &path)

		canceled, stop := context.WithCancelCause(t.Context())
		late, cancel := context.WithTimeout(canceled, time.Second)
		defer cancel()
		err = ctxerr.Early(late)
		stop(boom)
		assert.ErrorIs(t, err, boom)
		assert.ErrorIs(t, err, context.Canceled)
		assert.ErrorIs(t, err, context.DeadlineExceeded, "as it did before")
	})
}
