package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/examples/internal/checked"
	"github.com/coderrange/ferrous/examples/internal/program"
	"github.com/coderrange/ferrous/internal/testkit"
)

// child makes the test binary behave as the program.
const child = "NPCI_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		checked.Program(main)
	}
	checked.Main(m)
}

// process returns the program, ready to start in a process of its own.
func process(t *testing.T, args ...string) (cmd *exec.Cmd, output *screen) {
	t.Helper()
	cmd = testkit.Self(t, args...)
	cmd.Env = append(os.Environ(), child+"=1")
	output = new(screen)
	cmd.Stdout, cmd.Stderr = output, output
	return cmd, output
}

// screen is what a process prints. It may be read meanwhile.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// nasty is faults that send many payments through every path.
var nasty = []string{
	"-fail=0.3", "-decline=0.05", "-unknown=0.1", "-hang=0.01", "-late=0.01", "-twice=0.05", "-poison=0.01",
	"-timeout=5ms", "-delay=20ms", "-lease=250ms",
}

func TestTheBooksBalance(t *testing.T) {
	for name, args := range map[string][]string{
		"nothing fails":    {"-transactions=1000", "-fail=0", "-decline=0", "-unknown=0", "-hang=0", "-late=0", "-twice=0", "-poison=0", "-outage=0"},
		"one payment":      {"-transactions=1"},
		"as by default":    {"-transactions=3000"},
		"all is declined":  {"-transactions=200", "-decline=1"},
		"nothing is known": {"-transactions=50", "-poison=1", "-workers=50"},
		"nasty":            append([]string{"-transactions=3000"}, nasty...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			require.NoError(t, run(t.Context(), args, &out), out.String())
			assert.Contains(t, out.String(), "the books balance\n")
			switch name {
			case "nothing fails":
				assert.Contains(t, out.String(), "failed attempts 0,")
			case "all is declined":
				assert.Regexp(t, `compensated +200 `, out.String())
			case "nothing is known":
				assert.Regexp(t, `dead +50 `, out.String())
			}
		})
	}
}

func TestBadArguments(t *testing.T) {
	for args, text := range map[string]string{
		"-transactions=0":           "-transactions 0 is not 1 to 100000000",
		"-transactions=-1":          "-transactions -1 is not 1 to 100000000",
		"-transactions=4294967296":  "-transactions 4294967296 is not 1 to 100000000",
		"-workers=0":                "-workers 0 is not 1 to 10000",
		"-workers=1000000000":       "-workers 1000000000 is not 1 to 10000",
		"-rate=-1":                  "-rate -1 is not 0 to 100000000",
		"-timeout=0s":               "-timeout 0s is not above 0 and at most 24h0m0s",
		"-timeout=-1s":              "-timeout -1s is not above 0",
		"-delay=0s":                 "-delay 0s is not above 0",
		"-lease=100h":               "-lease 100h0m0s is not above 0 and at most 48h0m0s",
		"-lease=10ms":               "-lease 10ms is not above -timeout 20ms",
		"-outage=-1":                "-outage -1 is not 0 to 100000000",
		"-fail=NaN":                 "-fail NaN is not 0 to 1",
		"-decline=-0.1":             "-decline -0.1 is not 0 to 1",
		"-unknown=1.1":              "-unknown 1.1 is not 0 to 1",
		"-hang=+Inf":                "-hang +Inf is not 0 to 1",
		"-late=-Inf":                "-late -Inf is not 0 to 1",
		"-twice=2":                  "-twice 2 is not 0 to 1",
		"-poison=1e300":             "-poison 1e+300 is not 0 to 1",
		"-fail=0.6 -twice=0.6":      "-fail, -unknown, -hang, -late and -twice are more than 1 together",
		"-webhook=nowhere":          `-webhook "nowhere" is not an http or https URL`,
		"-smtp=nowhere":             `-smtp "nowhere" is not host:port`,
		"-seed=-1":                  "for flag -seed",
		"extra":                     `unexpected argument "extra"`,
		"-transactions=9e99":        "for flag -transactions",
		"-dir=x -transactions=5 -y": "not defined: -y",
	} {
		var usage *program.UsageError
		err := run(t.Context(), strings.Fields(args), io.Discard)
		require.ErrorAs(t, err, &usage, args)
		require.ErrorContains(t, err, text)
	}
}

