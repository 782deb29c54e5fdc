package channel

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// contested is a queue of which other goroutines are faster for as long as losses is
// not zero: they take what a Select was woken for, and what it sees when it joins anew.
type contested struct {
	*queue[int]

	losses int
	joined int // places that the Select has and has not ended
}

func (c *contested) lose() bool {
	c.losses--
	return c.losses >= 0
}

func (c *contested) tryRecv() (int, error) {
	if c.lose() {
		return 0, ErrEmpty
	}
	return c.queue.tryRecv()
}

func (c *contested) trySend(v int) error {
	if c.lose() {
		return ErrFull
	}
	return c.queue.trySend(v)
}

func (c *contested) join(woken <-chan struct{}, place any) (<-chan struct{}, any) {
	if place != nil {
		c.joined++
	}
	return woken, place
}

func (c *contested) joinReceivers() (<-chan struct{}, any) { return c.join(c.queue.joinReceivers()) }
func (c *contested) joinSenders() (<-chan struct{}, any)   { return c.join(c.queue.joinSenders()) }

func (c *contested) takeMessage(place any) (int, error) {
	if c.joined--; c.lose() {
		c.items.forward(func() bool { return false })
		return 0, ErrEmpty
	}
	return c.queue.takeMessage(place)
}

func (c *contested) takeSlot(place any) error {
	if c.joined--; c.lose() {
		c.slots.forward(func() bool { return false })
		return ErrFull
	}
	return c.queue.takeSlot(place)
}

// A Select whose message or slot was taken by others, however many times in a row, has
// ended its place once: otherwise the queue counts a waiter too few and one that waits
// is not woken.
func TestASelectThatLosesEndsItsPlaceOnce(t *testing.T) {
	for losses := range 5 {
		c := &contested{queue: newBounded[int](1)}
		tx, rx := open[int](c)
		results := 0
		cases := map[string]struct {
			op       operation
			n        *notifier
			fill     func()
			wasWoken func()
		}{
			"OnRecv": {
				op:       rx.OnRecv(func(int, error) { results++ }).op,
				n:        &c.items,
				fill:     func() {},
				wasWoken: func() { assert.NoError(t, c.queue.trySend(1)) },
			},
			"OnSend": {
				op:       tx.OnSend(2, func(error) { results++ }).op,
				n:        &c.slots,
				fill:     func() { assert.NoError(t, c.queue.trySend(1)) },
				wasWoken: func() { _, err := c.queue.tryRecv(); assert.NoError(t, err) },
			},
		}
		for name, test := range cases {
			c.losses, c.joined, results = 0, 0, 0
			test.fill()
			r := new(waitSet)
			assert.True(t, test.op.join(r, 0), name)
			test.wasWoken()
			s := &r.waiting[0]
			<-s.woken
			c.losses = losses
			assert.True(t, test.op.finish(r, s), name)
			assert.Equal(t, 1, results, name)
			assert.Zero(t, c.joined, "%s: places after %d losses", name, losses)
			assert.Zero(t, test.n.waiting.Load(), "%s: waiters after %d losses", name, losses)
			assert.False(t, test.n.notified.Load(), name)
			for c.len() > 0 {
				_, err := c.queue.tryRecv()
				assert.NoError(t, err)
			}
		}
	}
}
