// Command mutate breaks a package in one place after another and reports the
// places that no test notices.
//
//	go run ./internal/testkit/mutate ./arcmutex lock.go wait.go
//	go run ./internal/testkit/mutate -by ./internal/park,./arcmutex ./internal/park
//
// Without file names it breaks every file of the package. It compiles all
// mutants into one test binary, through an overlay that leaves the files on
// disk alone. Then it runs that binary once for each mutant, which an
// environment variable switches on. It exits with status 1 if a mutant survives.
//
// The mutations are: a condition is negated; && and || are swapped; a bound of
// <, <=, > or >= moves by one; + and -, & and | are swapped; an integer literal
// is one more; a statement (an assignment, a call such as a wake-up, a defer) is
// dropped.
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// variable is the environment variable that holds the number of the mutant.
const variable = "FERROUS_MUTANT"

var (
	by      = flag.String("by", "", "comma separated packages whose tests must notice (default: the package itself)")
	skip    = flag.String("skip", "Inline|Alloc", "skip the tests that this regular expression matches")
	run     = flag.String("run", "", "run only the tests that this regular expression matches")
	timeout = flag.Duration("timeout", 0, "a run that takes longer has noticed the mutant (default: five times what it takes without one)")
	rounds  = flag.Int("rounds", 1, "give a mutant that survives so many runs")
	only    = flag.String("only", "", "comma separated numbers of the mutants to run (default: all)")
	list    = flag.Bool("list", false, "list the mutants and run nothing")
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	survivors, err := mutate(ctx, func(format string, a ...any) { fmt.Printf(format, a...) }, flag.Args())
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	case survivors > 0:
		os.Exit(1)
	}
}

// mutate says what survives, and returns how many.
func mutate(ctx context.Context, say func(format string, a ...any), args []string) (survivors int, err error) {
	if len(args) == 0 {
		return 0, errors.New("usage: mutate [flags] package [file.go ...]")
	}
	p, err := load(ctx, args[0])
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	mutants, overlay, err := p.write(dir, args[1:])
	if err != nil {
		return 0, err
	}
	if *only != "" {
		wanted := strings.Split(*only, ",")
		mutants = slices.DeleteFunc(mutants, func(m mutant) bool {
			return !slices.Contains(wanted, strconv.Itoa(m.number))
		})
	}
	if *list {
		for _, m := range mutants {
			say("%v\n", m)
		}
		return 0, nil
	}
	tests, err := build(ctx, dir, overlay, strings.Split(cmp.Or(*by, args[0]), ","))
	if err != nil {
		return 0, err
	}
	start, killed, hung := time.Now(), 0, 0
	for _, m := range mutants {
		switch end, err := try(ctx, tests, m); {
		case err != nil:
			return survivors, err
		case end == lives:
			survivors++
			say("%v\n", m)
		case end == hangs:
			hung++
		default:
			killed++
		}
	}
	say("%d mutants: %d fail a test, %d hang, %d survive; %v\n",
		len(mutants), killed, hung, survivors, time.Since(start).Round(time.Second))
	return survivors, nil
}

// A test is the test binary of one package.
type test struct {
	dir, binary string
	limit       time.Duration // of a run
}

// build compiles the tests of the packages, and sees that they pass without a
// mutant.
func build(ctx context.Context, dir, overlay string, packages []string) (tests []test, err error) {
	for i, path := range packages {
		t := test{binary: filepath.Join(dir, fmt.Sprintf("test%d", i))}
		if t.dir, err = goList(ctx, path, "{{.Dir}}"); err != nil {
			return nil, err
		}
		c := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", t.binary, path)
		if out, err := c.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w\n%s", err, out)
		}
		tests = append(tests, t)
	}
	limit := cmp.Or(*timeout, 5*time.Minute)
	for i := range tests {
		t := &tests[i]
		t.limit = limit
		start := time.Now()
		if end, out := t.try(ctx, mutant{}); end != lives {
			return nil, fmt.Errorf("the tests fail without a mutant:\n%s", out)
		}
		t.limit = cmp.Or(*timeout, 5*time.Since(start)+time.Second)
	}
	return tests, nil
}

