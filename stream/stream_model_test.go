package stream_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/stream"
	"github.com/coderrange/ferrous/task"
)

// TestPipelineModel builds pipelines of all combinators, in which sources and
// functions fail, panic and exit, and runs each several times, one after the
// other or at once, into all sinks, which leave, fail, panic, exit and cancel. It
// compares what comes with slices.
//
// What it demands: a run that ends in its own way has all elements, in order
// where that is promised; any other has the first ones. The end is one of those
// that are possible; a panic always comes out. When a run has ended, none of its
// functions runs any more, and at the end of the bubble no goroutine is left. A
// context that is done is noticed before anything else.
func TestPipelineModel(t *testing.T) {
	for range 8 { // of rapid's usual number of pipelines
		testkit.Check(t, checkPipeline)
	}
}

func checkPipeline(t *rapid.T) {
	f := drawSource(t)
	names := slices.Sorted(maps.Keys(stages))
	for range rapid.IntRange(0, 6).Draw(t, "stages") {
		if name := rapid.SampledFrom(names).Draw(t, "stage"); len(f.want) < 400 {
			f = stages[name](t, f, rapid.IntRange(1, 70).Draw(t, "arg"))
		}
	}
	atOnce := rapid.Bool().Draw(t, "at once")
	runs := make([]func() error, rapid.IntRange(1, 3).Draw(t, "runs"))
	for i := range runs {
		runs[i] = drawRun(t, f)
	}
	failures := make([]error, len(runs))
	var wg sync.WaitGroup
	for i, run := range runs {
		wg.Go(func() { failures[i] = run() })
		if !atOnce {
			wg.Wait()
		}
	}
	wg.Wait()
	if err := errors.Join(failures...); err != nil {
		t.Fatal(err)
	}
}

// drawRun returns a run of f that says what is wrong with it.
func drawRun(t *rapid.T, f flow) func() error {
	sink := sinks[rapid.SampledFrom(slices.Sorted(maps.Keys(sinks))).Draw(t, "sink")](t, f)
	cancelAt := rapid.SampledFrom([]time.Duration{
		-1, 0, 1, 3 * time.Millisecond, time.Second, 9000 * time.Hour, 9000 * time.Hour,
	}).Draw(t, "cancel")
	return func() error {
		cause := errors.New("the run's cause")
		notes := &record{}
		ctx, cancel := context.WithCancelCause(context.WithValue(context.Background(), recordKey{}, notes))
		defer cancel(nil)
		if cancelAt < 0 {
			cancel(cause)
		} else {
			defer time.AfterFunc(cancelAt, func() { cancel(cause) }).Stop()
		}
		ended := outcome{returned, cause}
		if cancelAt < time.Hour || f.stuck {
			f.early = slices.Concat(f.early, f.tired, []outcome{ended})
		}
		start := time.Now()
		out, err := sink(ctx, f, func() { cancel(cause) }, ended)
		switch {
		case err != nil:
			return fmt.Errorf("%v: %w", out, err)
		case !f.stuck && time.Since(start) > 1000*time.Hour:
			return fmt.Errorf("%v: hung", out)
		case notes.live.Load() != 0:
			return fmt.Errorf("%v: %d functions outlived the run", out, notes.live.Load())
		case notes.panicked.Load() && out.how != panicked:
			return fmt.Errorf("%v: a panic was lost", out)
		case cancelAt < 0 && !out.matches(ended):
			return fmt.Errorf("%v: the done context was not noticed first", out)
		default:
			return nil
		}
	}
}

// observe calls f on a goroutine of its own and returns how it ended.
func observe(f func() error) (out outcome) {
	out.how = exited
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				out = outcome{panicked, v.(error)} //nolint:forcetypeassert // all of ours are errors
			}
		}()
		out = outcome{returned, f()}
	}()
	<-done
	return out
}

