// Package program is what the commands under examples/ share: how a command
// reads its flags, what it does on a signal, and which exit code it ends with.
//
// The exit codes are those of [Main]: 0 when the command did what it was asked
// to do (also for -h), 1 when it could not, and 2 when it did not understand.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// The exit codes of [Main].
const (
	Failed = 1
	Usage  = 2
)

// Run is a command without its process: its arguments without the name of the
// command, and where it prints. ctx ends with the first signal.
type Run func(ctx context.Context, args []string, out io.Writer) error

// Main runs a command as a process and does not return. It prints an error as
// one line that begins with the name of the command. A panic of run is not
// recovered, so that it shows its stack.
//
// Output that cannot be written, because the reader of a pipe has gone, is an
// error that run gets, and does not kill the process.
func Main(name string, run Run) {
	os.Exit(code(name, run))
}

// patience is how long a command may take to end before it says so.
const patience = time.Second

func code(name string, run Run) int {
	ctx, stop := Signals(context.Background())
	defer stop()
	defer context.AfterFunc(ctx, func() {
		time.AfterFunc(patience, func() {
			_, _ = fmt.Fprintf(os.Stderr, "%s: it is ending; a second signal ends it at once\n", name)
		})
	})()
	err := run(ctx, os.Args[1:], os.Stdout)
	if err == nil {
		return 0
	}
	// One line, also of errors that were joined.
	_, _ = fmt.Fprintf(os.Stderr, "%s: %s\n", name, strings.ReplaceAll(err.Error(), "\n", "; "))
	if usage := new(UsageError); errors.As(err, &usage) {
		return Usage
	}
	return Failed
}

// Signals returns a context that ends with the first interrupt, SIGTERM or
// SIGHUP: the command then ends in order. The second signal ends the process at
// once. A signal that was ignored when the process began, as nohup does it,
// stays ignored. Stop gives the signals back.
func Signals(parent context.Context) (ctx context.Context, stop context.CancelFunc) {
	defer signal.Ignore(syscall.SIGPIPE) // last, so that who sees it knows that signals are caught
	var caught []os.Signal
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			caught = append(caught, s)
		}
	}
	if len(caught) == 0 { // NotifyContext would catch all signals
		return context.WithCancel(parent)
	}
	ctx, stop = signal.NotifyContext(parent, caught...)
	context.AfterFunc(ctx, stop) // the next signal does what it does without us
	return ctx, stop
}
