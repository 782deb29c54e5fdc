package task

import (
	"context"
	"time"
)

// noValue returns f, which was given to the named function, with a value that says
// nothing.
func noValue[T any](name string, f func(context.Context) error) func(context.Context) (T, error) {
	mustCall(f != nil, name)
	return func(ctx context.Context) (v T, err error) { return v, f(ctx) }
}

func noValues(name string, fs []func(context.Context) error) []func(context.Context) (struct{}, error) {
	values := make([]func(context.Context) (struct{}, error), len(fs))
	for i, f := range fs {
		values[i] = noValue[struct{}](name, f)
	}
	return values
}

// GoErr is [Go] for a function that returns only an error.
//
//ferrous:mustuse
func GoErr(ctx context.Context, f func(context.Context) error) *Handle[struct{}] {
	return Go(ctx, noValue[struct{}]("GoErr", f))
}

// SpawnErr is [Spawn] for a function that returns only an error.
//
//ferrous:mustuse
func SpawnErr(s *Scope, f func(context.Context) error) *Handle[struct{}] {
	return Spawn(s, noValue[struct{}]("SpawnErr", f))
}

// TrySpawnErr is [TrySpawn] for a function that returns only an error.
//
//ferrous:mustuse
func TrySpawnErr(s *Scope, f func(context.Context) error) (*Handle[struct{}], error) {
	return TrySpawn(s, noValue[struct{}]("TrySpawnErr", f))
}

// SubmitErr is [Submit] for a function that returns only an error.
//
//ferrous:mustuse
//ferrous:blocks
func SubmitErr(ctx context.Context, p *Pool, f func(context.Context) error) (*Handle[struct{}], error) {
	return Submit(ctx, p, noValue[struct{}]("SubmitErr", f))
}

// TrySubmitErr is [TrySubmit] for a function that returns only an error.
//
//ferrous:mustuse
func TrySubmitErr(p *Pool, f func(context.Context) error) (*Handle[struct{}], error) {
	return TrySubmit(p, noValue[struct{}]("TrySubmitErr", f))
}

// JoinAllErr is [JoinAll] for functions that return only an error.
//
//ferrous:blocks
func JoinAllErr(ctx context.Context, fs ...func(context.Context) error) error {
	_, err := JoinAll(ctx, noValues("JoinAllErr", fs)...)
	return err
}

// SettleErr is [Settle] for functions that return only an error: what each
// returned, in the order of the functions, a [*PanicError] if it panicked.
//
//ferrous:blocks
func SettleErr(ctx context.Context, fs ...func(context.Context) error) []error {
	errs := make([]error, len(fs))
	for i, o := range Settle(ctx, noValues("SettleErr", fs)...) {
		errs[i] = o.Err
	}
	return errs
}

// RaceErr is [Race] for functions that return only an error.
//
//ferrous:blocks
func RaceErr(ctx context.Context, fs ...func(context.Context) error) error {
	_, err := race(ctx, "RaceErr", noValues("RaceErr", fs), func(*failure) bool { return true })
	return err
}

// RaceOKErr is [RaceOK] for functions that return only an error.
//
//ferrous:blocks
func RaceOKErr(ctx context.Context, fs ...func(context.Context) error) error {
	_, err := race(ctx, "RaceOKErr", noValues("RaceOKErr", fs), func(f *failure) bool { return f == nil })
	return err
}

// TimeoutErr is [Timeout] for a function that returns only an error.
//
//ferrous:blocks
func TimeoutErr(ctx context.Context, d time.Duration, f func(context.Context) error) error {
	_, err := Timeout(ctx, d, noValue[struct{}]("TimeoutErr", f))
	return err
}
