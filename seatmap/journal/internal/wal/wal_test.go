package wal_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap/journal/internal/faultfs"
	"github.com/coderrange/ferrous/seatmap/journal/internal/wal"
)

// segment is the smallest size of a segment.
const segment = 32 << 10

// number is a record: a number, and so many bytes that depend on it.
type number struct {
	n    uint64
	size int
}

func (r number) AppendTo(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, r.n)
	for i := range r.size {
		b = append(b, byte(r.n)|byte(i)|1)
	}
	return b
}

func (r number) bytes() int { return 8 + r.size }

// read returns the records of a log, those of its checkpoint included.
func read(t *testing.T, fs wal.FS, readOnly bool) (*wal.Log, []uint64, error) {
	t.Helper()
	var got []uint64
	l, err := wal.Open(fs, wal.Options{
		SegmentSize: segment,
		ReadOnly:    readOnly,
		Checkpoint: func(part []byte) error {
			require.Len(t, part, 8)
			got = append(got, binary.LittleEndian.Uint64(part))
			return nil
		},
		Record: func(record []byte) error {
			n := binary.LittleEndian.Uint64(record)
			require.Equal(t, number{n, len(record) - 8}.AppendTo(nil), record)
			got = append(got, n)
			return nil
		},
	})
	return l, got, err
}

// client uses a log and knows what must be in it.
type client struct {
	t     *testing.T
	fs    *faultfs.FS
	log   *wal.Log
	next  uint64
	sure  []uint64 // acknowledged, or found by an Open
	maybe []uint64 // appended after that
}

// open opens the log and checks what is in it.
func (c *client) open() error {
	log, got, err := read(c.t, c.fs, false)
	if err != nil {
		damage, damaged := errors.AsType[*wal.DamageError](err)
		require.False(c.t, damaged, "%v", damage)
		return err
	}
	all := append(append([]uint64{}, c.sure...), c.maybe...)
	require.GreaterOrEqual(c.t, len(got), len(c.sure), "an acknowledged record is lost")
	require.LessOrEqual(c.t, len(got), len(all))
	require.True(c.t, slices.Equal(all[:len(got)], got), "%d, not %d", got, all)
	c.log, c.sure, c.maybe = log, got, nil
	return nil
}

// add appends records, and waits for the last.
func (c *client) add(sizes ...int) error {
	total := 0
	for _, size := range sizes {
		total += number{0, size}.bytes() + 200
	}
	if err := c.log.Reserve(context.Background(), total); err != nil {
		return err
	}
	defer c.log.Release(total)
	var last uint64
	for _, size := range sizes {
		c.next++
		c.maybe = append(c.maybe, c.next)
		last = c.log.Append(number{c.next, size})
	}
	if err := c.log.Wait(context.Background(), last); err != nil {
		return err
	}
	c.sure, c.maybe = append(c.sure, c.maybe...), nil
	return nil
}

func (c *client) checkpoint() error {
	return c.log.Checkpoint(func(part func([]byte) error) error {
		for _, n := range c.sure {
			if err := part(binary.LittleEndian.AppendUint64(nil, n)); err != nil {
				return err
			}
		}
		return nil
	})
}

// work uses a log in all ways. After an error it opens the log again and goes on, until
// the file system has crashed.
func (c *client) work() {
	reopen := func() error {
		if c.log != nil {
			err := c.log.Close()
			c.log = nil
			if err != nil {
				return err
			}
		}
		return c.open()
	}
	for _, step := range []func() error{
		reopen,
		func() error { return c.add(10) },
		func() error { return c.add(1000, 0, 700) },
		reopen,
		func() error { return c.add(15_000) },
		func() error { return c.add(7_500, 7_500) }, // goes on in the next segment
		c.checkpoint,
		c.checkpoint,
		func() error { return c.add(1250) },
		reopen,
		func() error { return c.add(50_000) }, // more than a segment
		func() error { return c.add(20) },
		c.checkpoint,
		func() error { return c.add(2000) },
		reopen,
		reopen,
		func() error { return c.add(7) },
	} {
		for try := 0; ; try++ {
			err := step()
			if err == nil {
				break
			}
			if errors.Is(err, faultfs.ErrCrashed) {
				return
			}
			require.Less(c.t, try, 2, "one fault causes one error: %v", err)
			if c.log == nil || errors.Is(err, wal.ErrFailed) {
				if c.log != nil {
					_ = c.log.Close()
				}
				c.log = nil
				if err := c.open(); err != nil {
					require.ErrorIs(c.t, err, faultfs.ErrCrashed)
					return
				}
			}
		}
	}
}

