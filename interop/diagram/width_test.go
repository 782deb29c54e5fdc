// Package diagram_test checks the columns of diagrams against rivo/uniseg.
package diagram_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/rivo/uniseg"
	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/diagram"
)

// different are characters of which uniseg says something else than Unicode's East
// Asian Width: dashes of three and four columns, signs that can be emoji, and marks
// that join the letter before. The corner is what this test cuts at.
var different = []rune{
	'┌', 0x2e3a, 0x2e3b, 0x3030, 0x303d, 0x3297, 0x3299, 0xff9e, 0xff9f, 0x1f202, 0x1f237,
	0x1f260, 0x1f261, 0x1f262, 0x1f263, 0x1f264, 0x1f265, 0x1f3fb, 0x1f3fc, 0x1f3fd, 0x1f3fe, 0x1f3ff,
}

// TestTextLinesUpForUniseg puts each character between two letters into a
// picture. Characters that only have a width together with others, such as halves
// of flags, are left out.
func TestTextLinesUpForUniseg(t *testing.T) {
	var wrong []rune
	var batch []rune
	check := func() {
		vars := make([]diagram.Root, len(batch))
		values := make([]int64, len(batch)*2) // apart, so that no variable is part of another
		for i, r := range batch {
			vars[i] = diagram.Var("a"+string(r)+"b", &values[2*i])
		}
		text := diagram.Capture(vars...).Text(80)
		for i, block := range strings.Split(text, "┌")[1:] {
			lines := strings.Split(strings.TrimSpace(block), "\n")
			if uniseg.StringWidth("  ┌"+lines[0]) != uniseg.StringWidth(lines[1]) {
				wrong = append(wrong, batch[i])
			}
		}
		batch = batch[:0]
	}
	for r := rune(' '); r < 0x20000; r++ {
		if !unicode.IsPrint(r) || slices.Contains(different, r) || unicode.In(r, unicode.Mn, unicode.Mc, unicode.Me, unicode.Cf, unicode.Regional_Indicator) {
			continue
		}
		if batch = append(batch, r); len(batch) == 200 {
			check()
		}
	}
	check()
	assert.Empty(t, wrong, "%U", wrong)
}

func TestWidthCanBeUniseg(t *testing.T) {
	v := map[string]int{"👩‍👩‍👧‍👦": 1, "🇮🇳": 2, "é": 3, "漢": 4}
	text := diagram.Options{Width: uniseg.StringWidth}.Capture(diagram.Var("v", &v)).Text(80)
	for _, block := range strings.Split(text, "┌")[1:] {
		lines := strings.Split(block, "\n")
		for _, l := range lines[1:] {
			if strings.HasSuffix(l, "│") {
				assert.Equal(t, uniseg.StringWidth("  ┌"+lines[0]), uniseg.StringWidth(l), "%q", l)
			}
		}
	}
}
