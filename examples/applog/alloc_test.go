package main

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

func TestALineThatIsQueuedCostsNoAllocation(t *testing.T) {
	line := Line{time.Unix(0, 0), Info, "msg=request service=1 line=1"}
	l := NewAsync(io.Discard, Wait)
	for range 4 * QueueSize { // the writer's buffers grow first
		require.NoError(t, l.Log(line))
	}
	testkit.NoAllocs(t, "Log", func() { _ = l.Log(line) })
	require.NoError(t, l.Close())
}
