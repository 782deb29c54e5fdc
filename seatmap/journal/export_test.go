package journal

import "github.com/coderrange/ferrous/seatmap/journal/internal/wal"

// OpenFS is Open on a file system of a test.
func OpenFS(fs wal.FS, o Options) (*Store, error) {
	mustBeValid(&o)
	return open("test", fs, o)
}

// Prepare waits until nothing happens in the background.
func (s *Store) Prepare() { s.log.Prepare() }
