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
// It exits with 1 when the books do not balance.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

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

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "npci:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var c config
	flags := flag.NewFlagSet("npci", flag.ContinueOnError)
	flags.IntVar(&c.transactions, "transactions", 1_000_000, "how many payments there are")
	flags.Uint64Var(&c.seed, "seed", 1, "seed of the payments and of the faults")
	flags.StringVar(&c.dir, "dir", "", "directory of ledger, queue and logs (default: a temporary one)")
	flags.IntVar(&c.workers, "workers", 256, "how many payments are in work at once, and how many retries")
	flags.IntVar(&c.rate, "rate", 0, "payments a second (0: as fast as they go)")
	flags.StringVar(&c.webhook, "webhook", "", "URL that alerts are posted to (default: a receiver of its own)")
	flags.StringVar(&c.smtp, "smtp", "", "address of a mail server that alerts are sent to as well")
	flags.DurationVar(&c.timeout, "timeout", 20*time.Millisecond, "how long a gateway may take to answer")
	flags.DurationVar(&c.delay, "delay", 500*time.Millisecond, "the longest wait before a retry")
	flags.DurationVar(&c.lease, "lease", 5*time.Second, "how long a retry may take, and waits after a crash")
	flags.IntVar(&c.faults.outage, "outage", 20, "calls that one gateway fails in a row in the middle of the run")
	flags.Float64Var(&c.faults.fail, "fail", 0.05, "share of charges that fail")
	flags.Float64Var(&c.faults.decline, "decline", 0.01, "share of payments that are declined")
	flags.Float64Var(&c.faults.unknown, "unknown", 0.02, "share of charges that succeed with an error")
	flags.Float64Var(&c.faults.hang, "hang", 0.005, "share of charges that get no answer")
	flags.Float64Var(&c.faults.late, "late", 0.005, "share of charges that are made and answered after the timeout")
	flags.Float64Var(&c.faults.twice, "twice", 0.01, "share of charges that are answered twice")
	flags.Float64Var(&c.faults.poison, "poison", 0.0002, "share of payments that the gateway can tell nothing about")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if c.transactions < 1 || c.workers < 1 || c.rate < 0 || min(c.timeout, c.delay, c.lease) <= 0 || flags.NArg() > 0 {
		return fmt.Errorf("bad arguments %q", args)
	}
	if c.dir == "" {
		dir, err := os.MkdirTemp("", "npci")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		c.dir = dir
	}
	if c.webhook == "" {
		receiver, err := newReceiver(ctx)
		if err != nil {
			return err
		}
		defer receiver.close()
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
