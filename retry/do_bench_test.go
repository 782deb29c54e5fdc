package retry_test

import (
	"context"
	"testing"
	"time"

	"github.com/coderrange/ferrous/retry"
)

func BenchmarkDo(b *testing.B) {
	one := func(context.Context) (int, error) { return 1, nil }
	loop := func(name string, p *retry.Policy, op retry.Op[int]) {
		b.Run("case="+name, func(b *testing.B) {
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			b.ReportAllocs()
			for b.Loop() {
				_, _ = retry.Do(ctx, p, op)
			}
		})
	}
	loop("success", atOnce(3), one)
	loop("success/budget", retry.New(retry.Options{Budget: retry.NewBudget(retry.BudgetOptions{})}), one)
	loop("success/timeout", retry.New(retry.Options{Timeout: time.Second}), one)
	calls := 0
	loop("one retry", atOnce(3), func(context.Context) (int, error) {
		if calls++; calls&1 == 1 {
			return 0, errDown
		}
		return 1, nil
	})
}
