package channel_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
)

// After a Shutdown the receiver waits for the slots that are reserved. Whatever gives
// the last of them back wakes the receiver: a reservation that was collecting slots
// and fails or is canceled, or a permit. After tokio's *_wakes_closed_receiver.
func TestTheLastReservedSlotThatComesBackWakesAClosedReceiver(t *testing.T) {
	for name, waits := range map[string]func(context.Context, *channel.Receiver[int]) error{
		"Recv": func(ctx context.Context, rx *channel.Receiver[int]) error { _, err := rx.Recv(ctx); return err },
		"RecvMany": func(ctx context.Context, rx *channel.Receiver[int]) error {
			_, err := rx.RecvMany(ctx, make([]int, 2))
			return err
		},
		"Ready": func(_ context.Context, rx *channel.Receiver[int]) error {
			<-rx.Ready()
			_, err := rx.TryRecv()
			return err
		},
		"Select": func(ctx context.Context, rx *channel.Receiver[int]) (err error) {
			_, failed := channel.Select(ctx, rx.OnRecv(func(_ int, e error) { err = e }))
			if failed != nil {
				return failed
			}
			return err
		},
	} {
		for order, cancelFirst := range map[string]bool{"failed reserve": false, "canceled reserve": true} {
			t.Run(name+" "+order, func(t *testing.T) {
				everyBounded(t, func(t *testing.T, f flavour) {
					synctest.Test(t, func(t *testing.T) {
						tx, rx := f.open(2)
						permit, err := tx.TryReserve()
						require.NoError(t, err)
						ctx, cancel := context.WithCancel(t.Context())
						defer cancel()
						reserved, received := make(chan error, 1), make(chan error, 1)
						go func() {
							_, err := tx.ReserveMany(ctx, 2) // has one slot and waits for the other
							reserved <- err
						}()
						synctest.Wait()
						if cancelFirst {
							cancel()
							require.ErrorIs(t, <-reserved, context.Canceled)
						}
						rx.Shutdown()
						if !cancelFirst {
							require.ErrorIs(t, <-reserved, channel.ErrClosed)
						}
						_, err = rx.TryRecv()
						require.ErrorIs(t, err, channel.ErrEmpty, "the permit may still send")
						go func() { received <- waits(t.Context(), rx) }()
						synctest.Wait()
						assert.Empty(t, received, "the permit may still send")
						permit.Release()
						require.ErrorIs(t, <-received, channel.ErrClosed)
					})
				})
			})
		}
	}
}
