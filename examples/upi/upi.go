// Command upi shows errors as values, early return and what Rust's ? does, on
// the payments of a toy UPI: who pays too much, to nobody, or is declined.
//
// Where to look:
//
//	concept                                   here
//	enum UpiError                             upi.go: UpiError
//	process_payment -> Result<(), UpiError>   upi.go: processPayment
//	? leaves early: divide(10, 0)?            upi.go: compute, divide
//	match on an error                         upi.go: advice
//	Ok and Err as values                      upi.go: run; result.From
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/coderrange/ferrous/examples/internal/program"
	"github.com/coderrange/ferrous/result"
)

// UpiError is why a payment failed, after the Rust enum of that name.
type UpiError struct {
	Kind   error  // one of the Err… below
	Detail string // what was asked for
}

// The kinds of UpiError, for errors.Is.
var (
	ErrInsufficientBalance = errors.New("insufficient balance")
	ErrInvalidUser         = errors.New("invalid user")
	ErrPaymentDeclined     = errors.New("payment declined")
	ErrDivisionByZero      = errors.New("division by zero")
)

// Error returns the kind and the detail.
func (e *UpiError) Error() string { return e.Kind.Error() + ": " + e.Detail }

// Unwrap returns the kind.
func (e *UpiError) Unwrap() error { return e.Kind }

// limit is what one payment may be at most, in rupees.
const limit = 100_000

// bank holds the balance of each user, in rupees.
type bank map[string]int

// balance returns what user has.
func (b bank) balance(user string) (int, error) {
	rupees, found := b[user]
	if !found {
		return 0, &UpiError{ErrInvalidUser, user}
	}
	return rupees, nil
}

// processPayment moves amount between two users, and changes nothing if it
// fails. It returns the payer's new balance.
func (b bank) processPayment(from, to string, amount int) (left int, err error) {
	defer result.Handle(&err)
	had := result.Check(b.balance(from))
	result.Check(b.balance(to))
	switch {
	case amount <= 0 || amount > limit:
		return 0, &UpiError{ErrPaymentDeclined, fmt.Sprintf("an amount of %d", amount)}
	case had < amount:
		return 0, &UpiError{ErrInsufficientBalance, fmt.Sprintf("%s has %d of %d", from, had, amount)}
	}
	b[from] -= amount
	b[to] += amount
	return b[from], nil
}

func divide(a, b int) (int, error) {
	if b == 0 {
		return 0, ErrDivisionByZero
	}
	return a / b, nil
}

// compute leaves at the first division that fails.
func compute(a, b, c int) (quotient int, err error) {
	defer result.Handle(&err)
	quotient = result.Check(divide(a, b))
	quotient = result.Check(divide(quotient, c))
	return quotient, nil
}

// advice is a match on the kind of an error.
func advice(err error) string {
	switch {
	case errors.Is(err, ErrInsufficientBalance):
		return "top up"
	case errors.Is(err, ErrInvalidUser):
		return "check the name"
	default:
		return "call the bank"
	}
}

func run(out io.Writer) error {
	accounts := bank{"asha": 500, "ravi": 100, "scrooge": 1_000_000}
	var report strings.Builder
	for _, p := range []struct {
		from, to string
		amount   int
	}{
		{"asha", "ravi", 200},
		{"asha", "ravi", 400},
		{"asha", "nobody", 1},
		{"scrooge", "asha", limit + 1},
		{"ravi", "asha", 300},
	} {
		paid := result.From(accounts.processPayment(p.from, p.to, p.amount))
		fmt.Fprintf(&report, "%s -> %s %d: %v", p.from, p.to, p.amount, paid)
		paid.InspectErr(func(err error) { fmt.Fprintf(&report, " (%s)", advice(err)) })
		report.WriteByte('\n')
	}
	fmt.Fprintf(&report, "balances: %v\n", map[string]int(accounts))
	fmt.Fprintf(&report, "compute(100, 5, 2): %v\n", result.From(compute(100, 5, 2)))
	fmt.Fprintf(&report, "compute(10, 0, 2): %v\n", result.From(compute(10, 0, 2)))
	_, err := io.WriteString(out, report.String())
	return err
}

func main() {
	program.Main("upi", func(_ context.Context, args []string, out io.Writer) error {
		goOn, err := program.NewFlags("upi", "upi").Parse(args, out)
		if err != nil || !goOn {
			return err
		}
		return run(out)
	})
}
