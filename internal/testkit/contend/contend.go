// Package contend runs benchmarks on several goroutines. It is apart from package
// testkit for the module of benchmarks, which needs nothing else of that.
package contend

import (
	"sync"
	"testing"
)

// Run runs body on n goroutines, which share b.N iterations. One goroutine is the
// benchmark's own.
func Run(b *testing.B, n int, body func(iterations int)) {
	b.Helper()
	b.ReportAllocs()
	if n == 1 {
		body(b.N)
		return
	}
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-gate
			body((b.N + i) / n)
		})
	}
	b.ResetTimer()
	close(gate)
	wg.Wait()
}
