package main

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/task"
)

// gateways is how many there are.
const gateways = 3

// faults is how a gateway misbehaves, as shares of its calls, and for how many
// calls one of them is down in the middle of the run.
type faults struct {
	outage int

	fail, decline, unknown, hang, late, twice, poison float64
}

var (
	errUnavailable = errors.New("gateway: unavailable")
	errDeclined    = errors.New("gateway: payment declined")
	errVoided      = errors.New("gateway: payment was voided")
)

// charge is what a gateway knows of a payment.
type charge uint8

const (
	none    charge = iota
	applied        // the money was moved, once
	voided         // it never will be
)

// bank is the other side: all gateways, with a memory of their own that
// outlives a crash of the pipeline. A real one is somewhere else; this one has
// a file, written before it answers.
type bank struct {
	seed     uint64
	faults   faults
	timeout  time.Duration // after which an answer is late
	answer   func(payment) // called with answers that come late or again
	fail     func(error)   // called when the file cannot be written
	later    *task.Pool    // of charges that come late
	log      *journal      // guarded by accounts
	accounts *arcmutex.Mutex[accounts]
}

// accounts are what the bank knows.
type accounts struct {
	failure error
	charges []charge
	calls   []uint8       // of each payment
	load    [gateways]int // calls of each gateway
}

const (
	bankEntry  = 5 // number and charge
	bankRecord = bankEntry + checksum
)

