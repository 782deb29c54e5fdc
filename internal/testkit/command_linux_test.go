package testkit_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/signal"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

// role is what the test binary does when a test starts it again.
const role = "FERROUS_COMMAND_ROLE"

func TestACommandEndsWithTheProcessThatStartedIt(t *testing.T) {
	switch os.Getenv(role) {
	case "parent":
		child := testkit.Self(t, "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), role+"=child")
		child.Stdin, child.Stdout = os.Stdin, os.Stdout
		require.NoError(t, child.Run())
		return
	case "child":
		fmt.Println("here")
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	in, stdin, err := os.Pipe()
	require.NoError(t, err)
	stdout, out, err := os.Pipe()
	require.NoError(t, err)
	parent := testkit.Self(t, "-test.run=^"+t.Name()+"$")
	parent.Env = append(os.Environ(), role+"=parent")
	parent.Stdin, parent.Stdout = in, out
	require.NoError(t, parent.Start())
	require.NoError(t, in.Close())
	require.NoError(t, out.Close())
	said := bufio.NewReader(stdout)
	line, err := said.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "here\n", line)
	require.NoError(t, parent.Process.Kill())
	require.Error(t, parent.Wait())
	rest, err := io.ReadAll(said) // to the end of the last that can write
	require.NoError(t, err)
	assert.Empty(t, rest)
	require.NoError(t, stdin.Close()) // which would have ended the child
	require.NoError(t, stdout.Close())
}

func TestACommandObeysTheSignalsThatItsParentWasToldToIgnore(t *testing.T) {
	switch os.Getenv(role) {
	case "parent":
		require.True(t, signal.Ignored(os.Interrupt))
		child := testkit.Self(t, "-test.run=^"+t.Name()+"$", "-test.v")
		child.Env = append(os.Environ(), role+"=child")
		child.Stdout = os.Stdout
		require.NoError(t, child.Run())
		return
	case "child":
		fmt.Println("ignored:", signal.Ignored(os.Interrupt))
		return
	}
	self := testkit.Self(t, "-test.run=^"+t.Name()+"$")
	sh := testkit.Command(t, "sh", append([]string{"-c", `trap "" INT HUP; exec "$@"`, "sh"}, self.Args...)...)
	sh.Env = append(os.Environ(), role+"=parent")
	out, err := sh.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "ignored: false\n")
}
