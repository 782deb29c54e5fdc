package boltqueue_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/retry/boltqueue"
	"github.com/coderrange/ferrous/retry/internal/testkit/storetest"
)

func TestAFileThatIsGoneFromItsPlaceIsAnError(t *testing.T) {
	for name, remove := range map[string]func(path string) error{
		"removed": os.Remove,
		"renamed": func(path string) error { return os.Rename(path, path+".old") },
		"replaced": func(path string) error {
			return errors.Join(os.WriteFile(path+".other", nil, 0o600), os.Rename(path+".other", path))
		},
		"directory removed": func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "dir")
			require.NoError(t, os.Mkdir(dir, 0o700))
			path := filepath.Join(dir, "queue.db")
			s := open(t, path)
			require.NoError(t, add(t, s, "a", "value"))
			if err := remove(path); err != nil {
				t.Skip("this system keeps open files: ", err)
			}
			err := add(t, s, "b", "value")
			require.ErrorIs(t, err, boltqueue.ErrRemoved)
			require.EqualError(t, err, "boltqueue: file was removed or replaced: "+path)
			_, err = s.Stats(t.Context())
			require.ErrorIs(t, err, boltqueue.ErrRemoved)
			require.NoError(t, s.Close())
			if name == "renamed" {
				s = open(t, path+".old")
				assert.Contains(t, claimAll(t, s), "a")
				require.NoError(t, s.Close())
			}
		})
	}
}

func TestAHandlerThatRemovesTheFileEndsRun(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	q := retry.NewQueue(retry.QueueOptions[string]{
		Store: s, Handle: func(context.Context, retry.Job[string]) error { return os.Remove(path) },
	})
	_, err := q.Enqueue(t.Context(), "a", "value", 0)
	require.NoError(t, err)
	require.ErrorIs(t, q.Run(t.Context()), boltqueue.ErrRemoved)
	_, err = q.Enqueue(t.Context(), "b", "value", 0)
	require.ErrorIs(t, err, boltqueue.ErrRemoved)
}

func TestARelativePathOutlivesTheWorkingDirectory(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	s := open(t, "queue.db")
	t.Chdir(t.TempDir())
	require.NoError(t, add(t, s, "a", "value"))
	_, err := boltqueue.Open(filepath.Join(dir, "queue.db"), boltqueue.Options[string]{})
	require.ErrorContains(t, err, fmt.Sprintf("is held by process %d (", os.Getpid()))
	require.NoError(t, s.Close())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "the owner's file is gone")
}

func TestALinkMayGoAwayWhileTheFileIsOpen(t *testing.T) {
	path := newPath(t)
	require.NoError(t, open(t, path).Close())
	link, hard := path+".link", path+".hard"
	if err := errors.Join(os.Symlink(path, link), os.Link(path, hard)); err != nil {
		t.Skip("this system has no links: ", err)
	}
	s := open(t, link)
	for _, other := range []string{path, link, hard} {
		_, err := boltqueue.Open(other, boltqueue.Options[string]{})
		require.ErrorIs(t, err, boltqueue.ErrHeld, other)
	}
	require.NoError(t, os.Remove(link))
	require.NoError(t, add(t, s, "a", "value"))
	require.NoError(t, s.Close())
	s = open(t, hard)
	assert.Contains(t, claimAll(t, s), "a")
	require.NoError(t, s.Close())
}

func TestCopiesOfAFileAreQueuesOfTheirOwn(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	for i := range 50 {
		require.NoError(t, add(t, s, strconv.Itoa(i), strings.Repeat("v", 500)))
	}
	file, err := os.ReadFile(path) // nobody is writing
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path+".copy", file, 0o600))
	c := open(t, path+".copy")
	for _, job := range claimAll(t, c) {
		settle(t, c, job, retry.VerdictDone)
	}
	assert.Len(t, claimAll(t, s), 50)
	require.NoError(t, c.Close())
	require.NoError(t, s.Close())
}

// TestHardKeysValuesAndTimesComeBack restarts the store between.
func TestHardKeysValuesAndTimesComeBack(t *testing.T) {
	path := newPath(t)
	s := openAs(t, path, raw())
	want := map[string]string{}
	now := time.Now()
	for i, key := range []string{
		"\x00", "a\x00b", "\xff\xfe", " ", "\n", strings.Repeat("k", 1<<20), "é", "state", "\x00\x00\x00\x00\x00\x00\x00\x01",
	} {
		for j, due := range []time.Time{{}, now.Add(math.MinInt64), time.Unix(0, 0), now} {
			k := key + strconv.Itoa(j)
			want[k] = strings.Repeat("\xff\x00", i*j*1000)
			added, err := s.Enqueue(t.Context(), retry.EnqueueRequest[[]byte]{Key: k, Value: []byte(want[k]), Due: due, Now: now})
			require.NoError(t, err)
			require.True(t, added)
		}
	}
	far := now.Add(math.MaxInt64)
	_, err := s.Enqueue(t.Context(), retry.EnqueueRequest[[]byte]{Key: "far", Due: far})
	require.NoError(t, err)
	for round := range 2 {
		require.NoError(t, s.Close())
		s = openAs(t, path, raw())
		jobs := claimAll(t, s)
		require.Len(t, jobs, len(want))
		for key, value := range want {
			require.Equal(t, value, string(jobs[key].Value))
			require.Equal(t, round+1, jobs[key].Attempts)
		}
		claims, err := s.Claim(t.Context(), retry.ClaimRequest{Now: far.Add(-1), Until: far.Add(1), Max: 999})
		require.NoError(t, err)
		for _, job := range claims.Jobs {
			require.NotEqual(t, "far", job.Key)
			settle(t, s, job, retry.VerdictUnclaim)
		}
	}
	require.NoError(t, s.Close())
}

