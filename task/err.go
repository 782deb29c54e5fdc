package task

import (
	"context"
	"time"
)

// noValue returns f with a value that says nothing.
func noValue(f func(context.Context) error) func(context.Context) (struct{}, error) {
	if f == nil {
		panic(bug("nil function"))
	}
	return func(ctx context.Context) (struct{}, error) { return struct{}{}, f(ctx) }
}

func noValues(fs []func(context.Context) error) []func(context.Context) (struct{}, error) {
	values := make([]func(context.Context) (struct{}, error), len(fs))
	for i, f := range fs {
		values[i] = noValue(f)
	}
	return values
}

// GoErr is [Go] for a function that returns only an error.
func GoErr(ctx context.Context, f func(context.Context) error) *Handle[struct{}] {
	return Go(ctx, noValue(f))
}

// SpawnErr is [Spawn] for a function that returns only an error.
func SpawnErr(s *Scope, f func(context.Context) error) *Handle[struct{}] {
	return Spawn(s, noValue(f))
}

// SubmitErr is [Submit] for a function that returns only an error.
//
//ferrous:blocks
func SubmitErr(ctx context.Context, p *Pool, f func(context.Context) error) (*Handle[struct{}], error) {
	return Submit(ctx, p, noValue(f))
}

// TrySubmitErr is [TrySubmit] for a function that returns only an error.
func TrySubmitErr(p *Pool, f func(context.Context) error) (*Handle[struct{}], error) {
	return TrySubmit(p, noValue(f))
}

// JoinAllErr is [JoinAll] for functions that return only an error.
//
//ferrous:blocks
func JoinAllErr(ctx context.Context, fs ...func(context.Context) error) error {
	_, err := JoinAll(ctx, noValues(fs)...)
	return err
}

// RaceErr is [Race] for functions that return only an error.
//
//ferrous:blocks
func RaceErr(ctx context.Context, fs ...func(context.Context) error) error {
	_, err := race(ctx, "RaceErr", noValues(fs), func(*failure) bool { return true })
	return err
}

// TimeoutErr is [Timeout] for a function that returns only an error.
//
//ferrous:blocks
func TimeoutErr(ctx context.Context, d time.Duration, f func(context.Context) error) error {
	_, err := Timeout(ctx, d, noValue(f))
	return err
}
