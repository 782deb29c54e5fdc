package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

// small are options with small files.
var small = journal.Options{SegmentSize: 1 << 15}

// made is a journal that was closed, with a checkpoint and records behind it.
type made struct {
	dir     string
	booking seatmap.Token // of seat 2
	running string        // a copy from before it was closed
}

func newJournal(t *testing.T) made {
	t.Helper()
	j := made{dir: filepath.Join(t.TempDir(), "journal"), running: filepath.Join(t.TempDir(), "running")}
	s, err := journal.Open(j.dir, small)
	require.NoError(t, err)
	for _, event := range []string{"concert", "play"} {
		_, err = s.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 5, Areas: []seatmap.Area{{Name: "floor", Capacity: 9}}}})
		require.NoError(t, err)
	}
	j.booking = book(t, s, seatmap.BlockRequest{Seats: []string{"2"}})
	require.NoError(t, s.Compact(ctx))
	book(t, s, seatmap.BlockRequest{Seats: []string{"3", "4"}, Places: map[string]int{"floor": 2}})
	for spare := filepath.Join(j.dir, "0000000000000003.log"); ; runtime.Gosched() { // is made in the background
		if _, err := os.Stat(spare); err == nil {
			break
		}
	}
	require.NoError(t, os.CopyFS(j.running, os.DirFS(j.dir)))
	require.NoError(t, s.Close())
	return j
}

func book(t *testing.T, s *journal.Store, r seatmap.BlockRequest) seatmap.Token {
	t.Helper()
	r.Event, r.User, r.TTL = "concert", "ann", time.Hour
	h, err := s.Block(ctx, r)
	require.NoError(t, err)
	b, err := s.Book(ctx, seatmap.BookRequest{Token: h.Token})
	require.NoError(t, err)
	return b.Token
}

// seatjournal runs the command.
func seatjournal(args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = run(args, &o, &e)
	return code, o.String(), e.String()
}

func TestVerifySaysWhatIsInAJournal(t *testing.T) {
	j := newJournal(t)
	code, out, errs := seatjournal("verify", j.dir)
	assert.Empty(t, errs)
	assert.Zero(t, code)
	assert.Regexp(t, `^0000000000000002\.checkpoint: checkpoint of what is before record \d+, \d+ bytes in \d+ parts
0000000000000002\.log: \d+ frames with \d+ records from \d+; the log was closed
0000000000000003\.log: not in use yet
event "concert": revision \d+; with all areas 9 available, 0 blocked, 5 booked, 0 closed
  area "floor": 7 available, 0 blocked, 2 booked, 0 closed
event "play": revision \d+; with all areas 14 available, 0 blocked, 0 booked, 0 closed
  area "floor": 9 available, 0 blocked, 0 booked, 0 closed
sound: \d+ records behind the checkpoint, 2 events
$`, out)
	code, more, errs := seatjournal("inspect", j.dir)
	assert.Empty(t, errs)
	assert.Zero(t, code)
	assert.Regexp(t, `(?m)^  0000000000000002\.log byte 64: records, \d+ bytes, \d+ records from \d+$`, more)
	assert.Regexp(t, `(?m)^  0000000000000002\.log byte \d+: close, 48 bytes, 0 records from \d+$`, more)
	var rest []string
	for line := range strings.Lines(more) {
		if !strings.Contains(line, ".log byte ") && !strings.Contains(line, ".checkpoint byte ") {
			rest = append(rest, line)
		}
	}
	assert.Equal(t, out, strings.Join(rest, ""), "it says what verify says, and the frames")
}

