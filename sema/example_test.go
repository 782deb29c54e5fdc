package sema_test

import (
	"context"
	"fmt"

	"github.com/coderrange/ferrous/sema"
)

func ExampleSemaphore() {
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
