package refcell_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/refcell"
	"github.com/coderrange/ferrous/track"
)

var errUse = errors.New("no borrow")

// caught returns what f panics with as an error.
func caught(f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = p.(error)
		}
	}()
	f()
	return nil
}

// ways are how a callback ends.
var ways = []string{"return", "panic", "exit"}

// end ends a callback in the given way.
func end(way string) {
	switch way {
	case "panic":
		panic(errUse)
	case "exit":
		runtime.Goexit()
	}
}

// run calls f, whose callback ends in the given way, on a goroutine that may be
// lost, and checks that the panic comes out as it went in.
func run(t *rapid.T, way string, f func()) {
	done, returned := make(chan error), false
	go func() {
		var err error
		defer func() { done <- err }()
		err = caught(func() {
			f()
			returned = true
		})
	}()
	err := <-done
	require.Equal(t, way == "return", returned)
	if way == "panic" {
		require.Equal(t, errUse, err)
	} else {
		require.NoError(t, err)
	}
}

// machine is a cell with everything that is borrowed of it, and the oracle.
type machine struct {
	flavour
	cell
	value   pair
	readers []shared
	writer  *exclusive
	halves  []half
	fields  []*int // of the oracle, one for each half
	stale   []func()
	taken   bool
	stop    func()
}

// refusal returns the error with which a borrow must be refused now, or nil.
func (m *machine) refusal(mut bool) error {
	switch {
	case m.taken:
		return refcell.ErrTaken
	case m.writer != nil || len(m.halves) > 0:
		return refcell.ErrMutBorrowed
	case mut && len(m.readers) > 0:
		return refcell.ErrBorrowed
	}
	return nil
}

// use calls f, which borrows, and checks that it is refused if it must be. It
// reports whether it was not.
func (m *machine) use(t *rapid.T, mut bool, f func()) bool {
	err, want := caught(f), m.refusal(mut)
	if want == nil {
		require.NoError(t, err)
		return true
	}
	require.ErrorIs(t, err, want)
	var refused *refcell.BorrowError
	require.ErrorAs(t, err, &refused)
	if errors.Is(want, refcell.ErrBorrowed) {
		require.Equal(t, len(m.readers), refused.Readers)
	}
	return false
}

// swapWithNew swaps with a new cell that holds v, which is free afterwards whatever
// happens, and returns what the new cell holds then.
func (m *machine) swapWithNew(v pair) pair {
	other := m.flavour.cell(v)
	defer func() {
		if _, err := other.tryBorrowMut(); err != nil {
			panic(err)
		}
	}()
	m.swap(other)
	return other.Replace(v)
}

// orError returns f as a function that returns the error with which f panics.
func orError[G any](f func() G) func() (G, error) {
	return func() (g G, err error) {
		err = caught(func() { g = f() })
		return g, err
	}
}

func (m *machine) ended(fs ...func()) { m.stale = append(m.stale, fs...) }

// endedShared notes that no method of s may work any more.
func (m *machine) endedShared(s shared) {
	for _, u := range s.uses("") {
		m.ended(u.do)
	}
}

func (m *machine) endedExclusive(e exclusive) {
	for _, u := range e.uses("") {
		m.ended(u.do)
	}
}

func (m *machine) reader(t *rapid.T) (int, bool) {
	if len(m.readers) == 0 {
		return 0, false
	}
	return rapid.IntRange(0, len(m.readers)-1).Draw(t, "reader"), true
}

func drawPair(t *rapid.T) pair { return pair{rapid.Int().Draw(t, "a"), rapid.Int().Draw(t, "b")} }

