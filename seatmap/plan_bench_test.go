package seatmap_test

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coderrange/ferrous/seatmap"
)

func BenchmarkRefuse(b *testing.B) {
	clock := seatmap.NewClock(seatmap.Resolution)
	defer clock.Close()
	b.Run("impl=limit", func(b *testing.B) {
		type cell struct {
			atomic.Uint64
			_ [56]byte
		}
		cells := make([]cell, 128)
		for i := range cells {
			cells[i].Store(1)
		}
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			i := rand.IntN(100)
			for pb.Next() {
				i = (i + 37) % 100
				if cells[i].Load() == 0 {
					cells[i].CompareAndSwap(0, 1)
				}
			}
		})
	})
	b.Run("impl=ours", func(b *testing.B) {
		p := newPlan(b, 101, clock)
		for i := range 100 {
			if _, err := p.Block(1, time.Hour, i); err != nil {
				b.Fatal(err)
			}
		}
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			i := rand.IntN(100)
			for pb.Next() {
				i = (i + 37) % 100
				if _, err := p.Block(2, time.Hour, i); err == nil {
					b.Fail()
				}
			}
		})
	})
	b.Run("impl=oursSoldOut", func(b *testing.B) {
		p := newPlan(b, 100, clock)
		for i := range 100 {
			if _, err := p.Block(1, time.Hour, i); err != nil {
				b.Fatal(err)
			}
		}
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			i := rand.IntN(100)
			for pb.Next() {
				i = (i + 37) % 100
				if _, err := p.Block(2, time.Hour, i); err == nil {
					b.Fail()
				}
			}
		})
	})
}

func BenchmarkPair(b *testing.B) {
	for _, n := range []int{1, 4} {
		b.Run(map[int]string{1: "seats=1", 4: "seats=4"}[n], func(b *testing.B) {
			p := newPlan(b, 100, nil)
			seats := []int{10, 20, 30, 40}[:n]
			b.ReportAllocs()
			for b.Loop() {
				t, err := p.Block(1, time.Hour, seats...)
				if err != nil {
					b.Fatal(err)
				}
				if err := p.Release(t); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("clock", func(b *testing.B) {
		base := time.Now()
		for b.Loop() {
			_ = time.Since(base)
		}
	})
	b.Run("now", func(b *testing.B) {
		for b.Loop() {
			_ = time.Now()
		}
	})
}
