package limit_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/limit"
)

func TestNothingAllocatesThatDoesNotWait(t *testing.T) {
	ctx := t.Context()
	often := limit.RateOptions{Events: 1_000_000_000, Burst: 1 << 30}
	r, seldom := limit.NewRate(often), limit.NewRate(limit.RateOptions{Events: 1, Per: 1 << 62})
	seldom.Allow()
	k := limit.NewKeyed[string](limit.KeyedOptions{Rate: often})
	defer k.Close()
	c := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 1, Max: 10})
	full := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 1})
	held, err := full.Acquire(ctx)
	assert.NoError(t, err)
	defer held.Release()
	for what, f := range map[string]func(){
		"Allow":         func() { assert.True(t, r.Allow()) },
		"Allow refused": func() { assert.False(t, seldom.Allow()) },
		"AllowN":        func() { assert.True(t, r.AllowN(2)) },
		"Wait":          func() { assert.NoError(t, r.Wait(ctx)) },
		"Delay":         func() { _, _ = r.Delay(1) },
		"Keyed.Allow":   func() { assert.True(t, k.Allow("ann")) },
		"Keyed.Wait":    func() { assert.NoError(t, k.Wait(ctx, "ann")) },
		"Acquire": func() {
			p, err := c.Acquire(ctx)
			assert.NoError(t, err)
			p.Release()
		},
		"TryAcquire": func() {
			p, err := c.TryAcquire()
			assert.NoError(t, err)
			p.Release()
		},
		"TryAcquire refused": func() { _, _ = full.TryAcquire() },
		"DoErr":              func() { assert.NoError(t, c.DoErr(ctx, nothing)) },
		"Do": func() {
			_, err := limit.Do(ctx, c, func(context.Context) (int, error) { return 1, nil })
			assert.NoError(t, err)
		},
	} {
		testkit.NoAllocs(t, what, f)
	}
}
