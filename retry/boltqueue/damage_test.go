package boltqueue_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/retry/boltqueue"
)

// plain has the bytes of a string as they are: the JSON of large values takes longer
// than all else that a damaged file goes through.
var plain = boltqueue.Codec[string]{
	Encode: func(v string) ([]byte, error) { return []byte(v), nil },
	Decode: func(data []byte) (string, error) { return string(data), nil },
}

// filled returns a file with jobs in all states, of several levels of pages, and
// what it holds. Values have up to size bytes.
func filled(tb testing.TB, jobs, size int) (file []byte, contents string) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "filled.db")
	s := openAs(tb, path, plain)
	for i := range jobs {
		require.NoError(tb, add(tb, s, "key"+strconv.Itoa(i), strings.Repeat("v", i*size/jobs+1)))
	}
	n := 0
	for _, job := range claimAll(tb, s) {
		settle(tb, s, job, []retry.Verdict{retry.VerdictDone, retry.VerdictRetry, retry.VerdictBury}[n%3])
		n++
	}
	contents = held(tb, s)
	require.NoError(tb, s.Close())
	file, err := os.ReadFile(path)
	require.NoError(tb, err)
	return file, contents
}

// held returns all that a store holds, as text.
func held(tb testing.TB, s *boltqueue.Store[string], what ...any) string {
	tb.Helper()
	ctx := context.Background()
	stats, err := s.Stats(ctx)
	require.NoError(tb, err, what...)
	dead, err := s.Dead(ctx, retry.PageRequest{Max: 1 << 20})
	require.NoError(tb, err, what...)
	events, err := s.Events(ctx, retry.PageRequest{Max: 1 << 20})
	require.NoError(tb, err, what...)
	now := time.Unix(1<<40, 0)
	claims, err := s.Claim(ctx, retry.ClaimRequest{Now: now, Until: now.Add(1), Max: 1 << 20})
	require.NoError(tb, err, what...)
	require.Len(tb, claims.Jobs, stats.Waiting, what...)
	var text []string
	for _, job := range slices.Concat(claims.Jobs, dead) {
		text = append(text, fmt.Sprint(job.ID, job.Key, job.Value, job.Reason, job.Err))
	}
	slices.Sort(text)
	for _, e := range events {
		text = append(text, fmt.Sprint(e.Seq, e.Kind, e.Job.ID))
	}
	return strings.Join(text, "\n")
}

// check opens a damaged file: it must say what is wrong and where, or hold what
// it held.
func check(tb testing.TB, path, what string, file []byte, contents string) (refused bool) {
	tb.Helper()
	require.NoError(tb, os.WriteFile(path, file, 0o600))
	s, err := boltqueue.Open(path, boltqueue.Options[string]{Codec: plain})
	if err != nil {
		damage, ok := errors.AsType[*boltqueue.DamageError](err)
		require.True(tb, ok, "%s: %v", what, err)
		require.ErrorIs(tb, err, boltqueue.ErrDamaged)
		require.Equal(tb, path, damage.Path)
		require.NotEmpty(tb, damage.Place, what)
		after, err := os.ReadFile(path)
		require.NoError(tb, err)
		require.True(tb, bytes.Equal(file, after), "%s: the file was changed", what)
		return true
	}
	require.Equal(tb, contents, held(tb, s, what), what)
	require.NoError(tb, add(tb, s, "new", "value"), what)
	require.NoError(tb, s.Close())
	return false
}

func TestATruncatedFileIsDamaged(t *testing.T) {
	t.Parallel()
	file, contents := filled(t, 30, 300)
	path := newPath(t)
	used := int(order.Uint64(newestMeta(file)[40:])) * os.Getpagesize()
	step := used / rounds(used/97)
	for n := 0; n < used; n += step {
		require.True(t, check(t, path, fmt.Sprintf("%d bytes", n), file[:n], contents), "%d of %d", n, used)
	}
	for n := used; n < len(file); n += step { // no page in use is missing
		require.False(t, check(t, path, fmt.Sprintf("%d bytes", n), file[:n], contents))
	}
}

var order = binary.NativeEndian

// newestMeta returns the meta of the last transaction.
func newestMeta(file []byte) []byte {
	a, b := file[16:], file[os.Getpagesize()+16:]
	if order.Uint64(a[48:]) > order.Uint64(b[48:]) {
		return a
	}
	return b
}

