package main

import (
	"bytes"
	"image/color"
	"math"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// line is one line of a plot.
type line struct {
	name   string
	points plotter.XYs
}

// plots returns the files of docs/scaling.
func plots() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, p := range []struct {
		file, title, x, y string
		lines             []line
	}{
		{"hot.svg", "One event: answers to one in ten blocks", "requests a second", "99th percentile, ms", hotLines()},
		{"shards.svg", "What Redis shards can do, by where the events are", "shards", "requests a second", shardLines()},
	} {
		svg, err := drawPlot(p.title, p.x, p.y, p.lines)
		if err != nil {
			return nil, err
		}
		files[p.file] = svg
	}
	return files, nil
}

// hotLines is the 99th percentile of requests for one event, over their rate, up to what
// each store can do.
func hotLines() (lines []line) {
	for _, s := range stores {
		l := line{name: s.name}
		for rate := 500.0; rate <= 200_000; rate *= 2 {
			if rate > 0.95*s.capacity(grantsOf) {
				break
			}
			const requests = 10_000
			replicas := max(1, int(math.Ceil(rate*httpRequest.value.Seconds()/busyAtMost/coresOfReplica)))
			sc := scenario{
				seed: 1, requests: requests, warm: requests / 10, rate: rate, store: s,
				replicas: replicas, cores: coresOfReplica, shards: 1, events: 1, grants: grantsOf,
			}
			if s.local { // the event is in one process
				sc.replicas, sc.cores = 1, coresOfReplica*replicas
			}
			p99 := quantile(simulate(sc).latencies, 0.99)
			l.points = append(l.points, plotter.XY{X: rate, Y: float64(p99.Round(time.Microsecond)) / 1e6})
		}
		lines = append(lines, l)
	}
	return lines
}

// shardLines is the rate at which the busiest shard of Redis has no time left. It is
// arithmetic on the shares of 10,000 events.
func shardLines() (lines []line) {
	for _, v := range []struct {
		name   string
		skew   float64
		placed bool
	}{
		{"even, placed", 0, true}, {"even, hashed", 0, false}, {"Zipf, placed", 1, true}, {"Zipf, hashed", 1, false},
	} {
		l := line{name: v.name}
		for shards := 1; shards <= 512; shards *= 2 {
			rate := 1 / redis.mean() / busiestShare(10_000, v.skew, shards, v.placed)
			l.points = append(l.points, plotter.XY{X: float64(shards), Y: math.Round(rate)})
		}
		lines = append(lines, l)
	}
	return lines
}

func drawPlot(title, x, y string, lines []line) ([]byte, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(decades), plot.TickerFunc(decades)
	p.Legend.Top, p.Legend.Left, p.Legend.Padding = true, true, vg.Points(2)
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{Y: 0xdd}, color.Gray{Y: 0xdd}
	p.Add(grid)
	for i, l := range lines {
		curve, dots, err := plotter.NewLinePoints(l.points)
		if err != nil {
			return nil, err
		}
		curve.Color, curve.Dashes, curve.Width = plotutil.Color(i), plotutil.Dashes(i), vg.Points(1.5)
		dots.Color, dots.Shape = plotutil.Color(i), plotutil.Shape(i)
		p.Add(curve, dots)
		p.Legend.Add(l.name, curve, dots)
	}
	p.Y.Max *= 10 // room for the legend
	canvas := vgsvg.New(16*vg.Centimeter, 10*vg.Centimeter)
	page := draw.New(canvas)
	page.SetColor(color.White)
	page.Fill(page.Path())
	p.Draw(draw.Crop(page, vg.Points(6), -vg.Points(18), vg.Points(6), -vg.Points(6)))
	var b bytes.Buffer
	_, err := canvas.WriteTo(&b)
	return b.Bytes(), err
}

// decades are the ticks 1, 10, and so on, with labels, and 2 and 5 without.
func decades(low, high float64) (ticks []plot.Tick) {
	for ten := math.Pow10(int(math.Floor(math.Log10(low)))); ten <= high; ten *= 10 {
		for _, m := range []float64{1, 2, 5} {
			if v := m * ten; low <= v && v <= high {
				label := ""
				if m == 1 {
					label = short(v)
				}
				ticks = append(ticks, plot.Tick{Value: v, Label: label})
			}
		}
	}
	return ticks
}

// short returns a power of ten with k or M for thousands and millions.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return digits(v/1e6) + "M"
	case v >= 1e4:
		return digits(v/1e3) + "k"
	default:
		return digits(v)
	}
}
