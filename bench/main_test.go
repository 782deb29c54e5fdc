package main

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files")

func TestTablesOfKnownResults(t *testing.T) {
	for _, tt := range []struct{ golden, format string }{
		{"testdata/seatmap.golden.txt", "-md=false"},
		{"testdata/seatmap.golden.md", "-md=true"},
	} {
		t.Run(tt.golden, func(t *testing.T) {
			var out bytes.Buffer
			require.NoError(t, run([]string{"-input", "testdata/seatmap.txt", tt.format}, &out, nil))
			if *update {
				require.NoError(t, os.WriteFile(tt.golden, out.Bytes(), 0o600))
			}
			want, err := os.ReadFile(tt.golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), out.String())
		})
	}
}

func TestMeasureRunsTheWholeSetEachRound(t *testing.T) {
	var raw bytes.Buffer
	require.NoError(t, measure(&raw, 2, []string{"./testdata/fixture"}, "-bench", ".", "-benchtime", "1x"))
	var names []string
	for line := range strings.Lines(raw.String()) {
		if name, found := strings.CutPrefix(line, "BenchmarkNothing/impl="); found {
			names = append(names, name[:4])
		}
	}
	assert.Equal(t, []string{"ours", "peer", "ours", "peer"}, names)

	rep, err := read(&raw)
	require.NoError(t, err)
	assert.Regexp(t, `, go1\.\S+ \w+/\w+, commit \S+$`, rep.head)
	require.Len(t, rep.groups, 1)
	assert.Equal(t, []string{"ns/op", "B/op", "allocs/op"}, rep.groups[0].units)
}

func TestPatterns(t *testing.T) {
	const root = "github.com/coderrange/ferrous/"
	assert.Equal(t, []string{root + "bench/..."}, patterns([]string{""}, false))
	assert.Equal(t, []string{root + "bench/...", root + "..."}, patterns([]string{""}, true))
	assert.Equal(t,
		[]string{root + "bench/rc/...", root + "rc/...", root + "bench/task/...", root + "task/..."},
		patterns([]string{"rc", "task"}, true))
}

func TestBadInput(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"argument":  {[]string{"seatmap"}, `unexpected argument "seatmap"`},
		"count":     {[]string{"-count", "0"}, "-count 0: at least 1 wanted"},
		"no file":   {[]string{"-input", "testdata/none"}, "open testdata/none: "},
		"no result": {[]string{"-input", os.DevNull}, "no results"},
		"regexp":    {[]string{"-bench", "(", "-pkg", "none"}, "exit status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, raw bytes.Buffer
			require.ErrorContains(t, run(tt.args, &out, &raw), tt.want)
			assert.Empty(t, out.String())
		})
	}
	_, err := read(strings.NewReader("BenchmarkX 10 five ns/op\n"))
	require.ErrorContains(t, err, "results:1: ")
}
