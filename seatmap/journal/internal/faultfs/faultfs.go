// Package faultfs is a file system in memory that fails and crashes as a test says, and
// then keeps only what was synced.
package faultfs

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"

	"github.com/coderrange/ferrous/seatmap/journal/internal/wal"
)

// FS is a [wal.FS] in memory. Its zero value is empty.
type FS struct {
	// Fault is called before every operation that writes, with its number from 1, and
	// says what goes wrong. Later changes need Break.
	Fault func(op int, name string) Fault

	mu     sync.Mutex
	onSync func() // see OnSync
	ops    int
	locked bool
	dead   bool // since a crash: nothing works any more
	names  map[string]*inode
	synced map[string]*inode // as of the last SyncDir
}

// Fault is what goes wrong in an operation.
type Fault struct {
	// Err is returned. Nil means that nothing goes wrong.
	Err error
	// Part of a write is done nevertheless, in sectors of 512 bytes.
	Part int
	// Crash ends the life of the file system before the operation: it and all later ones
	// fail.
	Crash bool
}

// ErrCrashed is the error of all operations after a crash.
var ErrCrashed = fmt.Errorf("faultfs: crashed: %w", os.ErrClosed)

const sector = 512

type inode struct {
	now, synced []byte
	open        int // how often
	// writes are what has been written since the last sync, in order.
	writes []write
}

type write struct {
	at   int64
	data []byte
	size bool // only the size was changed, to at
	// lost says that a sync of it has failed: it is in memory, and no sync writes it any
	// more.
	lost bool
}

// do carries out an operation that writes, unless something goes wrong.
func (fs *FS) do(name string, partly, f func(part int)) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.dead {
		return ErrCrashed
	}
	fs.ops++
	if fs.Fault != nil {
		fault := fs.Fault(fs.ops, name)
		if fault.Crash {
			fs.dead = true
			return ErrCrashed
		}
		if fault.Err != nil {
			if partly != nil {
				partly(fault.Part * sector)
			}
			return fault.Err
		}
	}
	f(0)
	return nil
}

// Break sets what goes wrong from now on, while the file system is in use. Nil means
// nothing.
func (fs *FS) Break(fault func(op int, name string) Fault) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.Fault = fault
}

// OnSync sets what is called when a Sync is about to return.
func (fs *FS) OnSync(f func()) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.onSync = f
}

// Ops returns how many operations that write there were.
func (fs *FS) Ops() int {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.ops
}

// Lock implements [wal.FS].
func (fs *FS) Lock(bool) (unlock func() error, err error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.locked {
		return nil, &wal.LockedError{}
	}
	fs.locked = true
	return func() error {
		fs.mu.Lock()
		defer fs.mu.Unlock()
		fs.locked = false
		return nil
	}, nil
}

// List implements [wal.FS].
func (fs *FS) List() (names []string, err error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.dead {
		return nil, ErrCrashed
	}
	for name := range fs.names {
		names = append(names, name)
	}
	slices.Sort(names)
	slices.Reverse(names) // nobody says in which order they are
	return names, nil
}

// Open implements [wal.FS].
func (fs *FS) Open(name string, _ bool) (wal.File, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.dead {
		return nil, ErrCrashed
	}
	n, ok := fs.names[name]
	if !ok {
		return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
	}
	n.open++
	return &file{fs: fs, n: n}, nil
}

// Create implements [wal.FS].
func (fs *FS) Create(name string) (f wal.File, err error) {
	err = fs.do("create", nil, func(int) {
		if fs.names[name] != nil {
			panic("faultfs: " + name + " exists")
		}
		if fs.names == nil {
			fs.names, fs.synced = map[string]*inode{}, map[string]*inode{}
		}
		n := &inode{open: 1}
		fs.names[name], f = n, &file{fs: fs, n: n}
	})
	return f, err
}

