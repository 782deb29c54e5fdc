package stream_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/stream"
)

// body is a reader that knows whether it was closed.
type body struct {
	io.Reader
	closed int
}

func (b *body) Close() error {
	b.closed++
	return nil
}

// open returns an Open of the text, and the body that it will open.
func open(text string) (stream.Open, *body) {
	b := &body{Reader: strings.NewReader(text)}
	return func(context.Context) (io.ReadCloser, error) { return b, nil }, b
}

func TestLines(t *testing.T) {
	for text, want := range map[string][]string{
		"":               nil,
		"\n":             {""},
		"a\nb":           {"a", "b"},
		"a\r\nbb\n\nc\n": {"a", "bb", "", "c"},
		"1234567\r\n8":   {"1234567", "8"},
	} {
		o, b := open(text)
		assert.Equal(t, want, collect(t, stream.Lines(o, 7)), "%q", text)
		assert.Equal(t, 1, b.closed)
	}
	for _, text := range []string{"ok\n12345678\n", "ok\n12345678", "ok\n" + strings.Repeat("x", 100_000)} {
		o, b := open(text)
		got, err := stream.Collect(t.Context(), stream.Lines(o, 7))
		require.ErrorIs(t, err, stream.ErrTooLong)
		assert.Equal(t, []string{"ok"}, got)
		assert.Equal(t, 1, b.closed)
	}
	o, b := open("a\nb\n")
	for _, err := range stream.Lines(o, 7).All(t.Context()) {
		require.NoError(t, err)
		break
	}
	assert.Equal(t, 1, b.closed, "at a break")
	_, err := stream.Collect(t.Context(), stream.Lines(func(context.Context) (io.ReadCloser, error) { return nil, errBoom }, 7))
	require.Equal(t, errBoom, err)
	failing := &body{Reader: io.MultiReader(strings.NewReader("a\nb"), errReader{})}
	got, err := stream.Collect(t.Context(), stream.Lines(func(context.Context) (io.ReadCloser, error) { return failing, nil }, 7))
	require.Equal(t, errBoom, err)
	assert.Equal(t, []string{"a"}, got, "the rest may be torn")
}

func TestATornRecordIsNotYielded(t *testing.T) {
	for _, cause := range []error{errBoom, io.ErrUnexpectedEOF} {
		r := iotest.DataErrReader(io.MultiReader(strings.NewReader("one two thr"), iotest.ErrReader(cause)))
		got, err := stream.Collect(t.Context(), stream.Records(func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(r), nil
		}, bufio.ScanWords, 5))
		require.Equal(t, cause, err)
		assert.Equal(t, [][]byte{[]byte("one"), []byte("two")}, got)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errBoom }

