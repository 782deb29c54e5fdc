package operr_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/operr"
)

func TestErrorsNamePackageAndMethodOnce(t *testing.T) {
	errClosed := errors.New("shop: closed")
	for text, err := range map[string]error{
		"shop: Door.Open: closed":        operr.New("shop", "Door.Open", errClosed),
		"bank: Door.Open: shop: closed":  operr.New("bank", "Door.Open", errClosed),
		"shop: Door.Open: locked at six": operr.New("shop", "Door.Open", operr.As(errClosed, "locked at six")),
	} {
		assert.EqualError(t, err, text)
		assert.ErrorIs(t, err, errClosed)
	}
}

func TestInterruptedHasErrAndCause(t *testing.T) {
	errStop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errStop)
	err := operr.Interrupted(ctx, "shop", "Door.Wait")
	assert.EqualError(t, err, "shop: Door.Wait: stop")
	assert.ErrorIs(t, err, errStop)
	assert.ErrorIs(t, err, context.Canceled)
}
