package stream_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/stream"
)

// receiver is somebody else's.
type receiver func(context.Context) (int, error)

func (r receiver) Recv(ctx context.Context) (int, error) { return r(ctx) }

// fed returns a channel that holds the numbers below n.
func fed(t *testing.T, n int) (*channel.Sender[int], *channel.Receiver[int]) {
	t.Helper()
	tx, rx := channel.New[int](n + 1)
	_, err := tx.SendMany(t.Context(), ints(n))
	require.NoError(t, err)
	return tx, rx
}

func TestAStreamOfAReceiverEndsWithTheChannel(t *testing.T) {
	tx, rx := fed(t, 3)
	tx.Close()
	assert.Equal(t, ints(3), collect(t, stream.FromReceiver(rx)))
	assert.Empty(t, collect(t, stream.FromReceiver(rx)))

	btx, brx := channel.NewBroadcast[int](2)
	for v := range 3 {
		_, err := btx.Send(v)
		require.NoError(t, err)
	}
	btx.Close()
	got, err := stream.Collect(t.Context(), stream.FromReceiver(brx))
	require.ErrorIs(t, err, channel.ErrLagged)
	assert.Empty(t, got)
	assert.Equal(t, []int{1, 2}, collect(t, stream.FromReceiver(brx)), "it goes on with what is kept")

	otx, orx := channel.NewOneshot[int]()
	require.NoError(t, otx.Send(7))
	assert.Equal(t, []int{7}, collect(t, stream.FromReceiver(orx)))

	for end, want := range map[error]error{
		io.EOF: nil,
		fmt.Errorf("wrapped: %w", channel.ErrClosed): nil,
		io.ErrUnexpectedEOF:                          io.ErrUnexpectedEOF,
		fmt.Errorf("broken: %w", io.EOF):             io.EOF,
		errBoom:                                      errBoom,
	} {
		left := 2
		got, err := stream.Collect(t.Context(), stream.FromReceiver(receiver(func(context.Context) (int, error) {
			if left--; left < 0 {
				return 9, end
			}
			return left, nil
		})))
		require.ErrorIs(t, err, want, "%v", end)
		assert.Equal(t, []int{1, 0}, got)
	}
}

func TestAStreamOfAReceiverIsNotShortWhenItsContextEnds(t *testing.T) {
	for _, cause := range []error{errBoom, channel.ErrClosed, io.EOF} {
		synctest.Test(t, func(t *testing.T) {
			_, rx := fed(t, 2)
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() {
				synctest.Wait()
				cancel(cause)
			}()
			got, err := stream.Collect(ctx, stream.FromReceiver(rx))
			assert.Equal(t, ints(2), got)
			require.ErrorIs(t, err, cause)
			require.ErrorIs(t, err, context.Canceled)
		})
	}
}

// Receivers that do not heed their context are not asked again.
func TestAStreamOfADeafReceiverEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	asked := 0
	s := stream.FromReceiver(receiver(func(context.Context) (int, error) {
		if asked++; asked == 3 {
			cancel(errBoom)
		}
		return asked, nil
	}))
	got, err := stream.Collect(ctx, s)
	assert.Equal(t, []int{1, 2, 3}, got)
	require.ErrorIs(t, err, errBoom)
	assert.Equal(t, 3, asked)
}

func TestABreakBehindABufferLeavesTheReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tx, rx := fed(t, 2)
		for _, err := range stream.Buffer(stream.FromReceiver(rx), 4).All(t.Context()) {
			require.NoError(t, err)
			synctest.Wait() // the stream waits for a third element
			break
		}
		require.NoError(t, tx.Send(t.Context(), 7))
		v, err := rx.Recv(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 7, v)
	})
}

func TestStreamsOfSequencesNoticeTheEndOfTheirContext(t *testing.T) {
	for name, from := range map[string]func(seq func(func(int) bool)) stream.Stream[int]{
		"seq": func(seq func(func(int) bool)) stream.Stream[int] { return stream.FromSeq(seq) },
		"seq2": func(seq func(func(int) bool)) stream.Stream[int] {
			return stream.FromSeq2(func(yield func(int, error) bool) {
				seq(func(v int) bool { return yield(v, nil) })
			})
		},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		asked := 0
		endless := from(func(yield func(int) bool) {
			for asked++; yield(asked); asked++ {
				if asked > 9 {
					return
				}
			}
		})
		var got []int
		for v, err := range endless.All(ctx) {
			if got = append(got, v); err != nil {
				require.ErrorIs(t, err, errBoom, name)
				continue
			}
			if v == 2 {
				cancel(errBoom)
			}
		}
		assert.Equal(t, []int{1, 2, 0}, got, name)
		assert.Equal(t, 2, asked, "%s is asked no more", name)

		ctx, cancel = context.WithCancelCause(t.Context())
		short := from(func(yield func(int) bool) {
			if yield(1) {
				cancel(errBoom) // what seq waits for, too
			}
		})
		got, err := stream.Collect(ctx, short)
		assert.Equal(t, []int{1}, got, name)
		require.ErrorIs(t, err, errBoom, "%s was cut short", name)
		assert.Equal(t, []int{1}, collect(t, from(slices.Values([]int{1}))), name)
	}
}
