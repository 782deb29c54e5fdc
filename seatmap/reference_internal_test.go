package seatmap

import "github.com/stretchr/testify/require"

func checkReferences(tb require.TestingT, m *Map) {
	m.events.Range(func(_ string, e *event) bool {
		e.plan.mu.Lock()
		defer e.plan.mu.Unlock()
		require.Empty(tb, e.reference, "it is of one change")
		in := 0
		for text, first := range e.refs.byText {
			list := e.refs.named(text)
			in += len(list)
			require.Equal(tb, text, first.text)
			for _, name := range list {
				require.Equal(tb, text, e.refs.of(name.fence))
				head, ok := e.plan.headOfFence(name.first, name.fence)
				require.True(tb, ok, "the reference of a hold or booking that has ended")
				require.Equal(tb, name, grantName{e.plan.rec(head).fence, e.plan.rec(head).first})
			}
		}
		require.Len(tb, e.refs.byFence, in)
		return true
	})
}