// TestLinesOfFilesSumUpTheirFrames has a log of several files.
func TestLinesOfFilesSumUpTheirFrames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	s, err := journal.Open(dir, small)
	require.NoError(t, err)
	_, err = s.Create(ctx, seatmap.CreateRequest{Event: "concert", Layout: seatmap.Layout{Count: 150}})
	require.NoError(t, err)
	for i := range 150 {
		h, err := s.Block(ctx, seatmap.BlockRequest{Event: "concert", User: strings.Repeat("u", 200), Seats: []string{strconv.Itoa(i + 1)}, TTL: time.Hour})
		require.NoError(t, err)
		_, err = s.Book(ctx, seatmap.BookRequest{Token: h.Token})
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
	code, out, errs := seatjournal("inspect", dir)
	require.Zero(t, code, errs)
	count, sum, seals, all := 0, 0, 0, 0
	for line := range strings.Lines(out) {
		var name string
		var at, bytes, records, first int
		if strings.HasPrefix(line, "  ") {
			kind := strings.TrimSuffix(strings.Fields(line)[3], ",")
			_, err := fmt.Sscanf(line, "  %s byte %d: "+kind+", %d bytes, %d records from %d", &name, &at, &bytes, &records, &first)
			require.NoError(t, err, line)
			if kind == "records" || kind == "seal" || kind == "close" {
				count, sum = count+1, sum+records
			}
		} else if _, err := fmt.Sscanf(line, "%s %d frames with %d records from %d", &name, &bytes, &records, &first); err == nil {
			assert.Equal(t, count, bytes, line)
			assert.Equal(t, sum, records, line)
			all += sum
			count, sum = 0, 0
			if strings.HasSuffix(line, "; the log goes on\n") {
				seals++
			}
		}
	}
	assert.Equal(t, 1, seals)
	assert.Greater(t, all, 150)
	assert.Contains(t, out, fmt.Sprintf("sound: %d records behind the checkpoint, 1 events\n", all))
}

// files returns the contents of a directory by name, without who has it open.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		all[d.Name()] = string(content)
		return err
	}))
	return all
}

func TestNothingIsChanged(t *testing.T) {
	j := newJournal(t)
	for _, dir := range []string{j.dir, j.running} {
		before := files(t, dir)
		for _, args := range [][]string{{"verify", dir}, {"inspect", dir}, {"export", dir, "concert"}} {
			code, _, errs := seatjournal(args...)
			require.Zero(t, code, errs)
		}
		after := files(t, dir)
		delete(before, "lock") // of the copy, it names who had the journal open
		delete(after, "lock")
		assert.Equal(t, before, after)
	}
	require.NoError(t, os.Remove(filepath.Join(j.dir, "lock")))
	code, _, errs := seatjournal("verify", j.dir)
	require.Zero(t, code, errs)
	assert.NoFileExists(t, filepath.Join(j.dir, "lock"))
}

func TestALogThatWasNotClosedIsSound(t *testing.T) {
	j := newJournal(t)
	code, out, errs := seatjournal("verify", j.running)
	require.Zero(t, code, errs)
	assert.Contains(t, out, "; the log was not closed\n")
	// The last frame becomes one of which a sector was not written.
	_, frames, _ := seatjournal("inspect", j.running)
	var at, size int64
	for line := range strings.Lines(frames) {
		if strings.Contains(line, ".log byte ") && strings.Contains(line, ": records, ") {
			_, err := fmt.Sscanf(line, "  0000000000000002.log byte %d: records, %d bytes", &at, &size)
			require.NoError(t, err)
		}
	}
	path := filepath.Join(j.running, "0000000000000002.log")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	clear(content[at+48 : at+size])
	require.NoError(t, os.WriteFile(path, content, 0o600))
	code, out, errs = seatjournal("verify", j.running)
	require.Zero(t, code, errs)
	assert.Contains(t, out, fmt.Sprintf("; torn at byte %d, which Open drops\n", at))
	assert.Contains(t, out, "13 available, 0 blocked, 1 booked", "what was not acknowledged is gone")
	s, err := journal.Open(j.running, small)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// TestDamageIsToldAsOpenTellsIt flips a bit in many places.
func TestDamageIsToldAsOpenTellsIt(t *testing.T) {
	j := newJournal(t)
	found := 0
	for name, content := range files(t, j.dir) {
		if filepath.Ext(name) == "" {
			continue
		}
		for at := 0; at < min(len(content), 2500); at += 61 {
			dir := filepath.Join(t.TempDir(), "copy")
			require.NoError(t, os.CopyFS(dir, os.DirFS(j.dir)))
			flipped := []byte(content)
			flipped[at] ^= 4
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), flipped, 0o600))
			code, out, errs := seatjournal("verify", dir)
			s, err := journal.Open(dir, small)
			if err == nil {
				require.NoError(t, s.Close())
				assert.Zero(t, code, "%s %d: %s", name, at, errs)
				continue
			}
			found++
			damage, ok := errors.AsType[*journal.DamageError](err)
			require.True(t, ok, "%v", err)
			assert.Equal(t, 1, code)
			assert.Contains(t, errs, fmt.Sprintf("seatjournal: %s: %s is damaged at byte %d: %s\n", dir, damage.File, damage.Offset, damage.Reason))
			assert.NotContains(t, out, "sound")
			if strings.Contains(out, name+": ") {
				assert.Contains(t, out, "; and then damage\n")
			}
			code, _, errs = seatjournal("export", dir, "concert")
			assert.Equal(t, 1, code, errs)
		}
	}
	assert.Greater(t, found, 10)
}

