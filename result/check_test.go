package result_test

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/result"
)

func add(a, b string) (sum int, err error) {
	defer result.Handle(&err)
	return result.Check(strconv.Atoi(a)) + result.Check(strconv.Atoi(b)), nil
}

func TestCheckUnderHandle(t *testing.T) {
	sum, err := add("1", "2")
	require.NoError(t, err)
	assert.Equal(t, 3, sum)

	sum, err = add("1", "x")
	require.ErrorIs(t, err, strconv.ErrSyntax)
	assert.ErrorAs(t, err, new(*strconv.NumError), "it is the error itself, not a wrapped one")
	assert.NotErrorAs(t, err, new(*result.UnhandledError))
	assert.Zero(t, sum)
}

func TestCheck0AndCheck2(t *testing.T) {
	run := func(failure error) (s string, err error) {
		defer result.Handle(&err)
		result.Check0(failure)
		a, b := result.Check2("a", 1, failure)
		return fmt.Sprint(a, b), nil
	}
	s, err := run(nil)
	require.NoError(t, err)
	assert.Equal(t, "a1", s)
	_, err = run(errBad)
	require.ErrorIs(t, err, errBad)

	only2 := func() (err error) {
		defer result.Handle(&err)
		result.Check2("a", 1, errSad)
		panic("went on")
	}
	require.ErrorIs(t, only2(), errSad)
}

func TestHandleLeavesAnErrorThatWasReturnedAlone(t *testing.T) {
	f := func() (err error) {
		defer result.Handle(&err)
		return errBad
	}
	require.ErrorIs(t, f(), errBad)
}

func TestCheckNested(t *testing.T) {
	inner := func(text string) (n int, err error) {
		defer result.Handle(&err)
		return result.Check(strconv.Atoi(text)), nil
	}
	outer := func(text string) (n int, err error) {
		defer result.Handle(&err)
		if n, err := inner("x"); err == nil {
			t.Error("inner went on", n)
		}
		return result.Check(inner(text)), nil
	}
	n, err := outer("7")
	require.NoError(t, err)
	assert.Equal(t, 7, n)
	_, err = outer("y")
	require.ErrorContains(t, err, `parsing "y"`)

	helper := func() int { return result.Check(strconv.Atoi("z")) } // without a Handle of its own
	_, err = func() (n int, err error) {
		defer result.Handle(&err)
		return helper(), nil
	}()
	require.ErrorContains(t, err, `parsing "z"`)
}

func TestCheckInLoops(t *testing.T) {
	sum := func(texts ...string) (total int, err error) {
		defer result.Handle(&err)
		for _, text := range texts {
			total += result.Check(strconv.Atoi(text))
		}
		return total, nil
	}
	total, err := sum("1", "2", "3")
	require.NoError(t, err)
	assert.Equal(t, 6, total)
	total, err = sum("1", "2", "x", "4")
	require.Error(t, err)
	assert.Equal(t, 3, total, "a named result keeps what it was given")

	for i := range 1000 {
		_, err := add(strconv.Itoa(i), "x")
		require.Error(t, err)
	}

	ranged := func() (err error) { // out of the body of a range over a function
		defer result.Handle(&err)
		closed := false
		defer func() { assert.True(t, closed) }()
		for i := range iter.Seq[int](func(yield func(int) bool) {
			defer func() { closed = true }()
			yield(1)
		}) {
			result.Check(i, errBad)
		}
		return nil
	}
	require.ErrorIs(t, ranged(), errBad)
}

func TestDeferOrder(t *testing.T) {
	var order []string
	f := func() (err error) {
		defer func() { order = append(order, fmt.Sprint("before Handle: ", err)) }()
		defer result.Handle(&err)
		defer func() { order = append(order, fmt.Sprint("after Handle: ", err)) }()
		result.Check0(errBad)
		return nil
	}
	require.ErrorIs(t, f(), errBad)
	assert.Equal(t, []string{"after Handle: <nil>", "before Handle: bad"}, order)

	wrapped := func() (err error) {
		defer func() {
			if err != nil {
				err = fmt.Errorf("wrapped: %w", err)
			}
		}()
		defer result.Handle(&err)
		result.Check0(errBad)
		return nil
	}
	require.EqualError(t, wrapped(), "wrapped: bad")
}

func TestCheckInADeferredFunction(t *testing.T) {
	f := func(work, cleanup error) (err error) {
		defer result.Handle(&err)
		defer func() { result.Check0(cleanup) }()
		result.Check0(work)
		return nil
	}
	require.NoError(t, f(nil, nil))
	require.ErrorIs(t, f(nil, errBad), errBad)
	require.ErrorIs(t, f(errSad, nil), errSad)
	require.ErrorIs(t, f(errSad, errBad), errBad, "the later failure wins, as a return in a deferred function would")
}

