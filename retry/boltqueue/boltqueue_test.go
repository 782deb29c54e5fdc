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
	for range max(rounds(10), 3) {
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
