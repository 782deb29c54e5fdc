package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/coderrange/ferrous/examples/internal/lockfile"
	"github.com/coderrange/ferrous/retry/boltqueue"
)

// directory is where a run keeps its files. One process has it at a time.
type directory struct {
	path    string
	lock    *lockfile.Lock
	run     *os.File
	seed    uint64
	count   int
	records int // of the ledger that were on disk

	queue atomic.Pointer[os.File] // set when the queue is open
}

// The file that says what the run is, and how many records of the ledger are on
// disk: fewer than that means that some were lost. It is one line of one size,
// so that it is changed in place.
const runLine = "npci seed %020d payments %010d ledger %010d\n"

func openDirectory(path string, c config) (d *directory, err error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockfile.TryLock(filepath.Join(path, "lock"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	d = &directory{path: path, lock: lock, seed: c.seed, count: c.transactions}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	name := d.file("run")
	if d.run, err = lockfile.Regular(name, os.O_RDWR, 1<<20); errors.Is(err, fs.ErrNotExist) {
		return d, d.create(name)
	}
	if err != nil {
		return d, err
	}
	return d, d.read(name)
}

// create begins a run.
func (d *directory) create(name string) (err error) {
	for _, other := range []string{"ledger", "bank", "queue"} {
		if _, err := os.Lstat(d.file(other)); err == nil {
			return damaged(name, "it is missing, although there is %s", d.file(other))
		}
	}
	// It gets its name when it is whole.
	temporary := name + ".new"
	if d.run, err = os.Create(temporary); err != nil {
		return err
	}
	if err := d.mark(0); err != nil {
		return err
	}
	if err := d.run.Sync(); err != nil {
		return err
	}
	if err := os.Rename(temporary, name); err != nil {
		return err
	}
	return syncDirectory(d.path)
}

func (d *directory) read(name string) error {
	text, err := io.ReadAll(io.LimitReader(d.run, 1000))
	if err != nil {
		return err
	}
	var seed uint64
	var count, records int
	if _, err := fmt.Sscanf(string(text), strings.ReplaceAll(strings.ReplaceAll(runLine, "%020d", "%d"), "%010d", "%d"),
		&seed, &count, &records); err != nil || string(text) != fmt.Sprintf(runLine, seed, count, records) {
		return damaged(name, "%q", text)
	}
	if seed != d.seed || count != d.count {
		return fmt.Errorf("%s is of another run, with -seed %d -transactions %d", d.path, seed, count)
	}
	d.records = records
	return nil
}

// mark notes how many records of the ledger are on disk.
func (d *directory) mark(records int) error {
	_, err := d.run.WriteAt(fmt.Appendf(nil, runLine, d.seed, d.count, records), 0)
	return err
}

func (d *directory) file(name string) string { return filepath.Join(d.path, name) }

// openQueue opens the queue, or creates it. A new one gets its name when it is
// whole, so that a disk that is full at that moment leaves no half of one.
func (d *directory) openQueue() (*boltqueue.Store[payment], error) {
	path, temporary := d.file("queue"), d.file("queue.new")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		store, err := boltqueue.Open(temporary, boltqueue.Options[payment]{})
		if err != nil {
			return nil, err
		}
		if err := store.Close(); err != nil {
			return nil, err
		}
		if err := errors.Join(os.Rename(temporary, path), syncDirectory(d.path)); err != nil {
			return nil, err
		}
	}
	file, err := lockfile.Regular(path, os.O_RDONLY, math.MaxInt64) // for present
	if err != nil {
		return nil, err
	}
	store, err := boltqueue.Open(path, boltqueue.Options[payment]{})
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	d.queue.Store(file)
	return store, nil
}

// present fails if one of the files was removed or replaced.
func (d *directory) present() error {
	if !d.lock.Present() {
		return fmt.Errorf("%s was removed or replaced meanwhile", d.file("lock"))
	}
	if queue := d.queue.Load(); queue != nil {
		if err := present(queue, queue.Name()); err != nil {
			return err
		}
	}
	return present(d.run, d.file("run"))
}

func (d *directory) close() (err error) {
	if queue := d.queue.Load(); queue != nil {
		err = queue.Close()
	}
	if d.run != nil {
		err = errors.Join(err, d.run.Close())
	}
	return errors.Join(err, d.lock.Unlock())
}
