package channel

import (
	"context"
	"math/rand/v2"
)

// Select waits until one of the cases can go on, does it, calls its function
// on the caller's goroutine and returns its index. If several can go on when
// Select looks, each of them is chosen with the same chance. A closed channel
// can always go on, with [ErrClosed]: leave its case out next time.
//
// The error is the context's cause: then nothing was done and the index is -1.
// Without cases, Select waits for the context.
//
// A case that waits stands in line with the plain calls of its channel, and is
// served as often as one of them. Before the function of a case is called, all
// other cases have left their lines.
//
// A slice of cases can be used again and again, also by several goroutines at
// once. Select does not allocate then, also if it waits for up to 8 cases beside
// one [OnChanRecv] or [OnChanSend] and two of [OnAfter] and [OnTick]. For more it
// uses package reflect. The case [Sender.OnReserve] allocates the permit.
//
// After Go's select and tokio::select!.
//
//ferrous:blocks
func Select(ctx context.Context, cases ...Case) (int, error) {
	return selectOf(ctx, cases, false)
}

// SelectInOrder is [Select], but if several cases can go on the first of them is
// chosen. It looks at all cases in order when it begins, and again after it was
// woken, so that an earlier case wins also if it became ready a moment later.
// Only what a native channel has given cannot be given back: such a case wins
// if it has woken SelectInOrder. After tokio::select! with biased.
//
//ferrous:blocks
func SelectInOrder(ctx context.Context, cases ...Case) (int, error) {
	return selectOf(ctx, cases, true)
}

// TrySelect is [Select] without waiting, as with a default case: it reports
// whether one of the cases could go on, and its index or -1. It looks at one
// case after another, in random order: a message that comes to a case that was
// looked at is not seen.
func TrySelect(cases ...Case) (int, bool) {
	i := tryAny(cases, nil, false)
	return i, i >= 0
}

// TrySelectInOrder is [TrySelect] that looks at the cases in order.
func TrySelectInOrder(cases ...Case) (int, bool) {
	i := tryAny(cases, nil, true)
	return i, i >= 0
}

func selectOf(ctx context.Context, cases []Case, inOrder bool) (int, error) {
	if ctx.Err() != nil {
		return -1, cause(ctx)
	}
	if i := tryAny(cases, nil, inOrder); i >= 0 {
		return i, nil
	}
	r := rounds.Get().(*round)
	defer r.end() // also if a function panics
	for !r.stand(cases) {
		r.leave()
		if ctx.Err() != nil {
			return -1, cause(ctx)
		}
		if i := tryAny(cases, r, inOrder); i >= 0 {
			return i, nil
		}
	}
	for {
		k, canceled := r.park(ctx.Done())
		if canceled {
			return -1, cause(ctx)
		}
		s := &r.stood[k]
		s.fired = true
		if inOrder && !r.done {
			if i := tryAny(cases[:s.i], r, true); i >= 0 {
				return i, nil
			}
		}
		if r.done || s.way.finish(r, s) {
			return s.i, nil
		}
		s.fired = false
	}
}

// tryAny does one of the cases that can go on without waiting, and returns its
// index, or -1.
func tryAny(cases []Case, r *round, inOrder bool) int {
	if inOrder || len(cases) < 2 {
		for i := range cases {
			if cases[i].try(r) {
				return i
			}
		}
		return -1
	}
	// Of a random permutation, the first case that can go on is each of those that
	// can with the same chance. It is drawn as far as it is needed.
	var few [maxArms]int
	order := few[:]
	if len(cases) > len(few) {
		order = make([]int, len(cases))
	}
	for i := range cases {
		order[i] = i
	}
	for n := range cases {
		k := n + rand.IntN(len(cases)-n) //nolint:gosec // fairness needs no secrecy
		i := order[k]
		order[k] = order[n]
		if cases[i].try(r) {
			return i
		}
	}
	return -1
}
