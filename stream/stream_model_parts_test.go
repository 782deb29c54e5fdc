package stream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/stream"
	"github.com/coderrange/ferrous/task"
)

// A flow is a stream with what is known of each run of it.
type flow struct {
	s     stream.Stream[int]
	want  []int     // its elements, at most
	ends  []outcome // how it may end after the elements
	early []outcome // how it may end before all of them, too
	tired []outcome // likewise, once its context has ended

	inOrder bool // the elements come in the order of want
	some    bool // elements may be missing
	stuck   bool // it may wait until its context ends
	ahead   bool // a panic may come before it was asked for
	lags    bool // elements may be held back until others come, and lost in a panic or exit
	flushes bool // an element may follow the end of the context
}

// An outcome is how a run ended.
type outcome struct {
	how how
	err error // matched by errors.Is; nil for an exit
}

type how int

const (
	returned how = iota
	panicked
	exited
)

func (o outcome) String() string {
	text, _, _ := strings.Cut(fmt.Sprint(o.err), "\n") // without stacks
	return fmt.Sprintf("%s(%s)", [...]string{"returned", "panicked", "exited"}[o.how], text)
}

func (o outcome) matches(want outcome) bool {
	return o.how == want.how && (want.err == nil && o.err == nil || want.err != nil && errors.Is(o.err, want.err))
}

func (o outcome) in(set []outcome) bool { return slices.ContainsFunc(set, o.matches) }

func panics(set []outcome) (some []outcome) {
	for _, o := range set {
		if o.how == panicked {
			some = append(some, o)
		}
	}
	return some
}

// A record is what one run notes. It travels in the context.
type record struct {
	live     atomic.Int64 // sources and functions that run
	panicked atomic.Bool
}

type recordKey struct{}

// enter notes that a function runs, until the result is called.
func enter(ctx context.Context) (leave func()) {
	r := ctx.Value(recordKey{}).(*record) //nolint:forcetypeassert // set for each run
	r.live.Add(1)
	return func() { r.live.Add(-1) }
}

// A fault is what a source does at its end, or a function with one value.
type fault struct {
	kind string // "" for none
	err  error
}

var faultKinds = []string{"error", "panic", "exit"}

func drawFault(t *rapid.T, kinds ...string) fault {
	kind := rapid.SampledFrom(append([]string{"", ""}, kinds...)).Draw(t, "fault")
	return fault{kind, fmt.Errorf("fault: %s %d", kind, rapid.Int().Draw(t, "id"))}
}

// drawAt draws a value with which something happens: one of f if there is one.
func drawAt(t *rapid.T, f flow) int {
	if len(f.want) == 0 {
		return 0
	}
	return rapid.SampledFrom(f.want).Draw(t, "at")
}

