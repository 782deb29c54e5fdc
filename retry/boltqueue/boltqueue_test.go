package boltqueue_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/retry/boltqueue"
)

var errCodec = errors.New("not this one")

func enqueue(s retry.Store[string], key, value string) (bool, error) {
	now := time.Now()
	return s.Enqueue(context.Background(), retry.EnqueueRequest[string]{Key: key, Value: value, Due: now, Now: now})
}

func TestAFileHasOneOwner(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	_, err := boltqueue.Open(path, boltqueue.Options[string]{Timeout: time.Millisecond})
	require.ErrorContains(t, err, "boltqueue: timeout")
	assert.Equal(t, "boltqueue.Store("+path+")", s.String())
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	_, err = boltqueue.Open(path+"/no/such", boltqueue.Options[string]{})
	require.ErrorContains(t, err, "boltqueue: ")
}

func TestAValueThatCannotBeWrittenIsRefused(t *testing.T) {
	s, err := boltqueue.Open(newPath(t), boltqueue.Options[string]{Codec: boltqueue.Codec[string]{
		Encode: func(v string) ([]byte, error) {
			if v == "bad" {
				return nil, errCodec
			}
			return []byte(v), nil
		},
	}})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	added, err := enqueue(s, "a", "bad")
	require.ErrorIs(t, err, errCodec)
	assert.False(t, added)
	added, err = enqueue(s, "a", "good")
	require.NoError(t, err, "the store goes on")
	assert.True(t, added)
}

func TestAStoreThatCannotWriteEnds(t *testing.T) {
	path := newPath(t)
	broken := false
	s, err := boltqueue.Open(path, boltqueue.Options[string]{Codec: boltqueue.Codec[string]{
		Encode: func(v string) ([]byte, error) {
			if broken && v == "first" {
				return nil, errCodec
			}
			return []byte(`"` + v + `"`), nil
		},
	}})
	require.NoError(t, err)
	_, err = enqueue(s, "a", "first")
	require.NoError(t, err)
	broken = true
	now := time.Now()
	_, err = s.Claim(t.Context(), retry.ClaimRequest{Now: now, Until: now.Add(time.Hour), Max: 1})
	require.ErrorIs(t, err, errCodec)
	_, err = enqueue(s, "b", "second")
	require.ErrorIs(t, err, errCodec, "memory and disk differ")
	require.NoError(t, s.Close())
	again := open(t, path)
	stats, err := again.Stats(t.Context())
	require.NoError(t, err)
	assert.Equal(t, retry.Stats{Waiting: 1}, stats, "what was answered")
	require.NoError(t, again.Close())
}

func TestDamagedRecordsAreReported(t *testing.T) {
	for _, bucket := range []string{"jobs", "events"} {
		path := newPath(t)
		s := open(t, path)
		_, err := enqueue(s, "a", "value")
		require.NoError(t, err)
		now := time.Now()
		claims, err := s.Claim(t.Context(), retry.ClaimRequest{Now: now, Until: now.Add(1), Max: 1})
		require.NoError(t, err)
		job := claims.Jobs[0]
		require.NoError(t, s.Settle(t.Context(), retry.SettleRequest{ID: job.ID, Fence: job.Fence, Verdict: retry.Bury, Now: now}))
		require.NoError(t, s.Close())

		var whole []byte
		change := func(f func(data []byte) []byte) {
			db, err := bbolt.Open(path, 0o600, nil)
			require.NoError(t, err)
			require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
				b := tx.Bucket([]byte(bucket))
				key, data := b.Cursor().First()
				if whole == nil {
					whole = append(whole, data...)
				}
				return b.Put(key, f(whole))
			}))
			require.NoError(t, db.Close())
		}
		for cut := range 1000 {
			change(func(data []byte) []byte { return data[:max(len(data)-1-cut*7, 0)] })
			_, err := boltqueue.Open(path, boltqueue.Options[string]{})
			require.ErrorContains(t, err, bucket[:len(bucket)-1]+" 0", "%d", cut)
			if cut*7 > len(whole) {
				break
			}
		}
		change(func(data []byte) []byte { return append([]byte{99}, data[1:]...) })
		_, err = boltqueue.Open(path, boltqueue.Options[string]{})
		require.ErrorContains(t, err, "damaged record, or one of another version")
	}
}

