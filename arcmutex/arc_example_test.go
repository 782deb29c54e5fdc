package arcmutex_test

import (
	"fmt"
	"sync"

	"github.com/coderrange/ferrous/arcmutex"
)

func ExampleArc() {
	a := arcmutex.NewArcDrop("config", func(*string) { fmt.Println("freed") })
	var wg sync.WaitGroup
	for range 3 {
		mine := a.Clone()
		wg.Go(func() {
			defer mine.Drop()
			_ = *mine.Ptr()
		})
	}
	a.Drop()
	wg.Wait()
	// Output: freed
}

func ExampleCount() {
	var connections arcmutex.Count // one holder: the server
	if connections.TryInc() {
		fmt.Println("last:", connections.Dec())
	}
	fmt.Println("last:", connections.Dec())
	fmt.Println("again:", connections.TryInc())
	// Output:
	// last: false
	// last: true
	// again: false
}
