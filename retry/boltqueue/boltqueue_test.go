package boltqueue_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/retry/boltqueue"
)

var errCodec = errors.New("not this one")

func enqueue(s retry.Store[string], key, value string) (bool, error) {
	now := time.Now()
	return s.Enqueue(context.Background(), retry.EnqueueRequest[string]{Key: key, Value: value, Due: now, Now: now})
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

// TestWhatWasAnsweredSurvivesAKill has a process of its own work on a store and
// say what it was answered, and kills it. Whatever it was told must be there.
func TestWhatWasAnsweredSurvivesAKill(t *testing.T) {
	if path, inside := testkit.InChild(); inside {
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
	for range max(rounds(10), 3) {
		c := testkit.StartChild(t, path)
		for n := 200 + rand.IntN(2000); n > 0; n-- {
			hear(c.Line())
		}
		c.Kill(hear)
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
					r.Verdict, word = retry.VerdictBury, "dead"
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

func add[T any](tb testing.TB, s retry.Store[T], key string, v T) error {
	tb.Helper()
	now := time.Now()
	_, err := s.Enqueue(context.Background(), retry.EnqueueRequest[T]{Key: key, Value: v, Due: now, Now: now})
	return err
}

func claimAll[T any](tb testing.TB, s retry.Store[T]) map[string]retry.Job[T] {
	tb.Helper()
	now := time.Now()
	claims, err := s.Claim(context.Background(), retry.ClaimRequest{Now: now, Until: now.Add(time.Hour), Max: 99})
	require.NoError(tb, err)
	all := map[string]retry.Job[T]{}
	for _, job := range claims.Jobs {
		all[job.Key] = job
	}
	return all
}

func settle[T any](tb testing.TB, s retry.Store[T], job retry.Job[T], v retry.Verdict) {
	tb.Helper()
	r := retry.SettleRequest{ID: job.ID, Fence: job.Fence, Verdict: v, Due: time.Now(), Now: time.Now()}
	require.NoError(tb, s.Settle(context.Background(), r))
}

func openAs[T any](tb testing.TB, path string, c boltqueue.Codec[T]) *boltqueue.Store[T] {
	tb.Helper()
	s, err := boltqueue.Open(path, boltqueue.Options[T]{Codec: c})
	require.NoError(tb, err)
	return s
}

// raw is a codec that copies nothing, and even encodes into one buffer.
func raw() boltqueue.Codec[[]byte] {
	var buffer []byte
	return boltqueue.Codec[[]byte]{
		Encode: func(v []byte) ([]byte, error) {
			buffer = append(buffer[:0], v...)
			return buffer, nil
		},
		Decode: func(data []byte) ([]byte, error) { return data, nil },
	}
}

func TestWhatWasEncodedAtEnqueueIsWhatIsHandedOut(t *testing.T) {
	path := newPath(t)
	s := openAs(t, path, raw())
	value := []byte("first")
	require.NoError(t, add(t, s, "a", value))
	copy(value, "XXXXX") // the caller uses it again
	require.NoError(t, add(t, s, "b", []byte("other")))
	job := claimAll(t, s)["a"]
	assert.Equal(t, "first", string(job.Value))
	copy(job.Value, "YYYYY") // so does the handler
	settle(t, s, job, retry.VerdictRetry)
	job = claimAll(t, s)["a"]
	assert.Equal(t, "first", string(job.Value))
	copy(job.Value, "ZZZZZ")
	settle(t, s, job, retry.VerdictBury)
	for range 2 {
		dead, err := s.Dead(t.Context(), retry.PageRequest{Max: 9})
		require.NoError(t, err)
		assert.Equal(t, "first", string(dead[0].Value))
		copy(dead[0].Value, "ZZZZZ")
		events, err := s.Events(t.Context(), retry.PageRequest{Max: 9})
		require.NoError(t, err)
		assert.Equal(t, "first", string(events[0].Job.Value))
		copy(events[0].Job.Value, "ZZZZZ")
	}
	require.NoError(t, s.Close())
	s = openAs(t, path, raw())
	defer func() { require.NoError(t, s.Close()) }()
	dead, err := s.Dead(t.Context(), retry.PageRequest{Max: 9})
	require.NoError(t, err)
	assert.Equal(t, "first", string(dead[0].Value))
	assert.Equal(t, "other", string(claimAll(t, s)["b"].Value))
}

func TestAMapMayBeWrittenAfterEnqueue(t *testing.T) {
	s := openAs(t, newPath(t), boltqueue.Codec[map[string]int]{})
	defer func() { require.NoError(t, s.Close()) }()
	value := map[string]int{"n": 1}
	require.NoError(t, add(t, s, "a", value))
	testkit.Parallel(2, func(i int) {
		for n := range 200 {
			if i == 0 {
				value[strconv.Itoa(n)] = n
				continue
			}
			job := claimAll(t, s)["a"]
			assert.Equal(t, map[string]int{"n": 1}, job.Value)
			job.Value["n"] = 99
			settle(t, s, job, retry.VerdictUnclaim)
		}
	})
}

func TestOneBadValueHarmsNoOther(t *testing.T) {
	path := newPath(t)
	s := openAs(t, path, boltqueue.Codec[*float64]{})
	defer func() { require.NoError(t, s.Close()) }()
	n := 1.0
	require.NoError(t, add(t, s, "a", &n))
	n = math.NaN() // it could not be encoded again
	nan := math.NaN()
	require.ErrorContains(t, add(t, s, "nan", &nan), "boltqueue: json: unsupported value")
	for range 3 {
		job := claimAll(t, s)["a"]
		require.InDelta(t, 1, *job.Value, 0)
		settle(t, s, job, retry.VerdictRetry)
	}
	require.NoError(t, add(t, s, "b", new(float64)))
}

var errDecode = errors.New("another type")

func TestAValueThatCannotBeDecodedIsBuriedAndKept(t *testing.T) {
	for name, c := range map[string]struct {
		decode func([]byte) (string, error)
		reason string
	}{
		"error": {func([]byte) (string, error) { return "half", errDecode }, errDecode.Error()},
		"panic": {func([]byte) (string, error) { panic(errDecode) }, "panic: another type"},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			good := boltqueue.Codec[string]{
				Encode: func(v string) ([]byte, error) { return []byte(v), nil },
				Decode: func(data []byte) (string, error) { return string(data), nil },
			}
			bad := boltqueue.Codec[string]{Encode: good.Encode, Decode: func(data []byte) (string, error) {
				if bytes.Equal(data, []byte("bad")) {
					return c.decode(data)
				}
				return string(data), nil
			}}
			s := openAs(t, path, bad)
			handled, buried := make(chan string, 9), make(chan retry.Event[string], 9)
			q := retry.NewQueue(retry.QueueOptions[string]{
				Store:   s,
				Handle:  func(_ context.Context, j retry.Job[string]) error { handled <- j.Value; return nil },
				OnEvent: func(_ context.Context, e retry.Event[string]) error { buried <- e; return nil },
			})
			for _, v := range []string{"bad", "good"} {
				_, err := q.Enqueue(t.Context(), v, v, 0)
				require.NoError(t, err)
			}
			ended := make(chan error, 1)
			go func() { ended <- q.Run(context.Background()) }()
			assert.Equal(t, "good", <-handled)
			e := <-buried
			assert.Equal(t, "bad", e.Job.Key)
			assert.Empty(t, e.Job.Value)
			require.ErrorContains(t, e.Job.Err, c.reason)
			assert.Contains(t, e.Job.Reason, c.reason)
			require.NoError(t, q.Wait(t.Context()))
			require.NoError(t, q.Shutdown(t.Context()))
			require.NoError(t, <-ended)
			require.NoError(t, s.Close())

			s = openAs(t, path, good) // the program is mended
			defer func() { require.NoError(t, s.Close()) }()
			dead, err := s.Dead(t.Context(), retry.PageRequest{Max: 9})
			require.NoError(t, err)
			require.NoError(t, s.Replay(t.Context(), retry.ReplayRequest{ID: dead[0].ID, Now: time.Now()}))
			assert.Equal(t, "bad", claimAll(t, s)["bad"].Value)
		})
	}
}

func TestAnEncoderThatPanicsHarmsItsCallerAlone(t *testing.T) {
	s := openAs(t, newPath(t), boltqueue.Codec[int]{Encode: func(v int) ([]byte, error) {
		if v == 13 {
			panic("thirteen")
		}
		return json.Marshal(v)
	}})
	defer func() { require.NoError(t, s.Close()) }()
	require.PanicsWithValue(t, "thirteen", func() { _ = add(t, s, "a", 13) })
	require.NoError(t, add(t, s, "a", 14))
}

func TestTheDelayBeforeAnAttemptIsDurable(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	require.NoError(t, add(t, s, "a", "value"))
	job := claimAll(t, s)["a"]
	assert.Zero(t, job.Delay)
	r := retry.SettleRequest{ID: job.ID, Fence: job.Fence, Verdict: retry.VerdictRetry, Delay: 7 * time.Second, Reason: "down"}
	require.NoError(t, s.Settle(t.Context(), r))
	require.NoError(t, s.Close())
	s = open(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	job = claimAll(t, s)["a"]
	assert.Equal(t, 7*time.Second, job.Delay)
	assert.Equal(t, "down", job.Reason)
}

func TestClaimsOfAProcessThatIsGoneAreFreeAtOpen(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	require.NoError(t, add(t, s, "a", "value"))
	old := claimAll(t, s)["a"] // for an hour
	require.Empty(t, claimAll(t, s))
	require.NoError(t, s.Close())
	s = open(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	r := retry.SettleRequest{ID: old.ID, Fence: old.Fence}
	require.ErrorIs(t, s.Settle(t.Context(), r), retry.ErrStale)
	job := claimAll(t, s)["a"]
	assert.Equal(t, 2, job.Attempts, "the lost claim counts")
	assert.Greater(t, job.Fence, old.Fence)
}
