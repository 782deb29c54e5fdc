package boltqueue_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

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

func TestStore(t *testing.T) { storetest.Run(t, opener(t)) }

func TestAQueueAgainstAModelWithFaults(t *testing.T) { storetest.Queue(t, opener(t)) }
