package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/examples/internal/checked"
	"github.com/coderrange/ferrous/examples/internal/program"
	"github.com/coderrange/ferrous/internal/testkit"
)

// asMain, when set, makes the test binary the program itself. It names a version
// that is wrong on purpose and takes the place of the others, or is "right".
const asMain = "REDBUS_AS_MAIN"

func TestMain(m *testing.M) {
	as := os.Getenv(asMain)
	if as == "" {
		checked.Main(m)
	}
	for _, v := range broken {
		if v.name == as {
			versions = []version{v}
		}
	}
	checked.Program(main)
}

// redbus runs the program in a process of its own.
func redbus(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return redbusAs(t, "right", args...)
}

func redbusAs(t *testing.T, as string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := testkit.Self(t, args...)
	cmd.Env = append(os.Environ(), asMain+"="+as, "GORACE=atexit_sleep_ms=0")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		require.IsType(t, &exec.ExitError{}, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// simulated runs the program, which must succeed, and returns its report.
func simulated(t *testing.T, args ...string) (r jsonReport) {
	t.Helper()
	code, stdout, stderr := redbus(t, append(args, "-json")...)
	require.Zero(t, code, stderr)
	require.Empty(t, stderr, "there is no progress bar but on a terminal")
	require.NoError(t, json.Unmarshal([]byte(stdout), &r))
	return r
}

// three returns the outcomes of the three versions.
func three(t *testing.T, args ...string) []jsonOutcome {
	t.Helper()
	all := simulated(t, args...).Versions
	require.Len(t, all, 3)
	for i, name := range []string{"mutex", "map", "seatmap"} {
		require.Equal(t, name, all[i].Version)
	}
	return all
}

func TestEachSeatHasOneWinnerInEveryVersion(t *testing.T) {
	for _, o := range three(t, "-users", "60000") {
		assert.Empty(t, o.Problems, o.Version)
		assert.Equal(t, 100, o.Blocked, o.Version)
		assert.Equal(t, 60000-100, o.Refused, o.Version)
		assert.Equal(t, 100, o.Booked+o.Held, o.Version)
		assert.Zero(t, o.Expired, o.Version)
		assert.Len(t, o.Seats, 100, o.Version)
		for _, s := range o.Seats {
			assert.Contains(t, []string{"Blocked", "Booked"}, s.State)
			assert.True(t, strings.HasPrefix(s.User, "user"), s.User)
		}
	}
}

func TestEachUserHasAGoroutineUnlessThereAreWorkers(t *testing.T) {
	r := simulated(t, "-version", "seatmap", "-users", "60000")
	assert.GreaterOrEqual(t, r.Versions[0].Goroutines, uint64(60000))
	r = simulated(t, "-version", "seatmap", "-users", "60000", "-workers", "3")
	assert.Less(t, r.Versions[0].Goroutines, uint64(100))
}

func TestThreadsServeAsManyUsersFewAtATime(t *testing.T) {
	r := simulated(t, "-version", "threads", "-users", "60000")
	o := r.Versions[0]
	assert.Empty(t, o.Problems)
	assert.Equal(t, 60000-100, o.Refused)
	assert.GreaterOrEqual(t, o.Threads, uint64(maxThreads))
	assert.Less(t, o.Goroutines, uint64(3*maxThreads), "one for each thread and wave")
	r = simulated(t, "-version", "threads", "-users", "1000", "-workers", "3")
	assert.Less(t, r.Versions[0].Threads, uint64(maxThreads))
}

func TestVersionsAgreeWhenUsersComeInTheSameOrder(t *testing.T) {
	seats := func(seed string) (all [3][]jsonSeat) {
		for i, o := range three(t, "-users", "3000", "-workers", "1", "-seed", seed) {
			all[i] = o.Seats
			for j := range all[i] {
				all[i][j].At = time.Time{}
			}
		}
		return all
	}
	one, two := seats("1"), seats("2")
	assert.Equal(t, one[0], one[1])
	assert.Equal(t, one[0], one[2])
	assert.Equal(t, two[0], two[2])
	assert.NotEqual(t, one[0], two[0])
}

func TestHoldsExpireAndAreWonAgain(t *testing.T) {
	for _, o := range three(t, "-users", "100000", "-seats", "10", "-hold", "1us", "-workers", "2") {
		assert.Positive(t, o.Expired, o.Version)
		assert.Positive(t, o.Rewon, o.Version)
		assert.Equal(t, o.Blocked, o.Booked+o.Expired+o.Held, o.Version)
	}
}

func TestMoreSeatsThanUsers(t *testing.T) {
	for _, o := range three(t, "-users", "10", "-seats", "5000") {
		assert.Len(t, o.Seats, 5000, o.Version)
		assert.Equal(t, 10, o.Blocked+o.Refused, o.Version)
		assert.Equal(t, int64(10), o.Timed, o.Version)
		available := 0
		for _, s := range o.Seats {
			if s.State == "Available" {
				available++
			}
		}
		assert.Equal(t, 5000-o.Blocked, available, o.Version)
	}
}

func TestTextShowsEverySeatAndTheVersionsSideBySide(t *testing.T) {
	code, stdout, stderr := redbus(t, "-users", "2000", "-seats", "3", "-version", "seatmap")
	require.Zero(t, code, stderr)
	assert.Regexp(t, `(?m)^seat +seatmap$`, stdout)
	for _, seat := range []string{"1", "2", "3"} {
		assert.Regexp(t, `(?m)^`+seat+` +(Blocked { user: user\d+, at: [\d:.]+ }|Booked { user: user\d+ })$`, stdout)
	}
	assert.Regexp(t, `(?m)^refused +1,997$`, stdout)
	assert.Regexp(t, `(?m)^one holder a seat +yes$`, stdout)
}

func TestBadFlagsGetOneLine(t *testing.T) {
	for args, text := range map[string]string{
		"-users 0":                    "-users 0 is not 1 to 100000000",
		"-users -5":                   "-users -5 is not 1 to 100000000",
		"-users 100000001":            "-users 100000001 is not",
		"-users 99999999999999999999": "-users",
		"-users many":                 "-users",
		"-seats 0":                    "-seats 0 is not 1 to 1000000",
		"-seats 1000000000":           "-seats 1000000000 is not",
		"-hold 0s":                    "-hold 0s is not above 0",
		"-hold -1s":                   "-hold -1s is not above 0",
		"-hold 25h":                   "-hold 25h0m0s is not above 0 and at most 24h0m0s",
		"-hold 5":                     "-hold",
		"-workers -1":                 "-workers -1 is not 0 to 50000",
		"-workers 50001":              "-workers 50001 is not",
		"-seed -1":                    "-seed",
		"-version rust":               `-version "rust" is not one of all, mutex, map, seatmap, threads, journal, postgres, redis`,
		"-store redis://h":            "-store is for -version redis and -version postgres",
		"-version redis -store x":     "-store is not the URL of a server for -version redis",
		"-version redis -hold 1ns":    "-hold 1ns is not a number of microseconds",
		"-version=":                   `-version "" is not one of`,
		"-nonsense":                   "-nonsense",
		"again":                       `unexpected argument "again"`,
	} {
		code, stdout, stderr := redbus(t, strings.Fields(args)...)
		assert.Equal(t, program.Usage, code, args)
		assert.Empty(t, stdout, args)
		assert.Regexp(t, `^redbus: [^\n]+\n$`, stderr, args)
		assert.Contains(t, stderr, text, args)
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	code, stdout, stderr := redbus(t, "-h")
	assert.Zero(t, code)
	assert.Empty(t, stderr)
	for _, name := range []string{"users", "seats", "hold", "version", "store", "seed", "workers", "json", "all"} {
		assert.Contains(t, stdout, "-"+name)
	}
}

func TestInterruptEndsTheProgram(t *testing.T) {
	code, stdout, stderr := redbusAs(t, "interrupted", "-users", "100000000")
	assert.Equal(t, program.Failed, code)
	assert.Empty(t, stdout)
	assert.True(t, strings.HasSuffix(stderr, "redbus: interrupted: interrupt signal received\n"), stderr)
}

func TestTheSeatsOfAStadiumAreSummarised(t *testing.T) {
	o := &outcome{version: "map", cost: cost{elapsed: time.Second}, statuses: make([]SeatStatus, maxSeats), free: maxSeats}
	r := report{config: config{users: 10, seats: maxSeats}}
	r.add(o)
	for _, write := range []func(io.Writer) error{r.text, r.json} {
		var out bytes.Buffer
		require.NoError(t, write(&out))
		assert.Less(t, out.Len(), 4000)
		assert.Regexp(t, `seats available +1,000,000|"available": 1000000`, out.String())
	}
	for _, form := range []string{"-json", "-json=false"} {
		code, stdout, stderr := redbus(t, "-users", "10", "-seats", "5001", "-version", "map", form)
		require.Zero(t, code, stderr)
		assert.Less(t, len(stdout), 4000)
	}
	code, stdout, stderr := redbus(t, "-users", "10", "-seats", "5001", "-version", "map", "-all")
	require.Zero(t, code, stderr)
	assert.Regexp(t, `(?m)^5001 +Available$`, stdout)
}
