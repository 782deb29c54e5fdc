package arcmutex_test

import (
	"fmt"
	"time"

	"github.com/coderrange/ferrous/arcmutex"
)

func ExampleCheckOptions() {
	stop := arcmutex.CheckWith(arcmutex.CheckOptions{
		Report:    func(d *arcmutex.Deadlock) { fmt.Println(d.Kind) },
		After:     time.Second,
		Limit:     time.Minute, // report locks that are held or waited for longer
		MaxOrders: 10_000,
	})
	defer stop()
	a, b := arcmutex.NewMutex(0), arcmutex.NewMutex(0)
	a.With(func(*int) { b.With(func(*int) {}) })
	b.With(func(*int) { a.With(func(*int) {}) })
	// Output: lock order
}

func ExampleDeadlock() {
	stop := arcmutex.Check(time.Second, func(d *arcmutex.Deadlock) {
		// In a program: log.Print(d), which prints the stacks too.
		fmt.Println(d.Kind)
		for _, s := range d.Steps {
			fmt.Println("-", s.Holds)
		}
	})
	defer stop()
	config := arcmutex.NewRWMutex(0).WithName("config")
	outer := config.RLock()
	inner := config.RLock() // deadlocks if a writer arrives in between
	inner.Unlock()
	outer.Unlock()
	// Output:
	// recursive lock
	// - config
}

func ExampleDeadlockKind() {
	stop := arcmutex.Check(time.Second, func(d *arcmutex.Deadlock) {
		switch d.Kind {
		case arcmutex.DeadlockCycle:
			panic(d) // goroutines hang: end the process with the report
		case arcmutex.DeadlockOrder, arcmutex.DeadlockRecursion:
			fmt.Println("may deadlock:", d.Kind)
		default:
			fmt.Println("slow:", d.Kind, d.For)
		}
	})
	defer stop()
	a, b := arcmutex.NewMutex(0), arcmutex.NewMutex(0)
	a.With(func(*int) { b.With(func(*int) {}) })
	b.With(func(*int) { a.With(func(*int) {}) })
	// Output: may deadlock: lock order
}

func ExampleStep() {
	s := arcmutex.Step{Goroutine: 18, Holds: "accounts", Wants: "journal"}
	fmt.Printf("goroutine %d holds %s and wants %s\n", s.Goroutine, s.Holds, s.Wants)
	// Output: goroutine 18 holds accounts and wants journal
}

func ExampleCheckable() {
	stop := arcmutex.Check(time.Second, func(d *arcmutex.Deadlock) { fmt.Println(d.Kind) })
	defer stop()
	accounts := arcmutex.NewMutex(0).WithName("accounts")
	journal := arcmutex.NewRWMutex("").WithName("journal")
	order := []arcmutex.Checkable{accounts, journal} // locks of different types
	arcmutex.DeclareOrder(order...)
	// The first goroutine that violates the order is reported.
	journal.With(func(*string) { accounts.With(func(*int) {}) })
	// Output: lock order
}
