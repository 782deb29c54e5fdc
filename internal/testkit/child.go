package testkit

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// childValue is the environment variable that holds the value of a child.
const childValue = "FERROUS_CHILD"

// InChild reports whether this process runs a test for another process, and returns the
// value that [NewChild] or [StartChild] was given there.
func InChild() (value string, ok bool) { return os.LookupEnv(childValue) }

// NewChild returns a [Command] that runs the same test in a process of its own. What that
// writes as errors, this process does, too.
func NewChild(tb testing.TB, value string) *exec.Cmd {
	tb.Helper()
	name, _, _ := strings.Cut(tb.Name(), "/")
	c := Self(tb, "-test.run=^"+name+"$")
	c.Env = append(os.Environ(), childValue+"="+value)
	c.Stderr = os.Stderr
	return c
}

// Child is a process that runs the same test, and whose output is read line by line.
type Child struct {
	*exec.Cmd
	In io.WriteCloser // its standard input

	tb    testing.TB
	lines *bufio.Scanner
}

// StartChild starts what [NewChild] returns.
func StartChild(tb testing.TB, value string) *Child {
	tb.Helper()
	c := &Child{Cmd: NewChild(tb, value), tb: tb}
	var err error
	c.In, err = c.StdinPipe()
	require.NoError(tb, err)
	out, err := c.StdoutPipe()
	require.NoError(tb, err)
	c.lines = bufio.NewScanner(out)
	require.NoError(tb, c.Start())
	return c
}

// Next waits for the next line of the child's output. It reports false at the end.
func (c *Child) Next() (line string, ok bool) {
	ok = c.lines.Scan()
	return c.lines.Text(), ok
}

// Line waits for the next line, and fails the test if there is none.
func (c *Child) Line() string {
	c.tb.Helper()
	line, ok := c.Next()
	require.True(c.tb, ok, "the child has ended")
	return line
}

// Kill kills the child without warning, as kill -9 does, and waits for its end. It passes
// on what the child had written by then, unless hear is nil.
func (c *Child) Kill(hear func(line string)) {
	c.tb.Helper()
	require.NoError(c.tb, c.Process.Kill())
	for line, ok := c.Next(); ok; line, ok = c.Next() {
		if hear != nil {
			hear(line)
		}
	}
	require.Error(c.tb, c.Wait())
	_ = c.In.Close() // nobody reads it any more
}