//go:noinline
func indexOutOfRange(list []int, i int) int { return list[i] }

func TestRuntimeFaultsPassThroughWithTheirStack(t *testing.T) {
	f := func() (err error) {
		defer result.Handle(&err)
		indexOutOfRange(nil, 3)
		return nil
	}
	var stack []byte
	err := testkit.PanicError(t, func() {
		defer func() { stack = debug.Stack() }()
		_ = f()
	})
	assert.ErrorAs(t, err, new(runtime.Error))
	require.EqualError(t, err, "runtime error: index out of range [3] with length 0")
	assert.Contains(t, string(stack), "indexOutOfRange", "the place of the fault is still on the stack")
}

func TestForeignPanicsPassThroughUnchanged(t *testing.T) {
	type custom struct{ n int }
	for _, value := range []any{"text", custom{7}, errBad} {
		func() {
			var err error
			defer func() {
				assert.Equal(t, value, recover())
				assert.NoError(t, err)
			}()
			func() {
				defer result.Handle(&err)
				panic(value)
			}()
		}()
	}
}

func TestGoexitPassesThrough(t *testing.T) {
	done := make(chan error)
	go func() {
		var err error
		defer func() { done <- err }()
		defer result.Handle(&err)
		runtime.Goexit()
	}()
	require.NoError(t, <-done)
}

func TestCheckWithoutHandleSaysSo(t *testing.T) {
	err := testkit.PanicError(t, func() { result.Check(0, errBad) })
	require.EqualError(t, err,
		"result: Check without `defer result.Handle(&err)` on this goroutine: bad")
	require.ErrorIs(t, err, errBad)
	assert.ErrorAs(t, err, new(*result.UnhandledError))
}

func TestHandleThatIsNotDeferredItselfCatchesNothing(t *testing.T) {
	err := testkit.PanicError(t, func() {
		var err error
		defer func() { result.Handle(&err) }()
		result.Check(0, errBad)
	})
	require.ErrorContains(t, err, "Check without `defer result.Handle(&err)`")
}

func TestHandleOfNilPanicsEvenOnSuccess(t *testing.T) {
	err := testkit.PanicError(t, func() {
		defer result.Handle(nil)
	})
	require.ErrorIs(t, err, result.ErrHandleNil)
	require.EqualError(t, err, "result: Handle: nil pointer to an error")
	err = testkit.PanicError(t, func() {
		defer result.Handle(nil)
		result.Check0(errBad)
	})
	require.ErrorIs(t, err, result.ErrHandleNil)
}

func TestCheckThroughAPulledIterator(t *testing.T) {
	f := func() (err error) {
		defer result.Handle(&err)
		next, stop := iter.Pull(func(yield func(int) bool) {
			yield(result.Check(1, errBad))
		})
		defer stop()
		next()
		return nil
	}
	require.ErrorIs(t, f(), errBad, "iter.Pull hands the panic to its caller")
}

// crashes are run in a process of their own, which they end.
var crashes = map[string]func(){
	"goroutine": func() {
		var err error
		defer result.Handle(&err)
		done := make(chan struct{})
		go func() {
			defer close(done)
			result.Check(0, errBad)
		}()
		<-done
		select {}
	},
	"fault": func() {
		var err error
		defer result.Handle(&err)
		indexOutOfRange(nil, 3)
	},
}

func TestCrash(t *testing.T) {
	const name = "FERROUS_RESULT_CRASH"
	if crash, found := crashes[os.Getenv(name)]; found {
		crash()
		return
	}
	for crash, want := range map[string][]string{
		"goroutine": {"panic: ", "result: Check without `defer result.Handle(&err)` on this goroutine: bad"},
		"fault":     {"panic: runtime error: index out of range [3] with length 0", "result_test.indexOutOfRange"},
	} {
		t.Run(crash, func(t *testing.T) {
			cmd := testkit.Self(t, "-test.run=^TestCrash$")
			cmd.Env = append(os.Environ(), name+"="+crash)
			out, err := cmd.CombinedOutput()
			require.ErrorAs(t, err, new(*exec.ExitError), "it crashes")
			for _, text := range want {
				assert.Contains(t, string(out), text)
			}
		})
	}
}

func TestErrorsAreStillErrors(t *testing.T) {
	assert.True(t, errors.Is(&result.UnhandledError{Err: errBad}, errBad))
}
