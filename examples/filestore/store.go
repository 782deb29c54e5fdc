package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/coderrange/ferrous/arcmutex"
)

// What a Store refuses.
var (
	ErrNotFound = errors.New("no such file")
	ErrName     = errors.New("a name is not . or .., and has 1 to 255 bytes of UTF-8 without / and control characters")
	ErrTooLarge = errors.New("file too large")
	ErrFull     = errors.New("store is full")
)

// Limits bound what a Store keeps.
type Limits struct {
	File  int64 // bytes of one file
	Total int64 // bytes of all files
	Files int   // number of files
}

// A Store is a handle to files kept in memory. It is safe for concurrent use.
// Its owner ends it with Drop; with the last handle the files are gone.
//
// In Rust it is an Arc<Mutex<HashMap<String, Vec<u8>>>>. Every request has a
// handle of its own, so the count says when the last one is over. The lock owns
// the map, so nobody can come to it without the lock; it is shared by readers;
// and a request that is canceled stops waiting for it.
type Store struct {
	limits Limits
	shared *arcmutex.Arc[*arcmutex.RWMutex[contents]]
}

// contents is what the lock guards. The bytes of a file are never changed, only
// replaced, so that they are read without the lock.
type contents struct {
	files map[string][]byte
	total int64
}

// NewStore returns an empty store.
func NewStore(limits Limits) *Store {
	lock := arcmutex.NewRWMutex(contents{files: map[string][]byte{}}).WithName("files")
	return &Store{limits, arcmutex.NewArcDrop(lock, func(lock **arcmutex.RWMutex[contents]) {
		(*lock).With(func(c *contents) { *c = contents{} })
	})}
}

// Clone returns one more handle to the same files.
func (s *Store) Clone() *Store { return &Store{s.limits, s.shared.Clone()} }

// Drop ends the handle.
func (s *Store) Drop() { s.shared.Drop() }

// contents returns the lock that owns the files.
func (s *Store) contents() *arcmutex.RWMutex[contents] { return *s.shared.Ptr() }

// Put keeps data, which is the store's from then on, under a name. It reports
// whether the name is new.
func (s *Store) Put(ctx context.Context, name string, data []byte) (created bool, err error) {
	if err := checkName(name); err != nil {
		return false, err
	}
	if int64(len(data)) > s.limits.File {
		return false, ErrTooLarge
	}
	err = s.contents().WithContext(ctx, func(c *contents) error {
		old, exists := c.files[name]
		total := c.total - int64(len(old)) + int64(len(data))
		if total > s.limits.Total || !exists && len(c.files) >= s.limits.Files {
			return ErrFull
		}
		c.files[name], c.total = data, total
		created = !exists
		return nil
	})
	return created, err
}

// Get returns a file, which must not be changed.
func (s *Store) Get(ctx context.Context, name string) (data []byte, err error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	err = s.contents().RWithContext(ctx, func(c *contents) error {
		var exists bool
		if data, exists = c.files[name]; !exists {
			return ErrNotFound
		}
		return nil
	})
	return data, err
}

// Delete forgets a file.
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return s.contents().WithContext(ctx, func(c *contents) error {
		data, exists := c.files[name]
		if !exists {
			return ErrNotFound
		}
		delete(c.files, name)
		c.total -= int64(len(data))
		return nil
	})
}

// An Entry is a file in a list.
type Entry struct {
	Name string `json:"name"`
	Size int    `json:"size"`
}

// List returns all files in the order of their names, as they were at one
// moment.
func (s *Store) List(ctx context.Context) ([]Entry, error) {
	list := []Entry{}
	err := s.contents().RWithContext(ctx, func(c *contents) error {
		for name, data := range c.files {
			list = append(list, Entry{name, len(data)})
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return list, err
}

func checkName(name string) error {
	isBad := func(r rune) bool { return r == '/' || unicode.IsControl(r) }
	if name == "" || name == "." || name == ".." || len(name) > 255 || !utf8.ValidString(name) || strings.ContainsFunc(name, isBad) {
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	return nil
}
