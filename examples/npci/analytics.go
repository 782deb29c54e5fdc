package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/examples/internal/lockfile"
	"github.com/coderrange/ferrous/stream"
	"github.com/coderrange/ferrous/task"
)

// analytics streams failures to files of JSON lines, in batches. When a file
// is full the next one begins; a new process begins a new one.
type analytics struct {
	failures *channel.Sender[failure]
	writer   *task.Handle[struct{}]
	dir      string
	limit    int // bytes a file

	// The writer's own.
	number  int
	size    int
	file    *os.File
	failure error
	lost    int // failures that are in no file
}

const (
	analyticsBatch = 512
	analyticsDelay = 100 * time.Millisecond
)

func newAnalytics(dir string, limit int) (*analytics, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	tx, rx := channel.New[failure](8 * analyticsBatch)
	a := &analytics{failures: tx, dir: dir, limit: limit}
	a.writer = task.GoErr(context.Background(), func(ctx context.Context) error {
		defer rx.Close() // a writer that panics keeps no payment waiting
		return a.write(ctx, stream.FromReceiver(rx))
	})
	return a, nil
}

// add hands a failure over, and waits when the files cannot keep up.
func (a *analytics) add(f failure) { _ = a.failures.Send(context.Background(), f) } // close says why it failed

func (a *analytics) write(ctx context.Context, failures stream.Stream[failure]) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	for batch, err := range stream.ChunksTimeout(failures, analyticsBatch, analyticsDelay).All(ctx) {
		if err != nil {
			return err
		}
		text.Reset()
		for _, f := range batch {
			if err := encoder.Encode(f); err != nil {
				a.failure = errors.Join(a.failure, err)
			}
		}
		a.flush(text.Bytes(), len(batch))
	}
	a.rotate()
	return nil
}

// flush writes some lines. After an error it writes no more: that is reported in
// the end, and payments go on.
func (a *analytics) flush(batch []byte, lines int) {
	if a.failure != nil {
		a.lost += lines
		return
	}
	if a.file != nil && !lockfile.Same(a.file, a.file.Name()) { // somebody has taken it away
		a.rotate()
	}
	if a.file == nil {
		a.file, a.failure = a.next()
	}
	if a.failure == nil {
		n := 0
		n, a.failure = a.file.Write(batch)
		a.size += n
		batch = batch[n:]
	}
	if a.failure != nil {
		a.lost += bytes.Count(batch, []byte("\n"))
	} else if a.size >= a.limit {
		a.rotate()
	}
}

// next makes a new file, with the next number that is free.
func (a *analytics) next() (*os.File, error) {
	for {
		a.number++
		path := filepath.Join(a.dir, fmt.Sprintf("failures-%04d.ndjson", a.number))
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return file, err
		}
	}
}

func (a *analytics) rotate() {
	if a.file != nil {
		a.failure = errors.Join(a.failure, a.file.Close())
	}
	a.file, a.size = nil, 0
}

// close writes the rest. Nobody may call add any more.
func (a *analytics) close() error {
	a.failures.Close()
	_, err := a.writer.Join(context.Background())
	if a.failure != nil {
		return errors.Join(err, fmt.Errorf("%d failures are not in analytics: %w", a.lost, a.failure))
	}
	return err
}
