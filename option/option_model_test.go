package option_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/option"
)

// TestMutationsFollowAPointer drives an Option through random changes beside
// the obvious model: a pointer that is nil for None.
func TestMutationsFollowAPointer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o option.Option[int]
		var model *int
		same := func(want *int, got option.Option[int]) {
			t.Helper()
			require.Equal(t, option.FromPtr(want), got)
		}
		put := func(v int) *int { return &v }
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				same(model, o)
				require.Equal(t, model == nil, o.IsNone())
				require.Equal(t, model, o.AsMut())
			},
			"Insert": func(t *rapid.T) {
				v := rapid.Int().Draw(t, "v")
				model = put(v)
				require.Equal(t, v, *o.Insert(v))
			},
			"GetOrInsert": func(t *rapid.T) {
				v := rapid.Int().Draw(t, "v")
				if model == nil {
					model = put(v)
				}
				require.Equal(t, *model, *o.GetOrInsert(v))
			},
			"GetOrInsertDefault": func(t *rapid.T) {
				if model == nil {
					model = new(int)
				}
				require.Equal(t, *model, *o.GetOrInsertDefault())
			},
			"GetOrInsertWith": func(t *rapid.T) {
				v := rapid.Int().Draw(t, "v")
				if model == nil {
					model = put(v)
				}
				require.Equal(t, *model, *o.GetOrInsertWith(func() int { return v }))
			},
			"AsMut": func(t *rapid.T) {
				if p := o.AsMut(); p != nil {
					*p++
					*model++
				}
			},
			"Take": func(*rapid.T) {
				same(model, o.Take())
				model = nil
			},
			"TakeIf": func(*rapid.T) {
				var want *int
				if model != nil {
					*model++
					if *model%2 == 0 {
						want, model = model, nil
					}
				}
				same(want, o.TakeIf(func(n *int) bool { *n++; return *n%2 == 0 }))
			},
			"Replace": func(t *rapid.T) {
				v := rapid.Int().Draw(t, "v")
				same(model, o.Replace(v))
				model = put(v)
			},
		})
	})
}
