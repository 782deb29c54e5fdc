package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/examples/internal/checked"
	"github.com/coderrange/ferrous/examples/internal/program"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" || os.Getenv(asShare) != "" { // the program starts itself
		checked.Program(main)
	}
	checked.Main(m)
}

func TestTheReportOfTheGeneratorIsRead(t *testing.T) {
	requests, r, err := parse(`Running 2s test @ http://127.0.0.1:1
  2 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.17ms    2.21ms  33.41ms   88.20%
    Req/Sec    17.02k     2.47k   21.35k    72.50%
  Latency Distribution
     50%  250.00us
     75%    2.94ms
     90%    4.86ms
     99%    1.05s 
  67955 requests in 2.01s, 15.03MB read
  Socket errors: connect 1, read 2, write 3, timeout 4
Requests/sec:  33835.92
Transfer/sec:      7.49MB
`)
	require.NoError(t, err)
	assert.InDelta(t, 67955, requests, 0)
	assert.Equal(t, result{Rate: 33835.92, P50: 0.25, P99: 1050, Errors: 10}, r)

	for _, report := range []string{"", "unable to connect", "0 requests in 2.01s\nRequests/sec: 0.00\n"} {
		_, _, err := parse(report)
		assert.ErrorContains(t, err, "no requests")
	}
}

func TestTheMedianOfEachFigureIsReported(t *testing.T) {
	runs := []result{{CPU: 3, Rate: 10, Errors: 1}, {CPU: 1, Rate: 30}, {CPU: 2, Rate: 20, Errors: 2}, {CPU: 9, Rate: 40}}
	assert.Equal(t, result{CPU: 2.5, Rate: 25, Errors: 3}, medians(runs))
	assert.Equal(t, result{CPU: 2, Rate: 20, Errors: 3}, medians(runs[:3]))
}

func TestBadFlagsAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{"-rounds", "0"},
		{"-seconds", "-1"},
		{"-connections", "1"},
		{"-connections", "64,x"},
		{"-connections", ""},
		{"more"},
		{"-rate", "-1"},
		{"-rate", "1", "-mix", "rush,"},
		{"-rate", "1", "-mix", "none"},
		{"-idle", "-1"},
		{"-idle", "1", "-seconds", "91"},
		{"-watchers", "0"},
		{"-servers", "0"},
		{"-rate", "1", "-servers", "3", "-connections", "2"},
	} {
		var usage *program.UsageError
		assert.ErrorAs(t, run(t.Context(), args, io.Discard), &usage, args)
	}
}

func TestEachVariantIsMeasured(t *testing.T) {
	testkit.Program(t, "wrk")
	if testing.Short() {
		t.Skip("it loads the machine for some seconds")
	}
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-rounds", "1", "-seconds", "1", "-connections", "4", "-json"}, &out))
	var results []result
	require.NoError(t, json.Unmarshal(out.Bytes(), &results))
	require.Len(t, results, len(variants)*len(mixes))
	for i, r := range results {
		assert.Equal(t, variants[i%len(variants)], r.Variant)
		assert.Equal(t, mixes[i/len(variants)], r.Mix)
		assert.Positive(t, r.CPU)
		assert.Positive(t, r.Rate)
		assert.Zero(t, r.Errors)
	}
	out.Reset()
	require.NoError(t, table(&out, results))
	assert.Contains(t, out.String(), "service")
}

// Whatever the machine does meanwhile, each request that was due was sent and answered,
// and watchers missed nothing.
func TestEachMixIsMeasuredAtAFixedRate(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	var out bytes.Buffer
	picture := filepath.Join(t.TempDir(), "times.svg")
	require.NoError(t, run(t.Context(), []string{"-servers", "2", "-rate", "90", "-seconds", "1", "-connections", "9", "-idle", "20", "-watchers", "5", "-plot", picture, "-json"}, &out))
	var results []rated
	require.NoError(t, json.Unmarshal(out.Bytes(), &results))
	require.Len(t, results, 4)
	for i, want := range []struct {
		mix     string
		sent    int64
		answers map[int]int
		changes int64
	}{
		{"refusals", 90, map[int]int{409: 90}, 0},
		{"rush", 90, results[1].Answers, 0}, // few meet on one seat of a million
		{"book", 180, map[int]int{201: 180}, 0},
		{"watch", 184, map[int]int{201: 94, 204: 90}, 3*92 + 2*92},
	} {
		r := results[i]
		assert.Equal(t, want.mix, r.Mix)
		assert.Equal(t, want.sent, r.Sent, r.Mix)
		assert.Equal(t, want.answers, r.Answers, r.Mix)
		assert.Zero(t, r.Errors, r.Mix)
		if r.Gaps == 0 { // a watcher that had a gap counts less
			assert.Equal(t, want.changes, r.Changes, r.Mix)
		}
		assert.Positive(t, r.CPU, r.Mix)
		assert.Positive(t, r.Memory, r.Mix)
		assert.Less(t, r.Goroutines, 50*r.Servers, r.Mix)
		require.Len(t, r.Times, len(shares))
		assert.True(t, slices.IsSortedFunc(r.Times, func(a, b timeAt) int { return cmp.Compare(a.Time, b.Time) }), r.Mix)
	}
	out.Reset()
	require.NoError(t, rateTable(&out, results))
	assert.Contains(t, out.String(), "server µs/request")

	text, err := os.ReadFile(picture)
	require.NoError(t, err)
	lines := 0
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if e, is := token.(xml.StartElement); is && e.Name.Local == "polyline" {
			lines++
		}
	}
	assert.Equal(t, len(results), lines)
}

func TestAPlotOfNothingIsAPlot(t *testing.T) {
	for _, results := range [][]rated{nil, {{Mix: "rush"}}, {{Times: []timeAt{{0.5, 0}, {1, 3}}}}} {
		var v any
		assert.NoError(t, xml.Unmarshal([]byte(plot(results)), &v))
		assert.NotContains(t, plot(results), "NaN")
		assert.NotContains(t, plot(results), "Inf")
	}
}