// check says what is wrong with a run of f that had the elements got.
func (f flow) check(got []int, out outcome) error {
	cutShort := out.how != returned || out.in(f.early)
	if !out.in(f.early) && !out.in(f.ends) {
		return fmt.Errorf("not an end: %v, and early %v", f.ends, f.early)
	}
	ok := false
	switch {
	case f.exact() && cutShort:
		ok = len(got) <= len(f.want) && slices.Equal(got, f.want[:len(got)])
	case f.exact():
		ok = slices.Equal(got, f.want)
	case f.inOrder:
		ok = isSubsequence(got, f.want)
	default:
		got, want := slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(f.want))
		ok = isSubsequence(got, want) && (f.some || cutShort || len(got) == len(want))
	}
	if !ok {
		return fmt.Errorf("got %v, want %v (in order %v, some %v, cut short %v)", got, f.want, f.inOrder, f.some, cutShort)
	}
	return nil
}

func isSubsequence(part, whole []int) bool {
	for _, v := range whole {
		if len(part) > 0 && part[0] == v {
			part = part[1:]
		}
	}
	return len(part) == 0
}

// A sink runs f with ctx, which cancel ends, with the outcome ended.
type sink func(ctx context.Context, f flow, cancel func(), ended outcome) (outcome, error)

