package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v3"

	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/stream"
	"github.com/coderrange/ferrous/task"
)

// failure is what went wrong with a payment that has no outcome yet.
type failure struct {
	Time    time.Time `json:"time"`
	Payment int       `json:"payment"`
	Service string    `json:"service"`
	Gateway int       `json:"gateway"`
	Attempt int       `json:"attempt"`
	Error   string    `json:"error"`
}

// charging is how often the queue tries to charge before it compensates.
const charging = 5

// pipeline takes payments from the logs to their outcome.
type pipeline struct {
	c         config
	dir       *directory
	stop      context.CancelCauseFunc // ends the run, with the reason
	bank      *bank
	ledger    *ledger
	queue     *retry.Queue[payment]
	first     *retry.Policy // of the first attempts
	breakers  [gateways]*retry.Breaker
	failures  *xsync.MapOf[int, failure] // of payments without outcome
	analytics *analytics
	alerts    *alerts
	isRead    atomic.Bool  // whether the logs have ended
	tried     atomic.Int64 // payments that were read and tried
	failed    atomic.Int64 // charges that failed
	again     atomic.Int64 // answers that told nothing new
	aborted   atomic.Int64 // first attempts that the end of the run cut short
}

// pay runs the pipeline to its end and reconciles.
func pay(ctx context.Context, c config, out io.Writer) (err error) {
	p := &pipeline{c: c, failures: xsync.NewMapOf[int, failure]()}
	begin := time.Now()
	ctx, p.stop = context.WithCancelCause(ctx)
	defer p.stop(nil)
	closing := func(f func() error) { err = errors.Join(err, f()) }
	if p.dir, err = openDirectory(c.dir, c); err != nil {
		return err
	}
	defer func() { closing(p.dir.close) }()
	if p.ledger, err = openLedger(p.dir.file("ledger"), c.transactions, p.dir.records, p.dir); err != nil {
		return err
	}
	defer func() { closing(p.ledger.close) }()
	if p.bank, err = openBank(p.dir.file("bank"), c, p.confirm, p.stop); err != nil {
		return err
	}
	defer func() { closing(p.bank.close) }()
	store, err := p.dir.openQueue()
	if err != nil {
		return err
	}
	defer func() { closing(store.Close) }()
	if p.analytics, err = newAnalytics(p.dir.file("analytics"), 16<<20); err != nil {
		return err
	}
	defer func() { closing(p.analytics.close) }()
	p.alerts = newAlerts(c.webhook, c.smtp)
	defer func() { closing(p.alerts.close) }()

	p.first = retry.New(retry.Options{
		Attempts: 2, Budget: retry.NewBudget(retry.BudgetOptions{Max: 1000, Ratio: 0.2}),
		Backoff: retry.Exponential(2*time.Millisecond, 10*time.Millisecond).FullJitter(),
	})
	for g := range p.breakers {
		p.breakers[g] = retry.NewBreaker(retry.BreakerOptions{
			Failures: 10, OpenFor: 10 * time.Millisecond, IsFailure: func(err error) bool { return !errors.Is(err, errDeclined) },
			OnChange: func(_, to retry.BreakerState) {
				if to == retry.BreakerOpen {
					p.alerts.raise("breaker", fmt.Sprintf("breaker of gateway %d is open", g))
				}
			},
		})
	}
	p.queue = retry.NewQueue(retry.QueueOptions[payment]{
		Store: store, Handle: p.handle, OnEvent: p.buried, Workers: c.workers, Lease: c.lease,
		Policy: retry.New(retry.Options{
			Attempts: charging + 5, Backoff: retry.Exponential(20*time.Millisecond, c.delay).EqualJitter(),
		}),
	})
	if err := p.adopt(ctx); err != nil {
		return err
	}
	in, err := p.run(ctx, out)
	if err != nil {
		return p.unfinished(err)
	}
	if err := p.bank.settle(); err != nil { // answers that nobody waits for
		return err
	}
	return p.report(in, time.Since(begin), out)
}

// unfinished says how far the run came, and what its end has aborted.
func (p *pipeline) unfinished(err error) error {
	count, _ := p.ledger.totals()
	err = fmt.Errorf("%d of %d payments had an outcome: %w", count[settled]+count[compensated]+count[dead], p.c.transactions, err)
	stats, failed := p.queue.Stats(context.Background())
	if failed != nil {
		return errors.Join(err, failed)
	}
	return fmt.Errorf("%w; aborted %d first attempts, %d payments wait to be retried", err, p.aborted.Load(), stats.Waiting+stats.Claimed)
}

// adopt gives dead letters to the ledger that it does not know, as when it was
// restored from a copy: the queue would refuse these payments as known to it.
func (p *pipeline) adopt(ctx context.Context) error {
	for job, err := range p.queue.Dead(ctx) {
		if err != nil {
			return err
		}
		if n := job.Value.Number; n < 0 || n >= p.c.transactions || job.Value.Paise != amount(p.c.seed, n) {
			return damaged(p.dir.file("queue"), "dead letter %s is of no payment", job.Key)
		}
		if p.ledger.of(job.Value.Number) == open {
			p.outcome(job.Value, dead)
		}
	}
	return p.ledger.sync()
}

// income is what a log held, or all of them.
type income struct {
	count int
	paise int64
}

