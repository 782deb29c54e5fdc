package refcell_test

import (
	"sync"
	"testing"

	"github.com/coderrange/ferrous/refcell"
)

func BenchmarkBorrow(b *testing.B) {
	c := refcell.New(1)
	a := refcell.NewAtomicRefCell(1)
	var mu sync.RWMutex
	b.Run("impl=RefCell", func(b *testing.B) {
		for range b.N {
			r := c.Borrow()
			r.Release()
		}
	})
	b.Run("impl=AtomicRefCell", func(b *testing.B) {
		for range b.N {
			r := a.Borrow()
			r.Release()
		}
	})
	b.Run("impl=RWMutex", func(b *testing.B) {
		for range b.N {
			if mu.TryRLock() {
				mu.RUnlock()
			}
		}
	})
}

func BenchmarkBorrowMut(b *testing.B) {
	c := refcell.New(1)
	a := refcell.NewAtomicRefCell(1)
	var mu sync.RWMutex
	b.Run("impl=RefCell", func(b *testing.B) {
		for range b.N {
			r := c.BorrowMut()
			r.Release()
		}
	})
	b.Run("impl=AtomicRefCell", func(b *testing.B) {
		for range b.N {
			r := a.BorrowMut()
			r.Release()
		}
	})
	b.Run("impl=RWMutex", func(b *testing.B) {
		for range b.N {
			if mu.TryLock() {
				mu.Unlock()
			}
		}
	})
}

func BenchmarkBorrowShared(b *testing.B) {
	a := refcell.NewAtomicRefCell(1)
	var mu sync.RWMutex
	b.Run("impl=AtomicRefCell/goroutines=2", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				r := a.Borrow()
				r.Release()
			}
		})
	})
	b.Run("impl=RWMutex/goroutines=2", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if mu.TryRLock() {
					mu.RUnlock()
				}
			}
		})
	})
}
