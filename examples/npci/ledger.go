package main

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/task"
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
	syncs   *channel.Sender[channel.Request[struct{}, error]]
	writer  *task.Handle[struct{}]
	done    chan struct{}            // closed when all payments have an outcome
	broken  arcmutex.OnceLock[error] // why it writes no more
	journal *journal                 // its checksum is guarded by books, all else is the writer's
	watch   bookkeeper
	books   *arcmutex.Mutex[books]
}

// books are what the ledger says, and what of it is not yet written.
type books struct {
	book   []outcome
	count  [outcomes]int
	paise  [outcomes]int64
	buffer []byte
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
	syncsAtOnce  = 256 // of one flush
)

// openLedger opens or creates a ledger for so many payments, of which so many
// records were synced.
func openLedger(path string, payments, synced int, watch bookkeeper) (*ledger, error) {
	b := books{book: make([]outcome, payments)}
	j, err := openJournal(path, ledgerEntry, payments, synced, b.load(path))
	if err != nil {
		return nil, err
	}
	tx, rx := channel.New[channel.Request[struct{}, error]](syncsAtOnce)
	l := &ledger{
		syncs:   tx,
		done:    make(chan struct{}), // Go's own: it is closed once
		journal: j, watch: watch,
		books: arcmutex.NewMutex(b).WithName("ledger"),
	}
	if b.final() == payments {
		close(l.done)
	}
	l.writer = task.GoErr(context.Background(), func(ctx context.Context) error {
		defer rx.Close() // a writer that panics keeps nobody waiting
		return l.write(ctx, rx)
	})
	return l, nil
}

// load returns what takes up a record of the file.
func (b *books) load(path string) func(record []byte) error {
	return func(record []byte) error {
		n, o := int(binary.LittleEndian.Uint32(record)), outcome(record[4])
		if n >= len(b.book) || o == open || int(o) >= outcomes || b.book[n] != open {
			return damaged(path, "or of another run: payment %d is %d", n, o)
		}
		b.note(payment{n, int64(binary.LittleEndian.Uint64(record[5:]))}, o)
		return nil
	}
}

// record notes the outcome of a payment and reports whether it is the first.
// It is on disk within a moment, or when sync has returned.
func (l *ledger) record(p payment, o outcome) (first bool) {
	l.books.With(func(b *books) {
		if b.book[p.Number] != open {
			return
		}
		first = true
		b.note(p, o)
		entry := binary.LittleEndian.AppendUint32(make([]byte, 0, ledgerEntry), uint32(p.Number))
		entry = append(entry, byte(o))
		entry = binary.LittleEndian.AppendUint64(entry, uint64(p.Paise))
		b.buffer = l.journal.seal(b.buffer, entry)
		if b.final() == len(b.book) {
			close(l.done)
		}
	})
	return first
}

// note counts the outcome of a payment that has none.
func (b *books) note(p payment, o outcome) {
	b.book[p.Number] = o
	b.count[o]++
	b.paise[o] += p.Paise
}

// final returns how many payments have an outcome.
func (b *books) final() int { return b.count[settled] + b.count[compensated] + b.count[dead] }

// of returns the outcome of a payment.
func (l *ledger) of(number int) (o outcome) {
	l.books.With(func(b *books) { o = b.book[number] })
	return o
}

// totals returns the number and the sum of each outcome.
func (l *ledger) totals() (count [outcomes]int, paise [outcomes]int64) {
	l.books.With(func(b *books) { count, paise = b.count, b.paise })
	return count, paise
}

// sync waits until all that was recorded is on disk.
func (l *ledger) sync() error {
	failure, err := channel.Call(context.Background(), l.syncs, struct{}{})
	return errors.Join(failure, err)
}

// write is the writer: it syncs for those who wait, and every moment.
func (l *ledger) write(ctx context.Context, rx *channel.Receiver[channel.Request[struct{}, error]]) error {
	var waiting []channel.Request[struct{}, error]
	var closed error
	take := func(r channel.Request[struct{}, error], err error) {
		if closed = err; err == nil {
			waiting = append(waiting, r)
		}
	}
	cases := []channel.Case{rx.OnRecv(take), channel.OnTick(50*time.Millisecond, func(time.Time) {})}
	for closed == nil {
		if _, err := channel.Select(ctx, cases...); err != nil {
			return err
		}
		for closed == nil && len(waiting) > 0 { // one sync for all who ask for it by now
			r, err := rx.TryRecv()
			if errors.Is(err, channel.ErrEmpty) {
				break
			}
			take(r, err)
		}
		failure := l.flush()
		for _, r := range waiting {
			_ = r.Reply(failure)
		}
		waiting = waiting[:0]
	}
	return nil
}

// flush brings what was recorded to the disk.
func (l *ledger) flush() error {
	if failure, broken := l.broken.Get(); broken {
		return failure
	}
	err := l.save()
	if err != nil {
		l.broken.Set(err)
	}
	return err
}

func (l *ledger) save() error {
	var buffer []byte
	l.books.With(func(b *books) { buffer, b.buffer = b.buffer, nil })
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
	l.syncs.Close()
	_, err := l.writer.Join(context.Background())
	failure, _ := l.broken.Get()
	return errors.Join(err, failure, l.journal.file.Close())
}