func TestDamagedPagesAreReported(t *testing.T) {
	t.Parallel()
	for _, size := range []struct{ jobs, value int }{{0, 1}, {12, 30}, {12, 9000}} {
		file, contents := filled(t, size.jobs, size.value)
		path := newPath(t)
		pageSize, refused := os.Getpagesize(), 0
		try := func(what string, damage func(file []byte)) bool {
			damaged := bytes.Clone(file)
			damage(damaged)
			if !check(t, path, what, damaged, contents) {
				return false
			}
			refused++
			return true
		}
		pages := len(file) / pageSize
		for p := range pages {
			page := func(file []byte) []byte { return file[p*pageSize : (p+1)*pageSize] }
			zero := try(fmt.Sprintf("page %d is zero", p), func(file []byte) { clear(page(file)) })
			ones := try(fmt.Sprintf("page %d is 0xff", p), func(file []byte) {
				for i := range page(file) {
					page(file)[i] = 0xff
				}
			})
			if !zero && !ones {
				continue // it is free: nobody reads it
			}
			flips := 8
			if order.Uint64(page(file)) == uint64(p) { // it has a header and elements
				flips = 128
				for q := range min(pages, 9) {
					try(fmt.Sprintf("page %d is page %d", p, q), func(file []byte) {
						copy(page(file), bytes.Clone(file[q*pageSize:(q+1)*pageSize]))
					})
				}
			}
			for i := range rounds(flips) {
				at := i * flips / rounds(flips)
				try(fmt.Sprintf("byte %d of page %d", at, p), func(file []byte) { page(file)[at] ^= 1 << (at % 8) })
			}
		}
		assert.Greater(t, refused, 30)
	}
}

// TestABranchWithAnyBitFlippedIsReported has all bits of the headers and keys of the
// pages above the leaves. Bbolt writes a second element for a child that the
// branch knows by another key than the child's first.
func TestABranchWithAnyBitFlippedIsReported(t *testing.T) {
	t.Parallel()
	file, contents := filled(t, 8, 9000)
	path := newPath(t)
	size := os.Getpagesize()
	branches := 0
	for p := 2; p < len(file)/size; p++ {
		page := file[p*size : (p+1)*size]
		if order.Uint64(page) != uint64(p) || order.Uint16(page[8:]) != 1 {
			continue
		}
		free := bytes.Clone(file)
		clear(free[p*size : (p+1)*size])
		if !check(t, path, fmt.Sprintf("page %d is zero", p), free, contents) {
			continue // it was a branch once
		}
		branches++
		used := 16 + int(order.Uint16(page[10:]))*(16+8)
		for i := range rounds(used * 8) {
			bit := i * used * 8 / rounds(used*8)
			damaged := bytes.Clone(file)
			damaged[p*size+bit/8] ^= 1 << (bit % 8)
			check(t, path, fmt.Sprintf("bit %d of byte %d of page %d", bit%8, bit/8, p), damaged, contents)
		}
	}
	assert.NotZero(t, branches)
}

func TestRandomDamageIsReportedOrHarmless(t *testing.T) {
	t.Parallel()
	file, contents := filled(t, 20, 300)
	path := newPath(t)
	used := len(bytes.TrimRight(file, "\x00"))
	random := rand.New(rand.NewPCG(1, 2))
	for round := range rounds(1500) {
		damaged := bytes.Clone(file)
		from := random.IntN(used)
		for i := from; i < min(from+1+random.IntN(1<<random.IntN(10)), used); i++ {
			damaged[i] = byte(random.Uint32())
		}
		check(t, path, fmt.Sprintf("round %d at %d", round, from), damaged, contents)
	}
}

