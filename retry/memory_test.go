package retry_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/retry/internal/testkit/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, storetest.Opener{Open: func(rapid.TB) storetest.Store { return retry.NewMemory[string]() }})
}

// journal keeps what a durable store would write down.
type journal struct {
	jobs   map[uint64]retry.Job[string]
	events map[uint64]retry.Event[string]
}

func (j *journal) PutJob(job retry.Job[string])       { j.jobs[job.ID] = job }
func (j *journal) DeleteJob(id uint64)                { delete(j.jobs, id) }
func (j *journal) PutEvent(event retry.Event[string]) { j.events[event.Seq] = event }
func (j *journal) DeleteEvent(seq uint64)             { delete(j.events, seq) }

// journaled is a memory store that is restored from its journal.
type journaled struct {
	*retry.Memory[string]
	journal *journal
}

// fromJournal restores a memory store from its journal.
var fromJournal = storetest.Opener{
	Open: func(tb rapid.TB) storetest.Store {
		j := &journal{map[uint64]retry.Job[string]{}, map[uint64]retry.Event[string]{}}
		m, err := retry.RestoreMemory(retry.Contents[string]{}, j)
		require.NoError(tb, err)
		return journaled{m, j}
	},
	Reopen: func(tb rapid.TB, s storetest.Store) storetest.Store {
		old := s.(journaled)
		c := retry.Contents[string]{Last: old.Last()}
		for _, job := range old.journal.jobs {
			c.Jobs = append(c.Jobs, job)
		}
		for _, event := range old.journal.events {
			c.Events = append(c.Events, event)
		}
		m, err := retry.RestoreMemory(c, old.journal)
		require.NoError(tb, err)
		return journaled{m, old.journal}
	},
}

func TestAMemoryIsRestoredFromItsJournal(t *testing.T) { storetest.Run(t, fromJournal) }

func TestAQueueAgainstAModelWithFaults(t *testing.T) { storetest.Queue(t, fromJournal) }

func TestRestoreMemoryRefusesWhatNoStoreCanHold(t *testing.T) {
	job := func(id uint64, key string) retry.Job[string] { return retry.Job[string]{ID: id, Key: key} }
	for name, c := range map[string]retry.Contents[string]{
		"no key":      {Last: 9, Jobs: []retry.Job[string]{job(1, "")}},
		"no ID":       {Last: 9, Jobs: []retry.Job[string]{job(0, "a")}},
		"ID twice":    {Last: 9, Jobs: []retry.Job[string]{job(1, "a"), job(1, "b")}},
		"key twice":   {Last: 9, Jobs: []retry.Job[string]{job(1, "a"), job(2, "a")}},
		"late ID":     {Last: 1, Jobs: []retry.Job[string]{job(2, "a")}},
		"late fence":  {Last: 1, Jobs: []retry.Job[string]{{ID: 1, Key: "a", Fence: 2}}},
		"no state":    {Last: 1, Jobs: []retry.Job[string]{{ID: 1, Key: "a", State: 3}}},
		"late events": {Last: 1, Events: []retry.Event[string]{{Seq: 2}}},
		"no Seq":      {Last: 1, Events: []retry.Event[string]{{}}},
		"Seq twice":   {Last: 9, Events: []retry.Event[string]{{Seq: 2}, {Seq: 1}, {Seq: 2}}},
	} {
		_, err := retry.RestoreMemory(c, nil)
		assert.ErrorContains(t, err, "retry: RestoreMemory: ", name)
	}
}

func TestRestoreMemorySortsItsContents(t *testing.T) {
	c := retry.Contents[string]{Last: 20}
	for _, n := range []uint64{3, 1, 4, 2, 9, 5} {
		c.Jobs = append(c.Jobs, retry.Job[string]{ID: n, Key: strconv.Itoa(int(n)), State: retry.JobDead})
		c.Events = append(c.Events, retry.Event[string]{Seq: 10 + n})
	}
	m, err := retry.RestoreMemory(c, nil)
	require.NoError(t, err)
	dead, err := m.Dead(t.Context(), retry.PageRequest{Max: 9})
	require.NoError(t, err)
	events, err := m.Events(t.Context(), retry.PageRequest{Max: 9})
	require.NoError(t, err)
	require.Len(t, dead, 6)
	require.Len(t, events, 6)
	for i, n := range []uint64{1, 2, 3, 4, 5, 9} {
		assert.Equal(t, n, dead[i].ID)
		assert.Equal(t, 10+n, events[i].Seq)
	}
	assert.EqualValues(t, 3, c.Jobs[0].ID, "the caller's lists stay as they are")
	assert.EqualValues(t, 13, c.Events[0].Seq)
	assert.EqualValues(t, 20, m.Last())
	assert.EqualValues(t, 20, m.Last())
}

func TestMemoryPrintsItsCounts(t *testing.T) {
	m := retry.NewMemory[string]()
	_, err := m.Enqueue(t.Context(), retry.EnqueueRequest[string]{Key: "a", Now: time.Now()})
	require.NoError(t, err)
	assert.Equal(t, "Memory(waiting=1 claimed=0 dead=0 events=0)", m.String())
}

// storeCall is a call of a store: enqueue a key, claim one, or be done with one.
type storeCall struct{ op, key string }

// storeModel is a store as a line of one-letter keys that wait, a bar, and those
// that are claimed, sorted. All are due at once and no lease ends.
var storeModel = porcupine.Model{
	Init: func() any { return "|" },
	Step: func(state, input, output any) (bool, any) {
		s, c, got := state.(string), input.(storeCall), output.(string)
		waiting, claimed, _ := strings.Cut(s, "|")
		switch c.op {
		case "enqueue":
			if strings.Contains(s, c.key) {
				return got == "there", s
			}
			return got == "added", waiting + c.key + "|" + claimed
		case "claim":
			if waiting == "" {
				return got == "", s
			}
			keys := strings.Split(claimed+waiting[:1], "")
			slices.Sort(keys)
			return got == waiting[:1], waiting[1:] + "|" + strings.Join(keys, "")
		default:
			return got == "done" && strings.Contains(claimed, c.key), waiting + "|" + strings.Replace(claimed, c.key, "", 1)
		}
	},
}

func TestMemoryIsLinearizable(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		ctx, now := context.Background(), time.Unix(1, 0)
		m := retry.NewMemory[string]()
		var r testkit.Recorder
		testkit.Parallel(4, func(client int) {
			var held []retry.Job[string] // from the turn before
			for i := range 8 {
				key := string(rune('a' + (i*3+client+round)%5))
				r.Do(client, storeCall{"enqueue", key}, func() any {
					added, err := m.Enqueue(ctx, retry.EnqueueRequest[string]{Key: key, Due: now, Now: now})
					assert.NoError(t, err)
					if added {
						return "added"
					}
					return "there"
				})
				var claims retry.Claims[string]
				r.Do(client, storeCall{op: "claim"}, func() (key any) {
					var err error
					claims, err = m.Claim(ctx, retry.ClaimRequest{Now: now, Until: now.Add(time.Hour), Max: 1})
					if assert.NoError(t, err); len(claims.Jobs) == 0 {
						return ""
					}
					return claims.Jobs[0].Key
				})
				for _, j := range held {
					r.Do(client, storeCall{"done", j.Key}, func() any {
						assert.NoError(t, m.Settle(ctx, retry.SettleRequest{ID: j.ID, Fence: j.Fence}))
						return "done"
					})
				}
				held = claims.Jobs
			}
		})
		r.Linearizable(t, storeModel)
	})
}