var sinks = map[string]func(t *rapid.T, f flow) sink{
	"All": func(t *rapid.T, _ flow) sink {
		do := rapid.SampledFrom([]string{"", "break", "panic", "exit", "cancel"}).Draw(t, "do")
		at := rapid.IntRange(1, 40).Draw(t, "at")
		return func(ctx context.Context, f flow, cancel func(), ended outcome) (outcome, error) {
			var got []int
			errLoop := errors.New("the loop's panic")
			lasts := 0
			out := observe(func() (last error) {
				for v, err := range f.s.All(ctx) {
					if lasts > 0 {
						lasts++
					}
					if err != nil {
						lasts++
						last = err
						continue
					}
					got = append(got, v)
					if len(got) != at {
						continue
					}
					switch do {
					case "break":
						return nil
					case "panic":
						panic(errLoop)
					case "exit":
						runtime.Goexit()
					case "cancel":
						cancel()
					}
				}
				return last
			})
			if lasts > 1 {
				return out, errors.New("the error was not the last element")
			}
			mayPanic := panics(f.early)
			if f.ahead {
				mayPanic = append(mayPanic, panics(f.ends)...)
			}
			if len(got) >= at {
				switch do {
				case "break":
					if len(got) > at {
						return out, fmt.Errorf("%d elements after a break", len(got)-at)
					}
					f.ends, f.early = nil, append(mayPanic, outcome{})
				case "panic":
					f.ends, f.early = nil, append(mayPanic, outcome{panicked, errLoop}) // the last panic is seen
				case "exit":
					f.ends, f.early = nil, append(mayPanic, outcome{how: exited})
				case "cancel":
					f.early = slices.Concat(f.early, f.tired, []outcome{ended})
					if len(got) > at && !f.flushes {
						return out, fmt.Errorf("%d elements after the end of the context", len(got)-at)
					}
				}
			}
			return out, f.check(got, out)
		}
	},
	"Collect": func(*rapid.T, flow) sink {
		return func(ctx context.Context, f flow, _ func(), _ outcome) (outcome, error) {
			var got []int
			out := observe(func() (err error) {
				got, err = stream.Collect(ctx, f.s)
				return err
			})
			return out, f.check(got, out)
		}
	},
	"ForEach": func(t *rapid.T, f flow) sink {
		n := rapid.SampledFrom([]int{1, 2, 70}).Draw(t, "n")
		at, bad := drawAt(t, f), drawFault(t, faultKinds...)
		return func(ctx context.Context, f flow, _ func(), _ outcome) (outcome, error) {
			var mu sync.Mutex
			var got []int
			out := observe(func() error {
				return stream.ForEach(ctx, f.s, n, func(ctx context.Context, v int) error {
					defer enter(ctx)()
					if v == at && bad.kind != "" {
						return bad.strike(ctx)
					}
					mu.Lock()
					defer mu.Unlock()
					got = append(got, v)
					return nil
				})
			})
			return out, f.concurrently(n, false, at, bad, one).check(got, out)
		}
	},
	"Reduce": func(t *rapid.T, f flow) sink {
		at, bad := drawAt(t, f), drawFault(t, faultKinds...)
		return func(ctx context.Context, f flow, _ func(), _ outcome) (outcome, error) {
			var got []int
			out := observe(func() (err error) {
				got, err = stream.Reduce(ctx, f.s, nil, func(vs []int, v int) ([]int, error) {
					if v == at && bad.kind != "" {
						return []int{-99}, bad.strike(ctx)
					}
					return append(vs, v), nil
				})
				return err
			})
			return out, f.mapped(at, bad, one).check(got, out)
		}
	},
	"First": func(*rapid.T, flow) sink {
		return func(ctx context.Context, f flow, _ func(), _ outcome) (outcome, error) {
			var got []int
			out := observe(func() error {
				v, ok, err := stream.First(ctx, f.s)
				if ok {
					got = append(got, v)
				}
				return err
			})
			if len(got) == 1 && out == (outcome{}) {
				f.early = append(slices.Clone(f.early), outcome{}) // it left
			}
			if f.ahead {
				f.early = slices.Concat(f.early, panics(f.ends))
			}
			return out, f.check(got, out)
		}
	},
	"Any": func(t *rapid.T, f flow) sink {
		at, all := drawAt(t, f), rapid.Bool().Draw(t, "all")
		return func(ctx context.Context, f flow, _ func(), _ outcome) (outcome, error) {
			var got []int
			found := false
			out := observe(func() (err error) {
				if all {
					found, err = stream.All(ctx, f.s, func(v int) bool { got = append(got, v); return v != at })
					found = !found && err == nil
					return err
				}
				found, err = stream.Any(ctx, f.s, func(v int) bool { got = append(got, v); return v == at })
				return err
			})
			if out.how == returned && found != (len(got) > 0 && got[len(got)-1] == at) {
				return out, fmt.Errorf("found %t in %v", found, got)
			}
			if found {
				f.early = append(slices.Clone(f.early), outcome{})
			}
			if f.ahead {
				f.early = slices.Concat(f.early, panics(f.ends))
			}
			return out, f.check(got, out)
		}
	},
	"Count": func(*rapid.T, flow) sink {
		return func(ctx context.Context, f flow, _ func(), _ outcome) (outcome, error) {
			n, seen := 0, 0
			var got []int
			out := observe(func() (err error) {
				n, err = stream.Count(ctx, f.s.Inspect(func(v int) {
					seen++
					got = append(got, v)
				}))
				return err
			})
			if out.how == returned && n != seen {
				return out, fmt.Errorf("counted %d of %d", n, seen)
			}
			return out, f.check(got, out)
		}
	},
	"Tee": func(t *rapid.T, _ flow) sink {
		n, bs := rapid.IntRange(1, 9).Draw(t, "n"), drawBranches(t, rapid.IntRange(0, 3).Draw(t, "branches"))
		return forked(bs, nil, func(ctx context.Context, s stream.Stream[int], got [][]int) error {
			var fs []func(context.Context, stream.Stream[int]) error
			for i, b := range bs {
				fs = append(fs, func(ctx context.Context, s stream.Stream[int]) error { return b.run(ctx, s, &got[i]) })
			}
			return stream.Tee(ctx, s, n, fs...)
		})
	},
	"Split": func(t *rapid.T, _ flow) sink {
		n, bs := rapid.IntRange(1, 9).Draw(t, "n"), drawBranches(t, 2)
		even := func(v int) bool { return v%2 == 0 }
		gets := func(i int, v int) bool { return even(v) == (i == 0) }
		return forked(bs, gets, func(ctx context.Context, s stream.Stream[int], got [][]int) error {
			return stream.Split(ctx, s, n, even,
				func(ctx context.Context, s stream.Stream[int]) error { return bs[0].run(ctx, s, &got[0]) },
				func(ctx context.Context, s stream.Stream[int]) error { return bs[1].run(ctx, s, &got[1]) })
		})
	},
	"Broadcast": func(t *rapid.T, _ flow) sink {
		n, bs := rapid.IntRange(1, 9).Draw(t, "n"), drawBranches(t, rapid.IntRange(0, 3).Draw(t, "branches"))
		run := forked(bs, nil, func(ctx context.Context, s stream.Stream[int], got [][]int) error {
			var fs []func(context.Context, stream.Stream[stream.Received[int]]) error
			for i, b := range bs {
				fs = append(fs, func(ctx context.Context, s stream.Stream[stream.Received[int]]) error {
					return b.run(ctx, stream.Map(s, 1, func(_ context.Context, h stream.Received[int]) (int, error) {
						return h.Value, nil
					}), &got[i])
				})
			}
			return stream.Broadcast(ctx, s, n, fs...)
		})
		return func(ctx context.Context, f flow, cancel func(), ended outcome) (outcome, error) {
			f.some = true
			return run(ctx, f, cancel, ended)
		}
	},
}

