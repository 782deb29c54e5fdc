package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
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
}

const (
	analyticsBatch = 512
	analyticsDelay = 100 * time.Millisecond
)

func newAnalytics(dir string, limit int) (*analytics, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
	if err != nil {
		return nil, err
	}
	a := &analytics{stream: make(chan failure, 8*analyticsBatch), dir: dir, limit: limit, number: len(files)}
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
				a.failure = errors.Join(a.failure, encoder.Encode(f))
				lines++
			}
			full = lines >= analyticsBatch || !open
		case <-ticker.C:
			full = true
		}
		if full && lines > 0 {
			a.flush(batch.Bytes())
			batch.Reset()
			lines = 0
		}
	}
	a.rotate()
}

func (a *analytics) flush(batch []byte) {
	if a.failure != nil {
		return // it is reported in the end; payments go on
	}
	if a.file == nil {
		a.number++
		path := filepath.Join(a.dir, fmt.Sprintf("failures-%04d.ndjson", a.number))
		if a.file, a.failure = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); a.failure != nil {
			return
		}
	}
	n, err := a.file.Write(batch)
	a.failure = err
	if a.size += n; a.size >= a.limit {
		a.rotate()
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
	return a.failure
}