// An end is what becomes of a mutant.
type end int

const (
	lives end = iota
	fails
	hangs
)

// try runs the tests on a mutant until one notices.
func try(ctx context.Context, tests []test, m mutant) (end, error) {
	for range *rounds {
		for _, t := range tests {
			if end, _ := t.try(ctx, m); end != lives {
				return end, ctx.Err()
			}
		}
	}
	return lives, ctx.Err()
}

func (t test) try(ctx context.Context, m mutant) (end, []byte) {
	ctx, cancel := context.WithTimeout(ctx, t.limit)
	defer cancel()
	c := exec.CommandContext(ctx, t.binary, "-test.short", "-test.failfast", "-test.skip", *skip, "-test.run", *run)
	c.Dir = t.dir
	c.Env = append(os.Environ(), variable+"="+strconv.Itoa(m.number), "RAPID_NOFAILFILE=1")
	if os.Getenv("FERROUS_STRESS") == "" {
		c.Env = append(c.Env, "FERROUS_STRESS=10ms")
	}
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	c.WaitDelay = time.Second // what the tests have started may hold the output open
	kill := group(c)
	c.Cancel = kill
	err := c.Run()
	if c.Process != nil {
		_ = kill() // mostly nothing is left
	}
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return lives, nil
	case ctx.Err() != nil:
		return hangs, out.Bytes()
	default:
		return fails, out.Bytes()
	}
}

// write writes the broken files and the overlay that puts them in the place of
// the package's own.
func (p *pkg) write(dir string, files []string) (mutants []mutant, overlay string, err error) {
	replace := map[string]string{}
	put := func(name string, text []byte) error {
		to := filepath.Join(dir, name)
		replace[filepath.Join(p.dir, name)] = to
		return os.WriteFile(to, text, 0o600)
	}
	for _, f := range p.files {
		name := filepath.Base(p.fset.File(f.FileStart).Name())
		if len(files) > 0 && !slices.Contains(files, name) {
			continue
		}
		source, err := os.ReadFile(filepath.Join(p.dir, name))
		if err != nil {
			return nil, "", err
		}
		b := &breaker{pkg: p, name: name, source: source, next: len(mutants) + 1}
		b.file(f)
		if err := put(name, b.text()); err != nil {
			return nil, "", err
		}
		mutants = append(mutants, b.mutants...)
	}
	if err := put("mutant_types.go", p.aliases()); err != nil {
		return nil, "", err
	}
	if err := put("mutant_switch.go", []byte(fmt.Sprintf(switches, p.types.Name(), variable))); err != nil {
		return nil, "", err
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return nil, "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return mutants, overlay, os.WriteFile(overlay, text, 0o600)
}

// switches is the file that goes into the broken package.
const switches = `package %s

import (
	"cmp"
	"os"
	"strconv"
)

var mutantNumber, _ = strconv.Atoi(os.Getenv(%q))

func mutant(number int) bool { return number == mutantNumber }

type mutantInt interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr
}

func mutantLess[T cmp.Ordered](number int, a, b T) bool { return a < b || mutant(number) && a == b }

func mutantLessEqual[T cmp.Ordered](number int, a, b T) bool {
	return a < b || !mutant(number) && a == b
}

func mutantGreater[T cmp.Ordered](number int, a, b T) bool { return a > b || mutant(number) && a == b }

func mutantGreaterEqual[T cmp.Ordered](number int, a, b T) bool {
	return a > b || !mutant(number) && a == b
}

func mutantAdd[T mutantInt](number int, a, b T) T {
	if mutant(number) {
		return a - b
	}
	return a + b
}

func mutantSub[T mutantInt](number int, a, b T) T {
	if mutant(number) {
		return a + b
	}
	return a - b
}

func mutantAnd[T mutantInt](number int, a, b T) T {
	if mutant(number) {
		return a | b
	}
	return a & b
}

func mutantOr[T mutantInt](number int, a, b T) T {
	if mutant(number) {
		return a & b
	}
	return a | b
}

func mutantOne[T mutantInt](number int, a T) T {
	if mutant(number) {
		a++
	}
	return a
}
`
