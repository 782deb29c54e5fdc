package boltqueue_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry/boltqueue"
	"github.com/coderrange/ferrous/retry/internal/testkit/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens the file, which need not exist.
func open(tb rapid.TB, path string) *boltqueue.Store[string] {
	tb.Helper()
	s, err := boltqueue.Open(path, boltqueue.Options[string]{})
	require.NoError(tb, err)
	return s
}

// rounds returns n, or fewer if the race detector, which has little to find in one
// goroutine, makes each of them slow, or the tests are to be short.
func rounds(n int) int {
	if testkit.RaceEnabled || testing.Short() {
		return max(n/6, 1)
	}
	return n
}

func newPath(tb interface{ TempDir() string }) string { return filepath.Join(tb.TempDir(), "queue.db") }

// opener opens files in a directory of the test.
func opener(t *testing.T) storetest.Opener {
	t.Helper()
	paths := map[storetest.Store]string{}
	return storetest.Opener{
		Open: func(tb rapid.TB) storetest.Store {
			path := newPath(t)
			s := open(tb, path)
			paths[s] = path
			return s
		},
		Reopen: func(tb rapid.TB, s storetest.Store) storetest.Store {
			require.NoError(tb, s.Close())
			again := open(tb, paths[s])
			paths[again] = paths[s]
			return again
		},
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, opener(t))
}

func TestAQueueAgainstAModelWithFaults(t *testing.T) {
	t.Parallel()
	storetest.Queue(t, opener(t))
}
