package testkit

import (
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Command returns a command that is killed when the test ends and, on Linux, also when
// this process ends, killed or not. It obeys the signals that this process was told to
// ignore, as a shell tells those that it starts in the background.
func Command(tb testing.TB, name string, args ...string) *exec.Cmd {
	tb.Helper()
	obeySignals()
	c := exec.CommandContext(tb.Context(), name, args...)
	c.SysProcAttr = endsWithParent()
	return c
}

// Self returns a [Command] that runs the test binary again. Under an emulator, of which
// the environment variable FERROUS_EXEC says the name as go test -exec does, it
// runs under that.
func Self(tb testing.TB, args ...string) *exec.Cmd {
	tb.Helper()
	words := append(strings.Fields(os.Getenv("FERROUS_EXEC")), os.Args[0])
	words = append(words, args...)
	return Command(tb, words[0], words[1:]...)
}

// obeySignals catches the signals that are ignored, and drops them. A process inherits
// that a signal is ignored, but not that it is caught.
var obeySignals = sync.OnceFunc(func() {
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGHUP} { // Go catches all others
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
})
