package arcmutex_test

import (
	"fmt"
	"slices"
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

func ExampleWeak() {
	a := arcmutex.NewArc("value")
	w := a.Downgrade()
	defer w.Drop()
	if b, ok := w.Upgrade(); ok {
		fmt.Println(*b.Ptr())
		b.Drop()
	}
	a.Drop() // the last owner
	_, ok := w.Upgrade()
	fmt.Println(ok)
	// Output:
	// value
	// false
}

// tags clones itself for [arcmutex.MakeMut].
type tags []string

func (t tags) Clone() tags { return slices.Clone(t) }

func ExampleCloner() {
	a := arcmutex.NewArc(tags{"draft"})
	b := a.Clone() // the same value, with two owners
	defer a.Drop()
	defer b.Drop()
	(*arcmutex.MakeMut(b))[0] = "final" // b gets a clone of its own first
	fmt.Println(*a.Ptr(), *b.Ptr())
	// Output: [draft] [final]
}
