// Package operr makes the errors that say which method of which package they come
// from, such as "sema: Semaphore.Acquire: closed".
package operr

import (
	"context"
	"errors"
	"strings"

	"github.com/coderrange/ferrous/internal/ctxerr"
)

var errNilContext = errors.New("nil context")

// New returns the error of a method, such as "Mutex.Lock", of the package pkg. It
// unwraps to err. If err's text begins with the package's name, the name is
// printed once.
func New(pkg, method string, err error) error { return &opError{pkg, method, err} }

// Interrupted returns the error of a method whose context is done.
func Interrupted(ctx context.Context, pkg, method string) error {
	return New(pkg, method, ctxerr.Of(ctx))
}

// IsDone reports whether the context of a method is done. It panics if ctx is nil.
func IsDone(ctx context.Context, pkg, method string) bool {
	if ctx == nil {
		PanicNilContext(pkg, method)
	}
	return ctx.Err() != nil
}

// PanicNilContext panics in the name of a method that was given a nil context. It is
// a function of its own, so that the check costs callers a comparison alone.
//
//go:noinline
func PanicNilContext(pkg, method string) { panic(New(pkg, method, errNilContext)) }

type opError struct {
	pkg, method string
	err         error
}

func (e *opError) Error() string {
	return e.pkg + ": " + e.method + ": " + strings.TrimPrefix(e.err.Error(), e.pkg+": ")
}

func (e *opError) Unwrap() error { return e.err }

// As returns an error that is err, and has a text of its own.
func As(err error, text string) error { return &asError{text, err} }

type asError struct {
	text string
	err  error
}

func (e *asError) Error() string { return e.text }
func (e *asError) Unwrap() error { return e.err }
