package main

import (
	"time"

	"gopkg.in/natefinch/lumberjack.v2"
)

// rotated is a file that lumberjack rotates. Lumberjack names an old file after
// the millisecond, and replaces without an error what has that name already. So
// a millisecond goes by after every half MB: as no write is longer, a file holds
// more than that, and no two rotations fall into one millisecond.
type rotated struct {
	lumberjack.Logger
	written int // since the last pause
}

// halfMB is less than the smallest file, of 1 MB, holds without its last write.
const halfMB = 512 << 10

func (r *rotated) Write(p []byte) (int, error) {
	n, err := r.Logger.Write(p)
	if r.written += n; r.written >= halfMB {
		<-time.After(time.Millisecond)
		r.written = 0
	}
	return n, err
}