func (f fault) strike(ctx context.Context) error {
	switch f.kind {
	case "error":
		return f.err
	case "panic":
		if r, ok := ctx.Value(recordKey{}).(*record); ok {
			r.panicked.Store(true)
		}
		panic(f.err)
	case "exit":
		runtime.Goexit()
	case "stuck":
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return nil
}

func (f fault) outcomes() []outcome {
	switch f.kind {
	case "error":
		return []outcome{{returned, f.err}}
	case "panic":
		return []outcome{{panicked, f.err}}
	case "exit":
		return []outcome{{how: exited}}
	case "stuck":
		return nil
	default:
		return []outcome{{}}
	}
}

// fresh is a stream that is made anew for each run.
func fresh(newStream func() stream.Stream[int]) stream.Stream[int] {
	return stream.New(func(ctx context.Context, yield func(int) bool) error {
		for v, err := range newStream().All(ctx) {
			if err != nil {
				return err
			}
			if !yield(v) {
				return nil
			}
		}
		return nil
	})
}

var sourceKinds = []string{
	"New", "Of", "FromSeq", "FromSeq2", "FromChan", "Pages", "Poll", "Rows", "Lines", "zero", "Fail", "nil channel", "Ticker",
	"Merge of none",
}

func drawSource(t *rapid.T) flow {
	kind := rapid.SampledFrom(sourceKinds).Draw(t, "source")
	vs := make([]int, rapid.OneOf(rapid.IntRange(0, 5), rapid.IntRange(0, 40), rapid.IntRange(60, 200)).Draw(t, "size"))
	from := rapid.IntRange(0, 50).Draw(t, "from")
	for i := range vs {
		vs[i] = from + i
	}
	wait := rapid.SampledFrom([]time.Duration{0, 0, time.Millisecond}).Draw(t, "wait")
	end := drawFault(t, append([]string{"stuck"}, faultKinds...)...)
	ending := stream.New(func(ctx context.Context, _ func(int) bool) error {
		defer enter(ctx)()
		return end.strike(ctx)
	})
	var s stream.Stream[int]
	switch kind {
	case "New":
		s = stream.New(func(ctx context.Context, yield func(int) bool) error {
			defer enter(ctx)()
			for _, v := range vs {
				if wait > 0 {
					select {
					case <-time.After(wait):
					case <-ctx.Done():
					}
				}
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if !yield(v) {
					return nil
				}
			}
			return end.strike(ctx)
		})
		ending = stream.Stream[int]{}
	case "Of":
		s = stream.Of(vs...)
	case "FromSeq":
		s = stream.FromSeq(slices.Values(vs))
	case "FromSeq2":
		s = stream.FromSeq2(stream.Of(vs...).Chain(ending).All(context.WithValue(context.Background(), recordKey{}, &record{})))
		if end.kind == "stuck" || end.kind == "panic" { // which does not notice the run's context
			s = stream.FromSeq2(stream.Of(vs...).All(context.Background()))
		} else {
			ending = stream.Stream[int]{}
		}
	case "FromChan":
		s = fresh(func() stream.Stream[int] {
			c := make(chan int, len(vs))
			for _, v := range vs {
				c <- v
			}
			close(c)
			return stream.FromChan(c)
		})
	case "Pages":
		s = stream.Pages(0, func(ctx context.Context, at int) ([]int, int, bool, error) {
			defer enter(ctx)()
			next := min(at+7, len(vs))
			return vs[at:next], next, next < len(vs), nil
		})
	case "Poll":
		s = fresh(func() stream.Stream[int] {
			at := 0
			return stream.Poll(time.Second, func(ctx context.Context) ([]int, error) {
				defer enter(ctx)()
				if at == len(vs) {
					return nil, errBoom
				}
				from := at
				at = min(at+7, len(vs))
				return vs[from:at], nil
			})
		})
		s = stream.Retry(s, func(context.Context, int, error) error { return errBoom })
		end, ending = fault{"error", errBoom}, stream.Stream[int]{}
	case "Rows":
		s = stream.Rows(func(ctx context.Context) (*cursor, error) {
			return &cursor{vs: vs, at: -1, leave: enter(ctx)}, nil
		}, func(c *cursor) (int, error) { return c.vs[c.at], nil })
	case "Lines":
		text := strings.Builder{}
		for _, v := range vs {
			fmt.Fprintln(&text, v)
		}
		s = stream.Map(stream.Lines(func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(text.String())), nil
		}, 99), 1, func(_ context.Context, line string) (int, error) { return strconv.Atoi(line) })
	case "zero":
		vs = nil
	case "Fail":
		vs, end, ending = nil, fault{"error", errBoom}, stream.Stream[int]{}
		s = stream.Fail[int](errBoom)
	case "nil channel":
		vs, end, ending = nil, fault{kind: "stuck"}, stream.Stream[int]{}
		s = stream.FromChan[int](nil)
	case "Ticker":
		vs = make([]int, min(len(vs), 20))
		s = stream.Map(stream.Ticker(time.Second).Take(len(vs)), 1,
			func(context.Context, time.Time) (int, error) { return 0, nil })
	case "Merge of none":
		s, vs = stream.Merge[int](), nil
	}
	return flow{
		s: s.Chain(ending), want: vs, ends: end.outcomes(), inOrder: true, stuck: end.kind == "stuck",
	}
}

// A cursor is the rows of a query.
type cursor struct {
	vs    []int
	at    int
	leave func()
}

