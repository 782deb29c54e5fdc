package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// report prints the books and what is wrong with them.
func (p *pipeline) report(in income, took time.Duration, out io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%d payments in %.1f s\n", p.c.transactions, took.Seconds())
	err := p.reconcile(in, &text)
	if err == nil {
		// Books that are no longer there balance nothing.
		err = errors.Join(p.ledger.sync(), p.bank.log.present())
	}
	if err == nil {
		text.WriteString("the books balance\n")
	}
	_, written := io.WriteString(out, text.String())
	return errors.Join(err, written)
}

// reconcile compares what came in with what went out, the ledger with the
// bank, and reports every difference.
func (p *pipeline) reconcile(in income, out *strings.Builder) error {
	count, paise := p.ledger.totals()
	fmt.Fprintf(out, "%-12s %9s %18s\n", "", "payments", "rupees")
	line := func(name string, n int, paise int64) {
		fmt.Fprintf(out, "%-12s %9d %15d.%02d\n", name, n, paise/100, paise%100)
	}
	line("submitted", in.count, in.paise)
	line("settled", count[settled], paise[settled])
	line("compensated", count[compensated], paise[compensated])
	line("dead", count[dead], paise[dead])

	var differences []error
	differ := func(format string, args ...any) { differences = append(differences, fmt.Errorf(format, args...)) }
	if n := count[settled] + count[compensated] + count[dead]; n != in.count || n != p.c.transactions {
		differ("%d payments ended, %d were submitted, %d were to come", n, in.count, p.c.transactions)
	}
	if sum := paise[settled] + paise[compensated] + paise[dead]; sum != in.paise {
		differ("%d paise went out, %d came in", sum, in.paise)
	}
	var moved [outcomes]int64 // what the bank moved, by the ledger's outcome
	for n := range p.c.transactions {
		o, c := p.ledger.of(n), p.bank.state(n)
		if c == applied {
			moved[o] += amount(p.c.seed, n)
		}
		if o == settled && c != applied || o == compensated && c != voided {
			differ("payment %d: ledger says %d, bank says %d", n, o, c)
		}
	}
	if moved[settled] != paise[settled] || moved[compensated] != 0 {
		differ("the bank moved %d paise of %d settled, %d of compensated", moved[settled], paise[settled], moved[compensated])
	}
	if n := p.failures.Size(); n != 0 {
		differ("%d failures are left", n)
	}
	letters := 0
	for job, err := range p.queue.Dead(context.Background()) {
		if err != nil {
			return err
		}
		switch p.ledger.of(job.Value.Number) {
		case dead:
			letters++
		case open:
			differ("dead letter %s: not in the ledger", job.Key)
		case settled, compensated: // about to be discarded: see buried
		}
	}
	if letters != count[dead] {
		differ("%d dead letters, %d in the ledger", letters, count[dead])
	}
	sent, suppressed := p.alerts.counts()
	fmt.Fprintf(out, "failed attempts %d, answers that told nothing new %d, alerts %d (%d more of the same)\n",
		p.failed.Load(), p.again.Load(), sent, suppressed)
	const most = 20
	if n := len(differences); n > most {
		differences = append(differences[:most], fmt.Errorf("and %d more", n-most))
	}
	if len(differences) > 0 {
		return fmt.Errorf("%w: %w", errDamaged, errors.Join(differences...))
	}
	return nil
}
