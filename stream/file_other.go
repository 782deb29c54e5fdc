//go:build !linux

package stream

import (
	"context"
	"io"
)

func openPipe(ctx context.Context, name string) (io.ReadCloser, error) {
	return openOnGoroutine(ctx, name)
}
