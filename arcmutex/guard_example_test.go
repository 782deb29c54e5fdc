package arcmutex_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/coderrange/ferrous/arcmutex"
)

func ExampleGuard() {
	m := arcmutex.NewMutex(1)
	g := m.Lock()
	g.Set(g.Get() + 1)
	*g.Ptr() += 10
	g.Unlock()

	func() {
		defer func() {
			err, _ := recover().(error)
			fmt.Println(err, errors.Is(err, arcmutex.ErrReleased))
		}()
		g.Set(0) // too late: another goroutine may hold the lock now
	}()
	fmt.Println(m)
	// Output:
	// arcmutex: Guard.Set: guard was unlocked true
	// 12
}

// A function may lock and return the guard to its caller.
func ExampleMutex_Lock_returned() {
	queue := arcmutex.NewMutex([]string{"a", "b"})

	// notEmpty locks the queue and leaves it locked if it has an element.
	notEmpty := func() (g arcmutex.Guard[[]string], ok bool) {
		g = queue.Lock()
		if len(g.Get()) == 0 {
			g.Unlock()
			return g, false
		}
		return g, true
	}

	for g, ok := notEmpty(); ok; g, ok = notEmpty() {
		fmt.Println(g.Get()[0])
		g.Set(g.Get()[1:])
		g.Unlock()
	}
	// Output:
	// a
	// b
}

// A guard may be sent on a channel. The goroutine that receives it unlocks it.
func ExampleRWMutex_RLock_sent() {
	config := arcmutex.NewRWMutex("debug")
	guards := make(chan arcmutex.RGuard[string])
	go func() {
		g := config.RLock()
		g.Disown() // for the checker: this goroutine passes g on
		guards <- g
	}()
	g := <-guards
	g.Adopt()
	defer g.Unlock()
	fmt.Println(g.Get())
	// Output: debug
}

func ExampleRGuard() {
	m := arcmutex.NewRWMutex([]string{"first", "second"})
	a, b := m.RLock(), m.RLock() // two readers at a time
	fmt.Println(m.Readers(), len(a.Get()))
	b.Unlock()

	first := arcmutex.Map(&a, func(all *[]string) *string { return &(*all)[0] })
	fmt.Println(first.Get())
	first.Unlock() // unlocks m
	fmt.Println(m.Readers())
	// Output:
	// 2 2
	// first
	// 0
}

func ExampleUGuard() {
	cache := arcmutex.NewRWMutex(map[string]int{})
	u := cache.ULock()
	if _, ok := u.Get()["answer"]; ok {
		u.Unlock()
		return
	}
	w := u.Upgrade() // no other writer in between, so the answer is still missing
	w.Get()["answer"] = 42
	w.Unlock()
	fmt.Println(cache)
	// Output: map[answer:42]
}

func ExampleLocker() {
	accounts := []*arcmutex.Mutex[int]{arcmutex.NewMutex(1), arcmutex.NewMutex(2), arcmutex.NewMutex(3)}
	guards := make([]arcmutex.Guard[int], len(accounts))
	var lockers []arcmutex.Locker
	for i, a := range accounts {
		lockers = append(lockers, a.To(&guards[i]))
	}
	unlock := arcmutex.LockAll(lockers...)
	defer unlock()
	sum := 0
	for i := range guards {
		sum += guards[i].Get()
	}
	fmt.Println(sum)
	// Output: 6
}

func ExampleWaitable() {
	var changed arcmutex.Cond
	// waitFor works with a guard of any type.
	waitFor := func(g arcmutex.Waitable, isReady func() bool) {
		changed.WaitWhile(g, func() bool { return !isReady() })
	}

	m := arcmutex.NewMutex(0)
	go func() {
		m.With(func(n *int) { *n = 3 })
		changed.NotifyAll()
	}()
	g := m.Lock()
	defer g.Unlock()
	waitFor(&g, func() bool { return g.Get() == 3 })
	fmt.Println(g.Get())
	// Output: 3
}

func ExamplePoisonedError() {
	m := arcmutex.NewMutex(0).WithName("stock")
	func() {
		defer func() { _ = recover() }()
		m.With(func(*int) { panic("half way") })
	}()
	_, err := m.Get()
	if poisoned, ok := errors.AsType[*arcmutex.PoisonedError](err); ok {
		fmt.Println(poisoned.Lock, "-", poisoned.Value, "-", strings.Contains(poisoned.Place, "example_test.go"))
	}
	// Output: stock - half way - true
}
