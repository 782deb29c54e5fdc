package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/coderrange/ferrous/examples/internal/lockfile"
)

// analytics streams failures to files of JSON lines, in batches. When a file
// is full the next one begins; a new process begins a new one.
type analytics struct {
	stream  chan failure
	writer  sync.WaitGroup
	dir     string
	limit   int // bytes a file
	number  int
	size    int
	file    *os.File
	failure error // the writer's own, like what stands above
	lost    int   // failures that are in no file
}

const (
	analyticsBatch = 512
	analyticsDelay = 100 * time.Millisecond
)

func newAnalytics(dir string, limit int) (*analytics, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	a := &analytics{stream: make(chan failure, 8*analyticsBatch), dir: dir, limit: limit}
	a.writer.Go(a.write)
	return a, nil
}

// add hands a failure over, and waits when the files cannot keep up.
func (a *analytics) add(f failure) { a.stream <- f }

func (a *analytics) write() {
	ticker := time.NewTicker(analyticsDelay)
	defer ticker.Stop()
	var batch bytes.Buffer
	lines := 0
	encoder := json.NewEncoder(&batch)
	for more := true; more; {
		full := false
		select {
		case f, open := <-a.stream:
			if more = open; open {
				if err := encoder.Encode(f); err != nil {
					a.failure = errors.Join(a.failure, err)
				}
				lines++
			}
			full = lines >= analyticsBatch || !open
		case <-ticker.C:
			full = true
		}
		if full && lines > 0 {
			a.flush(batch.Bytes(), lines)
			batch.Reset()
			lines = 0
		}
	}
	a.rotate()
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
	close(a.stream)
	a.writer.Wait()
	if a.failure != nil {
		return fmt.Errorf("%d failures are not in analytics: %w", a.lost, a.failure)
	}
	return nil
}
