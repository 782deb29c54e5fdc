// Package misuse calls every exported function and method of the module with what a
// caller should not give it, and holds the answers against README's promise: a
// caller's bug panics with an error that names package, type, method and state.
package misuse

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/internal/testkit/exported"
	"github.com/coderrange/ferrous/internal/testkit/misuse/run"
)

// An answer is how a case ended.
type answer struct{ how, text string }

func TestMisuseIsAnsweredByName(t *testing.T) {
	if testkit.RaceEnabled {
		t.Skip("the cases run in a process of their own, which is not built for the race detector")
	}
	root := exported.Root(t)
	g := newGenerator(exported.Load(t, root))
	var cases []one
	for _, p := range g.packages {
		for _, f := range p.Funcs() {
			if f.String() == "seattest.Run" {
				continue // a nil *testing.T is a nil receiver
			}
			for _, c := range g.cases(f) {
				if testing.Short() && c.how != "zero receiver" && !strings.HasSuffix(c.how, " nil") {
					continue
				}
				if assert.NotEmpty(t, c.code, "%s, %s: there is no recipe for an argument", f, c.how) {
					cases = append(cases, c)
				}
			}
		}
	}
	program := build(t, root, g.program(cases))
	answers := make([]answer, len(cases))
	const processes, chunk = 2, 500 // what cases leave behind goes with their process
	var all sync.WaitGroup
	next := make(chan int)
	for range processes {
		all.Go(func() {
			for first := range next {
				last := min(len(cases), first+chunk)
				for at := first; at < last; {
					at = runFrom(t, program, at, last, answers)
				}
			}
		})
	}
	for first := 0; first < len(cases); first += chunk {
		next <- first
	}
	close(next)
	all.Wait()
	faults := 0
	for i, c := range cases {
		if what := fault(c, answers[i]); what != "" {
			faults++
			t.Errorf("%s, %s: %s", c.fn, c.how, what)
		}
	}
	assert.Greater(t, len(cases), 1000)
	t.Logf("%d cases, %d faults", len(cases), faults)
}

// fault says what is wrong with the answer to a case, or returns nothing.
func fault(c one, a answer) string {
	switch a.how {
	case run.Panicked:
		if _, ok := texts[c.fn.String()]; ok || names(c.fn, a.text) {
			return ""
		}
		return "panicked without its name: " + a.text
	case run.Returned:
		if strings.HasPrefix(a.text, "PANIC=") {
			return a.text
		}
		return ""
	case run.Hung:
		if mayWait(c.fn) {
			return ""
		}
	}
	return a.how + " " + a.text
}

// texts has the functions whose panics begin with something else, and why.
var texts = map[string]string{
	"channel.Call":            "what its Sender says",
	"option.Option.Unwrap":    "Rust's text",
	"option.Option.Expect":    "the caller's text",
	"result.Result.Unwrap":    "Rust's text",
	"result.Result.UnwrapErr": "Rust's text",
	"result.Result.Expect":    "the caller's text",
	"result.Result.ExpectErr": "the caller's text",
	"result.Check0":           "the same as Check's",
	"result.Check2":           "the same as Check's",
	"result.OkOrElse":         "result.ErrNil, as of Err",
}

// suffixes make names of forms that say what the form without them says.
var suffixes = []string{"", "Err", "Func", "Context", "InOrder"}

// names reports whether text begins with the package, the type and the name of f, or
// of the form that f is of. A function whose first parameter is a handle may be
// called its method.
func names(f exported.Func, text string) bool {
	rest, ok := strings.CutPrefix(text, f.Pkg.Name+": ")
	if !ok {
		return false
	}
	for _, suffix := range suffixes {
		name, is := strings.CutSuffix(f.Name(), suffix)
		if !is {
			continue
		}
		if f.Recv == nil && regexp.MustCompile(`^(\w+\.)?`+name+`\b`).MatchString(rest) || f.Recv != nil && strings.HasPrefix(rest, f.Recv.Obj().Name()+"."+name+": ") {
			return true
		}
		if f.Recv != nil && f.Pkg.Types.Scope().Lookup(name) != nil && strings.HasPrefix(rest, name+": ") {
			return true // it is a function, too
		}
	}
	return false
}

// build compiles the program, which lies in no directory of the module.
func build(t *testing.T, root string, files map[string]string) (program string) {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	virtual := filepath.Join(root, "internal", "testkit", "misuse", "program")
	for name, text := range files {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		replace[filepath.Join(virtual, name)] = file
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	list := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(list, overlay, 0o600))
	program = filepath.Join(dir, "program.exe")
	c := testkit.Command(t, "go", "build", "-overlay", list, "-o", program, "./internal/testkit/misuse/program")
	c.Dir = root
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

// runFrom runs the cases of a chunk from one on, and returns the first that it did
// not get to.
func runFrom(t *testing.T, program string, first, last int, answers []answer) (next int) {
	c := testkit.Command(t, program, strconv.Itoa(first), strconv.Itoa(last))
	c.Dir = t.TempDir()
	c.Env = append(os.Environ(), "TMPDIR="+c.Dir)
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.StdoutPipe()
	if !assert.NoError(t, err) || !assert.NoError(t, c.Start()) {
		return len(answers)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<24)
	at := first
	for lines.Scan() {
		index, rest, _ := strings.Cut(lines.Text(), " ")
		how, text, _ := strings.Cut(rest, " ")
		at, err = strconv.Atoi(index)
		if !assert.NoError(t, err, lines.Text()) {
			return len(answers)
		}
		answers[at] = answer{how, text}
	}
	err = c.Wait()
	if answers[at].how == run.Started {
		answers[at] = answer{"ended the process", fmt.Sprint(err, ": ", stderr.String())}
	}
	return at + 1
}
