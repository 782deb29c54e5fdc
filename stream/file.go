package stream

import (
	"context"
	"io"
	"os"
)

// File returns an Open for the named file. Opening a named pipe (FIFO) waits for a writer until the
// context ends. On systems other than Linux, and for devices, a goroutine may then be left behind in the
// system call; it closes the file if the call succeeds later.
func File(name string) Open {
	return func(ctx context.Context) (io.ReadCloser, error) {
		info, err := os.Stat(name)
		switch {
		case err != nil || info.Mode().IsRegular() || info.IsDir():
			return open(name)
		case info.Mode()&os.ModeNamedPipe != 0:
			return openPipe(ctx, name)
		default:
			return openOnGoroutine(ctx, name)
		}
	}
}

// open is os.Open without a typed nil.
func open(name string) (io.ReadCloser, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// openOnGoroutine opens a file on a goroutine, which is left behind if ctx ends first.
func openOnGoroutine(ctx context.Context, name string) (io.ReadCloser, error) {
	type opened struct {
		r   io.ReadCloser
		err error
	}
	c := make(chan opened)
	go func() {
		r, err := open(name)
		select {
		case c <- opened{r, err}:
		case <-ctx.Done():
			if err == nil {
				_ = r.Close()
			}
		}
	}()
	select {
	case o := <-c:
		return o.r, o.err
	case <-ctx.Done():
		return nil, contextError(ctx)
	}
}
