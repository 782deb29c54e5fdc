package goid

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestGetIsTheNumberOfStackTraces(t *testing.T) {
	if runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64" {
		assert.NotZero(t, found(), "not found in the record")
	}
	seen := map[uint64]bool{}
	ids := make(chan [2]uint64)
	for range 1000 {
		go func() { ids <- [2]uint64{Get(), parse()} }()
		pair := <-ids
		assert.Equal(t, pair[1], pair[0])
		assert.False(t, seen[pair[0]], "used again")
		seen[pair[0]] = true
	}
}

func BenchmarkGet(b *testing.B) {
	for b.Loop() {
		Get()
	}
}

func TestLiveTellsLiveGoroutinesApart(t *testing.T) {
	const n = 100
	live := make(chan uintptr)
	end := make(chan struct{})
	for range n {
		go func() {
			mine := Live()
			live <- mine
			<-end
			assert.Equal(t, mine, Live())
			live <- 0
		}()
	}
	seen := map[uintptr]bool{}
	for range n {
		seen[<-live] = true
	}
	assert.Len(t, seen, n)
	close(end)
	for range n {
		<-live
	}
}
