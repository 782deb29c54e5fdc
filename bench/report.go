package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"
)

// report is what the raw results say: the machine, and groups of results in
// the order in which they first came.
type report struct {
	head   string
	groups []*group
}

// group holds the results that differ in impl= alone.
type group struct {
	name  string
	units []string
	rows  []*row
}

// row holds the results of one implementation, by unit.
type row struct {
	impl   string
	values map[string][]float64
}

// read reads results in Go's benchmark format.
func read(r io.Reader) (*report, error) {
	rep := &report{}
	reader := benchfmt.NewReader(r, "results")
	for reader.Scan() {
		switch rec := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			return nil, rec
		case *benchfmt.Result:
			rep.add(rec)
		}
	}
	if err := reader.Err(); err != nil {
		return nil, err
	}
	if len(rep.groups) == 0 {
		return nil, errors.New("no results")
	}
	return rep, nil
}

func (rep *report) add(res *benchfmt.Result) {
	rep.head = fmt.Sprintf("%s, %s %s/%s, commit %s", res.GetConfig("cpu"), res.GetConfig("goversion"),
		res.GetConfig("goos"), res.GetConfig("goarch"), res.GetConfig("commit"))

	base, parts := res.Name.Parts()
	pkg := strings.TrimPrefix(res.GetConfig("pkg"), module+"/")
	name, impl := pkg+": "+string(base), "-"
	for _, part := range parts {
		if value, found := strings.CutPrefix(string(part), "/impl="); found {
			impl = value
		} else {
			name += string(part)
		}
	}

	g := find(&rep.groups, func(g *group) bool { return g.name == name }, &group{name: name})
	r := find(&g.rows, func(r *row) bool { return r.impl == impl }, &row{impl: impl, values: map[string][]float64{}})
	for _, v := range res.Values {
		value, unit := v.Value, v.Unit
		if v.OrigUnit != "" {
			value, unit = v.OrigValue, v.OrigUnit
		}
		if !slices.Contains(g.units, unit) {
			g.units = append(g.units, unit)
		}
		r.values[unit] = append(r.values[unit], value)
	}
}

// find returns the element that is wanted, or appends and returns fresh.
func find[T any](list *[]*T, wanted func(*T) bool, fresh *T) *T {
	if i := slices.IndexFunc(*list, wanted); i >= 0 {
		return (*list)[i]
	}
	*list = append(*list, fresh)
	return fresh
}

// summary returns the median in the given unit and its confidence interval.
func (r *row) summary(unit string) benchmath.Summary {
	sample := benchmath.NewSample(slices.Clone(r.values[unit]), &benchmath.DefaultThresholds)
	return benchmath.AssumeNothing.Summary(sample, 0.95)
}
