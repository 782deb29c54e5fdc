package task_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/task"
)

// A flightCall is what the model knows of one call of a function.
type flightCall struct {
	*faulty
	key     string
	joined  bool // callers to come can join it
	aborted bool
	callers []*flightCaller // that wait
}

type flightCaller struct {
	cancel context.CancelCauseFunc
	result <-chan flown[int]
}

// flightModel is a list of the calls that run.
type flightModel struct {
	fl    task.Flight[string, int]
	ids   int
	calls []*flightCall
}

// end is the end of a call with a value or an error, which all of its callers get.
func (m *flightModel) end(t *rapid.T, c *flightCall, want error) {
	m.calls = slices.DeleteFunc(m.calls, func(other *flightCall) bool { return other == c })
	for _, caller := range c.callers {
		got := <-caller.result
		caller.cancel(nil)
		if errors.Is(want, errPanicked) {
			p, ok := got.panic.(*task.PanicError)
			assert.True(t, ok && errors.Is(p, want), "panic %v", got.panic)
			continue
		}
		assert.Nil(t, got.panic)
		assert.Equal(t, want, got.err)
		if !errors.Is(want, task.ErrGoexit) {
			assert.Equal(t, c.id, got.v)
		}
	}
}

// abort is the end of the context of a call.
func (m *flightModel) abort(t *rapid.T, c *flightCall, cause error) {
	if c.aborted {
		return
	}
	c.aborted = true
	if !c.deaf {
		m.end(t, c, cause)
	}
}

func (m *flightModel) find(key string) *flightCall {
	i := slices.IndexFunc(m.calls, func(c *flightCall) bool { return c.joined && c.key == key })
	if i < 0 {
		return nil
	}
	return m.calls[i]
}

// do adds a caller, which starts a call unless it joins one.
func (m *flightModel) do(t *rapid.T) {
	key := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key")
	fresh := newFaulty(m.ids, rapid.Bool().Draw(t, "deaf"))
	m.ids++
	ctx, cancel := context.WithCancelCause(context.Background())
	caller := &flightCaller{cancel, fly(ctx, &m.fl, key, fresh.run)}
	synctest.Wait()
	c := m.find(key)
	assert.Equal(t, c == nil, fresh.hasBegun())
	if c == nil {
		c = &flightCall{faulty: fresh, key: key, joined: true}
		m.calls = append(m.calls, c)
	}
	c.callers = append(c.callers, caller)
}

// giveUp has a caller give up.
func (m *flightModel) giveUp(t *rapid.T) {
	waiting := slices.DeleteFunc(slices.Clone(m.calls), func(c *flightCall) bool { return len(c.callers) == 0 })
	if len(waiting) == 0 {
		t.Skip("none waits")
	}
	c := rapid.SampledFrom(waiting).Draw(t, "call")
	i := rapid.IntRange(0, len(c.callers)-1).Draw(t, "caller")
	cause := errors.New("enough")
	c.callers[i].cancel(cause)
	got := <-c.callers[i].result
	assert.ErrorIs(t, got.err, cause)
	assert.ErrorIs(t, got.err, context.Canceled)
	assert.Nil(t, got.panic)
	c.callers = slices.Delete(c.callers, i, i+1)
	if len(c.callers) == 0 {
		c.joined = false
		m.abort(t, c, cause)
	}
}

// finish ends a call in any way; without callers a panic would end the process.
func (m *flightModel) finish(t *rapid.T) {
	if len(m.calls) == 0 {
		t.Skip("none runs")
	}
	c := rapid.SampledFrom(m.calls).Draw(t, "call")
	ways := []string{"value", "error", "Goexit", "panic"}
	if len(c.callers) == 0 {
		ways = ways[:3]
	}
	how := rapid.SampledFrom(ways).Draw(t, "how")
	c.finish <- how
	m.end(t, c, waysToEnd[how])
}

// TestFlightModel compares a Flight with a list of calls whose callers come and give
// up, and which end in all ways, are aborted and forgotten.
func TestFlightModel(t *testing.T) {
	testkit.Check(t, func(t *rapid.T) {
		m := &flightModel{}
		t.Repeat(map[string]func(*rapid.T){
			"do":      m.do,
			"give up": m.giveUp,
			"finish":  m.finish,
			"done context": func(t *rapid.T) {
				ctx, cancel := context.WithCancelCause(context.Background())
				cancel(errBoom)
				got := <-fly(ctx, &m.fl, "a", mustNot)
				assert.ErrorIs(t, got.err, errBoom)
			},
			"forget": func(t *rapid.T) {
				key := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key")
				c := m.find(key)
				assert.Equal(t, c != nil, m.fl.Forget(key))
				if c != nil {
					c.joined = false
				}
			},
			"abort": func(t *rapid.T) {
				m.fl.Abort(errBoom)
				for _, c := range slices.Clone(m.calls) {
					m.abort(t, c, errBoom)
				}
			},
			"": func(t *rapid.T) {
				synctest.Wait()
				assert.Equal(t, len(m.calls), m.fl.Len())
				for _, c := range m.calls {
					for _, caller := range c.callers {
						assert.Empty(t, caller.result)
					}
				}
			},
		})
		waited := make(chan error, 1)
		go func() { waited <- m.fl.Wait(context.Background()) }()
		for len(m.calls) > 0 {
			synctest.Wait()
			assert.Empty(t, waited)
			m.finish(t)
		}
		assert.NoError(t, <-waited)
		assert.True(t, task.FlightIsEmpty(&m.fl))
	})
}