func TestAValueThatIsTooLargeIsRefused(t *testing.T) {
	huge := make([]byte, 1<<30)
	s := openAs(t, newPath(t), boltqueue.Codec[int]{Encode: func(n int) ([]byte, error) { return huge[:n], nil }})
	defer func() { require.NoError(t, s.Close()) }()
	err := add(t, s, "a", len(huge))
	require.ErrorIs(t, err, boltqueue.ErrTooLarge)
	require.EqualError(t, err, "boltqueue: key and value are too large: 1073741825 bytes")
	require.NoError(t, add(t, s, "a", 1), "the store goes on")
}

func TestManyKeys(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	const callers, each = 16, 250
	testkit.Parallel(callers, func(c int) {
		for i := range each {
			assert.NoError(t, add(t, s, strconv.Itoa(c*each+i), "value"))
		}
	})
	require.NoError(t, s.Close())
	s = open(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	stats, err := s.Stats(t.Context())
	require.NoError(t, err)
	assert.Equal(t, retry.QueueStats{Waiting: callers * each}, stats)
}

// TestACodecMayCallTheStore, as it runs on its caller's goroutine.
func TestACodecMayCallTheStore(t *testing.T) {
	var s *boltqueue.Store[string]
	call := func() { _, _ = s.Stats(context.Background()) }
	s = openAs(t, newPath(t), boltqueue.Codec[string]{
		Encode: func(v string) ([]byte, error) { call(); return []byte(v), nil },
		Decode: func(data []byte) (string, error) { call(); return string(data), nil },
	})
	require.NoError(t, add(t, s, "a", "value"))
	assert.Equal(t, "value", claimAll(t, s)["a"].Value)
	require.NoError(t, s.Close())
}

// TestCallsBesideCloseAreAnsweredOrRefused calls all methods with contexts that
// end at any time. What was answered is there afterwards.
func TestCallsBesideCloseAreAnsweredOrRefused(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		path := newPath(t)
		s := open(t, path)
		var added, done atomic.Int64
		testkit.Parallel(6, func(c int) {
			random := rand.New(rand.NewPCG(uint64(round), uint64(c)))
			for i := range 30 {
				if c == 0 && i == round%20 {
					assert.NoError(t, s.Close())
				}
				ctx, cancel := context.WithCancel(context.Background())
				if random.IntN(3) == 0 {
					go cancel()
				}
				fine := func(err error) bool {
					assert.True(t, err == nil || errors.Is(err, retry.ErrClosed) || errors.Is(err, context.Canceled), "%v", err)
					return err == nil
				}
				now := time.Now()
				ok, err := s.Enqueue(ctx, retry.EnqueueRequest[string]{Key: fmt.Sprint(c, "-", i), Due: now, Now: now})
				if fine(err) && ok {
					added.Add(1)
				}
				claims, err := s.Claim(ctx, retry.ClaimRequest{Now: now, Until: now.Add(time.Hour), Max: 1})
				fine(err)
				for _, job := range claims.Jobs {
					if fine(s.Settle(ctx, retry.SettleRequest{ID: job.ID, Fence: job.Fence})) {
						done.Add(1)
					}
				}
				_, err = s.Stats(ctx)
				fine(err)
				_, err = s.Dead(ctx, retry.PageRequest{Max: 9})
				fine(err)
				_, err = s.Events(ctx, retry.PageRequest{Max: 9})
				fine(err)
				fine(s.Trim(ctx, 0))
				cancel()
			}
		})
		assert.NoError(t, s.Close())
		s = open(t, path)
		defer func() { require.NoError(t, s.Close()) }()
		stats, err := s.Stats(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, added.Load()-done.Load(), stats.Waiting)
	})
}

func TestACallersBugPanicsByName(t *testing.T) {
	var zero boltqueue.Store[string]
	var none context.Context
	s := open(t, newPath(t))
	defer func() { require.NoError(t, s.Close()) }()
	refuses := func(where, what string, call func()) {
		assert.EqualError(t, testkit.PanicError(t, call), "boltqueue: "+where+": "+what)
	}
	for method, call := range storetest.Calls(t.Context(), &zero) {
		refuses("Store."+method, "the Store was not made by Open", func() { _ = call() })
	}
	for method, call := range storetest.Calls(none, s) {
		refuses("Store."+method, "the context is nil", func() { _ = call() })
	}
	refuses("Store.Notify", "the Store was not made by Open", func() { zero.Notify(nil, nil) })
	refuses("Store.Close", "the Store was not made by Open", func() { _ = zero.Close() })
	refuses("Open", "negative Timeout -1ns", func() { _, _ = boltqueue.Open("", boltqueue.Options[string]{Timeout: -1}) })
	assert.Equal(t, "boltqueue.Store()", fmt.Sprint(&zero))
}
