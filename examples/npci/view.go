package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// watch shows how far it is, and raises alerts when too much fails. It fails
// when payments are left and nothing is on its way, so that nobody waits for
// ever.
func (p *pipeline) watch(ctx context.Context, out io.Writer) error {
	every, end := 2*time.Second, "\n"
	if file, isFile := out.(*os.File); isFile {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			every, end = 200*time.Millisecond, "\r" // a terminal: one line, kept up to date
		}
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var lastTried, lastFailed int64
	var lastDead, lastFinal, idle int
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		tried, failed := p.tried.Load(), p.failed.Load()
		if n := tried - lastTried; n > 100 && (failed-lastFailed)*4 > n {
			p.alerts.raise("failures", fmt.Sprintf("%d failures of %d payments", failed-lastFailed, n))
		}
		count, _ := p.ledger.totals()
		if count[dead] > lastDead {
			p.alerts.raise("dead letters", fmt.Sprintf("%d dead letters, %d more", count[dead], count[dead]-lastDead))
		}
		stats, err := p.queue.Stats(ctx)
		if err != nil {
			return nil // Run has the error too, or ctx is done
		}
		final := count[settled] + count[compensated] + count[dead]
		if idle++; !p.isRead.Load() || final != lastFinal || stats.Waiting+stats.Claimed+stats.Events > 0 {
			idle = 0
		}
		if lastFinal = final; idle >= 3 && final < p.c.transactions {
			return fmt.Errorf("%d payments have no outcome, and nothing is on its way", p.c.transactions-final)
		}
		const width = 20
		bar := strings.Repeat("#", final*width/p.c.transactions)
		_, _ = fmt.Fprintf(out, "[%-*s] %d of %d  %d/s  retrying %d+%d  compensated %d  dead %d  breakers %v%s",
			width, bar, final, p.c.transactions, int(float64(tried-lastTried)/every.Seconds()),
			stats.Waiting, stats.Claimed, count[compensated], count[dead], p.breakerStates(), end)
		lastTried, lastFailed, lastDead = tried, failed, count[dead]
	}
}

func (p *pipeline) breakerStates() (states [gateways]string) {
	for g, b := range p.breakers {
		states[g] = b.State().String()
	}
	return states
}