func (c *cursor) Next() bool { c.at++; return c.at < len(c.vs) }
func (c *cursor) Err() error { return nil }
func (c *cursor) Close() error {
	c.leave()
	return nil
}

// exact says that all runs that end in their own way yield want, in order.
func (f flow) exact() bool { return f.inOrder && !f.some }

// spawned is f with its stream on a goroutine of its own.
func (f flow) spawned() flow {
	f.early = slices.Concat(f.early, panics(f.ends))
	for _, o := range slices.Concat(f.ends, f.early) {
		if o.how == exited {
			f.early = append(f.early, outcome{returned, task.ErrGoexit})
		}
	}
	isExit := func(o outcome) bool { return o.how == exited }
	f.ends = slices.DeleteFunc(slices.Clone(f.ends), isExit)
	f.early = slices.DeleteFunc(f.early, isExit)
	f.ahead = true
	return f
}

// cut is f when it ends after n elements, in order, with one of ends.
func (f flow) cut(n int, ends ...outcome) flow {
	if f.ahead || f.lags {
		f.early = slices.Concat(f.early, panics(f.ends))
	}
	if exit := (outcome{how: exited}); f.lags && exit.in(f.ends) {
		f.early = append(f.early, exit)
	}
	f.want, f.ends, f.stuck = f.want[:n:n], ends, f.stuck && f.lags
	return f
}

// upTo is f when a stage ends it before the element n of want, if that element comes.
func (f flow) upTo(n int) flow {
	switch {
	case f.exact():
		return f.cut(n, outcome{})
	case f.some:
		f.ends = append(slices.Clone(f.ends), outcome{})
	default:
		f = f.cut(len(f.want), outcome{})
		f.some = true
	}
	return f
}

// mapped is f when a function yields to for each value, and bad strikes at the
// value at.
func (f flow) mapped(at int, bad fault, to func(int) []int) flow {
	i := slices.Index(f.want, at)
	hit := bad.kind != "" && i >= 0
	switch {
	case hit && f.exact():
		f = f.cut(i, bad.outcomes()...)
	case hit && f.some:
		f.ends = slices.Concat(f.ends, bad.outcomes())
		f.early = slices.Concat(f.early, bad.outcomes())
	case hit:
		f = f.cut(len(f.want), bad.outcomes()...)
		f.some = true
	}
	var want []int
	for _, v := range f.want {
		if !hit || v != at {
			want = append(want, to(v)...)
		}
	}
	f.want = want
	return f
}

func one(v int) []int { return []int{v} }

// joined is f and g at once.
func (f flow) joined(g flow) flow {
	failing := slices.ContainsFunc(slices.Concat(f.ends, g.ends), func(o outcome) bool { return o != outcome{} })
	var ends []outcome
	if outcome := (outcome{}); outcome.in(f.ends) && outcome.in(g.ends) {
		ends = append(ends, outcome)
	}
	for _, o := range slices.Concat(f.ends, g.ends) {
		if (o != outcome{}) {
			ends = append(ends, o)
		}
	}
	return flow{
		want: slices.Concat(f.want, g.want), ends: ends, early: slices.Concat(f.early, g.early),
		tired: slices.Concat(f.tired, g.tired),
		some:  f.some || g.some || failing, stuck: f.stuck || g.stuck, ahead: f.ahead || g.ahead,
		lags: f.lags || g.lags, flushes: f.flushes || g.flushes,
	}
}