// TestWhatOtherProgramsWroteIsReported damages a file with bbolt itself.
func TestWhatOtherProgramsWroteIsReported(t *testing.T) {
	t.Parallel()
	key := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
	for want, damage := range map[string]func(tx *bbolt.Tx) error{
		`bucket jobs: a foreign key "foreign"`:   func(tx *bbolt.Tx) error { return tx.Bucket([]byte("jobs")).Put([]byte("foreign"), []byte("x")) },
		`bucket events: a foreign key "foreign"`: func(tx *bbolt.Tx) error { return tx.Bucket([]byte("events")).Put([]byte("foreign"), nil) },
		`bucket queue: a foreign key "foreign"`:  func(tx *bbolt.Tx) error { return tx.Bucket([]byte("queue")).Put([]byte("foreign"), nil) },
		`bucket jobs: a foreign key "12345678"`: func(tx *bbolt.Tx) error {
			_, err := tx.Bucket([]byte("jobs")).CreateBucket([]byte("12345678"))
			return err
		},
		`key "others": it is foreign to the file of a queue`: func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("others")); return err },
		`bucket jobs: missing`:                               func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("jobs")) },
		`bucket events: missing`:                             func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("events")) },
		`bucket queue: missing`:                              func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("queue")) },
		`bucket queue: no state`:                             func(tx *bbolt.Tx) error { return tx.Bucket([]byte("queue")).Delete([]byte("state")) },
		`job 99: a record of 0 bytes`:                        func(tx *bbolt.Tx) error { return tx.Bucket([]byte("jobs")).Put(key(99), nil) },
		`job 99: a record of version 1, not 2`:               func(tx *bbolt.Tx) error { return tx.Bucket([]byte("jobs")).Put(key(99), []byte("\x01abcdef")) },
		`job 99: a record with a wrong checksum`: func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("jobs")).Put(key(99), tx.Bucket([]byte("jobs")).Get(key(1)))
		},
		`event 99: a record of version 7, not 2`:            func(tx *bbolt.Tx) error { return tx.Bucket([]byte("events")).Put(key(99), []byte("\x07abcdef")) },
		`job 99: a record of another form`:                  func(tx *bbolt.Tx) error { return tx.Bucket([]byte("jobs")).Put(key(99), sealed(key(99), "\x02\x00")) },
		`bucket jobs: 0 jobs instead of 1`:                  func(tx *bbolt.Tx) error { return tx.Bucket([]byte("jobs")).Delete(key(1)) },
		`bucket queue: state: a record of version 9, not 2`: func(tx *bbolt.Tx) error { return tx.Bucket([]byte("queue")).Put([]byte("state"), []byte("\x09abcdef")) },
		`buckets jobs and events: a record is out of date`:  func(tx *bbolt.Tx) error { return tx.Bucket([]byte("jobs")).Put(key(1), older) },
	} {
		path := newPath(t)
		s := open(t, path)
		require.NoError(t, add(t, s, "a", "value"))
		require.NoError(t, s.Close())
		older = recordOf(t, path)
		s = open(t, path)
		settle(t, s, claimAll(t, s)["a"], retry.VerdictUnclaim)
		require.NoError(t, s.Close())
		change(t, path, damage)
		_, err := boltqueue.Open(path, boltqueue.Options[string]{})
		require.ErrorIs(t, err, boltqueue.ErrDamaged, want)
		assert.ErrorContains(t, err, "boltqueue: "+path+": "+want)
	}
}

// TestJobsThatAreNotThoseOfOneQueueAreDamage has two jobs of one key, under checksums
// that fit.
func TestJobsThatAreNotThoseOfOneQueueAreDamage(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	require.NoError(t, add(t, s, "a", "value"))
	settle(t, s, claimAll(t, s)["a"], retry.VerdictUnclaim) // so that there are two numbers
	require.NoError(t, s.Close())
	change(t, path, func(tx *bbolt.Tx) error {
		jobs, queue := tx.Bucket([]byte("jobs")), tx.Bucket([]byte("queue"))
		key, record := jobs.Cursor().First()
		twin := bytes.Clone(key)
		twin[7]++
		sealedTwin := sealed(twin, string(record[:len(record)-4]))
		state := bytes.Clone(queue.Get([]byte("state")))
		state = state[:len(state)-4]
		binary.BigEndian.PutUint64(state[9:], 2)
		sum := binary.BigEndian.Uint64(state[25:]) + uint64(binary.BigEndian.Uint32(sealedTwin[len(sealedTwin)-4:]))
		binary.BigEndian.PutUint64(state[25:], sum)
		return errors.Join(jobs.Put(twin, sealedTwin), queue.Put([]byte("state"), sealed([]byte("state"), string(state))))
	})
	_, err := boltqueue.Open(path, boltqueue.Options[string]{})
	require.ErrorIs(t, err, boltqueue.ErrDamaged)
	require.ErrorContains(t, err, "boltqueue: "+path+`: the jobs: retry: RestoreMemory: job 2 with key "a"`)
}