// TestKilledAtAnyMomentItStillReconciles kills the program 24 times with
// SIGKILL, wherever it happens to be, and lets it go on in the same directory.
func TestKilledAtAnyMomentItStillReconciles(t *testing.T) {
	for _, part := range []string{"one half", "other half"} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			kill(t, 12)
		})
	}
}

func kill(t *testing.T, kills int) {
	t.Helper()
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	killed, finished := 0, 0
	for killed < kills {
		dir := t.TempDir()
		args := append([]string{"-dir=" + dir, "-transactions=3000", "-rate=8000", "-workers=64"}, nasty...)
		begun := 0
		for {
			cmd, output := process(t, args...)
			require.NoError(t, cmd.Start())
			begun++
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			// A run takes about half a second, its beginning and its end included.
			moment := time.NewTimer(time.Duration(random.IntN(300)) * time.Millisecond)
			if killed == kills || begun > 12 {
				moment.Stop() // to its end
			}
			select {
			case <-moment.C:
				require.NoError(t, cmd.Process.Kill())
				if err := <-ended; err != nil { // it may have come to its end at that moment
					killed++
					continue
				}
			case err := <-ended:
				require.NoError(t, err, output.String())
			}
			require.Contains(t, output.String(), "the books balance\n")
			finished++
			break
		}
	}
	t.Logf("%d kills, %d runs to the end", killed, finished)
}

func TestItSaysWhenTheBooksDoNotBalance(t *testing.T) {
	dir := t.TempDir()
	args := []string{"-dir=" + dir, "-transactions=500"}
	require.NoError(t, run(t.Context(), args, io.Discard))
	require.NoError(t, run(t.Context(), args, io.Discard), "all was done before")
	path := filepath.Join(dir, "ledger")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		damage func(data []byte) []byte
		text   string
	}{
		"a paisa is missing":   {func(data []byte) []byte { data[5]--; return data }, "record 1, at byte 0, is not the one"},
		"settled, not moved":   {func(data []byte) []byte { swap(data, compensated, settled); return data }, "is not the one"},
		"moved, not settled":   {func(data []byte) []byte { swap(data, settled, compensated); return data }, "is not the one"},
		"dead without letter":  {func(data []byte) []byte { swap(data, settled, dead); return data }, "is not the one"},
		"the first is missing": {func(data []byte) []byte { return data[ledgerRecord:] }, "record 1, at byte 0, is not the one"},
		"one is missing":       {func(data []byte) []byte { return slices.Delete(data, 5*ledgerRecord, 6*ledgerRecord) }, "record 6, at byte 85, is not the one"},
		"one is there twice":   {func(data []byte) []byte { return append(data, data[:ledgerRecord]...) }, "record 501, at byte 8500, is not the one"},
		"the last is missing":  {func(data []byte) []byte { return data[:499*ledgerRecord] }, "1 of 500 records are missing"},
		"the last is torn":     {func(data []byte) []byte { return data[:500*ledgerRecord-1] }, "1 of 500 records are missing"},
		"half is missing":      {func(data []byte) []byte { return data[:250*ledgerRecord] }, "250 of 500 records are missing"},
		"all is missing":       {func([]byte) []byte { return nil }, "500 of 500 records are missing"},
		"a bit is changed":     {func(data []byte) []byte { data[8499] ^= 1; return data }, "record 500, at byte 8483, is not the one"},
		"it is something else": {func([]byte) []byte { return bytes.Repeat([]byte("text\n"), 20) }, "record 1, at byte 0, is not the one"},
		// As one would who knows the checksum.
		"a paisa was taken": {func(data []byte) []byte { data[5]--; return reseal(data) }, "paise went out"},
		"settled by hand":   {func(data []byte) []byte { swap(data, compensated, settled); return reseal(data) }, "ledger says 1, bank says 2"},
		"unsettled by hand": {func(data []byte) []byte { swap(data, settled, compensated); return reseal(data) }, "ledger says 2, bank says 1"},
		"buried by hand":    {func(data []byte) []byte { swap(data, settled, dead); return reseal(data) }, "dead letters, 1 in the ledger"},
	} {
		require.NoError(t, os.WriteFile(path, c.damage(bytes.Clone(data)), 0o600))
		cmd, output := process(t, args...)
		var exit *exec.ExitError
		require.ErrorAs(t, cmd.Run(), &exit, name)
		assert.Equal(t, 1, exit.ExitCode(), name)
		assert.Contains(t, output.String(), "npci: ", name)
		assert.Contains(t, output.String(), "the books do not balance: ", name)
		assert.Contains(t, output.String(), c.text, name)
		assert.NotContains(t, output.String(), "the books balance", name)
	}
	require.NoError(t, os.WriteFile(path, data, 0o600))
	require.NoError(t, run(t.Context(), args, io.Discard), "nothing else was touched")
}

