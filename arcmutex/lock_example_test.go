package arcmutex_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/coderrange/ferrous/arcmutex"
)

func ExampleMutex() {
	// Ten goroutines append to one slice.
	numbers := arcmutex.NewMutex([]int{})
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			numbers.With(func(v *[]int) { *v = append(*v, i) })
		})
	}
	wg.Wait()
	g := numbers.Lock()
	fmt.Println(len(g.Get()), "numbers")
	g.Unlock()
	// Output: 10 numbers
}

func ExampleMutex_LockContext() {
	m := arcmutex.NewMutex(0)
	g := m.Lock()
	defer g.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := m.LockContext(ctx)
	fmt.Println(err)
	// Output: arcmutex: Mutex.LockContext: context deadline exceeded
}

func ExampleMutex_With() {
	m := arcmutex.NewMutex(1)
	func() {
		defer func() { fmt.Println("recovered:", recover()) }()
		m.With(func(v *int) {
			*v = 2
			panic("half way")
		})
	}()
	_, err := m.LockContext(context.Background())
	fmt.Println(errors.Is(err, arcmutex.ErrPoisoned))
	m.Recover(func(v *int) { *v = 1 })
	fmt.Printf("%+v\n", m)
	// Output:
	// recovered: half way
	// true
	// Mutex(1)
}

func ExampleRWMutex() {
	config := arcmutex.NewRWMutex(map[string]int{"limit": 10})
	config.RWith(func(c *map[string]int) { fmt.Println((*c)["limit"]) })
	g := config.Lock()
	g.Get()["limit"] = 20
	r := g.Downgrade() // no other writer in between
	fmt.Println(r.Get()["limit"])
	r.Unlock()
	// Output:
	// 10
	// 20
}

func ExampleLockAll() {
	a, b := arcmutex.NewMutex(100), arcmutex.NewMutex(0)
	var from, to arcmutex.Guard[int]
	unlock := arcmutex.LockAll(a.To(&from), b.To(&to))
	*from.Ptr() -= 30
	*to.Ptr() += 30
	unlock()
	fmt.Println(a, b)
	// Output: 70 30
}

func ExampleCond() {
	queue := arcmutex.NewMutex([]string(nil))
	var added arcmutex.Cond
	go func() {
		queue.With(func(q *[]string) { *q = append(*q, "job") })
		added.NotifyOne()
	}()
	g := queue.Lock()
	defer g.Unlock()
	err := added.WaitWhileContext(context.Background(), &g, func() bool { return len(g.Get()) == 0 })
	fmt.Println(g.Get(), err)
	// Output: [job] <nil>
}

func ExampleLazyLock() {
	answer := arcmutex.NewLazyLock(func() int {
		fmt.Println("computing")
		return 42
	})
	fmt.Println(answer.Get(), answer.Get())
	// Output:
	// computing
	// 42 42
}

func ExampleCheck() {
	stop := arcmutex.Check(time.Second, func(d *arcmutex.Deadlock) {
		fmt.Print(d.Kind, ":")
		for _, s := range d.Steps {
			fmt.Printf(" %s waits for %s.", s.Holds, s.Wants)
		}
	})
	defer stop()
	accounts := arcmutex.NewMutex(0).WithName("accounts")
	log := arcmutex.NewMutex(0).WithName("log")
	accounts.With(func(*int) { log.With(func(*int) {}) })
	log.With(func(*int) { accounts.With(func(*int) {}) })
	// Output: lock order: accounts waits for log. log waits for accounts.
}
