package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/examples/internal/checked"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestMain(m *testing.M) { checked.Main(m) }

func TestThreeSourcesInConstantMemory(t *testing.T) {
	binary := checked.Build(t)
	out, err := testkit.Command(t, binary).CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "events count=2000 sum=1999000\n")
	assert.Contains(t, string(out), "lines  count=200000 sum=19999900000\n")
	assert.Contains(t, string(out), "rows   count=20000 sum=199990000\n")
	var grown float64
	_, err = fmt.Sscanf(string(out)[strings.Index(string(out), "heap"):], "heap grew by at most %f MB", &grown)
	require.NoError(t, err)
	assert.Less(t, grown, 12.0, "the file alone has 20 MB")
	for _, bad := range []string{"-lines=-1", "stray"} {
		var exit *exec.ExitError
		if assert.ErrorAs(t, testkit.Command(t, binary, bad).Run(), &exit, bad) {
			assert.Equal(t, 2, exit.ExitCode(), bad)
		}
	}
}

func TestEmptySources(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, 0, 0, 0))
	assert.Contains(t, out.String(), "lines  count=0 sum=0\n")
}

func TestACanceledContextEndsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, run(ctx, new(strings.Builder), 10, 10, 10), context.Canceled)
}
