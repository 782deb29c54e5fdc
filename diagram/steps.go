package diagram

import (
	"fmt"
	"html"
	"strings"
)

// A Step is one moment of [Steps].
type Step struct {
	Caption string
	Picture *Picture
}

// Steps draws moments below one another. What is new since the moment before has
// a green frame, what changed an orange one. Boxes keep their numbers.
//
// It panics if a step has no picture.
func Steps(title string, steps ...Step) string { return stepsSVG("Steps", title, false, steps) }

// AnimatedSteps draws moments in one place, one after another, two seconds each.
// Readers who want less motion, and paper, get what [Steps] draws.
func AnimatedSteps(title string, steps ...Step) string {
	return stepsSVG("AnimatedSteps", title, true, steps)
}

func stepsSVG(function, title string, animated bool, steps []Step) string {
	var body, text, description strings.Builder
	fmt.Fprintf(&body, `<text class="title" x="%.0f" y="24">%s</text>`+"\n", margin, html.EscapeString(title))
	numbers := map[*Box]int{}
	next := 1
	var before *Picture
	width, y, tallest := float64(columns(title))*9.5+2*margin, 26.0, 0.0
	for i, s := range steps {
		if s.Picture == nil {
			panic(fmt.Errorf("diagram: %s: step %d of %d has no picture", function, i+1, len(steps)))
		}
		d := &drawing{p: s.Picture, number: numbers}
		var was map[*Box]*Box
		if before != nil {
			was, d.marks = compare(before, s.Picture)
		}
		for _, b := range s.Picture.Boxes {
			if o := was[b]; o != nil {
				numbers[b] = numbers[o]
			} else {
				numbers[b] = next
				next++
			}
		}
		d.layout(s.Caption)
		d.boxes()
		d.arrows()
		fmt.Fprintf(&body, `<g class="step s%d" transform="translate(0 %.0f)"><text class="head" x="%.0f" y="24">%s</text>`+"\n", i, y, margin, html.EscapeString(fmt.Sprintf("%d. %s", i+1, s.Caption)))
		body.WriteString(d.out.String() + "</g>\n")
		width, tallest = max(width, d.width), max(tallest, d.height)
		y += d.height
		text.WriteString(s.Picture.Text(100))
		fmt.Fprintf(&description, "%d. %s: %s ", i+1, s.Caption, d.describe())
		before = s.Picture
	}
	if animated && len(steps) > 1 {
		n := len(steps)
		fmt.Fprintf(&body, "<style>@media screen and (prefers-reduced-motion:no-preference){")
		fmt.Fprintf(&body, "#id .step{transform:translate(0,26px);opacity:0;animation:ferrous-steps-%d %ds infinite}", n, 2*n)
		for i := range steps {
			fmt.Fprintf(&body, "#id .s%d{animation-delay:%ds}", i, 2*i)
		}
		fmt.Fprintf(&body, "@keyframes ferrous-steps-%d{0%%,%.1f%%{opacity:1}%.1f%%,100%%{opacity:0}}}</style>\n", n, 95/float64(n), 100/float64(n))
	}
	return document(title, strings.TrimSpace(description.String()), text.String(), width, y+margin, body.String())
}