var older []byte // a record from before the last change

func recordOf(tb testing.TB, path string) (record []byte) {
	tb.Helper()
	change(tb, path, func(tx *bbolt.Tx) error {
		_, record = tx.Bucket([]byte("jobs")).Cursor().First()
		record = bytes.Clone(record)
		return nil
	})
	return record
}

func change(tb testing.TB, path string, f func(tx *bbolt.Tx) error) {
	tb.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	require.NoError(tb, err)
	require.NoError(tb, db.Update(f))
	require.NoError(tb, db.Close())
}

func sealed(key []byte, record string) []byte {
	sum := crc32.Checksum(append(bytes.Clone(key), record...), crc32.MakeTable(crc32.Castagnoli))
	return binary.BigEndian.AppendUint32([]byte(record), sum)
}

func TestAFreelistOfAnotherProgramIsCheckedAndUsed(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	for i := range 50 {
		require.NoError(t, add(t, s, strconv.Itoa(i), strings.Repeat("v", 999)))
	}
	require.NoError(t, s.Close())
	change(t, path, func(*bbolt.Tx) error { return nil }) // it writes the list
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	meta := newestMeta(file)
	list, pages := order.Uint64(meta[32:]), order.Uint64(meta[40:])
	require.Less(t, list, pages)
	at := int(list) * os.Getpagesize()
	root := order.Uint64(meta[16:])
	for _, free := range []uint64{0, 1, root, list, pages, 1 << 60} {
		damaged := bytes.Clone(file)
		order.PutUint16(damaged[at+10:], 1)
		order.PutUint64(damaged[at+16:], free)
		require.True(t, check(t, newPath(t), fmt.Sprintf("page %d is free", free), damaged, ""))
	}
	for _, n := range []uint16{0x7fff, 0xffff} {
		damaged := bytes.Clone(file)
		order.PutUint16(damaged[at+10:], n)
		order.PutUint64(damaged[at+16:], 1<<40)
		require.True(t, check(t, newPath(t), fmt.Sprintf("%d free pages", n), damaged, ""))
	}
	s = open(t, path)
	assert.Len(t, claimAll(t, s), 50)
	require.NoError(t, s.Close())
}

func TestWhatIsNoQueueIsRefused(t *testing.T) {
	dir := t.TempDir()
	_, err := boltqueue.Open(dir, boltqueue.Options[string]{})
	require.ErrorContains(t, err, "boltqueue: "+dir+": not a regular file but d")
	_, err = boltqueue.Open(filepath.Join(dir, "no", "such"), boltqueue.Options[string]{})
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = boltqueue.Open("", boltqueue.Options[string]{})
	require.Error(t, err)
	loop := filepath.Join(dir, "loop")
	require.NoError(t, os.Symlink(filepath.Join(dir, "nowhere"), loop))
	_, err = boltqueue.Open(loop, boltqueue.Options[string]{})
	require.ErrorIs(t, err, os.ErrNotExist)
	for what, file := range map[string]string{
		"empty": "", "text": "not a file of bbolt", "zero": strings.Repeat("\x00", 1<<16),
		"long text": strings.Repeat("not a file of bbolt", 9999),
	} {
		require.True(t, check(t, filepath.Join(dir, what), what, []byte(file), ""))
	}
	names, err := filepath.Glob(filepath.Join(dir, "*new*"))
	require.NoError(t, err)
	assert.Empty(t, names, "nothing is left of what was being made")
}

func TestAFileWithoutPermissionIsRefused(t *testing.T) {
	path := newPath(t)
	require.NoError(t, open(t, path).Close())
	for _, mode := range []os.FileMode{0, 0o400} {
		require.NoError(t, os.Chmod(path, mode))
		if f, err := os.OpenFile(path, os.O_RDWR, 0); err == nil {
			_ = f.Close()
			t.Skip("this user may do everything")
		}
		_, err := boltqueue.Open(path, boltqueue.Options[string]{})
		require.ErrorIs(t, err, os.ErrPermission)
		require.ErrorContains(t, err, path)
	}
}

