package wal_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap/journal/internal/faultfs"
	"github.com/coderrange/ferrous/seatmap/journal/internal/wal"
)

// fails returns a fault of every operation of these names.
func fails(err error, names ...string) func(int, string) faultfs.Fault {
	return func(_ int, name string) faultfs.Fault {
		if slices.Contains(names, name) {
			return faultfs.Fault{Err: err}
		}
		return faultfs.Fault{}
	}
}

// damageOf returns the damage of a log that must be damaged.
func damageOf(t *testing.T, disk *faultfs.FS) *wal.DamageError {
	t.Helper()
	_, _, err := read(t, disk, true)
	damage, ok := errors.AsType[*wal.DamageError](err)
	require.True(t, ok, "%v", err)
	require.Zero(t, disk.OpenFiles())
	return damage
}

// parts returns what a reader finds.
func parts(t *testing.T, disk *faultfs.FS) (all []wal.Part) {
	t.Helper()
	log, err := wal.Open(disk, wal.Options{ReadOnly: true, Part: func(p wal.Part) { all = append(all, p) }})
	require.NoError(t, err)
	require.NoError(t, log.Close())
	return all
}

func TestNoFileStaysOpenOrHalfMade(t *testing.T) {
	for _, fault := range []string{"", "create", "allocate", "write", "sync", "rename", "syncdir", "remove", "truncate"} {
		c := &client{t: t, fs: &faultfs.FS{}}
		require.NoError(t, c.open())
		require.NoError(t, c.add(10))
		require.NoError(t, c.checkpoint())
		require.NoError(t, c.add(20_000))
		c.log.Prepare()
		c.fs.Break(fails(errIO, fault))
		for range 3 {
			_ = c.add(8000) // it may fail
			_ = c.checkpoint()
		}
		_ = c.log.Close()
		require.Zero(t, c.fs.OpenFiles(), fault)
		_ = c.open()
		if c.log != nil {
			_ = c.log.Close()
		}
		require.Zero(t, c.fs.OpenFiles(), fault)
		c.fs.Break(nil)
		require.NoError(t, c.open())
		c.log.Prepare()
		for _, name := range c.fs.Persisted().Names() {
			require.NotContains(t, name, ".tmp", fault)
		}
		require.NoError(t, c.log.Close())
		_ = damageOf(t, cut(c.fs))
		require.Zero(t, c.fs.OpenFiles(), fault)
	}
}

// cut returns a copy whose last file is too short.
func cut(disk *faultfs.FS) *faultfs.FS {
	disk = disk.Clone()
	names := disk.Names()
	last := names[len(names)-1]
	disk.Put(last, disk.Content(last)[:10])
	return disk
}

func TestACheckpointThatFailsLeavesNothing(t *testing.T) {
	for _, fault := range []string{"write", "sync", "rename"} {
		c := &client{t: t, fs: &faultfs.FS{}}
		require.NoError(t, c.open())
		require.NoError(t, c.checkpoint())
		require.NoError(t, c.add(10))
		require.NoError(t, c.checkpoint())
		c.log.Prepare()
		before := c.fs.Names()
		c.fs.Break(fails(errIO, fault))
		require.ErrorIs(t, c.checkpoint(), errIO) // there is nothing new, so there is no other segment
		require.Equal(t, before, c.fs.Names())
		c.fs.Break(fails(errIO, fault, "remove"))
		require.ErrorIs(t, c.checkpoint(), errIO)
		require.NotEqual(t, before, c.fs.Names(), "it cannot be removed")
		c.fs.Break(fails(errIO, "remove"))
		require.ErrorIs(t, c.checkpoint(), errIO)
		c.fs.Break(nil)
		require.NoError(t, c.checkpoint())
		require.Equal(t, before, c.fs.Names())
		require.NoError(t, c.add(10))
		require.NoError(t, c.log.Close())
		require.NoError(t, c.open())
		require.NoError(t, c.log.Close())
	}
}