// stages make a flow of a flow. An argument n is 1 to 70.
var stages = map[string]func(t *rapid.T, f flow, n int) flow{
	"Filter": func(_ *rapid.T, f flow, n int) flow {
		f.s = f.s.Filter(func(v int) bool { return v%n != 0 })
		f.want = slices.DeleteFunc(slices.Clone(f.want), func(v int) bool { return v%n == 0 })
		return f
	},
	"Inspect": func(t *rapid.T, f flow, _ int) flow {
		n := drawAt(t, f)
		bad := drawFault(t, "panic", "exit")
		f.s = f.s.Inspect(func(v int) {
			if v == n {
				_ = bad.strike(context.Background())
			}
		})
		return f.mapped(n, bad, one)
	},
	"Take": func(t *rapid.T, f flow, n int) flow {
		n -= rapid.SampledFrom([]int{0, 0, n, n + 1}).Draw(t, "none")
		f.s = f.s.Take(n)
		switch {
		case n <= 0:
			return flow{s: f.s, ends: []outcome{{}}, inOrder: true}
		case n > len(f.want):
			return f
		}
		return f.upTo(n)
	},
	"Skip": func(t *rapid.T, f flow, n int) flow {
		n -= rapid.SampledFrom([]int{0, 0, n, n + 1}).Draw(t, "none")
		f.s = f.s.Skip(n)
		if f.exact() {
			f.want = f.want[min(max(n, 0), len(f.want)):]
		}
		f.some = f.some || !f.inOrder
		return f
	},
	"TakeWhile": func(_ *rapid.T, f flow, n int) flow {
		f.s = f.s.TakeWhile(func(v int) bool { return v < n })
		i := slices.IndexFunc(f.want, func(v int) bool { return v >= n })
		if i < 0 {
			return f
		}
		return f.upTo(i)
	},
	"SkipWhile": func(_ *rapid.T, f flow, n int) flow {
		f.s = f.s.SkipWhile(func(v int) bool { return v < n })
		if f.exact() {
			i := slices.IndexFunc(f.want, func(v int) bool { return v >= n })
			if i < 0 {
				i = len(f.want)
			}
			f.want = f.want[i:]
		}
		f.some = f.some || !f.inOrder
		return f
	},
	"Chain": func(t *rapid.T, f flow, _ int) flow {
		g := drawSource(t)
		nilEnd := outcome{}
		switch {
		case !nilEnd.in(f.ends) && !nilEnd.in(f.early):
			f.s = f.s.Chain(g.s)
			return f
		case len(f.ends) == 1 && !nilEnd.in(f.early):
			g.s = f.s.Chain(g.s)
			g.want = slices.Concat(f.want, g.want)
			g.early, g.tired = slices.Clone(f.early), f.tired
			g.inOrder, g.some, g.stuck = f.inOrder, f.some, f.stuck || g.stuck
			g.ahead, g.lags, g.flushes = f.ahead, f.lags, f.flushes
			return g
		}
		h := f.joined(g)
		h.s, h.some = f.s.Chain(g.s), true
		h.ends = slices.Concat(f.ends, g.ends)
		return h
	},
	"FilterMap": func(t *rapid.T, f flow, _ int) flow {
		n := drawAt(t, f)
		bad := drawFault(t, faultKinds...)
		f.s = stream.FilterMap(f.s, func(ctx context.Context, v int) (int, bool, error) {
			defer enter(ctx)()
			if v == n {
				if err := bad.strike(ctx); err != nil {
					return 0, true, err
				}
			}
			return -v, v%3 != 0, nil
		})
		return f.mapped(n, bad, func(v int) []int {
			if v%3 == 0 {
				return nil
			}
			return []int{-v}
		})
	},
	"FlatMap": func(t *rapid.T, f flow, _ int) flow {
		n := drawAt(t, f)
		bad := drawFault(t, faultKinds...)
		outside := rapid.Bool().Draw(t, "in f")
		f.s = stream.FlatMap(f.s, func(v int) stream.Stream[int] {
			if v == n && bad.kind != "" {
				if outside && bad.kind != "error" {
					_ = bad.strike(context.Background())
				}
				return stream.New(func(ctx context.Context, _ func(int) bool) error { return bad.strike(ctx) })
			}
			return stream.Of(v, v+1)
		})
		return f.mapped(n, bad, func(v int) []int { return []int{v, v + 1} })
	},
	"Scan": func(_ *rapid.T, f flow, n int) flow {
		sums := f.exact()
		step := func(acc, v int) int {
			if sums {
				return acc + v
			}
			return v + n
		}
		f.s = stream.Scan(f.s, n, step)
		want, acc := make([]int, 0, len(f.want)), n
		for _, v := range f.want {
			acc = step(acc, v)
			want = append(want, acc)
		}
		f.want = want
		return f
	},
	"Enumerate": func(_ *rapid.T, f flow, _ int) flow {
		f.s = values(stream.Enumerate(f.s))
		return f
	},
	"Chunks": func(_ *rapid.T, f flow, n int) flow {
		f.s = flat(stream.Chunks(f.s, n))
		f.lags = true
		return f
	},
	"Windows": func(t *rapid.T, f flow, _ int) flow {
		size, step := 1, 1
		if f.exact() {
			size, step = rapid.IntRange(1, 4).Draw(t, "size"), rapid.IntRange(1, 5).Draw(t, "step")
		}
		f.s = flat(stream.Windows(f.s, size, step))
		var want []int
		for i := 0; i+size <= len(f.want); i += step {
			want = append(want, f.want[i:i+size]...)
		}
		f.want = want
		return f
	},
	"FlattenUnordered": func(t *rapid.T, f flow, n int) flow {
		at, bad := drawAt(t, f), drawFault(t, faultKinds...)
		f.s = stream.FlatMapUnordered(f.s, n, func(v int) stream.Stream[int] {
			if v == at && bad.kind != "" {
				return stream.New(func(ctx context.Context, _ func(int) bool) error { return bad.strike(ctx) })
			}
			return stream.Of(v, v+1)
		})
		pair := func(v int) []int { return []int{v, v + 1} }
		if n == 1 {
			return f.spawned().mapped(at, bad, pair).spawned()
		}
		// An error may pass elements of other streams.
		failing := func(o outcome) bool { return o != outcome{} }
		g := f.spawned()
		g.inOrder = false
		g.some = g.some || slices.ContainsFunc(g.ends, failing)
		return g.mapped(at, bad, pair).spawned()
	},
	"GroupBy": func(t *rapid.T, f flow, n int) flow {
		at, bad := drawAt(t, f), drawFault(t, faultKinds...)
		keys, groups := rapid.IntRange(1, 5).Draw(t, "keys"), rapid.IntRange(1, 5).Draw(t, "groups")
		takes := rapid.SampledFrom([]int{1, n, math.MaxInt}).Draw(t, "takes")
		f.s = stream.GroupBy(f.s, groups, func(v int) int { return v % keys },
			func(_ int, s stream.Stream[int]) stream.Stream[int] {
				return stream.FilterMap(s.Take(takes), func(ctx context.Context, v int) (int, bool, error) {
					if v == at && bad.kind != "" {
						return 0, true, bad.strike(ctx)
					}
					return 2 * v, true, nil
				})
			})
		f = f.spawned()
		f.inOrder = false
		return f.mapped(at, bad, func(v int) []int { return []int{2 * v} }).spawned()
	},
	"Sources": func(t *rapid.T, f flow, _ int) flow {
		f = f.spawned()
		g := drawSource(t).spawned()
		h := f.joined(g)
		a, b := f.s, g.s
		later := rapid.Bool().Draw(t, "later")
		h.s = fresh(func() stream.Stream[int] {
			var ss stream.Sources[string, int]
			_ = ss.Insert("a", a)
			insert := func() {
				_ = ss.Insert("b", b)
				ss.Close()
			}
			if later {
				_ = ss.Insert("late", stream.New(func(context.Context, func(int) bool) error {
					insert()
					return nil
				}))
			} else {
				insert()
			}
			return unkeyed(ss.Stream())
		})
		return h
	},
	"ReadyChunks": func(_ *rapid.T, f flow, n int) flow {
		f.s = flat(stream.ReadyChunks(f.s, n))
		return f.spawned()
	},
	"Batches": func(t *rapid.T, f flow, n int) flow {
		o := stream.BatchOptions[int]{MaxBytes: n, Size: func(v int) int { return max(v, 0) % 9 }}
		if rapid.Bool().Draw(t, "age") {
			o.MaxAge = time.Duration(n) * time.Millisecond
			f = f.spawned()
		}
		f.s = flat(stream.Batches(f.s, o))
		f.lags = true
		return f
	},
	"TimeWindows": func(_ *rapid.T, f flow, n int) flow {
		d := time.Duration(n) * time.Millisecond / 10
		f.s = stream.FlatMap(stream.TimeWindows(f.s, d, d), func(w stream.Window[int]) stream.Stream[int] {
			return stream.Of(w.Values...)
		})
		f = f.spawned()
		f.lags = true
		return f
	},
	"Map":          func(t *rapid.T, f flow, _ int) flow { return mapStage(t, f, true) },
	"MapUnordered": func(t *rapid.T, f flow, _ int) flow { return mapStage(t, f, false) },
	"Buffer": func(_ *rapid.T, f flow, n int) flow {
		f.s = stream.Buffer(f.s, n)
		return f.spawned()
	},
	"TakeUntil": func(t *rapid.T, f flow, n int) flow {
		switch rapid.IntRange(0, 2).Draw(t, "stop") {
		case 0:
			f.s = stream.TakeUntil[int, int](f.s, nil)
			return f
		case 1:
			stop := make(chan int)
			close(stop)
			return flow{s: stream.TakeUntil(f.s, stop), ends: []outcome{{}}, inOrder: true}
		}
		f.s = stream.TakeUntil(f.s, time.After(time.Duration(n)*time.Millisecond))
		f.early = append(slices.Clone(f.early), outcome{})
		return f
	},
	"Merge": func(t *rapid.T, f flow, _ int) flow {
		f = f.spawned()
		if rapid.Bool().Draw(t, "alone") {
			f.s = stream.Merge(f.s)
			return f
		}
		g := drawSource(t).spawned()
		h := f.joined(g)
		h.s = stream.Merge(f.s, g.s)
		return h
	},
	"SelectAll": func(t *rapid.T, f flow, n int) flow {
		g := drawSource(t).spawned()
		f = f.spawned()
		h := f.joined(g)
		h.s = stream.Map(stream.SelectAll(map[bool]stream.Stream[int]{true: f.s, false: g.s}), 1,
			func(_ context.Context, v stream.Keyed[bool, int]) (int, error) {
				if v.Key {
					return v.Value, nil
				}
				return v.Value + n, nil
			})
		h.want = slices.Clone(f.want)
		for _, v := range g.want {
			h.want = append(h.want, v+n)
		}
		return h
	},
	"Zip": func(t *rapid.T, f flow, n int) flow {
		add := func(_ context.Context, p stream.Pair[int, int]) (int, error) { return p.First + n*p.Second, nil }
		f = f.spawned()
		if !f.exact() {
			f.s = stream.Map(stream.Zip(f.s, fresh(func() stream.Stream[int] {
				return stream.Map(count(), 1, func(context.Context, int) (int, error) { return 0, nil })
			})), 1, add)
			return f
		}
		g := drawSource(t).spawned()
		size := min(len(f.want), len(g.want))
		h := f.joined(g)
		h.s, h.inOrder, h.some = stream.Map(stream.Zip(f.s, g.s), 1, add), true, false
		h.early = slices.Concat(h.early, panics(h.ends))
		switch {
		case size < len(g.want):
			h.ends, h.stuck = f.ends, f.stuck || g.stuck && g.lags
		case size < len(f.want):
			h.ends, h.stuck = g.ends, g.stuck || f.stuck && f.lags
		default:
			h.ends = slices.Concat(f.ends, g.ends)
		}
		h.want = nil
		for i := range size {
			h.want = append(h.want, f.want[i]+n*g.want[i])
		}
		return h
	},
	"CombineLatest": func(t *rapid.T, f flow, _ int) flow {
		f = f.spawned()
		bad := drawFault(t, faultKinds...)
		g := flow{s: stream.Of(0).Chain(stream.New(func(ctx context.Context, _ func(int) bool) error {
			return bad.strike(ctx)
		})), ends: bad.outcomes()}.spawned()
		h := f.joined(g)
		h.some, h.inOrder = true, f.inOrder
		h.s = stream.Map(stream.CombineLatest(f.s, g.s), 1,
			func(_ context.Context, p stream.Pair[int, int]) (int, error) { return p.First, nil })
		return h
	},
	"Retry": func(t *rapid.T, f flow, _ int) flow {
		times := rapid.IntRange(0, 2).Draw(t, "times")
		s := f.s
		f.s = fresh(func() stream.Stream[int] {
			n := 0
			return stream.Retry(s, func(ctx context.Context, failures int, err error) error {
				defer enter(ctx)()
				if n++; n > times || failures > n {
					return err
				}
				return nil
			})
		})
		isError := func(o outcome) bool { return o.how == returned && o.err != nil }
		if times == 0 || !slices.ContainsFunc(slices.Concat(f.ends, f.early), isError) {
			return f
		}
		if !f.exact() || len(f.ends) > 1 || slices.ContainsFunc(f.early, func(o outcome) bool { return o.how == returned }) {
			f.some, f.inOrder = true, false
		}
		f.tired = slices.Concat(f.tired, f.ends)
		f.want = slices.Repeat(f.want, times+1)
		return f
	},
	"Throttle": func(_ *rapid.T, f flow, n int) flow {
		f.s = stream.Throttle(f.s, time.Duration(n)*time.Millisecond)
		return f
	},
	"Timeout": func(t *rapid.T, f flow, n int) flow {
		d := rapid.SampledFrom([]time.Duration{time.Duration(n) * time.Millisecond / 10, 9 * time.Hour}).Draw(t, "d")
		f = f.spawned()
		if rapid.Bool().Draw(t, "nil") {
			f.s = stream.Timeout(f.s, d, nil)
			if d < time.Hour || f.stuck {
				f.early = append(f.early, outcome{returned, stream.ErrTimeout})
			}
			return f
		}
		bad := drawFault(t, faultKinds...)
		f.s = stream.Timeout(f.s, d, func(ctx context.Context) error {
			defer enter(ctx)()
			return bad.strike(ctx)
		})
		if bad.kind != "" && (d < time.Hour || f.stuck) {
			f.early = append(f.early, bad.outcomes()...)
		}
		return f
	},
	"ChunksTimeout": func(_ *rapid.T, f flow, n int) flow {
		f.s = flat(stream.ChunksTimeout(f.s, n, time.Duration(n)*time.Millisecond))
		return f.spawned()
	},
	"Sessions": func(_ *rapid.T, f flow, n int) flow {
		f.s = flat(stream.Sessions(f.s, n, time.Duration(n)*time.Millisecond))
		return f.spawned()
	},
	"Debounce": func(_ *rapid.T, f flow, n int) flow {
		f.s = stream.Debounce(f.s, time.Duration(n)*time.Millisecond/10)
		f = f.spawned()
		f.some, f.flushes = true, true
		return f
	},
}

