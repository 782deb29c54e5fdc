package stream_test

import (
	"context"
	"fmt"
	"iter"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/stream"
)

// misuses calls every exported function and method as a caller must not. The key is the
// text of the panic, without the prefix of the package.
func misuses(t *testing.T) map[string]func() {
	t.Helper()
	var (
		none   context.Context
		ctx    = t.Context()
		s      = count()
		pred   = func(int) bool { return true }
		each   = func(context.Context, int) error { return nil }
		branch = into(new([]int))
		lost   = func(context.Context, stream.Stream[stream.Received[int]]) error { return nil }
		group  = func(_ int, s stream.Stream[int]) stream.Stream[int] { return s }
		bounds = func(o stream.BatchOptions[int]) { stream.Batches(s, o) }
		ss     stream.Sources[any, int]
	)
	calls := map[string]func(){
		"MapAhead: ahead -1 is negative":          func() { stream.MapAhead(s, 1, -1, same) },
		"MapUnorderedAhead: ahead -1 is negative": func() { stream.MapUnorderedAhead(s, 1, -1, same) },
		"ForEachAhead: ahead -1 is negative":      func() { _ = stream.ForEachAhead(ctx, s, 1, -1, each) },
		"Windows: 0 is not positive":              func() { stream.Windows(s, 1, 0) },
		"TimeWindows: 0s is not positive":         func() { stream.TimeWindows(s, 1, 0) },
		"ChunksTimeout: 0 is not positive":        func() { stream.ChunksTimeout(s, 0, 1) },
		"Sessions: 0 is not positive":             func() { stream.Sessions(s, 0, 1) },
		"Lines: maxBytes 0 is not positive":       func() { stream.Lines(nil, 0) },
		"SSE: maxBytes -1 is not positive":        func() { stream.SSE(nil, -1) },
		"Records: maxBytes 0 is not positive":     func() { stream.Records(nil, nil, 0) },
		"Batches: no bound":                       func() { bounds(stream.BatchOptions[int]{}) },
		"Batches: nil function":                   func() { bounds(stream.BatchOptions[int]{MaxBytes: 1}) },
		"Batches: negative bound (MaxElements 1, MaxBytes -1, MaxAge 0s)": func() {
			bounds(stream.BatchOptions[int]{MaxElements: 1, MaxBytes: -1})
		},
		"Batches: Size returned -1": func() {
			_ = drain(ctx, stream.Batches(s, stream.BatchOptions[int]{MaxBytes: 1, Size: func(int) int { return -1 }}))
		},
		"Fail: nil error":            func() { stream.Fail[int](nil) },
		"FromReceiver: nil receiver": func() { stream.FromReceiver[int](nil) },
		"Rows: the query returned neither rows nor an error": func() {
			query := func(context.Context) (*rows, error) { return nil, nil } //nolint:nilnil // the mistake
			_ = drain(ctx, stream.Rows(query, func(*rows) (int, error) { return 0, nil }))
		},
		"Sources.Stream: another loop runs": func() {
			ss.Close()
			var open stream.Sources[int, int]
			require.NoError(t, open.Insert(1, stream.Of(1)))
			for _, err := range open.Stream().All(ctx) {
				require.NoError(t, err)
				_ = drain(ctx, open.Stream())
			}
		},
	}
	for text, key := range map[string]any{"NaN (float64)": math.NaN(), "[] ([]int)": []int{}} {
		text = "%s: the key " + text + " cannot be the key of a map"
		calls[fmt.Sprintf(text, "Sources.Insert")] = func() { _ = ss.Insert(key, s) }
		calls[fmt.Sprintf(text, "Sources.Remove")] = func() { ss.Remove(key) }
		calls[fmt.Sprintf(text, "Sources.Contains")] = func() { ss.Contains(key) }
	}
	for name, call := range map[string]func(n int){
		"Map":               func(n int) { stream.Map(s, n, same) },
		"MapAhead":          func(n int) { stream.MapAhead(s, n, 0, same) },
		"MapUnordered":      func(n int) { stream.MapUnordered(s, n, same) },
		"MapUnorderedAhead": func(n int) { stream.MapUnorderedAhead(s, n, 0, same) },
		"ForEach":           func(n int) { _ = stream.ForEach(ctx, s, n, each) },
		"ForEachAhead":      func(n int) { _ = stream.ForEachAhead(ctx, s, n, 0, each) },
		"Buffer":            func(n int) { stream.Buffer(s, n) },
		"Chunks":            func(n int) { stream.Chunks(s, n) },
		"ReadyChunks":       func(n int) { stream.ReadyChunks(s, n) },
		"Windows":           func(n int) { stream.Windows(s, n, 1) },
		"FlattenUnordered":  func(n int) { stream.FlattenUnordered(stream.Stream[stream.Stream[int]]{}, n) },
		"FlatMapUnordered":  func(n int) { stream.FlatMapUnordered(s, n, func(int) stream.Stream[int] { return s }) },
		"GroupBy":           func(n int) { stream.GroupBy(s, n, mod(2), group) },
		"Tee":               func(n int) { _ = stream.Tee(ctx, s, n) },
		"Split":             func(n int) { _ = stream.Split(ctx, s, n, pred, branch, branch) },
		"Broadcast":         func(n int) { _ = stream.Broadcast[int](ctx, s, n) },
	} {
		for _, n := range []int{0, -1, math.MinInt} {
			calls[fmt.Sprintf("%s: %d is not positive", name, n)] = func() { call(n) }
		}
	}
	if math.MaxInt > math.MaxInt32 {
		text := fmt.Sprintf("%%s: %d elements of %%d bytes are more than memory can hold", math.MaxInt)
		calls[fmt.Sprintf(text, "Buffer", 8)] = func() { stream.Buffer(s, math.MaxInt) }
		calls[fmt.Sprintf(text, "Tee", 8)] = func() { _ = stream.Tee(ctx, s, math.MaxInt, branch) }
		calls[fmt.Sprintf(text, "Split", 8)] = func() { _ = stream.Split(ctx, s, math.MaxInt, pred, branch, branch) }
		calls[fmt.Sprintf(text, "Broadcast", 16)] = func() { _ = stream.Broadcast(ctx, s, math.MaxInt, lost) }
	}
	for name, call := range map[string]func(d time.Duration){
		"Ticker":        func(d time.Duration) { stream.Ticker(d) },
		"Poll":          func(d time.Duration) { stream.Poll[int](d, nil) },
		"Throttle":      func(d time.Duration) { stream.Throttle(s, d) },
		"Debounce":      func(d time.Duration) { stream.Debounce(s, d) },
		"Timeout":       func(d time.Duration) { stream.Timeout(s, d, nil) },
		"ChunksTimeout": func(d time.Duration) { stream.ChunksTimeout(s, 1, d) },
		"Sessions":      func(d time.Duration) { stream.Sessions(s, 1, d) },
		"TimeWindows":   func(d time.Duration) { stream.TimeWindows(s, d, 1) },
	} {
		for _, d := range []time.Duration{0, -1, math.MinInt64} {
			calls[fmt.Sprintf("%s: %v is not positive", name, d)] = func() { call(d) }
		}
	}
	for name, call := range map[string]func(ctx context.Context){
		"Stream.All": func(ctx context.Context) { s.All(ctx) },
		"Collect":    func(ctx context.Context) { _, _ = stream.Collect(ctx, s) },
		"First":      func(ctx context.Context) { _, _, _ = stream.First(ctx, s) },
		"Count":      func(ctx context.Context) { _, _ = stream.Count(ctx, s) },
		"Any":        func(ctx context.Context) { _, _ = stream.Any(ctx, s, pred) },
		"All":        func(ctx context.Context) { _, _ = stream.All(ctx, s, pred) },
		"Reduce": func(ctx context.Context) {
			_, _ = stream.Reduce(ctx, s, 0, func(int, int) (int, error) { return 0, nil })
		},
		"ForEach":      func(ctx context.Context) { _ = stream.ForEach(ctx, s, 1, each) },
		"ForEachAhead": func(ctx context.Context) { _ = stream.ForEachAhead(ctx, s, 1, 0, each) },
		"Tee":          func(ctx context.Context) { _ = stream.Tee(ctx, s, 1, branch) },
		"Split":        func(ctx context.Context) { _ = stream.Split(ctx, s, 1, pred, branch, branch) },
		"Broadcast":    func(ctx context.Context) { _ = stream.Broadcast(ctx, s, 1, lost) },
	} {
		calls[name+": nil context"] = func() { call(none) }
	}
	for name, nils := range map[string][]func(){
		"New":               {func() { stream.New[int](nil) }},
		"FromSeq":           {func() { stream.FromSeq(iter.Seq[int](nil)) }},
		"FromSeq2":          {func() { stream.FromSeq2(iter.Seq2[int, error](nil)) }},
		"Poll":              {func() { stream.Poll[int](1, nil) }},
		"Pages":             {func() { stream.Pages[int](0, nil) }},
		"Lines":             {func() { stream.Lines(nil, 1) }},
		"SSE":               {func() { stream.SSE(nil, 1) }},
		"Stream.Filter":     {func() { s.Filter(nil) }},
		"Stream.Inspect":    {func() { s.Inspect(nil) }},
		"Stream.TakeWhile":  {func() { s.TakeWhile(nil) }},
		"Stream.SkipWhile":  {func() { s.SkipWhile(nil) }},
		"FilterMap":         {func() { stream.FilterMap[int, int](s, nil) }},
		"FlatMap":           {func() { stream.FlatMap[int, int](s, nil) }},
		"FlatMapUnordered":  {func() { stream.FlatMapUnordered[int, int](s, 1, nil) }},
		"Scan":              {func() { stream.Scan(s, 0, nil) }},
		"Retry":             {func() { stream.Retry(s, nil) }},
		"Map":               {func() { stream.Map[int, int](s, 1, nil) }},
		"MapAhead":          {func() { stream.MapAhead[int, int](s, 1, 0, nil) }},
		"MapUnordered":      {func() { stream.MapUnordered[int, int](s, 2, nil) }},
		"MapUnorderedAhead": {func() { stream.MapUnorderedAhead[int, int](s, 2, 0, nil) }},
		"ForEach":           {func() { _ = stream.ForEach(ctx, s, 1, nil) }},
		"ForEachAhead":      {func() { _ = stream.ForEachAhead(ctx, s, 1, 0, nil) }},
		"Reduce":            {func() { _, _ = stream.Reduce(ctx, s, 0, nil) }},
		"Any":               {func() { _, _ = stream.Any(ctx, s, nil) }},
		"All":               {func() { _, _ = stream.All(ctx, s, nil) }},
		"Tee":               {func() { _ = stream.Tee(ctx, s, 1, nil) }},
		"Broadcast":         {func() { _ = stream.Broadcast(ctx, s, 1, nil) }},
		"GroupBy": {
			func() { stream.GroupBy[int, int](s, 1, nil, group) },
			func() { stream.GroupBy[int, int, int](s, 1, mod(2), nil) },
		},
		"Records": {
			func() { stream.Records(nil, nil, 1) },
			func() { stream.Records(stream.File("x"), nil, 1) },
		},
		"Rows": {
			func() { stream.Rows[int, *rows](nil, func(*rows) (int, error) { return 0, nil }) },
			func() { stream.Rows[int](func(context.Context) (*rows, error) { return nil, nil }, nil) }, //nolint:nilnil // it is not called
		},
		"Split": {
			func() { _ = stream.Split(ctx, s, 1, nil, branch, branch) },
			func() { _ = stream.Split(ctx, s, 1, pred, nil, branch) },
			func() { _ = stream.Split(ctx, s, 1, pred, branch, nil) },
		},
	} {
		for i, call := range nils {
			text := name + ": nil function"
			if i > 0 {
				text += fmt.Sprintf(" #%d", i+1) // a key of its own; not in the text of the panic
			}
			calls[text] = call
		}
	}
	return calls
}