// Rename implements [wal.FS]. As on Windows, none of the files may be open.
func (fs *FS) Rename(from, to string) error {
	return fs.do("rename", nil, func(int) {
		fs.mustBeClosed(from)
		fs.mustBeClosed(to)
		fs.names[to] = fs.names[from]
		delete(fs.names, from)
	})
}

// mustBeClosed panics if a file is open.
func (fs *FS) mustBeClosed(name string) {
	if n := fs.names[name]; n != nil && n.open > 0 {
		panic("faultfs: " + name + " is open")
	}
}

// Remove implements [wal.FS]. As on Windows, the file may not be open.
func (fs *FS) Remove(name string) error {
	fs.mu.Lock()
	exists := fs.names[name] != nil
	fs.mu.Unlock()
	if !exists {
		return &os.PathError{Op: "remove", Path: name, Err: os.ErrNotExist}
	}
	return fs.do("remove", nil, func(int) {
		fs.mustBeClosed(name)
		delete(fs.names, name)
	})
}

// SyncDir implements [wal.FS].
func (fs *FS) SyncDir() error {
	return fs.do("syncdir", nil, func(int) {
		fs.synced = maps.Clone(fs.names)
	})
}

type file struct {
	fs     *FS
	n      *inode
	closed bool
}

// ReadAt implements [io.ReaderAt].
func (f *file) ReadAt(b []byte, at int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.dead {
		return 0, ErrCrashed
	}
	n := copy(b, f.n.now[min(at, int64(len(f.n.now))):])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements [io.WriterAt].
func (f *file) WriteAt(b []byte, at int64) (n int, err error) {
	do := func(part int) {
		n = min(part, len(b))
		f.n.write(write{at: at, data: slices.Clone(b[:n])})
	}
	err = f.fs.do("write", do, func(int) { do(len(b)) })
	return n, err
}

func (n *inode) write(w write) {
	if w.size || len(w.data) > 0 {
		n.now = w.apply(n.now)
		n.writes = append(n.writes, w)
	}
}

// apply returns the content after the write.
func (w *write) apply(b []byte) []byte {
	end := w.at + int64(len(w.data))
	if w.size && end < int64(len(b)) {
		return b[:end:end]
	}
	if n := end - int64(len(b)); n > 0 {
		b = append(b, make([]byte, n)...)
	}
	copy(b[w.at:], w.data)
	return b
}

// Size implements [wal.File].
func (f *file) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.n.now)), nil
}

// Allocate implements [wal.File].
func (f *file) Allocate(size int64) error {
	return f.fs.do("allocate", nil, func(int) { f.n.write(write{at: max(size, int64(len(f.n.now))), size: true}) })
}

// Truncate implements [wal.File].
func (f *file) Truncate(size int64) error {
	return f.fs.do("truncate", nil, func(int) { f.n.write(write{at: size, size: true}) })
}

// Sync implements [wal.File]. One that fails loses what was to be written: it can be read
// until the crash, and is never synced.
func (f *file) Sync() error {
	err := f.fs.do("sync", func(int) {
		for i := range f.n.writes {
			f.n.writes[i].lost = true
		}
	}, func(int) {
		for _, w := range f.n.writes {
			if !w.lost {
				f.n.synced = w.apply(f.n.synced)
			}
		}
		f.n.writes = slices.DeleteFunc(f.n.writes, func(w write) bool { return !w.lost })
	})
	if err != nil {
		return err
	}
	f.fs.mu.Lock()
	onSync := f.fs.onSync
	f.fs.mu.Unlock()
	if onSync != nil {
		onSync()
	}
	return nil
}

// Close implements [io.Closer].
func (f *file) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return os.ErrClosed
	}
	f.closed = true
	if !f.fs.dead { // after that, the file is another's
		f.n.open--
	}
	return nil
}

// Content returns the content of a file, which the caller may change.
func (fs *FS) Content(name string) []byte {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.names[name].now
}

