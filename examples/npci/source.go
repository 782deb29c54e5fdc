package main

import (
	"context"
	"iter"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/coderrange/ferrous/stream"
)

// services are where payments come from; each has a log of its own.
var services = [...]string{"upi", "imps", "neft", "wallet"}

// payment is one line of a service's log.
type payment struct {
	Number int   // over all services: the idempotency key
	Paise  int64 // to be moved from payer to payee
}

func (p payment) key() string     { return strconv.Itoa(p.Number) }
func (p payment) service() string { return services[p.Number%len(services)] }
func (p payment) gateway() int    { return p.Number / len(services) % gateways }

// amount is what the number's payment moves.
func amount(seed uint64, number int) int64 {
	return 1 + rand.New(rand.NewPCG(seed, uint64(number))).Int64N(200_000_00)
}

// logOf is the log of one service, from its beginning.
func logOf(service int, c config) iter.Seq[payment] {
	return func(yield func(payment) bool) {
		for n := service; n < c.transactions; n += len(services) {
			if !yield(payment{n, amount(c.seed, n)}) {
				return
			}
		}
	}
}

// follow is the stream of one service's log, at its pace.
func follow(service int, c config) stream.Stream[payment] {
	return stream.New(func(ctx context.Context, yield func(payment) bool) error {
		pace := newPace(c.rate, len(services))
		defer pace.stop()
		for p := range logOf(service, c) {
			pace.wait(ctx)
			if !yield(p) {
				break
			}
		}
		return nil
	})
}

// pace spreads payments over time.
type pace struct {
	ticker *time.Ticker
	each   int // payments a tick
	left   int
}

// newPace returns the pace of one of parts logs that together make rate payments
// a second; a rate of 0 is as fast as they go.
func newPace(rate, parts int) *pace {
	if rate == 0 {
		return &pace{}
	}
	const ticks = 100 // a second, at most
	each := max(rate/parts/ticks, 1)
	every := time.Duration(float64(time.Second) * float64(each) * float64(parts) / float64(rate))
	return &pace{ticker: time.NewTicker(max(every, 1)), each: each}
}

func (p *pace) wait(ctx context.Context) {
	if p.ticker == nil {
		return
	}
	if p.left == 0 {
		select {
		case <-p.ticker.C:
		case <-ctx.Done():
		}
		p.left = p.each
	}
	p.left--
}

func (p *pace) stop() {
	if p.ticker != nil {
		p.ticker.Stop()
	}
}
