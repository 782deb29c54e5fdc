package rusttogo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/sema"
)

func Example_mutex() {
	v := arcmutex.NewMutex([]int{})
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() { v.With(func(v *[]int) { *v = append(*v, i) }) })
	}
	wg.Wait()
	g := v.Lock()
	_, free := v.TryLock()
	g.Set(append(g.Get(), 10))
	fmt.Println(len(g.Get()), free)
	g.Unlock()
	try(func() { g.Get() })
	// Output:
	// 11 false
	// panic: arcmutex: Guard.Get: guard was unlocked
}

func Example_mutexValue() {
	m := arcmutex.NewMutex(1)
	err := m.Set(2)
	old, _ := m.Replace(3)
	v, _ := m.Get()
	fmt.Println(err, old, v)
	m.With(func(n *int) { *n++ })
	fmt.Println(m.IntoInner())
	// Output:
	// <nil> 2 3
	// 4 <nil>
}

func Example_mutexPoison() {
	m := arcmutex.NewMutex(1)
	try(func() { m.With(func(n *int) { *n = 2; panic("half way") }) })
	_, err := m.LockContext(context.Background())
	fmt.Println(m.IsPoisoned(), errors.Is(err, arcmutex.ErrPoisoned))
	m.Recover(func(n *int) { *n = 1 })
	m.ClearPoison()
	fmt.Println(m, m.IsPoisoned())
	// Output:
	// panic: half way
	// true true
	// 1 false
}

func Example_rwlock() {
	l := arcmutex.NewRWMutex(point{1, 2})
	r1, r2 := l.RLock(), l.RLock()
	_, writer := l.TryLock()
	r3, reader := l.TryRLock()
	fmt.Println(r1.Get(), *r2.Ptr(), writer, reader)
	r1.Unlock()
	r2.Unlock()
	x := arcmutex.Map(&r3, pointX)
	fmt.Println(x.Get())
	x.Unlock()
	w := l.Lock()
	w.Ptr().y = 3
	r := w.Downgrade()
	fmt.Println(r.Get())
	r.Unlock()
	w = l.Lock()
	y := arcmutex.MapMut(&w, func(p *point) *int { return &p.y })
	y.Set(4)
	y.Unlock()
	w = l.Lock()
	if y, ok := arcmutex.FilterMapMut(&w, func(p *point) (*int, bool) { return &p.y, p.y > 3 }); ok {
		y.Set(5)
		y.Unlock()
	}
	r3 = l.RLock()
	_, found := arcmutex.FilterMap(&r3, func(p *point) (*int, bool) { return &p.x, p.x > 3 })
	fmt.Println(found)
	r3.Unlock()
	fmt.Println(l.IntoInner())
	// Output:
	// {1 2} {1 2} false true
	// 1
	// {1 3}
	// false
	// {1 5} <nil>
}

func Example_rwlockValue() {
	l := arcmutex.NewRWMutex(1)
	err := l.Set(2)
	old, _ := l.Replace(3)
	v, _ := l.Get()
	fmt.Println(err, old, v)
	try(func() { l.With(func(n *int) { panic("half way") }) })
	fmt.Println(l.IsPoisoned())
	l.ClearPoison()
	l.With(func(n *int) { *n++ })
	fmt.Println(l)
	// Output:
	// <nil> 2 3
	// panic: half way
	// true
	// 4
}

func Example_condvar() {
	queue := arcmutex.NewMutex([]string(nil))
	var added arcmutex.Cond
	g := queue.Lock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	err := added.WaitContext(ctx, &g)
	fmt.Println(err)
	err = added.WaitWhileContext(ctx, &g, func() bool { return len(g.Get()) == 0 })
	fmt.Println(err)
	go func() {
		queue.With(func(q *[]string) { *q = append(*q, "job") })
		added.NotifyOne()
	}()
	added.WaitWhile(&g, func() bool { return len(g.Get()) == 0 })
	fmt.Println(g.Get())
	go func() {
		queue.With(func(q *[]string) { *q = nil })
		added.NotifyAll()
	}()
	for len(g.Get()) > 0 {
		added.Wait(&g)
	}
	fmt.Println(g.Get())
	g.Unlock()
	// Output:
	// arcmutex: Cond.WaitContext: context deadline exceeded
	// arcmutex: Cond.WaitWhileContext: context deadline exceeded
	// [job]
	// []
}

