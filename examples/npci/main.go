// Npci settles a million payments through gateways that fail, hang, answer
// late and answer twice, and loses none: each ends settled, compensated or in
// the dead letters, and the money that came in is the money that went out.
//
// Payments come from the logs of several services at once. Each is charged
// with its number as the idempotency key, under a [retry.Policy] and the
// gateway's [retry.Breaker]; what fails goes through a durable [retry.Queue],
// which first asks the gateway what became of the charge. Kill the process
// whenever you like and start it again with the same -dir: it goes on.
//
// A payment has its outcome when the ledger is synced; what is in work before
// that is done again, and the bank moves the money of a number once. One
// process has the directory at a time; another one is told who that is. A
// record of the ledger that was changed or removed, a file that is removed
// under way, and a disk that is full end the program with an error; the books
// are then as they were at the last sync.
//
// The first interrupt, SIGTERM or SIGHUP ends it in order, the second at once.
// The exit code is 0 when all payments have an outcome and the books balance, 1
// when not, also after a signal, and 2 for bad flags.
//
// Where to look:
//
//	concept                                       here
//	a Stream for each log                         source.go: follow
//	join! over the logs, workers for each         pipeline.go: readAll; stream.ForEach
//	select! of result, timeout, retry, shutdown   settle.go: settle; channel.SelectInOrder
//	a shared concurrent map of failures           pipeline.go: note, outcome
//	a retry queue with exponential backoff        pipeline.go: pay, handle
//	compensation                                  pipeline.go: resolve
//	a channel and a Stream to analytics           analytics.go: add, write; stream.ChunksTimeout
//	alerts in real time, bounded                  alert.go: raise, send
//	the health of the gateways                    view.go: watch, breakerStates
//	goroutines owned by a scope                   pipeline.go: run; task.WithGroup
//	shutdown, and what it aborts                  pipeline.go: unfinished
//	nothing is lost                               reconcile.go: reconcile
package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"runtime"
	"time"

	"github.com/coderrange/ferrous/examples/internal/program"
	"github.com/coderrange/ferrous/retry"
)

type config struct {
	transactions int
	seed         uint64
	dir          string
	workers      int
	rate         int
	webhook      string
	smtp         string
	faults       faults
	timeout      time.Duration
	delay        time.Duration
	lease        time.Duration
}

const (
	maxTransactions = 100_000_000
	maxWorkers      = 10_000
	maxRate         = 100_000_000
	day             = 24 * time.Hour
)

func main() { program.Main("npci", run) }

// parse reads the flags.
func parse(args []string, out io.Writer) (c config, goOn bool, err error) {
	flags := program.NewFlags("npci", "npci [flags]")
	flags.Int(&c.transactions, "transactions", 1_000_000, 1, maxTransactions, "how many payments there are")
	flags.Uint64Var(&c.seed, "seed", 1, "seed of the payments and of the faults")
	flags.StringVar(&c.dir, "dir", "", "directory of ledger, queue and logs (default: a temporary one)")
	flags.Int(&c.workers, "workers", 256, 1, maxWorkers, "how many payments are in work at once, at least one a log, and how many retries")
	flags.Int(&c.rate, "rate", 0, 0, maxRate, "payments a second (0: as fast as they go)")
	flags.StringVar(&c.webhook, "webhook", "", "URL that alerts are posted to (default: a receiver of its own)")
	flags.StringVar(&c.smtp, "smtp", "", "address of a mail server that alerts are sent to as well")
	flags.Duration(&c.timeout, "timeout", 20*time.Millisecond, day, "how long a gateway may take to answer")
	flags.Duration(&c.delay, "delay", 500*time.Millisecond, day, "the longest wait before a retry")
	flags.Duration(&c.lease, "lease", 5*time.Second, 2*day, "how long a retry may take, and waits after a crash")
	flags.Int(&c.faults.outage, "outage", 20, 0, maxTransactions, "calls that one gateway fails in a row in the middle of the run")
	flags.Share(&c.faults.fail, "fail", 0.05, "share of charges that fail")
	flags.Share(&c.faults.decline, "decline", 0.01, "share of payments that are declined")
	flags.Share(&c.faults.unknown, "unknown", 0.02, "share of charges that succeed with an error")
	flags.Share(&c.faults.hang, "hang", 0.005, "share of charges that get no answer")
	flags.Share(&c.faults.late, "late", 0.005, "share of charges that are made and answered after the timeout")
	flags.Share(&c.faults.twice, "twice", 0.01, "share of charges that are answered twice")
	flags.Share(&c.faults.poison, "poison", 0.0002, "share of payments that the gateway can tell nothing about")
	flags.Check(c.check)
	goOn, err = flags.Parse(args, out)
	return c, goOn, err
}

// check checks what is not the matter of one number.
func (c *config) check() error {
	if f := c.faults; f.fail+f.unknown+f.hang+f.late+f.twice > 1 {
		return program.Usagef("-fail, -unknown, -hang, -late and -twice are more than 1 together")
	}
	if c.lease <= c.timeout { // else each retry would be claimed again under way
		return program.Usagef("-lease %v is not above -timeout %v", c.lease, c.timeout)
	}
	if c.webhook != "" {
		if u, err := url.Parse(c.webhook); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return program.Usagef("-webhook %q is not an http or https URL", c.webhook)
		}
	}
	if c.smtp != "" {
		if _, port, err := net.SplitHostPort(c.smtp); err != nil || port == "" {
			return program.Usagef("-smtp %q is not host:port", c.smtp)
		}
	}
	return nil
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	c, goOn, err := parse(args, out)
	if err != nil || !goOn {
		return err
	}
	if c.dir == "" {
		dir, err := os.MkdirTemp("", "npci")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		c.dir = dir
	}
	if c.webhook == "" {
		receiver, err := newReceiver(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, receiver.close()) }()
		c.webhook = receiver.url
	}
	// An interrupt is a shutdown: what it interrupts is no attempt.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	return pay(shutdown(ctx), c, out)
}

// shutdown returns a context that ends with ctx, but with a shutdown's cause.
func shutdown(ctx context.Context) context.Context {
	inner, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { cancel(retry.ErrShutdown) })
	return inner
}

// syncDirectory brings the names in a directory to the disk.
func syncDirectory(path string) error {
	if runtime.GOOS == "windows" { // which cannot
		return nil
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
