package rusttogo

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/seq"
)

func Example_vecGrow() {
	v := make([]int, 0, 10)
	fmt.Println(len(v), cap(v), len(v) == 0)
	v = append(v, 1, 2)
	v = append(v, 3)
	v = slices.Insert(v, 1, 9)
	other := []int{4, 5}
	v = append(v, other...)
	fmt.Println(v)
	v = slices.AppendSeq(v, seq.Range(6, 8))
	fmt.Println(v)
	v = append(v, slices.Repeat([]int{0}, 10-len(v))...)
	fmt.Println(v, len(v))
	// Output:
	// 0 10 true
	// [1 9 2 3 4 5]
	// [1 9 2 3 4 5 6 7]
	// [1 9 2 3 4 5 6 7 0 0] 10
}

func Example_vecShrink() {
	v := []int{1, 1, 2, 3, 3, 4}
	v = slices.Compact(v)
	fmt.Println(v)
	last := v[len(v)-1]
	v = v[:len(v)-1]
	fmt.Println(last, v)
	v = slices.Delete(v, 1, 2)
	fmt.Println(v)
	v = v[:0]
	fmt.Println(v, len(v))
	// Output:
	// [1 2 3 4]
	// 4 [1 2 3]
	// [1 3]
	// [] 0
}

func Example_vecLook() {
	v := []int{3, 1, 2}
	fmt.Println(slices.Contains(v, 2), slices.Index(v, 2))
	first, last := seq.Nth(slices.Values(v), 0), seq.Nth(seq.Rev(v), 0)
	fmt.Println(first, last)
	for _, i := range []int{1, 7} {
		if i < len(v) {
			fmt.Println("get:", v[i])
		} else {
			fmt.Println("get:", option.None[int]())
		}
	}
	all := v[:]
	fmt.Println(all)
	for i, x := range v {
		fmt.Print(i, "=", x, " ")
	}
	fmt.Println()
	// Output:
	// true 2
	// Some(3) Some(2)
	// get: 1
	// get: None
	// [3 1 2]
	// 0=3 1=1 2=2
}

func Example_vecSearch() {
	v := []string{"a", "bb", "cc", "d"}
	isTwo := func(s string) bool { return len(s) == 2 }
	fmt.Println(slices.IndexFunc(v, isTwo), seq.Position(slices.Values(v), isTwo))
	fmt.Println(seq.RPosition(v, isTwo))
	fmt.Println(seq.Find(slices.Values(v), isTwo))
	size := func(s string) option.Option[int] { return option.From(len(s), isTwo(s)) }
	fmt.Println(seq.FindMap(slices.Values(v), size))
	i, found := slices.BinarySearch(v, "cc")
	fmt.Println(i, found)
	// Output:
	// 1 Some(1)
	// Some(2)
	// Some(bb)
	// Some(2)
	// 2 true
}

func Example_vecSort() {
	v := []string{"pear", "fig", "kiwi"}
	slices.Sort(v)
	fmt.Println(v)
	byLength := func(a, b string) int { return cmp.Compare(len(a), len(b)) }
	slices.SortStableFunc(v, byLength)
	fmt.Println(v)
	slices.SortFunc(v, byLength)
	fmt.Println(slices.IsSortedFunc(v, byLength))
	// Output:
	// [fig kiwi pear]
	// [fig kiwi pear]
	// true
}
