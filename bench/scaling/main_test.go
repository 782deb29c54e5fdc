package main

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

var update = flag.Bool("update", false, "write the tables of docs/scaling.md and its plots")

// The page has the tables and plots that the program makes.
func TestPageAgreesWithTheProgram(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("other processors round the logarithm of a random number differently")
	}
	if testkit.RaceEnabled {
		t.Skip("nothing in it is concurrent, and it is ten times slower")
	}
	const docs = "../../docs"
	if *update {
		require.NoError(t, run([]string{"-docs", docs}))
	}
	page, err := os.ReadFile(docs + "/scaling.md")
	require.NoError(t, err)
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(folder+"/scaling.md", page, 0o600))
	require.NoError(t, run([]string{"-docs", folder}))
	files, err := filepath.Glob(folder + "/scaling/*")
	require.NoError(t, err)
	committed, err := filepath.Glob(docs + "/scaling/*")
	require.NoError(t, err)
	require.Len(t, committed, len(files))
	for _, file := range append(files, folder+"/scaling.md") {
		name, err := filepath.Rel(folder, file)
		require.NoError(t, err)
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		want, err := os.ReadFile(filepath.Join(docs, name))
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got), "%s is old: go run ./bench/scaling", name)
		if filepath.Ext(name) == ".svg" {
			assert.Contains(t, string(page), "("+filepath.ToSlash(name)+")", "the page shows it")
		}
	}
}

func TestFillNeedsAPlaceForEachTable(t *testing.T) {
	const page = "a\n<!-- scaling one -->\nold\n<!-- /scaling -->\nb\n"
	got, err := fill([]byte(page), map[string]string{"one": "| new |\n"})
	require.NoError(t, err)
	assert.Equal(t, "a\n<!-- scaling one -->\n| new |\n<!-- /scaling -->\nb\n", string(got))
	_, err = fill([]byte(page), map[string]string{"one": "x", "two": "y"})
	require.EqualError(t, err, `there is no place for table "two"`)
	_, err = fill([]byte(page), nil)
	require.EqualError(t, err, `there is no table "one"`)
}

func TestBadArguments(t *testing.T) {
	require.ErrorContains(t, run([]string{"-docs", t.TempDir()}), "scaling.md")
	require.EqualError(t, run([]string{"docs"}), `unexpected argument "docs"`)
	require.Error(t, run([]string{"-unknown"}))
}

func TestNumbers(t *testing.T) {
	for want, got := range map[string]string{
		"7 ns": duration(7), "27 ns": duration(27), "999 ns": duration(999), "1 µs": duration(1000), "46.5 µs": duration(46500),
		"710 µs": duration(710 * time.Microsecond), "1.23 s": duration(1234 * time.Millisecond), "20 s": duration(20 * time.Second),
		"0 ns": duration(0), "0": number(0), "999": number(999), "1,050": number(1049), "143,000": number(143370),
		"1,000,000": number(999_999), "0.05": digits(0.05), "12 %": percent(0.123),
	} {
		assert.Equal(t, want, got)
	}
}

// What the page says in words about the tables.
func TestArithmetic(t *testing.T) {
	for want, got := range map[float64]float64{
		1e6 / 0.58:                  memory.capacity(1),
		1 / 35e-6:                   redis.capacity(1),
		1 / 13e-6:                   redis.capacity(0),
		1 / 710e-6:                  postgres.capacity(1),
		512 / (1500e-6 + 512*25e-6): collecting.capacity(1),
	} {
		assert.InEpsilon(t, want, got, 1e-9)
	}
	replicas, shards := redis.size(demands[1])
	assert.Equal(t, 5, replicas, "1M requests of 46.5 µs are 46.5 cores, at 60 % 77.5, of 16")
	assert.Equal(t, 26, shards, "1M requests of 15.2 µs are 15.2 shards, at 60 % 25.3")
	replicas, shards = memory.size(demands[0])
	assert.Equal(t, []int{1, 1}, []int{replicas, shards})
}
