package retry_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
)

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
