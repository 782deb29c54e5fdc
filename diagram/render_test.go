package diagram_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/diagram"
	"github.com/coderrange/ferrous/rc"
)

// elements reads an SVG and returns the names and ids in it.
func elements(t require.TestingT, svg string) (names, ids []string) {
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return names, ids
		}
		require.NoError(t, err)
		if e, ok := token.(xml.StartElement); ok {
			names = append(names, e.Name.Local)
			for _, a := range e.Attr {
				if a.Name.Local == "id" {
					ids = append(ids, a.Value)
				}
			}
		}
	}
}

func scene() *diagram.Picture {
	v := []string{"a", "<b> & \"c\"", "漢字 and more than twenty-four bytes", "\x00\xff"}
	a, b := &node{name: "a"}, &node{name: "b"}
	a.next, b.prev, b.next = b, a, b
	var p pilot = &person{"x"}
	shared := rc.New(a)
	w := shared.Downgrade()
	return diagram.Capture(
		diagram.Frame("main", diagram.Var("v", &v), diagram.Var("p", &p), diagram.Var("inside", &v[1])),
		diagram.Frame("f <x>", diagram.Var("a", &a), diagram.Var("shared", &shared), diagram.Var("w", &w)),
	)
}

func TestSVGIsWellFormed(t *testing.T) {
	known := []string{"svg", "title", "desc", "style", "defs", "marker", "path", "rect", "g", "text", "line", "circle"}
	var all []string
	moved := scene()
	for name, svg := range map[string]string{
		"wide":     scene().SVG(`a "title" <&>`),
		"narrow":   scene().NarrowSVG("n"),
		"empty":    diagram.Capture().SVG("nothing"),
		"steps":    diagram.Steps("s", diagram.Step{Caption: "before", Picture: scene()}, diagram.Step{Caption: "after", Picture: moved}),
		"animated": diagram.AnimatedSteps("s", diagram.Step{Caption: "before", Picture: scene()}, diagram.Step{Caption: "after", Picture: moved}),
	} {
		t.Run(name, func(t *testing.T) {
			names, ids := elements(t, svg)
			for _, n := range names {
				assert.Contains(t, known, n)
			}
			all = append(all, ids...)
			assert.Contains(t, svg, `role="img"`)
			for _, ref := range regexp.MustCompile(`url\(#([^)]*)\)`).FindAllStringSubmatch(svg, -1) {
				assert.Contains(t, ids, ref[1])
			}
			assert.NotContains(t, svg, "#id")
		})
	}
	slices.Sort(all)
	assert.Equal(t, slices.Compact(slices.Clone(all)), all, "ids of several drawings clash")
}

// TestTextLinesUp builds pictures of random texts and widths.
func TestTextLinesUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type entry struct {
			Name  string
			Bytes []byte
		}
		v := map[string]entry{}
		for range rapid.IntRange(0, 5).Draw(t, "entries") {
			v[rapid.String().Draw(t, "key")] = entry{rapid.String().Draw(t, "name"), rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")}
		}
		width := rapid.IntRange(-5, 120).Draw(t, "width")
		text := diagram.Capture(diagram.Frame(rapid.String().Draw(t, "frame"), diagram.Var(rapid.String().Draw(t, "var"), &v))).Text(width)
		for _, block := range strings.Split(text, "┌")[1:] {
			first := -1
			for i, l := range strings.Split(strings.TrimRight(block, "\n"), "\n") {
				if i > 0 && !strings.HasPrefix(l, "  ") {
					break
				}
				n := diagram.Columns(strings.TrimPrefix(l, "  "))
				if i == 0 {
					n++
				}
				if first < 0 {
					first = n
				}
				assert.Equal(t, first, n, "%q", l)
				assert.LessOrEqual(t, n, max(width, 24)-2)
				if strings.HasPrefix(l, "  └") {
					break
				}
			}
		}
		elements(t, diagram.Capture(diagram.Var("v", &v)).SVG("x"))
	})
}