// swap changes the outcome of the first payment that has this one.
func swap(data []byte, from, to outcome) {
	for i := 4; i < len(data); i += ledgerRecord {
		if outcome(data[i]) == from {
			data[i] = byte(to)
			return
		}
	}
	panic("there is none")
}

// reseal makes the checksums of a ledger right.
func reseal(data []byte) (sealed []byte) {
	var j journal
	for ; len(data) > 0; data = data[ledgerRecord:] {
		sealed = j.seal(sealed, data[:ledgerEntry])
	}
	return sealed
}

// nobody keeps no book.
type nobody struct{}

func (nobody) mark(int) error { return nil }
func (nobody) present() error { return nil }

func TestARecordThatACrashCutShortIsForgotten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	l, err := openLedger(path, 3, 0, nobody{})
	require.NoError(t, err)
	assert.True(t, l.record(payment{0, 100}, settled))
	assert.False(t, l.record(payment{0, 100}, dead), "the first outcome stays")
	assert.True(t, l.record(payment{1, 50}, dead))
	require.NoError(t, l.sync())
	require.NoError(t, l.close())
	for cut := 1; cut <= ledgerRecord; cut++ {
		require.NoError(t, os.Truncate(path, int64(2*ledgerRecord-cut)))
		l, err := openLedger(path, 3, 1, nobody{})
		require.NoError(t, err)
		l.books.With(func(b *books) { assert.Equal(t, []outcome{settled, open, open}, b.book) })
		assert.True(t, l.record(payment{1, 50}, dead))
		require.NoError(t, l.close())
	}
	_, err = openLedger(path, 1, 0, nobody{})
	require.ErrorContains(t, err, "of another run")
}

func TestAnInterruptIsAShutdown(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	args := append([]string{"-dir=" + dir, "-transactions=2000", "-rate=100"}, nasty...)
	out := &trigger{f: cancel} // after two seconds, of twenty
	require.ErrorContains(t, run(ctx, args, out), "retry: shutdown")
	var again bytes.Buffer
	require.NoError(t, run(t.Context(), append(args[:2:2], nasty...), &again))
	assert.Contains(t, again.String(), "the books balance")
}

// trigger calls f at the first write.
type trigger struct{ f func() }

func (w *trigger) Write(p []byte) (int, error) {
	w.f()
	return len(p), nil
}

func TestAlertsAreSentOnceAKindAndRetried(t *testing.T) {
	var calls atomic.Int64
	got := make(chan alert, 16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var a alert
		assert.NoError(t, json.NewDecoder(r.Body).Decode(&a))
		got <- a
	}))
	defer server.Close()
	a := newAlerts(server.URL, "")
	for i := range 10 {
		a.raise("dead", fmt.Sprintf("letter %d", i))
	}
	a.raise("breaker", "open")
	require.NoError(t, a.close())
	require.Len(t, got, 2)
	assert.Equal(t, "letter 0", (<-got).Text)
	assert.Equal(t, "breaker", (<-got).Kind)
	sent, suppressed := a.counts()
	assert.Equal(t, 2, sent)
	assert.Equal(t, 9, suppressed)
	assert.EqualValues(t, 3, calls.Load(), "one was refused")
}

