package channel

import (
	"context"
	"math/rand/v2"
)

// Select waits until one of the cases is ready. It does the operation of that case,
// calls its function on the caller's goroutine and returns its index. If several cases
// are ready, each of them is chosen with the same probability. A case of a closed
// channel can always go on, with [ErrClosed]: leave it out in the next Select.
//
// If ctx is done first, nothing was done, the index is -1, and the error matches the
// context's Err and its cause. Without cases, Select waits for ctx.
//
// A case waits in one queue with the plain calls on its channel and gets the same
// share. Before Select calls the function of a case, all other cases have left their
// queues. So the function may use any of the channels, and may panic.
//
// A slice of cases can be used again, also by several goroutines at once. Then Select
// does not allocate, as long as it waits for at most 8 cases of our channels, one
// [OnChanRecv] or [OnChanSend], and two of [OnAfter] and [OnTick]. With more cases it
// waits by package reflect. [Sender.OnReserve] allocates the permit.
//
// After Go's select, crossbeam's Select and tokio::select!.
//
//ferrous:blocks
func Select(ctx context.Context, cases ...Case) (int, error) {
	checkContext(ctx, "Select")
	return selectOf(ctx, cases, false)
}

// SelectInOrder is like [Select], but of several cases that are ready it chooses the
// first. It tries all cases in order at the beginning, and the earlier ones again after
// it was woken. So an earlier case also wins if it could go on only a moment later.
// There is one exception: a native channel that has woken SelectInOrder wins, since
// what it sent or received cannot be undone. After tokio::select! with biased.
//
//ferrous:blocks
func SelectInOrder(ctx context.Context, cases ...Case) (int, error) {
	checkContext(ctx, "SelectInOrder")
	return selectOf(ctx, cases, true)
}

// TrySelect is like [Select] with a default case: it does not wait. It returns the
// index of the case that went on and true, or -1 and false. It tries the cases one
// after another, in random order. It misses a message that arrives at a case that it
// has tried already.
func TrySelect(cases ...Case) (int, bool) {
	i := tryAny(cases, nil, false)
	return i, i >= 0
}

// TrySelectInOrder is like [TrySelect], but tries the cases in order.
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
	r := waitSets.Get().(*waitSet)
	defer r.end() // also if a function panics
	for !r.join(cases) {
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
		s := &r.waiting[k]
		s.fired = true
		if inOrder && !r.done {
			if i := r.tryBefore(k); i >= 0 {
				return i, nil
			}
		}
		if r.done || s.op.finish(r, s) {
			return s.i, nil
		}
		s.fired = false
	}
}

// tryAny does the operation of one of the cases that need no waiting, and returns the
// index of the case, or -1.
func tryAny(cases []Case, r *waitSet, inOrder bool) int {
	if inOrder || len(cases) < 2 {
		for i := range cases {
			if cases[i].try(r) {
				return i
			}
		}
		return -1
	}
	// The cases are tried in the order of a random permutation, which makes the first
	// that can go on each of them with the same probability. The permutation is drawn
	// step by step, as far as it is needed (Fisher and Yates).
	var few [maxArms + 1 + maxTimers]int
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
