package seq_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/seq"
)

func Example() {
	numbers := []int{1, 2, 3, 4, 5, 6}
	isEven := func(n int) bool { return n%2 == 0 }
	square := func(n int) int { return n * n }

	evens := seq.Filter(slices.Values(numbers), isEven)
	fmt.Println(seq.Sum(seq.Map(evens, square)))
	fmt.Println(slices.Collect(seq.Take(seq.Cycle(evens), 5)))
	fmt.Println(seq.Find(evens, func(n int) bool { return n > 4 }))
	fmt.Println(seq.RPosition(numbers, isEven), seq.Max(evens))
	// Output:
	// 56
	// [2 4 6 2 4]
	// Some(6)
	// Some(5) Some(6)
}

func ExampleFilter() {
	isEven := func(n int) bool { return n%2 == 0 }
	evens := seq.Filter(slices.Values([]int{1, 2, 3, 4}), isEven)
	fmt.Println(slices.Collect(evens))
	// Output: [2 4]
}

func ExampleMap() {
	lengths := seq.Map(slices.Values([]string{"a", "bc"}), func(s string) int { return len(s) })
	fmt.Println(slices.Collect(lengths))
	// Output: [1 2]
}

func ExampleSum() {
	fmt.Println(seq.Sum(seq.Range(1, 5)), seq.Sum(seq.Empty[int]()))
	// Output: 10 0
}

func ExampleFind() {
	numbers := slices.Values([]int{1, 5, 7})
	fmt.Println(seq.Find(numbers, func(n int) bool { return n > 4 }))
	fmt.Println(seq.Find(numbers, func(n int) bool { return n > 9 }))
	// Output:
	// Some(5)
	// None
}

func ExampleSuccessors() {
	powers := seq.Successors(option.Some(1), func(n int) option.Option[int] {
		return option.From(n*10, n < 1000)
	})
	fmt.Println(slices.Collect(powers))
	// Output: [1 10 100 1000]
}

func ExampleZip() {
	names, ages := slices.Values([]string{"Ada", "Bob"}), seq.Range(36, 99)
	fmt.Println(maps.Collect(seq.Zip(names, ages)))
	// Output: map[Ada:36 Bob:37]
}

func ExamplePeekable() {
	p := seq.NewPeekable(slices.Values(strings.Split("12+3", "")))
	defer p.Close()
	isDigit := func(s string) bool { return s >= "0" && s <= "9" }
	for p.Peek().IsSome() {
		number := ""
		for d := range seq.FromFn(func() option.Option[string] { return p.NextIf(isDigit) }) {
			number += d
		}
		fmt.Println(number, p.Next())
	}
	// Output:
	// 12 Some(+)
	// 3 None
}