func TestMisusePanicsInTheCallerAndSaysHow(t *testing.T) {
	for text, call := range misuses(t) {
		t.Run(text, func(t *testing.T) {
			want, _, _ := strings.Cut(text, " #")
			require.EqualError(t, testkit.PanicError(t, call), "stream: "+want)
		})
	}
}

// nilMeans are the functions for which nil is an argument.
var nilMeans = map[string]string{"Timeout: nil function": "it returns ErrTimeout"}

// TestAllMisusesAreListed reads the sources: each exported function is listed with a nil
// context and a nil function, as far as it has them.
func TestAllMisusesAreListed(t *testing.T) {
	listed := misuses(t)
	for name, f := range testkit.ExportedFuncs(t, ".") {
		for _, want := range testkit.MisusesOf(f) {
			if text := name + ": " + want; nilMeans[text] == "" {
				assert.NotNil(t, listed[text], "%s is not listed", text)
			}
		}
	}
}

func TestGroupByRefusesKeysThatAMapCannotFind(t *testing.T) {
	for text, key := range map[string]any{"NaN (float64)": math.NaN(), "[] ([]int)": []int{}} {
		s := stream.GroupBy(stream.Of(1, 2), 1, func(int) any { return key },
			func(_ any, s stream.Stream[int]) stream.Stream[int] { return s })
		err := testkit.PanicError(t, func() { _, _ = stream.Collect(t.Context(), s) })
		require.ErrorContains(t, err, "stream: GroupBy: the key "+text+" cannot be the key of a map")
	}
}