func mapStage(t *rapid.T, f flow, ordered bool) flow {
	at := drawAt(t, f)
	n := rapid.SampledFrom([]int{1, 2, 7, 70}).Draw(t, "n")
	bad := drawFault(t, faultKinds...)
	apply := stream.MapUnordered[int, int]
	if ordered {
		apply = stream.Map[int, int]
	}
	if ahead := rapid.IntRange(-1, 5).Draw(t, "ahead"); ahead >= 0 && n > 1 {
		apply = func(s stream.Stream[int], n int, f func(context.Context, int) (int, error)) stream.Stream[int] {
			if ordered {
				return stream.MapAhead(s, n, ahead, f)
			}
			return stream.MapUnorderedAhead(s, n, ahead, f)
		}
	}
	f.s = apply(f.s, n, func(ctx context.Context, v int) (int, error) {
		defer enter(ctx)()
		if v == at {
			if err := bad.strike(ctx); err != nil {
				return 0, err
			}
		}
		if v%5 == 0 {
			runtime.Gosched()
		}
		return 2 * v, nil
	})
	return f.concurrently(n, ordered, at, bad, func(v int) []int { return []int{2 * v} })
}

// concurrently is mapped for n calls at once.
func (f flow) concurrently(n int, ordered bool, at int, bad fault, to func(int) []int) flow {
	if n == 1 {
		return f.mapped(at, bad, to)
	}
	f = f.spawned()
	f.inOrder = f.inOrder && ordered
	return f.mapped(at, bad, to).spawned()
}
