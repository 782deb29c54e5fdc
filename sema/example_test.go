package sema_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/coderrange/ferrous/sema"
)

// At most two of five goroutines are at work at any time.
func ExampleSemaphore() {
	limit := sema.NewSemaphore(2)
	var working, most atomic.Int64
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			permit, err := limit.Acquire(context.Background(), 1)
			if err != nil {
				return
			}
			defer permit.Release()
			most.Store(max(most.Load(), working.Add(1)))
			working.Add(-1)
		})
	}
	wg.Wait()
	fmt.Println(most.Load() <= 2, limit)
	// Output: true Semaphore(2)
}

func ExampleSemaphore_TryAcquire() {
	s := sema.NewSemaphore(1)
	permit, err := s.TryAcquire(1)
	fmt.Println(permit, err)
	_, err = s.TryAcquire(1)
	fmt.Println(errors.Is(err, sema.ErrNoPermits))
	s.Close()
	_, err = s.TryAcquire(1)
	fmt.Println(err)
	permit.Release()
	// Output:
	// Permit(1) <nil>
	// true
	// sema: Semaphore.TryAcquire: closed
}

func ExamplePermit() {
	s := sema.NewSemaphore(3)
	p, err := s.Acquire(context.Background(), 2)
	fmt.Println(s.Available(), err)
	one, _ := p.Split(1)
	one.Release()
	fmt.Println(s.Available(), p.Len())
	p.Release()
	// Output:
	// 1 <nil>
	// 2 1
}

// A consumer waits until there is work. The notification is stored if it comes while
// the consumer is not waiting.
func ExampleNotify() {
	var mu sync.Mutex
	var jobs []string
	var added sema.Notify
	go func() {
		mu.Lock()
		jobs = append(jobs, "job")
		mu.Unlock()
		added.NotifyOne()
	}()
	for {
		mu.Lock()
		found := len(jobs) > 0
		mu.Unlock()
		if found {
			break
		}
		if err := added.Wait(context.Background()); err != nil {
			return
		}
	}
	fmt.Println(jobs)
	// Output: [job]
}

// A Listener receives what is notified after Listen, also before its Wait.
func ExampleListener() {
	var changed sema.Notify
	l := changed.Listen()
	defer l.Close()
	changed.NotifyWaiters()
	fmt.Println(l.Wait(context.Background()), l)
	// Output: <nil> Listener(notified)
}

func ExampleBarrier() {
	ready := sema.NewBarrier(3)
	var leaders atomic.Int64
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			isLeader, err := ready.Wait(context.Background())
			if err == nil && isLeader {
				leaders.Add(1)
			}
		})
	}
	wg.Wait()
	fmt.Println(leaders.Load(), "of three was the last to come")
	// Output: 1 of three was the last to come
}
