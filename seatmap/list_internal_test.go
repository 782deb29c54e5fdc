package seatmap

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestAPageHasTheFirstElementsAfterAKey compares a page with a list that is sorted.
func TestAPageHasTheFirstElementsAfterAKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfNDistinct(rapid.IntRange(1, 300), 0, 100, rapid.ID).Draw(t, "all")
		p := page[int, int]{
			after: rapid.IntRange(0, 300).Draw(t, "after"), limit: rapid.IntRange(0, 12).Draw(t, "limit"), key: func(i int) int { return i },
		}
		for _, i := range all {
			if p.wants(i) {
				p.add(i)
			}
			if p.limit > 0 {
				require.Less(t, len(p.list), 2*p.limit)
			}
		}
		p.finish()
		want := slices.Sorted(slices.Values(slices.DeleteFunc(all, func(i int) bool { return i <= p.after })))
		more := p.limit > 0 && len(want) > p.limit
		if more {
			want = want[:p.limit]
		}
		require.Equal(t, more, p.more)
		require.True(t, slices.Equal(want, p.list), "%v %v", want, p.list)
	})
}
