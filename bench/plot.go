package main

import (
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// curve is a plot of one benchmark: time over one of its parameters, a line for
// each implementation.
type curve struct {
	file, title string
	table       string // the name of the benchmark's table
	x           string // the parameter
	where       string // a parameter that the points have, if not empty
}

var curves = []curve{
	{"channel-producers.svg", "A message through 128 slots, one consumer", "bench/channel.Producers", "producers", ""},
	{"channel-capacities.svg", "A message from four producers to one consumer", "bench/channel.Capacities", "cap", ""},
	{"locks-goroutines.svg", "Lock with a context, count, unlock", "bench/arcmutex.LockContext", "goroutines", ""},
	{"permits-goroutines.svg", "Take one of two permits and give it back", "bench/arcmutex.Semaphore", "goroutines", ""},
	{"task-limits.svg", "A task without work", "bench/task.Tasks", "limit", "work=0s"},
	{"seatmap-seats.svg", "An attempt at a seat that is taken", "bench/seatmap.Seats", "seats", ""},
	{"seatmap-events.svg", "Block and release a seat of any event", "bench/seatmap.Events", "events", ""},
	{"seatmap-processors.svg", "A refusal, a goroutine a processor, events of their own", "bench/seatmap.Processors", "procs", ""},
}

// plot draws the curves whose benchmarks the report has into the folder.
func (rep *report) plot(folder string) error {
	for _, c := range curves {
		for _, t := range rep.tables {
			if t.name != c.table {
				continue
			}
			if err := c.draw(t, filepath.Join(folder, c.file)); err != nil {
				return fmt.Errorf("%s: %w", c.file, err)
			}
		}
	}
	return nil
}

func (c curve) draw(t *table, file string) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.title, c.x, "ns"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.Y.Tick.Marker = plot.TickerFunc(decades)
	p.Legend.Top, p.Legend.Left, p.Legend.Padding = true, true, vg.Points(2)
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{Y: 0xdd}, color.Gray{Y: 0xdd}
	p.Add(grid)

	var marks []plot.Tick
	for i, impl := range t.impls {
		var points plotter.XYs
		for _, r := range t.rows {
			if c.where != "" && !slices.Contains(r.params, c.where) {
				continue
			}
			x, err := parameter(r.params, c.x)
			if err != nil {
				return err
			}
			if y := r.of(impl).median("ns/op").Center; !math.IsNaN(y) {
				points = append(points, plotter.XY{X: x, Y: y})
				marks = append(marks, plot.Tick{Value: x, Label: short(x)})
			}
		}
		if len(points) == 0 {
			continue
		}
		line, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return err
		}
		line.Color, line.Dashes, line.Width = plotutil.Color(i), plotutil.Dashes(i), vg.Points(1.5)
		dots.Color, dots.Shape = plotutil.Color(i), plotutil.Shape(i)
		p.Add(line, dots)
		p.Legend.Add(impl, line, dots)
	}
	p.X.Tick.Marker = plot.ConstantTicks(marks)
	p.Y.Max *= 3 // room for the legend

	canvas := vgsvg.New(16*vg.Centimeter, 10*vg.Centimeter)
	page := draw.New(canvas)
	page.SetColor(color.White)
	page.Fill(page.Path())
	p.Draw(draw.Crop(page, vg.Points(6), -vg.Points(18), vg.Points(6), -vg.Points(6)))
	var b strings.Builder
	if _, err := canvas.WriteTo(&b); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(b.String()), 0o644) //nolint:gosec // it is to be read by all
}

// decades are the ticks 1, 2, 5, 10, and so on.
func decades(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	for ten := math.Pow10(int(math.Floor(math.Log10(low)))); ten <= high; ten *= 10 {
		for _, m := range []float64{1, 2, 5} {
			if v := m * ten; low <= v && v <= high {
				ticks = append(ticks, plot.Tick{Value: v, Label: short(v)})
			}
		}
	}
	return ticks
}

// parameter returns the value of that parameter of a benchmark.
func parameter(params []string, name string) (float64, error) {
	for _, p := range params {
		if value, found := strings.CutPrefix(p, name+"="); found {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("no parameter %s in %q", name, params)
}

// short returns a whole number with k or M for thousands and millions.
func short(v float64) string {
	switch {
	case v >= 1e6 && math.Mod(v, 1e6) == 0:
		return strconv.FormatFloat(v/1e6, 'f', -1, 64) + "M"
	case v >= 1e4 && math.Mod(v, 1e3) == 0:
		return strconv.FormatFloat(v/1e3, 'f', -1, 64) + "k"
	default:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
}
