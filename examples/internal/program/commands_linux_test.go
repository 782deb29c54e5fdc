package program_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/examples/internal/lockfile"
	"github.com/coderrange/ferrous/examples/internal/program"
	"github.com/coderrange/ferrous/internal/testkit"
)

// command says how a program under examples/ is tried. DIR in its arguments is
// an empty directory.
type command struct {
	short string // arguments of a run that ends soon and prints
	// long is the arguments of a run that lasts until a signal, if there is one,
	// and ends is its exit code then.
	long string
	ends int
	// zero and huge are the numbers that may be 0, and the largest int64.
	zero, huge string
	words      map[string][]string // bad values of each flag that is a text
	// deaf says that output that cannot be written is no failure.
	deaf bool
}

// commands has a row for each program.
var commands = map[string]command{
	"applog": {
		short: "-file=DIR/app.log -lines=10",
		long:  "-file=DIR/app.log -lines=0",
		zero:  "lines panic",
		words: map[string][]string{"file": {""}, "accept": {"", "rust"}},
		deaf:  true,
	},
	"cache": {
		short: "-gets=100",
		long:  "-gets=1000000000",
		ends:  program.Failed,
		zero:  "gets",
	},
	"fanout": {
		short: "-messages=50",
		long:  "-messages=1000000000",
		ends:  program.Failed,
		zero:  "messages",
	},
	"filestore": {
		short: "-selftest",
		long:  "-addr=127.0.0.1:0",
		huge:  "total files",
		words: map[string][]string{"addr": {"", "x", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:x"}},
	},
	"memory": {words: map[string][]string{"dir": nil, "page": nil, "only": {"none"}}},
	"npci": {
		short: "-transactions=50",
		long:  "-transactions=1000000 -rate=100",
		ends:  program.Failed,
		zero:  "rate outage fail decline unknown hang late twice poison seed",
		huge:  "seed",
		words: map[string][]string{
			"dir":     nil,
			"webhook": {"x", "ftp://host", "http://", "http://%"},
			"smtp":    {"x", "host:", "host:1:2"},
		},
	},
	"ownership": {},
	"redbus": {
		short: "-users=100",
		long:  "-users=100000000 -version=map -workers=2",
		ends:  program.Failed,
		zero:  "workers seed",
		huge:  "seed",
		words: map[string][]string{"version": {"", "rust"}, "store": {"x", "redis://host"}},
	},
	"streams": {
		short: "-lines=10 -events=10 -rows=10",
		long:  "-lines=1000000000",
		ends:  program.Failed,
		zero:  "lines events rows",
	},
	"taskmanager": {
		short: "-file=DIR/tasks.json add a task",
		long:  "-file=DIR/tasks.json add a task", // the test has the lock
		ends:  program.Failed,
		words: map[string][]string{"file": {""}},
	},
	"upi": {},
	"workerpool": {
		long:  "-jobs=1000000",
		ends:  program.Failed,
		zero:  "jobs",
		words: map[string][]string{"version": {"", "rust"}},
	},
}

// binaries is where the programs are, which TestMain has built.
var binaries string

// asSample, when set, makes the test binary a program that fails twice.
const asSample = "PROGRAM_AS_SAMPLE"

func TestMain(m *testing.M) {
	if os.Getenv(asSample) != "" {
		program.Main("sample", func(context.Context, []string, io.Writer) error {
			return errors.Join(errors.New("one"), fmt.Errorf("two: %w", program.Usagef("three")))
		})
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "programs")
		if err == nil {
			defer func() { _ = os.RemoveAll(dir) }()
			binaries = dir
			build := exec.Command("go", "build", "-o", dir, "github.com/coderrange/ferrous/examples/...") //nolint:forbidigo // there is no test
			build.Stderr = os.Stderr
			err = build.Run()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// eachProgram runs a test for each program directly under examples/. One without a row
// fails. A program in the folder of another one is a tool for it, with tests of its own.
func eachProgram(t *testing.T, test func(t *testing.T, name string, c command)) {
	t.Helper()
	list, err := testkit.Command(t, "go", "list", "-f", `{{if eq .Name "main"}}{{.ImportPath}}{{end}}`,
		"github.com/coderrange/ferrous/examples/...").Output()
	require.NoError(t, err)
	found := slices.DeleteFunc(strings.Fields(string(list)), func(where string) bool {
		return path.Base(path.Dir(where)) != "examples"
	})
	require.Len(t, found, len(commands))
	for _, where := range found {
		name := path.Base(where)
		c, known := commands[name]
		require.True(t, known, "%s has no row", where)
		t.Run(name, func(t *testing.T) { test(t, name, c) })
	}
}

// process is a program that was started, in an empty directory and with an empty
// TMPDIR.
type process struct {
	*exec.Cmd
	dir, temp      string
	stdout, stderr bytes.Buffer
}

func prepare(t *testing.T, name, args string) *process {
	t.Helper()
	p := &process{dir: t.TempDir(), temp: t.TempDir()}
	p.Cmd = testkit.Command(t, filepath.Join(binaries, name), strings.Fields(strings.ReplaceAll(args, "DIR", p.dir))...)
	p.Dir = p.dir
	p.Env = append(os.Environ(), "TMPDIR="+p.temp)
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	return p
}

// run runs the program to its end and returns its exit code.
func (p *process) run(t *testing.T) int {
	t.Helper()
	if p.Process == nil {
		require.NoError(t, p.Start())
	}
	_ = p.Wait() // ProcessState says more
	left, err := os.ReadDir(p.temp)
	require.NoError(t, err)
	assert.Empty(t, left, "temporary files")
	return p.ProcessState.ExitCode()
}

// requireLine checks that stderr is one line, from the program.
func (p *process) requireLine(t *testing.T, name string) {
	t.Helper()
	assert.Regexp(t, `^`+name+`: [^\n]+\n$`, p.stderr.String())
}

// aFlag is a line of the help that begins the description of a flag.
var aFlag = regexp.MustCompile(`(?m)^  -(\w+)(?: (\w+))?(?:\t.*)?$`)

// badValues returns what the flag must refuse.
func (c command) badValues(t *testing.T, name, kind string) (bad []string) {
	t.Helper()
	takes := func(list string) bool { return slices.Contains(strings.Fields(list), name) }
	number := func(zero, huge string, more ...string) {
		bad = append(more, "", "x", "NaN", "1 2", "--")
		if !takes(c.zero) {
			bad = append(bad, zero)
		}
		if !takes(c.huge) {
			bad = append(bad, huge)
		}
	}
	switch kind {
	case "": // a switch
		return []string{"", "maybe", "2"}
	case "int", "bytes":
		number("0", "9223372036854775807", "-1", "-9223372036854775808", "9223372036854775808", "1e3", "1.5", "0x", "+Inf")
	case "uint":
		number("0", "9223372036854775807", "-1", "18446744073709551616", "1.5")
	case "float":
		number("0", "1e300", "-0.0001", "1.0001", "-1", "Inf", "+Inf", "-Inf", "1e400", "nan", "-NaN")
	case "duration":
		number("0s", "2562047h", "-1ns", "-5s", "5", "Infs", "NaNs", "1e9h", "9999999999h")
	case "string":
		words, known := c.words[name]
		require.True(t, known, "-%s has no row", name)
		return words
	default:
		t.Fatalf("-%s is of a kind without bad values: %s", name, kind)
	}
	return bad
}

func TestEveryProgramRefusesBadFlags(t *testing.T) {
	eachProgram(t, func(t *testing.T, name string, c command) {
		p := prepare(t, name, "-h")
		require.Zero(t, p.run(t))
		for _, line := range aFlag.FindAllStringSubmatch(p.stdout.String(), -1) {
			for _, bad := range c.badValues(t, line[1], line[2]) {
				p := prepare(t, name, "")
				p.Args = append(p.Args, "-"+line[1]+"="+bad)
				p.Args = append(p.Args, strings.Fields(strings.ReplaceAll(c.short, "DIR", p.dir))...)
				if strings.Contains(c.short, "-"+line[1]+"=") { // the last one wins
					p.Args = p.Args[:2]
				}
				assert.Equal(t, program.Usage, p.run(t), p.Args)
				p.requireLine(t, name)
				assert.Contains(t, p.stderr.String(), "-"+line[1], p.Args)
				assert.Empty(t, p.stdout.String(), p.Args)
				assertUntouched(t, p)
			}
		}
	})
}

func TestEveryProgramRefusesWhatItDoesNotKnow(t *testing.T) {
	eachProgram(t, func(t *testing.T, name string, c command) {
		for _, args := range []string{"stray", "-nonsense", "--nonsense=1", "-=", "---x", "-- stray", "- stray"} {
			p := prepare(t, name, args)
			assert.Equal(t, program.Usage, p.run(t), args)
			p.requireLine(t, name)
			assert.Empty(t, p.stdout.String(), args)
			assertUntouched(t, p)
		}
	})
}

func assertUntouched(t *testing.T, p *process) {
	t.Helper()
	left, err := os.ReadDir(p.dir)
	require.NoError(t, err)
	assert.Empty(t, left, "a command that is refused does nothing")
}

func TestEveryProgramHasHelp(t *testing.T) {
	eachProgram(t, func(t *testing.T, name string, c command) {
		for _, args := range []string{"-h", "-help", "--help"} {
			p := prepare(t, name, args)
			assert.Zero(t, p.run(t))
			assert.True(t, strings.HasPrefix(p.stdout.String(), "Usage: "+name), p.stdout.String())
			assert.Empty(t, p.stderr.String())
			assertUntouched(t, p)
		}
	})
}

func TestEveryProgramEndsWellAndPrints(t *testing.T) {
	eachProgram(t, func(t *testing.T, name string, c command) {
		p := prepare(t, name, c.short)
		assert.Zero(t, p.run(t), p.stderr.String())
		assert.NotEmpty(t, p.stdout.String())
		assert.Empty(t, p.stderr.String())
	})
}

// gone returns a pipe that nobody reads.
func gone(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func full(t *testing.T) *os.File {
	t.Helper()
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestOutputThatCannotBeWrittenIsAFailure(t *testing.T) {
	eachProgram(t, func(t *testing.T, name string, c command) {
		for what, out := range map[string]*os.File{"a full disk": full(t), "a pipe without reader": gone(t)} {
			for _, args := range []string{"-h", c.short} {
				p := prepare(t, name, args)
				p.Stdout = out
				if code := p.run(t); c.deaf && args != "-h" {
					assert.Zero(t, code, "%s: %s", what, args)
					continue
				}
				assert.Equal(t, program.Failed, p.ProcessState.ExitCode(), "%s: %s: %v", what, args, p.ProcessState)
				p.requireLine(t, name)
			}
		}
	})
}

// A user who closes stderr loses messages, but no result.
func TestStderrThatCannotBeWrittenChangesNoExitCode(t *testing.T) {
	eachProgram(t, func(t *testing.T, name string, c command) {
		for _, err := range []*os.File{full(t), gone(t)} {
			p := prepare(t, name, "-nonsense")
			p.Stderr = err
			assert.Equal(t, program.Usage, p.run(t))
			p = prepare(t, name, c.short)
			p.Stderr = err
			assert.Zero(t, p.run(t))
			assert.NotEmpty(t, p.stdout.String())
		}
	})
}

// begin starts the long run and waits until it catches signals.
func begin(t *testing.T, name string, c command) *process {
	t.Helper()
	p := prepare(t, name, c.long)
	if name == "taskmanager" {
		lock, err := lockfile.TryLock(filepath.Join(p.dir, "tasks.json.lock"))
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, lock.Unlock()) })
	}
	require.NoError(t, p.Start())
	for !ignores(t, p.Process.Pid, syscall.SIGPIPE) {
		runtime.Gosched()
	}
	return p
}

// ignores says whether the process ignores the signal, which a program does when
// it is ready.
func ignores(t *testing.T, pid int, sig syscall.Signal) bool {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	_, mask, found := strings.Cut(string(status), "\nSigIgn:\t")
	require.True(t, found)
	bits, err := strconv.ParseUint(mask[:16], 16, 64)
	require.NoError(t, err)
	return bits&(1<<(sig-1)) != 0
}

var signals = []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}

func TestTheFirstSignalEndsALongRunInOrder(t *testing.T) {
	eachProgram(t, func(t *testing.T, name string, c command) {
		if c.long == "" {
			return
		}
		for _, sig := range signals {
			p := begin(t, name, c)
			require.NoError(t, p.Process.Signal(sig))
			assert.Equal(t, c.ends, p.run(t), "%v: %s", sig, p.stderr.String())
			if c.ends != 0 {
				assert.Regexp(t, `^(`+name+`: it is ending; [^\n]+\n)?`+name+`: [^\n]+\n$`, p.stderr.String())
			}
		}
	})
}

// The second signal may come when the program has just ended in order.
func TestTheSecondSignalEndsALongRunAtOnce(t *testing.T) {
	eachProgram(t, func(t *testing.T, name string, c command) {
		if c.long == "" {
			return
		}
		for _, sig := range signals {
			p := begin(t, name, c)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = p.Wait() // ProcessState says more
			}()
			again := time.NewTicker(5 * time.Millisecond)
			defer again.Stop()
			for running := true; running; {
				_ = p.Process.Signal(sig) // until it has ended
				select {
				case <-ended:
					running = false
				case <-again.C:
				}
			}
			status, ok := p.ProcessState.Sys().(syscall.WaitStatus)
			require.True(t, ok)
			killed := status.Signaled() && status.Signal() == sig
			assert.True(t, killed || p.ProcessState.ExitCode() == c.ends, p.ProcessState)
		}
	})
}

func TestJoinedErrorsAreOneLine(t *testing.T) {
	p := prepare(t, "", "")
	p.Path, p.Args = os.Args[0], os.Args[:1]
	p.Env = append(p.Env, asSample+"=1")
	assert.Equal(t, program.Usage, p.run(t))
	assert.Equal(t, "sample: one; two: three\n", p.stderr.String())
}

// As nohup has it.
func TestASignalThatWasIgnoredStaysIgnored(t *testing.T) {
	eachProgram(t, func(t *testing.T, name string, c command) {
		if c.long == "" {
			return
		}
		script := prepare(t, name, c.long)
		if name == "taskmanager" {
			lock, err := lockfile.TryLock(filepath.Join(script.dir, "tasks.json.lock"))
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, lock.Unlock()) })
		}
		shell, err := exec.LookPath("sh")
		require.NoError(t, err)
		script.Args = append([]string{"sh", "-c", `trap "" HUP; exec "$0" "$@"`, script.Path}, script.Args[1:]...)
		script.Path = shell
		require.NoError(t, script.Start())
		for !ignores(t, script.Process.Pid, syscall.SIGPIPE) {
			runtime.Gosched()
		}
		assert.True(t, ignores(t, script.Process.Pid, syscall.SIGHUP))
		require.NoError(t, script.Process.Signal(syscall.SIGHUP))
		require.NoError(t, script.Process.Signal(syscall.SIGTERM))
		assert.Equal(t, c.ends, script.run(t), script.stderr.String())
	})
}