func (c *client) close() {
	if c.log != nil {
		_ = c.log.Close()
		c.log = nil
	}
}

var faults = map[string]faultfs.Fault{
	"no fault":    {},
	"EIO":         {Err: errIO},
	"EIO, partly": {Err: errIO, Part: 1},
	"ENOSPC":      {Err: errFull},
	"crash":       {Crash: true},
}

// TestNothingThatWasAcknowledgedIsLost has each kind of fault in each operation of the
// file system, then a crash that loses what was not synced, a crash in the recovery, and
// goes on after that.
func TestNothingThatWasAcknowledgedIsLost(t *testing.T) {
	step := 1
	if testing.Short() || testkit.RaceEnabled {
		step = 7
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for op := 1; ; op += step {
				reached := 0
				for loss := range faultfs.Losses {
					reached = max(reached, crashes(t, fault, op, loss))
				}
				if reached < op || name == "no fault" {
					require.Greater(t, op+reached, 40)
					return
				}
			}
		})
	}
}

func crashes(t *testing.T, fault faultfs.Fault, op int, loss faultfs.Loss) (ops int) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("fault in operation %d, loss %d", op, loss)
		}
	}()
	r := rand.New(rand.NewPCG(uint64(loss), uint64(op)))
	c := &client{t: t, fs: &faultfs.FS{Fault: once(op, fault)}}
	if (op+int(loss))%2 == 0 { // a crash soon after the fault
		end := op + 1 + r.IntN(20)
		c.fs.Break(func(n int, _ string) faultfs.Fault {
			if n == end {
				return faultfs.Fault{Crash: true}
			}
			return once(op, fault)(n, "")
		})
	}
	c.work()
	ops = c.fs.Ops()
	after := c.fs.Crash(loss, r)
	c.close()
	// The recovery meets a fault, and then a crash.
	for _, fault := range []faultfs.Fault{{Err: errIO, Part: 1}, {Crash: true}} {
		c.fs = after
		c.fs.Break(once(c.fs.Ops()+1+r.IntN(6), fault))
		if c.open() == nil {
			_ = c.add(10)
		}
		c.close()
	}
	after = c.fs.Crash(faultfs.Loss(r.IntN(int(faultfs.Losses))), r)
	c.close()
	c.fs = after
	require.NoError(t, c.open())
	require.NoError(t, c.add(3))
	require.NoError(t, c.add(18_000))
	require.NoError(t, c.checkpoint())
	require.NoError(t, c.add(3))
	after = c.fs.Crash(faultfs.LoseAll, r)
	c.close()
	c.fs = after
	require.NoError(t, c.open())
	require.Empty(t, c.maybe)
	require.NoError(t, c.log.Close())
	return ops
}

func once(op int, fault faultfs.Fault) func(int, string) faultfs.Fault {
	return func(n int, _ string) faultfs.Fault {
		if n == op {
			return fault
		}
		return faultfs.Fault{}
	}
}