func TestZeroAndNilThatAreEmpty(t *testing.T) {
	ctx := t.Context()
	var zero stream.Stream[int]
	assert.Empty(t, collect(t, zero))
	assert.Equal(t, "Stream[int]", zero.String())
	assert.Empty(t, collect(t, stream.Merge[int]()))
	assert.Empty(t, collect(t, stream.SelectAll[string, int](nil)))
	assert.Empty(t, collect(t, stream.Of[int]()))
	assert.Empty(t, collect(t, zero.Take(math.MinInt).Skip(math.MinInt).Chain()))
	assert.Equal(t, []int{1}, collect(t, stream.Of(1).Skip(-1).Take(math.MaxInt)))
	require.NoError(t, stream.Tee(ctx, zero, 1))
	var ss stream.Sources[int, int]
	assert.Zero(t, ss.Len())
	assert.False(t, ss.Remove(1))
	ss.Close()
	ss.Close()
	require.Equal(t, stream.ErrClosed, ss.Insert(1, zero))
	assert.Empty(t, collect(t, ss.Stream()))
}

func TestHugeNumbers(t *testing.T) {
	s := func() stream.Stream[int] { return stream.Of(1, 2, 3) }
	for name, s := range map[string]stream.Stream[int]{
		"Map":              stream.MapAhead(s(), math.MaxInt, math.MaxInt, same),
		"MapUnordered":     stream.MapUnordered(s(), math.MaxInt, func(_ context.Context, v int) (int, error) { return v, nil }),
		"FlatMapUnordered": stream.FlatMapUnordered(s(), math.MaxInt, func(v int) stream.Stream[int] { return stream.Of(v) }),
		"Throttle":         stream.Throttle(stream.Of(1, 2, 3).Take(1).Chain(stream.Of(2, 3)), 1),
		"Timeout":          stream.Timeout(s(), math.MaxInt64, nil),
		"Debounce":         stream.Debounce(s(), math.MaxInt64).Chain(stream.Of(1, 2)),
	} {
		assert.ElementsMatch(t, []int{1, 2, 3}, collect(t, s), name)
	}
	for name, s := range map[string]stream.Stream[[]int]{
		"Chunks":        stream.Chunks(s(), math.MaxInt),
		"ReadyChunks":   stream.ReadyChunks(s(), math.MaxInt),
		"ChunksTimeout": stream.ChunksTimeout(s(), math.MaxInt, math.MaxInt64),
		"Sessions":      stream.Sessions(s(), math.MaxInt, math.MaxInt64),
		"Batches":       stream.Batches(s(), stream.BatchOptions[int]{MaxElements: math.MaxInt, MaxBytes: math.MaxInt, MaxAge: math.MaxInt64, Size: func(int) int { return math.MaxInt / 4 }}),
	} {
		var all []int
		for _, chunk := range collect(t, s) {
			all = append(all, chunk...)
		}
		assert.Equal(t, []int{1, 2, 3}, all, name)
	}
	assert.Empty(t, collect(t, stream.Windows(s(), math.MaxInt, math.MaxInt)))
	windows := collect(t, stream.TimeWindows(s(), math.MaxInt64, math.MaxInt64))
	require.Len(t, windows, 1)
	assert.Equal(t, []int{1, 2, 3}, windows[0].Values)
}
