package interleave

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStatementsWithChannelsBecomeCalls(t *testing.T) {
	const before = `package p

import "sync/atomic"

func f(a, b chan int) int {
	var x atomic.Int64
	a <- 1
	v := <-a
	w, ok := <-b
	close(a)
	select {
	case a <- v:
	case u := <-b:
		return u + w
	default:
	}
	select {
	case v, ok = <-a:
	case <-g(b):
	}
	return v
}
`
	const after = `package p; import interleaving "SELF"

import atomic "SELF"

func f(a, b chan int) int {
	var x atomic.Int64
	interleaving.Send(a , 1)
	v := interleaving.Recv(a)
	w, ok := interleaving.Recv2(b)
	interleaving.Close(a)
	switch interleaving1_0, interleaving1_1 := a, b; interleaving.Select(true, interleaving.CanSend(interleaving1_0), interleaving.CanRecv(interleaving1_1)) {
	case 0: interleaving.Put(interleaving1_0,  v);
	case 1: u := interleaving.Take(interleaving1_1);
		return u + w
	default:
	}
	switch interleaving2_0, interleaving2_1 := a, g(b); interleaving.Select(false, interleaving.CanRecv(interleaving2_0), interleaving.CanRecv(interleaving2_1)) {
	case 0: v, ok = interleaving.Take2(interleaving2_0);
	default: interleaving.Take(interleaving2_1);
	}
	return v
}

var _ interleaving.Comm
`
	got, changed, err := rewrite("p.go", []byte(before))
	require.NoError(t, err)
	assert.True(t, changed)
	assert.Equal(t, strings.ReplaceAll(after, "SELF", self), string(got))
}

func TestWhatCannotBeReplacedIsRefused(t *testing.T) {
	_, _, err := rewrite("p.go", []byte("package p\n\nimport \"sync\"\n\nvar w sync.WaitGroup\n"))
	require.ErrorContains(t, err, "WaitGroup")
	_, changed, err := rewrite("p.go", []byte("package p\n\nimport \"time\"\n\nvar t = time.Now()\n"))
	require.NoError(t, err)
	assert.False(t, changed, "time stays as it is")
}
