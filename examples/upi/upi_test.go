package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/examples/internal/checked"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestMain(m *testing.M) { checked.Main(m) }

const want = `asha -> ravi 200: Ok(300)
asha -> ravi 400: Err(insufficient balance: asha has 300 of 400) (top up)
asha -> nobody 1: Err(invalid user: nobody) (check the name)
scrooge -> asha 100001: Err(payment declined: an amount of 100001) (call the bank)
ravi -> asha 300: Ok(0)
balances: map[asha:600 ravi:0 scrooge:1000000]
compute(100, 5, 2): Ok(10)
compute(10, 0, 2): Err(division by zero)
`

func TestProgram(t *testing.T) {
	out, err := testkit.Command(t, checked.Build(t)).Output()
	require.NoError(t, err)
	assert.Equal(t, want, string(out))
}

func TestAFailedPaymentChangesNothing(t *testing.T) {
	for _, c := range []struct {
		from, to string
		amount   int
		kind     error
	}{
		{"a", "b", 11, ErrInsufficientBalance},
		{"x", "b", 1, ErrInvalidUser},
		{"a", "x", 1, ErrInvalidUser},
		{"a", "b", 0, ErrPaymentDeclined},
		{"a", "b", -5, ErrPaymentDeclined},
		{"a", "b", limit + 1, ErrPaymentDeclined},
	} {
		accounts := bank{"a": 10, "b": 1}
		_, err := accounts.processPayment(c.from, c.to, c.amount)
		require.ErrorIs(t, err, c.kind)
		assert.ErrorAs(t, err, new(*UpiError))
		assert.Equal(t, bank{"a": 10, "b": 1}, accounts)
	}
}

func TestAPaymentToOneselfKeepsTheBalance(t *testing.T) {
	accounts := bank{"a": 10}
	left, err := accounts.processPayment("a", "a", 10)
	require.NoError(t, err)
	assert.Equal(t, 10, left)
}
