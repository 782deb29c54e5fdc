package sema_test

import (
	"testing"

	"github.com/coderrange/ferrous/sema"
)

func BenchmarkPermit(b *testing.B) {
	s := sema.NewSemaphore(4)
	ctx := b.Context()
	b.Run("op=acquire+release", func(b *testing.B) {
		for range b.N {
			p, _ := s.Acquire(ctx, 2)
			p.Release()
		}
	})
	b.Run("op=split+merge", func(b *testing.B) {
		for range b.N {
			p, _ := s.Acquire(ctx, 4)
			q, _ := p.Split(2)
			p.Merge(&q)
			p.Release()
		}
	})
	b.Run("op=split+release", func(b *testing.B) {
		for range b.N {
			p, _ := s.Acquire(ctx, 4)
			q, _ := p.Split(2)
			q.Release()
			p.Release()
		}
	})
}
