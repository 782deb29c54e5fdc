package channel_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
)

func TestHandlesPrintTheirState(t *testing.T) {
	tx, rx := channel.New[int](8)
	require.NoError(t, tx.TrySend(1))
	weak := tx.Downgrade()
	p, err := tx.TryReserveMany(2)
	require.NoError(t, err)
	unboundedTx, unboundedRx := channel.NewUnbounded[int]()
	oneTx, oneRx := channel.NewOneshot[int]()
	castTx, castRx := channel.NewBroadcast[int](4)
	watchTx, watchRx := channel.NewWatch("v")
	for _, c := range []struct {
		handle any
		want   string
	}{
		{tx, "Sender(len=1 cap=8 senders=1 closed=false)"},
		{rx, "Receiver(len=1 cap=8 receivers=1 closed=false)"},
		{weak, "WeakSender(senders=1 weak=1 closed=false)"},
		{&p, "Permit(slots=2)"},
		{unboundedTx, "Sender(len=0 cap=unbounded senders=1 closed=false)"},
		{unboundedRx, "Receiver(len=0 cap=unbounded receivers=1 closed=false)"},
		{oneTx, "OneshotSender(closed=false)"},
		{oneRx, "OneshotReceiver(len=0 closed=false)"},
		{castTx, "BroadcastSender(len=0 cap=4 receivers=1 closed=false)"},
		{castRx, "BroadcastReceiver(len=0 cap=4 closed=false)"},
		{watchTx, "WatchSender(value=v receivers=1 closed=false)"},
		{watchRx, "WatchReceiver(value=v closed=false)"},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			assert.Equal(t, c.want, fmt.Sprintf(verb, c.handle))
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "handle", c.handle)
		assert.Contains(t, log.String(), fmt.Sprintf("handle=%q", c.want))
	}
}
