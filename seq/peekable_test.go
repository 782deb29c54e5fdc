package seq_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/seq"
)

func TestPeekDoesNotTake(t *testing.T) {
	p := seq.NewPeekable(seq.Range(0, 3))
	defer p.Close()
	assert.Equal(t, option.Some(0), p.Peek())
	assert.Equal(t, option.Some(0), p.Peek())
	assert.Equal(t, option.Some(0), p.Next())
	assert.Equal(t, option.Some(1), p.Next())
	assert.Equal(t, option.Some(2), p.Peek())
	assert.Equal(t, option.Some(2), p.Next())
	assert.Equal(t, none, p.Peek())
	assert.Equal(t, none, p.Next())
	assert.Equal(t, none, p.Next())
}

func TestPeekPtr(t *testing.T) {
	p := seq.NewPeekable(of(1, 2))
	defer p.Close()
	*p.PeekPtr() = 5
	assert.Equal(t, []int{5, 2}, list(p.All()))
	assert.Nil(t, p.PeekPtr())
}

func TestNextIf(t *testing.T) {
	p := seq.NewPeekable(of("Heart", "of", "Gold"))
	defer p.Close()
	is := func(want string) func(string) bool { return func(v string) bool { return v == want } }
	assert.True(t, p.NextIf(is("trillian")).IsNone())
	assert.Equal(t, option.Some("Heart"), p.NextIf(is("Heart")))
	assert.Equal(t, option.Some("of"), p.Peek())
	assert.Equal(t, option.Some("of"), p.NextIf(is("of")))
	assert.True(t, p.NextIf(is("zaphod")).IsNone())
	assert.Equal(t, option.Some("Gold"), p.Next())
	assert.True(t, p.NextIf(func(string) bool { panic("called") }).IsNone())
}

func TestNextIfMap(t *testing.T) {
	p := seq.NewPeekable(of(4, 5))
	defer p.Close()
	assert.Equal(t, option.Some(2), seq.NextIfMap(p, halfOfEven))
	assert.Equal(t, none, seq.NextIfMap(p, halfOfEven))
	assert.Equal(t, option.Some(5), p.Peek(), "what was not mapped stays")
	assert.Panics(t, func() {
		seq.NextIfMap(p, func(int) option.Option[int] { panic("boom") })
	})
	assert.Equal(t, option.Some(5), p.Next(), "also after a panic")
	assert.Equal(t, none, seq.NextIfMap(p, func(int) option.Option[int] { panic("called") }))
}

func TestAllLeavesTheRestAfterABreak(t *testing.T) {
	p := seq.NewPeekable(seq.Range(0, 10))
	defer p.Close()
	assert.Equal(t, 10, seq.Sum(seq.Take(p.All(), 5)))
	assert.Equal(t, option.Some(5), p.Next())
	p.Peek()
	assert.Equal(t, []int{6, 7, 8, 9}, list(p.All()))
}

func TestCloseEndsTheSource(t *testing.T) {
	asked, closed := 0, false
	p := seq.NewPeekable(source([]int{1, 2}, &asked, &closed))
	assert.Zero(t, asked, "nothing is asked for yet")
	assert.Equal(t, option.Some(1), p.Peek())
	p.Close()
	assert.True(t, closed)
	assert.Equal(t, none, p.Peek())
	assert.Equal(t, none, p.Next())
	assert.Nil(t, p.PeekPtr())
	p.Close()

	seq.NewPeekable(source(nil, &asked, &closed)).Close() // never asked
}

func TestPeekableFollowsASlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rest := rapid.SliceOfN(rapid.IntRange(0, 9), 0, 8).Draw(t, "values")
		p := seq.NewPeekable(of(append([]int{}, rest...)...))
		defer p.Close()
		first := func() option.Option[int] {
			if len(rest) == 0 {
				return none
			}
			return option.Some(rest[0])
		}
		drop := func() { rest = rest[min(1, len(rest)):] }
		t.Repeat(map[string]func(*rapid.T){
			"Peek": func(t *rapid.T) { require.Equal(t, first(), p.Peek()) },
			"Next": func(t *rapid.T) { require.Equal(t, first(), p.Next()); drop() },
			"NextIf": func(t *rapid.T) {
				want := first().Filter(even)
				require.Equal(t, want, p.NextIf(even))
				if want.IsSome() {
					drop()
				}
			},
			"PeekPtr": func(*rapid.T) {
				if v := p.PeekPtr(); v != nil {
					*v++
					rest[0]++
				}
			},
			"All": func(t *rapid.T) {
				n := rapid.IntRange(0, 2).Draw(t, "n")
				want := append([]int{}, rest[:min(n, len(rest))]...)
				require.Equal(t, want, list(seq.Take(p.All(), n)))
				rest = rest[len(want):]
			},
			"Close": func(t *rapid.T) {
				if rapid.IntRange(0, 20).Draw(t, "close") == 0 {
					p.Close()
					rest = nil
				}
			},
		})
	})
}

func TestTryFoldOverAPeekableGoesOn(t *testing.T) {
	p := seq.NewPeekable(of(100, 20, 30, 40, 50))
	defer p.Close()
	assert.Equal(t, option.Some(100), p.Peek())
	sum, err := seq.TryFold(p.All(), 0, addInt8)
	require.ErrorIs(t, err, errOverflow)
	assert.Equal(t, 120, sum)
	assert.Equal(t, option.Some(40), p.Peek(), "the one that failed is taken")
	sum, err = seq.TryFold(p.All(), 0, addInt8)
	require.NoError(t, err)
	assert.Equal(t, 90, sum)
}

func TestAZeroPeekablePanicsByName(t *testing.T) {
	var p seq.Peekable[int]
	for method, f := range map[string]func(){
		"Next": func() { p.Next() }, "Peek": func() { p.Peek() }, "PeekPtr": func() { p.PeekPtr() }, "All": func() { p.All() },
		"NextIf": func() { p.NextIf(even) }, "Close": p.Close,
	} {
		require.EqualError(t, testkit.PanicError(t, f), "seq: Peekable."+method+": the Peekable was not made by NewPeekable")
	}
}

func TestAPeekablePrintsTheNextElementWithoutTakingIt(t *testing.T) {
	p := seq.NewPeekable(of(10))
	defer p.Close()
	log := func() string { return p.LogValue().Resolve().String() }
	assert.Equal(t, "Peekable(<not peeked>)", fmt.Sprint(p))
	assert.Equal(t, "<not peeked>", log())
	p.Peek()
	assert.Equal(t, "Peekable(Some(10)) Peekable(Some(0xa))", fmt.Sprintf("%v %#x", p, p))
	assert.Equal(t, "10", log())
	assert.Equal(t, option.Some(10), p.Next())
	p.Peek()
	assert.Equal(t, "Peekable(None)", fmt.Sprint(p))
	assert.Equal(t, "<nil>", log())
}