func TestAJournalThatIsOpenIsNotRead(t *testing.T) {
	j := newJournal(t)
	s, err := journal.Open(j.dir, small)
	require.NoError(t, err)
	for _, args := range [][]string{{"verify", j.dir}, {"inspect", j.dir}, {"export", j.dir, "concert"}} {
		code, out, errs := seatjournal(args...)
		assert.Equal(t, 3, code)
		assert.Empty(t, out)
		assert.Contains(t, errs, fmt.Sprintf("seatjournal: the journal is held by process %d (", os.Getpid()))
	}
	require.NoError(t, s.Close())
}

func TestAnExportGoesOnElsewhere(t *testing.T) {
	j := newJournal(t)
	file := filepath.Join(t.TempDir(), "export")
	code, out, errs := seatjournal("export", "-o", file, j.dir, "concert")
	require.Zero(t, code, errs)
	assert.Empty(t, out)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	if runtime.GOOS != "windows" { // which knows no such permissions
		info, err := os.Stat(file)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	code, _, errs = seatjournal("export", "-o", file, j.dir, "concert")
	assert.Equal(t, 1, code, "the file is there")
	assert.Contains(t, errs, file)
	code, out, errs = seatjournal("export", j.dir, "play")
	require.Zero(t, code, errs)
	m := seatmap.NewMap(seatmap.MapOptions{})
	for _, export := range []string{string(text), out} {
		_, err = m.Import(ctx, seatmap.ImportRequest{}, strings.NewReader(export))
		require.NoError(t, err)
	}
	_, err = m.Cancel(ctx, seatmap.CancelRequest{Token: j.booking})
	require.NoError(t, err, "its tokens are valid")
	require.NoError(t, m.Close())
	other := filepath.Join(t.TempDir(), "other")
	code, _, errs = seatjournal("export", "-o", other, j.dir, "opera")
	assert.Equal(t, 1, code)
	assert.Contains(t, errs, "; there are: concert, play\n")
	assert.NoFileExists(t, other)
}

func TestWhatIsNoJournalIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{t.TempDir(), file, filepath.Join(file, "below")} {
		code, out, errs := seatjournal("verify", dir)
		assert.Equal(t, 1, code)
		assert.Empty(t, out)
		assert.Contains(t, errs, "seatjournal: "+dir+": ")
	}
}

func TestWrongArgumentsAreRefused(t *testing.T) {
	for _, args := range [][]string{
		nil, {"verify"}, {"verify", "a", "b"}, {"inspect"}, {"export", "a"}, {"export", "-x", "a", "b"}, {"verify", "-o", "f", "a"}, {"other", "a"}, {"-h"},
	} {
		code, out, errs := seatjournal(args...)
		assert.Equal(t, 2, code, args)
		assert.Empty(t, out)
		assert.Equal(t, usage, errs)
	}
}

// full is a writer that takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestAnOutputThatIsFullIsAnError(t *testing.T) {
	j := newJournal(t)
	for _, args := range [][]string{{"verify", j.dir}, {"export", j.dir, "concert"}} {
		var errs bytes.Buffer
		assert.Equal(t, 1, run(args, full{}, &errs))
		assert.Contains(t, errs.String(), "full")
	}
}
