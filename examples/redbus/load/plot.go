package main

import (
	"fmt"
	"math"
	"strings"
)

const (
	plotWidth, plotHeight = 720, 420
	plotLeft, plotTop     = 70, 30
	plotRight, plotBottom = 200, 50
	plotNines             = 4 // up to 99.99 %
)

var plotColours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"}

// plot draws the times of the results over the share of requests, as SVG. Both axes are
// logarithmic: that of shares has one step for each nine.
func plot(results []rated) string {
	low, high := math.Inf(1), math.Inf(-1)
	for _, r := range results {
		for _, t := range r.Times {
			if t.Time > 0 {
				low, high = min(low, math.Log10(t.Time)), max(high, math.Log10(t.Time))
			}
		}
	}
	if low > high { // nothing was measured
		low, high = 0, 1
	}
	low, high = math.Floor(low), max(math.Ceil(high), math.Floor(low)+1)
	x := func(nines float64) float64 {
		return plotLeft + min(nines, plotNines)/plotNines*(plotWidth-plotLeft-plotRight)
	}
	y := func(power float64) float64 {
		return plotHeight - plotBottom - (power-low)/(high-low)*(plotHeight-plotTop-plotBottom)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, `<title>Time to an answer, by share of requests</title><rect width="%d" height="%d" fill="white"/>`+"\n", plotWidth, plotHeight)
	for power := low; power <= high; power++ {
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#ccc"/><text x="%d" y="%.1f" text-anchor="end">%g ms</text>`+"\n",
			plotLeft, y(power), plotWidth-plotRight, plotLeft-6, y(power)+4, math.Pow(10, power))
	}
	for nines := range plotNines + 1 {
		fmt.Fprintf(&b, `<path d="M%.1f %dV%d" stroke="#ccc"/><text x="%.1f" y="%d" text-anchor="middle">%g %%</text>`+"\n",
			x(float64(nines)), plotTop, plotHeight-plotBottom, x(float64(nines)), plotHeight-plotBottom+18, 100-100*math.Pow(10, -float64(nines)))
	}
	for i, r := range results {
		colour := plotColours[i%len(plotColours)]
		var points []string
		for _, t := range r.Times {
			if nines := -math.Log10(1 - t.Share); nines <= plotNines+0.001 && t.Time > 0 {
				points = append(points, fmt.Sprintf("%.1f,%.1f", x(nines), y(math.Log10(t.Time))))
			}
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), colour)
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s">%s, %d/s, %d conn.</text>`+"\n", plotWidth-plotRight+10, plotTop+16*(i+1), colour, r.Mix, r.Rate, r.Connections)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
