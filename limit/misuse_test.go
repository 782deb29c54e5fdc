package limit_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/limit"
)

func TestMisusePanicsByName(t *testing.T) {
	var none context.Context
	ctx := t.Context()
	one := limit.RateOptions{Events: 1}
	r := limit.NewRate(one)
	k := limit.NewKeyed[string](limit.KeyedOptions{Rate: one})
	defer k.Close()
	c := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 1})
	released, err := c.Acquire(ctx)
	require.NoError(t, err)
	same := released
	same.Release()
	held, err := c.Acquire(ctx)
	require.NoError(t, err)
	defer held.Release()
	refused, err := c.TryAcquire()
	require.ErrorIs(t, err, limit.ErrOverloaded)
	rate := func(o limit.RateOptions) func() { return func() { limit.NewRate(o) } }
	bound := func(o limit.ConcurrencyOptions) func() { return func() { limit.NewConcurrency(o) } }
	for _, m := range []struct {
		want   string
		misuse func()
	}{
		{"NewRate: 0 events, want at least 1", rate(limit.RateOptions{})},
		{"NewRate: -1 events, want at least 1", rate(limit.RateOptions{Events: -1})},
		{"NewRate: per -1ns, want a positive duration", rate(limit.RateOptions{Events: 1, Per: -1})},
		{"NewRate: 1001 events per 1µs, want one a nanosecond at most", rate(limit.RateOptions{Events: 1001, Per: time.Microsecond})},
		{"NewRate: burst -1, want 1 to MaxBurst", rate(limit.RateOptions{Events: 1, Burst: -1})},
		{"Rate.Set: 0 events, want at least 1", func() { r.Set(limit.RateOptions{}) }},
		{"Rate.AllowN: -1 events", func() { r.AllowN(-1) }},
		{"Rate.Delay: -1 events", func() { _, _ = r.Delay(-1) }},
		{"Rate.Reserve: -1 events", func() { _, _ = r.Reserve(-1) }},
		{"Rate.WaitN: -1 events", func() { _ = r.WaitN(ctx, -1) }},
		{"Rate.Wait: nil context", func() { _ = r.Wait(none) }},
		{"Rate.WaitN: nil context", func() { _ = r.WaitN(none, 1) }},
		{"Rate.Allow: not made by its constructor", func() { new(limit.Rate).Allow() }},
		{"Rate.AllowN: not made by its constructor", func() { new(limit.Rate).AllowN(0) }},
		{"Rate.Set: not made by its constructor", func() { new(limit.Rate).Set(one) }},
		{"Rate.Options: not made by its constructor", func() { new(limit.Rate).Options() }},
		{"Rate.Available: not made by its constructor", func() { new(limit.Rate).Available() }},
		{"Rate.Wait: not made by its constructor", func() { _ = new(limit.Rate).Wait(ctx) }},
		{"NewKeyed: 0 events, want at least 1", func() { limit.NewKeyed[int](limit.KeyedOptions{}) }},
		{"NewKeyed: -1 keys", func() { limit.NewKeyed[int](limit.KeyedOptions{Rate: one, MaxKeys: -1}) }},
		{"NewKeyed: forget after -1ns", func() { limit.NewKeyed[int](limit.KeyedOptions{Rate: one, ForgetAfter: -1}) }},
		{"Keyed.AllowN: -1 events", func() { k.AllowN("a", -1) }},
		{"Keyed.Reserve: -1 events", func() { _, _ = k.Reserve("a", -1) }},
		{"Keyed.Delay: -1 events", func() { _, _ = k.Delay("a", -1) }},
		{"Keyed.WaitN: -1 events", func() { _ = k.WaitN(ctx, "a", -1) }},
		{"Keyed.Wait: nil context", func() { _ = k.Wait(none, "a") }},
		{"Keyed.Allow: not made by its constructor", func() { new(limit.Keyed[int]).Allow(1) }},
		{"Keyed.Available: not made by its constructor", func() { new(limit.Keyed[int]).Available(1) }},
		{"Keyed.Wait: not made by its constructor", func() { _ = new(limit.Keyed[int]).Wait(ctx, 1) }},
		{"Keyed.Options: not made by its constructor", func() { new(limit.Keyed[int]).Options() }},
		{"Keyed.Close: not made by its constructor", func() { new(limit.Keyed[int]).Close() }},
		{"NewConcurrency: limit -1", bound(limit.ConcurrencyOptions{Limit: -1})},
		{"NewConcurrency: queue -1", bound(limit.ConcurrencyOptions{Queue: -1})},
		{"NewConcurrency: limit 20, want 1 to 10", bound(limit.ConcurrencyOptions{Max: 10})},
		{"NewConcurrency: limit 20, want 1 to -1", bound(limit.ConcurrencyOptions{Max: -1})},
		{"NewConcurrency: limit 20, want 30 to 40", bound(limit.ConcurrencyOptions{Min: 30, Max: 40})},
		{"NewConcurrency: limit 20, want -1 to 40", bound(limit.ConcurrencyOptions{Min: -1, Max: 40})},
		{"NewConcurrency: tolerance NaN, want 1 to 1000", bound(limit.ConcurrencyOptions{Max: 40, Tolerance: math.NaN()})},
		{"NewConcurrency: tolerance +Inf, want 1 to 1000", bound(limit.ConcurrencyOptions{Max: 40, Tolerance: math.Inf(1)})},
		{"NewConcurrency: window -1ns", bound(limit.ConcurrencyOptions{Max: 40, Window: -1})},
		{"NewConcurrency: Min, Tolerance or Window without Max", bound(limit.ConcurrencyOptions{Min: 2})},
		{"Concurrency.Acquire: nil context", func() { _, _ = c.Acquire(none) }},
		{"Concurrency.DoErr: nil context", func() { _ = c.DoErr(none, func(context.Context) error { return nil }) }},
		{"Concurrency.DoErr: nil function", func() { _ = c.DoErr(ctx, nil) }},
		{"Do: nil concurrency", func() { _, _ = limit.Do(ctx, nil, func(context.Context) (int, error) { return 0, nil }) }},
		{"Do: nil function", func() { _, _ = limit.Do[int](ctx, c, nil) }},
		{"Do: nil context", func() { _, _ = limit.Do(none, c, func(context.Context) (int, error) { return 0, nil }) }},
		{"Concurrency.Acquire: not made by its constructor", func() { _, _ = new(limit.Concurrency).Acquire(ctx) }},
		{"Concurrency.TryAcquire: not made by its constructor", func() { _, _ = new(limit.Concurrency).TryAcquire() }},
		{"Concurrency.Close: not made by its constructor", func() { new(limit.Concurrency).Close() }},
		{"Permit.Release: permit was released", released.Release},
		{"Permit.Release: permit was released", same.Release},
		{"Permit.Release: permit was released", limit.Permit{}.Release},
		{"Permit.Release: permit was not acquired", refused.Release},
		{"Track: negative rate -1", func() { limit.Track(-1) }},
	} {
		err := testkit.PanicError(t, m.misuse)
		require.EqualError(t, err, "limit: "+m.want)
		if strings.Contains(m.want, " was ") {
			require.ErrorIs(t, err, limit.ErrReleased)
		}
	}
	require.Equal(t, limit.ConcurrencyStats{Limit: 1, Running: 1}, c.Stats(), "misuse has changed it")
	require.True(t, r.Allow())
	require.False(t, new(limit.Reservation).Cancel())
}

