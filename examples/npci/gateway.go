package main

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/coderrange/ferrous/retry"
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
	seed   uint64
	faults faults
	answer func(payment) // called with answers that come late or again
	fail   func(error)   // called when the file cannot be written
	later  sync.WaitGroup

	mu      sync.Mutex
	log     *journal
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
	b := &bank{
		seed: c.seed, faults: c.faults, answer: answer, fail: fail,
		charges: make([]charge, c.transactions), calls: make([]uint8, c.transactions),
	}
	var err error
	b.log, err = openJournal(path, bankEntry, c.transactions, 0, func(record []byte) error {
		n, c := int(binary.LittleEndian.Uint32(record)), charge(record[4])
		if n >= len(b.charges) || c != applied && c != voided || b.charges[n] != none {
			return damaged(path, "or of another run: payment %d is %d", n, c)
		}
		b.charges[n] = c
		return nil
	})
	return b, err
}

// close waits for charges that come late.
func (b *bank) close() error {
	b.later.Wait()
	return b.log.file.Close()
}

// set makes c the state of a payment that has none yet, and returns its state.
// Once the file could not be written it always fails.
func (b *bank) set(p payment, c charge) (charge, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failure != nil {
		return none, b.failure
	}
	if b.charges[p.Number] == none {
		entry := binary.LittleEndian.AppendUint32(make([]byte, 0, bankEntry), uint32(p.Number))
		if err := b.log.write(b.log.seal(make([]byte, 0, bankRecord), append(entry, byte(c)))); err != nil {
			b.failure = err
			b.fail(err)
			return none, err
		}
		b.charges[p.Number] = c
	}
	return b.charges[p.Number], nil
}

// chance draws for the n'th call about a payment.
func (b *bank) chance(p payment, n uint64) *rand.Rand {
	return rand.New(rand.NewPCG(b.seed^0x5eed, uint64(p.Number)<<8|n))
}

// begin counts a call and reports whether the gateway is down: for a while in
// the middle of the run one of them is.
func (b *bank) begin(p payment) (r *rand.Rand, down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls[p.Number]++
	g := p.gateway()
	b.load[g]++
	middle := len(b.charges) / gateways / 2
	return b.chance(p, uint64(b.calls[p.Number])), g == 0 && b.load[g] > middle && b.load[g] <= middle+b.faults.outage
}

// poisoned reports whether the gateway can tell nothing about the payment.
func (b *bank) poisoned(p payment) bool { return b.chance(p, 0).Float64() < b.faults.poison }

// charge moves the money of a payment, unless it has done so before.
func (b *bank) charge(ctx context.Context, p payment) error {
	r, down := b.begin(p)
	if down {
		return errUnavailable
	}
	if b.poisoned(p) {
		_, err := b.set(p, applied)
		return errors.Join(errUnavailable, err)
	}
	if b.chance(p, 1<<7).Float64() < b.faults.decline {
		return retry.Permanent(errDeclined)
	}
	x := r.Float64()
	hits := func(share float64) bool { // whether x is in the next share
		x -= share
		return x < 0
	}
	switch f := b.faults; {
	case hits(f.fail):
		return errUnavailable
	case hits(f.unknown):
		_, err := b.set(p, applied)
		return errors.Join(errUnavailable, err)
	case hits(f.hang):
		<-ctx.Done()
		return context.Cause(ctx)
	case hits(f.late):
		b.later.Go(func() {
			<-ctx.Done()
			time.Sleep(time.Duration(r.IntN(50)) * time.Millisecond) //nolint:forbidigo // a slow gateway
			if c, err := b.set(p, applied); err == nil && c == applied {
				b.answer(p)
			}
		})
		<-ctx.Done()
		return context.Cause(ctx)
	case hits(f.twice):
		if c, err := b.set(p, applied); err == nil && c == applied {
			b.answer(p)
		}
	}
	switch c, err := b.set(p, applied); {
	case err != nil:
		return err
	case c == voided:
		return retry.Permanent(errVoided)
	}
	return nil
}

// query reports what became of a payment.
func (b *bank) query(_ context.Context, p payment) (charge, error) {
	r, down := b.begin(p)
	if down || b.poisoned(p) || r.Float64() < b.faults.fail {
		return none, errUnavailable
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.charges[p.Number], nil
}

// void makes sure that the money of a payment never moves, unless it has moved,
// and reports which.
func (b *bank) void(_ context.Context, p payment) (charge, error) {
	r, down := b.begin(p)
	if down || b.poisoned(p) || r.Float64() < b.faults.fail {
		return none, errUnavailable
	}
	return b.set(p, voided)
}

// state is for the auditor: it always answers.
func (b *bank) state(number int) charge {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.charges[number]
}