func TestAnAlertThatIsRefusedIsReported(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	a := newAlerts(server.URL, "")
	a.raise("dead", "letter")
	require.EqualError(t, a.close(), "1 alerts could not be sent")
}

func TestAlertsGoOutByMailToo(t *testing.T) {
	receiver, err := newReceiver(t.Context())
	require.NoError(t, err)
	defer func() { assert.NoError(t, receiver.close()) }()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	mails := make(chan string, 1)
	go serveMail(listener, mails)
	a := newAlerts(receiver.url, listener.Addr().String())
	a.raise("dead", "payment 7 is a dead letter")
	require.NoError(t, a.close())
	require.NoError(t, listener.Close())
	mail := <-mails
	assert.Contains(t, mail, "Subject: dead\n")
	assert.Contains(t, mail, "payment 7 is a dead letter (and 0 more)")
	received, err := receiver.received.Get()
	require.NoError(t, err)
	require.Len(t, received, 1)
	assert.Contains(t, string(received[0]), `"kind":"dead"`)
}

// serveMail takes one mail as an SMTP server does (RFC 5321).
func serveMail(listener net.Listener, mails chan<- string) {
	defer close(mails)
	conn, err := listener.Accept()
	if err != nil {
		return
	}
	c := textproto.NewConn(conn)
	defer func() { _ = c.Close() }()
	_ = c.PrintfLine("220 localhost")
	for {
		line, err := c.ReadLine()
		switch {
		case err != nil:
			return
		case strings.HasPrefix(line, "DATA"):
			_ = c.PrintfLine("354 go on")
			lines, _ := c.ReadDotLines()
			mails <- strings.Join(lines, "\n")
		case strings.HasPrefix(line, "QUIT"):
			_ = c.PrintfLine("221 bye")
			return
		}
		_ = c.PrintfLine("250 fine")
	}
}

func TestAnalyticsRotatesItsFilesAndLosesNothing(t *testing.T) {
	dir := t.TempDir()
	const failures = 3000
	for round := range 2 { // a second process goes on with new files
		a, err := newAnalytics(dir, 50_000)
		require.NoError(t, err)
		for i := range failures {
			a.add(failure{Payment: round*failures + i, Error: "gateway: unavailable"})
		}
		require.NoError(t, a.close())
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
	require.NoError(t, err)
	assert.Greater(t, len(files), 4)
	next := 0
	for _, file := range files { // in the order of their names
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range bytes.Lines(data) {
			var f failure
			require.NoError(t, json.Unmarshal(line, &f), string(line))
			require.Equal(t, next, f.Payment)
			next++
		}
	}
	assert.Equal(t, 2*failures, next)
}

func TestTheBankMovesMoneyOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bank")
	c := config{transactions: 10}
	b, err := openBank(path, c, func(payment) {}, func(error) {})
	require.NoError(t, err)
	ctx := t.Context()
	for n := range 3 {
		require.NoError(t, b.charge(ctx, payment{Number: n}))
		require.NoError(t, b.charge(ctx, payment{Number: n}))
	}
	state, err := b.void(ctx, payment{Number: 2})
	require.NoError(t, err)
	assert.Equal(t, applied, state, "too late")
	state, err = b.void(ctx, payment{Number: 3})
	require.NoError(t, err)
	assert.Equal(t, voided, state)
	require.ErrorIs(t, b.charge(ctx, payment{Number: 3}), errVoided)
	require.NoError(t, b.close())

	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.EqualValues(t, 4*bankRecord, info.Size(), "four changes, four records")
	require.NoError(t, os.Truncate(path, info.Size()-1))
	b, err = openBank(path, c, func(payment) {}, func(error) {})
	require.NoError(t, err)
	for n, want := range []charge{applied, applied, applied, none} {
		got, err := b.query(ctx, payment{Number: n})
		require.NoError(t, err)
		assert.Equal(t, want, got, strconv.Itoa(n))
	}
	require.NoError(t, b.close())
}