func TestTheEndOfTheContextClosesTheReader(t *testing.T) {
	noLeak(t)
	r, w := io.Pipe()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	go func() {
		_, _ = io.WriteString(w, "a\n")
	}()
	var last error
	for v, err := range stream.Lines(func(context.Context) (io.ReadCloser, error) { return r, nil }, 10).All(ctx) {
		last = err
		if err == nil {
			assert.Equal(t, "a", v)
			time.AfterFunc(1, func() { cancel(errBoom) }) // while it reads
		}
	}
	require.ErrorIs(t, last, errBoom)
	_, err := w.Write([]byte("x"))
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

func TestFileAndRecords(t *testing.T) {
	name := filepath.Join(t.TempDir(), "words")
	require.NoError(t, os.WriteFile(name, []byte("one two\nthree"), 0o600))
	records := collect(t, stream.Records(stream.File(name), bufio.ScanWords, 5))
	assert.Equal(t, [][]byte{[]byte("one"), []byte("two"), []byte("three")}, records)
	_, err := stream.Collect(t.Context(), stream.Records(stream.File(name), bufio.ScanWords, 4))
	require.ErrorIs(t, err, stream.ErrTooLong)
	_, err = stream.Collect(t.Context(), stream.Lines(stream.File(name+".none"), 4))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestTheSeparatorDoesNotCountAsTheRecord(t *testing.T) {
	const separator = "\r\n\r\n"
	split := func(data []byte, _ bool) (int, []byte, error) {
		if i := bytes.Index(data, []byte(separator)); i >= 0 {
			return i + len(separator), data[:i], nil
		}
		return 0, nil, nil
	}
	for n := range 10 {
		record := strings.Repeat("x", n)
		o, _ := open(record + separator + record + separator)
		got, err := stream.Collect(t.Context(), stream.Records(o, split, 8))
		if n > 8 {
			require.ErrorIs(t, err, stream.ErrTooLong)
			continue
		}
		require.NoError(t, err, n)
		assert.Equal(t, [][]byte{[]byte(record), []byte(record)}, got)
	}
}

func TestALineMayBeAsLongAsAnIntSays(t *testing.T) {
	for maxBytes := math.MaxInt; maxBytes > math.MaxInt-3; maxBytes-- {
		o, _ := open("a\nb")
		assert.Equal(t, []string{"a", "b"}, collect(t, stream.Lines(o, maxBytes)))
		o, _ = open("data: a\n\n")
		assert.Len(t, collect(t, stream.SSE(o, maxBytes)), 1)
	}
}

func TestSSE(t *testing.T) {
	const message = "message"
	for text, want := range map[string][]stream.Event{
		"":                                     nil,
		"data: a\n\n":                          {{Name: message, Data: "a"}},
		"\ufeffdata:a\r\rdata: b\r\n\r\n":      {{Name: message, Data: "a"}, {Name: message, Data: "b"}},
		"data: a\ndata:  b\ndata\n\n":          {{Name: message, Data: "a\n b\n"}},
		": comment\n\nevent: e\n\ndata: x\n\n": {{Name: message, Data: "x"}},
		"id: 7\nevent: e\nretry: 1500\ndata: x\n\ndata: y\n\n": {
			{ID: "7", Name: "e", Data: "x", Retry: 1500 * time.Millisecond},
			{ID: "7", Name: message, Data: "y", Retry: 1500 * time.Millisecond},
		},
		"id: 7\x00\nretry: +5\nretry: 1x\nunknown: z\ndata: x\n\n": {{Name: message, Data: "x"}},
		"data: not ended\n": nil,
	} {
		o, _ := open(text)
		assert.Equal(t, want, collect(t, stream.SSE(o, 100)), "%q", text)
	}
	for _, text := range []string{"data: " + strings.Repeat("x", 200) + "\n\n", strings.Repeat("data: 1234567890\n", 20)} {
		o, b := open(text)
		_, err := stream.Collect(t.Context(), stream.SSE(o, 100))
		require.ErrorIs(t, err, stream.ErrTooLong)
		assert.Equal(t, 1, b.closed)
	}
}

func TestOnlyTheDataOfAnEventCounts(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	for text, want := range map[string]string{
		"data: " + x(100) + "\r\n\r\n":                      x(100),
		"\ufeffdata: " + x(100) + "\n\n":                    x(100),
		"data:" + x(100) + "\n\n":                           x(100),
		"data: " + x(49) + "\ndata: " + x(50) + "\n\n":      x(49) + "\n" + x(50),
		"data: " + x(101) + "\n\n":                          "",
		"data:" + x(101) + "\n\n":                           "",
		"data: " + x(50) + "\ndata: " + x(50) + "\n\n":      "",
		": a comment like this\n: " + x(200) + "\ndata: \n": "",
	} {
		o, _ := open(text)
		got, err := stream.Collect(t.Context(), stream.SSE(o, 100))
		if want == "" {
			require.ErrorIs(t, err, stream.ErrTooLong, "%q", text)
			continue
		}
		require.NoError(t, err, "%q", text)
		assert.Equal(t, []stream.Event{{Name: "message", Data: want}}, got)
	}
}

func TestAnEventIsThereAtItsEnd(t *testing.T) {
	noLeak(t)
	for _, end := range []string{"\n\n", "\r\r", "\r\n\r"} {
		r, w := io.Pipe()
		events := stream.SSE(func(context.Context) (io.ReadCloser, error) { return r, nil }, 100)
		next, stop := iter.Pull2(events.All(t.Context()))
		written := make(chan struct{})
		for _, data := range []string{"a", "b"} {
			go func() {
				_, _ = io.WriteString(w, "data: "+data+end)
				written <- struct{}{}
			}()
			e, err, _ := next()
			require.NoError(t, err)
			assert.Equal(t, data, e.Data)
			<-written
		}
		stop()
	}
}

func FuzzSSE(f *testing.F) {
	f.Add("id: 1\ndata: a\r\ndata: b\r\r")
	f.Fuzz(func(t *testing.T, text string) {
		o, b := open(text)
		events, err := stream.Collect(t.Context(), stream.SSE(o, 64))
		if err != nil {
			require.ErrorIs(t, err, stream.ErrTooLong)
		}
		for _, e := range events {
			assert.NotEmpty(t, e.Name)
			assert.LessOrEqual(t, len(e.Data), 64)
			assert.NotContains(t, e.Data, "\r")
		}
		assert.Equal(t, 1, b.closed)
	})
}

// rows are a Cursor of n rows.
type rows struct {
	n, at, closed int
	err, closing  error
}

func (r *rows) Next() bool   { r.at++; return r.at <= r.n }
func (r *rows) Err() error   { return r.err }
func (r *rows) Close() error { r.closed++; return r.closing }

func TestRows(t *testing.T) {
	run := func(r *rows, failAt int) ([]int, error) {
		return stream.Collect(t.Context(), stream.Rows(
			func(context.Context) (*rows, error) { return r, nil },
			func(r *rows) (int, error) {
				if r.at == failAt {
					return 0, errBoom
				}
				return r.at, nil
			}))
	}
	r := &rows{n: 3}
	got, err := run(r, 0)
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2, 3}, got)
	assert.Equal(t, 1, r.closed)
	r = &rows{n: 3}
	got, err = run(r, 2)
	require.Equal(t, errBoom, err)
	assert.Equal(t, []int{1}, got)
	assert.Equal(t, 1, r.closed)
	_, err = run(&rows{n: 3, err: errBoom}, 0)
	require.Equal(t, errBoom, err)
	_, err = run(&rows{n: 3, closing: errBoom}, 0)
	require.Equal(t, errBoom, err)
	r = &rows{n: 3, closing: errBoom}
	for _, err := range stream.Rows(func(context.Context) (*rows, error) { return r, nil }, func(r *rows) (int, error) { return r.at, nil }).All(t.Context()) {
		require.NoError(t, err)
		break
	}
	assert.Equal(t, 1, r.closed)
	_, err = stream.Collect(t.Context(), stream.Rows(func(context.Context) (*rows, error) { return nil, errBoom }, func(*rows) (int, error) { return 0, nil }))
	require.Equal(t, errBoom, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	r = &rows{n: 3}
	_, err = stream.Collect(ctx, stream.Rows(func(context.Context) (*rows, error) { return r, nil }, func(r *rows) (int, error) {
		cancel(errBoom)
		return r.at, os.ErrClosed // it noticed first
	}))
	require.ErrorIs(t, err, errBoom)
	assert.Equal(t, 1, r.closed)
}

func TestPages(t *testing.T) {
	fetched := 0
	s := stream.Pages(10, func(_ context.Context, at int) ([]int, int, bool, error) {
		fetched++
		if at == 40 {
			return []int{at}, 0, true, errBoom
		}
		return []int{at, at + 1}, at + 10, at < 30, nil
	})
	assert.Equal(t, []int{10, 11, 20, 21, 30, 31}, collect(t, s))
	fetched = 0
	assert.Equal(t, []int{10, 11}, collect(t, s.Take(2)))
	assert.Equal(t, 1, fetched, "no page is fetched before it is asked for")
	s = stream.Pages(40, func(_ context.Context, at int) ([]int, int, bool, error) { return []int{at}, 0, true, errBoom })
	got, err := stream.Collect(t.Context(), s)
	require.Equal(t, errBoom, err)
	assert.Equal(t, []int{40}, got)
}

func TestTheContextEndsAPage(t *testing.T) {
	for name, s := range map[string]stream.Stream[int]{
		"Pages": stream.Pages(0, func(context.Context, int) ([]int, int, bool, error) { return ints(3), 0, false, nil }),
		"Poll":  stream.Poll(time.Hour, func(context.Context) ([]int, error) { return ints(3), nil }),
	} {
		for n := 1; n <= 3; n++ {
			ctx, cancel := context.WithCancelCause(t.Context())
			got, err := stream.Collect(ctx, s.Inspect(func(v int) {
				if v == n-1 {
					cancel(errBoom)
				}
			}))
			require.ErrorIs(t, err, errBoom, name)
			assert.Equal(t, ints(n), got, name)
		}
	}
}

func TestFromChanReceivesOnlyWhatIsAskedFor(t *testing.T) {
	c := make(chan int, 3)
	c <- 1
	c <- 2
	c <- 3
	assert.Equal(t, []int{1, 2}, collect(t, stream.FromChan(c).Take(2)))
	close(c)
	assert.Equal(t, []int{3}, collect(t, stream.FromChan(c)))
}

func TestANilChannelWaitsForTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, errBoom)
		defer cancel()
		for _, s := range []stream.Stream[int]{
			stream.FromChan[int](nil), stream.Merge(upTo(3, nil), stream.FromChan[int](nil)).Skip(3),
		} {
			got, err := stream.Collect(ctx, s)
			require.ErrorIs(t, err, errBoom)
			assert.Empty(t, got)
		}
	})
}

