package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
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

func TestPagesAndPlotsOfKnownResults(t *testing.T) {
	const page = "# Page\n\n<!-- bench machine -->\n<!-- /bench -->\n\n<!-- bench bench/arcmutex.Semaphore -->\nold\n<!-- /bench -->\n\n" +
		"<!-- bench rc.Absent -->\nkept\n<!-- /bench -->\n"
	folder := t.TempDir()
	file := filepath.Join(folder, "page.md")
	require.NoError(t, os.WriteFile(file, []byte(page), 0o600))
	results := filepath.Join(folder, "results.txt")
	require.NoError(t, os.WriteFile(results, []byte(`goversion: go1.26.8
commit: abc
goos: linux
goarch: amd64
cpu: Fast
pkg: github.com/coderrange/ferrous/bench/arcmutex
BenchmarkSemaphore/impl=ours/goroutines=1-2 10 10.0 ns/op 0 B/op 0 allocs/op
BenchmarkSemaphore/impl=ours/goroutines=8-2 10 20.0 ns/op 0 B/op 0 allocs/op
BenchmarkSemaphore/impl=other/goroutines=1-2 10 40.0 ns/op 16 B/op 2 allocs/op
BenchmarkSemaphore/impl=other/goroutines=8-2 10 300 ns/op 16 B/op 2 allocs/op
`), 0o600))
	for range 2 { // the second time changes nothing
		require.NoError(t, run([]string{"-input", results, "-pages", folder, "-plot", folder}, io.Discard, nil))
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, "# Page\n\n<!-- bench machine -->\nFast, GOMAXPROCS=2, go1.26.8 linux/amd64, commit abc.\n<!-- /bench -->\n\n"+
			"<!-- bench bench/arcmutex.Semaphore -->\n"+
			"|              |  ours |                   other |\n"+
			"| ---          |  ---: |                    ---: |\n"+
			"| goroutines=1 | 10 ns |   40 ns (4×), 16 B in 2 |\n"+
			"| goroutines=8 | 20 ns | 300 ns (15×), 16 B in 2 |\n"+
			"<!-- /bench -->\n\n<!-- bench rc.Absent -->\nkept\n<!-- /bench -->\n", string(got))
	}
	svg, err := os.ReadFile(filepath.Join(folder, "permits-goroutines.svg"))
	require.NoError(t, err)
	for _, want := range []string{">ours<", ">other<", ">goroutines<", "Take one of two permits"} {
		assert.Contains(t, string(svg), want)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.svg"))
	require.NoError(t, err)
	assert.Len(t, files, 1, "no curve without results")
}

// The pages of docs/performance ask for benchmarks and show curves that exist.
func TestPagesNameWhatExists(t *testing.T) {
	const root = ".."
	benchmarks := map[string]bool{"machine": true}
	found, err := filepath.Glob(root + "/*/*_test.go")
	require.NoError(t, err)
	more, err := filepath.Glob(root + "/*/*/*_test.go")
	require.NoError(t, err)
	for _, file := range append(found, more...) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		folder, err := filepath.Rel(root, filepath.Dir(file))
		require.NoError(t, err)
		for _, name := range regexp.MustCompile(`(?m)^func Benchmark(\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			benchmarks[filepath.ToSlash(folder)+"."+name[1]] = true
		}
	}
	files := map[string]bool{}
	for _, c := range curves {
		files[c.file] = true
		assert.True(t, benchmarks[c.table], c.table)
	}
	pages, err := filepath.Glob(root + "/docs/performance/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	shown := map[string]bool{}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, name := range place.FindAllStringSubmatch(string(text), -1) {
			assert.True(t, benchmarks[name[2]], "%s: %s", page, name[2])
		}
		for _, name := range regexp.MustCompile(`\((\S+\.svg)\)`).FindAllStringSubmatch(string(text), -1) {
			assert.True(t, files[name[1]], "%s: %s", page, name[1])
			assert.FileExists(t, filepath.Join(filepath.Dir(page), name[1]))
			shown[name[1]] = true
		}
	}
	assert.Len(t, shown, len(files), "every curve is on a page")
}

func TestCurvesNeedTheirParameter(t *testing.T) {
	_, err := parameter([]string{"work=0s", "limit=8"}, "limit")
	require.NoError(t, err)
	_, err = parameter([]string{"limit=many"}, "limit")
	require.ErrorContains(t, err, "many")
	_, err = parameter(nil, "limit")
	require.EqualError(t, err, `no parameter limit in []`)
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
	require.Len(t, rep.tables, 1)
	assert.Equal(t, []string{"ours", "peer"}, rep.tables[0].impls)
	assert.Equal(t, []string{"ns/op", "B/op", "allocs/op"}, rep.tables[0].rows[0].units())
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