func TestConcurrentCallsShareTransactions(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	const callers, jobs = 64, 20
	testkit.Parallel(callers, func(c int) {
		for i := range jobs {
			added, err := enqueue(s, strconv.Itoa(c*jobs+i), "value")
			assert.True(t, added && err == nil)
		}
	})
	require.NoError(t, s.Close())
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.View(func(tx *bbolt.Tx) error {
		assert.Less(t, tx.ID(), callers*jobs/4, "transactions")
		return nil
	}))
}

const child = "BOLTQUEUE_CHILD"

// TestWhatWasAnsweredSurvivesAKill has a process of its own work on a store and
// say what it was answered, and kills it. Whatever it was told must be there.
func TestWhatWasAnsweredSurvivesAKill(t *testing.T) {
	if path := os.Getenv(child); path != "" {
		work(path)
		return
	}
	path := newPath(t)
	known := map[string]string{} // by key: the last that was answered
	hear := func(line string) {
		word, key, found := strings.Cut(line, " ")
		if found && (word != "added" || known[key] == "") { // another may have been done with it before
			known[key] = word
		}
	}
	for range 10 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWhatWasAnsweredSurvivesAKill$")
		cmd.Env = append(os.Environ(), child+"="+path)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(io.LimitReader(out, 1<<20))
		for n := 200 + rand.IntN(2000); n > 0 && lines.Scan(); n-- {
			hear(lines.Text())
		}
		require.NoError(t, cmd.Process.Kill())
		for lines.Scan() { // what it said before it died
			hear(lines.Text())
		}
		require.Error(t, cmd.Wait())
	}
	s := open(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	var counts [4]int
	for key, word := range known {
		added, err := enqueue(s, key, "again")
		require.NoError(t, err)
		switch word {
		case "added", "dead":
			assert.False(t, added, "%s %s", word, key)
			counts[0]++
		case "done":
			assert.True(t, added, "%s %s", word, key)
			counts[1]++
		}
	}
	assert.NotZero(t, counts[0])
	assert.NotZero(t, counts[1])
	// Each dead letter has its event, and each event its dead letter.
	dead, err := s.Dead(t.Context(), retry.PageRequest{Max: 1 << 20})
	require.NoError(t, err)
	events, err := s.Events(t.Context(), retry.PageRequest{Max: 1 << 20})
	require.NoError(t, err)
	buried := map[uint64]bool{}
	for _, e := range events {
		buried[e.Job.ID] = true
	}
	require.Len(t, buried, len(dead))
	for _, job := range dead {
		assert.True(t, buried[job.ID])
	}
	assert.NotEmpty(t, dead)
}

// work adds jobs and settles them until it is killed.
func work(path string) {
	s, err := boltqueue.Open(path, boltqueue.Options[string]{Timeout: time.Minute})
	if err != nil {
		panic(err)
	}
	start := time.Now().UnixNano()
	testkit.Parallel(8, func(w int) {
		for i := 0; ; i++ {
			key := fmt.Sprintf("%d-%d-%d", start, w, i)
			if _, err := enqueue(s, key, "value"); err != nil {
				panic(err)
			}
			fmt.Printf("added %s\n", key)
			if i%3 == 0 {
				continue
			}
			now := time.Now()
			claims, err := s.Claim(context.Background(), retry.ClaimRequest{Now: now, Until: now.Add(time.Hour), Max: 1})
			if err != nil {
				panic(err)
			}
			for _, job := range claims.Jobs {
				r := retry.SettleRequest{ID: job.ID, Fence: job.Fence, Now: now}
				word := "done"
				if i%3 == 1 {
					r.Verdict, word = retry.Bury, "dead"
				}
				fmt.Printf("unsure %s\n", job.Key) // until it is answered
				if err := s.Settle(context.Background(), r); err != nil {
					panic(err)
				}
				fmt.Printf("%s %s\n", word, job.Key)
			}
		}
	})
}
