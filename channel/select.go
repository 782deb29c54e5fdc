package channel

import (
	"context"
	"math/rand/v2"
	"reflect"
)

// Case is one thing that [Select] waits for. The OnRecv, OnSend and OnChanged
// methods of the handles make them; they can be used again and
// again.
type Case struct {
	try   func() bool            // does it and calls back, unless that needs waiting
	ready func() <-chan struct{} // closed once try is worth trying
}

// OnRecv is the case that r receives: f gets what Recv would have returned.
func (r *Receiver[T]) OnRecv(f func(T, error)) Case { return onRecv(r.TryRecv, r.Ready, f) }

// OnRecv is the case that r receives: f gets what Recv would have returned.
func (r *OneshotReceiver[T]) OnRecv(f func(T, error)) Case { return onRecv(r.TryRecv, r.Ready, f) }

// OnRecv is the case that r receives: f gets what Recv would have returned.
func (r *BroadcastReceiver[T]) OnRecv(f func(T, error)) Case { return onRecv(r.TryRecv, r.Ready, f) }

func onRecv[T any](tryRecv func() (T, error), ready func() <-chan struct{}, f func(T, error)) Case {
	return Case{
		try: func() bool {
			v, err := tryRecv()
			if err == ErrEmpty { //nolint:errorlint // never wrapped
				return false
			}
			f(v, err)
			return true
		},
		ready: ready,
	}
}

// OnChanged is the case that r sees a change: f gets what Changed would have
// returned.
func (r *WatchReceiver[T]) OnChanged(f func(error)) Case {
	return Case{
		try: func() bool {
			err := r.TryChanged()
			if err == ErrEmpty { //nolint:errorlint // never wrapped
				return false
			}
			f(err)
			return true
		},
		ready: r.Ready,
	}
}

// OnSend is the case that s sends v: f gets what Send would have returned.
func (s *Sender[T]) OnSend(v T, f func(error)) Case {
	return Case{
		try: func() bool {
			err := s.TrySend(v)
			if err == ErrFull { //nolint:errorlint // never wrapped
				return false
			}
			f(err)
			return true
		},
		ready: s.Ready,
	}
}

// Select waits until one of the cases can go on, does it, calls its function
// on the caller's goroutine and returns its index. If several can, one is
// chosen at random. A closed channel can always go on, with [ErrClosed]: leave
// its case out next time.
//
// The error is the context's cause: then nothing was done and the index is -1.
// A send that waits in Select is not in line with those that wait in Send.
// Without cases, Select waits for the context.
//
// After Go's select and tokio::select!.
//
//ferrous:blocks
func Select(ctx context.Context, cases ...Case) (int, error) {
	if ctx.Err() != nil {
		return -1, cause(ctx)
	}
	for {
		if i, done := TrySelect(cases...); done {
			return i, nil
		}
		// Each of these is closed already if its case can go on by now.
		ready := make([]<-chan struct{}, len(cases), len(cases)+1)
		for i, c := range cases {
			ready[i] = c.ready()
		}
		if waitAny(ctx, ready) {
			return -1, cause(ctx)
		}
	}
}

// TrySelect is Select without waiting, as with a default case: it reports
// whether one of the cases could go on, and its index or -1. It looks at one
// case after another: what comes to one that it has passed is not seen.
func TrySelect(cases ...Case) (int, bool) {
	if len(cases) == 0 {
		return -1, false
	}
	first := rand.IntN(len(cases)) //nolint:gosec // fairness needs no secrecy
	for n := range cases {
		if i := (first + n) % len(cases); cases[i].try() {
			return i, true
		}
	}
	return -1, false
}

// waitAny waits for any of the channels or for ctx, and reports whether it was
// ctx.
func waitAny(ctx context.Context, ready []<-chan struct{}) bool {
	if len(ready) <= 4 {
		var c [4]<-chan struct{} // a nil channel is never ready
		copy(c[:], ready)
		select {
		case <-c[0]:
		case <-c[1]:
		case <-c[2]:
		case <-c[3]:
		case <-ctx.Done():
			return true
		}
		return false
	}
	cases := make([]reflect.SelectCase, 0, len(ready)+1)
	for _, c := range append(ready, ctx.Done()) {
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(c)})
	}
	i, _, _ := reflect.Select(cases)
	return i == len(ready)
}