// A branchPlan is what a branch of a fork does with its element number at, if
// it comes that far.
type branchPlan struct {
	leaves bool
	at     int
	bad    fault
}

func drawBranches(t *rapid.T, n int) []branchPlan {
	bs := make([]branchPlan, n)
	for i := range bs {
		bs[i] = branchPlan{rapid.Bool().Draw(t, "leaves"), rapid.IntRange(1, 40).Draw(t, "at"), drawFault(t, faultKinds...)}
	}
	return bs
}

func (b branchPlan) run(ctx context.Context, s stream.Stream[int], got *[]int) error {
	defer enter(ctx)()
	for v, err := range s.All(ctx) {
		if err != nil {
			return err
		}
		if *got = append(*got, v); len(*got) != b.at {
			continue
		}
		if err := b.bad.strike(ctx); err != nil || b.leaves {
			return err
		}
	}
	return nil
}

// forked is a sink of branches of which number i gets the elements for which gets
// is true, or all.
func forked(
	bs []branchPlan, gets func(i, v int) bool, run func(context.Context, stream.Stream[int], [][]int) error,
) sink {
	return func(ctx context.Context, f flow, _ func(), ended outcome) (outcome, error) {
		got := make([][]int, len(bs))
		out := observe(func() error { return run(ctx, f.s, got) })
		f.early = slices.Clone(f.early)
		// One branch may be told of the end of s, another one of an end that came
		// meanwhile.
		faulty := ended.in(f.early) || slices.ContainsFunc(bs, func(b branchPlan) bool { return b.bad.kind != "" })
		if faulty {
			f.early = append(f.early, f.ends...)
		}
		allLeave := true
		for _, b := range bs {
			allLeave = allLeave && b.leaves
			switch b.bad.kind {
			case "exit":
				f.early = append(f.early, outcome{returned, task.ErrGoexit})
			case "":
			default:
				f.early = append(f.early, b.bad.outcomes()...)
			}
		}
		if allLeave {
			f.early = append(f.early, outcome{})
			if f.ahead {
				f.early = append(f.early, panics(f.ends)...)
			}
		}
		if len(bs) == 0 {
			return out, f.check(nil, out)
		}
		for i, b := range bs {
			g := f
			if gets != nil {
				g.want = slices.DeleteFunc(slices.Clone(f.want), func(v int) bool { return !gets(i, v) })
			}
			if b.leaves && len(got[i]) == b.at { // the rest went past it
				g.early = slices.Concat(f.early, f.ends)
			}
			if err := g.check(got[i], out); err != nil {
				return out, fmt.Errorf("branch %d: %w", i, err)
			}
		}
		return out, nil
	}
}
