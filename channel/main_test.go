package channel_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// flavour is one of the algorithms behind a Sender and a Receiver.
type flavour struct {
	name    string
	bounded bool
	open    func(capacity int) (*channel.Sender[int], *channel.Receiver[int])
}

var flavours = []flavour{
	{"small", true, channel.New[int]},
	{"queue", true, channel.NewQueue[int]},
	{"unbounded", false, func(int) (*channel.Sender[int], *channel.Receiver[int]) { return channel.NewUnbounded[int]() }},
}

// opens gives the ways to open a channel of T, one for each algorithm.
func opens[T any](capacity int) map[string]func() (*channel.Sender[T], *channel.Receiver[T]) {
	return map[string]func() (*channel.Sender[T], *channel.Receiver[T]){
		"small":     func() (*channel.Sender[T], *channel.Receiver[T]) { return channel.New[T](capacity) },
		"queue":     func() (*channel.Sender[T], *channel.Receiver[T]) { return channel.NewQueue[T](capacity) },
		"unbounded": channel.NewUnbounded[T],
	}
}

// everyFlavour runs the test for each algorithm.
func everyFlavour(t *testing.T, test func(t *testing.T, f flavour)) {
	t.Helper()
	for _, f := range flavours {
		t.Run(f.name, func(t *testing.T) { test(t, f) })
	}
}

// everyBounded runs the test for each algorithm that has a capacity.
func everyBounded(t *testing.T, test func(t *testing.T, f flavour)) {
	t.Helper()
	everyFlavour(t, func(t *testing.T, f flavour) {
		t.Helper()
		if f.bounded {
			test(t, f)
		}
	})
}

// stressFlavours stresses the given algorithms in turn.
func stressFlavours(t *testing.T, all []flavour, body func(t *testing.T, f flavour, round int)) {
	t.Helper()
	testkit.Stress(t, func(t *testing.T, round int) {
		t.Helper()
		body(t, all[round%len(all)], round/len(all))
	})
}

// drained returns all messages of rx until its end.
func drained[T any](t *testing.T, rx *channel.Receiver[T]) (all []T) {
	t.Helper()
	for v, err := range rx.All(t.Context()) {
		require.NoError(t, err)
		all = append(all, v)
	}
	return all
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
