package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"
)

// noImpl is the column of benchmarks whose names have no impl=.
const noImpl = "time"

// report is what the raw results say: the machine, and the benchmarks in the
// order in which they first came.
type report struct {
	head   string
	tables []*table
}

// table holds the results of one benchmark.
type table struct {
	name  string   // such as bench/seatmap.Pair
	impls []string // the values of impl=, its columns
	rows  []*row
}

// row holds the results that differ in impl= alone.
type row struct {
	params  []string // such as seats=4
	results []*result
}

// result holds what one implementation took, by unit.
type result struct {
	impl   string
	units  []string
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
	if len(rep.tables) == 0 {
		return nil, errors.New("no results")
	}
	return rep, nil
}

func (rep *report) add(res *benchfmt.Result) {
	base, parts := res.Name.Parts()
	procs := "1"
	if n := len(parts); n > 0 && parts[n-1][0] == '-' {
		procs, parts = string(parts[n-1][1:]), parts[:n-1]
	}
	rep.head = fmt.Sprintf("%s, GOMAXPROCS=%s, %s %s/%s, commit %s", res.GetConfig("cpu"), procs,
		res.GetConfig("goversion"), res.GetConfig("goos"), res.GetConfig("goarch"), res.GetConfig("commit"))

	impl, params := noImpl, []string(nil)
	for _, part := range parts {
		if value, found := strings.CutPrefix(string(part), "/impl="); found {
			impl = value
		} else {
			params = append(params, string(part[1:]))
		}
	}

	name := strings.TrimPrefix(res.GetConfig("pkg"), module+"/") + "." + string(base)
	t := find(&rep.tables, func(t *table) bool { return t.name == name }, &table{name: name})
	if !slices.Contains(t.impls, impl) {
		t.impls = append(t.impls, impl)
	}
	r := find(&t.rows, func(r *row) bool { return slices.Equal(r.params, params) }, &row{params: params})
	one := find(&r.results, func(r *result) bool { return r.impl == impl }, &result{impl: impl, values: map[string][]float64{}})
	for _, v := range res.Values {
		value, unit := v.Value, v.Unit
		if v.OrigUnit != "" {
			value, unit = v.OrigValue, v.OrigUnit
		}
		if !slices.Contains(one.units, unit) {
			one.units = append(one.units, unit)
		}
		one.values[unit] = append(one.values[unit], value)
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

// median returns the median in the given unit and how far it may be off, in
// percent, with 95 % confidence; NaN if there is no result.
func (r *result) median(unit string) benchmath.Summary {
	if r == nil || len(r.values[unit]) == 0 {
		return benchmath.Summary{Center: math.NaN(), Lo: math.NaN(), Hi: math.NaN()}
	}
	sample := benchmath.NewSample(slices.Clone(r.values[unit]), &benchmath.DefaultThresholds)
	return benchmath.AssumeNothing.Summary(sample, 0.95)
}

// of returns the result of that implementation, or nil.
func (r *row) of(impl string) *result {
	i := slices.IndexFunc(r.results, func(one *result) bool { return one.impl == impl })
	if i < 0 {
		return nil
	}
	return r.results[i]
}

// units returns all units of the row, time first.
func (r *row) units() []string {
	var all []string
	for _, one := range r.results {
		for _, unit := range one.units {
			if !slices.Contains(all, unit) {
				all = append(all, unit)
			}
		}
	}
	return all
}