func Example_barrier() {
	b := sema.NewBarrier(3)
	var leaders atomic.Int32
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			isLeader, _ := b.Wait(context.Background())
			if isLeader {
				leaders.Add(1)
			}
		})
	}
	wg.Wait()
	fmt.Println(leaders.Load())
	// Output: 1
}

func Example_once() {
	var once arcmutex.Once
	try(func() { once.Do(func() { panic("no disk") }) })
	once.DoForce(func(wasPoisoned bool) { fmt.Println("again:", wasPoisoned) })
	once.Do(func() { fmt.Println("never") })
	once.Wait()
	fmt.Println(once.IsDone())
	// Output:
	// panic: no disk
	// again: true
	// true
}

func Example_onceLock() {
	var o arcmutex.OnceLock[string]
	_, ok := o.Get()
	fmt.Println(ok, o.Set("first"), o.Set("second"))
	fmt.Println(o.GetOrInit(func() string { return "third" }))
	v, _ := o.Ptr()
	*v += "!"
	fmt.Println(o.Wait())
	fmt.Println(o.TryInsert("fourth"))
	fmt.Println(o.Take())
	_, err := o.GetOrTryInit(func() (string, error) { return "", errSad })
	fmt.Println(err, arcmutex.OnceLockFrom("full"))
	// Output:
	// false true false
	// first
	// first!
	// first! false
	// first! true
	// sad full
}

func Example_lazyLock() {
	config := arcmutex.NewLazyLock(func() string { fmt.Println("read it"); return "verbose" })
	_, made := config.TryGet()
	fmt.Println(made)
	fmt.Println(config.Get())
	*config.Ptr() += "!"
	fmt.Println(config.Get())
	// Output:
	// false
	// read it
	// verbose
	// verbose!
}

func Example_semaphore() {
	ctx := context.Background()
	s := sema.NewSemaphore(3)
	p, err := s.Acquire(ctx, 1)
	fmt.Println(err)
	two, err := s.TryAcquire(2)
	_, more := s.TryAcquire(1)
	fmt.Println(err, more, s.Available())
	one, _ := two.Split(1)
	p.Merge(&one)
	fmt.Println(p.Len(), two.Len())
	p.Release()
	two.Forget()
	s.Add(5)
	fmt.Println(s.Available(), s.Forget(6))
	s.Close()
	_, err = s.Acquire(ctx, 1)
	fmt.Println(s.IsClosed(), errors.Is(err, sema.ErrClosed))
	// Output:
	// <nil>
	// <nil> sema: Semaphore.TryAcquire: no permits 0
	// 2 1
	// 7 6
	// true true
}

func Example_notify() {
	ctx := context.Background()
	var n sema.Notify
	n.NotifyOne()
	fmt.Println(n.Wait(ctx))
	first, last := n.Listen(), n.Listen()
	n.NotifyLast()
	fmt.Println(last.Wait(ctx))
	n.NotifyWaiters()
	fmt.Println(first.Wait(ctx))
	first.Close()
	last.Close()
	// Output:
	// <nil>
	// <nil>
	// <nil>
}

func Example_lockAll() {
	a, b := arcmutex.NewMutex(100), arcmutex.NewMutex(0)
	var from, to arcmutex.Guard[int]
	unlock := arcmutex.LockAll(a.To(&from), b.To(&to))
	*from.Ptr() -= 30
	*to.Ptr() += 30
	unlock()
	fmt.Println(a, b)
	// Output: 70 30
}