func (m *machine) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"borrow": func(t *rapid.T) {
			f := rapid.SampledFrom([]func() (shared, error){orError(m.borrow), m.tryBorrow}).Draw(t, "form")
			var s shared
			if m.use(t, false, func() { s = must(f()) }) {
				m.readers = append(m.readers, s)
			}
		},
		"borrow mut": func(t *rapid.T) {
			f := rapid.SampledFrom([]func() (exclusive, error){orError(m.borrowMut), m.tryBorrowMut}).Draw(t, "form")
			var e exclusive
			if m.use(t, true, func() { e = must(f()) }) {
				m.writer = &e
			}
		},
		"clone": func(t *rapid.T) {
			if i, ok := m.reader(t); ok {
				m.readers = append(m.readers, m.readers[i].clone())
			}
		},
		"map": func(t *rapid.T) {
			i, ok := m.reader(t)
			if !ok {
				return
			}
			old, way := m.readers[i], rapid.SampledFrom(ways).Draw(t, "way")
			keep := rapid.Bool().Draw(t, "keep")
			var s shared
			switch rapid.IntRange(0, 2).Draw(t, "form") {
			case 0:
				run(t, way, func() { s = old.mapTo(func(p *pair) *pair { end(way); return p }) })
				keep = way == "return"
			case 1:
				run(t, way, func() {
					s, _ = old.filter(func(p *pair) (*pair, bool) { end(way); return p, keep })
				})
				keep = keep && way == "return"
			default:
				a, b := old.split(twice)
				m.readers = append(m.readers, b)
				s, keep = a, true
			}
			if keep { // else the old guard stays as it was
				m.readers[i] = s
				m.endedShared(old)
			}
		},
		"map mut": func(t *rapid.T) {
			if m.writer == nil {
				return
			}
			old, way := *m.writer, rapid.SampledFrom(ways).Draw(t, "way")
			keep := rapid.Bool().Draw(t, "keep")
			var e exclusive
			switch rapid.IntRange(0, 2).Draw(t, "form") {
			case 0:
				run(t, way, func() { e = old.mapTo(func(p *pair) *pair { end(way); return p }) })
				keep = way == "return"
			case 1:
				run(t, way, func() {
					e, _ = old.filter(func(p *pair) (*pair, bool) { end(way); return p, keep })
				})
				keep = keep && way == "return"
			default:
				a, b := old.split(fields)
				m.halves, m.fields = []half{a, b}, []*int{&m.value.a, &m.value.b}
				m.writer = nil
				m.endedExclusive(old)
				return
			}
			if keep {
				m.writer = &e
				m.endedExclusive(old)
			}
		},
		"release": func(t *rapid.T) {
			if i, ok := m.reader(t); ok {
				old := m.readers[i]
				old.Release()
				m.readers = slices.Delete(m.readers, i, i+1)
				m.endedShared(old)
			}
		},
		"release mut": func(t *rapid.T) {
			switch {
			case m.writer != nil:
				m.writer.Release()
				m.endedExclusive(*m.writer)
				m.writer = nil
			case len(m.halves) > 0:
				i := rapid.IntRange(0, len(m.halves)-1).Draw(t, "half")
				old := m.halves[i]
				old.release()
				m.halves, m.fields = slices.Delete(m.halves, i, i+1), slices.Delete(m.fields, i, i+1)
				m.ended(old.release, func() { old.set(1) })
			}
		},
		"write": func(t *rapid.T) {
			if v := drawPair(t); m.writer != nil {
				m.writer.set(v)
				m.value = v
			}
			for i, h := range m.halves {
				v := rapid.Int().Draw(t, "value")
				h.set(v)
				*m.fields[i] = v
			}
		},
		"use the stale": func(t *rapid.T) {
			if len(m.stale) > 0 {
				f := rapid.SampledFrom(m.stale).Draw(t, "stale")
				require.ErrorIs(t, caught(f), refcell.ErrReleased)
			}
		},
		"with": func(t *rapid.T) {
			way := rapid.SampledFrom(ways).Draw(t, "way")
			inside := func(v *pair) {
				require.Equal(t, m.value, *v)
				_, err := m.tryBorrowMut()
				require.ErrorIs(t, err, refcell.ErrBorrowed)
				m.RWith(func(v *pair) { require.Equal(t, m.value, *v) })
				end(way)
			}
			if m.refusal(false) != nil {
				m.use(t, false, func() { m.RWith(inside) })
				return
			}
			run(t, way, func() { m.RWith(inside) })
		},
		"with mut": func(t *rapid.T) {
			way, v := rapid.SampledFrom(ways).Draw(t, "way"), drawPair(t)
			inside := func(p *pair) {
				for _, f := range []func(){
					func() { m.RWith(func(*pair) {}) }, func() { m.Take() }, func() { m.swapWithNew(v) },
					func() { m.borrow() }, func() { m.IntoInner() },
				} {
					require.ErrorIs(t, caught(f), refcell.ErrMutBorrowed)
				}
				*p = v
				end(way)
			}
			replacing := rapid.Bool().Draw(t, "replacing")
			call := func() { m.With(inside) }
			if replacing {
				call = func() { require.Equal(t, v, m.ReplaceWith(func(p *pair) pair { inside(p); return pair{v.b, v.a} })) }
			}
			if m.refusal(true) != nil {
				m.use(t, true, call)
				return
			}
			run(t, way, call)
			m.value = v
			if replacing && way == "return" {
				m.value = pair{v.b, v.a}
			}
		},
		"replace": func(t *rapid.T) {
			v := drawPair(t)
			var got pair
			f := rapid.SampledFrom([]func(){
				func() { got = m.Replace(v) },
				func() { got, v = m.Take(), pair{} },
				func() { got = m.swapWithNew(v) },
			}).Draw(t, "form")
			if m.use(t, true, f) {
				require.Equal(t, m.value, got)
				m.value = v
			}
		},
		"swap with itself": func(t *rapid.T) {
			if !m.taken && m.refusal(true) == nil {
				require.ErrorIs(t, caught(func() { m.swap(m.cell) }), refcell.ErrMutBorrowed)
			}
		},
		"take out": func(t *rapid.T) {
			if rapid.IntRange(0, 9).Draw(t, "seldom") > 0 {
				return
			}
			var got pair
			if m.use(t, true, func() { got = m.IntoInner() }) {
				require.Equal(t, m.value, got)
				m.taken = true
			}
		},
		"track": func(t *rapid.T) {
			if m.stop != nil {
				m.stop()
				m.stop = nil
				return
			}
			m.stop = track.Start(rapid.IntRange(1, 3).Draw(t, "one of"))
		},
		"": m.check,
	}
}

func (m *machine) check(t *rapid.T) {
	readers, writing := m.BorrowState()
	require.Equal(t, len(m.readers), readers)
	require.Equal(t, m.writer != nil || len(m.halves) > 0, writing)
	for _, r := range m.readers {
		require.Equal(t, m.value, r.Get())
	}
	if m.writer != nil {
		require.Equal(t, m.value, m.writer.Get())
	}
	text, log := fmt.Sprint(m.itself), m.LogValue().String()
	switch {
	case m.taken:
		require.Equal(t, "<taken>", text)
		require.Equal(t, "<taken>", log)
	case writing:
		require.Equal(t, "<borrowed>", text)
	default:
		require.Equal(t, fmt.Sprint(m.value), text)
	}
}

// must returns v, or panics with err.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestCellsAgainstTheModel(t *testing.T) {
	eachFlavour(t, func(t *testing.T, f flavour) {
		rapid.Check(t, func(t *rapid.T) {
			v := drawPair(t)
			m := &machine{flavour: f, cell: f.cell(v), value: v}
			defer func() {
				if m.stop != nil {
					m.stop()
				}
			}()
			t.Repeat(m.actions())
		})
	})
}
