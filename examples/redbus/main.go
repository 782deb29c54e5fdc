// Redbus lets a million users fight for the hundred seats of one bus, and shows
// that each seat has one winner.
//
//	go run ./examples/redbus
//
// Every user blocks one random seat. Who finds it taken goes away; who gets it
// pays at once and so books it, or lets the hold lapse, whereupon the seat can be
// won again. The same users do so in three versions: with one mutex and a map,
// with a concurrent map, and with the seatmap package, through its Store. The
// program checks its own result and fails when a seat ever had two holders.
//
// Exit codes: 0; 1 when the result is wrong; 2 for bad flags; 130 when
// interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

const (
	exitWrong       = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// options is what the flags say.
type options struct {
	config
	version string
	json    bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program. It returns the exit code.
func run(ctx context.Context, args []string, stdout io.Writer, stderr *os.File) int {
	complaints := log.New(stderr, "redbus: ", 0)
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		_, _ = io.WriteString(stdout, usage()) // whom to tell?
		return 0
	}
	if err != nil {
		complaints.Println(err)
		return exitUsage
	}
	report := report{config: o.config}
	for _, v := range chosen(o.version) {
		outcome, err := simulate(ctx, o.config, v, bar(stderr, v.name, o.users))
		if errors.Is(err, context.Canceled) {
			complaints.Println("interrupted")
			return exitInterrupted
		}
		if err != nil {
			complaints.Println(err)
			return exitWrong
		}
		report.add(outcome)
	}
	write := report.text
	if o.json {
		write = report.json
	}
	if err := write(stdout); err != nil {
		complaints.Println(err)
		return exitWrong
	}
	problems := report.problems()
	for _, problem := range problems {
		complaints.Println(problem)
	}
	if len(problems) > 0 {
		return exitWrong
	}
	return 0
}

// newFlags binds the flags to o.
func newFlags(o *options) *flag.FlagSet {
	f := flag.NewFlagSet("redbus", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.IntVar(&o.users, "users", 1_000_000, "how many users there are, user0 to user999999")
	f.IntVar(&o.seats, "seats", 100, "how many seats there are")
	f.DurationVar(&o.hold, "hold", 5*time.Minute, "how long a blocked seat is held")
	f.StringVar(&o.version, "version", "all", "one of "+names())
	f.Uint64Var(&o.seed, "seed", 1, "what the users' choices are drawn from")
	f.IntVar(&o.workers, "workers", 0, "how many goroutines serve the users; 0 gives each user his own")
	f.BoolVar(&o.json, "json", false, "report as JSON")
	return f
}

func usage() string {
	var b strings.Builder
	b.WriteString("Usage: redbus [flags]\n")
	f := newFlags(&options{})
	f.SetOutput(&b)
	f.PrintDefaults()
	return b.String()
}

// parse reads the flags and refuses what makes no sense.
func parse(args []string) (options, error) {
	var o options
	f := newFlags(&o)
	if err := f.Parse(args); err != nil {
		return o, err
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case o.users < 1 || o.users > maxUsers:
		return o, fmt.Errorf("-users %d is not 1 to %d", o.users, maxUsers)
	case o.seats < 1 || o.seats > maxSeats:
		return o, fmt.Errorf("-seats %d is not 1 to %d", o.seats, maxSeats)
	case o.hold <= 0 || o.hold > maxHold:
		return o, fmt.Errorf("-hold %v is not above 0 and at most %v", o.hold, maxHold)
	case o.workers < 0 || o.workers > wave:
		return o, fmt.Errorf("-workers %d is not 0 to %d", o.workers, wave)
	case len(chosen(o.version)) == 0:
		return o, fmt.Errorf("-version %q is not one of %s", o.version, names())
	}
	return o, nil
}

// bar returns a progress bar, which is silent unless w is a terminal.
func bar(w *os.File, name string, users int) *progressbar.ProgressBar {
	if !term.IsTerminal(int(w.Fd())) {
		return progressbar.DefaultSilent(int64(users))
	}
	return progressbar.NewOptions(users,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(fmt.Sprintf("%-8s", name)),
		progressbar.OptionShowCount(),
		progressbar.OptionClearOnFinish(),
	)
}