func TestPathSaysWhyABoxIsAlive(t *testing.T) {
	c := &node{name: "c"}
	a := &node{name: "a", next: &node{name: "b", next: c}}
	owner := rc.New(1)
	w := owner.Downgrade()
	p := diagram.Capture(diagram.Frame("main", diagram.Var("a", &a)), diagram.Var("w", &w))
	last := p.Box("a").Rows[0].Cells[0].To.Rows[1].Cells[0].To.Rows[1].Cells[0].To
	first := p.Box("a").Rows[0].Cells[0].To
	assert.Equal(t, fmt.Sprintf("main.a ─▶ #%d.next ─▶ #%d.next ─▶ #%d", first.Number, first.Rows[1].Cells[0].To.Number, last.Number), p.Path(last.Number))
	assert.Equal(t, "main.a", p.Path(p.Box("a").Number))
	assert.Empty(t, p.Path(p.Box("w").Rows[0].Cells[0].To.Number), "a weak arrow keeps nothing alive")
	assert.Empty(t, p.Path(1000))
}

type recorder struct{ text string }

func (*recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.text = fmt.Sprintf(format, args...)
}

func TestDiffTellsWhatChanged(t *testing.T) {
	v := make([]int, 1)
	untouched := &node{name: "x"}
	capture := func() *diagram.Picture { return diagram.Capture(diagram.Var("v", &v), diagram.Var("u", &untouched)) }
	before := capture()
	r := &recorder{}
	assert.True(t, diagram.Diff(r, before, capture()))
	assert.Empty(t, r.text)

	v = append(v, 7) // a new array
	assert.False(t, diagram.Diff(r, before, capture()))
	assert.Contains(t, r.text, "- #3 [1]int")
	assert.Regexp(t, `\+ #\d \[2\]int`, r.text)
	assert.Contains(t, r.text, "len 2")
	assert.NotContains(t, r.text, "node")

	before = capture()
	v[0] = 5
	assert.False(t, diagram.Diff(r, before, capture()))
	assert.Contains(t, r.text, "-   [0]  0\n+   [0]  5\n")
	assert.NotContains(t, r.text, "len")
}

func TestStepsMarkWhatChangedAndKeepNumbers(t *testing.T) {
	v := make([]int32, 1)
	capture := func() *diagram.Picture { return diagram.Capture(diagram.Frame("main", diagram.Var("v", &v))) }
	one := capture()
	v = append(v, 2)
	two := capture()
	svg := diagram.Steps("push reallocates", diagram.Step{Caption: "before", Picture: one}, diagram.Step{Caption: "after", Picture: two})
	assert.Equal(t, 1, strings.Count(svg, `class="added"`), "the new array")
	assert.Equal(t, 1, strings.Count(svg, `class="changed"`), "the header")
	assert.Contains(t, svg, "#2 [1]int32")
	assert.Contains(t, svg, "#3 [2]int32")
	assert.NotContains(t, svg, "keyframes")
	assert.Contains(t, diagram.AnimatedSteps("x", diagram.Step{Caption: "a", Picture: one}, diagram.Step{Caption: "b", Picture: two}), "prefers-reduced-motion:no-preference")
}

func TestMarkdownCannotBeLeft(t *testing.T) {
	s := "```\n# heading"
	text := diagram.Capture(diagram.Var("s", &s)).Markdown("t")
	assert.True(t, strings.HasPrefix(text, "**t**\n\n```"))
	_, code, _ := strings.Cut(text, "\n\n")
	fence, _, _ := strings.Cut(code, "text\n")
	assert.Equal(t, 2, strings.Count(text, fence), text)
}

func TestDOTHasANodeABoxAndAnEdgeAnArrow(t *testing.T) {
	p := scene()
	dot := p.DOT("x")
	arrows := 0
	for _, b := range p.Boxes {
		assert.Contains(t, dot, fmt.Sprintf("b%d [label=<", b.Number))
		for _, r := range b.Rows {
			for _, c := range r.Cells {
				if c.To != nil {
					arrows++
				}
			}
		}
	}
	assert.Equal(t, arrows, strings.Count(dot, " -> "))
}
