package main

import (
	"encoding/binary"
	"errors"
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
//
// When the file cannot be written, or is no longer there, the ledger is broken:
// it writes no more, and each sync returns the error.
type ledger struct {
	syncs   chan chan error
	writer  sync.WaitGroup
	done    chan struct{} // closed when all payments have an outcome
	broken  chan struct{} // closed when failure is set
	failure error         // the writer's own until broken is closed
	journal *journal      // its checksum is guarded by mu, all else is the writer's
	watch   bookkeeper

	mu     sync.Mutex
	book   []outcome
	count  [outcomes]int
	paise  [outcomes]int64
	buffer []byte // not yet written
}

// bookkeeper is told how many records are on disk, and says whether all files
// are where they were.
type bookkeeper interface {
	mark(records int) error
	present() error
}

const (
	ledgerEntry  = 13 // number, outcome, paise
	ledgerRecord = ledgerEntry + checksum
)

// openLedger opens or creates a ledger for so many payments, of which so many
// records were synced.
func openLedger(path string, payments, synced int, watch bookkeeper) (*ledger, error) {
	l := &ledger{
		syncs: make(chan chan error), done: make(chan struct{}), broken: make(chan struct{}),
		watch: watch, book: make([]outcome, payments),
	}
	var err error
	if l.journal, err = openJournal(path, ledgerEntry, payments, synced, l.load(path)); err != nil {
		return nil, err
	}
	l.writer.Go(l.write)
	return l, nil
}

// load returns what takes up a record of the file.
func (l *ledger) load(path string) func(record []byte) error {
	return func(record []byte) error {
		n, o := int(binary.LittleEndian.Uint32(record)), outcome(record[4])
		if n >= len(l.book) || o == open || int(o) >= outcomes || l.book[n] != open {
			return damaged(path, "or of another run: payment %d is %d", n, o)
		}
		l.note(payment{n, int64(binary.LittleEndian.Uint64(record[5:]))}, o)
		return nil
	}
}

// record notes the outcome of a payment and reports whether it is the first.
// It is on disk within a moment, or when sync has returned.
func (l *ledger) record(p payment, o outcome) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.book[p.Number] != open {
		return false
	}
	l.note(p, o)
	entry := binary.LittleEndian.AppendUint32(make([]byte, 0, ledgerEntry), uint32(p.Number))
	entry = append(entry, byte(o))
	entry = binary.LittleEndian.AppendUint64(entry, uint64(p.Paise))
	l.buffer = l.journal.seal(l.buffer, entry)
	return true
}

// note counts the outcome of a payment that has none.
func (l *ledger) note(p payment, o outcome) {
	l.book[p.Number] = o
	l.count[o]++
	l.paise[o] += p.Paise
	if l.final() == len(l.book) {
		close(l.done)
	}
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

// flush brings what was recorded to the disk.
func (l *ledger) flush() {
	if l.failure != nil {
		return
	}
	if l.failure = l.save(); l.failure != nil {
		close(l.broken)
	}
}

func (l *ledger) save() error {
	l.mu.Lock()
	buffer := l.buffer
	l.buffer = nil
	l.mu.Unlock()
	if len(buffer) > 0 {
		if err := l.journal.write(buffer); err != nil {
			return err
		}
		if err := l.journal.file.Sync(); err != nil {
			return err
		}
	}
	// Only now is it known that the records are in a file that has a name.
	if err := errors.Join(l.journal.present(), l.watch.present()); err != nil {
		return err
	}
	if len(buffer) == 0 {
		return nil
	}
	return l.watch.mark(l.journal.count)
}

// close writes the rest and closes the file. Nobody may call sync any more.
func (l *ledger) close() error {
	close(l.syncs)
	l.writer.Wait()
	return errors.Join(l.failure, l.journal.file.Close())
}