// Contents returns the contents of all files, of one moment.
func (fs *FS) Contents() (contents []string) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range fs.names {
		contents = append(contents, string(f.now))
	}
	return contents
}

// Names returns the names of all files, in order.
func (fs *FS) Names() []string {
	names, _ := fs.List()
	slices.Sort(names)
	return names
}

// OpenFiles returns how many files are open.
func (fs *FS) OpenFiles() (n int) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range fs.names {
		n += f.open
	}
	return n
}

// Put makes a file, or replaces it, as if it had always been there.
func (fs *FS) Put(name string, content []byte) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	n := &inode{now: slices.Clone(content), synced: slices.Clone(content)}
	fs.names[name], fs.synced[name] = n, n
}

// Clone returns a copy, in which nobody has the lock, and everything is synced.
func (fs *FS) Clone() *FS {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	c := &FS{names: map[string]*inode{}, synced: map[string]*inode{}}
	for name, n := range fs.names {
		n := &inode{now: slices.Clone(n.now), synced: slices.Clone(n.now)}
		c.names[name], c.synced[name] = n, n
	}
	return c
}

// Loss is what of the writes that were not synced a crash loses.
type Loss int

// The losses.
const (
	LoseAll     Loss = iota
	LoseNothing      // the process was killed; the machine goes on, and loses nothing yet
	LoseSectors      // any sectors of any write, and any names
	LoseEnd          // the last write of each file from any byte on
	Losses
)

// Persisted returns what is there if the machine crashed now and lost all that it may.
func (fs *FS) Persisted() *FS {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.after(LoseAll, nil)
}

// Crash returns what is there after a crash, and ends fs.
func (fs *FS) Crash(loss Loss, r *rand.Rand) *FS {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.dead = true
	if loss == LoseNothing {
		for _, n := range fs.names {
			n.open = 0
		}
		return &FS{names: fs.names, synced: fs.synced}
	}
	return fs.after(loss, r)
}

func (fs *FS) after(loss Loss, r *rand.Rand) *FS {
	var names map[string]*inode
	switch loss {
	case LoseAll:
		names = fs.synced
	case LoseEnd:
		names = fs.names
	default:
		names = maps.Clone(fs.synced)
		for _, name := range slices.Sorted(maps.Keys(fs.names)) {
			if r.IntN(2) == 0 {
				names[name] = fs.names[name]
			}
		}
		for _, name := range slices.Sorted(maps.Keys(fs.synced)) {
			if fs.names[name] == nil && r.IntN(2) == 0 {
				delete(names, name)
			}
		}
	}
	after := &FS{names: map[string]*inode{}, synced: map[string]*inode{}}
	done := map[*inode]*inode{}
	for _, name := range slices.Sorted(maps.Keys(names)) { // in one order, for the random numbers
		n := names[name]
		if done[n] == nil {
			content := n.crash(loss, r)
			done[n] = &inode{now: content, synced: slices.Clone(content)}
		}
		after.names[name], after.synced[name] = done[n], done[n]
	}
	return after
}

// crash returns what is left of the content of a file.
func (n *inode) crash(loss Loss, r *rand.Rand) []byte {
	b := slices.Clone(n.synced)
	for i, w := range n.writes {
		switch {
		case loss == LoseAll:
		case w.lost: // the machine forgets it
		case w.size:
			if r.IntN(2) == 0 || loss == LoseEnd {
				b = w.apply(b)
			}
		case loss == LoseEnd:
			if i == len(n.writes)-1 {
				w.data = w.data[:r.IntN(len(w.data)+1)]
			}
			b = w.apply(b)
		default:
			for from := int64(0); from < int64(len(w.data)); {
				to := min(from+sector-(w.at+from)%sector, int64(len(w.data)))
				if r.IntN(2) == 0 {
					part := write{at: w.at + from, data: w.data[from:to]}
					b = part.apply(b)
				}
				from = to
			}
		}
	}
	return b
}