func TestLinesThatComeInPieces(t *testing.T) {
	for text, want := range map[string][]string{
		"12":             {"12"},
		"12\r\n\n":       {"12", ""},
		"1\r2\n3\r\r\n4": {"1\r2", "3\r", "4"},
	} {
		b := &body{Reader: iotest.OneByteReader(strings.NewReader(text))}
		got := collect(t, stream.Lines(func(context.Context) (io.ReadCloser, error) { return b, nil }, 7))
		assert.Equal(t, want, got, "%q", text)
		assert.Equal(t, 1, b.closed)
	}
}

func TestAGigabyteOfLinesInConstantMemory(t *testing.T) {
	const piece = 1 << 20
	lines, n := strings.Repeat(strings.Repeat("x", 1023)+"\n", piece>>10), 1024
	if testkit.RaceEnabled {
		n = 64
	}
	pieces := make([]io.Reader, n)
	for i := range pieces {
		pieces[i] = strings.NewReader(lines)
	}
	r := io.NopCloser(io.MultiReader(pieces...))
	before, most, count := heap(), uint64(0), 0
	for _, err := range stream.Lines(func(context.Context) (io.ReadCloser, error) { return r, nil }, 1<<20).All(t.Context()) {
		require.NoError(t, err)
		count++
		if count%(64<<10) == 0 {
			runtime.GC()
			most = max(most, heap()-min(before, heap()))
		}
	}
	assert.Equal(t, n<<10, count)
	assert.Less(t, most, uint64(1<<20))
}