func openBank(path string, c config, answer func(payment), fail func(error)) (*bank, error) {
	a := accounts{charges: make([]charge, c.transactions), calls: make([]uint8, c.transactions)}
	log, err := openJournal(path, bankEntry, c.transactions, 0, func(record []byte) error {
		n, c := int(binary.LittleEndian.Uint32(record)), charge(record[4])
		if n >= len(a.charges) || c != applied && c != voided || a.charges[n] != none {
			return damaged(path, "or of another run: payment %d is %d", n, c)
		}
		a.charges[n] = c
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &bank{
		seed: c.seed, faults: c.faults, timeout: c.timeout, answer: answer, fail: fail, log: log,
		later:    task.NewPool(context.Background(), task.PoolOptions{Workers: task.Unlimited}),
		accounts: arcmutex.NewMutex(a).WithName("bank"),
	}, nil
}

// settle waits for charges that come late.
func (b *bank) settle() error { return b.later.Wait(context.Background()) }

// close waits for charges that come late, and closes the file.
func (b *bank) close() error {
	return errors.Join(b.later.Shutdown(context.Background()), b.log.file.Close())
}

// set makes c the state of a payment that has none yet, and returns its state.
// Once the file could not be written it always fails.
func (b *bank) set(p payment, c charge) (charge, error) {
	g := b.accounts.Lock()
	defer g.Unlock()
	a := g.Ptr()
	if a.failure != nil {
		return none, a.failure
	}
	if a.charges[p.Number] == none {
		entry := binary.LittleEndian.AppendUint32(make([]byte, 0, bankEntry), uint32(p.Number))
		if err := b.log.write(b.log.seal(make([]byte, 0, bankRecord), append(entry, byte(c)))); err != nil {
			a.failure = err
			b.fail(err)
			return none, err
		}
		a.charges[p.Number] = c
	}
	return a.charges[p.Number], nil
}

// chance draws for the n'th call about a payment.
func (b *bank) chance(p payment, n uint64) (d draws) {
	d.Seed(b.seed^0x5eed, uint64(p.Number)<<8|n)
	return d
}

// draws are those of a [rand.Rand], without its allocations.
type draws struct{ rand.PCG }

// share returns a number from 0 to below 1.
func (d *draws) share() float64 { return float64(d.Uint64()>>11) / (1 << 53) }

// begin counts a call and reports whether the gateway is down: for a while in
// the middle of the run one of them is.
func (b *bank) begin(p payment) (d draws, down bool) {
	var call uint64
	b.accounts.With(func(a *accounts) {
		a.calls[p.Number]++
		call = uint64(a.calls[p.Number])
		g := p.gateway()
		a.load[g]++
		middle := len(a.charges) / gateways / 2
		down = g == 0 && a.load[g] > middle && a.load[g] <= middle+b.faults.outage
	})
	return b.chance(p, call), down
}

// poisoned reports whether the gateway can tell nothing about the payment.
func (b *bank) poisoned(p payment) bool {
	d := b.chance(p, 0)
	return d.share() < b.faults.poison
}

// declined reports whether the payer's bank refuses the payment, whenever it is asked.
func (b *bank) declined(p payment) bool {
	d := b.chance(p, 1<<7)
	return d.share() < b.faults.decline
}

// charge is submit and waits for the answer.
func (b *bank) charge(ctx context.Context, p payment) error {
	answer := b.submit(ctx, p)
	defer b.leave(p, answer)
	failure, err := answer.Recv(ctx)
	return errors.Join(failure, err)
}

// submit asks a gateway to move the money of a payment, unless it has done so before.
// The answer comes at once, late or never. If nobody waits for it any more, a late one
// is told to b.answer.
func (b *bank) submit(ctx context.Context, p payment) *channel.OneshotReceiver[error] {
	tx, rx := channel.NewOneshot[error]()
	if answers, err := b.move(ctx, p, tx); answers {
		_ = tx.Send(err) // nobody has closed rx yet
	}
	return rx
}

// leave ends the wait for an answer. A success that nobody has received, since it came at
// the last moment, is told to b.answer, as are those that come later.
func (b *bank) leave(p payment, answer *channel.OneshotReceiver[error]) {
	answer.Shutdown()
	if failure, err := answer.TryRecv(); failure == nil && err == nil {
		b.answer(p)
	}
	answer.Close()
}

// move moves the money, or not, as the faults have it. It reports whether the gateway
// answers now; else it may do so later, through tx.
func (b *bank) move(ctx context.Context, p payment, tx *channel.OneshotSender[error]) (answers bool, err error) {
	d, down := b.begin(p)
	if down {
		return true, errUnavailable
	}
	if b.poisoned(p) {
		_, err := b.set(p, applied)
		return true, errors.Join(errUnavailable, err)
	}
	if b.declined(p) {
		return true, retry.Permanent(errDeclined)
	}
	x := d.share()
	hits := func(share float64) bool { // whether x is in the next share
		x -= share
		return x < 0
	}
	switch f := b.faults; {
	case hits(f.fail):
		return true, errUnavailable
	case hits(f.unknown):
		_, err := b.set(p, applied)
		return true, errors.Join(errUnavailable, err)
	case hits(f.hang):
		return false, nil
	case hits(f.late):
		slow := time.Duration(d.Uint64()%50) * time.Millisecond
		_, err := b.later.SubmitErr(ctx, func(context.Context) error {
			_, _ = channel.Select(ctx, channel.OnAfter(b.timeout+slow, func() {})) // or until ctx ends
			if c, err := b.set(p, applied); err == nil && c == applied && tx.Send(nil) != nil {
				b.answer(p)
			}
			return nil
		})
		return err != nil, err
	case hits(f.twice):
		if c, err := b.set(p, applied); err == nil && c == applied {
			b.answer(p)
		}
	}
	switch c, err := b.set(p, applied); {
	case err != nil:
		return true, err
	case c == voided:
		return true, retry.Permanent(errVoided)
	}
	return true, nil
}

// query reports what became of a payment.
func (b *bank) query(_ context.Context, p payment) (charge, error) {
	d, down := b.begin(p)
	if down || b.poisoned(p) || d.share() < b.faults.fail {
		return none, errUnavailable
	}
	return b.state(p.Number), nil
}

// void makes sure that the money of a payment never moves, unless it has moved,
// and reports which.
func (b *bank) void(_ context.Context, p payment) (charge, error) {
	d, down := b.begin(p)
	if down || b.poisoned(p) || d.share() < b.faults.fail {
		return none, errUnavailable
	}
	return b.set(p, voided)
}

// state is for the auditor: it always answers.
func (b *bank) state(number int) (c charge) {
	b.accounts.With(func(a *accounts) { c = a.charges[number] })
	return c
}
