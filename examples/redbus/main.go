// Redbus lets a million users fight for the hundred seats of one bus, and shows
// that each seat has one winner.
//
//	go run ./examples/redbus
//
// Every user blocks one random seat. Who finds it taken goes away; who gets it
// pays at once and so books it, or lets the hold lapse, whereupon the seat can be
// won again. The same users do so in versions:
//
//	threads  one mutex and a map, for users on 200 threads of the operating system
//	mutex    the same, with a goroutine for each user
//	map      a concurrent map, whose Compute changes one seat
//	seatmap  the seatmap package, through its Store
//	journal  the same on a disk: a booking is synced before it is acknowledged
//	redis    package redisseat on a Redis that syncs, too
//	postgres package pgseat on a PostgreSQL
//
// Threads, journal and the servers are chosen by name. A server's program is started for as
// long as it is needed, in a temporary folder and on a free loopback port, or -store is the
// URL of one that runs:
//
//	go run ./examples/redbus -version redis
//	go run ./examples/redbus -version postgres -users 200000
//
// Its users come 1,000 at a time, unless -workers says otherwise. The program checks its own result and fails
// when a seat ever had two holders, when somebody was refused a seat that nobody had, and
// when a hold outlives its end or is of use to a stranger.
//
// Each version frees seats in the background when their holds, of five minutes,
// are over. It also takes a hold for over from that moment on, however late the
// clean-up comes.
//
// The same seats as an HTTP service, with a web page and live changes, until a signal:
//
//	go run ./examples/redbus serve
//	curl -H 'Authorization: Bearer alice' -H 'Content-Type: application/json' \
//		-d '{"seats":["7"],"ttl_ms":300000}' http://127.0.0.1:8080/v1/events/bus/block
//
// Its web page is http://127.0.0.1:8080/, or with /?event=NAME that of another event. Open
// it in two windows to see the holds of the one appear in the other. It works on a phone,
// by keyboard and with a screen reader, and repeats a request that got no answer with the
// same Idempotency-Key. The payment on it is a stub. The page is in service/page; its test
// drives Chromium, and
//
//	go test ./examples/redbus/service/page -artifacts
//
// leaves pictures of it.
//
// Exit codes: 0; 1 when the result is wrong, and after a signal; 2 for bad flags.
//
// Where to look:
//
//	concept                                    here
//	SeatStatus: Available, Blocked, Booked     store.go: SeatStatus
//	Arc<Mutex<HashMap>>                        mutex.go: mutexStore, with
//	threads against tasks                      mutex.go: openThreads
//	a task for each user                       sim.go: wave, user
//	entry().and_modify() of a concurrent map   concurrent.go: block, book
//	seats with secret tokens                   seats.go: openSeatmap
//	the same on a server                       servers.go: withServer; spawn.go: runRedis, runPostgres
//	the background clean-up                    cleaner.go: newCleaner
//	every seat's status at the end             report.go: text
//	exactly one wins each seat                 check.go: settle, checkHolders
//	the 5-minute window                        rules.go: checkRules, deadlines
//	the reservation as a service               serve.go, service/
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/coderrange/ferrous/examples/internal/program"
)

// maxListed is how many seats are listed without -all.
const maxListed = 5000

// options is what the flags say.
type options struct {
	config
	version string
	store   string
	json    bool
	all     bool
}

func main() {
	program.Main("redbus", func(ctx context.Context, args []string, out io.Writer) error {
		return run(ctx, args, out, os.Stderr)
	})
}

// run is the program. The progress bar and what the check finds go to stderr.
func run(ctx context.Context, args []string, out io.Writer, stderr *os.File) error {
	if len(args) > 0 {
		switch args[0] {
		case "serve":
			return serve(ctx, args[1:], out, stderr)
		case "probe":
			return probe(ctx, args[1:], out)
		}
	}
	o, goOn, err := parse(args, out)
	if err != nil || !goOn {
		return err
	}
	report := report{config: o.config, all: o.all || o.seats <= maxListed}
	try := func(v version) error {
		outcome, err := simulate(ctx, o.config, v, bar(stderr, v.name, o.users))
		if err == nil {
			report.add(outcome)
		}
		return err
	}
	if _, isServer := servers[o.version]; isServer {
		err = withServer(ctx, o, try)
	} else {
		for _, v := range chosen(o.version) {
			if err = try(v); err != nil {
				break
			}
		}
	}
	if err != nil {
		return err
	}
	write := report.text
	if o.json {
		write = report.json
	}
	if err := write(out); err != nil {
		return err
	}
	return report.verdict(stderr)
}

// parse reads the flags.
func parse(args []string, out io.Writer) (o options, goOn bool, err error) {
	f := program.NewFlags("redbus", "redbus [flags]")
	f.Int(&o.users, "users", 1_000_000, 1, maxUsers, "how many users there are, user0 to user999999")
	f.Int(&o.seats, "seats", 100, 1, maxSeats, "how many seats there are")
	f.Duration(&o.hold, "hold", 5*time.Minute, maxHold, "how long a blocked seat is held")
	f.OneOf(&o.version, "version", "all", names(), "which store is tried")
	f.StringVar(&o.store, "store", "", "the URL of a server for -version redis or postgres, on this machine's clock; empty starts one")
	f.Uint64Var(&o.seed, "seed", 1, "what the users' choices are drawn from")
	f.Int(&o.workers, "workers", 0, 0, wave, "how many goroutines serve the users; 0 gives each user his own")
	f.BoolVar(&o.json, "json", false, "report as JSON")
	f.BoolVar(&o.all, "all", false, fmt.Sprintf("list the seats also when there are more than %d", maxListed))
	f.Check(o.checkStore)
	goOn, err = f.Parse(args, out)
	return o, goOn, err
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