// TestAFileThatIsCutWhileItIsOpenIsAnError would be a SIGBUS.
func TestAFileThatIsCutWhileItIsOpenIsAnError(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	for i := range 300 {
		require.NoError(t, add(t, s, strconv.Itoa(i), strings.Repeat("v", 999)))
	}
	require.NoError(t, os.Truncate(path, 0))
	var err error
	for i := 0; i < 100 && err == nil; i++ { // some pages are cached
		err = add(t, s, "new"+strconv.Itoa(i), "value")
	}
	require.ErrorContains(t, err, path)
	require.Error(t, add(t, s, "more", "value"))
	require.NoError(t, s.Close())
	_, err = boltqueue.Open(path, boltqueue.Options[string]{})
	require.ErrorIs(t, err, boltqueue.ErrDamaged, "and nobody holds it any more")
}

// TestMetaPagesThatNobodyWroteAreDamaged has fields that do not fit, under a
// checksum that does.
func TestMetaPagesThatNobodyWroteAreDamaged(t *testing.T) {
	t.Parallel()
	file, contents := filled(t, 20, 30)
	size := os.Getpagesize()
	type meta struct{ page, m []byte }
	for what, damage := range map[string]func(metas [2]meta){
		"page size 0":          func(m [2]meta) { order.PutUint32(m[0].m[8:], 0); order.PutUint32(m[1].m[8:], 0) },
		"page size 512":        func(m [2]meta) { order.PutUint32(m[0].m[8:], 512) },
		"page size 2^25":       func(m [2]meta) { order.PutUint32(m[0].m[8:], 1<<25) },
		"page size 3000":       func(m [2]meta) { order.PutUint32(m[0].m[8:], 3000) },
		"page sizes differ":    func(m [2]meta) { order.PutUint32(m[1].m[8:], 2*order.Uint32(m[1].m[8:])) },
		"too many pages":       func(m [2]meta) { order.PutUint64(m[0].m[40:], 1<<40); order.PutUint64(m[1].m[40:], 1<<40) },
		"no pages":             func(m [2]meta) { order.PutUint64(m[0].m[40:], 0); order.PutUint64(m[1].m[40:], 0) },
		"root is a meta page":  func(m [2]meta) { order.PutUint64(m[0].m[16:], 1); order.PutUint64(m[1].m[16:], 1) },
		"root out of the file": func(m [2]meta) { order.PutUint64(m[0].m[16:], 1<<40); order.PutUint64(m[1].m[16:], 1<<40) },
		"root after the last": func(m [2]meta) {
			order.PutUint64(m[0].m[16:], order.Uint64(m[0].m[40:]))
			copy(m[1].m[16:24], m[0].m[16:24])
		},
		"transactions apart":      func(m [2]meta) { order.PutUint64(m[0].m[48:], order.Uint64(m[0].m[48:])+4) },
		"transactions far apart":  func(m [2]meta) { order.PutUint64(m[1].m[48:], 1) },
		"transactions exchanged":  func(m [2]meta) { order.PutUint64(m[0].m[48:], 5); order.PutUint64(m[1].m[48:], 6) },
		"other version":           func(m [2]meta) { order.PutUint32(m[1].m[4:], 3) },
		"freelist out of file":    func(m [2]meta) { order.PutUint64(m[0].m[32:], 1<<40); order.PutUint64(m[1].m[32:], 1<<40) },
		"freelist is a meta page": func(m [2]meta) { order.PutUint64(m[0].m[32:], 0); order.PutUint64(m[1].m[32:], 0) },
		"first page is another":   func(m [2]meta) { order.PutUint64(m[0].page, 1) },
		"second page is another":  func(m [2]meta) { order.PutUint64(m[1].page, 0) },
		"kind of page":            func(m [2]meta) { order.PutUint16(m[1].page[8:], 2) },
	} {
		damaged := bytes.Clone(file)
		var metas [2]meta
		for i := range metas {
			page := damaged[i*size : (i+1)*size]
			metas[i] = meta{page, page[16 : 16+64]}
		}
		damage(metas)
		for _, m := range metas {
			sum := fnv.New64a()
			_, _ = sum.Write(m.m[:56])
			order.PutUint64(m.m[56:], sum.Sum64())
		}
		require.True(t, check(t, newPath(t), what, damaged, contents), what)
	}
}