// receiver is somebody else's.
type receiver func(context.Context) (int, error)

func (r receiver) Recv(ctx context.Context) (int, error) { return r(ctx) }

// fed returns a channel that holds the numbers below n.
func fed(t *testing.T, n int) (*channel.Sender[int], *channel.Receiver[int]) {
	t.Helper()
	tx, rx := channel.New[int](n + 1)
	_, err := tx.SendMany(t.Context(), ints(n))
	require.NoError(t, err)
	return tx, rx
}

func TestAStreamOfAReceiverEndsWithTheChannel(t *testing.T) {
	tx, rx := fed(t, 3)
	tx.Close()
	assert.Equal(t, ints(3), collect(t, stream.FromReceiver(rx)))
	assert.Empty(t, collect(t, stream.FromReceiver(rx)))

	btx, brx := channel.NewBroadcast[int](2)
	for v := range 3 {
		_, err := btx.Send(v)
		require.NoError(t, err)
	}
	btx.Close()
	got, err := stream.Collect(t.Context(), stream.FromReceiver(brx))
	require.ErrorIs(t, err, channel.ErrLagged)
	assert.Empty(t, got)
	assert.Equal(t, []int{1, 2}, collect(t, stream.FromReceiver(brx)), "it goes on with what is kept")

	otx, orx := channel.NewOneshot[int]()
	require.NoError(t, otx.Send(7))
	assert.Equal(t, []int{7}, collect(t, stream.FromReceiver(orx)))

	for end, want := range map[error]error{
		io.EOF: nil,
		fmt.Errorf("wrapped: %w", channel.ErrClosed): nil,
		io.ErrUnexpectedEOF:                          io.ErrUnexpectedEOF,
		fmt.Errorf("broken: %w", io.EOF):             io.EOF,
		errBoom:                                      errBoom,
	} {
		left := 2
		got, err := stream.Collect(t.Context(), stream.FromReceiver(receiver(func(context.Context) (int, error) {
			if left--; left < 0 {
				return 9, end
			}
			return left, nil
		})))
		require.ErrorIs(t, err, want, "%v", end)
		assert.Equal(t, []int{1, 0}, got)
	}
}