// run pays until all payments have an outcome, or ctx ends. The first error ends all.
// All goroutines of the run belong to its scope.
func (p *pipeline) run(ctx context.Context, out io.Writer) (in income, err error) {
	paid := false
	err = task.WithGroup(ctx, task.Unlimited, func(s *task.Scope) error {
		s.SpawnErr(p.queue.Run)
		s.SpawnErr(func(ctx context.Context) error { return p.watch(ctx, out) })
		// The logs may be long: a ledger that breaks meanwhile ends the run at once.
		s.SpawnErr(func(ctx context.Context) error {
			if failure, err := p.ledger.broken.WaitContext(ctx); err == nil {
				return failure
			}
			return nil
		})
		defer s.Abort(retry.ErrShutdown) // these three
		var err error
		if in, err = p.readAll(s.Context()); err != nil {
			return err
		}
		p.isRead.Store(true)
		select {
		case <-p.ledger.done:
			paid = true
			return nil
		case <-s.Context().Done():
			return context.Cause(s.Context())
		}
	})
	if paid && errors.Is(err, retry.ErrShutdown) { // one of the three had not even begun
		err = nil
	}
	if ctx.Err() != nil { // what it caused is no reason
		err = context.Cause(ctx)
	}
	if err != nil {
		return income{}, err
	}
	return in, p.ledger.sync()
}

// readAll joins the logs: it reads all at once, settles their payments, and returns what
// came in. Each log has its share of the workers.
func (p *pipeline) readAll(ctx context.Context) (total income, err error) {
	logs := make([]func(context.Context) (income, error), len(services))
	for service := range logs {
		workers := (p.c.workers + service) / len(services)
		logs[service] = func(ctx context.Context) (in income, err error) {
			count := func(pay payment) {
				in.count++
				in.paise += pay.Paise
			}
			err = stream.ForEach(ctx, follow(service, p.c).Inspect(count), max(workers, 1), p.try)
			return in, err
		}
	}
	parts, err := task.JoinAll(ctx, logs...)
	for _, part := range parts {
		total.count += part.count
		total.paise += part.paise
	}
	return total, err
}

// try makes the first attempts; what fails goes to the queue.
func (p *pipeline) try(ctx context.Context, pay payment) error {
	p.tried.Add(1)
	if p.ledger.of(pay.Number) != open { // before a crash
		return nil
	}
	err := p.settle(ctx, pay)
	if err == nil {
		p.outcome(pay, settled)
		return nil
	}
	if ctx.Err() != nil { // the log still has the payment
		p.aborted.Add(1)
		return err
	}
	p.note(pay, 0, err)
	_, err = p.queue.Enqueue(ctx, pay.key(), pay, 20*time.Millisecond)
	return err
}

// charge charges a payment under the breaker of its gateway.
func (p *pipeline) charge(ctx context.Context, pay payment) error {
	return retry.GuardedErr(p.breakers[pay.gateway()], func(ctx context.Context) error {
		return p.bank.charge(ctx, pay)
	})(ctx)
}

// handle takes up a payment that failed: it asks what became of it, charges it
// again, and in the end sees to it that the payer has the money back.
func (p *pipeline) handle(ctx context.Context, j retry.Job[payment]) error {
	pay := j.Value
	if p.ledger.of(pay.Number) != open { // a late answer, or the last job before a crash
		return p.ledger.sync()
	}
	o, err := p.resolve(ctx, pay, j.Attempts)
	if err != nil {
		p.note(pay, j.Attempts, err)
		return err
	}
	p.outcome(pay, o)
	return p.ledger.sync() // before the queue forgets it
}

func (p *pipeline) resolve(ctx context.Context, pay payment, attempt int) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, p.c.timeout)
	defer cancel()
	state, err := p.bank.query(ctx, pay)
	if err != nil {
		return open, err
	}
	if state == none && attempt <= charging {
		switch err = p.charge(ctx, pay); {
		case err == nil:
			return settled, nil
		case !errors.Is(err, errDeclined) && !errors.Is(err, errVoided):
			return open, fmt.Errorf("charge %d: %v", attempt, err) //nolint:errorlint // the breaker's OpenError would shorten the delay
		}
	}
	if state == none {
		// A charge may still be on its way. From here on it cannot arrive.
		if state, err = p.bank.void(ctx, pay); err != nil {
			return open, err
		}
	}
	if state == applied {
		return settled, nil
	}
	return compensated, nil
}

// confirm takes an answer that comes late, or again.
func (p *pipeline) confirm(pay payment) {
	if !p.outcome(pay, settled) {
		p.again.Add(1)
	}
}

// buried takes the event of a dead letter. One whose payment has an outcome
// already, from a late answer or from its last attempt before a crash, is
// nobody's business any more.
func (p *pipeline) buried(ctx context.Context, e retry.Event[payment]) error {
	if e.Kind != retry.EventBuried {
		return nil
	}
	p.outcome(e.Job.Value, dead)
	if p.ledger.of(e.Job.Value.Number) != dead {
		if err := p.queue.Discard(ctx, e.Job.ID); !errors.Is(err, retry.ErrUnknownJob) {
			return err
		}
		return nil
	}
	p.alerts.raise("dead", fmt.Sprintf("payment %d is a dead letter: %s", e.Job.Value.Number, e.Job.Reason))
	return p.ledger.sync() // before the queue forgets the event
}

// outcome records how a payment ended and reports whether that is news.
func (p *pipeline) outcome(pay payment, o outcome) bool {
	first := p.ledger.record(pay, o)
	p.failures.Delete(pay.Number) // not before: see note
	return first
}

// note records a failed attempt.
func (p *pipeline) note(pay payment, attempt int, err error) {
	f := failure{
		Time: time.Now(), Payment: pay.Number, Service: pay.service(),
		Gateway: pay.gateway(), Attempt: attempt, Error: err.Error(),
	}
	p.failed.Add(1)
	p.failures.Store(pay.Number, f)
	if p.ledger.of(pay.Number) != open { // an answer came meanwhile, and may have found nothing to delete
		p.failures.Delete(pay.Number)
	}
	p.analytics.add(f)
}
