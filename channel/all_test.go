package channel_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
)

// A source has messages 1 and 2 to receive, and then none until end.
type source struct {
	all func(context.Context) iter.Seq2[int, error]
	end func()
}

// sources returns all receivers that have All. A watch keeps one message only.
func sources(t *testing.T) map[string]source {
	t.Helper()
	all := map[string]source{}
	for _, f := range flavours {
		tx, rx := f.open(3)
		_, err := tx.SendMany(t.Context(), []int{1, 2})
		require.NoError(t, err)
		all[f.name] = source{rx.All, tx.Close}
	}
	tx, rx := channel.NewBroadcast[int](3)
	broadcastAll(t, tx, 1, 2)
	all["broadcast"] = source{rx.All, tx.Close}
	wtx, wrx := channel.NewWatch(1)
	all["watch"] = source{func(ctx context.Context) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for v, err := range wrx.All(ctx) {
				if !yield(v, err) {
					return
				}
				if v == 1 {
					assert.NoError(t, wtx.Send(2))
				}
			}
		}
	}, wtx.Close}
	return all
}

func TestTheEndOfTheStreamIsNoErrorOfAll(t *testing.T) {
	for name, s := range sources(t) {
		var got []int
		for v, err := range s.all(t.Context()) {
			require.NoError(t, err, name)
			if got = append(got, v); v == 2 {
				s.end()
			}
		}
		assert.Equal(t, []int{1, 2}, got, name)
	}
}

// The cause may look like what All does not yield, or like what it goes on after.
func TestAllEndsWithTheCauseOfItsContext(t *testing.T) {
	for _, cause := range []error{
		errors.New("enough"), channel.ErrClosed, channel.ErrEmpty, &channel.LaggedError{Missed: 1},
		fmt.Errorf("wrapped: %w", channel.ErrClosed),
	} {
		synctest.Test(t, func(t *testing.T) {
			for name, s := range sources(t) {
				for _, before := range []bool{false, true} {
					ctx, cancel := context.WithCancelCause(t.Context())
					want := []int{1, 2, 0}
					if before {
						want = []int{0}
						cancel(cause)
					}
					var got []int
					var last error
					for v, err := range s.all(ctx) {
						require.NoError(t, last, name)
						if got, last = append(got, v), err; v == 2 {
							go func() {
								synctest.Wait()
								cancel(cause)
							}()
						}
					}
					assert.Equal(t, want, got, name)
					require.ErrorIs(t, last, cause, name)
					require.ErrorIs(t, last, context.Canceled, name)
					cancel(nil)
				}
				s.end()
			}
		})
	}
}

func TestABreakLeavesTheReceiverOfAllOpen(t *testing.T) {
	for name, s := range sources(t) {
		for want := 1; want <= 2; want++ {
			for v, err := range s.all(t.Context()) {
				require.NoError(t, err, name)
				if name != "watch" {
					assert.Equal(t, want, v, name)
				}
				break
			}
		}
		s.end()
	}
}

func TestAllOfAWatchYieldsTheValueAndEachChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tx, rx := channel.NewWatch("one")
		var got []string
		done := make(chan struct{})
		go func() {
			defer close(done)
			for v, err := range rx.All(t.Context()) {
				assert.NoError(t, err)
				got = append(got, v)
			}
		}()
		synctest.Wait()
		require.ErrorIs(t, rx.TryChanged(), channel.ErrEmpty, "what is yielded is seen")
		require.NoError(t, tx.Send("two"))
		require.NoError(t, tx.Send("three"))
		synctest.Wait()
		require.NoError(t, tx.Send("four"))
		tx.Close()
		<-done
		assert.Equal(t, []string{"one", "three", "four"}, got)

		for v, err := range rx.All(t.Context()) {
			require.NoError(t, err)
			got = append(got, v)
		}
		assert.Equal(t, "four", got[len(got)-1], "the last value, also after the end")
		assert.Len(t, got, 4)
		rx.Close()
		for v, err := range rx.All(t.Context()) {
			t.Error("of a closed receiver", v, err)
		}
	})
}