func TestACheckpointOfAnEmptyLogIsRead(t *testing.T) {
	c := &client{t: t, fs: &faultfs.FS{}}
	require.NoError(t, c.open())
	c.log.Prepare()
	c.sure = []uint64{77}
	require.NoError(t, c.checkpoint())
	names := c.fs.Names()
	require.NoError(t, c.checkpoint())
	require.Equal(t, names, c.fs.Names(), "nothing was appended since")
	require.Equal(t, "0000000000000001.checkpoint", names[0])
	require.NoError(t, c.log.Close())
	require.NoError(t, c.open())
	require.Equal(t, []uint64{77}, c.sure)
	require.NoError(t, c.add(1))
	require.NoError(t, c.log.Close())
	disk := c.fs.Clone()
	for _, name := range disk.Names() {
		if strings.HasSuffix(name, ".log") {
			require.NoError(t, disk.Remove(name))
		}
	}
	require.Equal(t, &wal.DamageError{File: "0000000000000001.log", Reason: "it is missing"}, damageOf(t, disk))
}

// TestALargeCheckpointIsReadAsItWasWritten has several writes for one checkpoint.
func TestALargeCheckpointIsReadAsItWasWritten(t *testing.T) {
	disk := &faultfs.FS{}
	log, _, err := read(t, disk, false)
	require.NoError(t, err)
	var want [][]byte
	for i := range 12 {
		want = append(want, bytes.Repeat(fmt.Appendf(nil, "%07d ", i), 40_000))
	}
	require.NoError(t, log.Checkpoint(func(part func([]byte) error) error {
		for _, b := range want {
			if err := part(b); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, log.Close())
	var got [][]byte
	log, err = wal.Open(disk, wal.Options{Checkpoint: func(part []byte) error {
		got = append(got, bytes.Clone(part))
		return nil
	}})
	require.NoError(t, err)
	require.NoError(t, log.Close())
	require.Len(t, got, len(want))
	for i := range want {
		require.True(t, bytes.Equal(want[i], got[i]), i)
	}
}

func TestADamagedCheckpointIsRefusedWithItsOffset(t *testing.T) {
	c := &client{t: t, fs: &faultfs.FS{}}
	require.NoError(t, c.open())
	require.NoError(t, c.add(1, 2))
	require.NoError(t, c.checkpoint())
	require.NoError(t, c.log.Close())
	const name = "0000000000000002.checkpoint"
	whole := bytes.Clone(c.fs.Content(name)) // a header of 40 bytes, two parts of 16, an end of 12
	require.Len(t, whole, 84)
	with := func(content []byte) *wal.DamageError {
		disk := c.fs.Clone()
		disk.Put(name, content)
		damage := damageOf(t, disk)
		require.Equal(t, name, damage.File)
		return damage
	}
	for n := range whole {
		_ = with(whole[:n])
	}
	changed := func(at int, b byte) []byte {
		content := bytes.Clone(whole)
		content[at] ^= b
		return content
	}
	require.Equal(t, &wal.DamageError{File: name, Offset: 64, Reason: "wrong checksum"}, with(changed(70, 1)), "the second part")
	require.Equal(t, "wrong end", with(changed(83, 1)).Reason)
	require.Equal(t, "wrong end", with(append(bytes.Clone(whole), 0)).Reason)
	require.Equal(t, "wrong end", with(slices.Delete(bytes.Clone(whole), 40, 56)).Reason, "a part is missing")
	other := bytes.Clone(whole)
	other[0]++ // of another version
	binary.LittleEndian.PutUint64(other[32:], uint64(sum(other[:32])))
	require.Equal(t, "it is not a checkpoint of this version", with(other).Reason)
	other = bytes.Clone(whole)
	other[16]++ // it was renamed
	binary.LittleEndian.PutUint64(other[32:], uint64(sum(other[:32])))
	require.Equal(t, "it is not a checkpoint of this version", with(other).Reason)
}

func sum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// forge changes a frame and makes its checksums right again.
func forge(disk *faultfs.FS, f frames, change func(header, payload []byte)) *faultfs.FS {
	disk = disk.Clone()
	b := disk.Content(f.file)[f.from:f.to]
	header, payload := b[:48], b[48:]
	change(header, payload)
	binary.LittleEndian.PutUint32(header[32:], sum(payload))
	binary.LittleEndian.PutUint32(header[4:], sum(header[8:]))
	return disk
}

func TestAFrameThatContradictsItselfIsDamaged(t *testing.T) {
	disk, all, _ := written(t, true)
	const contradiction = "the checksum is right, but the records are not"
	for _, f := range all {
		isRecords := f.to-f.from > 48
		for name, change := range map[string]func(header, payload []byte){
			"a record too many": func(h, _ []byte) { h[24]++ },
			"another kind":      func(h, _ []byte) { h[36] = map[bool]byte{true: 2, false: 1}[isRecords] },
			"a record that is longer than its frame": func(_, p []byte) {
				if len(p) > 0 {
					binary.LittleEndian.PutUint32(p, uint32(len(p)-4))
				}
			},
			"a record that is shorter, and so there are others": func(_, p []byte) {
				if len(p) > 0 {
					binary.LittleEndian.PutUint32(p, 7)
				}
			},
			"a byte behind the last record": func(_, p []byte) {
				if len(p) > 0 {
					binary.LittleEndian.PutUint32(p, uint32(len(p)-6))
				}
			},
			"no mark at its end": func(_, p []byte) {
				if len(p) > 0 {
					p[len(p)-1] = 1
				}
			},
		} {
			if !isRecords && !strings.HasPrefix(name, "a record too many") && name != "another kind" {
				continue
			}
			damage := damageOfEvery(t, forge(disk, f, change))
			require.Equal(t, &wal.DamageError{File: f.file, Offset: int64(f.from), Reason: contradiction}, damage, name)
		}
		damage := damageOf(t, forge(disk, f, func(h, _ []byte) { binary.LittleEndian.PutUint32(h[28:], 1<<20) }))
		require.Equal(t, &wal.DamageError{File: f.file, Offset: int64(f.from), Reason: "the file ends in a frame"}, damage)
		damage = damageOf(t, forge(disk, f, func(h, _ []byte) { h[16]++ }))
		require.Equal(t, int64(f.from), damage.Offset)
		require.Contains(t, damage.Reason, "it has record ")
	}
}

// damageOfEvery is damageOf for a log whose records are anything.
func damageOfEvery(t *testing.T, disk *faultfs.FS) *wal.DamageError {
	t.Helper()
	_, err := wal.Open(disk, wal.Options{ReadOnly: true})
	damage, ok := errors.AsType[*wal.DamageError](err)
	require.True(t, ok, "%v", err)
	return damage
}

// TestAFrameThatIsLostBeforeAnotherIsDamage has sectors that are zero, or all of a frame,
// which would be a torn end if no frame followed.
func TestAFrameThatIsLostBeforeAnotherIsDamage(t *testing.T) {
	c := &client{t: t, fs: &faultfs.FS{}}
	require.NoError(t, c.open())
	require.NoError(t, c.add(1000))
	require.NoError(t, c.log.Close())
	require.NoError(t, c.open())
	require.NoError(t, c.add(2000))
	require.NoError(t, c.add(3))
	require.NoError(t, c.log.Close())
	all := find(c.fs) // records, the end, records, records, the end
	require.Len(t, all, 5)
	for i, f := range all {
		for _, from := range []int{f.from, (f.from + 511) &^ 511} {
			disk := c.fs.Clone()
			to := f.to
			if from >= to {
				continue
			}
			clear(disk.Content(f.file)[from:to])
			if i == 4 { // nothing follows
				log, got, err := read(t, disk, false)
				require.NoError(t, err)
				require.Equal(t, c.sure, got)
				require.NoError(t, log.Close())
				continue
			}
			require.Equal(t, &wal.DamageError{File: f.file, Offset: int64(f.from), Reason: "a frame that is not whole is followed by another"}, damageOf(t, disk))
		}
	}
}

// TestALostEndBeforeTheLastRecordIsDamage has one frame only behind what is lost.
func TestALostEndBeforeTheLastRecordIsDamage(t *testing.T) {
	c := &client{t: t, fs: &faultfs.FS{}}
	require.NoError(t, c.open())
	require.NoError(t, c.add(1000))
	require.NoError(t, c.log.Close())
	require.NoError(t, c.open())
	require.NoError(t, c.add(2000))
	disk := c.fs.Clone()
	require.NoError(t, c.log.Close())
	end := find(disk)[1]
	clear(disk.Content(end.file)[end.from:end.to])
	require.Equal(t, int64(end.from), damageOf(t, disk).Offset)
}

// empty is a record of no bytes.
type empty struct{}

func (empty) AppendTo(b []byte) []byte { return b }

func TestAnEmptyRecordIsARecord(t *testing.T) {
	disk := &faultfs.FS{}
	log, err := wal.Open(disk, wal.Options{})
	require.NoError(t, err)
	require.NoError(t, log.Wait(t.Context(), log.Append(empty{})))
	require.NoError(t, log.Close())
	var got [][]byte
	log, err = wal.Open(disk, wal.Options{Record: func(b []byte) error {
		got = append(got, bytes.Clone(b))
		return nil
	}})
	require.NoError(t, err)
	require.NoError(t, log.Close())
	require.Equal(t, [][]byte{{}}, got)
}

// TestPartsCoverTheFiles reads a log to the last byte.
func TestPartsCoverTheFiles(t *testing.T) {
	disk, _, want := written(t, false)
	next, file, at := uint64(0), "", int64(0)
	records := 0
	for _, p := range parts(t, disk) {
		if p.File != file {
			file, at = p.File, 64
		}
		if p.Kind == wal.PartCheckpoint {
			require.Equal(t, wal.Part{File: file, Size: int64(len(disk.Content(file))), Kind: p.Kind, First: 3, Records: 2}, p)
			next = p.First
			continue
		}
		require.Equal(t, at, p.Offset)
		require.Equal(t, next, p.First)
		at = (p.Offset + p.Size + 63) &^ 63
		next += uint64(p.Records)
		records += p.Records
		if p.Kind == wal.PartFree || p.Kind == wal.PartSpare {
			require.Equal(t, int64(len(disk.Content(file))), p.Offset+p.Size)
			require.Zero(t, p.Records)
		}
	}
	require.Equal(t, len(want)-2, records)
}

func TestALogWithoutItsEndIsRefused(t *testing.T) {
	disk, all, _ := written(t, true)
	sealed := all[0].file
	one := disk.Clone()
	for _, name := range one.Names() {
		if name > sealed && strings.HasSuffix(name, ".log") {
			require.NoError(t, one.Remove(name))
		}
	}
	require.Equal(t, &wal.DamageError{File: "0000000000000003.log", Reason: "it is missing"}, damageOf(t, one))
}

func TestASegmentOfAnotherLogIsRefused(t *testing.T) {
	a, all, _ := written(t, true)
	b, _, _ := written(t, true)
	name := all[len(all)-1].file
	a.Put(name, b.Content(name))
	require.Equal(t, &wal.DamageError{File: name, Reason: "it is of another log"}, damageOf(t, a))
}

func TestASpareSegmentThatIsNotEmptyIsRefused(t *testing.T) {
	disk := &faultfs.FS{}
	log, err := wal.Open(disk, wal.Options{SegmentSize: 256 << 10})
	require.NoError(t, err)
	log.Prepare()
	require.NoError(t, log.Close())
	const name = "0000000000000002.log"
	require.Len(t, disk.Content(name), 256<<10)
	for _, at := range []int{64, 1000, 66_000, 200_000, 256<<10 - 1} {
		one := disk.Clone()
		one.Content(name)[at] = 1
		require.Equal(t, name, damageOf(t, one).File, at)
	}
	require.Equal(t, wal.Part{File: name, Offset: 64, Size: 256<<10 - 64, Kind: wal.PartSpare, First: 1}, parts(t, disk)[2])
}

func TestWhatIsNotNeededIsRemovedAndOtherFilesStay(t *testing.T) {
	c := &client{t: t, fs: &faultfs.FS{}}
	require.NoError(t, c.open())
	for range 4 {
		require.NoError(t, c.add(1))
		require.NoError(t, c.checkpoint())
	}
	c.log.Prepare()
	require.NoError(t, c.log.Close())
	before := c.fs.Names()
	old := []string{
		"0000000000000001.checkpoint", "0000000000000002.checkpoint", "0000000000000004.log", "0000000000000009.log.tmp",
		"0000000000000009.checkpoint.tmp",
	}
	others := []string{"lock", "notes.txt", "1.log", "000000000000000A.log", "000000000000000g.log", "00000000000000001.log", "0123456789abcdef"}
	for _, name := range append(slices.Clone(old), others...) {
		c.fs.Put(name, []byte("something"))
	}
	c.fs.Break(fails(errIO, "remove"))
	require.ErrorIs(t, c.open(), errIO)
	c.fs.Break(nil)
	require.NoError(t, c.open())
	c.log.Prepare()
	want := append(slices.Clone(before), others...)
	slices.Sort(want)
	require.Equal(t, want, c.fs.Persisted().Names(), "and it is permanent")
	require.NoError(t, c.log.Close())
}

func TestACleanEndIsMarkedOnce(t *testing.T) {
	c := &client{t: t, fs: &faultfs.FS{}}
	ends := func() (n int, last wal.PartKind) {
		for _, p := range parts(t, c.fs) {
			if p.Kind == wal.PartClose {
				n++
			}
			if p.Kind != wal.PartFree && p.Kind != wal.PartSpare {
				last = p.Kind
			}
		}
		return n, last
	}
	for want := 1; want <= 2; want++ {
		for i := range 3 {
			require.NoError(t, c.open())
			if want == 2 && i == 0 {
				require.NoError(t, c.add(1))
			}
			c.log.Prepare()
			require.NoError(t, c.log.Close())
			n, last := ends()
			require.Equal(t, want, n)
			require.Equal(t, wal.PartClose, last)
		}
	}
	require.NoError(t, c.open())
	require.NoError(t, c.checkpoint()) // what follows is in another segment
	require.NoError(t, c.log.Close())
	n, last := ends()
	require.Equal(t, 1, n)
	require.Equal(t, wal.PartClose, last)
}

// TestSegmentsKeepTheirSize fills segments to the last byte.
func TestSegmentsKeepTheirSize(t *testing.T) {
	for size := 12_000; size < 12_000+3*64; size += 31 {
		c := &client{t: t, fs: &faultfs.FS{}}
		require.NoError(t, c.open())
		require.NoError(t, c.add(size))
		require.NoError(t, c.add(size))
		c.log.Prepare()
		for range 160 {
			require.NoError(t, c.add(0)) // two frames of 64 bytes would fit once more, but for the ends
		}
		c.log.Prepare()
		require.NoError(t, c.log.Close())
		for _, name := range c.fs.Names() {
			require.Len(t, c.fs.Content(name), segment, "%s, %d", name, size)
		}
		require.NoError(t, c.open())
		require.NoError(t, c.log.Close())
	}
}

// TestRoomIsKnownWithoutASpareSegment has a disk on which no segment can be made.
func TestRoomIsKnownWithoutASpareSegment(t *testing.T) {
	c := &client{t: t, fs: &faultfs.FS{}}
	require.NoError(t, c.open())
	c.log.Prepare()
	require.NoError(t, c.add(20_000))
	c.fs.Break(fails(errFull, "create"))
	require.ErrorIs(t, c.checkpoint(), errFull) // it has begun the next segment
	require.NoError(t, c.add(20_000), "which is empty")
	require.ErrorIs(t, c.add(20_000), errFull)
	require.NoError(t, c.log.Close())
	require.NoError(t, c.open())
	require.NoError(t, c.add(1), "there is room in the last segment")
	// What many have reserved fits, whoever comes first.
	granted := 0
	for ; granted < 1000 && c.log.Reserve(t.Context(), 8) == nil; granted++ {
	}
	require.Greater(t, granted, 10)
	require.Less(t, granted, 1000)
	for range granted {
		c.next++
		c.maybe = append(c.maybe, c.next)
		require.NoError(t, c.log.Wait(t.Context(), c.log.Append(number{c.next, 0})))
		c.log.Release(8)
	}
	require.NoError(t, c.log.Failed())
	require.NoError(t, c.log.Close())
	c.fs.Break(nil)
	require.NoError(t, c.open())
	require.NoError(t, c.log.Close())
}

// TestRecordsWithoutAReservationGoIntoNewSegments appends more than there is room for.
func TestRecordsWithoutAReservationGoIntoNewSegments(t *testing.T) {
	c := &client{t: t, fs: &faultfs.FS{}}
	c.fs.Break(func(op int, name string) faultfs.Fault {
		if op > 6 && name == "create" {
			return faultfs.Fault{Err: errFull}
		}
		return faultfs.Fault{}
	})
	require.NoError(t, c.open())
	c.log.Prepare()
	c.fs.Break(nil)
	for range 4 {
		c.next++
		c.maybe = append(c.maybe, c.next)
		require.NoError(t, c.log.Wait(t.Context(), c.log.Append(number{c.next, 30_000})))
		c.sure, c.maybe = append(c.sure, c.next), nil
	}
	c.log.Prepare()
	c.fs.Break(fails(errFull, "create"))
	for err := error(nil); err == nil; { // until there is no spare one any more
		c.next++
		c.maybe = append(c.maybe, c.next)
		err = c.log.Wait(t.Context(), c.log.Append(number{c.next, 30_000}))
	}
	require.ErrorIs(t, c.log.Close(), errFull)
	c.fs.Break(nil)
	require.NoError(t, c.open())
	require.NoError(t, c.log.Close())
}

func TestSinceCountsWhatFollowsTheCheckpoint(t *testing.T) {
	c := &client{t: t, fs: &faultfs.FS{}}
	require.NoError(t, c.open())
	require.Zero(t, c.log.Since())
	require.NoError(t, c.add(5000))
	before := c.log.Since()
	require.Greater(t, before, int64(5000))
	require.NoError(t, c.log.Close())
	require.NoError(t, c.open())
	require.GreaterOrEqual(t, c.log.Since(), before)
	require.NoError(t, c.checkpoint())
	require.Less(t, c.log.Since(), int64(1000))
	require.NoError(t, c.log.Close())
}

func TestAClosedOrFailedLogSaysSo(t *testing.T) {
	disk := &faultfs.FS{}
	failed := 0
	log, err := wal.Open(disk, wal.Options{SegmentSize: segment, Failed: func() { failed++ }})
	require.NoError(t, err)
	require.ErrorIs(t, log.Wait(t.Context(), log.Last()+5), wal.ErrClosed, "nobody has appended that")
	log.Prepare()
	disk.Break(fails(errIO, "sync"))
	n := log.Append(number{1, 0})
	for range 3 {
		require.ErrorIs(t, log.Wait(t.Context(), n), errIO)
		require.ErrorIs(t, log.Wait(t.Context(), log.Append(number{2, 0})), errIO)
		require.ErrorIs(t, log.Checkpoint(nil), wal.ErrFailed)
	}
	require.Equal(t, 1, failed)
	require.ErrorIs(t, log.Close(), errIO)
	disk.Break(nil)
	log, err = wal.Open(disk, wal.Options{SegmentSize: segment})
	require.NoError(t, err)
	require.NoError(t, log.Close())
	require.ErrorIs(t, log.Checkpoint(nil), wal.ErrClosed)
	require.ErrorIs(t, log.Wait(t.Context(), log.Append(number{})), wal.ErrClosed)
}

// TestThoseWhoWaitDuringASyncGetItsOutcome has a record under way, and at times one that
// waits for the next sync.
func TestThoseWhoWaitDuringASyncGetItsOutcome(t *testing.T) {
	for i, outcome := range []error{nil, errIO, nil, errIO} {
		synctest.Test(t, func(t *testing.T) {
			disk := &faultfs.FS{}
			log, _, err := read(t, disk, false)
			require.NoError(t, err)
			log.Prepare()
			release := make(chan struct{})
			once := false
			disk.Break(func(_ int, name string) faultfs.Fault {
				if name == "sync" && !once {
					once = true
					<-release
					return faultfs.Fault{Err: outcome}
				}
				return faultfs.Fault{}
			})
			first := log.Append(number{1, 0})
			synctest.Wait() // the flusher is in the sync
			records := []uint64{first}
			if i < 2 {
				records = append(records, log.Append(number{2, 0}))
			}
			results := make(chan error, 2)
			for _, n := range records {
				go func() { results <- log.Wait(context.Background(), n) }()
			}
			synctest.Wait() // both wait
			assert.Empty(t, results)
			close(release)
			for range records {
				assert.ErrorIs(t, <-results, outcome)
			}
			assert.ErrorIs(t, log.Close(), outcome)
		})
	}
}

// TestABufferIsNotUsedTwiceAtOnce appends to the next batch while one is being written.
func TestABufferIsNotUsedTwiceAtOnce(t *testing.T) {
	disk := &faultfs.FS{}
	log, _, err := read(t, disk, false)
	require.NoError(t, err)
	var want []uint64
	add := func(size int) uint64 {
		want = append(want, uint64(len(want)))
		return log.Append(number{want[len(want)-1], size})
	}
	for _, size := range []int{100, 9 << 20, 100, 200, 300, 400} { // one is too large a buffer to be kept
		require.NoError(t, log.Reserve(t.Context(), 9<<20))
		log.Prepare()
		var inner uint64
		disk.Break(func(_ int, name string) faultfs.Fault {
			if name == "write" && inner == 0 {
				inner = add(50)
			}
			return faultfs.Fault{}
		})
		require.NoError(t, log.Wait(t.Context(), add(size)))
		disk.Break(nil)
		require.NoError(t, log.Wait(t.Context(), inner))
		log.Release(9 << 20)
	}
	require.NoError(t, log.Close())
	log, got, err := read(t, disk, false)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NoError(t, log.Close())
}