func TestValuesPrintTheirState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := limit.RateOptions{Events: 2, Burst: 3}
		r := limit.NewRate(o)
		require.True(t, r.AllowN(2))
		v, err := r.Reserve(2)
		require.NoError(t, err)
		canceled, err := r.Reserve(1)
		require.NoError(t, err)
		canceled.Cancel()
		k := limit.NewKeyed[string](limit.KeyedOptions{Rate: o, MaxKeys: 5})
		defer k.Close()
		require.True(t, k.Allow("secret"))
		c, closed := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 1, Queue: 4}), limit.NewConcurrency(limit.ConcurrencyOptions{})
		p, err := c.Acquire(t.Context())
		require.NoError(t, err)
		refused, _ := c.TryAcquire()
		go func() { assert.ErrorIs(t, c.DoErr(t.Context(), nothing), limit.ErrClosed) }()
		synctest.Wait()
		closed.Close()
		for want, v := range map[string]testkit.Shown{
			"Rate(0 available, 2 per 1s, burst 3)\navailable 0\nrate 2 per 1s, burst 3": r,
			"Rate(not made by NewRate)\nstate not made by NewRate":                      new(limit.Rate),

			"Reservation(2 in 500ms)": v,
			"Reservation(canceled)":   canceled,
			"Reservation(none)":       new(limit.Reservation),

			"Keyed(1 of 5 keys, 2 per 1s, burst 3)\nkeys 1 of 5\nrate of each 2 per 1s, burst 3":                  k,
			"Keyed(not made by NewKeyed)\nstate not made by NewKeyed":                                             new(limit.Keyed[int]),
			"Concurrency(1 of 1 running, 1 of 4 waiting)\nrunning 1 of 1\nwaiting 1 of 4":                         c,
			"Concurrency(0 of 20 running, 0 of 0 waiting, closed)\nrunning 0 of 20\nwaiting 0 of 0\nstate closed": closed,
			"Permit(held)\npermit of held → *limit.Concurrency":                                                   p,
			"Permit(released)\n released":                                                                         limit.Permit{},
			"Permit(not acquired)\n not acquired":                                                                 refused,
		} {
			testkit.ShownAs(t, want, v)
		}
		c.Close()
		p.Release()
		synctest.Wait()
	})
}

func nothing(context.Context) error { return nil }
