package outage

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
)

// Importer is a store that takes events from others.
type Importer interface {
	Import(ctx context.Context, r seatmap.ImportRequest, from io.Reader) (seatmap.EventInfo, error)
}

// Move moves the event e as docs/operations.md says.
func Move(tb testing.TB, from seatmap.Porter, to Importer) {
	tb.Helper()
	in, out := io.Pipe()
	var kept bytes.Buffer
	done := make(chan error, 1)
	go func() {
		_, err := from.Export(tb.Context(), seatmap.ExportRequest{Event: "e", Remove: true}, io.MultiWriter(&kept, out))
		_ = out.CloseWithError(err)
		done <- err
	}()
	_, err := to.Import(tb.Context(), seatmap.ImportRequest{}, in)
	_ = in.CloseWithError(err)
	require.NoError(tb, err)
	require.NoError(tb, <-done)
}
