package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// outcome is how a payment ended.
type outcome uint8

const (
	open        outcome = iota
	settled             // the payee has the money
	compensated         // the payer has it back
	dead                // it lies aside until a person has looked
)

// outcomes is how many there are, open included.
const outcomes = int(dead) + 1

// ledger is the book of outcomes: a payment has one, the first that is written
// down. The file is synced for all waiting writers at once.
type ledger struct {
	syncs   chan chan error
	writer  sync.WaitGroup
	done    chan struct{} // closed when all payments have an outcome
	failure error         // the writer's own

	mu     sync.Mutex
	file   *os.File
	book   []outcome
	count  [outcomes]int
	paise  [outcomes]int64
	buffer []byte // not yet written
}

const ledgerRecord = 13 // number, outcome, paise

func openLedger(path string, payments int) (*ledger, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	l := &ledger{
		syncs: make(chan chan error), done: make(chan struct{}),
		file: file, book: make([]outcome, payments),
	}
	if err := l.load(path); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	l.buffer = nil
	l.writer.Go(l.write)
	return l, nil
}

func (l *ledger) load(path string) error {
	data, err := io.ReadAll(l.file)
	if err != nil {
		return err
	}
	whole := len(data) / ledgerRecord * ledgerRecord
	for i := 0; i < whole; i += ledgerRecord {
		n, o := int(binary.LittleEndian.Uint32(data[i:])), outcome(data[i+4])
		if n >= len(l.book) || o == open || int(o) >= outcomes {
			return fmt.Errorf("%s: damaged, or of another run: payment %d is %d", path, n, o)
		}
		l.record(payment{n, int64(binary.LittleEndian.Uint64(data[i+5:]))}, o)
	}
	return l.file.Truncate(int64(whole))
}

// record notes the outcome of a payment and reports whether it is the first.
// It is on disk within a moment, or when sync has returned.
func (l *ledger) record(p payment, o outcome) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.book[p.Number] != open {
		return false
	}
	l.book[p.Number] = o
	l.count[o]++
	l.paise[o] += p.Paise
	l.buffer = binary.LittleEndian.AppendUint32(l.buffer, uint32(p.Number))
	l.buffer = append(l.buffer, byte(o))
	l.buffer = binary.LittleEndian.AppendUint64(l.buffer, uint64(p.Paise))
	if l.final() == len(l.book) {
		close(l.done)
	}
	return true
}

// final returns how many payments have an outcome.
func (l *ledger) final() int { return l.count[settled] + l.count[compensated] + l.count[dead] }

// of returns the outcome of a payment.
func (l *ledger) of(number int) outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.book[number]
}

// totals returns the number and the sum of each outcome.
func (l *ledger) totals() (count [outcomes]int, paise [outcomes]int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count, l.paise
}

// sync waits until all that was recorded is on disk.
func (l *ledger) sync() error {
	done := make(chan error, 1)
	l.syncs <- done
	return <-done
}

// write is the writer: it syncs for those who wait, and every moment.
func (l *ledger) write() {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	var waiting []chan error
	for more := true; more; {
		waiting = waiting[:0]
		select {
		case done, open := <-l.syncs:
			if more = open; open {
				waiting = append(waiting, done)
			}
		case <-ticker.C:
		}
		for found := more; found; {
			select {
			case done, open := <-l.syncs:
				if found, more = open, open; open {
					waiting = append(waiting, done)
				}
			default:
				found = false
			}
		}
		l.flush()
		for _, done := range waiting {
			done <- l.failure
		}
	}
}

func (l *ledger) flush() {
	l.mu.Lock()
	buffer := l.buffer
	l.buffer = nil
	l.mu.Unlock()
	if len(buffer) == 0 || l.failure != nil {
		return
	}
	if _, l.failure = l.file.Write(buffer); l.failure == nil {
		l.failure = l.file.Sync()
	}
}

// close writes the rest and closes the file. Nobody may call sync any more.
func (l *ledger) close() error {
	close(l.syncs)
	l.writer.Wait()
	return errors.Join(l.failure, l.file.Close())
}