func TestAStreamOfAReceiverIsNotShortWhenItsContextEnds(t *testing.T) {
	for _, cause := range []error{errBoom, channel.ErrClosed, io.EOF} {
		synctest.Test(t, func(t *testing.T) {
			_, rx := fed(t, 2)
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() {
				synctest.Wait()
				cancel(cause)
			}()
			got, err := stream.Collect(ctx, stream.FromReceiver(rx))
			assert.Equal(t, ints(2), got)
			require.ErrorIs(t, err, cause)
			require.ErrorIs(t, err, context.Canceled)
		})
	}
}

// Receivers that do not heed their context are not asked again.
func TestAStreamOfADeafReceiverEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	asked := 0
	s := stream.FromReceiver(receiver(func(context.Context) (int, error) {
		if asked++; asked == 3 {
			cancel(errBoom)
		}
		return asked, nil
	}))
	got, err := stream.Collect(ctx, s)
	assert.Equal(t, []int{1, 2, 3}, got)
	require.ErrorIs(t, err, errBoom)
	assert.Equal(t, 3, asked)
}

func TestABreakBehindABufferLeavesTheReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tx, rx := fed(t, 2)
		for _, err := range stream.Buffer(stream.FromReceiver(rx), 4).All(t.Context()) {
			require.NoError(t, err)
			synctest.Wait() // the stream waits for a third element
			break
		}
		require.NoError(t, tx.Send(t.Context(), 7))
		v, err := rx.Recv(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 7, v)
	})
}

func TestStreamsOfSequencesNoticeTheEndOfTheirContext(t *testing.T) {
	for name, from := range map[string]func(seq func(func(int) bool)) stream.Stream[int]{
		"seq": func(seq func(func(int) bool)) stream.Stream[int] { return stream.FromSeq(seq) },
		"seq2": func(seq func(func(int) bool)) stream.Stream[int] {
			return stream.FromSeq2(func(yield func(int, error) bool) {
				seq(func(v int) bool { return yield(v, nil) })
			})
		},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		asked := 0
		endless := from(func(yield func(int) bool) {
			for asked++; yield(asked); asked++ {
				if asked > 9 {
					return
				}
			}
		})
		var got []int
		for v, err := range endless.All(ctx) {
			if got = append(got, v); err != nil {
				require.ErrorIs(t, err, errBoom, name)
				continue
			}
			if v == 2 {
				cancel(errBoom)
			}
		}
		assert.Equal(t, []int{1, 2, 0}, got, name)
		assert.Equal(t, 2, asked, "%s is asked no more", name)

		ctx, cancel = context.WithCancelCause(t.Context())
		short := from(func(yield func(int) bool) {
			if yield(1) {
				cancel(errBoom) // what seq waits for, too
			}
		})
		got, err := stream.Collect(ctx, short)
		assert.Equal(t, []int{1}, got, name)
		require.ErrorIs(t, err, errBoom, "%s was cut short", name)
		assert.Equal(t, []int{1}, collect(t, from(slices.Values([]int{1}))), name)
	}
}
