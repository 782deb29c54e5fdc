package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/examples/internal/checked"
	"github.com/coderrange/ferrous/examples/internal/program"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" { // the program starts itself
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
	for _, args := range [][]string{{"-rounds", "0"}, {"-seconds", "-1"}, {"-connections", "1"}, {"-connections", "64,x"}, {"-connections", ""}, {"more"}} {
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