// TestARecordIsSyncedBeforeItIsAcknowledged looks at what a crash would leave each time a
// record is acknowledged to one of several goroutines.
func TestARecordIsSyncedBeforeItIsAcknowledged(t *testing.T) {
	disk := &faultfs.FS{}
	log, _, err := read(t, disk, false)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for g := range uint64(8) {
		wg.Go(func() {
			for i := range uint64(8) {
				r := number{g<<32 | i, int(g * 300)}
				if !assert.NoError(t, log.Reserve(t.Context(), r.bytes())) {
					return
				}
				n := log.Append(r)
				assert.NoError(t, log.Wait(t.Context(), n))
				log.Release(r.bytes())
				assert.True(t, log.Durable(n))
				left, got, err := read(t, disk.Persisted(), true)
				if assert.NoError(t, err) {
					assert.Contains(t, got, r.n)
					assert.NoError(t, left.Close())
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, log.Close())
	require.ErrorIs(t, log.Reserve(t.Context(), 1), wal.ErrClosed)
	require.ErrorIs(t, log.Wait(t.Context(), log.Append(number{})), wal.ErrClosed)
	require.NoError(t, log.Close())
}

// TestWaitersShareASync blocks a sync, and has many callers wait meanwhile.
func TestWaitersShareASync(t *testing.T) {
	disk := &faultfs.FS{}
	log, _, err := read(t, disk, false)
	require.NoError(t, err)
	log.Prepare()
	started, release := make(chan struct{}, 100), make(chan struct{})
	disk.OnSync(func() {
		started <- struct{}{}
		<-release
	})
	first := log.Append(number{1, 0})
	<-started
	before := disk.Ops()
	var last uint64
	for n := range uint64(50) {
		last = log.Append(number{n, 0})
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("gave up")
	cancel(cause)
	require.ErrorIs(t, log.Wait(ctx, first), cause)
	require.ErrorIs(t, log.Wait(ctx, last), cause)
	close(release)
	require.NoError(t, log.Wait(t.Context(), last))
	require.NoError(t, log.Wait(ctx, last), "what is on disk needs no wait")
	assert.Equal(t, 2, disk.Ops()-before, "one write and one sync for all")
	require.NoError(t, log.Close())
}

func TestAFailedSyncEndsTheLogUntilItIsOpenedAgain(t *testing.T) {
	for _, op := range []string{"sync", "write"} {
		c := &client{t: t, fs: &faultfs.FS{}}
		require.NoError(t, c.open())
		require.NoError(t, c.add(1))
		c.log.Prepare()
		failed := false
		c.fs.Break(func(_ int, name string) faultfs.Fault {
			if name == op && !failed {
				failed = true
				return faultfs.Fault{Err: errIO, Part: 1}
			}
			return faultfs.Fault{}
		})
		err := c.add(2)
		require.ErrorIs(t, err, wal.ErrFailed)
		require.ErrorIs(t, err, errIO)
		ops := c.fs.Ops()
		for range 3 {
			require.Equal(t, err, c.add(3), "it is said again, and nothing is tried")
		}
		require.Equal(t, err, c.checkpoint())
		require.Equal(t, err, c.log.Failed())
		require.ErrorIs(t, c.log.Close(), errIO)
		require.Equal(t, ops, c.fs.Ops())
		require.NoError(t, c.open())
		require.NoError(t, c.add(4))
		after := c.fs.Crash(faultfs.LoseAll, nil)
		_ = c.log.Close()
		c.fs = after
		require.NoError(t, c.open())
		require.NoError(t, c.log.Close())
	}
}

// TestWhatAFailedSyncLostIsWrittenAgain opens a log whose last frame is in the memory of
// the kernel only, where it counts as written.
func TestWhatAFailedSyncLostIsWrittenAgain(t *testing.T) {
	c := &client{t: t, fs: &faultfs.FS{}}
	require.NoError(t, c.open())
	require.NoError(t, c.add(1))
	c.log.Prepare()
	c.fs.Break(func(_ int, name string) faultfs.Fault {
		if name == "sync" {
			return faultfs.Fault{Err: errIO}
		}
		return faultfs.Fault{}
	})
	require.ErrorIs(t, c.add(2), errIO)
	_ = c.log.Close()
	c.fs.Break(nil)
	require.NoError(t, c.open())
	require.Equal(t, []uint64{1, 2}, c.sure, "it was found")
	after := c.fs.Crash(faultfs.LoseAll, nil)
	_ = c.log.Close()
	c.fs = after
	require.NoError(t, c.open(), "so it stays")
	require.NoError(t, c.log.Close())
}

func TestAFullDiskRefusesAndRecovers(t *testing.T) {
	c := &client{t: t, fs: &faultfs.FS{}}
	require.NoError(t, c.open())
	require.NoError(t, c.add(1))
	c.log.Prepare()
	c.fs.Break(func(_ int, name string) faultfs.Fault {
		if name == "create" || name == "allocate" {
			return faultfs.Fault{Err: errFull}
		}
		return faultfs.Fault{}
	})
	var err error
	for n := 0; err == nil; n++ {
		require.Less(t, n, 100)
		err = c.add(2000)
	}
	require.ErrorIs(t, err, errFull)
	require.NotErrorIs(t, err, wal.ErrFailed)
	require.Empty(t, c.maybe, "nothing has happened")
	require.NoError(t, c.log.Failed())
	require.NoError(t, c.add(0), "there is room for a small one")
	require.ErrorIs(t, c.add(12_500), errFull)
	require.ErrorIs(t, c.checkpoint(), errFull)
	c.fs.Break(nil)
	require.NoError(t, c.add(12_500))
	require.NoError(t, c.add(12_500))
	require.NoError(t, c.checkpoint())
	require.NoError(t, c.log.Close())
	require.NoError(t, c.open())
	require.NoError(t, c.log.Close())
}

// TestAWriteThatHasNoRoomEndsTheLog is of a file system that does not keep the room that
// it has allocated.
func TestAWriteThatHasNoRoomEndsTheLog(t *testing.T) {
	c := &client{t: t, fs: &faultfs.FS{}}
	require.NoError(t, c.open())
	c.log.Prepare()
	c.fs.Break(func(_ int, name string) faultfs.Fault {
		if name == "write" {
			return faultfs.Fault{Err: errFull}
		}
		return faultfs.Fault{}
	})
	err := c.add(1)
	require.ErrorIs(t, err, wal.ErrFailed)
	require.ErrorIs(t, err, errFull)
	require.Error(t, c.log.Close())
	c.fs.Break(nil)
	require.NoError(t, c.open())
	require.NoError(t, c.add(1))
	require.NoError(t, c.log.Close())
}

// frames is where frames begin and end in a file.
type frames struct {
	file     string
	from, to int
}

// written returns a log of several segments, of which the last has one frame that is in
// the middle of nothing, and where its frames are.
func written(t *testing.T, clean bool) (*faultfs.FS, []frames, []uint64) {
	t.Helper()
	c := &client{t: t, fs: &faultfs.FS{}}
	require.NoError(t, c.open())
	require.NoError(t, c.add(5, 6))
	require.NoError(t, c.checkpoint())
	require.NoError(t, c.add(600))
	for range 3 {
		require.NoError(t, c.add(12_500))
	}
	require.NoError(t, c.add(1))
	require.NoError(t, c.add(1200))
	if clean {
		require.NoError(t, c.log.Close())
		return c.fs, find(c.fs), c.sure
	}
	fs := c.fs.Clone()
	require.NoError(t, c.log.Close())
	return fs, find(fs), c.sure
}

// find finds frames by their first bytes.
func find(fs *faultfs.FS) (all []frames) {
	for _, name := range fs.Names() {
		b := fs.Content(name)
		for at := 64; at+48 <= len(b); at += 64 {
			if string(b[at:at+4]) == "FWAF" {
				all = append(all, frames{name, at, at + 48 + int(binary.LittleEndian.Uint32(b[at+28:]))})
			}
		}
	}
	return all
}

func TestAFlippedBitIsRefusedWithItsOffset(t *testing.T) {
	for _, clean := range []bool{false, true} {
		disk, all, want := written(t, clean)
		count := 7 // six of records, and a seal
		if clean {
			count++ // and the end
		}
		require.Len(t, all, count)
		for i, f := range all {
			step := 1
			if f.to-f.from > 1000 || testing.Short() || testkit.RaceEnabled {
				step = 97
			}
			for at := f.from; at < f.to; at += step {
				for _, bit := range []byte{1, 0x80} {
					disk.Content(f.file)[at] ^= bit
					_, _, err := read(t, disk.Clone(), false)
					disk.Content(f.file)[at] ^= bit
					damage, ok := errors.AsType[*wal.DamageError](err)
					require.True(t, ok, "frame %d, byte %d: %v", i, at-f.from, err)
					require.Equal(t, f.file, damage.File)
					require.Equal(t, int64(f.from), damage.Offset)
				}
			}
		}
		log, got, err := read(t, disk, false)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.NoError(t, log.Close())
	}
}

func TestADamagedHeaderOrCheckpointIsRefused(t *testing.T) {
	disk, _, _ := written(t, true)
	for _, name := range disk.Names() {
		n := len(disk.Content(name))
		for at := range min(n, 60) {
			disk.Content(name)[at] ^= 4
			_, _, err := read(t, disk.Clone(), false)
			disk.Content(name)[at] ^= 4
			damage, ok := errors.AsType[*wal.DamageError](err)
			if !ok && bytes.HasSuffix([]byte(name), []byte(".log")) && at >= 32 && at < 60 {
				t.Fatalf("%s: byte %d: %v", name, at, err)
			}
			require.True(t, ok, "%s, byte %d: %v", name, at, err)
			require.Equal(t, name, damage.File)
			require.ErrorContains(t, damage, fmt.Sprintf("%s is damaged at byte %d: ", name, damage.Offset))
		}
	}
}

func TestAMissingSegmentIsRefused(t *testing.T) {
	disk, all, _ := written(t, true)
	first, last := all[0].file, all[len(all)-1].file
	require.NotEqual(t, first, last)
	for _, name := range []string{first, last} {
		one := disk.Clone()
		require.NoError(t, one.Remove(name))
		_, _, err := read(t, one, false)
		damage, ok := errors.AsType[*wal.DamageError](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, &wal.DamageError{File: name, Reason: "it is missing"}, damage)
	}
}

// TestBytesOfAnotherSegmentAreNoRecords puts a frame of one segment where the next frame
// of another is expected, as a file system does that recycles blocks.
func TestBytesOfAnotherSegmentAreNoRecords(t *testing.T) {
	disk, all, want := written(t, false)
	last := all[len(all)-1]
	end := (last.to + 63) &^ 63
	other := make([]byte, 512)
	copy(other, disk.Content(all[0].file)[all[0].from:all[0].to])
	copy(disk.Content(last.file)[end:], other)
	log, got, err := read(t, disk, false)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NoError(t, log.Close())
	require.True(t, bytes.Equal(make([]byte, 448), disk.Content(last.file)[end+64:end+512]), "they are gone")
}

func TestALogIsOpenOnce(t *testing.T) {
	disk := &faultfs.FS{}
	log, _, err := read(t, disk, false)
	require.NoError(t, err)
	_, _, err = read(t, disk, false)
	require.ErrorIs(t, err, wal.ErrLocked)
	require.NoError(t, log.Close())
	log, _, err = read(t, disk, true)
	require.NoError(t, err)
	require.ErrorIs(t, log.Reserve(t.Context(), 1), wal.ErrClosed)
	require.NoError(t, log.Close())
}

func TestAReaderNeedsALog(t *testing.T) {
	_, _, err := read(t, &faultfs.FS{}, true)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestARecordThatNoSegmentHoldsIsRefused(t *testing.T) {
	log, _, err := read(t, &faultfs.FS{}, false)
	require.NoError(t, err)
	require.ErrorIs(t, log.Reserve(t.Context(), wal.MaxRecord+1), wal.ErrTooLarge)
	require.NoError(t, log.Close())
}

// TestRecordsGoOnDuringCheckpoints has several goroutines append while another makes
// checkpoints.
func TestRecordsGoOnDuringCheckpoints(t *testing.T) {
	disk := &faultfs.FS{}
	log, _, err := read(t, disk, false)
	require.NoError(t, err)
	var mu sync.Mutex
	var all []uint64 // in the order of the log
	var wg sync.WaitGroup
	for g := range uint64(4) {
		wg.Go(func() {
			for i := range uint64(100) {
				r := number{g<<32 | i, 2000}
				if !assert.NoError(t, log.Reserve(t.Context(), r.bytes())) {
					return
				}
				mu.Lock()
				n := log.Append(r)
				all = append(all, r.n)
				mu.Unlock()
				assert.NoError(t, log.Wait(t.Context(), n))
				log.Release(r.bytes())
			}
		})
	}
	checkpoint := func() {
		require.NoError(t, log.Checkpoint(func(part func([]byte) error) error {
			mu.Lock()
			defer mu.Unlock()
			for _, n := range all {
				if err := part(binary.LittleEndian.AppendUint64(nil, n)); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	for range 5 {
		checkpoint()
	}
	wg.Wait()
	require.NoError(t, log.Close())
	log, got, err := read(t, disk, false)
	require.NoError(t, err)
	require.NoError(t, log.Close())
	// A checkpoint may have what is in a record after it, too.
	seen := map[uint64]bool{}
	got = slices.DeleteFunc(got, func(n uint64) bool {
		again := seen[n]
		seen[n] = true
		return again
	})
	require.Equal(t, all, got)
	log, _, err = read(t, disk, false)
	require.NoError(t, err)
	checkpoint()
	require.NoError(t, log.Close())
	require.Less(t, len(disk.Names()), 5, "old segments are removed: %v", disk.Names())
}

// What a disk says.
var (
	errIO   = errors.New("input/output error")
	errFull = errors.New("no space left on device")
)
